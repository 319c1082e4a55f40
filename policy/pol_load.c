/*
 * pol_load.c - read a policy document.
 * Floor: policy.      Source: docs/POLICY.md "the document".
 */
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/pol_load_internal.h"

enum { NODES_MAX = 1 << 20 };

void *pol_load_take(struct pol_loader *l, size_t n, size_t size)
{
	void *p = arena_take(&l->p->arena, n, size);
	if (!p && !l->err)
		l->err = -ENOMEM;
	return p;
}

static bool copy(struct pol_loader *l, const struct json_node *n, size_t raw,
    int (*get)(const struct json_doc *, const struct json_node *, void *, size_t), struct view *out)
{
	uint8_t *s = pol_load_take(l, raw + 1, 1);
	int len = s ? get(&l->doc, n, s, raw) : -1;
	*out = view_of(s, len < 0 ? 0 : (size_t)len);
	return len >= 0;
}

bool pol_load_text(struct pol_loader *l, const struct json_node *n, struct view *out)
{
	*out = VIEW_LIT("");
	if (n->type == JSON_STRING)
		return copy(l, n, n->len, json_str, out);
	pol_diag_error(l, n, -ERR_MALFORMED, "must be a string");
	return false;
}

bool pol_load_key(struct pol_loader *l, const struct json_node *n, struct view *out)
{
	return copy(l, n, n->key_len, json_key, out);
}

bool pol_load_whole(struct pol_loader *l, const struct json_node *n, int64_t least, int64_t *out)
{
	struct dec d;
	if (n->type == JSON_NUMBER && !dec_parse(json_raw(&l->doc, n), &d) && !dec_int(&d, out) && *out >= least)
		return true;
	pol_diag_error(l, n, -ERR_RANGE, "must be an integer from %lld to %lld", (long long)least, (long long)INT64_MAX);
	*out = least;
	return false;
}

const char *pol_load_pointer(struct pol_loader *l, const struct json_node *n, const char *base, struct view name, const char *tail)
{
	char text[POL_RULE_MAX];
	size_t len = strlen(base), room = sizeof(text) - 1;
	if (len < room) {
		memcpy(text, base, len);
		text[len++] = '/';
	}
	for (size_t i = 0; i < name.n && len + 2 <= room; i++) {
		uint8_t c = name.p[i];
		if (c == '~' || c == '/') {
			text[len++] = '~';
			c = c == '~' ? '0' : '1';
		}
		text[len++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	if (len + strlen(tail) + 2 > room) {
		pol_diag_error(l, n, -ERR_TOO_LONG, "the name of this rule would pass %d bytes", POL_RULE_MAX - 1);
		return "";
	}
	memcpy(text + len, tail, strlen(tail));
	const char *s = arena_copy(&l->p->arena, view_of(text, len + strlen(tail)));
	if (!s && !l->err)
		l->err = -ENOMEM;
	return s ? s : "";
}

static const struct pol_field *field_of(struct pol_loader *l, const struct json_node *n, const struct pol_field *f, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (json_key_eq(&l->doc, n, view_str(f[i].key)))
			return &f[i];
	return NULL;
}

void pol_load_fields(struct pol_loader *l, const struct json_node *n, const struct pol_field *fields, size_t count, void *into)
{
	if (n->type != JSON_OBJECT) {
		pol_diag_error(l, n, -ERR_MALFORMED, "must be an object");
		return;
	}
	for (const struct json_node *m = json_first(&l->doc, n); m; m = json_next(&l->doc, n, m)) {
		const struct pol_field *f = field_of(l, m, fields, count);
		size_t back = pol_diag_key(l, m);
		if (!f)
			pol_diag_error(l, m, -ERR_MALFORMED, "is not a key of this object");
		else if (!f->read)
			pol_diag_error(l, m, -ERR_UNSUPPORTED, "is not supported by this version");
		else
			f->read(l, m, into);
		pol_diag_back(l, back);
	}
	for (size_t i = 0; i < count; i++) {
		if (!fields[i].required || json_get(&l->doc, n, view_str(fields[i].key)))
			continue;
		size_t back = pol_diag_name(l, view_str(fields[i].key));
		pol_diag_error(l, n, -ERR_MALFORMED, "is missing");
		pol_diag_back(l, back);
	}
}

void *pol_load_list(struct pol_loader *l, const struct json_node *n, size_t size, pol_read_fn *read, uint32_t *count)
{
	uint8_t *at;
	uint32_t i = 0;
	*count = 0;
	if (n->type != JSON_ARRAY) {
		pol_diag_error(l, n, -ERR_MALFORMED, "must be an array");
		return NULL;
	}
	at = pol_load_take(l, n->count, size);
	if (!at)
		return NULL;
	for (const struct json_node *m = json_first(&l->doc, n); m; m = json_next(&l->doc, n, m), i++) {
		size_t back = pol_diag_index(l, i);
		read(l, m, at + i * size);
		pol_diag_back(l, back);
	}
	*count = i;
	return at;
}

static void read_version(struct pol_loader *l, const struct json_node *n, void *into)
{
	(void)into;
	if (!json_str_eq(&l->doc, n, VIEW_LIT("1")))
		pol_diag_error(l, n, -ERR_MALFORMED, "must be the string \"1\"");
}

static void read_default(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol *p = into;
	p->allow = json_str_eq(&l->doc, n, VIEW_LIT("allow"));
	if (!p->allow && !json_str_eq(&l->doc, n, VIEW_LIT("deny")))
		pol_diag_error(l, n, -ERR_MALFORMED, "must be \"allow\" or \"deny\"");
}

static bool blank(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] != ' ' && (v.p[i] < '\t' || v.p[i] > '\r'))
			return false;
	return true;
}

