/*
 * verify_line.c - the lines of a stream as verify.c hands them over: numbers, chain, first lines, seals.
 *
 * What holds: each file begins with a line of kind epoch or segment that names the chain's head, the last line and the last seal before it.
 * A seal covers the lines since the seal before it, or since its file began, and names the head before them and after them: so it can be
 * checked alone.  With the keys its MAC proves it; without them only that everything fits together.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "audit/entry.h"
#include "audit/verify_internal.h"
#include "base/err.h"

enum { HELD_MAX = 4 << 20, MAC_TAIL = 74 }; /* ,"mac":"64 digits"} */

void check_lost_at(struct check *c)
{
	buf_reset(&c->held);
	c->held_first = 0;
}

int __attribute__((format(printf, 2, 3))) check_bad(struct check *c, const char *fmt, ...)
{
	va_list ap;

	if (c->lost)
		return 1; /* the same place still */
	c->lost = true;
	check_lost_at(c);
	if (c->v->bad++)
		return 1;
	va_start(ap, fmt);
	vsnprintf(c->v->why, sizeof(c->v->why), fmt, ap);
	va_end(ap);
	c->v->at = c->seq;
	c->v->seal = c->seal + 1;
	c->v->from = c->proven + 1;
	c->v->to = UINT64_MAX;
	if (c->names)
		names_path(c->names, c->v->file);
	return 1;
}

void check_lost_end(struct check *c, uint64_t to)
{
	if (!c->lost)
		return;
	c->lost = false;
	c->lost_to = to;
	if (to > c->proven)
		c->v->damaged += to - c->proven;
	if (c->v->to == UINT64_MAX)
		c->v->to = to;
}

static uint64_t member(const json_t *o, const char *key)
{
	json_t *m = json_object_get(o, key);
	json_int_t n = json_integer_value(m);
	return json_is_integer(m) && n >= 0 ? (uint64_t)n : UINT64_MAX;
}

static int hash_of(const json_t *o, const char *key, uint8_t out[CHAIN_LEN])
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? chain_unhex(view_str(s), out, CHAIN_LEN) : -ERR_MALFORMED;
}

