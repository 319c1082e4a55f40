/* ca_vars.h - the environment variables by which programs find roots of trust, and where these are.  See ca_install.h. */
#ifndef TOOLS_CA_VARS_H
#define TOOLS_CA_VARS_H

#include "base/view.h"

#define CA_STORE_FILE "/usr/local/share/ca-certificates/callgate.crt" /* found by update-ca-certificates */
#define CA_STORE_NEXT "/usr/local/share/ca-certificates/callgate-next.crt" /* a file each: that is how it reads them */
#define CA_FILE "/etc/callgate/ca.pem"
#define CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

struct ca_var {
	const char *name, *value;
};
extern const struct ca_var ca_vars[]; /* ends with a row without a name */

/** ca_var_set(file, name): Does a file of NAME=VALUE lines set ${name}? */
bool ca_var_set(struct view file, const char *name);

#endif
