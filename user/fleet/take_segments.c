/*
 * take_segments.c - the sealed segments of one trail, in their order.
 *
 * What gets in continues what is there, line by line, and a seal made with the host's key covers it.  A segment whose end a crash left
 * without a seal is held until the next one proves it; one that comes too early waits in the inbox for those before it, and after
 * gap_wait_s it is taken over the hole, which stays on record and which a late segment may still fill.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "fleet/put.h"
#include "fleet/take_internal.h"

enum { HELD = 16, PASSES = 4 };

struct piece {
	struct state_piece p;
	struct verify_at at;
};

struct run {
	struct take *t;
	enum layout_trail trail;
	const char *part;
	struct state_trail *st;
	int dir; /* the inbox's */
	struct verify_known known;
	struct take_anchors anchors;
	struct piece ready[TAKE_BATCH + HELD]; /* verified and proved */
	size_t nready;
	struct piece held[HELD]; /* verified, to be proved by what follows */
	size_t nheld;
	bool again; /* something was removed that stood in the way */
	uint64_t waiting;
};

/* A candidate, copied. */
struct cand {
	struct names n;
	const char *name;
	int fd;
	uint8_t sum[CHAIN_LEN];
	uint64_t size;
};

static int refuse(struct run *s, const char *name, const uint8_t *sum, const char *reason, const char *words)
{
	return take_refuse(s->t, s->dir, s->part, name, sum, reason, words);
}

static void drop_copy(struct run *s, const char *name)
{
	char temp[LAYOUT_PATH];

	take_temp(s->t->host, s->part, name, temp);
	unlinkat(s->t->conf->store, temp, 0);
}

static int wait_for(struct run *s, const char *name, const char *why)
{
	if (!s->waiting++)
		snprintf(s->st->waits, sizeof(s->st->waits), "%s", why);
	take_tell(s->t, s->part, name, "waiting", why);
	drop_copy(s, name);
	return 0;
}

static const struct verify_at *tip(const struct run *s)
{
	return s->nheld ? &s->held[s->nheld - 1].at : &s->st->at;
}

/* ---- into the store ---- */

static int place(struct run *s, const struct state_piece *p)
{
	char temp[LAYOUT_PATH], path[LAYOUT_PATH];

	take_temp(s->t->host, s->part, p->name, temp);
	layout_segment_path(s->trail, s->t->host, p->date, p->name, path);
	int r = put_dirs(s->t->conf->store, path, 0750);
	return r ? r : put_name(s->t->conf->store, temp, path);
}

/* Steps 2 to 5 of take.h for everything that is ready. */
static int flush(struct run *s)
{
	struct take *t = s->t;
	uint64_t last[TAKE_BATCH + HELD];
	char temp[LAYOUT_PATH];
	int r = 0;

	if (!s->nready)
		return 0;
	for (size_t i = 0; !r && i < s->nready; i++) {
		r = state_add_pending(&t->state, &s->ready[i].p);
		last[i] = s->ready[i].at.seq;
	}
	take_temp(t->host, s->part, "", temp);
	if (!r)
		r = put_sync_dir(t->conf->store, temp);
	if (!r)
		r = state_write(t->conf->store, &t->state);
	for (size_t i = 0; !r && i < s->nready; i++)
		r = place(s, &s->ready[i].p);
	for (size_t i = 0; !r && i < t->state.npending; i += TAKE_BATCH)
		r = t->conf->record(t->conf->arg, t->host, t->state.pending + i, t->state.npending - i < TAKE_BATCH ? t->state.npending - i : TAKE_BATCH);
	for (size_t i = 0; !r && i < s->nready; i++) {
		take_tell(t, s->part, s->ready[i].p.name, "taken", "");
		/* What stays comes again as a duplicate. */
		(void)!inbox_remove(s->dir, s->ready[i].p.name);
	}
	if (r)
		return r;
	take_anchors_past(t, s->trail, &s->anchors, last, s->nready);
	t->state.npending = 0;
	t->changed = true;
	s->nready = 0;
	return 0;
}

static void note_time(struct run *s, const struct verify_at *at)
{
	struct wall now = wall_now(), last;
	char text[WALL_TEXT];

	wall_text(now, text);
	snprintf(s->st->received, sizeof(s->st->received), "%s", text);
	if (!wall_parse(at->last_ts, &last) && (last.ns - now.ns) / 1000000000 > s->st->clock_ahead_s)
		s->st->clock_ahead_s = (last.ns - now.ns) / 1000000000;
}

