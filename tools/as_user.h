/*
 * as_user.h - read and parse what belongs to a user with that user's rights: a child opens the files and sends rows of clients/clients.h.
 * A link leads it nowhere that the user could not go, a mistake in a parser gives nothing that the user does not have, and a file
 * that never answers costs AS_USER_SECONDS.
 */
#ifndef TOOLS_AS_USER_H
#define TOOLS_AS_USER_H

#include <sys/types.h>

#include "clients/clients.h"

enum { AS_USER_SECONDS = 20, AS_USER_ROWS = 4096 };

struct as_user {
	char name[64], home[256];
	uid_t uid;
	gid_t gid;
};

/** as_user_find(name, u): NULL: who calls.  EXIT_YES, or a status after a message. */
int as_user_find(const char *name, struct as_user *u);

/** What the child does; ${tell} with ${arg} takes each row. */
typedef void as_user_work(const struct as_user *u, const void *what, clients_fn *tell, void *arg);

/** as_user_rows(u, work, what, each, arg): EXIT_YES, or a status after a message; rows that came before it stand. */
int as_user_rows(const struct as_user *u, as_user_work *work, const void *what, clients_fn *each, void *arg);

#endif
