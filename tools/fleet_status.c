/* fleet_status.c - callgate fleet status: every host of a collector's store, what is covered, what is not and why. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "tools/fleet_status.h"
#include "tools/fleet.h"
#include "tools/tools.h"

enum { ORG_MAX = 4096, DAYS = 7, LAG_HOURS = 3, SILENT_HOURS = 72, HOURS_MAX = 1000000 };
#define DAY_NS ((int64_t)86400 * 1000000000)

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "-";
}

static int day_of(const char *s, struct wall *t)
{
	char at[WALL_TEXT];

	if (!layout_date_ok(s))
		return -ERR_MALFORMED;
	snprintf(at, sizeof(at), "%.10sT00:00:00Z", s);
	return wall_parse(at, t);
}

struct asked {
	const char *store, *from, *to, *lag, *silent, *html;
};

static int options(const struct asked *a, struct status_opts *o)
{
	o->to = wall_now();
	if (a->to && (layout_date_ok(a->to) ? day_of(a->to, &o->to) : wall_parse(a->to, &o->to)))
		return tool_fail(EXIT_USAGE, "--to: a day such as 2026-11-09 or a time such as 2026-11-09T12:00:00Z");
	o->from = (struct wall){o->to.ns - DAYS * DAY_NS};
	if (a->from && day_of(a->from, &o->from))
		return tool_fail(EXIT_USAGE, "--from: a day such as 2026-11-02");
	if (o->from.ns >= o->to.ns)
		return tool_fail(EXIT_USAGE, "--from comes before --to");
	long lag = LAG_HOURS, silent = SILENT_HOURS;
	if (!fleet_number("fleet status", "--lag", a->lag, HOURS_MAX, &lag) || !fleet_number("fleet status", "--silent", a->silent, HOURS_MAX, &silent))
		return EXIT_USAGE;
	o->lag_s = (uint64_t)lag * 3600;
	o->silent_s = (uint64_t)silent * 3600;
	return EXIT_YES;
}

static json_t *org_of(int store)
{
	struct buf b = {.max = ORG_MAX};
	json_t *o = fd_slurp(store, "store.json", ORG_MAX, &b) ? NULL : json_loadb((const char *)buf_view(&b).p, b.len, 0, NULL);
	json_t *org = json_incref(json_object_get(o, "org"));

	json_decref(o);
	buf_free(&b);
	return org;
}

static json_t *totals(const json_t *hosts, const json_t *findings)
{
	static const char *const sums[] = {"covered_s", "off_s", "uncovered_s", "unknown_s", "segments", "bytes", "lines", "calls", "denied"};
	json_t *t = json_pack("{s:I s:I}", "hosts", (json_int_t)json_array_size(hosts), "findings", (json_int_t)json_array_size(findings)), *h, *v;
	json_int_t quarantined = 0;
	const char *key;
	size_t i;

	for (size_t k = 0; k < sizeof(sums) / sizeof(*sums); k++) {
		json_int_t sum = 0;
		json_array_foreach(hosts, i, h)
			sum += json_integer_value(json_object_get(h, sums[k]));
		json_object_set_new(t, sums[k], json_integer(sum));
	}
	json_array_foreach(hosts, i, h)
		json_object_foreach(json_object_get(h, "quarantine"), key, v)
			quarantined += json_integer_value(v);
	json_object_set_new(t, "quarantined", json_integer(quarantined));
	json_int_t covered = json_integer_value(json_object_get(t, "covered_s")), not = json_integer_value(json_object_get(t, "uncovered_s"));
	json_object_set_new(t, "coverage", covered + not ? json_real((double)covered / (double)(covered + not)) : json_null());
	return t;
}

static json_t *read_all(int store, const struct status_opts *o, int *err)
{
	struct layout_hosts list;
	json_t *hosts = json_array(), *findings = json_array();
	char from[WALL_TEXT], to[WALL_TEXT];

	*err = layout_hosts(store, &list);
	for (size_t i = 0; !*err && i < list.n; i++) {
		struct status_host h;
		*err = status_read(store, list.at[i], o, &h);
		if (!*err)
			json_array_append_new(hosts, fleet_host_json(&h, findings));
		status_free(&h);
	}
	if (list.n)
		layout_hosts_free(&list);
	wall_text(o->from, from);
	wall_text(o->to, to);
	return json_pack("{s:o* s:s s:s s:o s:o s:o}", "org", org_of(store), "from", from, "to", to, "totals", totals(hosts, findings), "findings", findings, "hosts", hosts);
}

/* ---- the terminal ---- */

static json_t *short_hash(const json_t *h, const char *key)
{
	return json_sprintf("%.8s", str(h, key));
}

static json_t *bundle_of(const json_t *h)
{
	json_t *v = json_object_get(h, "bundle");
	return json_is_integer(v) ? json_incref(v) : json_string("-");
}