static int make_piece(struct run *s, const struct cand *c, const struct verify_at *at, struct piece *p)
{
	struct wall first;

	*p = (struct piece){.p.trail = s->trail, .at = *at};
	snprintf(p->p.name, sizeof(p->p.name), "%s", c->name);
	memcpy(p->p.sha256, c->sum, CHAIN_LEN);
	if (wall_parse(at->first_ts, &first) || first.ns < 0)
		return -ERR_MALFORMED;
	layout_date(first, p->p.date);
	return 0;
}

static void ready(struct run *s, const struct piece *p)
{
	struct names n;

	s->ready[s->nready++] = *p;
	s->t->res->segments++;
	if (layout_segment(p->p.name, &n))
		s->t->res->lines += n.last - n.first + 1;
	note_time(s, &p->at);
}

/* The trail stands behind ${p} now. */
static int advance(struct run *s, const struct piece *p)
{
	for (size_t i = 0; i < s->nheld; i++)
		ready(s, &s->held[i]);
	s->nheld = 0;
	ready(s, p);
	s->st->at = p->at;
	snprintf(s->st->segment, sizeof(s->st->segment), "%s", p->p.name);
	return s->nready >= TAKE_BATCH ? flush(s) : 0;
}

/* ---- judging ---- */

/* Whole in itself, and made with a key of this host?  Then v->bad is 0. */
static int alone(struct run *s, const struct cand *c, struct verify_at *at, struct verify_result *v)
{
	const struct verify_known known = {.keys = s->known.keys};
	int r = verify_segment(c->fd, &c->n, &known, NULL, at, v);

	if (r == -ENOBUFS || r == -ERR_TOO_LONG)
		r = 0;
	v->bad += !v->macs;
	return r;
}

/* It does not fit what is there: in which way? */
static int misfit(struct run *s, const struct cand *c, const char *words)
{
	const char *reason = QUARANTINE_TAMPERED;
	struct verify_at at;
	struct verify_result v;
	int r = alone(s, c, &at, &v);

	explicit_bzero(&at, sizeof(at));
	if (r)
		return r;
	if (v.bad && v.cause == VERIFY_NO_KEY)
		return wait_for(s, c->name, v.why);
	if (v.bad && v.cause == VERIFY_HOST) {
		reason = QUARANTINE_OTHER_HOST;
		words = v.why;
	} else if (!v.bad) {
		reason = QUARANTINE_ROLLED_BACK;
	}
	if (!v.bad && !s->st->fork[0]) {
		snprintf(s->st->fork, sizeof(s->st->fork), "%s", c->name);
		s->t->changed = true;
	}
	return refuse(s, c->name, c->sum, reason, words);
}

/* What was held is not what the next segment, which proves itself, continues. */
static int drop_held(struct run *s, size_t from)
{
	int r = 0;

	for (size_t i = from; !r && i < s->nheld; i++)
		r = refuse(s, s->held[i].p.name, s->held[i].p.sha256, QUARANTINE_TAMPERED,
		    "its end carries no seal, and it is not what the segment after it continues");
	s->nheld = from;
	s->again = true;
	return r;
}

static int failed(struct run *s, const struct cand *c, const struct verify_result *v)
{
	struct verify_at at;
	struct verify_result own;

	if (v->cause == VERIFY_NO_KEY)
		return wait_for(s, c->name, v->why);
	if (s->nheld) {
		int r = alone(s, c, &at, &own);
		if (r || !own.bad) {
			drop_copy(s, c->name);
			return r ? r : drop_held(s, 0);
		}
	}
	return misfit(s, c, v->why);
}

/* It begins where what is known ends. */
static int next(struct run *s, const struct cand *c)
{
	struct verify_result v;
	struct verify_at at;
	struct piece p;
	int r = verify_segment(c->fd, &c->n, &s->known, tip(s), &at, &v);

	if (r == -ENOBUFS || r == -ERR_TOO_LONG)
		return refuse(s, c->name, c->sum, QUARANTINE_TAMPERED, "a line is longer than any that a writer makes");
	if (r)
		return r;
	if (v.bad)
		return failed(s, c, &v);
	if (make_piece(s, c, &at, &p))
		return refuse(s, c->name, c->sum, QUARANTINE_TAMPERED, "its first line tells no time");
	if (!at.cut)
		return advance(s, &p);
	if (s->nheld == HELD)
		return wait_for(s, c->name, "too many segments without a seal at their end follow each other");
	s->held[s->nheld++] = p;
	return 0;
}

