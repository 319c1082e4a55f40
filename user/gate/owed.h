/*
 * owed.h - records of what has happened, when the ring to callgate-audit has no room: kept, in their order, and put when it has.
 * Floor: gate.      Owns: at most OWED_MAX bytes, and none while nothing is owed.
 *
 * What has not happened yet waits instead (record.h).  What has, a connection's end or a refusal, cannot be taken back: so while much is owed, no
 * new connection is taken, no request of an old one is begun, and what finds no place even here is counted and told as a record of kind "loss" (REC_LOSS).
 */
#ifndef GATE_OWED_H
#define GATE_OWED_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/mtime.h"
#include "io/stream.h"

enum { OWED_MAX = 1 << 20, OWED_MUCH = OWED_MAX / 2, OWED_MS = 20 };

struct gate;

struct owed { /* zero it */
	struct buf recs; /* each with its length before it, a uint32_t */
	struct timer timer;
	uint64_t lost;
	struct mono from, to; /* of the first and the last lost */
};

/** owed_keep(g, rec): ${rec} found the ring full: put it later, or count it as lost. */
void owed_keep(struct gate *g, struct view rec);
/** owed_lose(g): Something that deserved a record has none. */
void owed_lose(struct gate *g);
/** owed_pay(g): Put what the ring has room for now.  True when nothing is owed any more. */
bool owed_pay(struct gate *g);
/** owed_much(g): So much is owed that nothing new may begin. */
bool owed_much(const struct gate *g);
/** owed_free(g): The last try; says in the log what was left. */
void owed_free(struct gate *g);

#endif
