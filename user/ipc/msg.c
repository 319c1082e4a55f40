/* msg.c - see msg.h. */
#include <stddef.h>

#include "ipc/msg.h"

static const struct msg_row rows[] = {
#define X(sym, num, from, to, min, max, fds, flags) {num, from, to, min, max, fds, flags, #sym},
#include "ipc/msg.tbl.h"
#undef X
};

const struct msg_row *msg_row(uint16_t type)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].type == type)
			return &rows[i];
	return NULL;
}

const char *party_name(enum party p)
{
	static const char *const names[P_COUNT] = {"nobody", "callgated", "callgate-admin", "callgate-ident",
	    "callgate-proxy", "callgate-vault", "callgate-audit", "callgate-fetch"};
	return (unsigned)p < P_COUNT ? names[p] : "nobody";
}
