/* clients_internal.h - servers while a file is read: clients.c finds texts, found.c makes rows of them.      Floor: clients. */
#ifndef CLIENTS_CLIENTS_INTERNAL_H
#define CLIENTS_CLIENTS_INTERNAL_H

#include "clients/clients.h"

enum { CLIENTS_KEY = 4096 }; /* longer ones do not fit a head */

struct clients_found {
	const char *client, *shown;
	clients_fn *fn;
	void *arg;
	char under[224]; /* the members above the servers */
	bool lost;       /* there were more than are kept */
	size_t n;
	struct clients_server {
		char name[256];
		size_t name_len;
		struct url url;
		bool has_url;
		size_t keys;
		struct clients_key {
			char at[64], header[64];
			bool variable; /* the value is the name of one */
			uint32_t len;
			char value[CLIENTS_KEY];
		} key[CLIENTS_KEYS];
	} *server[CLIENTS_SERVERS]; /* owned */
};

/** clients_leaf(f, server, first, second, value): A text of a server, one or two (second not empty) members deep. */
void clients_leaf(struct clients_found *f, struct view server, struct view first, struct view second, struct view value);

/** clients_tell(f): Rows for what was found, and forget it. */
void clients_tell(struct clients_found *f);

/** clients_forget(f): Without rows. */
void clients_forget(struct clients_found *f);

/** clients_text(out, cap, v): A text to show: what is not printable ASCII becomes '?', what is too long ends in "...". */
void clients_text(char *out, size_t cap, struct view v);

#endif
