/*
 * pol_rules.c - read require and deny_if: rules, conditions, paths, values.
 * Floor: policy, inside.      Source: docs/POLICY.md "rules" and "conditions".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/pol_load_internal.h"

static const struct {
	const char *name;
	uint32_t types; /* of its value: bits of enum json_type; 0: any */
	const char *wants;
} ops[OP_COUNT] = {
    [OP_EQ] = {"eq", 0, NULL},
    [OP_NEQ] = {"neq", 0, NULL},
    [OP_IN] = {"in", 1u << JSON_ARRAY, "a list"},
    [OP_NOT_IN] = {"not_in", 1u << JSON_ARRAY, "a list"},
    [OP_LT] = {"lt", 1u << JSON_NUMBER, "a number"},
    [OP_LTE] = {"lte", 1u << JSON_NUMBER, "a number"},
    [OP_GT] = {"gt", 1u << JSON_NUMBER, "a number"},
    [OP_GTE] = {"gte", 1u << JSON_NUMBER, "a number"},
    [OP_REGEX] = {"regex", 1u << JSON_STRING, "a string"},
    [OP_CONTAINS] = {"contains", 0, NULL},
    [OP_EXISTS] = {"exists", 1u << JSON_TRUE | 1u << JSON_FALSE, "true or false"},
};

bool pol_rules_path(struct pol_loader *l, const struct json_node *n, struct pol_path *out)
{
	struct view rest, *name;
	uint32_t count = 1, i = 0;
	*out = (struct pol_path){0};
	if (!pol_load_text(l, n, &out->text))
		return false;
	if (!view_starts(out->text, VIEW_LIT("args."))) {
		pol_diag_error(l, n, -ERR_MALFORMED, "must begin with \"args.\"");
		return false;
	}
	rest = view_skip(out->text, 5);
	for (size_t k = 0; k < rest.n; k++)
		count += rest.p[k] == '.';
	name = pol_load_take(l, count, sizeof(*name));
	if (!name)
		return false;
	for (; i < count; i++) {
		const uint8_t *dot = rest.n ? memchr(rest.p, '.', rest.n) : NULL;
		name[i] = dot ? view_of(rest.p, (size_t)(dot - rest.p)) : rest;
		rest = view_skip(rest, name[i].n + 1);
		if (!name[i].n) {
			pol_diag_error(l, n, -ERR_MALFORMED, "holds an empty field name");
			return false;
		}
	}
	out->name = name;
	out->n = count;
	return true;
}

/* Recursion is bounded by the scanner's JSON_DEPTH. */
static void read_value(struct pol_loader *l, const struct json_node *n, struct pol_val *out)
{
	struct pol_val *kid;
	uint32_t i = 0;
	out->type = (enum json_type)n->type;
	if (n->type == JSON_STRING)
		(void)pol_load_text(l, n, &out->str);
	if (n->type == JSON_NUMBER && dec_parse(json_raw(&l->doc, n), &out->num))
		pol_diag_error(l, n, -ERR_RANGE, "is not a number that can be compared");
	if (n->type != JSON_ARRAY && n->type != JSON_OBJECT)
		return;
	kid = pol_load_take(l, n->count, sizeof(*kid));
	out->kid = kid;
	if (!kid)
		return;
	for (const struct json_node *m = json_first(&l->doc, n); m; m = json_next(&l->doc, n, m), i++) {
		if (n->type == JSON_OBJECT)
			(void)pol_load_key(l, m, &kid[i].key);
		read_value(l, m, &kid[i]);
	}
	out->n = i;
}

static void cond_path(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_cond *c = into;
	(void)pol_rules_path(l, n, &c->path);
}

static void cond_op(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_cond *c = into;
	for (c->op = 0; c->op < OP_COUNT; c->op++)
		if (json_str_eq(&l->doc, n, view_str(ops[c->op].name)))
			return;
	pol_diag_error(l, n, -ERR_MALFORMED,
	    "must be one of eq neq in not_in lt lte gt gte regex contains exists");
}

static void cond_value(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_cond *c = into;
	read_value(l, n, &c->value);
}

static void compile_pattern(struct pol_loader *l, const struct json_node *n, struct pol_cond *c)
{
	char why[REGEX_WHY];
	struct pol_regex_list *keep = pol_load_take(l, 1, sizeof(*keep));
	if (!keep)
		return;
	int e = regex_new(c->value.str, &c->re, why);
	if (e) {
		pol_diag_error(l, n, e, "%s", e == -ENOMEM ? "out of memory" : why);
		return;
	}
	*keep = (struct pol_regex_list){.next = l->p->regexes, .re = c->re};
	l->p->regexes = keep;
}

