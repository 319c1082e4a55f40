/* rec.c - see rec.h. */
#include <errno.h>

#include "base/err.h"
#include "ipc/rec.h"

static const struct rec_row rows[REC_FIELDS] = {
#define X(sym, num, type, json, max) [num] = {num, type, max, json},
#include "ipc/rec.tbl.h"
#undef X
};

struct field {
	uint16_t id, len;
};

const struct rec_row *rec_row(unsigned num)
{
	return num < REC_FIELDS && rows[num].num ? &rows[num] : NULL;
}

void rec_begin(struct rec *r, enum rec_kind kind, uint64_t call, uint64_t mono_ns)
{
	r->u.head = (struct rec_head){.len = sizeof(struct rec_head), .kind = (uint16_t)kind, .call = call, .mono_ns = mono_ns};
	r->err = 0;
	r->truncated = 0;
}

static void add(struct rec *r, enum rec_field f, const void *p, size_t n)
{
	struct field h = {(uint16_t)f, (uint16_t)n};
	size_t need = sizeof(h) + ((n + 3) & ~(size_t)3);
	uint8_t *at = r->u.bytes + r->u.head.len;

	if (r->err)
		return;
	if (r->u.head.len + need > sizeof(r->u.bytes)) {
		r->err = -ENOBUFS;
		return;
	}
	memset(at, 0, need);
	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h), p, n);
	r->u.head.len += (uint32_t)need;
}

void rec_u32(struct rec *r, enum rec_field f, uint32_t v)
{
	add(r, f, &v, sizeof(v));
}

void rec_u64(struct rec *r, enum rec_field f, uint64_t v)
{
	add(r, f, &v, sizeof(v));
}

void rec_text(struct rec *r, enum rec_field f, struct view v)
{
	const struct rec_row *row = rec_row(f);

	if (!v.n || !row)
		return;
	if (v.n > row->max) {
		/* Never cut inside a UTF-8 sequence: the line must stay text. */
		size_t n = row->max;
		while (n && (v.p[n] & 0xc0) == 0x80)
			n--;
		v.n = n;
		r->truncated++;
	}
	add(r, f, v.p, v.n);
}

void rec_texts(struct rec *r, void (*fn)(const void *arg, uint8_t *p, size_t n), const void *arg)
{
	struct field h;

	for (size_t at = sizeof(struct rec_head); at < r->u.head.len; at += sizeof(h) + (((size_t)h.len + 3) & ~(size_t)3)) {
		memcpy(&h, r->u.bytes + at, sizeof(h));
		if (rows[h.id].type == REC_TEXT || rows[h.id].type == REC_LIST)
			fn(arg, r->u.bytes + at + sizeof(h), h.len);
	}
}

struct view rec_end(struct rec *r)
{
	if (r->truncated)
		r->u.head.flags |= REC_CUT;
	return r->err ? view_of(NULL, 0) : view_of(r->u.bytes, r->u.head.len);
}

static int take(struct rec_seen *out, const struct rec_row *row, struct view v)
{
	if (out->has & (1ull << row->num))
		return -ERR_MALFORMED;
	out->has |= 1ull << row->num;
	if (row->type == REC_U32) {
		uint32_t n;
		if (v.n != sizeof(n))
			return -ERR_MALFORMED;
		memcpy(&n, v.p, sizeof(n));
		out->num[row->num] = n;
	} else if (row->type == REC_U64) {
		if (v.n != sizeof(uint64_t))
			return -ERR_MALFORMED;
		memcpy(&out->num[row->num], v.p, sizeof(uint64_t));
	} else {
		if (!v.n || v.n > row->max)
			return -ERR_MALFORMED;
		out->text[row->num] = v;
	}
	return 0;
}

int rec_parse(struct view v, struct rec_seen *out)
{
	memset(out, 0, sizeof(*out));
	if (v.n < sizeof(out->head))
		return -ERR_MALFORMED;
	memcpy(&out->head, v.p, sizeof(out->head));
	if (out->head.len != v.n)
		return -ERR_MALFORMED;
	v = view_skip(v, sizeof(out->head));
	while (v.n) {
		struct field h;
		if (v.n < sizeof(h))
			return -ERR_MALFORMED;
		memcpy(&h, v.p, sizeof(h));
		size_t need = sizeof(h) + (((size_t)h.len + 3) & ~(size_t)3);
		const struct rec_row *row = rec_row(h.id);
		if (!row || need > v.n)
			return -ERR_MALFORMED;
		int r = take(out, row, view_of(v.p + sizeof(h), h.len));
		if (r)
			return r;
		v = view_skip(v, need);
	}
	return 0;
}
