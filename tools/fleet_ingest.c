/* fleet_ingest.c - callgate fleet ingest: what came, into the store. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "fleet/ingest.h"
#include "fleet/quarantine.h"
#include "tools/fleet.h"

enum { DAY_S = 86400 };

struct sum {
	bool quiet;
	unsigned hosts, failed, unknown;
	struct take_result all;
	json_t *events, *list;
};

static bool worth_telling(const char *what)
{
	return strcmp(what, "taken") != 0 && strcmp(what, "duplicate") != 0 && strcmp(what, "note") != 0 && strcmp(what, "policy") != 0;
}

static void event(void *arg, const struct ingest_event *e)
{
	struct sum *s = arg;
	json_t *o = json_pack("{s:s s:s s:s# s:s s:s}", "host", e->host, "part", e->part, "file", e->file, strlen(e->file), "what", e->what, "words", e->words);

	/* A name may be no UTF-8. */
	if (!o)
		o = json_pack("{s:s s:s s:s s:s s:s}", "host", e->host, "part", e->part, "file", "?", "what", e->what, "words", e->words);
	if (tool_opts.json && worth_telling(e->what))
		json_array_append_new(s->events, json_incref(o));
	else if (!s->quiet && worth_telling(e->what)) {
		printf("%s: %s", tool_text(json_object_get(o, "host")), tool_text(json_object_get(o, "what")));
		printf(": %s/%s: %s\n", e->part, tool_text(json_object_get(o, "file")), tool_text(json_object_get(o, "words")));
	}
	json_decref(o);
}

static json_t *counts(const struct take_result *t)
{
	return json_pack("{s:I s:I s:I s:I s:I s:I s:I s:I}", "segments", (json_int_t)t->segments, "lines", (json_int_t)t->lines, "bytes", (json_int_t)t->bytes,
	    "duplicates", (json_int_t)t->duplicates, "quarantined", (json_int_t)t->quarantined, "waiting", (json_int_t)t->waiting, "checkpoints",
	    (json_int_t)t->notes, "policies", (json_int_t)t->policies);
}

static void done(void *arg, const struct ingest_host *h)
{
	struct sum *s = arg;

	s->hosts++;
	s->all.segments += h->res.segments;
	s->all.lines += h->res.lines;
	s->all.bytes += h->res.bytes;
	s->all.duplicates += h->res.duplicates;
	s->all.quarantined += h->res.quarantined;
	s->all.waiting += h->res.waiting;
	s->all.notes += h->res.notes;
	s->all.policies += h->res.policies;
	s->unknown += h->err == -ENOENT;
	s->failed += h->err && h->err != -ENOENT;
	const char *words = h->err == -ENOENT ? "it is not enrolled; what it sent stays in the inbox" :
	    h->err == -ERR_CORRUPT ? "its part of the store is damaged; what it sent stays in the inbox" : h->err ? err_text(h->err) : NULL;
	if (tool_opts.json) {
		json_t *o = counts(&h->res);
		json_object_set_new(o, "host", json_string(h->host));
		if (words)
			json_object_set_new(o, "error", json_string(words));
		json_array_append_new(s->list, o);
	} else if (words) {
		tool_fail(EXIT_NO, "%s: %s", h->host, words);
	}
}

static void report(struct sum *s, uint64_t log_size)
{
	if (tool_opts.json) {
		json_t *o = json_pack("{s:b s:I s:O s:O s:o}", "ok", !s->failed, "log_size", (json_int_t)log_size, "hosts", s->list, "events", s->events, "total",
		    counts(&s->all));
		tool_json(o);
		json_decref(o);
		return;
	}
	printf("%u hosts: %llu segments with %llu lines taken, %llu duplicates, %llu quarantined, %llu waiting; the log has %llu leaves\n", s->hosts,
	    (unsigned long long)s->all.segments, (unsigned long long)s->all.lines, (unsigned long long)s->all.duplicates,
	    (unsigned long long)s->all.quarantined, (unsigned long long)s->all.waiting, (unsigned long long)log_size);
}

static int run(struct ingest_conf *conf, struct sum *s, const char *store)
{
	uint64_t size = 0;

	s->events = json_array();
	s->list = json_array();
	conf->arg = s;
	umask(022);
	int r = ingest_run(conf, &size);
	int status = s->failed ? EXIT_NO : EXIT_YES;
	if (r == -EAGAIN)
		status = tool_fail(EXIT_NO, "%s: another ingest is at work", store);
	else if (r == -ERR_CORRUPT)
		status = tool_fail(EXIT_NO, "%s/log: the log does not agree with its checkpoint or with collector.key; nothing was taken", store);
	else if (r)
		status = tool_fail(EXIT_NO, "%s: %s", store, r == -ENOENT ? "it is no store; see callgate fleet init" : err_text(r));
	else
		report(s, size);
	json_decref(s->events);
	json_decref(s->list);
	return status;
}

int fleet_ingest(int argc, char **argv)
{
	const char *rest[1], *store = NULL, *inbox = NULL, *jobs = NULL, *gap = NULL;
	struct sum s = {0};
	const struct tool_flag flags[] = {{"--store", &store, NULL}, {"--inbox", &inbox, NULL}, {"--jobs", &jobs, NULL}, {"--gap-wait", &gap, NULL},
	    {"--quiet", NULL, &s.quiet}, {NULL, NULL, NULL}};
	long n = 2, wait = DAY_S;

	if (tool_flags("fleet ingest", flags, argc, argv, rest, 0) < 0 || !fleet_number("fleet ingest", "--jobs", jobs, INGEST_JOBS, &n) ||
	    !fleet_number("fleet ingest", "--gap-wait", gap, 366L * DAY_S, &wait))
		return EXIT_USAGE;
	struct ingest_conf conf = {.gap_wait_s = wait, .jobs = n ? (unsigned)n : 1, .tell = !s.quiet || tool_opts.json, .event = event, .done = done};
	conf.store = fleet_dir("--store", store);
	conf.inbox = conf.store < 0 ? -1 : fleet_dir("--inbox", inbox);
	int status = conf.inbox < 0 ? (store && inbox ? EXIT_NO : EXIT_USAGE) : run(&conf, &s, store);
	fd_close(&conf.inbox);
	fd_close(&conf.store);
	return status;
}
