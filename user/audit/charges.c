/* charges.c - see charges.h.  An open-addressed table of counters by what names them. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/charges.h"
#include "audit/entry.h"
#include "base/err.h"
#include "ipc/charge_row.h"

enum { SCALE = 11, BUCKETS = 7, DAY = 86400 };
#define AMOUNT_MAX (((unsigned __int128)1 << 100) - 1)

enum part { GRANT, SERVER, TOOL, COUNTER, WINDOW, PARTS };

struct sum {
	uint8_t *key; /* the parts, one after the other; NULL: free */
	uint16_t len[PARTS];
	uint32_t uid;
	unsigned __int128 amount; /* in units of 10^-SCALE */
};

struct charges {
	struct sum *at;
	size_t n, cap; /* cap a power of two */
	struct wall now, last; /* last: of the newest line */
	uint64_t calls, unread;
};

/* What names one counter. */
struct name {
	struct view part[PARTS];
	uint32_t uid;
};

int charges_new(struct wall now, struct charges **out)
{
	struct charges *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->cap = 1024;
	c->now = c->last = now;
	c->at = calloc(c->cap, sizeof(*c->at));
	if (!c->at) {
		free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void charges_free(struct charges **cp)
{
	struct charges *c = *cp;

	*cp = NULL;
	for (size_t i = 0; c && i < c->cap; i++)
		free(c->at[i].key);
	if (c)
		free(c->at);
	free(c);
}

uint64_t charges_calls(const struct charges *c)
{
	return c->calls;
}

uint64_t charges_unread(const struct charges *c)
{
	return c->unread;
}

struct wall charges_since(struct wall now)
{
	time_t t = now.ns > 0 ? (time_t)(now.ns / 1000000000) : 0;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		return (struct wall){0};
	int64_t first = t - t % DAY - (tm.tm_mday - 1) * DAY;
	return (struct wall){(first - 2 * DAY) * 1000000000};
}

/* Is the window over at ${at}?  Text is enough: a calendar window is the start of its time, and that sorts. */
static bool over(struct view window, struct wall at)
{
	static const struct {
		const char *name;
		int64_t bucket;
	} sliding[] = {{"minute", 10}, {"hour", 600}, {"day", 14400}};
	char text[WALL_TEXT], start[WALL_TEXT];
	const uint8_t *tilde = window.n ? memchr(window.p, '~', window.n) : NULL;

	wall_text(at, text);
	if (!tilde)
		return window.n < sizeof(text) && memcmp(window.p, text, window.n) < 0;
	size_t n = (size_t)(tilde - window.p);
	struct wall from;
	if (n + 2 > sizeof(start))
		return false;
	memcpy(start, window.p, n);
	memcpy(start + n, "Z", 2);
	for (size_t i = 0; i < sizeof(sliding) / sizeof(sliding[0]); i++)
		if (view_is(view_skip(window, n + 1), sliding[i].name))
			return wall_parse(start, &from) == 0 && from.ns + BUCKETS * sliding[i].bucket * 1000000000 <= at.ns;
	return false;
}

/* A clock that ran ahead when the records end earlier must not end their windows. */
static struct wall end_of(const struct charges *c)
{
	return c->last.ns < c->now.ns ? c->last : c->now;
}

static struct view part_of(const struct sum *s, enum part which)
{
	size_t at = 0;
	for (int i = 0; i < (int)which; i++)
		at += s->len[i];
	return view_of(s->key + at, s->len[which]);
}

static bool is(const struct sum *s, const struct name *n)
{
	bool same = s->uid == n->uid;
	for (int i = 0; i < PARTS && same; i++)
		same = view_eq(part_of(s, (enum part)i), n->part[i]);
	return same;
}

static uint64_t hash_of(const struct name *n)
{
	uint64_t h = 0xcbf29ce484222325u ^ n->uid;
	for (int i = 0; i < PARTS; i++)
		for (size_t k = 0; k <= n->part[i].n; k++)
			h = (h ^ (k < n->part[i].n ? n->part[i].p[k] : 0x100u)) * 0x100000001b3u;
	return h ^ h >> 32;
}

/* Where the counter is, or is to be: the table is never full. */
static struct sum *place(const struct charges *c, const struct name *n)
{
	for (uint64_t i = hash_of(n);; i++) {
		struct sum *s = &c->at[i & (c->cap - 1)];
		if (!s->key || is(s, n))
			return s;
	}
}

static struct name name_of(const struct sum *s)
{
	struct name n = {.uid = s->uid};
	for (int i = 0; i < PARTS; i++)
		n.part[i] = part_of(s, (enum part)i);
	return n;
}

static bool dead(const struct charges *c, const struct sum *s)
{
	return over(part_of(s, WINDOW), end_of(c));
}

/* Make room: forget what is over, and be twice as large if that is not enough. */
static int grow(struct charges *c)
{
	struct charges wide = *c;

	wide.n = 0;
	for (size_t i = 0; i < c->cap; i++)
		wide.n += c->at[i].key && !dead(c, &c->at[i]);
	if (wide.n >= CHARGE_ROWS)
		return -ENOSPC;
	while (wide.n * 4 > wide.cap)
		wide.cap *= 2;
	wide.at = calloc(wide.cap, sizeof(*wide.at));
	if (!wide.at)
		return -ENOMEM;
	for (size_t i = 0; i < c->cap; i++) {
		struct sum *s = &c->at[i];
		struct name n = {0};
		if (s->key && dead(c, s)) {
			free(s->key);
		} else if (s->key) {
			n = name_of(s);
			*place(&wide, &n) = *s;
		}
	}
	free(c->at);
	*c = wide;
	return 0;
}

static int keep(struct sum *s, const struct name *n)
{
	size_t len = 0;

	for (int i = 0; i < PARTS; i++)
		len += n->part[i].n;
	s->key = malloc(len);
	if (!s->key)
		return -ENOMEM;
	s->uid = n->uid;
	len = 0;
	for (int i = 0; i < PARTS; i++) {
		if (n->part[i].n)
			memcpy(s->key + len, n->part[i].p, n->part[i].n);
		s->len[i] = (uint16_t)n->part[i].n;
		len += n->part[i].n;
	}
	return 0;
}

static int add(struct charges *c, const struct name *n, unsigned __int128 amount)
{
	struct sum *s = place(c, n);
	int r = 0;

	if (!s->key && c->n * 2 >= c->cap) {
		r = grow(c);
		if (r)
			return r;
		s = place(c, n);
	}
	if (!s->key) {
		r = keep(s, n);
		c->n += r == 0;
	}
	if (!r)
		s->amount = s->amount > AMOUNT_MAX - amount ? AMOUNT_MAX : s->amount + amount;
	return r;
}

/* As dec_units_text() writes it: digits, and at most SCALE of them behind a point. */
static bool amount_read(struct view v, unsigned __int128 *out)
{
	int behind = -1;

	*out = 0;
	if (!v.n || v.n > 40)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '.' && behind < 0 && i) {
			behind = 0;
			continue;
		}
		if (v.p[i] < '0' || v.p[i] > '9' || behind >= SCALE || *out > AMOUNT_MAX / 10)
			return false;
		*out = *out * 10 + (unsigned)(v.p[i] - '0');
		behind += behind >= 0;
	}
	for (int i = behind < 0 ? 0 : behind; i < SCALE; i++) {
		if (*out > AMOUNT_MAX / 10)
			return false;
		*out *= 10;
	}
	return behind != 0;
}

