/*
 * forward.h - the errand of copies: lines of the audit, as they are written, to journald and to syslog.
 * Floor: fetch.      Owns: its sockets, made before the sandbox closes that door.
 * Sources: RFC 5424 and 5426 (syslog over UDP), systemd's "Journal Native Protocol", syslog(3) for a local socket.
 *
 * A copy may be lost, never waited for: a receiver that is slow, absent or takes no such length costs a line, which is counted.
 * A line is one JSON object without a control character, so none can be mistaken for two.
 */
#ifndef FETCH_FORWARD_H
#define FETCH_FORWARD_H

#include "base/view.h"

enum { FORWARD_DESTS = 4 };

struct forward;

struct forward_count {
	uint64_t sent, lost; /* since the start, over all destinations */
};

/** forward_new(f): 0 or negative errno. */
int forward_new(struct forward **f) __attribute__((warn_unused_result));
void forward_free(struct forward **f);

/**
 * forward_add(f, dest): "journald", "journald:PATH", "syslog", "syslog:PATH", "syslog-udp:ADDRESS:PORT", the address as digits, an IPv6 one
 * in brackets.  0; -ERR_MALFORMED; -ENOSPC.  forward_clear(f): to nowhere.
 */
int forward_add(struct forward *f, struct view dest) __attribute__((warn_unused_result));
void forward_clear(struct forward *f);

/** forward_lines(f, lines): Send each line of ${lines}, which end with newlines, to every destination. */
void forward_lines(struct forward *f, struct view lines);

struct forward_count forward_counts(const struct forward *f);

#endif
