/* trail.c - see trail.h. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/entry.h"
#include "audit/recover.h"
#include "audit/segment.h"
#include "audit/trail_internal.h"
#include "base/err.h"
#include "base/log.h"

enum { SYNC_MS = 1000, RETRY_MS = 250, UNSYNCED_MAX = 4 << 20, SEAL_ROOM = 4096 };

/* In front of every kept line. */
struct kept {
	const char *kind;
	size_t n; /* of the text that follows: its members from "ts" on, each with a comma before it */
};

struct jsonw *trail_line(struct trail *s, const char *kind, struct wall ts)
{
	struct kept k = {kind, 0};

	assert(!s->begun);
	s->begun = true;
	s->begin = s->kept.len;
	s->w = jsonw_on(&s->kept);
	s->w.err = buf_put(&s->kept, view_of(&k, sizeof(k)));
	s->w.comma = true;
	jsonw_wall(&s->w, "ts", ts);
	jsonw_str(&s->w, "host", s->host);
	jsonw_str(&s->w, "boot", s->boot);
	return &s->w;
}

void trail_kind(struct trail *s, const char *kind)
{
	assert(s->begun);
	memcpy(s->kept.mem + s->kept.off + s->begin, &kind, sizeof(kind));
}

void trail_undo(struct trail *s)
{
	buf_truncate(&s->kept, s->begin);
	s->begun = false;
}

int trail_end(struct trail *s)
{
	size_t n = s->kept.len - s->begin - sizeof(struct kept);
	int r = jsonw_end(&s->w);

	assert(s->begun);
	if (!r && n > TRAIL_LINE_MAX)
		r = -ERR_TOO_LONG;
	if (r) {
		trail_undo(s);
		return r;
	}
	memcpy(s->kept.mem + s->kept.off + s->begin + offsetof(struct kept, n), &n, sizeof(n));
	s->begun = false;
	return 0;
}

/* Number, chain and compress one line; with a MAC over everything that stands before it. */
int trail_number_line(struct trail *s, const char *kind, struct view members, bool mac)
{
	struct buf *b = &s->text;
	uint8_t m[MAC_LEN];
	char hex[MAC_HEX];

	buf_reset(b);
	int r = buf_printf(b, "{\"kind\":\"%s\",\"seq\":%" PRIu64, kind, s->now.seq + 1);
	if (!r)
		r = buf_put(b, members);
	if (!r && mac) {
		r = mac_of(s->now.key, buf_view(b), m);
		chain_hex(m, MAC_LEN, hex);
		if (!r)
			r = buf_printf(b, ",\"mac\":\"%s\"", hex);
	}
	if (!r)
		r = buf_puts(b, "}");
	if (!r)
		r = chain_add(&s->now.chain, buf_view(b));
	if (!r)
		r = buf_puts(b, "\n");
	if (!r)
		r = segment_put(s->seg, buf_view(b));
	if (r)
		return r;
	if (mac)
		memcpy(s->now.mac, m, MAC_LEN);
	s->now.seq++;
	s->lines++;
	s->raw += b->len;
	s->range.lines++;
	s->range.raw += b->len;
	s->member_lines++;
	if (s->owner.copy)
		s->owner.copy(s->owner.copy_arg, buf_view(b));
	return 0;
}

/* A line of the stream's own goes straight to the segment: after an error it is made anew, not repeated. */
struct jsonw trail_own_begin(struct trail *s)
{
	buf_reset(&s->own);
	struct jsonw w = jsonw_on(&s->own);
	w.comma = true;
	jsonw_wall(&w, "ts", s->clock.wall());
	jsonw_str(&w, "host", s->host);
	jsonw_str(&w, "boot", s->boot);
	jsonw_uint(&w, "epoch", s->epoch);
	return w;
}

static int own_end(struct trail *s, const char *kind, const struct jsonw *w)
{
	int r = jsonw_end(w);
	return r ? r : trail_number_line(s, kind, buf_view(&s->own), false);
}

/* A member ends with a seal. */
static int end_member(struct trail *s)
{
	int r = s->range.lines ? trail_put_seal(s) : 0;
	if (!r)
		r = segment_member_end(s->seg);
	s->member_lines = 0;
	return r;
}

