/*
 * calls.c - calls, and what else a worker or the vault said, into rows.
 * Memory: the calls that are open; callgate-audit leaves at most some ten thousand of a worker open, and OPEN_MAX holds whatever a host says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "evidence/run.h"

enum { CHAINS = 1 << 14, OPEN_MAX = 1 << 17, KEY_MAX = 4096 };

struct open {
	struct open *next;
	uint64_t seq;
	char ts[WALL_TEXT];
	bool privileged;
	uint16_t id_n;
	uint32_t before_n, after_n; /* bytes of cells before and after the result */
	char text[];                /* id, before, after */
};

struct calls {
	struct open *chain[CHAINS];
	size_t n;
	struct buf before, after;
	const struct layout_file *file;
	char segment[NAMES_MAX];
	uint64_t uid;
	char person[64];
};

int calls_new(struct host *h)
{
	h->calls = calloc(1, sizeof(*h->calls));
	if (!h->calls)
		return -ENOMEM;
	h->calls->uid = UINT64_MAX;
	return 0;
}

static const char *person(struct host *h, const struct fields *f)
{
	struct calls *c = h->calls;
	uint64_t uid = fields_num(f, FLD_UID, UINT64_MAX);

	if (uid == UINT64_MAX)
		return "";
	if (uid != c->uid) {
		const struct user *u = journal_user(h, uid, false);
		c->uid = uid;
		if (u)
			run_text(c->person, sizeof(c->person), "%s", u->name);
		else
			run_text(c->person, sizeof(c->person), "uid:%llu", (unsigned long long)uid);
	}
	return c->person;
}

static const char *segment(struct calls *c, const struct proved_at *at)
{
	char path[NAMES_MAX];

	if (at->file != c->file) {
		names_path(&at->file->names, path);
		run_text(c->segment, sizeof(c->segment), "%s", path + strlen("sealed/"));
		c->file = at->file;
	}
	return c->segment;
}

static enum run_class class_of(struct view risk)
{
	for (int i = 0; i < CLASS_NONE; i++)
		if (view_is(risk, run_class_name[i]))
			return (enum run_class)i;
	return CLASS_NONE;
}

/* ---- cells ---- */

static void put(struct run *r, struct buf *b, struct view v)
{
	if ((b->len && buf_puts(b, ",")) || row_cell(b, v))
		bundle_fail(r->b, -ENOMEM, sheets[SH_CALLS].path);
}

static void put_num(struct run *r, struct buf *b, uint64_t n)
{
	char t[24];
	size_t at = sizeof(t);

	do
		t[--at] = (char)('0' + n % 10);
	while (n /= 10);
	put(r, b, view_of(t + at, sizeof(t) - at));
}

static void cells(struct host *h, const struct fields *f, const struct proved_at *at, const char *who)
{
	static const enum field mid[] = {FLD_GRANT, FLD_SERVER, FLD_METHOD, FLD_TOOL, FLD_TOOL_HASH, FLD_RISK};
	static const enum field end[] = {FLD_POLICY, FLD_APPROVAL, FLD_CRED};
	struct run *r = h->run;
	struct calls *c = h->calls;
	struct buf *b = &c->before;
	char instance[64];
	struct view agent_pid = f->raw[FLD_AGENT_PID].n ? f->raw[FLD_AGENT_PID] : f->raw[FLD_PID], boot = fields_text(f, FLD_BOOT);

	buf_reset(b);
	put(r, b, fields_text(f, FLD_ID));
	put(r, b, view_str(h->name));
	put(r, b, f->raw[FLD_SEQ]);
	put(r, b, fields_text(f, FLD_TS));
	put(r, b, view_str(who));
	put(r, b, f->raw[FLD_UID]);
	put(r, b, fields_text(f, FLD_AGENT));
	run_text(instance, sizeof(instance), "%.*s:%.*s", (int)(boot.n < 36 ? boot.n : 36), (const char *)boot.p, (int)(agent_pid.n < 20 ? agent_pid.n : 20),
	    (const char *)agent_pid.p);
	put(r, b, view_str(instance));
	for (size_t i = 0; i < sizeof(mid) / sizeof(*mid); i++)
		put(r, b, fields_text(f, mid[i]));
	put(r, b, f->raw[FLD_ARG_KEYS]);
	put(r, b, fields_text(f, FLD_VERDICT));
	put(r, b, fields_text(f, fields_is(f, FLD_VERDICT, "allow") ? FLD_AUTHORISED_BY : FLD_RULE));
	for (size_t i = 0; i < sizeof(end) / sizeof(*end); i++)
		put(r, b, fields_text(f, end[i]));
	put(r, b, f->raw[FLD_CRED_VER]);
	b = &c->after;
	buf_reset(b);
	put(r, b, view_str(segment(c, at)));
	put_num(r, b, at->member);
	put_num(r, b, at->offset);
	put_num(r, b, at->seal);
}

