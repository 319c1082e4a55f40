/*
 * pol_value.c - paths, equality and the eleven operators.
 * Floor: policy, inside.      Source: docs/POLICY.md "conditions".      Allocates nothing.
 *
 * A missing argument makes every condition false, exists excepted.  An argument that cannot be judged within the bounds of a
 * pattern is TRUTH_OPEN; the caller counts that against the call, whichever list the rule is in.
 */
#include "codec/json_internal.h"
#include "policy/pol_internal.h"

const struct json_node *pol_value_at(const struct pol_path *path, const struct json_doc *doc, const struct json_node *args)
{
	const struct json_node *n = args;
	for (uint32_t i = 0; n && i < path->n; i++)
		n = n->type == JSON_OBJECT ? json_get(doc, n, path->name[i]) : NULL;
	return n;
}

static bool number_of(const struct json_doc *doc, const struct json_node *n, struct dec *out)
{
	return n->type == JSON_NUMBER && dec_parse(json_raw(doc, n), out) == 0;
}

static struct json_bytes bytes_of(const struct json_doc *doc, const struct json_node *n)
{
	const uint8_t *p = doc->in.p + n->off;
	return (struct json_bytes){.p = p + 1, .end = p + n->len - 1};
}

/* Is the string ${n} the canonical text of ${num}? */
static bool text_of_number(const struct dec *num, const struct json_doc *doc, const struct json_node *n)
{
	struct json_bytes s = bytes_of(doc, n);
	struct dec_text t = dec_text(num);
	for (;;) {
		int c = dec_text_next(&t);
		if (json_bytes_next(&s) != c)
			return false;
		if (c < 0)
			return true;
	}
}

static bool number_of_text(struct view text, const struct dec *num)
{
	struct dec_text t = dec_text(num);
	for (size_t i = 0; i < text.n; i++)
		if (dec_text_next(&t) != text.p[i])
			return false;
	return dec_text_next(&t) < 0;
}

static bool eq_string(const struct pol_val *v, const struct json_doc *doc, const struct json_node *n)
{
	struct dec num;
	switch (n->type) {
	case JSON_STRING:
		return json_str_eq(doc, n, v->str);
	case JSON_NUMBER:
		return number_of(doc, n, &num) && number_of_text(v->str, &num);
	case JSON_TRUE:
		return view_is(v->str, "true");
	case JSON_FALSE:
		return view_is(v->str, "false");
	default:
		return false;
	}
}

static bool eq_number(const struct pol_val *v, const struct json_doc *doc, const struct json_node *n)
{
	struct dec num;
	if (n->type == JSON_STRING)
		return text_of_number(&v->num, doc, n);
	return number_of(doc, n, &num) && dec_cmp(&v->num, &num) == 0;
}

static bool eq_bool(const struct pol_val *v, const struct json_doc *doc, const struct json_node *n)
{
	if (n->type == JSON_STRING)
		return json_str_eq(doc, n, v->type == JSON_TRUE ? VIEW_LIT("true") : VIEW_LIT("false"));
	return n->type == v->type;
}

/* Recursion is bounded: no document is deeper than JSON_DEPTH. */
static bool eq_array(const struct pol_val *v, const struct json_doc *doc, const struct json_node *n)
{
	if (n->type != JSON_ARRAY || n->count != v->n)
		return false;
	const struct json_node *kid = json_first(doc, n);
	for (uint32_t i = 0; i < v->n; i++, kid = json_next(doc, n, kid))
		if (!kid || !pol_value_eq(&v->kid[i], doc, kid))
			return false;
	return true;
}

static bool eq_object(const struct pol_val *v, const struct json_doc *doc, const struct json_node *n)
{
	if (n->type != JSON_OBJECT || n->count != v->n)
		return false;
	for (uint32_t i = 0; i < v->n; i++) {
		const struct json_node *kid = json_get(doc, n, v->kid[i].key);
		if (!kid || !pol_value_eq(&v->kid[i], doc, kid))
			return false;
	}
	return true;
}

bool pol_value_eq(const struct pol_val *v, const struct json_doc *doc, const struct json_node *n)
{
	switch (v->type) {
	case JSON_STRING:
		return eq_string(v, doc, n);
	case JSON_NUMBER:
		return eq_number(v, doc, n);
	case JSON_TRUE:
	case JSON_FALSE:
		return eq_bool(v, doc, n);
	case JSON_ARRAY:
		return eq_array(v, doc, n);
	case JSON_OBJECT:
		return eq_object(v, doc, n);
	default:
		return v->type == JSON_NULL && n->type == JSON_NULL;
	}
}

