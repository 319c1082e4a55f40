/*
 * ca_install.h - make the machine's programs trust a root certificate, and undo it exactly.
 * What is written, below ${root} ("" is the machine itself):
 *   /usr/local/share/ca-certificates/callgate.crt    then update-ca-certificates
 *   /etc/callgate/ca.pem                              the same for programs that are told a file
 *   /etc/environment                                 a block between two marks
 *   /etc/environment.d/90-callgate.conf, /etc/profile.d/callgate.sh
 * Variables that replace a program's roots name the system's bundle; one that adds to them names the certificate.
 */
#ifndef TOOLS_CA_INSTALL_H
#define TOOLS_CA_INSTALL_H

#include "base/buf.h"

/** ca_install(root, pem), ca_remove(root): An exit status; a failure was said.  Both may be repeated. */
int ca_install(const char *root, const char *pem);
int ca_remove(const char *root);

/** ca_block_out(file, out): ${file} without the block, as it was before; ${absent} when there was no file.  Pure. */
int ca_block_out(struct view file, struct buf *out, bool *absent) __attribute__((warn_unused_result));

/** ca_block_in(file, absent, out): ${file}, which holds no block, with one.  Variables that the file sets itself are left out.  Pure. */
int ca_block_in(struct view file, bool absent, struct buf *out) __attribute__((warn_unused_result));

#endif