static void write_row(struct run *r, enum sheet s, struct view before, struct view result, struct view us, struct view after, const char *ts)
{
	row_raw(r->b, s, before);
	row_text(r->b, s, result);
	row_text(r->b, s, us);
	row_raw(r->b, s, after);
	row_end(r->b, s, ts);
}

/* ---- what was seen ---- */

static size_t key_of(const struct fields *f, const enum field *fields, size_t n, char key[KEY_MAX])
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		struct view v = fields_text(f, fields[i]);
		if (at + v.n + 1 >= KEY_MAX)
			break;
		if (v.n)
			memcpy(key + at, v.p, v.n);
		at += v.n;
		key[at++] = '\0';
	}
	return at;
}

static void seen_call(struct host *h, const struct fields *f, const char *ts, const char *who, enum run_class class, bool allowed)
{
	static const enum field tool_key[] = {FLD_SERVER, FLD_TOOL, FLD_TOOL_HASH}, program[] = {FLD_AGENT, FLD_EXE, FLD_EXE_SHA256, FLD_UNIT};
	struct run *r = h->run;
	char key[KEY_MAX];

	struct server *s = fields_text(f, FLD_SERVER).n ? map_get(&r->servers, fields_text(f, FLD_SERVER)) : NULL;
	if (s)
		seen_add(&s->seen, ts, allowed);
	struct tool *t = fields_text(f, FLD_TOOL).n ? map_get(&r->tools, view_of(key, key_of(f, tool_key, 3, key))) : NULL;
	if (t) {
		seen_add(&t->seen, ts, allowed);
		t->risk = class;
	}
	size_t n = key_of(f, program, 4, key);
	struct identity *i = map_get(&r->identities, view_of(key, n));
	if (i) {
		seen_add(&i->seen, ts, allowed);
		i->by_class[class] += allowed;
		if (i->last_host != h->number + 1) {
			i->last_host = h->number + 1;
			i->hosts++;
		}
		if (!i->strength[0])
			run_text(i->strength, sizeof(i->strength), "%.*s", (int)(fields_text(f, FLD_STRENGTH).n < 15 ? fields_text(f, FLD_STRENGTH).n : 15), (const char *)fields_text(f, FLD_STRENGTH).p);
	}
	size_t w = strlen(who);
	if (n + w < KEY_MAX)
		memcpy(key + n, who, w);
	size_t before = h->locals.n;
	struct local *l = map_get(&h->locals, view_of(key, n + (n + w < KEY_MAX ? w : 0)));
	if (l)
		seen_add(&l->seen, ts, allowed);
	if (i && h->locals.n > before)
		i->persons++;
	struct policy *p = fields_text(f, FLD_POLICY).n ? map_get(&r->policies, fields_text(f, FLD_POLICY)) : NULL;
	if (p)
		p->calls++;
	char *first = p ? map_get(&h->deployed, fields_text(f, FLD_POLICY)) : NULL;
	if (first && !*first)
		run_text(first, WALL_TEXT, "%s", ts);
}

