/* export.c - see export.h.  Two passes over the journals, one over the audit trails, a host at a time. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "evidence/run.h"

enum { DAYS_MAX = 3660, POLICIES_MAX = 20000, DAY_S = 86400, FINDINGS_SHOWN = 1000 };

const char *const run_class_name[CLASSES] = {"Read", "Write", "Execute", "Destructive", "Financial", "none"};

/* ---- what the parts share ---- */

void run_text(char *out, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out, cap, fmt, ap);
	va_end(ap);
}

void run_ts(struct view ts, char out[WALL_TEXT])
{
	size_t n = ts.n < WALL_TEXT - 1 ? ts.n : WALL_TEXT - 1;

	if (n)
		memcpy(out, ts.p, n);
	memset(out + n, 0, WALL_TEXT - n);
}

/* All times of a trail are written alike, so that they compare as bytes. */
bool run_in(const struct run *r, struct view ts)
{
	size_t n = strlen(r->from);

	return ts.n == n && memcmp(ts.p, r->from, n) >= 0 && memcmp(ts.p, r->to, n) < 0;
}

uint64_t run_seconds(const char *from, const char *to)
{
	struct wall a, b;

	if (!*from || !*to || wall_parse(from, &a) || wall_parse(to, &b) || b.ns <= a.ns)
		return 0;
	return (uint64_t)(b.ns - a.ns) / 1000000000u;
}

void seen_add(struct seen *s, const char *ts, bool allowed)
{
	if (!s->first[0] || memcmp(ts, s->first, WALL_TEXT) < 0)
		memcpy(s->first, ts, WALL_TEXT);
	if (memcmp(ts, s->last, WALL_TEXT) > 0)
		memcpy(s->last, ts, WALL_TEXT);
	*(allowed ? &s->allowed : &s->denied) += 1;
}

struct day *run_day(struct run *r, const char *ts)
{
	static char last[LAYOUT_DATE];
	static size_t i;
	struct wall t;

	/* Lines of a day come together. */
	if (memcmp(ts, last, LAYOUT_DATE - 1) != 0) {
		if (wall_parse(ts, &t))
			return NULL;
		i = (size_t)(t.ns / 1000000000 / DAY_S - r->o->from.ns / 1000000000 / DAY_S);
		memcpy(last, ts, LAYOUT_DATE - 1);
	}
	return i < r->ndays ? &r->days[i] : NULL;
}

void run_finding(struct run *r, const char *kind, enum sheet s, const char *host, const char *subject, const char *from, const char *to, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	row_str(r->b, SH_FINDINGS, kind);
	row_str(r->b, SH_FINDINGS, sheets[s].path);
	row_str(r->b, SH_FINDINGS, host);
	row_str(r->b, SH_FINDINGS, subject);
	row_str(r->b, SH_FINDINGS, from);
	row_str(r->b, SH_FINDINGS, to);
	row_str(r->b, SH_FINDINGS, text);
	row_end(r->b, SH_FINDINGS, from);
	if (json_array_size(r->findings) < FINDINGS_SHOWN)
		json_array_append_new(r->findings, json_pack("{s:s s:s s:s s:s s:s s:s s:s}", "kind", kind, "file", sheets[s].path, "host", host, "subject", subject, "from", from,
		    "to", to, "detail", text));
}

/* ---- a host ---- */

static int host_open(struct run *r, size_t i, bool first_pass, struct host *h)
{
	*h = (struct host){.run = r, .number = i, .name = r->hosts.at[i], .first_pass = first_pass, .policies = json_object()};
	map_init(&h->grants, sizeof(struct grant), 0);
	map_init(&h->users, sizeof(struct user), RUN_DISTINCT);
	map_init(&h->credentials, sizeof(struct credential), RUN_DISTINCT);
	map_init(&h->locals, sizeof(struct local), RUN_DISTINCT);
	map_init(&h->deployed, WALL_TEXT, RUN_DISTINCT);
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++)
		map_init(&h->segments_seen[t], 1, 0);
	r->host = i;
	int e = enrol_read(r->store, h->name, &h->enrol);
	h->enrolled = !e;
	return e && e != -ENOENT ? e : h->policies ? 0 : -ENOMEM;
}

static void host_close(struct host *h)
{
	calls_end(h);
	enrol_free(&h->enrol);
	json_decref(h->policies);
	json_decref(h->parts);
	json_decref(h->of_bundle);
	map_free(&h->grants);
	map_free(&h->users);
	map_free(&h->credentials);
	map_free(&h->locals);
	map_free(&h->deployed);
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++)
		map_free(&h->segments_seen[t]);
	free(h->held);
}