static int put_first(struct trail *s)
{
	struct jsonw w = trail_own_begin(s);
	const char *kind = s->new_epoch ? "epoch" : "segment";

	jsonw_uint(&w, "after", s->now.seq);
	jsonw_hex(&w, "prev", view_of(s->now.chain.head, CHAIN_LEN));
	jsonw_uint(&w, "seals", s->now.seals);
	jsonw_hex(&w, "prev_seal", view_of(s->now.mac, MAC_LEN));
	jsonw_str(&w, "key", keys_id(s->keys));
	if (s->new_epoch) {
		jsonw_str(&w, "boot_id", s->boot_id);
		jsonw_str(&w, "cause", s->cause);
		jsonw_uint(&w, "repaired", s->recovered.repaired);
		jsonw_uint(&w, "cut_bytes", s->recovered.cut_bytes);
	} else if (s->err) {
		jsonw_str(&w, "cause", "error");
	}
	if (s->away)
		jsonw_bool(&w, "second", true);
	/* With lines waiting, the owner's state is already theirs: the files before tell what it was. */
	if (s->kept.len)
		jsonw_bool(&w, "carry", true);
	else if (s->owner.first)
		s->owner.first(s->owner.arg, &w);
	trail_range_begin(s);
	int r = own_end(s, kind, &w);
	if (r || !s->err)
		return r;
	w = trail_own_begin(s);
	jsonw_str(&w, "err", err_name(s->err));
	jsonw_str(&w, "op", s->op);
	jsonw_uint(&w, "times", s->errors);
	return own_end(s, "io_error", &w);
}

static int ensure_segment(struct trail *s)
{
	struct names n = {.epoch = s->epoch, .first = s->now.seq + 1};

	if (s->seg)
		return 0;
	memcpy(n.host, s->host, sizeof(n.host));
	s->op = "create";
	s->seg_away = s->away;
	/* It serves once, whatever becomes of it. */
	bool reserved = s->paused && s->reserve;
	s->reserve &= !reserved;
	int r = segment_new(trail_place(s), &n, s->level, reserved ? ROOM_RESERVE : NULL, &s->seg);
	if (r)
		return r;
	s->in_reserve = reserved;
	s->seg_name = n;
	s->opened_at = s->clock.mono();
	s->member_lines = 0;
	return put_first(s);
}

/* Member by member: a line that does not fit any more comes after a seal. */
static int feed(struct trail *s)
{
	int r = ensure_segment(s);

	while (!r && s->fed < s->kept.len) {
		struct kept k;
		const uint8_t *p = s->kept.mem + s->kept.off + s->fed;
		memcpy(&k, p, sizeof(k));
		uint64_t raw = segment_member_raw(s->seg);
		if ((raw && raw + k.n + SEAL_ROOM > SEGMENT_MEMBER) || s->member_lines >= SEAL_LINES)
			r = end_member(s);
		if (!r)
			r = trail_number_line(s, k.kind, view_of(p + sizeof(k), k.n), false);
		s->fed += sizeof(k) + k.n;
	}
	return r;
}

static void settled(struct trail *s)
{
	bool sealed = s->now.seals != s->safe.seals;

	s->safe = s->now;
	buf_consume(&s->kept, s->fed);
	s->fed = 0;
	s->unsynced = false;
	if (sealed)
		trail_key_past(s);
}

int trail_seal_open(struct trail *s)
{
	int r = 0;

	s->op = "seal";
	if (segment_member_raw(s->seg))
		r = end_member(s);
	if (!r)
		r = segment_seal(&s->seg, s->now.seq);
	if (r)
		return r;
	s->sealed++;
	s->new_epoch = false;
	settled(s);
	trail_checkpoint(s, true);
	/* No file is open now: the moment for one that could not be repaired when it failed. */
	if (s->left) {
		struct recover_report rep;
		s->left = recover_all(s->dir, s->second, &rep) != 0;
	}
	return 0;
}

/* The next file begins at once, while no line waits: its first line tells the owner's state at exactly this place. */
int trail_turn_over(struct trail *s)
{
	int r = s->seg ? trail_seal_open(s) : 0;

	s->turn &= r != 0;
	return r ? r : ensure_segment(s);
}

/* The file is given up: what is on disk of it is kept, everything since goes to the next one. */
int trail_fail(struct trail *s, int e)
{
	struct recover_report rep = {0};

	if (!s->err)
		s->err_since = s->clock.mono();
	if (!s->err && !s->paused)
		log_error("cannot %s below %s: %s; records are kept and nothing is acknowledged until a new file can be written", s->op,
		    s->what, err_text(e));
	s->err = e;
	s->errors++;
	s->retry_at = mono_after_ms(s->clock.mono(), RETRY_MS);
	s->now = s->safe;
	s->fed = 0;
	if (s->seg) {
		segment_drop(&s->seg);
		/* If not even this works the file stays in open/ for a while: it is cut later, where its successor begins. */
		int at = s->seg_away ? s->second : s->dir;
		bool repaired = recover_file(at, at, &s->seg_name, s->safe.seq, &rep) == 0;
		s->left |= !repaired;
		if (!repaired && s->second && !s->seg_away)
			repaired = recover_file(at, s->second, &s->seg_name, s->safe.seq, &rep) == 0;
		/* What was synced of it will be found: the epoch has begun. */
		if (s->seg_name.first <= s->safe.seq) {
			s->sealed += repaired;
			s->new_epoch = false;
		}
	}
	if (!trail_second_turn(s, e))
		trail_room_failed(s, e);
	return e;
}