static bool in_list(const struct pol_cond *c, const struct json_doc *doc, const struct json_node *n)
{
	for (uint32_t i = 0; i < c->value.n; i++)
		if (pol_value_eq(&c->value.kid[i], doc, n))
			return true;
	return false;
}

void pol_value_border(struct view needle, uint32_t *out)
{
	uint32_t k = 0;
	for (size_t i = 0; i < needle.n; i++) {
		if (i) {
			while (k && needle.p[i] != needle.p[k])
				k = out[k - 1];
			if (needle.p[i] == needle.p[k])
				k++;
		}
		out[i] = k;
	}
}

/* Knuth, Morris, Pratt over the unescaped bytes: the string may be megabytes of escapes, and no copy of it is made. */
static bool find_escaped(const struct pol_cond *c, struct json_bytes s)
{
	struct view needle = c->value.str;
	uint32_t k = 0;
	if (!needle.n)
		return true;
	for (int b; (b = json_bytes_next(&s)) >= 0;) {
		while (k && b != needle.p[k])
			k = c->border[k - 1];
		if (b == needle.p[k] && ++k == needle.n)
			return true;
	}
	return false;
}

static bool contains(const struct pol_cond *c, const struct json_doc *doc, const struct json_node *n)
{
	struct view plain;
	if (n->type == JSON_ARRAY) {
		for (const struct json_node *kid = json_first(doc, n); kid; kid = json_next(doc, n, kid))
			if (pol_value_eq(&c->value, doc, kid))
				return true;
		return false;
	}
	if (n->type != JSON_STRING || c->value.type != JSON_STRING)
		return false;
	if (json_plain(doc, n, &plain))
		return c->value.str.n == 0 || memmem(plain.p, plain.n, c->value.str.p, c->value.str.n);
	return find_escaped(c, bytes_of(doc, n));
}

static enum pol_truth matches(const struct pol_cond *c, const struct json_doc *doc, const struct json_node *n)
{
	uint8_t text[REGEX_SUBJECT_MAX];
	struct view subject;
	if (n->type != JSON_STRING)
		return TRUTH_NO;
	if (!json_plain(doc, n, &subject)) {
		int len = json_str(doc, n, text, sizeof(text));
		if (len < 0)
			return TRUTH_OPEN;
		subject = view_of(text, (size_t)len);
	}
	int r = regex_match(c->re, subject);
	return r < 0 ? TRUTH_OPEN : r ? TRUTH_YES : TRUTH_NO;
}

static bool ordered(const struct pol_cond *c, const struct json_doc *doc, const struct json_node *n)
{
	struct dec num;
	if (!number_of(doc, n, &num))
		return false;
	int cmp = dec_cmp(&num, &c->value.num);
	return c->op == OP_LT ? cmp < 0 : c->op == OP_LTE ? cmp <= 0 : c->op == OP_GT ? cmp > 0 : cmp >= 0;
}

enum pol_truth pol_value_test(const struct pol_cond *c, const struct json_doc *doc, const struct json_node *args)
{
	const struct json_node *n = pol_value_at(&c->path, doc, args);
	bool yes = false;
	if (c->op == OP_EXISTS)
		return (n && n->type != JSON_NULL) == (c->value.type == JSON_TRUE) ? TRUTH_YES : TRUTH_NO;
	if (!n)
		return TRUTH_NO;
	switch (c->op) {
	case OP_EQ:
		yes = pol_value_eq(&c->value, doc, n);
		break;
	case OP_NEQ:
		yes = !pol_value_eq(&c->value, doc, n);
		break;
	case OP_IN:
		yes = in_list(c, doc, n);
		break;
	case OP_NOT_IN:
		yes = !in_list(c, doc, n);
		break;
	case OP_LT:
	case OP_LTE:
	case OP_GT:
	case OP_GTE:
		yes = ordered(c, doc, n);
		break;
	case OP_CONTAINS:
		yes = contains(c, doc, n);
		break;
	case OP_REGEX:
		return matches(c, doc, n);
	default:
		break;
	}
	return yes ? TRUTH_YES : TRUTH_NO;
}
