/* status.c - see status.h. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/note.h"
#include "audit/walk.h"
#include "base/err.h"
#include "base/fd.h"
#include "fleet/enrol.h"
#include "fleet/state.h"
#include "fleet/status.h"

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static bool ts_of(struct view v, struct wall *t)
{
	char s[WALL_TEXT + 8];

	snprintf(s, sizeof(s), "%.*s", (int)(v.n < sizeof(s) ? v.n : sizeof(s) - 1), (const char *)v.p);
	return wall_parse(s, t) == 0;
}

/* ---- lines ---- */

/* Only what is a hash: the rest is a host's word. */
static void hash_in(const json_t *o, const char *key, char out[65])
{
	const char *s = text(o, key);

	snprintf(out, 65, "%s", strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64 ? s : "");
}

static void state_of_seal(struct status_host *h, const json_t *o)
{
	const json_t *e = json_object_get(o, "enforcement_state"), *missing = json_object_get(e, "missing");
	json_int_t dropped = json_integer_value(json_object_get(json_object_get(o, "kernel"), "dropped"));
	json_int_t bundle = json_integer_value(json_object_get(o, "bundle"));
	size_t i, n = 0;
	json_t *m;

	hash_in(o, "policy_hash", h->policy);
	hash_in(o, "config_hash", h->config);
	hash_in(o, "binary_hash", h->binary);
	hash_in(o, "bundle_hash", h->bundle_hash);
	h->bundle = bundle > 0 ? (uint64_t)bundle : 0;
	snprintf(h->mode, sizeof(h->mode), "%.15s", text(e, "mode"));
	h->missing[0] = '\0';
	json_array_foreach(missing, i, m)
		if (json_string_value(m) && n < sizeof(h->missing))
			n += (size_t)snprintf(h->missing + n, sizeof(h->missing) - n, "%s%.60s", n ? ", " : "", json_string_value(m));
	h->synced = json_is_true(json_object_get(json_object_get(o, "clock_sync"), "synced"));
	if (dropped > 0 && (uint64_t)dropped > h->dropped)
		h->dropped = (uint64_t)dropped;
}

static int special(struct status_host *h, const struct entry_head *head, struct view line)
{
	struct gap_mark m = {.what = view_is(head->kind, "seal") ? MARK_SEAL : view_is(head->kind, "epoch") ? MARK_EPOCH : MARK_SEGMENT};
	json_t *o = json_loadb((const char *)line.p, line.n, JSON_ALLOW_NUL, NULL);
	int r = 0;

	if (ts_of(head->ts, &m.wall) && o) {
		m.epoch = (uint64_t)json_integer_value(json_object_get(o, "epoch"));
		m.mono.ns = (uint64_t)json_integer_value(json_object_get(o, "mono"));
		snprintf(m.boot, sizeof(m.boot), "%.39s", text(o, "boot_id"));
		if (m.what == MARK_SEAL)
			state_of_seal(h, o);
		r = gap_mark(&h->gaps, &m);
	}
	json_decref(o);
	return r;
}

static bool has(struct view line, const char *s)
{
	return memmem(line.p, line.n, s, strlen(s)) != NULL;
}

int status_line(struct status_host *h, struct view line, bool counts)
{
	struct entry_head head;
	struct gap_mark stop = {.what = MARK_STOP};

	if (entry_head(line, &head))
		return 0;
	h->lines += counts;
	if (view_is(head.kind, "seal") || view_is(head.kind, "epoch") || view_is(head.kind, "segment"))
		return special(h, &head, line);
	if (view_is(head.kind, "coverage") && has(line, ",\"event\":\"stop\",") && ts_of(head.ts, &stop.wall))
		return gap_mark(&h->gaps, &stop);
	if (!counts)
		return 0;
	if (view_is(head.kind, "call")) {
		h->calls++;
		/* Only our own member stands unescaped in a line. */
		h->denied += has(line, ",\"verdict\":\"deny\"");
	}
	h->losses += view_is(head.kind, "loss");
	h->alerts += view_is(head.kind, "alert");
	h->io_errors += view_is(head.kind, "io_error");
	return 0;
}

