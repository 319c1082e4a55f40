/*
 * policy_import.c - callgate policy import: an Intercept policy (YAML, as of v1.1.0) becomes a policy.json on standard output.
 * What has no counterpart is refused, never dropped: the result must not be weaker than what was read.  Source: docs/POLICY.md "import".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/problems.h"
#include "base/err.h"
#include "tools/diff.h"
#include "tools/import.h"
#include "tools/policy.h"

enum { YAML_SIZE = 1 << 20, OUT_MAX = 16 << 20 };

/* ---- rules ---- */

struct rule {
	const yaml_node_t *node, *name, *action, *conditions, *on_deny, *state, *rate;
	bool deny;
};

static bool read_rule(struct import *m, const yaml_node_t *n, struct rule *r)
{
	static const char *const keys[] = {"name", "action", "conditions", "on_deny", "state", "rate_limit", NULL};
	int before = m->errors;

	import_known(m, n, "a rule", keys);
	*r = (struct rule){n, import_member(m, n, "name"), import_member(m, n, "action"), import_member(m, n, "conditions"), import_member(m, n, "on_deny"), import_member(m, n, "state"), import_member(m, n, "rate_limit"), false};
	if (!import_text(r->name).n)
		import_bad(m, n, "a rule needs a name");
	r->deny = import_is(r->action, "deny");
	if (r->action && !r->deny && !import_is(r->action, "evaluate"))
		import_bad(m, r->action, "the action \"%.*s\" has no counterpart", (int)import_text(r->action).n, (const char *)import_text(r->action).p);
	bool some = import_seq(r->conditions) && r->conditions->data.sequence.items.top > r->conditions->data.sequence.items.start;
	if (r->conditions && !import_seq(r->conditions))
		import_bad(m, r->conditions, "conditions must be a list");
	if (r->deny && (some || r->state || r->rate))
		import_bad(m, n, "a deny has no conditions, state or rate_limit");
	if (!r->deny && !some && !r->rate)
		import_bad(m, n, "a rule that evaluates needs a condition");
	if (r->rate && (some || r->state))
		import_bad(m, r->rate, "rate_limit does not go together with conditions or state");
	return m->errors == before;
}

/* The name of the rule stays in what the agent reads. */
static void on_deny(struct import *m, const struct rule *r, const char *standard)
{
	char text[1024];
	struct view t = import_text(r->on_deny), n = import_text(r->name);

	if (t.n)
		snprintf(text, sizeof(text), "%.*s [%.*s]", (int)(t.n < 700 ? t.n : 700), (const char *)t.p, (int)(n.n < 200 ? n.n : 200), (const char *)n.p);
	else if (standard)
		snprintf(text, sizeof(text), "%s", standard);
	else
		snprintf(text, sizeof(text), "Denied by rule \"%.*s\"", (int)(n.n < 200 ? n.n : 200), (const char *)n.p);
	jsonw_str(&m->w, "on_deny", text);
}

static bool on_state(struct import *m, const yaml_node_t *c)
{
	return view_starts(import_text(import_member(m, c, "path")), VIEW_LIT("state."));
}

/* The conditions on arguments of one rule, as a require; none: nothing. */
static void require(struct import *m, const struct rule *r)
{
	static const char *const keys[] = {"path", "op", "value", NULL};
	bool any = false;

	for (const yaml_node_item_t *i = r->conditions ? r->conditions->data.sequence.items.start : NULL; i && i < r->conditions->data.sequence.items.top; i++) {
		const yaml_node_t *c = import_node(m, *i);
		import_known(m, c, "a condition", keys);
		if (on_state(m, c))
			continue;
		if (!any) {
			jsonw_open(&m->w, NULL, '{');
			jsonw_open(&m->w, "conditions", '[');
		}
		any = true;
		jsonw_open(&m->w, NULL, '{');
		jsonw_text(&m->w, "path", import_text(import_member(m, c, "path")));
		jsonw_text(&m->w, "op", import_text(import_member(m, c, "op")));
		import_value(m, import_member(m, c, "value"), "value", 0);
		jsonw_close(&m->w, '}');
	}
	if (!any)
		return;
	jsonw_close(&m->w, ']');
	on_deny(m, r, NULL);
	jsonw_close(&m->w, '}');
}