static int may_try(const struct trail *s)
{
	return s->err && s->clock.mono().ns < s->retry_at.ns ? s->err : 0;
}

bool trail_may_try(const struct trail *s)
{
	return may_try(s) == 0;
}

int trail_number(struct trail *s, uint64_t *seq)
{
	assert(!s->begun);
	int r = may_try(s);
	if (r)
		return r;
	r = feed(s);
	if (r)
		return trail_fail(s, r);
	*seq = s->now.seq;
	return 0;
}

int trail_commit(struct trail *s, enum trail_flag how)
{
	uint64_t seq;

	int r = trail_number(s, &seq);
	if (r)
		return r;
	if (s->now.seq == s->safe.seq && !s->unsynced)
		return 0;
	s->op = "write";
	r = segment_write(s->seg);
	if (!r && !s->unsynced) {
		s->unsynced = true;
		s->written_at = s->clock.mono();
	}
	/* On a full disk there is no next file. */
	if (!r && segment_bytes(s->seg) >= s->segment_bytes && !s->paused)
		r = trail_turn_over(s);
	else if (!r && (how == TRAIL_DURABLE || s->kept.len > UNSYNCED_MAX || s->err)) {
		s->op = "sync";
		r = segment_sync(s->seg);
		if (!r)
			settled(s);
	}
	if (r)
		return trail_fail(s, r);
	if (s->err)
		log_notice("records are written again below %s", s->what);
	s->err = 0;
	return 0;
}

void trail_forget(struct trail *s)
{
	assert(!s->begun && s->fed == 0);
	buf_reset(&s->kept);
}

size_t trail_unsynced(const struct trail *s)
{
	return s->kept.len;
}

bool trail_waiting(const struct trail *s)
{
	return s->kept.len > s->fed;
}

/* Also when nothing happened: that is what it says then. */
static int heartbeat(struct trail *s)
{
	int r = ensure_segment(s);

	if (!r)
		r = trail_put_seal(s);
	return r ? trail_fail(s, r) : 0;
}

static bool passed(struct mono from, struct mono now, uint64_t ns)
{
	return now.ns > from.ns && now.ns - from.ns >= ns;
}

void trail_tick(struct trail *s)
{
	struct mono now = s->clock.mono();

	if (s->begun)
		return;
	trail_room_tick(s);
	if (may_try(s))
		return;
	bool old = s->seg && !s->paused && (s->turn || s->in_reserve || passed(s->opened_at, now, s->segment_ns));
	bool quiet = !s->err && passed(s->sealed_at, now, SEAL_SECONDS * 1000000000ull);
	bool late = s->unsynced && now.ns >= mono_after_ms(s->written_at, SYNC_MS).ns;
	if (old || quiet || late || s->err) {
		if (quiet && !old && heartbeat(s))
			return;
		if (trail_commit(s, TRAIL_DURABLE))
			return;
		int r = old && s->seg ? trail_turn_over(s) : 0;
		if (r)
			trail_fail(s, r);
		else if (old && trail_commit(s, TRAIL_DURABLE))
			return; /* said by trail_fail() */
	}
	trail_checkpoint(s, false);
	trail_second_tick(s);
}

int trail_close(struct trail **sp)
{
	struct trail *s = *sp;
	int r = 0;

	if (!s)
		return 0;
	s->retry_at = (struct mono){0};
	if (s->seg || s->kept.len)
		r = trail_commit(s, TRAIL_DURABLE);
	if (r && trail_may_try(s))
		r = trail_commit(s, TRAIL_DURABLE);
	if (!r && s->seg)
		r = trail_seal_open(s);
	if (!r)
		trail_second_close(s);
	trail_abandon(sp);
	return r;
}

void trail_abandon(struct trail **sp)
{
	if (*sp)
		segment_drop(&(*sp)->seg);
	trail_free(sp);
}

struct trail_state trail_state(const struct trail *s)
{
	return (struct trail_state){.epoch = s->epoch, .seq = s->now.seq, .safe_seq = s->safe.seq, .errors = s->errors,
	    .sealed = s->sealed, .repaired = s->recovered.repaired, .cut_bytes = s->recovered.cut_bytes, .lines = s->lines,
	    .raw = s->raw, .err = s->err, .err_since = s->err_since, .stage = s->stage, .paused = s->paused, .reserve = s->reserve,
	    .disk = s->disk, .head = s->now.chain, .seals = s->safe.seals, .key_id = keys_id(s->keys),
	    .key_waiting = keys_waiting(s->keys), .second = s->second != 0, .away = s->away, .away_err = s->away_err, .abroad = s->abroad};
}
