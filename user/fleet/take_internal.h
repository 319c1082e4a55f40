/*
 * take_internal.h - what take.c (a host), take_segments.c and take_notes.c (checkpoints, policies) share.
 * Floor: fleet.
 */
#ifndef FLEET_TAKE_INTERNAL_H
#define FLEET_TAKE_INTERNAL_H

#include "fleet/enrol.h"
#include "fleet/inbox.h"
#include "fleet/quarantine.h"
#include "fleet/take.h"

struct take {
	const struct take_conf *conf;
	struct take_result *res;
	const char *host;
	int dir; /* INBOX/HOST */
	struct enrol enrol;
	struct state state;
	bool changed; /* the state on disk is behind */
};

/** take_tell(t, part, file, what, fmt, ...): Tell whoever watches. */
void take_tell(struct take *t, const char *part, const char *file, const char *what, const char *words);

/** take_temp(part, name, host, out): Where the copy of an inbox file lies. */
void take_temp(const char *host, const char *part, const char *name, char out[LAYOUT_PATH]);

/**
 * take_copy(t, dir, part, name, most, sum, size):
 * A fresh copy at take_temp(), and a descriptor of it.  Negative: what is no file that could be ours was refused (-EINVAL, -ERR_TOO_LONG), or
 * it is gone or cannot be read (-ENOENT, -EACCES), which is told; any other error is the store's.
 */
int take_copy(struct take *t, int dir, const char *part, const char *name, uint64_t most, uint8_t sum[CHAIN_LEN], uint64_t *size)
    __attribute__((warn_unused_result));
/** take_passing(e): Is ${e} of take_copy() about this file alone? */
bool take_passing(int e);

/** take_refuse(t, dir, part, name, copied, sum, reason, words): Into quarantine, and out of the inbox.  0 or negative. */
int take_refuse(struct take *t, int dir, const char *part, const char *name, const uint8_t *sum, const char *reason, const char *words)
    __attribute__((warn_unused_result));

/** take_segments(t, trail): take_segments.c. */
int take_segments(struct take *t, enum layout_trail trail) __attribute__((warn_unused_result));

/** take_rebuild(t): The state follows from the store: no segment was lost, none is twice. */
int take_rebuild(struct take *t) __attribute__((warn_unused_result));

/* take_notes.c */
int take_notes(struct take *t, enum layout_trail trail) __attribute__((warn_unused_result));
int take_policies(struct take *t) __attribute__((warn_unused_result));

struct take_anchors {
	struct note *at; /* by size */
	size_t n;
};
/** take_anchors(t, trail, a): The checkpoints in the store that are ahead of what is known of the trail. */
int take_anchors(struct take *t, enum layout_trail trail, struct take_anchors *a) __attribute__((warn_unused_result));
/** take_anchors_past(t, trail, a, last, n): Those that the trail has passed and that name no line of ${last} say nothing more: they go. */
void take_anchors_past(struct take *t, enum layout_trail trail, const struct take_anchors *a, const uint64_t *last, size_t n);

#endif