/* Path, operator and value may come in any order: what depends on two of them waits until all are read. */
static void finish_cond(struct pol_loader *l, const struct json_node *n, struct pol_cond *c)
{
	if (!n || c->op == OP_COUNT)
		return;
	size_t back = pol_diag_name(l, VIEW_LIT("value"));
	if (ops[c->op].types && !(ops[c->op].types & 1u << c->value.type)) {
		pol_diag_error(l, n, -ERR_MALFORMED, "must be %s for the operator %s", ops[c->op].wants, ops[c->op].name);
	} else if (c->op == OP_REGEX) {
		compile_pattern(l, n, c);
	} else if (c->op == OP_CONTAINS && c->value.type == JSON_STRING) {
		uint32_t *border = pol_load_take(l, c->value.str.n, sizeof(*border));
		if (border)
			pol_value_border(c->value.str, border);
		c->border = border;
	}
	pol_diag_back(l, back);
}

static void read_cond(struct pol_loader *l, const struct json_node *n, void *into)
{
	static const struct pol_field fields[] = {
	    {"path", cond_path, true}, {"op", cond_op, true}, {"value", cond_value, true}};
	struct pol_cond *c = into;
	c->op = OP_COUNT;
	c->node = (uint32_t)(n - l->doc.node);
	pol_load_fields(l, n, fields, 3, c);
	finish_cond(l, json_get(&l->doc, n, VIEW_LIT("value")), c);
}

static void rule_conditions(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_rule *r = into;
	r->cond = pol_load_list(l, n, sizeof(struct pol_cond), read_cond, &r->n);
}

void pol_rules_conditions(struct pol_loader *l, const struct json_node *n, struct pol_rule *r)
{
	rule_conditions(l, n, r);
}

static void rule_on_deny(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_rule *r = into;
	r->has_text = pol_load_text(l, n, &r->on_deny);
	if (r->on_deny.n >= POL_TEXT_MAX)
		pol_diag_warning(l, n, "is longer than %d bytes and will be cut", POL_TEXT_MAX - 1);
}

static void read_rule(struct pol_loader *l, const struct json_node *n, void *into)
{
	static const struct pol_field fields[] = {{"conditions", rule_conditions, true}, {"on_deny", rule_on_deny, false}};
	struct pol_rule *r = into;
	r->node = (uint32_t)(n - l->doc.node);
	pol_load_fields(l, n, fields, 2, r);
}

struct label { /* the first condition's path and operator, to be sorted */
	struct view text;
	uint32_t rule;
};

/* The label is PATH-OP of the first condition, or the index of a rule without any. */
static struct view label_of(struct pol_loader *l, const struct pol_rule *r, uint32_t index)
{
	char number[16];
	const char *op;
	if (!r->n || r->cond[0].op == OP_COUNT) {
		snprintf(number, sizeof(number), "%u", index);
		const char *s = arena_copy(&l->p->arena, view_str(number));
		return view_str(s);
	}
	op = ops[r->cond[0].op].name;
	struct view path = r->cond[0].path.text;
	char *s = pol_load_take(l, path.n + strlen(op) + 2, 1);
	if (!s)
		return VIEW_LIT("");
	if (path.n)
		memcpy(s, path.p, path.n);
	s[path.n] = '-';
	memcpy(s + path.n + 1, op, strlen(op));
	return view_of(s, path.n + 1 + strlen(op));
}

/* Rules of one list that would share a label get '#' and their index. */
static void name_rules(struct pol_loader *l, const struct json_node *n, const char *base, struct pol_rules *rs)
{
	struct label *label = pol_load_take(l, rs->n, sizeof(*label));
	if (!label)
		return;
	for (uint32_t i = 0; i < rs->n; i++)
		label[i] = (struct label){label_of(l, &rs->rule[i], i), i};
	qsort(label, rs->n, sizeof(*label), pol_eval_view_cmp);
	for (uint32_t i = 0; i < rs->n; i++) {
		char tail[16] = "";
		if ((i && view_eq(label[i].text, label[i - 1].text)) ||
		    (i + 1 < rs->n && view_eq(label[i].text, label[i + 1].text)))
			snprintf(tail, sizeof(tail), "#%u", label[i].rule);
		rs->rule[label[i].rule].name = pol_load_pointer(l, n, base, label[i].text, tail);
	}
}

void pol_rules_read(struct pol_loader *l, const struct json_node *n, const char *base, struct pol_rules *out)
{
	out->rule = pol_load_list(l, n, sizeof(*out->rule), read_rule, &out->n);
	if (out->rule)
		name_rules(l, n, base, out);
}