struct hidden { /* one entry of hide, and where it stands */
	struct view name;
	uint32_t node, index;
};

static void read_hidden(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct hidden *h = into;
	h->node = (uint32_t)(n - l->doc.node);
	if (pol_load_text(l, n, &h->name) && blank(h->name))
		pol_diag_error(l, n, -ERR_MALFORMED, "must name a tool");
}

static void read_hide(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol *p = into;
	uint32_t count;
	struct hidden *h = pol_load_list(l, n, sizeof(*h), read_hidden, &count);
	p->hide = pol_load_take(l, count, sizeof(*p->hide));
	if (!h || !p->hide)
		return;
	for (uint32_t i = 0; i < count; i++)
		h[i].index = i;
	qsort(h, count, sizeof(*h), pol_eval_view_cmp);
	for (uint32_t i = 0; i < count; i++) {
		p->hide[i] = h[i].name;
		p->hide_all |= view_is(h[i].name, "*");
		if (!i || !view_eq(h[i].name, h[i - 1].name))
			continue;
		const struct hidden *later = h[i].index > h[i - 1].index ? &h[i] : &h[i - 1];
		size_t back = pol_diag_index(l, later->index);
		pol_diag_error(l, &l->doc.node[later->node], -ERR_EXISTS, "is listed twice");
		pol_diag_back(l, back);
	}
	p->n_hide = count;
}

static void read_all_limits(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol *p = into;
	pol_quota_read(l, n, "/all_tools/limits", LIST_ALL, VIEW_LIT(""), &p->all);
}

static void read_all_tools(struct pol_loader *l, const struct json_node *n, void *into)
{
	static const struct pol_field fields[] = {{"limits", read_all_limits, false}};
	pol_load_fields(l, n, fields, 1, into);
}

static void read_require(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_tool *t = into;
	pol_rules_read(l, n, pol_load_pointer(l, n, "/tools", t->name, "/require"), &t->require);
}

static void read_deny_if(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_tool *t = into;
	pol_rules_read(l, n, pol_load_pointer(l, n, "/tools", t->name, "/deny_if"), &t->deny_if);
}

static void read_limits(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_tool *t = into;
	pol_quota_read(l, n, pol_load_pointer(l, n, "/tools", t->name, "/limits"), LIST_TOOL, t->name, &t->limits);
}

static void read_tool(struct pol_loader *l, const struct json_node *n, struct pol_tool *t)
{
	static const struct pol_field fields[] = {
	    {"require", read_require, false}, {"deny_if", read_deny_if, false}, {"limits", read_limits, false}};
	t->node = (uint32_t)(n - l->doc.node);
	if (!pol_load_key(l, n, &t->name))
		return;
	if (view_is(t->name, "*"))
		pol_diag_error(l, n, -ERR_MALFORMED, "\"*\" is reserved: every tool has to be named");
	if (blank(t->name))
		pol_diag_error(l, n, -ERR_MALFORMED, "must name a tool");
	t->pointer = pol_load_pointer(l, n, "/tools", t->name, "");
	pol_load_fields(l, n, fields, 3, t);
}

static void read_tools(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol *p = into;
	uint32_t i = 0;
	if (n->type != JSON_OBJECT) {
		pol_diag_error(l, n, -ERR_MALFORMED, "must be an object");
		return;
	}
	p->tool = pol_load_take(l, n->count, sizeof(*p->tool));
	if (!p->tool)
		return;
	for (const struct json_node *m = json_first(&l->doc, n); m; m = json_next(&l->doc, n, m), i++) {
		size_t back = pol_diag_key(l, m);
		read_tool(l, m, &p->tool[i]);
		pol_diag_back(l, back);
	}
	p->n_tools = i;
}

