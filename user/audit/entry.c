/* entry.c - see entry.h. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/entry.h"
#include "base/err.h"

enum { KEYS_MAX = 2048, SEPARATOR = 0x1f };

const char *entry_kind(uint16_t kind)
{
	static const char *const names[] = {
	    [REC_CALL] = "call",
	    [REC_RESULT] = "result",
	    [REC_CONNECTION] = "connection",
	    [REC_REFUSED] = "refused",
	    [REC_ALERT] = "alert",
	    [REC_LOSS] = "loss",
	};
	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL;
}

void entry_id(struct jsonw *w, uint64_t ring, uint64_t call)
{
	char id[40];

	if (!call)
		return;
	snprintf(id, sizeof(id), "%012" PRIx64 "-%" PRIx64, ring, call);
	jsonw_str(w, "id", id);
}

static int by_bytes(const void *a, const void *b)
{
	const struct view *x = a, *y = b;
	int r = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return r ? r : x->n < y->n ? -1 : x->n > y->n;
}

static void put_list(struct jsonw *w, const struct rec_row *row, struct view v)
{
	static struct view item[KEYS_MAX];
	size_t n = 0;

	while (n < KEYS_MAX) {
		const uint8_t *end = v.n ? memchr(v.p, SEPARATOR, v.n) : NULL;
		item[n++] = view_head(v, end ? (size_t)(end - v.p) : v.n);
		if (!end)
			break;
		v = view_skip(v, (size_t)(end - v.p) + 1);
		if (!v.n)
			v.p = end; /* an empty last item still needs a place to point at */
	}
	if (row->num == F_ARG_KEYS)
		qsort(item, n, sizeof(item[0]), by_bytes);
	jsonw_open(w, row->json, '[');
	for (size_t i = 0; i < n; i++)
		jsonw_text(w, NULL, item[i]);
	jsonw_close(w, ']');
}

void entry_fields(struct jsonw *w, const struct rec_seen *rec)
{
	for (unsigned i = 1; i < REC_FIELDS; i++) {
		if (!(rec->has & (1ull << i)))
			continue;
		const struct rec_row *row = rec_row(i);
		if (row->type == REC_LIST)
			put_list(w, row, rec->text[i]);
		else if (row->type == REC_TEXT)
			jsonw_text(w, row->json, rec->text[i]);
		else
			jsonw_uint(w, row->json, rec->num[i]);
	}
}

static void put_array(struct jsonw *w, const char *key, const char *text, size_t size)
{
	size_t n = strnlen(text, size);
	if (n)
		jsonw_text(w, key, view_of(text, n));
}

void entry_release(struct jsonw *w, const struct m_release *m)
{
	if (m->ring)
		entry_id(w, m->ring, m->call);
	put_array(w, "event", m->event, sizeof(m->event));
	put_array(w, "cred", m->credential, sizeof(m->credential));
	if (m->version)
		jsonw_uint(w, "cred_ver", m->version);
	put_array(w, "server", m->server, sizeof(m->server));
	put_array(w, "dst_host", m->host, sizeof(m->host));
	if (m->port)
		jsonw_uint(w, "dst_port", m->port);
	jsonw_uint(w, "slot", m->slot);
	if (m->status)
		jsonw_str(w, "err", err_name(m->status));
}

/* Reserved: only audit gives these. */
static bool allowed(json_t *o)
{
	static const char *const names[] = {"seq", "ts", "host", "boot"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_object_get(o, names[i]))
			return false;
	return json_object_size(o) > 0;
}

/*
 * Copied, not printed again: numbers keep their digits.  The text has just been read as strict JSON, so a byte below
 * 0x20 can only be white space between tokens.
 */
