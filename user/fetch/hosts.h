/*
 * hosts.h - the registered host names, and the addresses that are known to be theirs.
 * Floor: fetch.      Owns: the names and their addresses.
 *
 * Names are asked for again all the time.  An address stays known for HOSTS_KEEP_MS after it was last in an answer, because a program may hold
 * it longer than it lives; when a name has no answer at all, what was known of it stays.  Too much known costs a look at a connection,
 * too little would let one pass.
 */
#ifndef FETCH_HOSTS_H
#define FETCH_HOSTS_H

#include "fetch/errand.h"
#include "ipc/msg.h"

enum { HOSTS_MAX = 2048, HOSTS_ADDRS = 128, HOSTS_PERIOD_MS = 60000, HOSTS_SPACE_MS = 250, HOSTS_KEEP_MS = 3600000, HOSTS_KNOWN = 3000 };

struct hosts;

/* ${whole}: the list is everything that is known now; otherwise these are to be added. */
typedef void hosts_known_fn(void *arg, const struct m_known *list, size_t n, bool whole);

struct hosts *hosts_new(struct pump *p, hosts_known_fn *fn, void *arg);
void hosts_free(struct hosts **h);

/** hosts_set(h, frame): The names of M_HOSTS instead of the former ones; what is known of a name that stays is kept.  -ERR_MALFORMED changes nothing. */
int hosts_set(struct hosts *h, struct view frame) __attribute__((warn_unused_result));

/** hosts_answer(h, name, list, status, now): An answer for ${name}; for the errand's end, and for tests. */
void hosts_answer(struct hosts *h, const char *name, struct view list, int status, struct mono now);

/** hosts_addrs(h, name, out): What looking ${name} up has brought, those last seen first; all zero when it is not among the names. */
void hosts_addrs(const struct hosts *h, const char *name, struct m_addrs *out);

#endif