static int one_file(int store, struct status_host *h, const struct layout_file *f, bool counts)
{
	char name[NAMES_MAX], path[LAYOUT_PATH];
	struct walk *w = NULL;
	struct view line;
	struct stat st;

	names_path(&f->names, name);
	layout_segment_path(LAYOUT_AUDIT, h->host, f->date, strchr(name, '/') + 1, path);
	int fd = openat(store, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = errno;
		fd_close(&fd);
		return -err;
	}
	int r = walk_new(fd, &w);
	while (!r && (r = walk_next(w, &line)) > 0)
		r = r == WALK_LINE ? status_line(h, line, counts) : 0;
	if (counts) {
		h->segments++;
		h->bytes += (uint64_t)st.st_size;
	}
	if (r == -ERR_CORRUPT) {
		if (!h->damaged)
			snprintf(h->damage, sizeof(h->damage), "%s", strchr(name, '/') + 1);
		h->damaged = true;
		r = 0;
	}
	walk_free(&w);
	fd_close(&fd);
	return r < 0 ? r : 0;
}

/* ---- files ---- */

static void before_file(int store, struct status_host *h, enum layout_trail t, struct gaps *g, uint64_t next, uint64_t first)
{
	enum gap_cause cause = GAP_LOST;

	if (first <= next)
		return;
	status_refused_lines(store, h->host, t, next, first - 1, &cause);
	gap_missing(g, next, first - 1, cause);
}

/* From the file before the first of that time on: it says what the machine was doing then. */
static int audit_trail(int store, struct status_host *h, const struct status_opts *o)
{
	struct layout_files list;
	char from[LAYOUT_DATE], to[LAYOUT_DATE];
	uint64_t next = 1;

	layout_date(o->from, from);
	layout_date(o->to, to);
	int r = layout_segments(store, LAYOUT_AUDIT, h->host, NULL, NULL, &list);
	for (size_t i = 0; !r && i < list.n; i++) {
		const struct layout_file *f = &list.at[i];
		bool counts = strcmp(f->date, from) >= 0 && strcmp(f->date, to) <= 0;
		bool before = i + 1 < list.n && strcmp(f->date, from) < 0 && strcmp(list.at[i + 1].date, from) >= 0;
		h->seen = true;
		/* A clock that was ahead for a while put its day there. */
		if (strcmp(f->date, to) > 0) {
			next = f->names.last + 1;
			continue;
		}
		if (counts)
			before_file(store, h, LAYOUT_AUDIT, &h->gaps, next, f->names.first);
		next = f->names.last + 1;
		/* Nothing of that time: the newest there is says since when. */
		if (counts || before || i + 1 == list.n)
			r = one_file(store, h, f, counts);
	}
	if (list.n)
		layout_files_free(&list);
	return r;
}

static int journal_trail(int store, struct status_host *h, const struct status_opts *o)
{
	struct layout_files list;
	char from[LAYOUT_DATE], to[LAYOUT_DATE];
	uint64_t next = 1;

	layout_date(o->from, from);
	layout_date(o->to, to);
	int r = layout_segments(store, LAYOUT_JOURNAL, h->host, NULL, NULL, &list);
	for (size_t i = 0; !r && i < list.n; i++) {
		const struct layout_file *f = &list.at[i];
		if (strcmp(f->date, from) >= 0 && strcmp(f->date, to) <= 0 && f->names.first > next) {
			struct gap_mark m = {.what = MARK_SEGMENT, .epoch = f->names.epoch};
			char at[WALL_TEXT];
			snprintf(at, sizeof(at), "%.10sT00:00:00Z", f->date);
			if (wall_parse(at, &m.wall))
				continue;
			before_file(store, h, LAYOUT_JOURNAL, &h->journal, next, f->names.first);
			r = gap_mark(&h->journal, &m);
			h->journal.last = (struct wall){0}; /* the next one does not begin here */
		}
		next = f->names.last + 1;
	}
	if (list.n)
		layout_files_free(&list);
	return r;
}

/* ---- the end, and the sum ---- */