/* A whole number from ${least}. */
static bool whole(struct view v, long least, long *out)
{
	char text[24], *end;

	snprintf(text, sizeof(text), "%.*s", (int)(v.n < 20 ? v.n : 20), (const char *)v.p);
	errno = 0;
	*out = strtol(text, &end, 10);
	return v.n && v.n < 19 && !*end && !errno && *out >= least && text[0] != '+' && text[0] != ' ';
}

static bool window(struct import *m, const yaml_node_t *n, const char *name)
{
	if (import_is(n, "minute") || import_is(n, "hour") || import_is(n, "day"))
		return true;
	import_bad(m, n, "%s must be minute, hour or day", name);
	return false;
}

/* "5/hour" */
static void rate(struct import *m, const struct rule *r)
{
	struct view v = import_text(r->rate);
	const uint8_t *slash = v.n ? memchr(v.p, '/', v.n) : NULL;
	char counter[32], standard[128];
	long n;

	struct view w = slash ? view_skip(v, (size_t)(slash - v.p) + 1) : view_of(NULL, 0);
	bool good = view_is(w, "minute") || view_is(w, "hour") || view_is(w, "day");
	if (!good || !whole(view_head(v, (size_t)(slash - v.p)), 1, &n)) {
		import_bad(m, r->rate, "rate_limit must be NUMBER/minute, /hour or /day");
		return;
	}
	snprintf(counter, sizeof(counter), "_rate_%.*s", (int)w.n, (const char *)w.p);
	snprintf(standard, sizeof(standard), "Rate limit of %ld per %.*s reached. Try again later.", n, (int)w.n, (const char *)w.p);
	jsonw_open(&m->w, NULL, '{');
	jsonw_str(&m->w, "counter", counter);
	jsonw_text(&m->w, "window", w);
	jsonw_int(&m->w, "max", n);
	on_deny(m, r, standard);
	jsonw_close(&m->w, '}');
}

/* The limit is the first lt or lte on the rule's own counter; any other condition on a counter has no counterpart. */
static bool maximum(struct import *m, const struct rule *r, const char *tool, long *max)
{
	char own[IMPORT_NAME + 128];
	struct view counter = import_text(import_member(m, r->state, "counter"));
	bool found = false;

	snprintf(own, sizeof(own), "state.%.*s.%.*s", IMPORT_NAME, strcmp(tool, "*") == 0 ? "_global" : tool, (int)(counter.n < 100 ? counter.n : 100), (const char *)counter.p);
	for (const yaml_node_item_t *i = r->conditions->data.sequence.items.start; i < r->conditions->data.sequence.items.top; i++) {
		const yaml_node_t *c = import_node(m, *i), *op = import_member(m, c, "op");
		if (!on_state(m, c))
			continue;
		bool less = import_is(op, "lt");
		if (!view_is(import_text(import_member(m, c, "path")), own) || found || (!less && !import_is(op, "lte")) || !whole(import_text(import_member(m, c, "value")), less ? 2 : 1, max)) {
			import_bad(m, c, "only one lt or lte with a whole number on the rule's own counter can be imported");
			return false;
		}
		*max -= less;
		found = true;
	}
	if (!found)
		import_bad(m, r->state, "the counter has no lt or lte of its own: it would never be counted; take it out");
	return found;
}

static void state(struct import *m, const struct rule *r, const char *tool)
{
	static const char *const keys[] = {"counter", "window", "increment", "increment_from", NULL};
	const yaml_node_t *step = import_member(m, r->state, "increment"), *from = import_member(m, r->state, "increment_from");
	long max, n = 1;
	int before = m->errors;

	import_known(m, r->state, "state", keys);
	window(m, import_member(m, r->state, "window") ? import_member(m, r->state, "window") : r->state, "window");
	if (step && !whole(import_text(step), 1, &n))
		import_bad(m, step, "increment must be a whole number from 1");
	if (from && (step || strcmp(tool, "*") == 0))
		import_bad(m, from, "increment_from goes neither with increment nor with \"*\"");
	if (!maximum(m, r, tool, &max) || m->errors != before)
		return;
	jsonw_open(&m->w, NULL, '{');
	jsonw_text(&m->w, "counter", import_text(import_member(m, r->state, "counter")));
	jsonw_text(&m->w, "window", import_text(import_member(m, r->state, "window")));
	jsonw_int(&m->w, "max", max);
	if (step)
		jsonw_int(&m->w, "increment", n);
	if (from)
		jsonw_text(&m->w, "increment_from", import_text(from));
	on_deny(m, r, NULL);
	jsonw_close(&m->w, '}');
}

enum part { REQUIRE, DENY, LIMITS };

