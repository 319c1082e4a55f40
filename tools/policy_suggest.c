/*
 * policy_suggest.c - callgate policy suggest: the least that lets through what was seen.
 * Every tool that was called and not denied is named; what reads is free, what writes or runs is bounded by twice the busiest hour, what cannot be
 * undone or moves money is left to a person.  Everything else is denied.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/catalogue.h"
#include "tools/calls.h"
#include "tools/policy.h"

enum { HOUR_TEXT = 13, LEAST = 5 }; /* "2026-11-26T23"; calls an hour that a bound never goes below */

struct seen {
	json_t *tools; /* name -> {"calls","denied","risk","hours":{HOUR:n},"keys":{NAME:n}} */
};

static void bump(json_t *o, const char *key)
{
	json_object_set_new(o, key, json_integer(json_integer_value(json_object_get(o, key)) + 1));
}

/* What the gate knew at that time; records of an earlier version have no class. */
static enum risk risk_of(const json_t *r)
{
	const char *text = json_string_value(json_object_get(r, "risk"));
	const json_t *tool = json_object_get(r, "tool"), *server = json_object_get(r, "server");
	struct catalogue_tool t = {.name = view_of(json_string_value(tool), json_string_length(tool)), .server = view_of(json_string_value(server), json_string_length(server))};
	struct catalogue_class k;

	catalogue_classify(&t, &k);
	enum risk said = text ? catalogue_risk(view_str(text)) : RISK_UNKNOWN;
	/* "Execute" is also what a worker says of a tool that it has not seen listed. */
	return json_object_get(r, "tool_hash") && said != RISK_UNKNOWN ? said : k.risk;
}

static void one(void *arg, const json_t *r)
{
	struct seen *s = arg;
	const char *tool = json_string_value(json_object_get(r, "tool")), *verdict = json_string_value(json_object_get(r, "verdict"));
	const char *ts = json_string_value(json_object_get(r, "ts")), *mode = json_string_value(json_object_get(r, "mode"));
	char hour[HOUR_TEXT + 1] = "";
	const json_t *k;
	size_t i;

	if (!tool || !*tool || !verdict)
		return;
	json_t *t = json_object_get(s->tools, tool);
	if (!t) {
		t = json_pack("{s:i s:i s:i s:{} s:{}}", "calls", 0, "denied", 0, "risk", 0, "hours", "keys");
		if (!t || json_object_set_new(s->tools, tool, t))
			return;
	}
	/* Under observation a denial is only a remark: what passed was needed. */
	bool denied = strcmp(verdict, "allow") != 0 && !(mode && strcmp(mode, "observe") == 0);
	bump(t, denied ? "denied" : "calls");
	enum risk risk = risk_of(r);
	if ((json_int_t)risk > json_integer_value(json_object_get(t, "risk")))
		json_object_set_new(t, "risk", json_integer(risk));
	if (denied)
		return;
	if (ts)
		snprintf(hour, sizeof(hour), "%.*s", HOUR_TEXT, ts);
	bump(json_object_get(t, "hours"), hour);
	json_array_foreach(json_object_get(r, "arg_keys"), i, k)
		bump(json_object_get(t, "keys"), json_string_value(k));
}

static json_int_t busiest(const json_t *t)
{
	json_int_t most = 0;
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(t, "hours"), key, v)
		most = json_integer_value(v) > most ? json_integer_value(v) : most;
	return most;
}

/* Arguments that every single call had are demanded: a path cannot name a key that holds a dot. */
static json_t *demands(const json_t *t)
{
	json_int_t calls = json_integer_value(json_object_get(t, "calls"));
	json_t *conditions = json_array(), *v;
	const char *key;
	char path[600];

	json_object_foreach(json_object_get(t, "keys"), key, v) {
		if (json_integer_value(v) != calls || strchr(key, '.') || !*key || strlen(key) > 500)
			continue;
		snprintf(path, sizeof(path), "args.%s", key);
		json_array_append_new(conditions, json_pack("{s:s s:s s:b}", "path", path, "op", "exists", "value", 1));
	}
	if (json_array_size(conditions))
		return json_pack("[{s:o s:s}]", "conditions", conditions, "on_deny", "Every call of this tool so far had these arguments.");
	json_decref(conditions);
	return NULL;
}

static json_t *rules_for(const char *tool, const json_t *t, bool exact)
{
	enum risk risk = (enum risk)json_integer_value(json_object_get(t, "risk"));
	json_int_t max = 2 * busiest(t);
	char counter[300];

	if (risk >= RISK_DESTRUCTIVE)
		return json_pack("{s:[{s:[] s:s}]}", "deny_if", "conditions", "on_deny", risk == RISK_FINANCIAL ? "This moves money: a person does it." : "This cannot be undone: a person does it.");
	json_t *out = json_object(), *need = exact ? demands(t) : NULL;
	if (need)
		json_object_set_new(out, "require", need);
	if (risk <= RISK_READ)
		return out;
	snprintf(counter, sizeof(counter), "%.250s_per_hour", tool);
	json_object_set_new(out, "limits", json_pack("[{s:s s:s s:I}]", "counter", counter, "window", "hour", "max", max > LEAST ? max : (json_int_t)LEAST));
	return out;
}

/* The name of a tool is chosen by a server. */
static void remark(const char *name, const char *what, json_int_t calls)
{
	json_t *v = json_string(name);

	fprintf(stderr, "callgate: note: %s (%lld calls) %s\n", tool_text(v), (long long)calls, what);
	json_decref(v);
}

static json_t *document(const struct seen *s, bool exact)
{
	json_t *tools = json_object(), *t;
	const char *name;

	json_object_foreach(s->tools, name, t) {
		json_int_t calls = json_integer_value(json_object_get(t, "calls")), denied = json_integer_value(json_object_get(t, "denied"));
		enum risk risk = (enum risk)json_integer_value(json_object_get(t, "risk"));
		if (!calls) {
			remark(name, "was only ever denied: it stays denied", denied);
			continue;
		}
		json_object_set_new(tools, name, rules_for(name, t, exact));
		if (risk >= RISK_DESTRUCTIVE)
			remark(name, risk == RISK_FINANCIAL ? "moves money: it is denied here, decide about it" : "cannot be undone: it is denied here, decide about it", calls);
	}
	return json_pack("{s:s s:s s:o}", "version", "1", "default", "deny", "tools", tools);
}

int policy_do_suggest(int argc, char **argv)
{
	const char *dir = NULL;
	struct calls_wanted w = {0};
	bool exact = false;
	const struct tool_flag flags[] = {{"--audit", &dir, NULL}, {"--server", &w.server, NULL}, {"--user", &w.user, NULL}, {"--exact", NULL, &exact}, {NULL, NULL, NULL}};
	struct seen s = {0};
	size_t seen;

	if (tool_flags("policy suggest", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	if (!w.server)
		return tool_fail(EXIT_USAGE, "policy suggest: --server NAME [--audit DIR] [--user U] [--exact]");
	s.tools = json_object();
	int status = calls_each(dir, &w, one, &s, &seen);
	if (!status && !seen)
		status = tool_fail(EXIT_NO, "no call on server %s is recorded there", w.server);
	if (!status) {
		json_t *doc = document(&s, exact);
		json_dumpf(doc, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(doc);
	}
	json_decref(s.tools);
	return status;
}