static void use_grant(struct host *h, const struct fields *f, const char *ts, bool allowed, bool in)
{
	struct grant *g = fields_text(f, FLD_GRANT).n ? map_find(&h->grants, fields_text(f, FLD_GRANT)) : NULL;

	if (!g)
		return;
	if (allowed) {
		if (!g->first[0])
			run_text(g->first, sizeof(g->first), "%s", ts);
		run_text(g->last, sizeof(g->last), "%s", ts);
	}
	g->allowed += in && allowed;
	g->denied += in && !allowed;
}

/* ---- calls ---- */

static int call(struct host *h, const struct fields *f, const struct proved_at *at, const char *ts)
{
	struct run *r = h->run;
	struct calls *c = h->calls;
	bool allowed = fields_is(f, FLD_VERDICT, "allow");
	enum run_class class = class_of(fields_text(f, FLD_RISK));
	const char *who = person(h, f);
	struct view id = fields_text(f, FLD_ID);

	use_grant(h, f, ts, allowed, true);
	seen_call(h, f, ts, who, class, allowed);
	people_call(r, allowed ? who : "", ts, id);
	struct day *d = run_day(r, ts);
	if (d)
		*(allowed ? &d->allowed[class] : &d->denied[class]) += 1;
	r->calls++;
	cells(h, f, at, who);
	struct view before = buf_view(&c->before), after = buf_view(&c->after);
	if (!allowed || c->n == OPEN_MAX) {
		struct view result = allowed ? VIEW_LIT("unknown") : view_of(NULL, 0);
		write_row(r, SH_CALLS, before, result, view_of(NULL, 0), after, ts);
		if (!allowed)
			write_row(r, SH_DENIED, before, result, view_of(NULL, 0), after, ts);
		return 0;
	}
	struct open *o = malloc(sizeof(*o) + id.n + before.n + after.n);
	if (!o)
		return -ENOMEM;
	*o = (struct open){.seq = fields_num(f, FLD_SEQ, 0), .privileged = class != CLASS_READ && fields_is(f, FLD_METHOD, "tools/call"),
	    .id_n = (uint16_t)id.n, .before_n = (uint32_t)before.n, .after_n = (uint32_t)after.n};
	memcpy(o->ts, ts, WALL_TEXT);
	if (id.n)
		memcpy(o->text, id.p, id.n);
	memcpy(o->text + id.n, before.p, before.n);
	memcpy(o->text + id.n + before.n, after.p, after.n);
	struct open **slot = &c->chain[map_hash(id) % CHAINS];
	o->next = *slot;
	*slot = o;
	c->n++;
	return 0;
}

static void close_row(struct run *r, const struct open *o, struct view result, struct view us)
{
	struct view before = view_of(o->text + o->id_n, o->before_n), after = view_of(o->text + o->id_n + o->before_n, o->after_n);

	write_row(r, SH_CALLS, before, result, us, after, o->ts);
	if (o->privileged)
		write_row(r, SH_PRIVILEGED, before, result, us, after, o->ts);
}

static void close_call(struct host *h, struct view id, struct view result, struct view us)
{
	struct calls *c = h->calls;
	struct open **at = &c->chain[map_hash(id) % CHAINS];

	while (*at && !view_eq(view_of((*at)->text, (*at)->id_n), id))
		at = &(*at)->next;
	struct open *o = *at;
	if (!o)
		return; /* of a call before the period */
	close_row(h->run, o, result, us);
	*at = o->next;
	free(o);
	c->n--;
}

