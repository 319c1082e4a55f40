/*
 * sse.h - split a Server-Sent Events stream into events.
 * Floor: codec.      Source: HTML Living Standard, "Parsing an event stream".
 * Line ends LF, CRLF, CR; data lines joined with LF; the last event name wins; comments are passed over; an event without its
 * blank line is dropped.  Incremental: feed any split; state lives in struct sse, text in the caller's buffers.
 */
#ifndef CODEC_SSE_H
#define CODEC_SSE_H

#include "base/buf.h"

enum { SSE_EVENT_MAX = 4 << 20 };

struct sse { /* zero it; sse_free() at the end */
	struct buf line, data, name, id;
	bool after_cr, has_data, has_id, started, given;
};

struct sse_event {
	struct view name; /* empty: "message" */
	struct view data;
	struct view id; /* last id seen */
	bool has_id;    /* this event set it */
};

/**
 * sse_next(s, in, ev):
 * Use bytes from the front of ${in} up to the end of the first whole event; returns bytes used (> 0 unless ${in} is empty).  ev->data.p is NULL when ${in} ended first (all
 * of it used).  ${ev} borrows ${s} until the next call.  -ERR_TOO_LONG, -ENOMEM.
 */
long sse_next(struct sse *s, struct view in, struct sse_event *ev) __attribute__((warn_unused_result));
void sse_free(struct sse *s);

#endif
