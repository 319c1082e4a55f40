/* vault_import.h - keys that lie in files, on their way into the vault.  vault_import.c has the command, vault_clients.c the clients' configurations. */
#ifndef TOOLS_VAULT_IMPORT_H
#define TOOLS_VAULT_IMPORT_H

#include "tools/as_user.h"
#include "tools/tools.h"

struct import_key {
	char user[64], name[64]; /* name: proposed for the credential */
	char placeholder[24];    /* the key is one of ours, this one */
	struct clients_row row;
};

struct import_keys {
	struct import_key **key;
	size_t n;
	bool no_memory;
	const char *user; /* whose rows come now */
};

struct import_how {
	const char *type, *only_for, *reason, *ticket;
};

/** import_rows(u, work, what, keys): As as_user_rows(): keep them.  EXIT_YES, or a status after a message. */
int import_rows(const struct as_user *u, as_user_work *work, const void *what, struct import_keys *keys);
void import_free(struct import_keys *keys);

/** import_name(text, user, out): A name for a credential out of whatever text; ${user} (may be NULL) is put behind. */
void import_name(const char *text, const char *user, char out[64]);

/** import_store(name, row, how, host, answer): Put row->value into the vault, for ${host} alone when it is not NULL.  EXIT_YES, or a status after a message. */
int import_store(const char *name, const struct clients_row *row, const struct import_how *how, const char *host, json_t **answer);

/** import_clients(users, project, server, as, all, how): callgate vault import --clients. */
int import_clients(const char *users, const char *project, const char *server, const char *as, bool all, const struct import_how *how);

#endif