static void part_of(struct import *m, const yaml_node_t *rules, const char *tool, enum part part)
{
	struct rule r;

	for (const yaml_node_item_t *i = rules ? rules->data.sequence.items.start : NULL; i && i < rules->data.sequence.items.top; i++) {
		if (!read_rule(m, import_node(m, *i), &r))
			continue;
		if (part == REQUIRE && !r.deny && !r.rate)
			require(m, &r);
		if (part == DENY && r.deny) {
			jsonw_open(&m->w, NULL, '{');
			jsonw_open(&m->w, "conditions", '[');
			jsonw_close(&m->w, ']');
			on_deny(m, &r, NULL);
			jsonw_close(&m->w, '}');
		}
		if (part == LIMITS && r.rate)
			rate(m, &r);
		if (part == LIMITS && r.state)
			state(m, &r, tool);
	}
}

static bool has(struct import *m, const yaml_node_t *rules, enum part part)
{
	for (const yaml_node_item_t *i = rules ? rules->data.sequence.items.start : NULL; i && i < rules->data.sequence.items.top; i++) {
		const yaml_node_t *n = import_node(m, *i);
		bool counts = import_member(m, n, "rate_limit") || import_member(m, n, "state"), deny = import_is(import_member(m, n, "action"), "deny");
		if ((part == LIMITS && counts) || (part == DENY && deny) || (part == REQUIRE && !deny && !import_member(m, n, "rate_limit")))
			return true;
	}
	return false;
}

/* A key without a value. */
static bool nothing(const yaml_node_t *n)
{
	return n->type == YAML_SCALAR_NODE && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (!n->data.scalar.length || import_is(n, "null") || import_is(n, "~"));
}

static const yaml_node_t *rules_of(struct import *m, const yaml_node_t *tool)
{
	static const char *const keys[] = {"rules", NULL};
	const yaml_node_t *rules = import_member(m, tool, "rules");

	import_known(m, tool, "a tool", keys);
	if (rules && !import_seq(rules) && !nothing(rules))
		import_bad(m, rules, "rules must be a list");
	return import_seq(rules) ? rules : NULL;
}

/* Rules of "*" that are no limit bind every listed tool: they are copied into each. */
static void tool(struct import *m, const char *name, const yaml_node_t *rules)
{
	static const char *const key[] = {[REQUIRE] = "require", [DENY] = "deny_if", [LIMITS] = "limits"};

	jsonw_open(&m->w, name, '{');
	for (enum part p = REQUIRE; p <= LIMITS; p++) {
		if (!has(m, rules, p) && (p == LIMITS || !has(m, m->all, p)))
			continue;
		jsonw_open(&m->w, key[p], '[');
		part_of(m, rules, name, p);
		if (p != LIMITS)
			part_of(m, m->all, "*", p);
		jsonw_close(&m->w, ']');
	}
	jsonw_close(&m->w, '}');
}

static void tools(struct import *m, const yaml_node_t *map)
{
	char name[IMPORT_NAME];

	jsonw_open(&m->w, "tools", '{');
	for (const yaml_node_pair_t *p = map ? map->data.mapping.pairs.start : NULL; p && p < map->data.mapping.pairs.top; p++) {
		struct view k = import_text(import_node(m, p->key));
		if (view_is(k, "*"))
			continue;
		if (k.n >= sizeof(name) || memchr(k.p, 0, k.n)) {
			import_bad(m, import_node(m, p->key), "the name of a tool is too long");
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)k.n, (const char *)k.p);
		tool(m, name, rules_of(m, import_node(m, p->value)));
	}
	jsonw_close(&m->w, '}');
}

/* Does a rule refuse by more than a counter? */
static bool looks(struct import *m, const yaml_node_t *rule)
{
	const yaml_node_t *list = import_member(m, rule, "conditions");

	if (import_is(import_member(m, rule, "action"), "deny"))
		return true;
	for (const yaml_node_item_t *i = import_seq(list) ? list->data.sequence.items.start : NULL; i && i < list->data.sequence.items.top; i++)
		if (!on_state(m, import_node(m, *i)))
			return true;
	return false;
}

