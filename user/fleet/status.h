/*
 * status.h - what a collector's store says about its hosts: last seen, covered, gaps and their causes, what is in force, quarantine.
 * Floor: fleet.      Reads the store, which ingest has verified: it proves nothing again.      Owns: lists; status_free().
 * Memory: constant, but for the gaps of a host and the names of its files.
 */
#ifndef FLEET_STATUS_H
#define FLEET_STATUS_H

#include "base/view.h"
#include "fleet/gap.h"
#include "fleet/layout.h"

struct status_opts {
	struct wall from, to; /* what is looked at; to: also the moment that "since" is counted to */
	uint64_t lag_s;    /* how old the newest line may be before it counts as not collected, when nothing said stop */
	uint64_t silent_s; /* the same after a stop: a machine may be off for long */
};

enum { STATUS_REASON = 32, STATUS_REASONS = 12, STATUS_MISSING = 256, STATUS_WORDS = 256 };

/* Files in quarantine, one row a reason. */
struct status_refused {
	char reason[STATUS_REASON], words[STATUS_WORDS], file[NAMES_MAX]; /* words and file: of the first one */
	uint64_t files;
};

struct status_host {
	char host[NAMES_HOST], enrolled[40];
	bool seen;       /* something was ever collected */
	struct gaps gaps; /* of the audit trail, in the time that was asked for */
	struct gaps journal; /* only lines that are missing */
	uint64_t covered_s, off_s, uncovered_s, unknown_s; /* unknown: not collected */
	uint64_t segments, bytes, lines, calls, denied; /* of the audit trail, in that time */
	uint64_t losses, alerts, io_errors;
	bool damaged;       /* a file of the store cannot be read to its end */
	char damage[NAMES_MAX];
	/* of the newest seal */
	char policy[65], config[65], binary[65], bundle_hash[65], mode[16], missing[STATUS_MISSING];
	uint64_t bundle;    /* version of the signed bundle in force; 0: none */
	bool synced;
	uint64_t dropped;   /* by the kernel side, the most that a seal said */
	/* of ingest */
	int64_t clock_ahead_s;
	uint64_t waiting;
	char waits[STATUS_WORDS];
	struct status_refused refused[STATUS_REASONS];
	size_t refusals;
};

/** status_read(store, host, o, h): 0, or negative when the store cannot be read.  Free ${h} in any case. */
int status_read(int store, const char *host, const struct status_opts *o, struct status_host *h) __attribute__((warn_unused_result));
void status_free(struct status_host *h);

/** status_line(h, line, counts): One line of the audit trail, whatever a host wrote there; ${counts}: it is of the time that was asked for.  0 or -ENOMEM. */
int status_line(struct status_host *h, struct view line, bool counts) __attribute__((warn_unused_result));

/** status_refused_lines(store, host, t, first, last, cause): Does a file in quarantine have lines of this range?  Why it is there. */
bool status_refused_lines(int store, const char *host, enum layout_trail t, uint64_t first, uint64_t last, enum gap_cause *cause);
/** status_quarantine(store, host, h): Fill h->refused. */
int status_quarantine(int store, const char *host, struct status_host *h) __attribute__((warn_unused_result));

#endif