static bool is_head(const json_t *o, const char *key, const uint8_t head[CHAIN_LEN])
{
	uint8_t got[CHAIN_LEN];
	return hash_of(o, key, got) == 0 && memcmp(got, head, CHAIN_LEN) == 0;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* Nothing is known of what came before: a directory that begins in the middle is taken at its word. */
static int begin(struct check *c, const json_t *o)
{
	c->known = true;
	c->seal = member(o, "seals");
	c->proven = c->names->first - 1;
	if (c->seal == UINT64_MAX || hash_of(o, "prev", c->chain.head) || hash_of(o, "prev_seal", c->mac))
		return check_bad(c, "the first line names no chain");
	return 0;
}

static int check_first(struct check *c, struct view kind, const json_t *o)
{
	bool epoch = view_is(kind, "epoch");
	c->said.seal = member(o, "seals");
	(void)!hash_of(o, "prev", c->said.head);
	(void)!hash_of(o, "prev_seal", c->said.mac);
	const char *cause = text(o, "cause");

	if (!epoch && !view_is(kind, "segment"))
		return check_bad(c, "does not begin with a line that says what came before it");
	if (member(o, "epoch") != c->names->epoch)
		return check_bad(c, "is named after another epoch than its first line tells");
	if (strcmp(text(o, "host"), c->names->host) != 0 && !c->v->bad)
		c->v->cause = VERIFY_HOST;
	if (strcmp(text(o, "host"), c->names->host) != 0)
		return check_bad(c, "is named after another host than its first line tells");
	if (!c->known && begin(c, o))
		return 1;
	if (c->lost)
		return 0;
	if (!is_head(o, "prev", c->chain.head))
		return check_bad(c, "does not continue the chain of the file before it");
	if (member(o, "after") != c->seq)
		return check_bad(c, "does not continue the numbers of the file before it");
	if (c->epoch && (epoch ? c->names->epoch <= c->epoch : c->names->epoch != c->epoch))
		return check_bad(c, "the epoch goes from %" PRIu64 " to %" PRIu64 " without saying so", c->epoch, c->names->epoch);
	if (c->cut && (epoch ? strcmp(cause, "crash") != 0 && strcmp(cause, "damaged") != 0 : !*cause))
		return check_bad(c, "the file before it ends without a seal and nothing says why");
	if (member(o, "seals") < c->seal || (member(o, "seals") == c->seal && !is_head(o, "prev_seal", c->mac)))
		return check_bad(c, "names another seal before it than there is");
	if (member(o, "seals") > c->seal)
		return check_bad(c, "seals %" PRIu64 " to %" PRIu64 " are missing before it", c->seal + 1, member(o, "seals"));
	if (!epoch && c->key[0] && strcmp(c->key, text(o, "key")) != 0)
		return check_bad(c, "the seal key changes within an epoch");
	return 0;
}

struct seal {
	uint64_t n, first, last, raw;
	uint8_t before[CHAIN_LEN], head[CHAIN_LEN], prev[MAC_LEN], mac[MAC_LEN];
	const char *key;
};

static int read_seal(const json_t *o, struct seal *s)
{
	*s = (struct seal){.n = member(o, "seal"), .first = member(o, "first_seq"), .last = member(o, "last_seq"), .raw = member(o, "raw_bytes"),
	    .key = text(o, "key")};
	if (s->n == UINT64_MAX || s->first == UINT64_MAX || s->last == UINT64_MAX || s->raw == UINT64_MAX || hash_of(o, "prev_head", s->before) ||
	    hash_of(o, "head", s->head) || hash_of(o, "prev_seal", s->prev) || hash_of(o, "mac", s->mac))
		return -ERR_MALFORMED;
	return 0;
}

/* What a seal says against what was read. */
static void compare(struct check *c, const struct seal *s)
{
	if (s->n != c->seal + 1)
		check_bad(c, s->n > c->seal ? "seals %" PRIu64 " to %" PRIu64 " are missing" : "seal %" PRIu64 " is followed by seal %" PRIu64,
		    s->n > c->seal ? c->seal + 1 : c->seal, s->n > c->seal ? s->n - 1 : s->n);
	else if (memcmp(s->prev, c->mac, MAC_LEN) != 0)
		check_bad(c, "seal %" PRIu64 " names another seal before it than there is", s->n);
	else if (s->first != c->range_first || s->last != c->seq)
		check_bad(c, "seal %" PRIu64 " covers lines %" PRIu64 " to %" PRIu64 ", there are %" PRIu64 " to %" PRIu64, s->n, s->first, s->last,
		    c->range_first, c->seq);
	else if (s->raw != c->range_raw)
		check_bad(c, "seal %" PRIu64 " covers %" PRIu64 " bytes, there are %" PRIu64, s->n, s->raw, c->range_raw);
	else if (memcmp(s->before, c->range_before.head, CHAIN_LEN) != 0)
		check_bad(c, "seal %" PRIu64 " names another chain before its lines than there is", s->n);
	else if (memcmp(s->head, c->chain.head, CHAIN_LEN) != 0)
		check_bad(c, "seal %" PRIu64 " names another chain than its lines give: a line was changed", s->n);
}

/* Do the lines that were held back since the damage make up everything that this seal covers? */
static bool held_whole(struct check *c, const struct seal *s)
{
	struct chain h;
	struct view v = buf_view(&c->held);
	uint64_t seq = c->held_first;

	if (!c->held_first || c->held_first != s->first || v.n != s->raw)
		return false;
	memcpy(h.head, s->before, CHAIN_LEN);
	for (; v.n; seq++) {
		const uint8_t *nl = memchr(v.p, '\n', v.n);
		if (!nl || chain_add(&h, view_head(v, (size_t)(nl - v.p))))
			return false;
		v = view_skip(v, (size_t)(nl - v.p) + 1);
	}
	return seq == s->last + 1 && memcmp(h.head, s->head, CHAIN_LEN) == 0;
}

static int check_seal(struct check *c, const json_t *o, struct view line)
{
	struct seal s;

	if (read_seal(o, &s) || line.n < MAC_TAIL || memcmp(line.p + line.n - MAC_TAIL, ",\"mac\":\"", 8) != 0)
		return check_bad(c, "a seal that is not whole");
	int good = proof_mac(c, s.key, s.n, view_head(line, line.n - MAC_TAIL), s.mac);
	if (good == -ENOMEM)
		return good;
	if (!c->lost)
		compare(c, &s);
	if (good == 0)
		return check_bad(c, "the MAC of seal %" PRIu64 " is wrong: it was not made with the key of this stream", s.n);
	if (good < 0 && c->opts->keys.n && !c->v->bad)
		c->v->cause = VERIFY_NO_KEY;
	if (good < 0 && c->opts->keys.n)
		return check_bad(c, "seal %" PRIu64 " is made with key %.16s, which was not given", s.n, s.key);
	if (c->lost)
		check_lost_end(c, held_whole(c, &s) ? s.first - 1 : c->seq + 1);
	else
		c->v->seals++;
	c->v->macs += good > 0;
	/* From here on this seal is what counts. */
	memcpy(c->chain.head, s.head, CHAIN_LEN);
	memcpy(c->mac, s.mac, MAC_LEN);
	c->seal = c->v->last_seal = s.n;
	c->proven = c->seq + 1;
	return 0;
}

static int hold(struct check *c, struct view line, uint64_t seq)
{
	if (!c->lost)
		return 0;
	if (!c->held_first)
		c->held_first = seq;
	c->held.max = HELD_MAX;
	if (buf_put(&c->held, line) || buf_puts(&c->held, "\n"))
		check_lost_at(c);
	return 0;
}

static void range_begin(struct check *c, uint64_t first)
{
	c->range_first = first;
	c->range_raw = 0;
	c->range_before = c->chain;
}

/* A file was removed, since a collector holds it. */
static int check_retention(struct check *c, const json_t *o)
{
	uint64_t upto = member(o, "upto");
	int r = c->opts->collectors.n ? proof_receipt(c, o) : 1;

	if (r < 0)
		return r;
	if (upto == UINT64_MAX || !r)
		return check_bad(c, "says that %.100s was collected, and its receipt is none of the given collectors", text(o, "name"));
	c->v->receipts += c->opts->collectors.n > 0;
	if (upto > c->excused)
		c->excused = upto;
	return 0;
}

/* Lines that say something about the stream itself. */
static int special(struct check *c, struct view kind, struct view line, uint64_t seq)
{
	json_t *o = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	int r = 0;

	if (!o)
		return check_bad(c, "a line that is not JSON");
	if (c->first) {
		r = check_first(c, kind, o);
		snprintf(c->key, sizeof(c->key), "%s", text(o, "key"));
		c->epoch = c->names->epoch;
		range_begin(c, seq);
	} else if (view_is(kind, "seal")) {
		r = check_seal(c, o, line);
	} else {
		r = check_retention(c, o);
	}
	json_decref(o);
	return r;
}

int verify_line(struct check *c, struct view line)
{
	struct entry_head h;
	int r = 0;

	if (entry_head(line, &h)) {
		check_bad(c, "a line that is none of ours");
		return 0;
	}
	if (h.seq != c->seq + 1)
		check_bad(c, "line %" PRIu64 " is followed by line %" PRIu64, c->seq, h.seq);
	bool seal = view_is(h.kind, "seal") && !c->first;
	if (c->first)
		snprintf(c->first_ts, sizeof(c->first_ts), VIEW_FMT, VIEW_ARG(view_head(h.ts, WALL_TEXT - 1)));
	if (c->first || seal)
		snprintf(c->last_ts, sizeof(c->last_ts), VIEW_FMT, VIEW_ARG(view_head(h.ts, WALL_TEXT - 1)));
	c->seq = h.seq - 1;
	if (c->first || seal || view_is(h.kind, "retention"))
		r = special(c, h.kind, line, h.seq);
	if (r < 0)
		return r;
	c->first = false;
	c->sealed_member = seal;
	c->seq = h.seq;
	c->v->lines++;
	c->v->raw += line.n + 1;
	c->range_raw += line.n + 1;
	r = chain_add(&c->chain, line);
	if (seal && r == 0) {
		range_begin(c, h.seq + 1);
		check_lost_at(c);
		proof_notes(c);
	}
	return r || seal ? r : hold(c, line, h.seq);
}
