/*
 * pol_eval.c - judge a call by a compiled document.
 * Floor: policy.      Source: docs/POLICY.md "order of evaluation".      Allocates nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy/pol_internal.h"

enum { SHOWN_NAME = 128 }; /* bytes of a tool's name that a text repeats */

int pol_eval_view_cmp(const void *a, const void *b)
{
	const struct view *x = a, *y = b;
	size_t n = x->n < y->n ? x->n : y->n;
	int c = n ? memcmp(x->p, y->p, n) : 0;
	return c ? c : (x->n > y->n) - (x->n < y->n);
}

/* The first member of struct pol_tool and struct pol_method is the name: they can be searched by it. */
_Static_assert(offsetof(struct pol_tool, name) == 0 && offsetof(struct pol_method, name) == 0 && offsetof(struct pol_extra, name) == 0,
    "searched by name");

const struct pol_tool *pol_eval_tool(const struct pol *p, struct view name)
{
	return p->n_tools ? bsearch(&name, p->tool, p->n_tools, sizeof(*p->tool), pol_eval_view_cmp) : NULL;
}

const struct pol_extra *pol_eval_extra(const struct pol *p, struct view name)
{
	return p->n_extra ? bsearch(&name, p->extra, p->n_extra, sizeof(*p->extra), pol_eval_view_cmp) : NULL;
}

static bool hidden(const struct pol *p, struct view name)
{
	return p->hide_all ||
	    (p->n_hide && bsearch(&name, p->hide, p->n_hide, sizeof(*p->hide), pol_eval_view_cmp) != NULL);
}

/* ${n} bytes of UTF-8, less the beginning of a character whose end does not fit. */
static size_t whole_chars(const uint8_t *p, size_t n, size_t max)
{
	if (n <= max)
		return n;
	for (n = max; n && (p[n] & 0xc0) == 0x80; n--)
		;
	return n;
}

void pol_eval_deny(struct pol_decision *out, const char *rule, int index, struct view text)
{
	size_t n = whole_chars(text.p, text.n, sizeof(out->text) - 1);
	out->verdict = POL_DENY;
	out->unknown_tool = false;
	out->authorised_by[0] = '\0';
	out->approve = NULL;
	out->rule_index = index;
	out->limits = 0;
	snprintf(out->rule, sizeof(out->rule), "%s", rule);
	if (n)
		memcpy(out->text, text.p, n);
	out->text[n] = '\0';
}

static void deny_name(struct pol_decision *out, const char *rule, const char *before, struct view name, const char *after)
{
	char text[POL_TEXT_MAX], shown[SHOWN_NAME + 8];
	size_t n = whole_chars(name.p, name.n, SHOWN_NAME);
	for (size_t i = 0; i < n; i++)
		shown[i] = name.p[i] < 0x20 || name.p[i] == 0x7f || name.p[i] == '"' ? '?' : (char)name.p[i];
	memcpy(shown + n, "...", 4);
	if (n == name.n)
		shown[n] = '\0';
	snprintf(text, sizeof(text), "%s\"%s\" %s", before, shown, after);
	pol_eval_deny(out, rule, -1, view_str(text));
}

static void deny_tool(struct pol_decision *out, const char *rule, struct view tool, const char *why)
{
	deny_name(out, rule, "Tool ", tool, why);
	out->unknown_tool = true;
}

static void allow(struct pol_decision *out, const char *by)
{
	out->verdict = POL_ALLOW;
	out->unknown_tool = false;
	out->rule[0] = '\0';
	out->text[0] = '\0';
	out->approve = NULL;
	out->rule_index = -1;
	size_t n = strnlen(by, sizeof(out->authorised_by) - 1);
	memcpy(out->authorised_by, by, n);
	out->authorised_by[n] = '\0';
}

static void deny_rule(struct pol_decision *out, const struct pol_rule *r, uint32_t index)
{
	char text[POL_TEXT_MAX];
	struct view v = r->on_deny;
	if (!r->has_text) {
		snprintf(text, sizeof(text), "Denied by policy: rule \"%.960s\"", r->name);
		v = view_str(text);
	}
	pol_eval_deny(out, r->name, (int)index, v);
}

/* Do all conditions hold?  ${open} is what one that cannot be told counts as. */
static bool all_true(const struct pol_rule *r, const struct json_doc *doc, const struct json_node *args, bool open)
{
	for (uint32_t i = 0; i < r->n; i++) {
		enum pol_truth t = pol_value_test(&r->cond[i], doc, args);
		if (t == TRUTH_NO || (t == TRUTH_OPEN && !open))
			return false;
	}
	return true;
}

