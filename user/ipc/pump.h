/*
 * pump.h - the event loop of the processes that have no ring: poll(2) over a bounded set.
 * Floor: ipc.      Used by admin, ident, vault, audit, callgated.
 */
#ifndef IPC_PUMP_H
#define IPC_PUMP_H

#include "base/mtime.h"

enum { PUMP_MAX = 1024 };

struct pump;
/* what: POLLIN, POLLOUT, POLLHUP, POLLERR as poll(2) gave them. */
typedef void pump_fn(void *arg, int fd, short what);
typedef void pump_timer_fn(void *arg);

struct pump *pump_new(void);
void pump_free(struct pump **p);

/** pump_add(p, fd, what, fn, arg): Watch ${fd}; a second call for the same fd changes what is watched.  -ENOSPC when full. */
int pump_add(struct pump *p, int fd, short what, pump_fn *fn, void *arg) __attribute__((warn_unused_result));
/** pump_del(p, fd): Stop watching; safe inside a callback.  Call it before closing ${fd}. */
void pump_del(struct pump *p, int fd);

/** pump_timer(p, at, fn, arg): Call ${fn} once at ${at}.  One timer per (fn, arg): a second call moves it. */
int pump_timer(struct pump *p, struct mono at, pump_timer_fn *fn, void *arg) __attribute__((warn_unused_result));
void pump_timer_off(struct pump *p, pump_timer_fn *fn, void *arg);

/** pump_turn(p, max_ms): One round: wait, then run what is due.  0 or negative errno. */
int pump_turn(struct pump *p, int max_ms) __attribute__((warn_unused_result));

/** pump_run(p): Turn until pump_stop(), which may have been called in a turn before: a stop is not forgotten. */
int pump_run(struct pump *p) __attribute__((warn_unused_result));
void pump_stop(struct pump *p);

#endif
