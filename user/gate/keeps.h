/*
 * keeps.h - which servers keep an idle connection as long as spare.h does.
 * Floor: gate.      Source: docs/PERFORMANCE.md "upstream connections".      Owns: a bounded table in the worker, the oldest forgotten first.
 *
 * A request on a connection that its server is about to end fails, and whether it was carried out nobody can tell.  A client that would have had a connection of
 * its own must not meet that.  So a server has to have shown that it keeps connections: one of them stayed for SPARE_MS, or it said so in its last answer
 * (Keep-Alive: timeout=SECONDS).  One that ended a kept connection earlier, whatever it says, has to show it again.
 */
#ifndef GATE_KEEPS_H
#define GATE_KEEPS_H

#include "base/mtime.h"
#include "base/view.h"
#include "ipc/msg.h"

enum { KEEPS_MAX = 64, KEEPS_MS = 600000 };

struct keeps { /* zero it */
	struct keeps_server {
		char host[HOST_LEN];
		uint16_t port;
		bool stays;
		struct mono when; /* ns 0: free */
	} of[KEEPS_MAX];
};

enum keeps_word { KEEPS_UNKNOWN, KEEPS_SHOWN, KEEPS_ENDED };

/** keeps_say(k, host, port, stays, now): What a kept connection has shown. */
void keeps_say(struct keeps *k, const char *host, uint16_t port, bool stays, struct mono now);
/** keeps_ask(k, host, port, now): What was said last, if that is not long ago. */
enum keeps_word keeps_ask(const struct keeps *k, const char *host, uint16_t port, struct mono now);

/** keeps_timeout(field): The timeout of a Keep-Alive field in seconds, at most 65535; 0: none that can be read. */
uint16_t keeps_timeout(struct view field);

#endif