static void too_many(struct pol_loader *l, const struct json_node *n, uint32_t limits)
{
	if (limits > POL_CALL_LIMITS_MAX)
		pol_diag_error(l, n, -ERR_TOO_LONG, "%u limits apply to one call: more than %d", limits, POL_CALL_LIMITS_MAX);
}

/* Of a tool: its own in both places, and those of all tools in both places. */
static void check_limit_count(struct pol_loader *l)
{
	const struct pol *p = l->p;
	uint32_t all = p->all.n + p->extra_all.n;
	size_t root = pol_diag_name(l, VIEW_LIT("tools"));
	for (uint32_t i = 0; i < p->n_tools; i++) {
		size_t back = pol_diag_name(l, p->tool[i].name);
		const struct pol_extra *x = pol_eval_extra(p, p->tool[i].name);
		if (p->tool[i].limits.n)
			too_many(l, &l->doc.node[p->tool[i].node], p->tool[i].limits.n + all + (x ? x->limits.n : 0));
		pol_diag_back(l, back);
	}
	pol_diag_back(l, root);
	root = pol_diag_name(l, VIEW_LIT("x-callgate"));
	(void)pol_diag_name(l, VIEW_LIT("tools"));
	for (uint32_t i = 0; i < p->n_extra; i++) {
		size_t back = pol_diag_name(l, p->extra[i].name);
		if (p->extra[i].limits.n)
			too_many(l, &l->doc.node[p->extra[i].node], p->extra[i].limits.n + all);
		pol_diag_back(l, back);
	}
	pol_diag_back(l, root);
	root = pol_diag_name(l, VIEW_LIT("all_tools"));
	too_many(l, l->doc.node, all);
	pol_diag_back(l, root);
}

static void read_document(struct pol_loader *l)
{
	static const struct pol_field fields[] = {
	    {"version", read_version, true},
	    {"default", read_default, true},
	    {"hide", read_hide, false},
	    {"all_tools", read_all_tools, false},
	    {"tools", read_tools, false},
	    {"x-callgate", pol_extra_read, false},
	};
	pol_load_fields(l, l->doc.node, fields, sizeof(fields) / sizeof(fields[0]), l->p);
	check_limit_count(l);
	if (!l->err)
		pol_lint(l, json_get(&l->doc, l->doc.node, VIEW_LIT("tools")));
	if (l->p->n_tools) /* last: until here the order is that of the document */
		qsort(l->p->tool, l->p->n_tools, sizeof(*l->p->tool), pol_eval_view_cmp);
}

/* A value takes one byte and all but the first need a comma, a colon or a bracket before them. */
static uint32_t nodes_needed(struct view doc)
{
	uint32_t n = 2;
	for (size_t i = 0; i < doc.n && n < NODES_MAX; i++)
		n += doc.p[i] == ',' || doc.p[i] == ':' || doc.p[i] == '[' || doc.p[i] == '{';
	return n;
}

static void scan(struct pol_loader *l, struct view doc)
{
	uint32_t max = nodes_needed(doc);
	struct json_error at = {.line = 1, .column = 1};
	struct json_node *nodes = NULL;
	int e = doc.n > POL_DOC_MAX ? -ERR_TOO_LONG : 0;
	if (!e) {
		nodes = calloc(max, sizeof(*nodes));
		e = nodes ? json_scan(&l->doc, doc, nodes, max, &at) : -ENOMEM;
	}
	if (e)
		pol_diag_scan(l, e, &at);
	else
		read_document(l);
	free(nodes);
	l->doc = (struct json_doc){0};
}

static void write_hash(struct pol *p, struct view doc)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];
	SHA256(doc.n ? doc.p : (const uint8_t *)"", doc.n, sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(p->hash + 2 * i, 3, "%02x", sum[i]);
}

int pol_load(struct view doc, pol_problem_fn *report, void *arg, struct pol **out)
{
	struct pol_loader l = {.report = report, .arg = arg};
	*out = NULL;
	l.p = calloc(1, sizeof(*l.p));
	if (!l.p)
		return -ENOMEM;
	/* Numbers are read in place, so the document is kept. */
	char *text = doc.n <= POL_DOC_MAX ? arena_copy(&l.p->arena, doc) : NULL;
	scan(&l, text ? view_of(text, doc.n) : doc);
	if (!text && !l.err)
		l.err = -ENOMEM;
	if (l.err) {
		pol_free(&l.p);
		return l.err;
	}
	write_hash(l.p, doc);
	*out = l.p;
	return 0;
}

void pol_free(struct pol **p)
{
	if (!*p)
		return;
	for (struct pol_regex_list *r = (*p)->regexes; r; r = r->next)
		regex_free(&r->re);
	arena_free(&(*p)->arena);
	free(*p);
	*p = NULL;
}

const char *pol_hash(const struct pol *p)
{
	return p->hash;
}
