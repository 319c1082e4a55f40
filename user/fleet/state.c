/* state.c - see state.h. */
#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "fleet/put.h"
#include "fleet/state.h"

/* ---- writing ---- */

static void put_at(struct jsonw *w, const struct verify_at *a)
{
	jsonw_uint(w, "seq", a->seq);
	jsonw_uint(w, "epoch", a->epoch);
	jsonw_uint(w, "seal", a->seal);
	jsonw_hex(w, "head", view_of(a->head, CHAIN_LEN));
	jsonw_hex(w, "mac", view_of(a->mac, MAC_LEN));
	jsonw_str(w, "key", a->key);
	jsonw_bool(w, "cut", a->cut);
	jsonw_uint(w, "run_seal", a->run_seal);
	jsonw_hex(w, "run", view_of(a->run, MAC_LEN));
	jsonw_str(w, "last_ts", a->last_ts);
}

static void put_gap(struct jsonw *w, const struct state_gap *g)
{
	jsonw_open(w, NULL, '{');
	jsonw_uint(w, "from", g->from);
	jsonw_uint(w, "to", g->to);
	jsonw_str(w, "since", g->since);
	jsonw_open(w, "before", '{');
	put_at(w, &g->before);
	jsonw_close(w, '}');
	jsonw_uint(w, "after_seal", g->after.seal);
	jsonw_hex(w, "after_head", view_of(g->after.head, CHAIN_LEN));
	jsonw_hex(w, "after_mac", view_of(g->after.mac, MAC_LEN));
	jsonw_close(w, '}');
}

static void put_trail(struct jsonw *w, const char *name, const struct state_trail *t)
{
	jsonw_open(w, name, '{');
	put_at(w, &t->at);
	jsonw_str(w, "segment", t->segment);
	jsonw_str(w, "received", t->received);
	jsonw_int(w, "clock_ahead_s", t->clock_ahead_s);
	jsonw_uint(w, "waiting", t->waiting);
	jsonw_str(w, "waits", t->waits);
	jsonw_uint(w, "wait_from", t->wait_from);
	jsonw_str(w, "wait_since", t->wait_since);
	jsonw_str(w, "fork", t->fork);
	jsonw_open(w, "gaps", '[');
	for (size_t i = 0; i < t->ngaps; i++)
		put_gap(w, &t->gaps[i]);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

int state_write(int store, const struct state *s)
{
	struct buf out = {0};
	struct jsonw w = jsonw_on(&out);
	char path[LAYOUT_PATH];

	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "callgate_state", 1);
	jsonw_str(&w, "host", s->host);
	jsonw_str(&w, "seen", s->seen);
	jsonw_open(&w, "trails", '{');
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++)
		put_trail(&w, layout_trail(t), &s->trail[t]);
	jsonw_close(&w, '}');
	jsonw_open(&w, "pending", '[');
	for (size_t i = 0; i < s->npending; i++) {
		const struct state_piece *p = &s->pending[i];
		jsonw_open(&w, NULL, '{');
		jsonw_str(&w, "trail", layout_trail(p->trail));
		jsonw_str(&w, "name", p->name);
		jsonw_str(&w, "date", p->date);
		jsonw_hex(&w, "sha256", view_of(p->sha256, CHAIN_LEN));
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	int r = jsonw_end(&w);
	if (!r)
		r = buf_puts(&out, "\n");
	snprintf(path, sizeof(path), "hosts/%s/state.json", s->host);
	if (!r)
		r = put_file(store, path, buf_view(&out), 0600);
	buf_wipe(&out);
	buf_free(&out);
	return r;
}

/* ---- reading ---- */

static int get_text(const json_t *o, const char *key, char *out, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || strlen(s) >= cap)
		return -ERR_CORRUPT;
	memcpy(out, s, strlen(s) + 1);
	return 0;
}

static int get_num(const json_t *o, const char *key, uint64_t *out)
{
	const json_t *n = json_object_get(o, key);

	if (!json_is_integer(n) || json_integer_value(n) < 0)
		return -ERR_CORRUPT;
	*out = (uint64_t)json_integer_value(n);
	return 0;
}

static int get_hex(const json_t *o, const char *key, uint8_t out[CHAIN_LEN])
{
	const char *s = json_string_value(json_object_get(o, key));

	return s && chain_unhex(view_str(s), out, CHAIN_LEN) == 0 ? 0 : -ERR_CORRUPT;
}

static int get_at(const json_t *o, struct verify_at *a)
{
	a->cut = json_is_true(json_object_get(o, "cut"));
	return get_num(o, "seq", &a->seq) || get_num(o, "epoch", &a->epoch) || get_num(o, "seal", &a->seal) || get_hex(o, "head", a->head) ||
		       get_hex(o, "mac", a->mac) || get_text(o, "key", a->key, sizeof(a->key)) || get_num(o, "run_seal", &a->run_seal) ||
		       get_hex(o, "run", a->run) || get_text(o, "last_ts", a->last_ts, sizeof(a->last_ts))
		   ? -ERR_CORRUPT
		   : 0;
}