static int by_seq(const void *a, const void *b)
{
	const struct open *x = *(struct open *const *)a, *y = *(struct open *const *)b;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

void calls_end(struct host *h)
{
	struct calls *c = h->calls;
	struct open **all = c && c->n ? calloc(c->n, sizeof(struct open *)) : NULL;
	size_t n = 0;

	if (!c)
		return;
	if (c->n && !all)
		bundle_fail(h->run->b, -ENOMEM, sheets[SH_CALLS].path);
	for (size_t i = 0; all && i < CHAINS; i++)
		for (struct open *o = c->chain[i]; o; o = o->next)
			all[n++] = o;
	if (n)
		qsort(all, n, sizeof(struct open *), by_seq);
	for (size_t i = 0; i < n; i++) {
		close_row(h->run, all[i], VIEW_LIT("open"), view_of(NULL, 0));
		free(all[i]);
	}
	free(all);
	buf_free(&c->before);
	buf_free(&c->after);
	free(c);
	h->calls = NULL;
}

/* ---- the rest ---- */

static void where(struct host *h, enum sheet s, const struct proved_at *at)
{
	struct bundle *b = h->run->b;

	row_str(b, s, segment(h->calls, at));
	row_num(b, s, at->member);
	row_num(b, s, at->offset);
	row_num(b, s, at->seal);
}

static void bypass(struct host *h, const struct fields *f, struct view kind, const struct proved_at *at, const char *ts)
{
	struct bundle *b = h->run->b;
	char to[400];
	struct view host = fields_text(f, FLD_DST_HOST), addr = fields_text(f, FLD_DST_ADDR), port = f->raw[FLD_DST_PORT];
	struct view to_name = host.n ? host : addr, by = f->raw[FLD_BY];
	struct fields who;
	struct day *d = run_day(h->run, ts);
	const char *name = person(h, f);

	if (d)
		d->refused++;
	run_text(to, sizeof(to), "%.*s%s%.*s", (int)(to_name.n < 300 ? to_name.n : 300), (const char *)to_name.p, port.n ? ":" : "", (int)port.n, (const char *)port.p);
	row_str(b, SH_BYPASS, h->name);
	row_text(b, SH_BYPASS, f->raw[FLD_SEQ]);
	row_str(b, SH_BYPASS, ts);
	if (by.n && fields_read(&who, by) == 0) {
		row_text(b, SH_BYPASS, fields_text(&who, FLD_USER));
		row_text(b, SH_BYPASS, who.raw[FLD_UID]);
		row_text(b, SH_BYPASS, fields_text(&who, FLD_EXE));
	} else {
		row_str(b, SH_BYPASS, name);
		row_text(b, SH_BYPASS, f->raw[FLD_UID]);
		row_text(b, SH_BYPASS, fields_text(f, FLD_EXE));
	}
	row_text(b, SH_BYPASS, kind);
	row_text(b, SH_BYPASS, fields_text(f, FLD_DO).n ? fields_text(f, FLD_DO) : fields_text(f, FLD_EVENT));
	row_text(b, SH_BYPASS, view_str(to));
	row_text(b, SH_BYPASS, fields_text(f, FLD_SERVER));
	row_text(b, SH_BYPASS, fields_text(f, FLD_ERR));
	row_text(b, SH_BYPASS, fields_text(f, FLD_DETAIL).n ? fields_text(f, FLD_DETAIL) : fields_text(f, FLD_REASON));
	where(h, SH_BYPASS, at);
	row_str(b, SH_BYPASS, layout_trail(h->trail));
	row_end(b, SH_BYPASS, ts);
}

/* A change that somebody may not make stands in the journal. */
void calls_refused(struct host *h, const struct fields *f, const struct proved_at *at)
{
	char ts[WALL_TEXT];

	run_ts(fields_text(f, FLD_TS), ts);
	bypass(h, f, VIEW_LIT("refused"), at, ts);
	h->calls->file = NULL; /* the next trail has a list of its own, which may lie where this one lay */
}

static void alert(struct host *h, const struct fields *f, const struct proved_at *at, const char *ts)
{
	struct bundle *b = h->run->b;
	struct day *d = run_day(h->run, ts);

	if (d)
		d->alerts++;
	row_str(b, SH_ALERTS, h->name);
	row_text(b, SH_ALERTS, f->raw[FLD_SEQ]);
	row_str(b, SH_ALERTS, ts);
	row_text(b, SH_ALERTS, fields_text(f, FLD_EVENT));
	row_text(b, SH_ALERTS, fields_text(f, FLD_ID));
	row_text(b, SH_ALERTS, fields_text(f, FLD_CLAIMED));
	row_text(b, SH_ALERTS, fields_text(f, FLD_DETAIL));
	where(h, SH_ALERTS, at);
	row_text(b, SH_ALERTS, f->raw[FLD_UID]);
	row_text(b, SH_ALERTS, fields_text(f, FLD_EXE));
	row_text(b, SH_ALERTS, fields_text(f, FLD_SERVER));
	row_text(b, SH_ALERTS, fields_text(f, FLD_DST_HOST));
	row_text(b, SH_ALERTS, fields_text(f, FLD_CRED));
	row_end(b, SH_ALERTS, ts);
}

static void loss(struct host *h, const struct fields *f, const char *ts)
{
	struct bundle *b = h->run->b;

	row_str(b, SH_LOSSES, h->name);
	row_text(b, SH_LOSSES, f->raw[FLD_SEQ]);
	row_text(b, SH_LOSSES, f->raw[FLD_COUNT]);
	row_text(b, SH_LOSSES, fields_text(f, FLD_FROM));
	row_text(b, SH_LOSSES, fields_text(f, FLD_TO));
	row_text(b, SH_LOSSES, fields_text(f, FLD_CAUSE));
	row_end(b, SH_LOSSES, ts);
	struct view n = view_head(f->raw[FLD_COUNT], f->raw[FLD_COUNT].n < 20 ? f->raw[FLD_COUNT].n : 20);
	/* Its events are no records: programs that started, names that were answered. */
	if (fields_is(f, FLD_CAUSE, "kernel"))
		run_finding(h->run, "loss", SH_LOSSES, h->name, "", ts, "", "the kernel side had no room for " VIEW_FMT " events, such as a program's start", VIEW_ARG(n));
	else
		run_finding(h->run, "loss", SH_LOSSES, h->name, "", ts, "", "the writer says that " VIEW_FMT " records were not kept", VIEW_ARG(n));
}

static void release(struct host *h, const struct fields *f, const char *ts, bool in)
{
	struct view cred = fields_text(f, FLD_CRED);

	if (!fields_is(f, FLD_EVENT, "release") || !cred.n || f->raw[FLD_ERR].n)
		return;
	/* A vendor's clock is another one: releases beside the period count for its entries. */
	vendor_release(h->run, fields_text(f, FLD_ID), cred, ts);
	struct credential *c = in ? map_get(&h->credentials, cred) : NULL;
	if (!c)
		return;
	c->releases++;
	run_text(c->last, sizeof(c->last), "%s", ts);
}

int calls_line(struct host *h, const struct fields *f, struct view kind, const struct proved_at *at)
{
	char ts[WALL_TEXT];
	bool in = run_in(h->run, fields_text(f, FLD_TS));

	run_ts(fields_text(f, FLD_TS), ts);
	if (view_is(kind, "result"))
		close_call(h, fields_text(f, FLD_ID), fields_text(f, FLD_STATUS), f->raw[FLD_DUR_US]);
	else if (view_is(kind, "abandoned"))
		close_call(h, fields_text(f, FLD_ID), VIEW_LIT("abandoned"), view_of(NULL, 0));
	else if (view_is(kind, "release"))
		release(h, f, ts, in);
	else if (!in && view_is(kind, "call"))
		use_grant(h, f, ts, fields_is(f, FLD_VERDICT, "allow"), false);
	else if (!in)
		return 0;
	else if (view_is(kind, "call"))
		return call(h, f, at, ts);
	else if (view_is(kind, "refused") || (view_is(kind, "connection") && fields_is(f, FLD_VERDICT, "refuse")))
		bypass(h, f, kind, at, ts);
	else if (view_is(kind, "alert"))
		alert(h, f, at, ts);
	else if (view_is(kind, "loss"))
		loss(h, f, ts);
	return 0;
}
