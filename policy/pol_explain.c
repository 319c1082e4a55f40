/* pol_explain.c - see pol_explain.h. */
#include <stdarg.h>
#include <stdio.h>

#include "policy/pol_explain.h"
#include "policy/pol_internal.h"

enum { SHOWN = 80 };

static const char *const op_name[OP_COUNT] = {"eq", "neq", "in", "not_in", "lt", "lte", "gt", "gte", "regex", "contains", "exists"};

struct explain {
	pol_step_fn *fn;
	void *arg;
	bool over; /* something has denied */
	struct pol_step s;
};

static void say(struct explain *x, const char *rule, enum pol_says says, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void say(struct explain *x, const char *rule, enum pol_says says, const char *fmt, ...)
{
	va_list ap;

	x->s.rule = rule;
	x->s.says = x->over ? POL_SAYS_AFTER : says;
	va_start(ap, fmt);
	vsnprintf(x->s.text, sizeof(x->s.text), fmt, ap);
	va_end(ap);
	for (char *c = x->s.text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	x->fn(x->arg, &x->s);
	x->over = x->over || says == POL_SAYS_DENIES;
}

/* ---- values as text ---- */

static size_t cut(struct view v, char *out, size_t cap)
{
	size_t n = v.n < SHOWN ? v.n : SHOWN;

	while (n < v.n && n && (v.p[n] & 0xc0) == 0x80)
		n--;
	return (size_t)snprintf(out, cap, "%.*s%s", (int)n, (const char *)v.p, n < v.n ? "..." : "");
}

static void wanted(const struct pol_val *v, char *out, size_t cap)
{
	static const char *const word[] = {[JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true", [JSON_OBJECT] = "{...}"};
	size_t at = 0;

	if (v->type == JSON_STRING) {
		out[at++] = '"';
		at += cut(v->str, out + at, cap - at - 2);
		snprintf(out + at, cap - at, "\"");
	} else if (v->type == JSON_NUMBER) {
		struct dec_text t = dec_text(&v->num);
		for (int c; at < SHOWN && (c = dec_text_next(&t)) >= 0;)
			out[at++] = (char)c;
		snprintf(out + at, cap - at, "%s", at == SHOWN ? "..." : "");
	} else if (v->type == JSON_ARRAY) {
		at = (size_t)snprintf(out, cap, "[");
		for (uint32_t i = 0; i < v->n && at + SHOWN + 16 < cap; i++) {
			char one[SHOWN + 16];
			if (v->kid[i].type == JSON_ARRAY)
				snprintf(one, sizeof(one), "[...]");
			else
				wanted(&v->kid[i], one, sizeof(one));
			at += (size_t)snprintf(out + at, cap - at, "%s%s", i ? ", " : "", one);
		}
		snprintf(out + at, cap - at, "]");
	} else {
		snprintf(out, cap, "%s", word[v->type] ? word[v->type] : "?");
	}
}

static const char *outcome(enum pol_truth t)
{
	return t == TRUTH_YES ? "holds" : t == TRUTH_NO ? "does not hold" : "cannot be told within the bounds";
}

/* One rule: its conditions, one after the other. */
static enum pol_truth rule_text(const struct pol_rule *r, const struct json_doc *doc, const struct json_node *args, char *out, size_t cap)
{
	enum pol_truth all = TRUTH_YES;
	size_t at = 0;

	out[0] = '\0';
	if (!r->n)
		snprintf(out, cap, "no conditions: always holds");
	for (uint32_t i = 0; i < r->n; i++) {
		const struct pol_cond *c = &r->cond[i];
		const struct json_node *n = pol_value_at(&c->path, doc, args);
		enum pol_truth t = pol_value_test(c, doc, args);
		char want[256], is[SHOWN + 16];
		wanted(&c->value, want, sizeof(want));
		if (n)
			cut(json_raw(doc, n), is, sizeof(is));
		if (at < cap)
			at += (size_t)snprintf(out + at, cap - at, "%s%.*s %s %s: %s%s, %s", i ? "; " : "", (int)(c->path.text.n < 100 ? c->path.text.n : 100),
			    (const char *)c->path.text.p, op_name[c->op], want, n ? "it is " : "it is missing", n ? is : "", outcome(t));
		if (t == TRUTH_NO || (t == TRUTH_OPEN && all == TRUTH_YES))
			all = t;
	}
	return all;
}

static void rules(struct explain *x, const struct pol_rules *list, bool require, const struct json_doc *doc, const struct json_node *args)
{
	char text[400];

	for (uint32_t i = 0; i < list->n; i++) {
		enum pol_truth t = rule_text(&list->rule[i], doc, args, text, sizeof(text));
		bool denies = require ? t != TRUTH_YES : t != TRUTH_NO;
		say(x, list->rule[i].name, denies ? POL_SAYS_DENIES : POL_SAYS_PASSES, "%s", text);
	}
}

static void limits(struct explain *x, const struct pol_limit_list *list)
{
	static const char *const window[WINDOW_COUNT] = {"minute", "hour", "day", "month", "sliding minute", "sliding hour", "sliding day"};

	for (uint32_t i = 0; i < list->n; i++) {
		const struct pol_limit *l = &list->limit[i];
		const char *w = l->window < WINDOW_COUNT ? window[l->window] : "window";
		if (l->from.n)
			say(x, l->name, POL_SAYS_COUNTS, "at most %lld in a %s, counting %.*s", (long long)l->max, w, (int)(l->from.text.n < 100 ? l->from.text.n : 100), (const char *)l->from.text.p);
		else
			say(x, l->name, POL_SAYS_COUNTS, "at most %lld in a %s, counting %lld a call", (long long)l->max, w, (long long)l->increment);
	}
}

/* What the loader of x-callgate added: times and repeats are looked at when the call is made. */
static void extras(struct explain *x, const struct pol_extra *e)
{
	if (e && e->when.name && e->when.from >= 0)
		say(x, e->when.name, POL_SAYS_COUNTS, "only from %02d:%02d to %02d:%02d UTC%s%s", e->when.from / 60, e->when.from % 60, e->when.to / 60, e->when.to % 60,
		    e->when.days ? ", on some days" : "", e->when.ends ? ", and not for ever" : "");
	else if (e && e->when.name)
		say(x, e->when.name, POL_SAYS_COUNTS, "only%s%s", e->when.days ? " on some days" : "", e->when.ends ? " until a certain time" : "");
	if (e && e->once > 0)
		say(x, e->once_name, POL_SAYS_COUNTS, "the same call again is refused for %lld seconds", (long long)e->once);
}

static void approval(struct explain *x, const struct pol_extra *e, const struct json_doc *doc, const struct json_node *args)
{
	char text[400];

	if (e && e->approve.name && rule_text(&e->approve, doc, args, text, sizeof(text)) != TRUTH_NO)
		say(x, e->approve.name, POL_SAYS_COUNTS, "somebody has to approve this call: %s", text);
	else if (e && e->approve.name)
		say(x, e->approve.name, POL_SAYS_PASSES, "no approval is needed: %s", text);
}

static bool is_hidden(const struct pol *p, struct view tool)
{
	bool found = p->hide_all;

	for (uint32_t i = 0; i < p->n_hide; i++)
		found = found || view_eq(p->hide[i], tool);
	return found;
}

void pol_explain(const struct pol *p, struct view tool, const struct json_doc *doc, const struct json_node *args, pol_step_fn *fn, void *arg,
    struct pol_decision *out)
{
	struct explain x = {.fn = fn, .arg = arg};

	pol_judge(p, tool, doc, args, out);
	if (!p) {
		say(&x, "(no policy)", POL_SAYS_DENIES, "the grant has no policy");
		return;
	}
	const struct pol_tool *t = pol_eval_tool(p, tool);
	bool hidden = is_hidden(p, tool);
	say(&x, hidden ? "(hidden)" : "hide", hidden ? POL_SAYS_DENIES : POL_SAYS_PASSES, "%s", hidden ? "the tool is hidden" : "the tool is not hidden");
	if (t)
		say(&x, t->pointer, POL_SAYS_PASSES, "the tool is listed");
	else
		say(&x, p->allow ? "(default allow)" : "(default deny)", p->allow ? POL_SAYS_PASSES : POL_SAYS_DENIES, "tools does not name it, and default is %s", p->allow ? "allow" : "deny");
	const struct pol_extra *e = pol_eval_extra(p, tool);
	if (t) {
		rules(&x, &t->require, true, doc, args);
		rules(&x, &t->deny_if, false, doc, args);
	}
	extras(&x, e);
	if (t)
		limits(&x, &t->limits);
	limits(&x, &p->all);
	if (e)
		limits(&x, &e->limits);
	limits(&x, &p->extra_all);
	approval(&x, e, doc, args);
}

/* ---- names only ---- */

static bool given(const struct pol_path *path, const struct view *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (view_eq(keys[i], path->name[0]))
			return true;
	return false;
}

/* A missing argument makes every condition false but "exists false"; of one that is there only the value would tell. */
static enum pol_truth names_tell(const struct pol_rule *r, const struct view *keys, size_t n)
{
	enum pol_truth all = TRUTH_YES;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct pol_cond *c = &r->cond[i];
		enum pol_truth t = TRUTH_OPEN;
		if (!given(&c->path, keys, n))
			t = c->op == OP_EXISTS && c->value.type == JSON_FALSE ? TRUTH_YES : TRUTH_NO;
		if (t == TRUTH_NO)
			return TRUTH_NO;
		if (t == TRUTH_OPEN)
			all = TRUTH_OPEN;
	}
	return all;
}

static enum pol_says guess_list(const struct pol_rules *list, bool require, const struct view *keys, size_t n, const char **rule)
{
	enum pol_says says = POL_SAYS_PASSES;

	for (uint32_t i = 0; i < list->n; i++) {
		enum pol_truth t = names_tell(&list->rule[i], keys, n);
		if (t == (require ? TRUTH_NO : TRUTH_YES)) {
			*rule = list->rule[i].name;
			return POL_SAYS_DENIES;
		}
		if (t == TRUTH_OPEN && says == POL_SAYS_PASSES) {
			*rule = list->rule[i].name;
			says = POL_SAYS_DEPENDS;
		}
	}
	return says;
}

enum pol_says pol_guess(const struct pol *p, struct view tool, const struct view *keys, size_t n, const char **rule, uint32_t *counted)
{
	const char *first = "", *second = "";

	*rule = "";
	*counted = 0;
	const struct pol_tool *t = pol_eval_tool(p, tool);
	if (is_hidden(p, tool) || (!t && !p->allow)) {
		*rule = is_hidden(p, tool) ? "(hidden)" : "(default deny)";
		return POL_SAYS_DENIES;
	}
	const struct pol_extra *e = pol_eval_extra(p, tool);
	*counted = p->all.n + (t ? t->limits.n : 0) + p->extra_all.n + (e ? e->limits.n + (e->once > 0) : 0);
	/* The hour, and what a person would have said, are not in the record either. */
	const char *open = e && e->approve.name && names_tell(&e->approve, keys, n) != TRUTH_NO ? e->approve.name : e ? e->when.name : NULL;
	if (!t) {
		*rule = open ? open : "";
		return open ? POL_SAYS_DEPENDS : POL_SAYS_PASSES;
	}
	enum pol_says a = guess_list(&t->require, true, keys, n, &first);
	enum pol_says b = a == POL_SAYS_DENIES ? POL_SAYS_PASSES : guess_list(&t->deny_if, false, keys, n, &second);
	enum pol_says says = a == POL_SAYS_DENIES || b == POL_SAYS_DENIES ? POL_SAYS_DENIES : a == POL_SAYS_DEPENDS || b == POL_SAYS_DEPENDS ? POL_SAYS_DEPENDS : POL_SAYS_PASSES;
	*rule = b == says && a != says ? second : first;
	if (says == POL_SAYS_PASSES && open) {
		*rule = open;
		return POL_SAYS_DEPENDS;
	}
	return says;
}
