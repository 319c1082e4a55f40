/* feed.c - see feed.h. */
#include <errno.h>
#include <stdlib.h>

#include "audit/entry.h"
#include "audit/feed_internal.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

int feed_new(struct feed **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void let_go(struct feed_ring *r);

/* A free entry; when all are taken, that of the oldest ring (their identities grow) which only the files tell of and which has no open call. */
struct feed_ring *feed_room(struct feed *f)
{
	struct feed_ring *oldest = feed_find(f, 0);

	for (size_t i = 0; (!oldest || oldest->id) && i < FEED_RINGS; i++) {
		struct feed_ring *r = &f->ring[i];
		if (!r->ring && !r->calls.open && (!oldest || r->id < oldest->id))
			oldest = r;
	}
	if (oldest && oldest->id)
		let_go(oldest);
	return oldest;
}

static void let_go(struct feed_ring *r)
{
	shring_free(&r->ring);
	for (size_t i = 0; i < 4; i++)
		fd_close(&r->fd[i]);
	calls_free(&r->calls);
	*r = (struct feed_ring){0};
}

void feed_free(struct feed **fp)
{
	struct feed *f = *fp;
	if (!f)
		return;
	for (size_t i = 0; i < FEED_RINGS; i++)
		if (f->ring[i].id)
			let_go(&f->ring[i]);
	free(f);
	*fp = NULL;
}

void feed_trail(struct feed *f, struct trail *s)
{
	f->trail = s;
}

struct feed_ring *feed_find(struct feed *f, uint64_t id)
{
	for (size_t i = 0; i < FEED_RINGS; i++)
		if (f->ring[i].id == id)
			return &f->ring[i];
	return NULL;
}

/* The mark of an earlier audit process: if its line was written, so was everything up to the mark. */
static void resume(struct feed *f, struct feed_ring *r)
{
	uint64_t pos, seq;

	if (shring_marked(r->ring, &pos, &seq) && f->trail && seq <= f->found_seq)
		shring_skip(r->ring, pos);
	shring_mark(r->ring, 0, 0);
	r->read = r->acked = shring_acked(r->ring);
}

int feed_ring(struct feed *f, uint64_t id, int64_t slot, const int fd[4], bool replaces)
{
	struct feed_ring *r = feed_find(f, id);
	int e = 0;

	if (!id || (r && r->ring))
		e = -EEXIST;
	if (!e && !r)
		r = feed_room(f);
	if (!e && !r)
		e = -ENOSPC;
	struct shring *ring = NULL;
	if (!e)
		e = shring_reader(fd[FEED_DATA], fd[FEED_ACK], fd[FEED_ACKBELL], &ring);
	if (e) {
		for (size_t i = 0; i < 4; i++)
			fd_close(&(int){fd[i]});
		return e;
	}
	for (size_t i = 0; replaces && slot != FEED_NO_SLOT && i < FEED_RINGS; i++)
		if (f->ring[i].id && f->ring[i].ring && f->ring[i].slot == slot)
			f->ring[i].slot = FEED_NO_SLOT;
	r->id = id;
	r->slot = slot;
	r->ring = ring;
	memcpy(r->fd, fd, sizeof(r->fd));
	resume(f, r);
	shring_hold(ring, f->hold);
	return 0;
}

void feed_hold(struct feed *f, enum shring_why why)
{
	f->hold = why;
	for (size_t i = 0; i < FEED_RINGS; i++)
		if (f->ring[i].ring)
			shring_hold(f->ring[i].ring, why);
}

/* ---- what a record becomes ---- */

/* A worker's clock reading, held between the moment the ring was last empty and now. */
static struct wall when(const struct feed *f, const struct feed_ring *r, uint64_t mono_ns)
{
	if (mono_ns > f->now.ns)
		mono_ns = f->now.ns;
	if (mono_ns < r->empty_at.ns)
		mono_ns = r->empty_at.ns;
	return (struct wall){f->wall.ns - (int64_t)(f->now.ns - mono_ns)};
}

static void abandon(struct feed *f, uint64_t ring, uint64_t call, const char *why)
{
	struct jsonw *w = trail_line(f->trail, "abandoned", wall_now());
	entry_id(w, ring, call);
	jsonw_str(w, "detail", why);
	int r = trail_end(f->trail);
	if (r)
		log_error("a call cannot be closed as abandoned: %s", err_text(r));
}

static void alert(struct feed *f, const struct feed_ring *r, const char *what, const struct rec_seen *rec)
{
	struct jsonw *w = trail_line(f->trail, "alert", f->wall);

	jsonw_str(w, "event", what);
	entry_id(w, r->id, rec ? rec->head.call : 0);
	if (rec) {
		const char *kind = entry_kind(rec->head.kind);
		if (kind)
			jsonw_str(w, "claimed", kind);
		entry_fields(w, rec);
	}
	int e = trail_end(f->trail);
	if (e)
		log_error("an alert cannot be recorded: %s", err_text(e));
	if (!r->alerted)
		log_warning("the worker of ring %012llx broke a rule of the record ring: %s", (unsigned long long)r->id, what);
}

static bool refused(const struct rec_seen *rec)
{
	return !view_is(rec->text[F_VERDICT], "allow") && !view_is(rec->text[F_MODE], "observe");
}

/* NULL when the record may stand as what it says, else the rule that it breaks. */
static const char *breaks(struct feed *f, struct feed_ring *r, const struct rec_seen *rec)
{
	uint64_t call = rec->head.call;

	if (!entry_kind(rec->head.kind))
		return "unknown-kind";
	if (rec->head.kind == REC_LOSS)
		return rec->num[F_COUNT] && !rec->head.call ? NULL : "loss-without-count";
	if (rec->head.kind == REC_RESULT)
		return calls_close(&r->calls, call) ? NULL : "result-without-call";
	if (rec->head.kind != REC_CALL)
		return NULL;
	if (r->calls.n >= CALLS_MAX)
		calls_trim(&r->calls);
	if (r->calls.n >= CALLS_MAX) {
		/* More than a worker can hold open: the oldest cannot be waited for. */
		size_t n;
		uint64_t *open = calls_list(&r->calls, &n);
		for (size_t i = 0; i < n / 2; i++) {
			abandon(f, r->id, open[i], "too-many-open");
			calls_close(&r->calls, open[i]);
		}
		free(open);
	}
	return calls_add(&r->calls, call, refused(rec)) ? "call-out-of-turn" : NULL;
}

/* Only memory that is out, or a line beyond every bound: said at once, and in a record as soon as there is room for one. */
static void lost(struct feed *f, int why)
{
	if (!f->lost++) {
		f->lost_from = f->wall;
		log_error("a record cannot be kept: %s", err_text(why));
	}
	f->lost_to = f->wall;
	f->lost_why = why;
	f->lost_ever++;
}

static void say_lost(struct feed *f)
{
	if (!f->lost)
		return;
	if (feed_loss(f, f->lost, f->lost_from, f->lost_to, err_name(f->lost_why)) == 0)
		f->lost = 0;
}

int feed_loss(struct feed *f, uint64_t count, struct wall from, struct wall to, const char *cause)
{
	char a[WALL_TEXT], b[WALL_TEXT];
	struct jsonw *w = trail_line(f->trail, "loss", wall_now());

	wall_text(from, a);
	wall_text(to, b);
	jsonw_uint(w, "count", count);
	jsonw_str(w, "from", a);
	jsonw_str(w, "to", b);
	jsonw_str(w, "cause", cause);
	int r = trail_end(f->trail);
	if (r)
		log_error("a loss cannot be recorded now: %s", err_text(r));
	return r;
}

uint64_t feed_lost(const struct feed *f)
{
	return f->lost_ever;
}

/* What a worker could not put into its ring. */
static void told_lost(struct feed *f, const struct feed_ring *r, const struct rec_seen *rec)
{
	uint64_t to = rec->head.mono_ns, back = rec->num[F_DUR_US] < to / 1000 ? rec->num[F_DUR_US] * 1000 : to;

	int e = feed_loss(f, rec->num[F_COUNT], when(f, r, to - back), when(f, r, to), "ring");
	if (e)
		lost(f, e);
}

static void take(struct feed *f, struct feed_ring *r, struct view v, struct feed_seen *seen)
{
	struct rec_seen *rec = &f->rec;

	if (rec_parse(v, rec)) {
		alert(f, r, "malformed-record", NULL);
		r->alerted = true;
		return;
	}
	seen->waits += (rec->head.flags & REC_WAIT) != 0;
	const char *broken = breaks(f, r, rec);
	if (broken) {
		alert(f, r, broken, rec);
		r->alerted = true;
		return;
	}
	if (rec->head.kind == REC_LOSS) {
		told_lost(f, r, rec);
		return;
	}
	struct jsonw *w = trail_line(f->trail, entry_kind(rec->head.kind), when(f, r, rec->head.mono_ns));
	/* The only one that workers raise by their own word. */
	if (rec->head.kind == REC_ALERT)
		jsonw_str(w, "event", view_is(rec->text[F_RULE], "(placeholder)") ? "placeholder" : "worker");
	entry_id(w, r->id, rec->head.call);
	entry_fields(w, rec);
	if (rec->head.flags & REC_CUT)
		jsonw_bool(w, "cut", true);
	int e = trail_end(f->trail);
	if (e)
		lost(f, e);
}

static void drain_ring(struct feed *f, struct feed_ring *r, size_t most, struct feed_seen *seen)
{
	struct view v;
	uint64_t pos;
	size_t start = seen->bytes;
	int e = 1;

	while (seen->bytes - start < most && (e = shring_get(r->ring, &v, &pos)) > 0) {
		take(f, r, v, seen);
		r->read = pos;
		seen->records++;
		seen->bytes += v.n;
	}
	if (e == 0)
		r->empty_at = f->now;
	if (e < 0) {
		alert(f, r, "ring-corrupt", NULL);
		r->corrupt = true;
	}
}

void feed_drain(struct feed *f, size_t most, struct feed_seen *seen)
{
	f->now = mono_now();
	f->wall = wall_now();
	say_lost(f);
	for (size_t i = 0; i < FEED_RINGS; i++)
		if (f->ring[i].ring && !f->ring[i].corrupt)
			drain_ring(f, &f->ring[i], most, seen);
}

/* ---- what is safe ---- */

int feed_write(struct feed *f, enum trail_flag how)
{
	uint64_t seq;

	int e = trail_number(f->trail, &seq);
	for (size_t i = 0; !e && i < FEED_RINGS; i++)
		if (f->ring[i].ring && f->ring[i].read != f->ring[i].acked)
			shring_mark(f->ring[i].ring, f->ring[i].read, seq);
	return e ? e : trail_commit(f->trail, how);
}

int feed_commit(struct feed *f, enum trail_flag how)
{
	int e = feed_write(f, how);

	for (size_t i = 0; !e && i < FEED_RINGS; i++) {
		struct feed_ring *r = &f->ring[i];
		if (!r->ring || r->read == r->acked)
			continue;
		shring_ack(r->ring, r->read);
		r->acked = r->read;
	}
	return e;
}

static void abandon_all(struct feed *f, struct feed_ring *r, const char *why)
{
	size_t n;
	uint64_t *open = calls_list(&r->calls, &n);

	for (size_t i = 0; i < n; i++)
		abandon(f, r->id, open[i], why);
	free(open);
	calls_free(&r->calls);
}

void feed_settle(struct feed *f)
{
	for (size_t i = 0; i < FEED_RINGS; i++) {
		struct feed_ring *r = &f->ring[i];
		if (!r->ring || r->slot != FEED_NO_SLOT || r->read != r->acked)
			continue;
		if (!r->corrupt && !shring_sleep(r->ring))
			continue;
		abandon_all(f, r, "worker-ended");
		let_go(r);
	}
}

void feed_orphans(struct feed *f)
{
	for (size_t i = 0; i < FEED_RINGS; i++) {
		if (!f->ring[i].id || f->ring[i].ring)
			continue;
		abandon_all(f, &f->ring[i], "recovery");
		let_go(&f->ring[i]);
	}
}

void feed_stop(struct feed *f)
{
	for (size_t i = 0; i < FEED_RINGS; i++)
		if (f->ring[i].id)
			abandon_all(f, &f->ring[i], "stop");
}

bool feed_sleep(struct feed *f)
{
	bool empty = true;
	for (size_t i = 0; i < FEED_RINGS; i++)
		if (f->ring[i].ring && !f->ring[i].corrupt && !shring_sleep(f->ring[i].ring))
			empty = false;
	return empty;
}

void feed_wake(struct feed *f)
{
	for (size_t i = 0; i < FEED_RINGS; i++)
		if (f->ring[i].ring)
			shring_wake(f->ring[i].ring);
}

int feed_bell(const struct feed *f, size_t i)
{
	return f->ring[i].ring ? f->ring[i].fd[FEED_BELL] : -1;
}