/* No writer of ours leaves a control character in a line: one would begin another cell, or another line, to somebody. */
static bool printable(struct view v)
{
	unsigned bad = 0;

	for (size_t i = 0; i < v.n; i++)
		bad |= v.p[i] < 0x20;
	return !bad;
}

/* 2026-11-03T10:00:00.000123Z: times are compared as bytes, so all are written alike. */
static bool is_time(struct view v)
{
	static const char form[] = "0000-00-00T00:00:00.000000Z";
	bool good = v.n == sizeof(form) - 1;

	for (size_t i = 0; good && i < v.n; i++)
		good = form[i] == '0' ? v.p[i] >= '0' && v.p[i] <= '9' : v.p[i] == (uint8_t)form[i];
	return good;
}

static int on_journal(void *arg, struct view line, const struct proved_at *at)
{
	struct host *h = arg;
	struct fields f;
	char ts[WALL_TEXT];

	if (!printable(line) || fields_read(&f, line) || !is_time(fields_text(&f, FLD_TS))) {
		h->run->rejects += !h->first_pass;
		h->rejected += !h->first_pass;
		return 0;
	}
	if (!h->first_pass) {
		run_ts(fields_text(&f, FLD_TS), ts);
		cover_told(h, ts);
		if (fields_is(&f, FLD_KIND, "epoch"))
			cover_epoch(h, &f, ts);
		else if (fields_is(&f, FLD_EVENT, "refused") && run_in(h->run, view_str(ts)))
			calls_refused(h, &f, at);
	}
	return journal_line(h, line, at);
}

static int on_audit(void *arg, struct view line, const struct proved_at *at)
{
	struct host *h = arg;
	struct run *r = h->run;
	struct fields f;
	char ts[WALL_TEXT];

	r->lines++;
	if (!printable(line) || fields_read(&f, line) || !is_time(fields_text(&f, FLD_TS))) {
		r->rejects++;
		h->rejected++;
		return 0;
	}
	struct view kind = fields_text(&f, FLD_KIND);
	run_ts(fields_text(&f, FLD_TS), ts);
	/* Lines from after the period say where its last gap ends. */
	cover_line(h, &f, kind, ts);
	int e = calls_line(h, &f, kind, at);
	r->outside += !run_in(r, fields_text(&f, FLD_TS));
	return e ? e : bundle_err(r->b);
}

static int on_bad(void *arg, const struct proved_bad *b)
{
	struct host *h = arg;

	cover_bad(h, b);
	return bundle_err(h->run->b);
}

static int on_segment(void *arg, const struct proved_segment *s)
{
	struct host *h = arg;

	files_segment(h, s);
	return bundle_err(h->run->b);
}

static int read_trail(struct host *h, enum layout_trail t)
{
	struct run *r = h->run;
	struct proved_calls calls = {.line = t == LAYOUT_AUDIT ? on_audit : on_journal, .arg = h};
	struct proved_result out;

	h->trail = t;
	if (!h->first_pass) {
		calls.bad = on_bad;
		calls.segment = on_segment;
	}
	/* A journal is the state of its host from the first line on. */
	int e = proved_read(r->store, t, h->name, &h->enrol, t == LAYOUT_AUDIT ? r->from_date : NULL, r->to_date, &calls, &out);
	if (!h->first_pass) {
		cover_told(h, "");
		r->proved_lines += out.lines;
		r->held_back += out.held_back;
		r->seals += out.seals;
		r->notes += out.notes;
	}
	return e;
}

static int host_first(struct run *r, size_t i)
{
	struct host h;
	int e = host_open(r, i, true, &h);

	if (!e && h.enrolled)
		e = read_trail(&h, LAYOUT_JOURNAL);
	host_close(&h);
	return e;
}

static int host_second(struct run *r, size_t i)
{
	struct host h;
	uint64_t calls = r->calls;
	int e = host_open(r, i, false, &h);

	files_host(&h);
	if (!e)
		e = calls_new(&h);
	if (!e)
		e = cover_new(&h);
	if (!e)
		e = read_trail(&h, LAYOUT_JOURNAL);
	if (!e)
		e = read_trail(&h, LAYOUT_AUDIT);
	h.calls_in = r->calls - calls;
	calls_end(&h);
	if (h.rejected)
		run_finding(r, "lines-rejected", SH_SEGMENTS, h.name, "", "", "", "%llu proved lines are none that callgate-audit writes: whoever has the seal key wrote them", (unsigned long long)h.rejected);
	if (!e) {
		grants_write(&h);
		inventory_host(&h);
		files_host_end(&h);
	}
	cover_end(&h);
	host_close(&h);
	return e ? e : bundle_err(r->b);
}

/* ---- all ---- */

static void day_text(int64_t ns, char out[LAYOUT_DATE])
{
	layout_date((struct wall){ns}, out);
}