static int copy_members(struct jsonw *w, struct view v)
{
	uint8_t chunk[512];

	while (v.n && v.p[0] <= ' ')
		v = view_skip(v, 1);
	while (v.n && v.p[v.n - 1] <= ' ')
		v.n--;
	if (v.n < 2)
		return -ERR_MALFORMED;
	v = view_of(v.p + 1, v.n - 2); /* without the braces */
	jsonw_raw(w, NULL, view_of("", 0));
	while (v.n && !w->err) {
		size_t n = 0;
		while (n < v.n && n < sizeof(chunk) && v.p[n] != 0x7f) {
			chunk[n] = v.p[n] < ' ' ? ' ' : v.p[n];
			n++;
		}
		w->err = buf_put(w->out, view_of(chunk, n));
		v = view_skip(v, n);
		/* Delete can only stand inside text; like the other control characters it goes out escaped. */
		if (v.n && v.p[0] == 0x7f && !w->err) {
			w->err = buf_puts(w->out, "\\u007f");
			v = view_skip(v, 1);
		}
	}
	return 0;
}

int entry_object(struct jsonw *w, struct view body, char *kind, size_t kind_len)
{
	char *text = NULL;
	int r = -ERR_MALFORMED;

	kind[0] = '\0';
	json_t *o = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(o) || !allowed(o))
		goto out;
	json_t *k = json_object_get(o, "kind");
	if (!k) {
		r = copy_members(w, body);
		goto out;
	}
	if (!json_is_string(k) || json_string_length(k) >= kind_len)
		goto out;
	snprintf(kind, kind_len, "%s", json_string_value(k));
	json_object_del(o, "kind");
	text = json_dumps(o, JSON_COMPACT);
	r = !text ? -ERR_MALFORMED : json_object_size(o) ? copy_members(w, view_str(text)) : 0;
out:
	free(text);
	json_decref(o);
	return r;
}

/* ---- reading ---- */

static bool skip(struct view *v, const char *text)
{
	struct view t = view_str(text);
	if (!view_starts(*v, t))
		return false;
	*v = view_skip(*v, t.n);
	return true;
}

/* Text up to the next quote: none of the members read here has an escape. */
static bool quoted(struct view *v, struct view *out)
{
	const uint8_t *end = v->n ? memchr(v->p, '"', v->n) : NULL;
	if (!end)
		return false;
	*out = view_of(v->p, (size_t)(end - v->p));
	*v = view_skip(*v, out->n + 1);
	return true;
}

static bool decimal(struct view *v, uint64_t *out)
{
	size_t n = 0;

	*out = 0;
	while (n < v->n && n < 19 && v->p[n] >= '0' && v->p[n] <= '9')
		*out = *out * 10 + (uint64_t)(v->p[n++] - '0');
	if (!n || (n > 1 && v->p[0] == '0'))
		return false;
	*v = view_skip(*v, n);
	return true;
}

static bool hexadecimal(struct view v, uint64_t *out)
{
	*out = 0;
	if (!v.n || v.n > 16)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		*out = *out << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return true;
}

static bool call_id(struct view id, struct entry_head *h)
{
	const uint8_t *dash = id.n ? memchr(id.p, '-', id.n) : NULL;
	if (!dash)
		return false;
	size_t n = (size_t)(dash - id.p);
	return hexadecimal(view_head(id, n), &h->ring) && hexadecimal(view_skip(id, n + 1), &h->call);
}

int entry_head(struct view v, struct entry_head *h)
{
	struct view host, boot, id;

	*h = (struct entry_head){0};
	if (!skip(&v, "{\"kind\":\"") || !quoted(&v, &h->kind) || !skip(&v, ",\"seq\":") || !decimal(&v, &h->seq) ||
	    !skip(&v, ",\"ts\":\"") || !quoted(&v, &h->ts) || !skip(&v, ",\"host\":\"") || !quoted(&v, &host) ||
	    !skip(&v, ",\"boot\":\"") || !quoted(&v, &boot) || !v.n || v.p[v.n - 1] != '}')
		return -ERR_MALFORMED;
	/* Events of the journal have an "id" of their own, which need not look like a call's. */
	if (skip(&v, ",\"id\":\"") && quoted(&v, &id) && !call_id(id, h))
		h->ring = h->call = 0;
	return 0;
}
