/*
 * report.c - completeness/report.json (is everything there?) and report.json (what report.html draws).
 * Their shapes are in docs/EVIDENCE.md: members are added, never changed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "evidence/run.h"

enum { TOP = 50 };

static json_t *num(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *period(const struct run *r)
{
	return json_pack("{s:s s:s s:s}", "from", r->from, "to", r->to, "as_of", r->as_of);
}

static void put(struct run *r, const char *path, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
	struct buf b = {0};

	if (!text || buf_puts(&b, text) || buf_puts(&b, "\n"))
		bundle_fail(r->b, -ENOMEM, path);
	else
		bundle_put(r->b, path, buf_view(&b));
	buf_free(&b);
	free(text);
	json_decref(o);
}

static json_t *rows(const struct run *r, enum sheet s)
{
	return json_pack("{s:s s:o}", "file", sheets[s].path, "rows", num(bundle_rows(r->b, s)));
}

static void completeness(struct run *r)
{
	uint64_t entries, releases, unmatched;

	vendor_counts(r, &entries, &releases, &unmatched);
	json_t *o = json_pack("{s:i s:o s:o s:o s:{s:o s:o s:o s:o s:o s:o}}", "callgate_completeness", 1, "period", period(r), "hosts", num(r->hosts.n), "findings",
	    num(bundle_rows(r->b, SH_FINDINGS)), "lines", "proved", num(r->proved_lines), "not_proved", num(r->held_back), "seals", num(r->seals),
	    "checkpoints_that_agree", num(r->notes), "audit_lines_outside_of_the_period", num(r->outside), "rejected", num(r->rejects));
	json_object_set_new(o, "inside", json_pack("{s:o s:o s:o s:o}", "segments", rows(r, SH_SEGMENTS), "epochs", rows(r, SH_EPOCHS), "gaps", rows(r, SH_GAPS), "losses",
	    rows(r, SH_LOSSES)));
	json_object_set_new(o, "coverage", json_pack("{s:o s:o s:s}", "host_hours_expected", num(r->host_hours), "host_hours_sealed", num(r->host_sealed), "file",
	    sheets[SH_HOSTS].path));
	json_object_set_new(o, "asset_list", json_boolean(r->have_assets));
	json_object_set_new(o, "hr_list", json_boolean(r->o->hr.p != NULL));
	json_object_set_new(o, "kernel", rows(r, SH_KERNEL));
	json_object_set_new(o, "clock", rows(r, SH_CLOCK));
	json_object_set_new(o, "receipts", json_pack("{s:b s:o}", "collector_key", r->collector[0] != '\0', "wrong", rows(r, SH_RECEIPTS)));
	json_object_set_new(o, "quarantine", rows(r, SH_QUARANTINE));
	json_object_set_new(o, "policies", rows(r, SH_POLICIES));
	json_object_set_new(o, "vendor", json_pack("{s:b s:o s:o s:o}", "given", r->vendor != NULL, "entries", num(entries), "releases_of_its_credentials", num(releases),
	    "releases_without_an_entry", num(unmatched)));
	put(r, "completeness/report.json", o);
}

/* ---- report.json ---- */

static json_t *days(const struct run *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->ndays; i++) {
		const struct day *d = &r->days[i];
		char date[LAYOUT_DATE];
		json_t *allowed = json_object(), *denied = json_object();
		layout_date((struct wall){r->o->from.ns + (int64_t)i * 86400 * INT64_C(1000000000)}, date);
		for (int k = 0; k < CLASSES; k++) {
			json_object_set_new(allowed, run_class_name[k], num(d->allowed[k]));
			json_object_set_new(denied, run_class_name[k], num(d->denied[k]));
		}
		json_array_append_new(list, json_pack("{s:s s:o s:o s:o s:o}", "date", date, "allowed", allowed, "denied", denied, "refused", num(d->refused), "alerts", num(d->alerts)));
	}
	return list;
}

static int by_denied(const void *a, const void *b)
{
	const struct map_entry *x = *(struct map_entry *const *)a, *y = *(struct map_entry *const *)b;
	uint64_t n = ((const struct tool *)x->data)->seen.denied, m = ((const struct tool *)y->data)->seen.denied;

	return n != m ? n < m ? 1 : -1 : strcmp((const char *)x->key.p, (const char *)y->key.p);
}

/* A text of a record, as JSON wrote it: back into JSON without writing its escapes twice. */
static json_t *text_of(struct view v)
{
	struct buf b = {0};
	json_t *o = NULL;

	if (!buf_puts(&b, "\"") && !buf_put(&b, v) && !buf_puts(&b, "\""))
		o = json_loadb((const char *)buf_view(&b).p, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	buf_free(&b);
	return o ? o : json_string("?");
}

static json_t *denied_tools(struct run *r)
{
	struct map_entry **at = map_sorted(&r->tools);
	json_t *list = json_array();

	if (at)
		qsort(at, r->tools.n, sizeof(*at), by_denied);
	for (size_t i = 0; at && i < r->tools.n && i < TOP; i++) {
		const struct tool *t = (const struct tool *)at[i]->data;
		struct view key = at[i]->key;
		size_t n = strnlen((const char *)key.p, key.n);
		struct view server = view_head(key, n), rest = view_skip(key, n + 1), tool = view_head(rest, strnlen((const char *)rest.p, rest.n));
		if (!t->seen.denied)
			break;
		json_array_append_new(list, json_pack("{s:o s:o s:s s:o s:o}", "server", text_of(server), "tool", text_of(tool), "risk", run_class_name[t->risk], "denied",
		    num(t->seen.denied), "allowed", num(t->seen.allowed)));
	}
	free(at);
	return list;
}

void report_write(struct run *r)
{
	json_t *files = json_object();

	completeness(r);
	json_object_set_new(files, "coverage", json_string(sheets[SH_COVERAGE].path));
	json_object_set_new(files, "calls", json_string(sheets[SH_CALLS].path));
	json_object_set_new(files, "denied", json_string(sheets[SH_DENIED].path));
	json_object_set_new(files, "tools", json_string(sheets[SH_TOOLS].path));
	json_object_set_new(files, "grants", json_string(sheets[SH_GRANT_REVIEW].path));
	json_object_set_new(files, "policies", json_string(sheets[SH_POLICY_HISTORY].path));
	json_object_set_new(files, "findings", json_string(sheets[SH_FINDINGS].path));
	json_t *o = json_pack("{s:i s:o s:o s:o s:o s:o s:o s:O s:O s:O s:o s:o}", "callgate_report", 1, "period", period(r), "files", files, "hosts", num(r->hosts.n), "calls",
	    num(r->calls), "findings", num(bundle_rows(r->b, SH_FINDINGS)), "days", days(r), "coverage", r->calendar, "grants", r->grants, "policies", r->timeline, "denied_tools",
	    denied_tools(r), "coverage_hours", json_pack("{s:o s:o}", "expected", num(r->host_hours), "sealed", num(r->host_sealed)));
	json_object_set(o, "finding_list", r->findings);
	report_html(r, o);
	put(r, "report.json", o);
}