static void amount_text(unsigned __int128 n, char *out, size_t cap)
{
	char digits[48];
	int at = sizeof(digits) - 1, places = 0;

	digits[at] = '\0';
	while (n || places <= SCALE) {
		if (places == SCALE)
			digits[--at] = '.';
		digits[--at] = (char)('0' + (int)(n % 10));
		n /= 10;
		places++;
	}
	snprintf(out, cap, "%s", digits + at);
	for (size_t len = strlen(out); out[len - 1] == '0' || out[len - 1] == '.'; len--) {
		bool point = out[len - 1] == '.';
		out[len - 1] = '\0';
		if (point)
			break;
	}
}

/* Counters over all tools are one, whatever tool was called; and an agent may call as many names as it likes. */
static bool of_all_tools(struct view counter)
{
	if (view_starts(counter, VIEW_LIT("all_tools/")))
		return true;
	return view_starts(counter, VIEW_LIT("x-callgate/all/")) && !view_starts(counter, VIEW_LIT("x-callgate/all/tool/"));
}

/* 0, also when it says nothing that can be counted: then ${c->unread} grows. */
static int one(struct charges *c, struct name n, struct view text)
{
	const uint8_t *at = text.n ? memrchr(text.p, '@', text.n) : NULL;
	const uint8_t *eq = at ? memrchr(text.p, '=', (size_t)(at - text.p)) : NULL;
	unsigned __int128 amount;

	if (!eq || eq == text.p || at + 1 == text.p + text.n || text.n > UINT16_MAX || !amount_read(view_of(eq + 1, (size_t)(at - eq) - 1), &amount)) {
		c->unread++;
		return 0;
	}
	n.part[COUNTER] = view_head(text, (size_t)(eq - text.p));
	n.part[WINDOW] = view_skip(text, (size_t)(at - text.p) + 1);
	if (of_all_tools(n.part[COUNTER]))
		n.part[TOOL] = VIEW_LIT("");
	return add(c, &n, amount);
}