static int get_gap(const json_t *o, struct state_gap *g)
{
	return get_num(o, "from", &g->from) || get_num(o, "to", &g->to) || get_text(o, "since", g->since, sizeof(g->since)) ||
		       get_at(json_object_get(o, "before"), &g->before) || get_num(o, "after_seal", &g->after.seal) ||
		       get_hex(o, "after_head", g->after.head) || get_hex(o, "after_mac", g->after.mac)
		   ? -ERR_CORRUPT
		   : 0;
}

static int get_trail(const json_t *o, struct state_trail *t)
{
	const json_t *gaps = json_object_get(o, "gaps"), *ahead = json_object_get(o, "clock_ahead_s");
	int r = get_at(o, &t->at);

	if (r || get_text(o, "segment", t->segment, sizeof(t->segment)) || get_text(o, "received", t->received, sizeof(t->received)) ||
	    get_num(o, "waiting", &t->waiting) || get_text(o, "waits", t->waits, sizeof(t->waits)) || get_num(o, "wait_from", &t->wait_from) ||
	    get_text(o, "wait_since", t->wait_since, sizeof(t->wait_since)) || get_text(o, "fork", t->fork, sizeof(t->fork)) ||
	    !json_is_integer(ahead) || !json_is_array(gaps))
		return -ERR_CORRUPT;
	t->clock_ahead_s = json_integer_value(ahead);
	for (size_t i = 0; !r && i < json_array_size(gaps); i++) {
		struct state_gap g = {0};
		r = get_gap(json_array_get(gaps, i), &g);
		if (!r)
			r = state_add_gap(t, &g);
	}
	return r;
}

static int get_piece(const json_t *o, struct state_piece *p)
{
	struct names n;
	const char *trail = json_string_value(json_object_get(o, "trail"));
	int t = trail ? layout_trail_find(trail) : -1;

	if (t < 0 || get_text(o, "name", p->name, sizeof(p->name)) || get_text(o, "date", p->date, sizeof(p->date)) ||
	    get_hex(o, "sha256", p->sha256) || !layout_segment(p->name, &n) || !layout_date_ok(p->date))
		return -ERR_CORRUPT;
	p->trail = (enum layout_trail)t;
	return 0;
}

static int parse(const json_t *o, const char *host, struct state *s)
{
	const json_t *trails = json_object_get(o, "trails"), *pending = json_object_get(o, "pending");
	int r = json_integer_value(json_object_get(o, "callgate_state")) == 1 && json_is_array(pending) ? 0 : -ERR_CORRUPT;

	if (!r)
		r = get_text(o, "host", s->host, sizeof(s->host));
	if (!r && strcmp(s->host, host) != 0)
		r = -ERR_CORRUPT;
	if (!r)
		r = get_text(o, "seen", s->seen, sizeof(s->seen));
	for (enum layout_trail t = 0; !r && t < LAYOUT_TRAILS; t++)
		r = get_trail(json_object_get(trails, layout_trail(t)), &s->trail[t]);
	for (size_t i = 0; !r && i < json_array_size(pending); i++) {
		struct state_piece p = {0};
		r = get_piece(json_array_get(pending, i), &p);
		if (!r)
			r = state_add_pending(s, &p);
	}
	return r;
}

int state_read(int store, const char *host, struct state *s)
{
	struct buf b = {0};
	char path[LAYOUT_PATH];

	*s = (struct state){0};
	snprintf(path, sizeof(path), "hosts/%s/state.json", host);
	int r = fd_slurp(store, path, STATE_MAX, &b);
	if (!r) {
		json_t *o = json_loadb((const char *)buf_view(&b).p, b.len, JSON_REJECT_DUPLICATES, NULL);
		r = parse(o, host, s);
		json_decref(o);
	}
	buf_wipe(&b);
	buf_free(&b);
	if (r)
		state_free(s);
	return r;
}

void state_free(struct state *s)
{
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++) {
		if (s->trail[t].gaps)
			OPENSSL_cleanse(s->trail[t].gaps, s->trail[t].ngaps * sizeof(*s->trail[t].gaps));
		free(s->trail[t].gaps);
	}
	free(s->pending);
	OPENSSL_cleanse(s, sizeof(*s));
}

int state_add_pending(struct state *s, const struct state_piece *p)
{
	void *at = reallocarray(s->pending, s->npending + 1, sizeof(*s->pending));

	if (!at)
		return -ENOMEM;
	s->pending = at;
	s->pending[s->npending++] = *p;
	return 0;
}

int state_add_gap(struct state_trail *t, const struct state_gap *g)
{
	if (t->ngaps == STATE_GAPS)
		return -ENOSPC;
	void *at = reallocarray(t->gaps, t->ngaps + 1, sizeof(*t->gaps));
	if (!at)
		return -ENOMEM;
	t->gaps = at;
	t->gaps[t->ngaps++] = *g;
	return 0;
}

void state_drop_gap(struct state_trail *t, size_t i)
{
	memmove(&t->gaps[i], &t->gaps[i + 1], (t->ngaps - i - 1) * sizeof(*t->gaps));
	t->ngaps--;
}