/* Why nothing came after the last line: files of it lie in quarantine, or it was not collected, or the machine is off. */
static int trailing(int store, struct status_host *h, const struct status_opts *o)
{
	int64_t since = gap_between(h->gaps.last, o->to) / 1000000000;
	enum gap_cause cause = h->gaps.stopped ? GAP_OFF : GAP_NOT_COLLECTED;

	if (!h->gaps.last.ns || since <= GAP_SECONDS)
		return 0;
	if (h->gaps.stopped && (uint64_t)since > o->silent_s)
		cause = GAP_NOT_COLLECTED;
	if (cause == GAP_NOT_COLLECTED && !h->gaps.stopped && (uint64_t)since <= o->lag_s)
		return 0; /* its file is not sealed yet, or on its way */
	enum gap_cause refused;
	struct layout_files list;
	int r = layout_segments(store, LAYOUT_AUDIT, h->host, NULL, NULL, &list);
	if (r)
		return r;
	uint64_t last = list.n ? list.at[list.n - 1].names.last : 0;
	if (list.n)
		layout_files_free(&list);
	/* Of an older image the lines have numbers that were there before: those of its last file reach beyond, or not. */
	if (cause == GAP_NOT_COLLECTED && status_refused_lines(store, h->host, LAYOUT_AUDIT, last ? last : 1, UINT64_MAX, &refused))
		cause = refused;
	for (size_t i = 0; cause == GAP_NOT_COLLECTED && i < h->refusals; i++)
		if (strcmp(h->refused[i].reason, "rolled-back") == 0)
			cause = GAP_ROLLED_BACK;
	return gap_end(&h->gaps, o->to, cause);
}

static int64_t within(const struct status_opts *o, int64_t t)
{
	return t < o->from.ns ? o->from.ns : t > o->to.ns ? o->to.ns : t;
}

/* Covered is what is left of the time between the first line and now; gaps outside of what was asked for are dropped. */
static void sum_up(struct status_host *h, const struct status_opts *o)
{
	int64_t all = h->gaps.first.ns ? within(o, o->to.ns) - within(o, h->gaps.first.ns) : 0;
	int64_t off = 0, bad = 0, unknown = 0, tail = within(o, o->to.ns) - within(o, h->gaps.last.ns);
	size_t kept = 0;

	for (size_t i = 0; i < h->gaps.n; i++) {
		struct gap g = h->gaps.at[i];
		g.from.ns = within(o, g.from.ns);
		g.to.ns = within(o, g.to.ns);
		int64_t len = g.to.ns > g.from.ns ? g.to.ns - g.from.ns : 0;
		if (!len && !g.first)
			continue;
		h->gaps.at[kept++] = g;
		if (g.to.ns == o->to.ns && g.from.ns == h->gaps.last.ns)
			tail = 0;
		if (g.cause == GAP_OFF || g.cause == GAP_ASLEEP || g.cause == GAP_POWER)
			off += len;
		else if (g.cause == GAP_NOT_COLLECTED || g.cause == GAP_ROLLED_BACK)
			unknown += len;
		else
			bad += len;
	}
	h->gaps.n = kept;
	if (!h->gaps.first.ns)
		tail = 0;
	/* The newest lines that are still on their way are neither. */
	int64_t covered = all - off - bad - unknown - tail;
	h->covered_s = covered > 0 ? (uint64_t)covered / 1000000000 : 0;
	h->off_s = (uint64_t)off / 1000000000;
	h->uncovered_s = (uint64_t)bad / 1000000000;
	h->unknown_s = (uint64_t)unknown / 1000000000;
}

/* What ingest wrote down, if it did. */
static void ingest_state(int store, struct status_host *h)
{
	struct state s;

	if (state_read(store, h->host, &s) == 0) {
		for (int t = 0; t < LAYOUT_TRAILS; t++) {
			const struct state_trail *trail = &s.trail[t];
			if (trail->clock_ahead_s > h->clock_ahead_s)
				h->clock_ahead_s = trail->clock_ahead_s;
			h->waiting += trail->waiting;
			if (trail->waiting && !h->waits[0])
				snprintf(h->waits, sizeof(h->waits), "%s", trail->waits);
		}
	}
	state_free(&s);
}

int status_read(int store, const char *host, const struct status_opts *o, struct status_host *h)
{
	struct enrol e;

	*h = (struct status_host){.synced = true};
	snprintf(h->host, sizeof(h->host), "%s", host);
	int r = enrol_read(store, host, &e);
	if (!r) {
		snprintf(h->enrolled, sizeof(h->enrolled), "%s", e.at);
		enrol_free(&e);
	}
	r = status_quarantine(store, host, h);
	if (!r)
		r = audit_trail(store, h, o);
	if (!r)
		r = journal_trail(store, h, o);
	if (!r)
		r = trailing(store, h, o);
	if (r)
		return r;
	ingest_state(store, h);
	sum_up(h, o);
	return 0;
}

void status_free(struct status_host *h)
{
	gaps_free(&h->gaps);
	gaps_free(&h->journal);
}
