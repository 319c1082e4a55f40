/*
 * ingest.h - every host's inbox, into the store: a process per host at work, one writer of log and receipts.
 * Floor: fleet.      Owns: its workers, which end with it.
 *
 * A worker reads hostile bytes and writes its host's part of the store; the log and the key are the parent's alone.
 */
#ifndef FLEET_INGEST_H
#define FLEET_INGEST_H

#include "fleet/take.h"

enum { INGEST_JOBS = 64, INGEST_TEXT = 300 };

/* One thing that happened; borrowed. */
struct ingest_event {
	const char *host, *part, *file, *what, *words;
};
/* One host that is done. */
struct ingest_host {
	const char *host;
	int err; /* 0; -ENOENT: not enrolled; or why it was left as it was */
	struct take_result res;
};

struct ingest_conf {
	int store, inbox;
	int64_t gap_wait_s;
	unsigned jobs; /* at once, 1 to INGEST_JOBS */
	bool tell;     /* events are wanted */
	void (*event)(void *arg, const struct ingest_event *e);
	void (*done)(void *arg, const struct ingest_host *h);
	void *arg;
};

/**
 * ingest_run(conf, log_size):
 * Once over all hosts.  0; -EAGAIN: another ingest is at work; -ENOENT: no store; -ERR_CORRUPT: the log is damaged; or another negative, and
 * what was not done is done next time.  What went wrong with one host alone is told by done().
 */
int ingest_run(const struct ingest_conf *conf, uint64_t *log_size) __attribute__((warn_unused_result));

#endif