/* Lines that were given up come late. */
static int fill(struct run *s, const struct cand *c, size_t i)
{
	struct state_gap *g = &s->st->gaps[i];
	struct verify_result v;
	struct verify_at at;
	struct piece p;
	int r = verify_segment(c->fd, &c->n, &s->known, &g->before, &at, &v);

	if (r)
		return r == -ENOBUFS || r == -ERR_TOO_LONG ? misfit(s, c, "a line is longer than any that a writer makes") : r;
	if (v.bad && v.cause == VERIFY_NO_KEY)
		return wait_for(s, c->name, v.why);
	if (v.bad || make_piece(s, c, &at, &p))
		return misfit(s, c, v.bad ? v.why : "its first line tells no time");
	bool closes = at.seq == g->to;
	if (closes && (memcmp(at.head, g->after.head, CHAIN_LEN) != 0 || at.seal != g->after.seal || memcmp(at.mac, g->after.mac, MAC_LEN) != 0))
		return misfit(s, c, "it ends otherwise than the segment after it says");
	/* Its end is proved by the segment after the hole, or by a seal of its own. */
	if (at.cut && !closes)
		return wait_for(s, c->name, "its end carries no seal, and what follows it is missing");
	ready(s, &p);
	if (closes) {
		state_drop_gap(s->st, i);
	} else {
		g->from = at.seq + 1;
		g->before = at;
	}
	return flush(s);
}

static int64_t waited_s(const struct state_trail *st)
{
	struct wall since;

	return wall_parse(st->wait_since, &since) ? 0 : (wall_now().ns - since.ns) / 1000000000;
}

/* Lines are missing before it: is it too early to do without them? */
static bool early(struct run *s, const struct names *n)
{
	struct state_trail *st = s->st;
	char now[WALL_TEXT];

	if (st->wait_from != st->at.seq + 1) {
		st->wait_from = st->at.seq + 1;
		wall_text(wall_now(), now);
		snprintf(st->wait_since, sizeof(st->wait_since), "%s", now);
		s->t->changed = true;
	}
	return n->first > tip(s)->seq + 1 && !st->fork[0] && waited_s(st) < s->t->conf->gap_wait_s;
}

static int ahead(struct run *s, const struct cand *c)
{
	struct state_trail *st = s->st;
	struct state_gap g = {.from = st->at.seq + 1, .to = c->n.first - 1, .before = st->at};
	struct piece p;
	struct verify_at at;
	char why[STATE_WHY];
	struct verify_result v;

	snprintf(why, sizeof(why), "lines %" PRIu64 " to %" PRIu64 " are missing before it", g.from, g.to);
	int r = alone(s, c, &at, &v);
	if (r || v.bad || st->fork[0] || c->n.epoch < st->at.epoch || at.said.seal < st->at.seal)
		return r ? r : misfit(s, c, v.bad ? v.why : "it belongs to another history than the one that is here");
	if (at.cut || make_piece(s, c, &at, &p))
		return wait_for(s, c->name, why);
	snprintf(g.since, sizeof(g.since), "%s", st->wait_since);
	g.after = at.said;
	if (state_add_gap(st, &g))
		return wait_for(s, c->name, "there are too many holes before it");
	take_tell(s->t, s->part, c->name, "hole", why);
	st->wait_from = 0;
	st->wait_since[0] = '\0';
	return advance(s, &p);
}

/* It claims lines that are here, or held. */
static int behind(struct run *s, const struct cand *c)
{
	struct state_trail *st = s->st;
	char why[STATE_WHY];

	for (size_t i = 0; i < st->ngaps; i++) {
		if (c->n.first < st->gaps[i].from || c->n.first > st->gaps[i].to)
			continue;
		if (c->n.first == st->gaps[i].from && c->n.last <= st->gaps[i].to)
			return fill(s, c, i);
		if (c->n.last <= st->gaps[i].to)
			return wait_for(s, c->name, "lines are missing before it");
	}
	for (size_t i = 0; i < s->nheld; i++) {
		struct verify_result v;
		struct verify_at at;
		const struct verify_at *from = i ? &s->held[i - 1].at : &st->at;
		if (c->n.first != from->seq + 1)
			continue;
		int r = verify_segment(c->fd, &c->n, &s->known, from, &at, &v);
		if (r || v.bad || at.cut)
			return r ? r : v.bad ? misfit(s, c, v.why) : wait_for(s, c->name, "another segment claims the same lines, and neither is proved");
		r = drop_held(s, i);
		return r ? r : next(s, c);
	}
	snprintf(why, sizeof(why), "lines %" PRIu64 " to %" PRIu64 " are here already, with another text", c->n.first,
	    c->n.last < st->at.seq ? c->n.last : st->at.seq);
	return misfit(s, c, why);
}

