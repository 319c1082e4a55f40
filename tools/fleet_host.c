/* fleet_host.c - one host of `callgate fleet status` as JSON, and what is to be looked into.  See fleet_status.h. */
#include <stdio.h>
#include <string.h>

#include "tools/fleet_status.h"

enum { AHEAD_SECONDS = 60 };

static json_t *when(struct wall t)
{
	char at[WALL_TEXT];

	if (!t.ns)
		return json_null();
	wall_text(t, at);
	/* Whole seconds are enough to find a place. */
	snprintf(at + 19, 2, "Z");
	return json_string(at);
}

static json_t *text(const char *s)
{
	return *s ? json_string(s) : json_null();
}

static json_t *finding(const struct status_host *h, const char *cause, const char *trail, const char *words)
{
	json_t *f = json_pack("{s:s s:s s:s}", "host", h->host, "cause", cause, "words", words);

	if (trail)
		json_object_set_new(f, "trail", json_string(trail));
	return f;
}

static void refused_into(json_t *f, const struct status_refused *r)
{
	json_object_set_new(f, "files", json_integer((json_int_t)r->files));
	json_object_set_new(f, "file", json_string(r->file));
}

static const struct status_refused *refused(const struct status_host *h, const char *reason)
{
	for (size_t i = 0; i < h->refusals; i++)
		if (strcmp(h->refused[i].reason, reason) == 0)
			return &h->refused[i];
	return NULL;
}

static json_t *gap_json(const struct gap *g)
{
	json_t *o = json_pack("{s:s s:o s:o s:I}", "cause", gap_name(g->cause), "from", when(g->from), "to", when(g->to), "seconds", (json_int_t)((g->to.ns - g->from.ns) / 1000000000));

	if (g->first) {
		json_object_set_new(o, "first", json_integer((json_int_t)g->first));
		json_object_set_new(o, "last", json_integer((json_int_t)g->last));
	}
	return o;
}

static json_t *gaps(const struct status_host *h, const struct gaps *g, const char *trail, bool seen[STATUS_REASONS], json_t *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < g->n; i++) {
		json_t *o = gap_json(&g->at[i]);
		const struct status_refused *r = refused(h, gap_name(g->at[i].cause));
		json_array_append_new(list, o);
		if (!gap_fault(g->at[i].cause))
			continue;
		json_t *f = finding(h, gap_name(g->at[i].cause), trail, gap_words(g->at[i].cause));
		json_object_update(f, o);
		if (r) {
			refused_into(f, r);
			seen[r - h->refused] = true;
		}
		json_array_append_new(findings, f);
	}
	return list;
}

static json_t *clock_json(const struct status_host *h, json_t *findings)
{
	const struct gaps *g = &h->gaps;
	char words[160];

	if (g->step_ns || h->clock_ahead_s > AHEAD_SECONDS) {
		snprintf(words, sizeof(words), "the clock was wrong by %lld s", (long long)(g->step_ns ? g->step_ns / 1000000000 : h->clock_ahead_s));
		json_t *f = finding(h, "clock", NULL, words);
		if (g->step_ns)
			json_object_set_new(f, "to", when(g->stepped));
		json_array_append_new(findings, f);
	}
	return json_pack("{s:b s:I s:I}", "synced", h->synced, "step_s", (json_int_t)(g->step_ns / 1000000000), "ahead_s", (json_int_t)h->clock_ahead_s);
}

static json_t *quarantine(const struct status_host *h, const bool seen[STATUS_REASONS], json_t *findings)
{
	json_t *o = json_object();

	for (size_t i = 0; i < h->refusals; i++) {
		const struct status_refused *r = &h->refused[i];
		json_object_set_new(o, r->reason, json_integer((json_int_t)r->files));
		if (seen[i])
			continue;
		json_t *f = finding(h, r->reason, NULL, r->words);
		refused_into(f, r);
		json_array_append_new(findings, f);
	}
	return o;
}

static void other(const struct status_host *h, json_t *findings)
{
	char words[STATUS_WORDS + 64];

	if (!h->seen && !h->refusals)
		json_array_append_new(findings, finding(h, "never-seen", NULL, "it is enrolled, and nothing ever came"));
	if (h->waiting) {
		snprintf(words, sizeof(words), "%llu segments wait in the inbox%s%s", (unsigned long long)h->waiting, h->waits[0] ? ": " : "", h->waits);
		json_array_append_new(findings, finding(h, "waiting", NULL, words));
	}
	if (h->gaps.more) {
		snprintf(words, sizeof(words), "%llu gaps more than are shown: something writes seals that no machine writes", (unsigned long long)h->gaps.more);
		json_array_append_new(findings, finding(h, "gaps", NULL, words));
	}
	if (h->damaged) {
		snprintf(words, sizeof(words), "a file of the store cannot be read to its end: %.180s", h->damage);
		json_array_append_new(findings, finding(h, "store-damaged", NULL, words));
	}
	if (h->losses || h->io_errors || h->dropped) {
		snprintf(words, sizeof(words), "%llu records of losses, %llu of failed writes; the kernel side dropped %llu", (unsigned long long)h->losses, (unsigned long long)h->io_errors,
		    (unsigned long long)h->dropped);
		json_array_append_new(findings, finding(h, "loss", NULL, words));
	}
}

json_t *fleet_host_json(const struct status_host *h, json_t *findings)
{
	bool seen[STATUS_REASONS] = {false};
	uint64_t known = h->covered_s + h->uncovered_s;

	json_t *host = json_pack("{s:s s:o s:o s:o s:b s:o s:I s:I s:I s:I}", "host", h->host, "enrolled", text(h->enrolled), "first_seen", when(h->gaps.first), "last_seen", when(h->gaps.last), "stopped", h->gaps.stopped,
	    "coverage", known ? json_real((double)h->covered_s / (double)known) : json_null(), "covered_s", (json_int_t)h->covered_s, "off_s", (json_int_t)h->off_s, "uncovered_s",
	    (json_int_t)h->uncovered_s, "unknown_s", (json_int_t)h->unknown_s);
	json_object_set_new(host, "segments", json_integer((json_int_t)h->segments));
	json_object_set_new(host, "bytes", json_integer((json_int_t)h->bytes));
	json_object_set_new(host, "lines", json_integer((json_int_t)h->lines));
	json_object_set_new(host, "calls", json_integer((json_int_t)h->calls));
	json_object_set_new(host, "denied", json_integer((json_int_t)h->denied));
	json_object_set_new(host, "alerts", json_integer((json_int_t)h->alerts));
	json_object_set_new(host, "losses", json_integer((json_int_t)h->losses));
	json_object_set_new(host, "dropped", json_integer((json_int_t)h->dropped));
	json_object_set_new(host, "mode", text(h->mode));
	json_object_set_new(host, "missing", text(h->missing));
	json_object_set_new(host, "policy_hash", text(h->policy));
	json_object_set_new(host, "config_hash", text(h->config));
	json_object_set_new(host, "binary_hash", text(h->binary));
	json_object_set_new(host, "bundle", h->bundle ? json_integer((json_int_t)h->bundle) : json_null());
	json_object_set_new(host, "bundle_hash", text(h->bundle_hash));
	json_object_set_new(host, "clock", clock_json(h, findings));
	json_object_set_new(host, "waiting", json_integer((json_int_t)h->waiting));
	json_object_set_new(host, "gaps", gaps(h, &h->gaps, "audit", seen, findings));
	json_object_set_new(host, "journal_gaps", gaps(h, &h->journal, "journal", seen, findings));
	json_object_set_new(host, "quarantine", quarantine(h, seen, findings));
	other(h, findings);
	return host;
}