static json_t *row_of(const json_t *h)
{
	const json_t *c = json_object_get(h, "coverage"), *clock = json_object_get(h, "clock");
	json_int_t files = 0, step = json_integer_value(json_object_get(clock, "step_s")), ahead = json_integer_value(json_object_get(clock, "ahead_s"));
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(h, "quarantine"), key, v)
		files += json_integer_value(v);
	json_t *wrong = step || ahead ? json_sprintf("%+lld s", (long long)(step ? step : ahead)) : json_string(json_is_true(json_object_get(clock, "synced")) ? "synced" : "not synced");
	return json_pack("{s:s s:s s:o s:O s:O s:I s:o s:o s:o s:o s:I}", "host", str(h, "host"), "seen", str(h, "last_seen"), "coverage",
	    json_is_real(c) ? json_sprintf("%.2f %%", 100 * json_real_value(c)) : json_string("-"), "calls", json_object_get(h, "calls"), "denied", json_object_get(h, "denied"), "gaps",
	    (json_int_t)json_array_size(json_object_get(h, "gaps")), "policy", short_hash(h, "policy_hash"), "bundle", bundle_of(h), "programs", short_hash(h, "binary_hash"), "clock", wrong, "quarantine", files);
}

static void print(const json_t *s)
{
	static const struct tool_column columns[] = {{"HOST", "host"}, {"LAST SEEN", "seen"}, {"COVERED", "coverage"}, {"CALLS", "calls"}, {"DENIED", "denied"}, {"GAPS", "gaps"},
	    {"IN FORCE", "policy"}, {"BUNDLE", "bundle"}, {"PROGRAMS", "programs"}, {"CLOCK", "clock"}, {"QUARANTINE", "quarantine"}};
	static const struct tool_column what[] = {{"HOST", "host"}, {"WHAT", "cause"}, {"TRAIL", "trail"}, {"FROM", "from"}, {"TO", "to"}, {"LINES", "lines"}, {"FILES", "files"}, {"", "words"}};
	json_t *rows = json_array(), *findings = json_array(), *o;
	size_t i;

	json_array_foreach(json_object_get(s, "hosts"), i, o)
		json_array_append_new(rows, row_of(o));
	tool_table(columns, sizeof(columns) / sizeof(*columns), rows);
	json_array_foreach(json_object_get(s, "findings"), i, o) {
		json_t *f = json_copy(o);
		if (json_object_get(o, "first"))
			json_object_set_new(f, "lines", json_sprintf("%lld-%lld", (long long)json_integer_value(json_object_get(o, "first")), (long long)json_integer_value(json_object_get(o, "last"))));
		json_array_append_new(findings, f);
	}
	printf("\n%s to look into, %.10s to %.10s%s\n", json_array_size(findings) ? "Something" : "Nothing", str(s, "from"), str(s, "to"), json_array_size(findings) ? ":\n" : "");
	if (json_array_size(findings))
		tool_table(what, sizeof(what) / sizeof(*what), findings);
	json_decref(rows);
	json_decref(findings);
}

/* Beside the old page until it is whole: a reader never sees half of one. */
static int write_page(const char *path, const json_t *s)
{
	struct buf b = {0};
	char new[4096];
	int n = snprintf(new, sizeof(new), "%s.new", path);

	int r = n < 0 || (size_t)n >= sizeof(new) ? -ENAMETOOLONG : fleet_page(s, &b);
	int fd = r ? -1 : open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (!r && fd < 0)
		r = -errno;
	if (!r)
		r = fd_write_all(fd, buf_view(&b));
	fd_close(&fd);
	if (!r && rename(new, path) < 0)
		r = -errno;
	buf_free(&b);
	return r ? tool_fail(EXIT_NO, "%s cannot be written: %s", path, err_text(r)) : EXIT_YES;
}

int fleet_status(int argc, char **argv)
{
	struct asked a = {0};
	const struct tool_flag flags[] = {{"--store", &a.store, NULL}, {"--from", &a.from, NULL}, {"--to", &a.to, NULL}, {"--lag", &a.lag, NULL}, {"--silent", &a.silent, NULL},
	    {"--html", &a.html, NULL}, {NULL, NULL, NULL}};
	struct status_opts o;
	int err = 0;

	if (tool_flags("fleet status", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	if (options(&a, &o))
		return EXIT_USAGE;
	int store = fleet_dir("--store", a.store);
	if (store < 0)
		return a.store ? EXIT_NO : EXIT_USAGE;
	json_t *s = read_all(store, &o, &err);
	close(store);
	int status = !s ? tool_fail(EXIT_NO, "no memory") : err ? tool_fail(EXIT_NO, "%s cannot be read: %s", a.store, err_text(err)) : EXIT_YES;
	if (!status && a.html)
		status = write_page(a.html, s);
	if (!status && tool_opts.json)
		tool_json(s);
	else if (!status)
		print(s);
	if (!status && json_array_size(json_object_get(s, "findings")))
		status = EXIT_NO;
	json_decref(s);
	return status;
}