static bool receipted(struct run *s, const char *name)
{
	char path[LAYOUT_PATH];

	layout_receipt_path(s->trail, s->t->host, name, path);
	if (faccessat(s->t->conf->store, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	for (size_t i = 0; i < s->nready; i++)
		if (strcmp(s->ready[i].p.name, name) == 0)
			return true;
	return false;
}

static int judge(struct run *s, const struct cand *c)
{
	char hex[CHAIN_HEX];

	chain_hex(c->sum, CHAIN_LEN, hex);
	if (strncmp(hex, c->n.sha, NAMES_SHA - 1) != 0)
		return refuse(s, c->name, c->sum, QUARANTINE_TAMPERED, "its bytes are not those that its name was made from");
	if (strcmp(c->n.host, s->t->host) != 0)
		return refuse(s, c->name, c->sum, QUARANTINE_OTHER_HOST, "it is named after another host");
	if (receipted(s, c->name)) {
		s->t->res->duplicates++;
		take_tell(s->t, s->part, c->name, "duplicate", "");
		drop_copy(s, c->name);
		(void)!inbox_remove(s->dir, c->name);
		return 0;
	}
	if (!s->known.keys.n)
		return wait_for(s, c->name, "no seal key of this trail is enrolled");
	if (fdatasync(c->fd) < 0)
		return -errno;
	if (c->n.first == tip(s)->seq + 1)
		return next(s, c);
	return c->n.first > tip(s)->seq ? ahead(s, c) : behind(s, c);
}

static int one(struct run *s, const char *name)
{
	struct cand c = {.name = name, .fd = -1};

	if (!layout_segment(name, &c.n)) {
		uint64_t size;
		c.fd = take_copy(s->t, s->dir, s->part, name, INBOX_SEGMENT, c.sum, &size);
		if (c.fd < 0)
			return take_passing(c.fd) ? 0 : c.fd;
		fd_close(&c.fd);
		return refuse(s, name, c.sum, QUARANTINE_BAD_NAME, "it has not the name of a sealed segment");
	}
	if (strcmp(c.n.host, s->t->host) == 0 && c.n.first > tip(s)->seq + 1 && early(s, &c.n)) {
		char why[STATE_WHY];
		snprintf(why, sizeof(why), "lines %" PRIu64 " to %" PRIu64 " are missing before it", tip(s)->seq + 1, c.n.first - 1);
		return wait_for(s, name, why);
	}
	c.fd = take_copy(s->t, s->dir, s->part, name, INBOX_SEGMENT, c.sum, &c.size);
	if (c.fd < 0)
		return take_passing(c.fd) ? 0 : c.fd;
	s->t->res->bytes += c.size;
	int r = judge(s, &c);
	fd_close(&c.fd);
	return r;
}

/* Names sort by host, epoch, first line: the lines of a host in their order. */
static int pass(struct run *s)
{
	struct inbox_names l;
	int r = inbox_list(s->dir, &l);

	s->waiting = 0;
	s->again = false;
	for (size_t i = 0; !r && i < l.n; i++)
		r = one(s, l.at[i]);
	for (size_t i = 0; i < s->nheld; i++)
		wait_for(s, s->held[i].p.name, "its end carries no seal: what follows it must prove it");
	s->nheld = 0;
	if (l.more)
		take_tell(s->t, s->part, "sealed", "waiting", "there are more files than one look takes: the rest is for the next one");
	inbox_free(&l);
	return r ? r : flush(s);
}

int take_segments(struct take *t, enum layout_trail trail)
{
	struct run *s = calloc(1, sizeof(*s));
	char path[LAYOUT_PATH];

	if (!s)
		return -ENOMEM;
	s->t = t;
	s->trail = trail;
	s->part = layout_trail(trail);
	s->st = &t->state.trail[trail];
	s->known.keys = buf_view(&t->enrol.keys[trail]);
	snprintf(path, sizeof(path), "%s/sealed", s->part);
	s->dir = inbox_dir(t->dir, path);
	int r = s->dir >= 0 || s->dir == -ENOENT ? 0 : s->dir;
	if (r == -ELOOP || r == -ENOTDIR) {
		take_tell(t, s->part, "sealed", "waiting", "it is no directory: remove it from the inbox");
		r = 0;
	}
	if (!r && s->dir >= 0)
		r = take_anchors(t, trail, &s->anchors);
	s->known.notes = s->anchors.at;
	s->known.nnotes = s->anchors.n;
	for (int i = 0; !r && s->dir >= 0 && (i == 0 || s->again) && i < PASSES; i++)
		r = pass(s);
	if (!r && s->st->waiting != s->waiting) {
		s->st->waiting = s->waiting;
		t->changed = true;
	}
	if (!s->waiting) {
		s->st->waits[0] = '\0';
		s->st->wait_from = 0;
	}
	t->res->waiting += s->waiting;
	free(s->anchors.at);
	fd_close(&s->dir);
	explicit_bzero(s, sizeof(*s));
	free(s);
	return r;
}