static struct view text_of(const json_t *o, const char *key)
{
	const json_t *s = json_object_get(o, key);
	return json_string_length(s) <= UINT16_MAX ? view_of(json_string_value(s), json_string_length(s)) : VIEW_LIT("");
}

static int charged(struct charges *c, const json_t *o)
{
	struct name n = {.part = {[GRANT] = text_of(o, "grant"), [SERVER] = text_of(o, "server"), [TOOL] = text_of(o, "tool")},
	    .uid = (uint32_t)json_integer_value(json_object_get(o, "uid"))};
	const json_t *list = json_object_get(o, "charges");
	int r = 0;

	c->calls++;
	for (size_t i = 0; i < json_array_size(list) && !r; i++) {
		const json_t *text = json_array_get(list, i);
		r = one(c, n, view_of(json_string_value(text), json_string_length(text)));
	}
	return r;
}

int charges_line(struct charges *c, struct view line)
{
	struct entry_head h;
	char ts[WALL_TEXT];
	struct wall at;

	/* A quote inside a value is escaped, so this can only be the member itself. */
	if (!memmem(line.p, line.n, "\"charges\":", 10) || entry_head(line, &h) || !view_is(h.kind, "call"))
		return 0;
	json_t *o = json_loadb((const char *)line.p, line.n, JSON_ALLOW_NUL, NULL);
	snprintf(ts, sizeof(ts), "%.*s", (int)h.ts.n, (const char *)h.ts.p);
	if (wall_parse(ts, &at) == 0)
		c->last = at;
	int r = json_is_object(o) ? charged(c, o) : -ERR_CORRUPT;
	json_decref(o);
	return r;
}

static int put(const struct sum *s, struct buf *text, struct buf *out)
{
	struct name n = name_of(s);
	struct charge_row row = {n.uid, n.part[GRANT], n.part[SERVER], n.part[TOOL], {0}};
	char amount[64];

	amount_text(s->amount, amount, sizeof(amount));
	buf_reset(text);
	int r = buf_put(text, n.part[COUNTER]);
	r = r ? r : buf_printf(text, "=%s@", amount);
	r = r ? r : buf_put(text, n.part[WINDOW]);
	row.charge = buf_view(text);
	return r ? r : charge_row_put(out, &row);
}

int charges_rows(struct charges *c, struct buf *out, size_t *rows)
{
	struct buf text = {0};
	int r = 0;

	*rows = 0;
	for (size_t i = 0; i < c->cap && !r; i++) {
		if (!c->at[i].key || dead(c, &c->at[i]))
			continue;
		r = ++*rows > CHARGE_ROWS ? -ENOSPC : put(&c->at[i], &text, out);
	}
	buf_free(&text);
	return r;
}