static void document(struct import *m)
{
	static const char *const keys[] = {"version", "description", "default", "hide", "tools", NULL};
	yaml_node_t *root = yaml_document_get_root_node(&m->doc), *fate = import_member(m, root, "default"), *hide = import_member(m, root, "hide"), *map = import_member(m, root, "tools");

	import_known(m, root, "the document", keys);
	if (!import_is(import_member(m, root, "version"), "1"))
		import_bad(m, root, "version must be \"1\"");
	if (fate && !import_is(fate, "allow") && !import_is(fate, "deny"))
		import_bad(m, fate, "default must be allow or deny");
	if (!fate)
		fprintf(stderr, "%s: warning: no default: Intercept allows what is not named, and so does the result\n", m->file);
	m->deny = import_is(fate, "deny");
	if (map && map->type == YAML_MAPPING_NODE)
		import_known(m, map, "tools", NULL);
	else if (map && !nothing(map))
		import_bad(m, map, "tools must be a mapping");
	map = map && map->type == YAML_MAPPING_NODE ? map : NULL;
	yaml_node_t *star = import_member(m, map, "*");
	m->all = star ? rules_of(m, star) : NULL;
	for (const yaml_node_item_t *i = !m->deny && m->all ? m->all->data.sequence.items.start : NULL; i && i < m->all->data.sequence.items.top; i++)
		if (looks(m, import_node(m, *i)))
			import_bad(m, import_node(m, *i), "a rule of \"*\" that is more than a limit has no counterpart under default: allow");
	jsonw_open(&m->w, NULL, '{');
	jsonw_str(&m->w, "version", "1");
	jsonw_str(&m->w, "default", m->deny ? "deny" : "allow");
	if (hide)
		import_value(m, hide, "hide", 0);
	if (has(m, m->all, LIMITS)) {
		jsonw_open(&m->w, "all_tools", '{');
		jsonw_open(&m->w, "limits", '[');
		part_of(m, m->all, "*", LIMITS);
		jsonw_close(&m->w, ']');
		jsonw_close(&m->w, '}');
	}
	tools(m, map);
	jsonw_close(&m->w, '}');
}

/* The result has to be a good policy, by the loader's own word. */
static int finish(struct import *m, struct buf *out)
{
	struct problems p = {0};
	struct buf nice = {0};
	int r = jsonw_end(&m->w);

	if (!r && !m->errors)
		r = problems_find(buf_view(out), &p);
	struct view v = buf_view(&p.json);
	if (m->errors || r) {
		r = m->errors ? tool_fail(EXIT_NO, "%s: cannot be imported", m->file)
		              : tool_fail(EXIT_NO, "%s: what comes out is no good policy: %.*s", m->file, (int)(v.n < 600 ? v.n : 600), v.n ? (const char *)v.p : err_text(r));
	} else if (!(r = diff_layout(buf_view(out), &nice))) {
		fwrite(buf_view(&nice).p, 1, nice.len, stdout);
		if (p.warnings)
			fprintf(stderr, "callgate: note: %zu warnings; see callgate policy check\n", p.warnings);
	}
	buf_free(&p.json);
	buf_free(&nice);
	return r ? EXIT_NO : EXIT_YES;
}

static int import(const char *file, struct view text)
{
	struct buf out = {.max = OUT_MAX};
	struct import m = {.file = file, .w = jsonw_on(&out)};
	yaml_document_t rest;
	yaml_parser_t parser;
	int status = EXIT_NO;

	if (!yaml_parser_initialize(&parser))
		return tool_fail(EXIT_NO, "no memory");
	yaml_parser_set_input_string(&parser, text.n ? text.p : (const uint8_t *)"", text.n);
	if (!yaml_parser_load(&parser, &m.doc)) {
		tool_fail(EXIT_NO, "%s:%zu:%zu: %s", file, parser.problem_mark.line + 1, parser.problem_mark.column + 1, parser.problem ? parser.problem : "no YAML");
	} else {
		document(&m);
		if (!yaml_parser_load(&parser, &rest) || yaml_document_get_root_node(&rest))
			import_bad(&m, NULL, "there is more than one document in it");
		yaml_document_delete(&rest);
		status = finish(&m, &out);
		yaml_document_delete(&m.doc);
	}
	yaml_parser_delete(&parser);
	buf_free(&out);
	return status;
}

int policy_do_import(int argc, char **argv)
{
	const char *file = NULL;
	struct buf text = {0};
	int n = tool_flags("policy import", NULL, argc, argv, &file, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "policy import: which file?  callgate policy import FILE.yaml");
	int status = n < 0 ? EXIT_USAGE : tool_file(file, YAML_SIZE, &text);
	if (!status)
		status = import(file, buf_view(&text));
	buf_free(&text);
	return status;
}