static int run_open(struct run *r)
{
	const struct export_opts *o = r->o;
	struct buf vkey = {.max = NOTE_VKEY};

	wall_text(o->from, r->from);
	wall_text(o->to, r->to);
	wall_text(o->as_of, r->as_of);
	day_text(o->from.ns, r->from_date);
	day_text(o->to.ns + (int64_t)DAY_S * 1000000000, r->to_date);
	r->ndays = (size_t)((o->to.ns - 1) / 1000000000 / DAY_S - o->from.ns / 1000000000 / DAY_S + 1);
	if (o->from.ns < 0 || o->to.ns <= o->from.ns || r->ndays > DAYS_MAX) {
		run_text(r->why, EXPORT_WHY, "the period is empty or longer than ten years");
		return -ERR_RANGE;
	}
	map_init(&r->policies, sizeof(struct policy), POLICIES_MAX);
	map_init(&r->servers, sizeof(struct server), RUN_DISTINCT);
	map_init(&r->tools, sizeof(struct tool), RUN_DISTINCT);
	map_init(&r->identities, sizeof(struct identity), RUN_DISTINCT);
	map_init(&r->assets, sizeof(struct asset), 0);
	r->days = calloc(r->ndays, sizeof(*r->days));
	r->calendar = json_array();
	r->timeline = json_array();
	r->findings = json_array();
	r->grants = json_array();
	if (!r->days || !r->calendar || !r->timeline || !r->grants || !r->findings)
		return -ENOMEM;
	r->store = open(o->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int e = r->store < 0 ? -errno : layout_hosts(r->store, &r->hosts);
	if (e) {
		run_text(r->why, EXPORT_WHY, "%s: %s", o->store, err_text(e));
		return e;
	}
	if (fd_slurp(r->store, "collector.vkey", NOTE_VKEY, &vkey) == 0) {
		struct view v = buf_view(&vkey);
		while (v.n && v.p[v.n - 1] == '\n')
			v.n--;
		run_text(r->collector, sizeof(r->collector), "%.*s", (int)v.n, (const char *)v.p);
	}
	buf_free(&vkey);
	if (!r->hosts.n) {
		run_text(r->why, EXPORT_WHY, "%s holds no enrolled host: is it a store of callgate fleet ingest?", o->store);
		return -ERR_NOT_FOUND;
	}
	e = people_read(r);
	return e ? e : vendor_read(r);
}

static void run_close(struct run *r)
{
	for (struct map_entry *e = r->policies.first; e; e = e->next)
		free(((struct policy *)e->data)->tools);
	map_free(&r->policies);
	map_free(&r->servers);
	map_free(&r->tools);
	map_free(&r->identities);
	map_free(&r->assets);
	layout_hosts_free(&r->hosts);
	vendor_free(r);
	free(r->leavers);
	free(r->days);
	json_decref(r->calendar);
	json_decref(r->timeline);
	json_decref(r->findings);
	json_decref(r->grants);
	fd_close(&r->store);
}

static int run_hosts(struct run *r)
{
	int e = 0;

	for (size_t i = 0; !e && i < r->hosts.n; i++)
		if ((e = host_first(r, i)))
			run_text(r->why, EXPORT_WHY, "%s: %s", r->hosts.at[i], err_text(e));
	files_end(r);
	for (size_t i = 0; !e && i < r->hosts.n; i++)
		if ((e = host_second(r, i)) && !bundle_err(r->b))
			run_text(r->why, EXPORT_WHY, "%s: %s", r->hosts.at[i], err_text(e));
	return e;
}

int export_bundle(const struct export_opts *o, struct export_result *out)
{
	struct run r = {.o = o, .store = -1, .why = out->why};

	*out = (struct export_result){0};
	int e = run_open(&r);
	if (!e && (e = bundle_new(o->out, &r.b)))
		run_text(out->why, EXPORT_WHY, "%s: %s", o->out, e == -EEXIST ? "is there already and not empty" : err_text(e));
	if (!e)
		e = run_hosts(&r);
	if (!e) {
		inventory_write(&r);
		people_write(&r);
		vendor_write(&r);
		ledger_write(&r);
		report_write(&r);
		out->findings = bundle_rows(r.b, SH_FINDINGS);
		manifest_write(&r);
	}
	if (r.b && bundle_err(r.b)) {
		e = bundle_err(r.b);
		run_text(out->why, EXPORT_WHY, "%s/%s: %s", o->out, bundle_where(r.b), err_text(e));
	}
	if (r.b && !e)
		bundle_files(r.b, &out->files);
	out->hosts = r.hosts.n;
	out->lines = r.proved_lines;
	out->calls = r.calls;
	bundle_free(&r.b);
	run_close(&r);
	if (e && !out->why[0])
		run_text(out->why, EXPORT_WHY, "%s", err_text(e));
	return e;
}
