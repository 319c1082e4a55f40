/*
 * sse.c - see sse.h.
 * Floor: codec.      Source: HTML Living Standard 9.2.6 "Interpreting an event stream".
 * A line that lies whole in the input is read where it is; only one that is cut is collected in s->line.  An event whose last line
 * end is a CR is given out at once: should LF follow, it belongs to that CR and is dropped then.
 */
#include <errno.h>

#include "base/err.h"
#include "codec/sse.h"

enum {
	KEEP_MAX = 65536, /* a quiet stream does not sit on more memory than this per buffer */
	STEP = 256,
};

static int append(struct buf *b, struct view v)
{
	if (v.n > SSE_EVENT_MAX || b->len > SSE_EVENT_MAX - v.n)
		return -ERR_TOO_LONG;
	return buf_put(b, v);
}

static int assign(struct buf *b, struct view v)
{
	buf_reset(b);
	return append(b, v);
}

static void empty(struct buf *b)
{
	if (b->cap > KEEP_MAX)
		buf_free(b);
	else
		buf_reset(b);
}

static int field_data(struct sse *s, struct view v)
{
	int r = s->has_data ? append(&s->data, VIEW_LIT("\n")) : 0;
	s->has_data = true;
	return r ? r : append(&s->data, v);
}

static int field_event(struct sse *s, struct view v)
{
	return assign(&s->name, v);
}

static int field_id(struct sse *s, struct view v)
{
	if (v.n && memchr(v.p, 0, v.n))
		return 0;
	s->has_id = true;
	return assign(&s->id, v);
}

static const struct {
	struct view name;
	int (*read)(struct sse *s, struct view v);
} fields[] = {
	{VIEW_LIT("data"), field_data},
	{VIEW_LIT("event"), field_event},
	{VIEW_LIT("id"), field_id},
};

/* A line that is not empty.  Comments (nothing before the colon) and unknown fields match no row. */
static int field(struct sse *s, struct view line)
{
	const uint8_t *colon = memchr(line.p, ':', line.n);
	struct view name = line, value = {NULL, 0};
	if (colon) {
		name.n = (size_t)(colon - line.p);
		value = view_of(colon + 1, line.n - name.n - 1);
		if (value.n && value.p[0] == ' ')
			value = view_of(value.p + 1, value.n - 1);
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (view_eq(name, fields[i].name))
			return fields[i].read(s, value);
	return 0;
}

/* 1: a blank line that ends an event; 0: go on. */
static int line(struct sse *s, struct view v)
{
	if (!s->started && view_starts(v, VIEW_LIT("\xef\xbb\xbf")))
		v = view_of(v.p + 3, v.n - 3);
	s->started = true;
	if (v.n)
		return field(s, v);
	if (s->has_data)
		return 1;
	buf_reset(&s->name);
	s->has_id = false;
	return 0;
}

/* The first CR or LF.  In steps, because a search for one of them must not run far beyond the other, once per line. */
static const uint8_t *line_end(const uint8_t *p, const uint8_t *end)
{
	for (size_t n; p < end; p += n) {
		n = (size_t)(end - p) < STEP ? (size_t)(end - p) : STEP;
		const uint8_t *lf = memchr(p, '\n', n);
		const uint8_t *cr = memchr(p, '\r', lf ? (size_t)(lf - p) : n);
		if (cr || lf)
			return cr ? cr : lf;
	}
	return NULL;
}

/* Take one line from the front of ${in}, or all of it when no line ends in it.  As line(); ${used} counts. */
static int take(struct sse *s, struct view in, size_t *used)
{
	const uint8_t *end = line_end(in.p, in.p + in.n);
	struct view v = view_of(in.p, end ? (size_t)(end - in.p) : in.n);

	*used = v.n;
	if (s->line.len || !end) {
		int r = append(&s->line, v);
		if (r || !end)
			return r;
		v = buf_view(&s->line);
	}
	*used += 1;
	if (*end == '\r') {
		if (*used < in.n)
			*used += in.p[*used] == '\n';
		else
			s->after_cr = true;
	}
	int r = line(s, v);
	empty(&s->line);
	return r;
}

static void give(struct sse *s, struct sse_event *ev)
{
	static const uint8_t none[1];
	ev->name = s->name.len ? buf_view(&s->name) : view_of(none, 0);
	ev->data = s->data.len ? buf_view(&s->data) : view_of(none, 0);
	ev->id = s->id.len ? buf_view(&s->id) : view_of(none, 0);
	ev->has_id = s->has_id;
}

long sse_next(struct sse *s, struct view in, struct sse_event *ev)
{
	size_t at = 0, used;

	*ev = (struct sse_event){0};
	if (s->given) {
		empty(&s->data);
		empty(&s->name);
		s->given = s->has_data = s->has_id = false;
	}
	if (s->after_cr && in.n) {
		s->after_cr = false;
		at = in.p[0] == '\n';
	}
	while (at < in.n) {
		int r = take(s, view_of(in.p + at, in.n - at), &used);
		if (r < 0)
			return r;
		at += used;
		if (r == 0)
			continue;
		s->given = true;
		give(s, ev);
		break;
	}
	return (long)at;
}

void sse_free(struct sse *s)
{
	buf_free(&s->line);
	buf_free(&s->data);
	buf_free(&s->name);
	buf_free(&s->id);
	*s = (struct sse){0};
}
