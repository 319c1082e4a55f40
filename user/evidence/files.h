/*
 * files.h - what files.c, manifest.c and verify.c share: directories in order, keys as openssl reads them.
 * Floor: evidence.
 */
#ifndef EVIDENCE_FILES_H
#define EVIDENCE_FILES_H

#include "audit/mac.h"
#include "evidence/run.h"

enum { FILES_PEM = 160 };

/** files_each(store, path, ending, fn, h, arg): Each name below ${path} that ends so, in order; a directory that is not there is empty.  0 or negative. */
int files_each(int store, const char *path, const char *ending, void (*fn)(struct host *h, int dir, const char *name, void *arg), struct host *h, void *arg)
    __attribute__((warn_unused_result));

/** files_pem(public, out): An Ed25519 public key as openssl reads it (RFC 8410). */
void files_pem(const uint8_t public[SIGN_PUBLIC], char out[FILES_PEM]);

#endif
