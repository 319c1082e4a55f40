/* catalogue_schema.c - what arguments and annotations add.  A schema is a claim like the rest, but a tool that takes a command runs one. */
#include "policy/catalogue_internal.h"

enum { KEY = 128, DEPTH = 3, ENUMS = 64 };

static bool text_of(const struct json_doc *doc, const struct json_node *n, char *out, size_t cap)
{
	int len = n && n->type == JSON_STRING ? json_str(doc, n, out, cap - 1) : -1;

	out[len < 0 ? 0 : len] = '\0';
	return len >= 0;
}

/* Which JSON type may the property have?  A property without a type may have any. */
static bool may_be(const struct json_doc *doc, const struct json_node *prop, const char *type)
{
	const struct json_node *t = json_get(doc, prop, VIEW_LIT("type"));

	if (!t)
		return true;
	if (t->type == JSON_STRING)
		return json_str_eq(doc, t, view_str(type));
	for (const struct json_node *k = json_first(doc, t); k; k = json_next(doc, t, k))
		if (json_str_eq(doc, k, view_str(type)))
			return true;
	return false;
}

/* "code" is a program, but "country code" is not. */
static bool is_program(const struct json_doc *doc, const struct json_node *prop, const struct words *w)
{
	static const char *const program[] = {"sql", "command", "commands", "cmd", "code", "script", "scripts", "shell", "bash", "javascript",
	    "python", "powershell", "statement", "statements", "exec", "eval", NULL};
	static const char *const other[] = {"country", "zip", "postal", "error", "status", "language", "currency", "auth", "verification",
	    "area", "qr", "bar", "iso", "authorization", "coupon", "promo", "promotion", "discount", "region", "project", "activation", "otp",
	    "exit", "response", "state", "reason", "access", "invite", "airport", "ticker", NULL};
	char about[512];
	struct words d;

	if (!w->n || !words_in(w->w[w->n - 1], program) || (w->n > 1 && words_in(w->w[w->n - 2], other)))
		return false;
	text_of(doc, json_get(doc, prop, VIEW_LIT("description")), about, sizeof(about));
	words_sentence(view_str(about), &d);
	for (size_t i = 0; i + 1 < d.n; i++)
		if (words_in(d.w[i], other) && strcmp(d.w[i + 1], "code") == 0)
			return false;
	return true;
}

/* An argument that chooses the operation: the gravest one counts. */
static void choices(const struct json_doc *doc, const struct json_node *prop, const char *key, struct finding *f)
{
	const struct json_node *list = json_get(doc, prop, VIEW_LIT("enum"));
	char text[KEY];
	struct words w;
	size_t seen = 0;

	for (const struct json_node *e = json_first(doc, list); e && seen++ < ENUMS; e = json_next(doc, list, e)) {
		if (!text_of(doc, e, text, sizeof(text)))
			continue;
		words_name(view_str(text), &w);
		for (size_t i = 0; i < w.n && i < 3; i++) {
			const struct word *v = words_verb(w.w[i]);
			if (v && v->risk > f->risk && (i == 0 || (v->flags & WORD_ANY)))
				catalogue_note(f, v->risk, 85, "schema: %s may be \"%s\"", key, text);
		}
	}
}

struct seen { /* among the arguments */
	bool amount, currency;
};

static void property(const struct json_doc *doc, const struct json_node *prop, struct seen *s, struct finding *f)
{
	static const char *const chooser[] = {"action", "operation", "op", "method", "verb", "command", "mode", NULL};
	char key[KEY];
	struct words w;

	int n = json_key(doc, prop, key, sizeof(key) - 1);
	key[n < 0 ? 0 : n] = '\0';
	words_name(view_str(key), &w);
	if (!w.n)
		return;
	s->amount = s->amount || strcmp(w.w[w.n - 1], "amount") == 0;
	s->currency = s->currency || strcmp(w.w[w.n - 1], "currency") == 0 || (w.n > 1 && strcmp(w.w[w.n - 2], "currency") == 0);
	bool chosen = words_in(w.w[w.n - 1], chooser) && json_get(doc, prop, VIEW_LIT("enum"));
	if (chosen)
		choices(doc, prop, key, f);
	else if (f->risk < RISK_EXECUTE && (may_be(doc, prop, "string") || may_be(doc, prop, "array")) && is_program(doc, prop, &w))
		catalogue_note(f, RISK_EXECUTE, 85, "schema: takes \"%s\"", key);
	/* "removeImages" is how an answer is laid out. */
	const struct word *v = w.n > 1 && strcmp(w.w[0], "remove") == 0 ? NULL : words_verb(w.w[0]);
	if (v && (v->flags & WORD_ANY) && v->risk == RISK_DESTRUCTIVE && f->risk < RISK_DESTRUCTIVE && may_be(doc, prop, "boolean") &&
	    !may_be(doc, prop, "string"))
		catalogue_note(f, RISK_DESTRUCTIVE, 75, "schema: switch \"%s\"", key);
}

static void properties(const struct json_doc *doc, const struct json_node *schema, unsigned depth, struct seen *s, struct finding *f)
{
	static const char *const inner[] = {"anyOf", "oneOf", "allOf"};
	const struct json_node *props = json_get(doc, schema, VIEW_LIT("properties"));

	if (depth == DEPTH)
		return;
	for (const struct json_node *p = props ? json_first(doc, props) : NULL; p; p = json_next(doc, props, p)) {
		property(doc, p, s, f);
		if (p->type == JSON_OBJECT)
			properties(doc, p, depth + 1, s, f);
	}
	for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++) {
		const struct json_node *list = json_get(doc, schema, view_str(inner[i]));
		for (const struct json_node *k = list ? json_first(doc, list) : NULL; k; k = json_next(doc, list, k))
			properties(doc, k, depth + 1, s, f);
	}
	const struct json_node *items = json_get(doc, schema, VIEW_LIT("items"));
	if (items)
		properties(doc, items, depth + 1, s, f);
}

void catalogue_schema(const struct json_doc *doc, const struct json_node *schema, struct finding *f)
{
	struct seen s = {false, false};

	properties(doc, schema, 0, &s, f);
	if (s.amount && s.currency && f->risk < RISK_FINANCIAL)
		catalogue_note(f, RISK_FINANCIAL, 80, "schema: amount and currency");
}

/* A hint can raise: a server that says "read only" is not believed, one that says "destructive" is. */
void catalogue_hints(const struct json_doc *doc, const struct json_node *a, struct finding *f)
{
	const struct json_node *ro = json_get(doc, a, VIEW_LIT("readOnlyHint")), *de = json_get(doc, a, VIEW_LIT("destructiveHint"));
	bool reads = ro && ro->type == JSON_TRUE;

	if (de && de->type == JSON_TRUE && !reads && f->risk < RISK_DESTRUCTIVE)
		catalogue_note(f, RISK_DESTRUCTIVE, 80, "annotation: destructiveHint");
	else if (ro && ro->type == JSON_FALSE && f->risk && f->risk < RISK_WRITE)
		catalogue_note(f, RISK_WRITE, 80, "annotation: readOnlyHint false");
}