static bool refused(const struct pol_tool *t, const struct json_doc *doc, const struct json_node *args,
    struct pol_decision *out)
{
	for (uint32_t i = 0; i < t->require.n; i++) {
		if (!all_true(&t->require.rule[i], doc, args, false)) {
			deny_rule(out, &t->require.rule[i], i);
			return true;
		}
	}
	for (uint32_t i = 0; i < t->deny_if.n; i++) {
		if (all_true(&t->deny_if.rule[i], doc, args, true)) {
			deny_rule(out, &t->deny_if.rule[i], i);
			return true;
		}
	}
	return false;
}

void pol_judge(const struct pol *p, struct view tool, const struct json_doc *doc, const struct json_node *args,
    struct pol_decision *out)
{
	if (!p) {
		pol_eval_deny(out, "(no policy)", -1, VIEW_LIT("No policy is attached to this grant"));
		return;
	}
	if (hidden(p, tool)) {
		deny_tool(out, "(hidden)", tool, "is hidden by policy");
		return;
	}
	const struct pol_tool *t = pol_eval_tool(p, tool);
	if (!t && !p->allow) {
		deny_tool(out, "(default deny)", tool, "is not permitted by policy");
		return;
	}
	if (t && refused(t, doc, args, out))
		return;
	allow(out, t ? t->pointer : "(default allow)");
	const struct pol_extra *x = pol_eval_extra(p, tool);
	out->limits = (t ? t->limits.n : 0) + p->all.n + p->extra_all.n + (x ? x->limits.n + (x->when.name != NULL) + (x->once > 0) : 0);
	out->approve = x && x->approve.name && all_true(&x->approve, doc, args, true) ? x->approve.name : NULL;
}

enum pol_visible pol_visible(const struct pol *p, struct view tool)
{
	if (!p || hidden(p, tool) || (!p->allow && !pol_eval_tool(p, tool)))
		return POL_HIDDEN;
	return POL_LISTED;
}

/* Methods other than tools/call.  PASS: the protocol itself, whose lists are filtered elsewhere; DEFAULT: as "default" says. */
enum fate { FATE_UNKNOWN, FATE_PASS, FATE_DEFAULT };
static const struct {
	const char *name;
	enum fate fate;
} methods[] = {
    {"initialize", FATE_PASS},
    {"ping", FATE_PASS},
    {"server/discover", FATE_PASS},
    {"subscriptions/listen", FATE_PASS},
    {"tools/list", FATE_PASS},
    {"prompts/list", FATE_PASS},
    {"resources/list", FATE_PASS},
    {"resources/templates/list", FATE_PASS},
    {"notifications/initialized", FATE_PASS},
    {"notifications/cancelled", FATE_PASS},
    {"notifications/progress", FATE_PASS},
    {"notifications/roots/list_changed", FATE_PASS},
    {"resources/read", FATE_DEFAULT},
    {"resources/subscribe", FATE_DEFAULT},
    {"resources/unsubscribe", FATE_DEFAULT},
    {"prompts/get", FATE_DEFAULT},
    {"completion/complete", FATE_DEFAULT},
    {"logging/setLevel", FATE_DEFAULT},
    {"notifications/tasks/status", FATE_DEFAULT},
    {"sampling/createMessage", FATE_DEFAULT},
    {"elicitation/create", FATE_DEFAULT},
    {"roots/list", FATE_DEFAULT},
};

static enum fate fate_of(struct view method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (view_is(method, methods[i].name))
			return methods[i].fate;
	return view_starts(method, VIEW_LIT("tasks/")) ? FATE_DEFAULT : FATE_UNKNOWN;
}

void pol_method(const struct pol *p, struct view method, struct pol_decision *out)
{
	static const char denied[] = "is not permitted by policy";
	out->limits = 0;
	if (!p) {
		pol_eval_deny(out, "(no policy)", -1, VIEW_LIT("No policy is attached to this grant"));
		return;
	}
	const struct pol_method *m =
	    p->n_methods ? bsearch(&method, p->method, p->n_methods, sizeof(*p->method), pol_eval_view_cmp) : NULL;
	enum fate fate = fate_of(method);
	if (m && m->allow)
		allow(out, m->pointer);
	else if (m)
		deny_name(out, m->pointer, "Method ", method, denied);
	else if (fate == FATE_PASS)
		allow(out, "(protocol)");
	else if (fate == FATE_DEFAULT && p->allow)
		allow(out, "(default allow)");
	else if (fate == FATE_DEFAULT)
		deny_name(out, "(default deny)", "Method ", method, denied);
	else
		deny_name(out, "(unknown method)", "Method ", method, denied);
}
