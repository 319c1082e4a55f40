/*
 * credential.h - what the secret of a made credential must hold, before it goes to the vault.
 * Floor: admin.      The vault, whose code is kept small, looks at little more than the JSON (vault/token.h).
 *
 *   oauth-client   token_url, client_id, client_secret, [scope, audience, resource]
 *   oauth-refresh  token_url, client_id, refresh_token, [client_secret, scope, resource]
 *   github-app     app_id, installation_id, private_key, [api_url]
 * All are texts; a URL is https.
 */
#ifndef ADMIN_CREDENTIAL_H
#define ADMIN_CREDENTIAL_H

#include "base/view.h"

/** credential_ok(type, secret, why): NULL type: bearer.  Whether the vault may have it; if not, ${why} says which field and what it needs, no value. */
bool credential_ok(const char *type, struct view secret, char why[160]);

#endif
