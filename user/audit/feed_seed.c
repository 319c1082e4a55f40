/*
 * feed_seed.c - which calls are open, as the files say it: written into the first line of each file, read back at start.
 * The member is "rings":[{"ring":HEX,"last":N,"open":[N,...]},...].
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/entry.h"
#include "audit/feed_internal.h"

static struct feed_ring *know(struct feed *f, uint64_t id)
{
	struct feed_ring *r = feed_find(f, id);

	if (r || !id)
		return r;
	r = feed_room(f);
	if (r) {
		r->id = id;
		r->slot = FEED_NO_SLOT;
		for (size_t i = 0; i < 4; i++)
			r->fd[i] = -1;
	}
	return r;
}

static void read_ring(struct feed *f, const json_t *o)
{
	const char *hex = json_string_value(json_object_get(o, "ring"));
	struct feed_ring *r = hex ? know(f, strtoull(hex, NULL, 16)) : NULL;
	size_t i;
	json_t *call;

	if (!r)
		return;
	json_array_foreach(json_object_get(o, "open"), i, call)
		if (calls_add(&r->calls, (uint64_t)json_integer_value(call), false))
			break;
	uint64_t last = (uint64_t)json_integer_value(json_object_get(o, "last"));
	if (last > r->calls.last)
		r->calls.last = last;
}

static void read_first(struct feed *f, struct view line)
{
	json_t *o = json_loadb((const char *)line.p, line.n, 0, NULL), *ring;
	size_t i;

	json_array_foreach(json_object_get(o, "rings"), i, ring)
		read_ring(f, ring);
	json_decref(o);
}

static bool has(struct view line, const char *text)
{
	/* A quote inside a value is escaped, so this can only be the member itself. */
	return memmem(line.p, line.n, text, strlen(text)) != NULL;
}

static void seed(void *arg, struct view line)
{
	struct feed *f = arg;
	struct entry_head h;

	if (entry_head(line, &h))
		return;
	f->found_seq = h.seq;
	if (view_is(h.kind, "epoch") || view_is(h.kind, "segment")) {
		read_first(f, line);
		return;
	}
	if (!h.call)
		return;
	bool call = view_is(h.kind, "call");
	if (!call && !view_is(h.kind, "result") && !view_is(h.kind, "abandoned"))
		return;
	struct feed_ring *r = know(f, h.ring);
	if (!r)
		return;
	if (!call)
		calls_close(&r->calls, h.call);
	else if (calls_add(&r->calls, h.call, !has(line, "\"verdict\":\"allow\"") && !has(line, "\"mode\":\"observe\"")))
		return; /* only a damaged file repeats a number: the first one counts */
}

/* Rings that are known from the files alone are named too: until their calls are abandoned a crash must not forget them. */
static void first(void *arg, struct jsonw *w)
{
	struct feed *f = arg;

	jsonw_open(w, "rings", '[');
	for (size_t i = 0; i < FEED_RINGS; i++) {
		const struct feed_ring *r = &f->ring[i];
		char id[24];
		size_t n;
		if (!r->id)
			continue;
		snprintf(id, sizeof(id), "%012" PRIx64, r->id);
		jsonw_open(w, NULL, '{');
		jsonw_str(w, "ring", id);
		jsonw_uint(w, "last", r->calls.last);
		jsonw_open(w, "open", '[');
		uint64_t *open = calls_list(&r->calls, &n);
		for (size_t k = 0; k < n; k++)
			jsonw_uint(w, NULL, open[k]);
		free(open);
		jsonw_close(w, ']');
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void seal(void *arg, struct jsonw *w)
{
	struct feed *f = arg;
	f->seal(f->seal_arg, w);
}

struct trail_owner feed_owner(struct feed *f)
{
	return (struct trail_owner){.seed = seed, .first = first, .seal = f->seal ? seal : NULL, .arg = f};
}

void feed_seal(struct feed *f, trail_seal_fn *fn, void *arg)
{
	f->seal = fn;
	f->seal_arg = arg;
}

void feed_state(const struct feed *f, struct jsonw *w)
{
	jsonw_open(w, "rings", '[');
	for (size_t i = 0; i < FEED_RINGS; i++) {
		const struct feed_ring *r = &f->ring[i];
		char id[24];
		if (!r->ring)
			continue;
		snprintf(id, sizeof(id), "%012" PRIx64, r->id);
		jsonw_open(w, NULL, '{');
		jsonw_str(w, "ring", id);
		jsonw_int(w, "slot", r->slot);
		jsonw_uint(w, "open", r->calls.open);
		jsonw_uint(w, "unacked", r->read - r->acked);
		jsonw_bool(w, "corrupt", r->corrupt);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}
