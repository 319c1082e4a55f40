/*
 * pol_vectors.c - see pol_vectors.h.
 * Each vector counts on a grant of its own, so that all of them can share one table of counters; the clock stands still.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/dec.h"
#include "policy/pol_limit.h"
#include "policy/pol_vectors.h"

enum { NODES_MAX = 1 << 22, ALIGN = 4096 };
#define NOON 1767268800 /* 2026-01-01 12:00 UTC, at the beginning of a minute */

struct run {
	struct json_doc doc;
	const struct json_node *policies;
	struct pol_limits *limits;
	unsigned flags;
	pol_vectors_line *line;
	void *arg;
	char id[32]; /* of the vector at hand */
	unsigned number;
	struct pol_decision d;
};

static int say(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int say(struct run *r, const char *fmt, ...)
{
	char text[3 * POL_RULE_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->line(r->arg, text);
	return -ERR_MALFORMED;
}

static const struct json_node *member(const struct run *r, const struct json_node *n, const char *key, enum json_type type)
{
	const struct json_node *m = json_get(&r->doc, n, view_str(key));
	return m && m->type == type ? m : NULL;
}

/* The vector's policy: a name, a document in place, or null.  ${why}: what its loader said first. */
static void first_problem(void *arg, const struct pol_problem *p)
{
	char *why = arg;
	if (!p->warning && !why[0])
		snprintf(why, 600, "%.300s: %.200s", p->pointer, p->text);
}

static int load_policy(struct run *r, const struct json_node *vector, struct pol **out)
{
	char name[256], why[600] = "";
	const struct json_node *n = json_get(&r->doc, vector, VIEW_LIT("policy"));
	*out = NULL;
	if (n && n->type == JSON_STRING) {
		int len = json_str(&r->doc, n, name, sizeof(name));
		n = len < 0 ? NULL : json_get(&r->doc, r->policies, view_of(name, (size_t)len));
	}
	if (!n)
		return say(r, "vector %s: no such policy", r->id);
	if (n->type == JSON_NULL)
		return 0;
	return pol_load(json_raw(&r->doc, n), first_problem, why, out) ? say(r, "vector %s: the policy does not load: %s", r->id, why) : 0;
}

/* Who makes a call, and when.  Each vector counts for itself, so its name is part of everybody's. */
struct caller {
	char grant[160], server[160];
	struct pol_who who;
};

static bool caller_of(struct run *r, const struct json_node *call, struct caller *out)
{
	const struct json_node *at = json_get(&r->doc, call, VIEW_LIT("at")), *uid = json_get(&r->doc, call, VIEW_LIT("uid"));
	static const char *const keys[] = {"grant", "server"};
	char *into[] = {out->grant, out->server}, text[64];
	struct dec d;
	int64_t number = 0;

	for (size_t i = 0; i < 2; i++) {
		const struct json_node *n = member(r, call, keys[i], JSON_STRING);
		int len = n ? json_str(&r->doc, n, text, sizeof(text) - 1) : 0;
		if (len < 0 || (!n && json_get(&r->doc, call, view_str(keys[i]))))
			return false;
		snprintf(into[i], sizeof(out->grant), "%s/%.*s", r->id, len, text);
	}
	out->who = (struct pol_who){.grant = out->grant, .server = out->server, .now = {NOON * 1000000000ll}};
	if (uid && (uid->type != JSON_NUMBER || dec_parse(json_raw(&r->doc, uid), &d) || dec_int(&d, &number) || number < 0 || number > 999))
		return false;
	out->who.uid = r->number * 1000 + (uint32_t)number;
	int len = at && at->type == JSON_STRING ? json_str(&r->doc, at, text, sizeof(text) - 1) : -1;
	if (len >= 0)
		text[len] = '\0';
	return !at || (len >= 0 && wall_parse(text, &out->who.now) == 0);
}

static int one_call(struct run *r, const struct pol *p, const struct json_node *call)
{
	const struct json_node *tool = member(r, call, "tool", JSON_STRING), *args = json_get(&r->doc, call, VIEW_LIT("arguments"));
	const struct json_node *upstream = member(r, call, "upstream", JSON_STRING);
	struct pol_charge charge = {.n = 0};
	char name[1024];
	int len = tool ? json_str(&r->doc, tool, name, sizeof(name)) : -1;
	bool fails = upstream && json_str_eq(&r->doc, upstream, VIEW_LIT("err"));

	if (len < 0 || (upstream && !fails && !json_str_eq(&r->doc, upstream, VIEW_LIT("ok"))))
		return say(r, "vector %s: a call needs a tool, and an upstream that is \"ok\" or \"err\"", r->id);
	struct caller caller;
	if (!caller_of(r, call, &caller))
		return say(r, "vector %s: at must be a time, grant and server short names, uid below 1000", r->id);
	struct view v = view_of(name, (size_t)len);
	pol_judge(p, v, &r->doc, args, &r->d);
	if (r->d.verdict == POL_ALLOW)
		pol_reserve(r->limits, p, &caller.who, v, &r->doc, args, &r->d, &charge);
	pol_settle(r->limits, &charge, !fails || r->flags & POL_VECTORS_KEEP_ON_ERROR ? POL_COMMIT : POL_REFUND);
	return 0;
}

static bool as_expected(struct run *r, const struct json_node *expect)
{
	const struct json_node *verdict = member(r, expect, "verdict", JSON_STRING), *rule = member(r, expect, "rule", JSON_STRING);
	bool hold = r->d.verdict == POL_ALLOW && r->d.approve;
	const char *got = hold ? "hold" : r->d.verdict == POL_ALLOW ? "allow" : "deny", *by = hold ? r->d.approve : r->d.rule;
	if (!verdict || !rule) {
		say(r, "vector %s: expect needs a verdict and a rule", r->id);
		return false;
	}
	if (json_str_eq(&r->doc, verdict, view_str(got)) && json_str_eq(&r->doc, rule, view_str(by)))
		return true;
	struct view want = json_raw(&r->doc, expect);
	say(r, "vector %s: got %s \"%s\", expected %.*s", r->id, got, by, (int)(want.n < 1000 ? want.n : 1000), (const char *)want.p);
	return false;
}

static bool one_vector(struct run *r, const struct json_node *v, unsigned number)
{
	const struct json_node *id = json_get(&r->doc, v, VIEW_LIT("id")), *calls = member(r, v, "calls", JSON_ARRAY);
	const struct json_node *expect = member(r, v, "expect", JSON_OBJECT);
	struct pol *p;
	bool good = true;

	r->number = number;
	if (id && id->type == JSON_NUMBER && id->len < sizeof(r->id))
		snprintf(r->id, sizeof(r->id), VIEW_FMT, VIEW_ARG(json_raw(&r->doc, id)));
	else
		snprintf(r->id, sizeof(r->id), "#%u", number);
	if (!calls || !calls->count || !expect) {
		say(r, "vector %s: needs calls and expect", r->id);
		return false;
	}
	if (load_policy(r, v, &p))
		return false;
	for (const struct json_node *c = json_first(&r->doc, calls); c && good; c = json_next(&r->doc, calls, c))
		good = one_call(r, p, c) == 0;
	good = good && as_expected(r, expect); /* the decision borrows from the policy */
	pol_free(&p);
	return good;
}

static int run_all(struct run *r)
{
	const struct json_node *vectors = member(r, r->doc.node, "vectors", JSON_ARRAY);
	unsigned passed = 0, failed = 0;
	r->policies = member(r, r->doc.node, "policies", JSON_OBJECT);
	if (!vectors || !vectors->count)
		return say(r, "no vectors: the file needs an array \"vectors\" that is not empty");
	for (const struct json_node *v = json_first(&r->doc, vectors); v; v = json_next(&r->doc, vectors, v))
		*(one_vector(r, v, passed + failed) ? &passed : &failed) += 1;
	say(r, "%u passed, %u failed", passed, failed);
	return (int)failed;
}

static uint32_t nodes_needed(struct view v)
{
	uint32_t n = 2;
	for (size_t i = 0; i < v.n && n < NODES_MAX; i++)
		n += v.p[i] == ',' || v.p[i] == ':' || v.p[i] == '[' || v.p[i] == '{';
	return n;
}

int pol_vectors_run(struct view file, unsigned flags, pol_vectors_line *line, void *arg)
{
	struct run r = {.flags = flags, .line = line, .arg = arg};
	size_t size = (pol_limits_size() + ALIGN - 1) / ALIGN * ALIGN;
	uint32_t max = nodes_needed(file);
	struct json_error at;
	void *mem = aligned_alloc(ALIGN, size);
	struct json_node *nodes = calloc(max, sizeof(*nodes));
	int e = mem && nodes ? 0 : -ENOMEM;

	if (!e) {
		memset(mem, 0, size);
		e = pol_limits_open(mem, size, &r.limits);
	}
	if (!e) {
		e = json_scan(&r.doc, file, nodes, max, &at);
		if (e)
			say(&r, "line %u, column %u: %s", at.line, at.column, err_text(e));
	} else {
		say(&r, "%s", err_text(e));
	}
	if (!e)
		e = run_all(&r);
	if (r.limits)
		pol_limits_close(&r.limits);
	free(nodes);
	free(mem);
	return e;
}
