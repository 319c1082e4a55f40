/*
 * handout.h - a stream's lines of one kind in a memory file, for another process; or what was kept of the older ones, and the rest.
 * Floor: audit.      Owns: its buffers; directory, stream and descriptor are borrowed.
 */
#ifndef AUDIT_HANDOUT_H
#define AUDIT_HANDOUT_H

#include "audit/kept.h"

struct handout {
	uint64_t state_bytes;  /* of the front of the file; 0: all lines are there */
	uint64_t lines;        /* that follow it */
	struct kept_mark mark; /* the last line of the stream, of any kind; seq 0: not known, nothing can be kept */
};

/**
 * handout_begin(dir, s, whole, fd, run):
 * Write to ${fd}, an empty memory file: unless ${whole}, the kept state (kept.h) if there is a good one, and the lines of kind "journal" behind its mark;
 * else all of them.  Why a state is not used is logged.  0 or negative.  Until handout_end() nothing may be written to ${s}: the lines are those of one moment.
 */
struct handout_run;
int handout_begin(int dir, struct trail *s, bool whole, int fd, struct handout_run **run) __attribute__((warn_unused_result));

/**
 * handout_step(run, out):
 * A piece of it, a few milliseconds of work: 1: there is more to do; 0: ${out} is told.  A sealed file whose bytes are not those it was sealed with is named
 * in the log, and so are lines that are missing; then there is nothing: -ERR_CORRUPT, or another error.
 */
int handout_step(struct handout_run *run, struct handout *out) __attribute__((warn_unused_result));
void handout_end(struct handout_run **run);

/** handout(dir, s, whole, fd, out): All of that at once.  0 or negative. */
int handout(int dir, struct trail *s, bool whole, int fd, struct handout *out) __attribute__((warn_unused_result));

#endif
