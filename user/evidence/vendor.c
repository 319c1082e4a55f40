/*
 * vendor.c - the upstream's own log of what was done with a credential, against releases of that credential.
 * An entry without a release near it: the credential was used somewhere else.  CSV with a header line: time,credential[,id].
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "codec/csv.h"
#include "evidence/run.h"

enum { ENTRIES_MAX = 2000000, ID = 64 };

struct entry {
	int64_t ms, offset;
	uint32_t credential;
	bool matched;
	uint32_t host;
	char id[ID], call[40];
};

struct vendor {
	struct entry *at;
	size_t n;
	struct map credentials; /* name -> uint32_t */
	uint64_t releases, unmatched;
};

static int by_time(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->credential != y->credential)
		return x->credential < y->credential ? -1 : 1;
	if (x->ms != y->ms)
		return x->ms < y->ms ? -1 : 1;
	return strcmp(x->id, y->id);
}

static int take(struct run *r, const struct csv *c, int time, int credential, int id)
{
	struct vendor *v = r->vendor;
	char text[64];
	struct wall t;

	if ((size_t)time >= c->n || (size_t)credential >= c->n || !c->field[credential].n)
		return -ERR_MALFORMED;
	run_text(text, sizeof(text), "%.*s", (int)(c->field[time].n < 40 ? c->field[time].n : 40), (const char *)c->field[time].p);
	if (wall_parse(text, &t))
		return -ERR_MALFORMED;
	if (v->n == ENTRIES_MAX)
		return -ERR_TOO_LONG;
	if ((v->n & (v->n - 1)) == 0) {
		void *at = reallocarray(v->at, v->n ? 2 * v->n : 1, sizeof(*v->at));
		if (!at)
			return -ENOMEM;
		v->at = at;
	}
	uint32_t *number = map_get(&v->credentials, c->field[credential]);
	if (!number)
		return -ENOMEM;
	if (!*number)
		*number = (uint32_t)v->credentials.n;
	struct entry *e = &v->at[v->n++];
	*e = (struct entry){.ms = t.ns / 1000000, .credential = *number};
	if (id >= 0 && (size_t)id < c->n)
		run_text(e->id, ID, "%.*s", (int)(c->field[id].n < ID - 1 ? c->field[id].n : ID - 1), (const char *)c->field[id].p);
	return 0;
}

int vendor_read(struct run *r)
{
	struct csv c;
	int e, time, credential, id;

	if (!r->o->vendor.p)
		return 0;
	r->vendor = calloc(1, sizeof(*r->vendor));
	struct vendor *v = r->vendor;
	uint8_t *copy = malloc(r->o->vendor.n + 1);
	if (!v || !copy) {
		free(copy);
		return -ENOMEM;
	}
	map_init(&v->credentials, sizeof(uint32_t), RUN_DISTINCT);
	memcpy(copy, r->o->vendor.p, r->o->vendor.n);
	csv_begin(&c, copy, r->o->vendor.n);
	e = csv_row(&c);
	time = e > 0 ? csv_column(&c, "time") : -1;
	credential = e > 0 ? csv_column(&c, "credential") : -1;
	id = e > 0 ? csv_column(&c, "id") : -1;
	if (e >= 0 && (time < 0 || credential < 0))
		e = -ERR_MALFORMED;
	while (e > 0 && (e = csv_row(&c)) > 0) {
		int bad = take(r, &c, time, credential, id);
		e = bad ? bad : e;
	}
	if (e < 0)
		run_text(r->why, EXPORT_WHY, "the vendor's log, line %u: %s; it wants the columns time and credential", c.line, err_text(e));
	free(copy);
	if (v->n)
		qsort(v->at, v->n, sizeof(*v->at), by_time);
	return e;
}

/* The first entry that is not before (credential, ms). */
static size_t first(const struct vendor *v, uint32_t credential, int64_t ms)
{
	size_t low = 0, high = v->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct entry *e = &v->at[mid];
		if (e->credential < credential || (e->credential == credential && e->ms < ms))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void vendor_release(struct run *r, struct view id, struct view cred, const char *ts)
{
	struct vendor *v = r->vendor;
	const uint32_t *number = v ? map_find(&v->credentials, cred) : NULL;
	struct entry *best = NULL;
	struct wall t;

	if (!number || wall_parse(ts, &t))
		return;
	int64_t ms = t.ns / 1000000, slack = r->o->vendor_ms;
	v->releases++;
	for (size_t i = first(v, *number, ms - slack); i < v->n && v->at[i].credential == *number && v->at[i].ms <= ms + slack; i++) {
		struct entry *e = &v->at[i];
		if (!e->matched && (!best || llabs(e->ms - ms) < llabs(best->ms - ms)))
			best = e;
	}
	if (!best) {
		v->unmatched++;
		return;
	}
	best->matched = true;
	best->offset = best->ms - ms;
	best->host = (uint32_t)r->host;
	run_text(best->call, sizeof(best->call), "%.*s", (int)(id.n < 39 ? id.n : 39), (const char *)id.p);
}

void vendor_write(struct run *r)
{
	struct vendor *v = r->vendor;
	const char **name = v ? calloc(v->credentials.n + 1, sizeof(char *)) : NULL;

	if (!name)
		return;
	for (struct map_entry *e = v->credentials.first; e; e = e->next)
		name[*(uint32_t *)e->data] = (const char *)e->key.p;
	for (size_t i = 0; i < v->n; i++) {
		const struct entry *e = &v->at[i];
		char ts[WALL_TEXT];
		wall_text((struct wall){e->ms * 1000000}, ts);
		if (!run_in(r, view_str(ts)))
			continue;
		row_str(r->b, SH_VENDOR, ts);
		row_str(r->b, SH_VENDOR, name[e->credential]);
		row_str(r->b, SH_VENDOR, e->id);
		row_str(r->b, SH_VENDOR, e->call);
		row_str(r->b, SH_VENDOR, e->matched ? r->hosts.at[e->host] : "");
		if (e->matched)
			row_int(r->b, SH_VENDOR, e->offset);
		else
			row_str(r->b, SH_VENDOR, "");
		row_str(r->b, SH_VENDOR, e->matched ? "matched" : "no release near it");
		row_end(r->b, SH_VENDOR, ts);
		if (!e->matched)
			run_finding(r, "credential-used-elsewhere", SH_VENDOR, "", name[e->credential], ts, "", "the vendor saw the credential and no release stands near%s%s", *e->id ? ": " : "", e->id);
	}
	free(name);
}

void vendor_counts(const struct run *r, uint64_t *entries, uint64_t *releases, uint64_t *unmatched)
{
	*entries = r->vendor ? r->vendor->n : 0;
	*releases = r->vendor ? r->vendor->releases : 0;
	*unmatched = r->vendor ? r->vendor->unmatched : 0;
}

void vendor_free(struct run *r)
{
	if (!r->vendor)
		return;
	map_free(&r->vendor->credentials);
	free(r->vendor->at);
	free(r->vendor);
	r->vendor = NULL;
}
