/*
 * session.h - whose is an Mcp-Session-Id?
 * Floor: gate.      Source: docs/WIRE.md "rules for injection": a local process that learns another user's session id must not ride
 * on what was opened with that user's credential.
 * Bounded: where it is full the oldest of whoever holds most there is forgotten, so that nobody's ids are pushed out by the many of another
 * user.  A forgotten or never seen id is nobody's: it passes.
 */
#ifndef GATE_SESSION_H
#define GATE_SESSION_H

#include "base/view.h"

enum { SESSION_SETS = 256, SESSION_WAYS = 16 };

struct sessions {
	uint64_t seed, clock;
	struct {
		uint64_t key, used; /* used 0: empty */
		uint32_t uid;
	} way[SESSION_SETS][SESSION_WAYS];
};

struct sessions *session_new(void);
void session_free(struct sessions **s);

/** session_bind(s, server, id, uid): The server gave ${id} to ${uid}.  Who had it first keeps it. */
void session_bind(struct sessions *s, const char *server, struct view id, uint32_t uid);

/** session_ok(s, server, id, uid): May ${uid} use ${id}? */
bool session_ok(struct sessions *s, const char *server, struct view id, uint32_t uid);

/** session_has(s, server, id, uid): Is ${id} known, and is it that of ${uid}? */
bool session_has(const struct sessions *s, const char *server, struct view id, uint32_t uid);

/** session_end(s, server, id): It was deleted. */
void session_end(struct sessions *s, const char *server, struct view id);

#endif
