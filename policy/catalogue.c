/*
 * catalogue.c - see catalogue.h.  The order of the evidence: name, then what may raise it: description, schema, annotations.
 * What only a part of a name or a sentence says is written down as evidence, so that a person can contradict it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "policy/catalogue_internal.h"

static const char *const names[RISK_COUNT] = {"Execute", "Read", "Write", "Execute", "Destructive", "Financial"};

const char *catalogue_name(enum risk r)
{
	return (unsigned)r < RISK_COUNT ? names[r] : names[0];
}

enum risk catalogue_risk(struct view name)
{
	for (unsigned i = RISK_READ; i < RISK_COUNT; i++)
		if (view_ieq(name, view_str(names[i])))
			return (enum risk)i;
	return RISK_UNKNOWN;
}

void catalogue_note(struct finding *f, enum risk risk, unsigned weight, const char *fmt, ...)
{
	char text[128];
	va_list ap;
	size_t at = strlen(f->evidence);

	if (risk > f->risk) {
		f->risk = risk;
		f->confidence = weight;
	} else if (risk == f->risk && weight > f->confidence) {
		f->confidence = weight;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	if (at + strlen(text) + 3 < sizeof(f->evidence))
		snprintf(f->evidence + at, sizeof(f->evidence) - at, "%s%s", at ? "; " : "", text);
}

/* ---- the name ---- */

/* The words that the server's own name puts before every tool say nothing. */
static size_t prefix(const struct words *w, struct view server)
{
	struct words s;
	size_t n = 0;

	words_name(server, &s);
	for (; n + 1 < w->n; n++) {
		bool own = false;
		for (size_t i = 0; i < s.n; i++)
			own = own || strcmp(w->w[n], s.w[i]) == 0;
		if (!own)
			break;
	}
	return n;
}

static void money(const struct words *w, size_t first, struct finding *f)
{
	static const char *const funds[] = {"funds", "money", "balance", "crypto", "eth", "usdc", "btc", "cash", "fiat", NULL};
	int best = 0;
	size_t at = 0;
	bool moves = false;

	for (size_t i = 0; i < w->n; i++) {
		int m = words_money(w->w[i]);
		if (m > best) {
			best = m;
			at = i;
		}
		moves = moves || strcmp(w->w[i], "transfer") == 0;
	}
	for (size_t i = 0; i < w->n; i++) {
		bool places = i && strcmp(w->w[i], "order") == 0 && (strcmp(w->w[i - 1], "place") == 0 || strcmp(w->w[i - 1], "submit") == 0);
		if ((moves && words_in(w->w[i], funds)) || places)
			catalogue_note(f, RISK_FINANCIAL, 85, "name: moves money (\"%s\")", w->w[i]);
	}
	if (best == 2)
		catalogue_note(f, RISK_FINANCIAL, 95, "name: \"%s\"", w->w[at]);
	else if (best == 1)
		/* A vendor's name, or a compound: not worth Financial, but nothing that may pass as a mere reader either. */
		catalogue_note(f, RISK_WRITE, 50, "name: a word of payments inside \"%s\"", w->w[at]);
	if (first < w->n && strcmp(w->w[first], "pay") == 0)
		catalogue_note(f, RISK_FINANCIAL, 95, "name: \"pay\"");
}

/* Verbs that count wherever they stand, and verbs that follow "and", "or", "then". */
static void anywhere(const struct words *w, struct finding *f)
{
	static const char *const joins[] = {"and", "or", "then", NULL};

	for (size_t i = 0; i < w->n; i++) {
		const struct word *v = words_verb(w->w[i]);
		bool joined = i && words_in(w->w[i - 1], joins);
		if (v && v->risk > f->risk && ((v->flags & WORD_ANY) || joined))
			catalogue_note(f, v->risk, 90, "name: \"%s\"", v->text);
	}
}

/* What a browser shows is what every later call acts on. */
static bool drives_browser(const struct words *w, size_t at)
{
	static const char *const how[] = {"select", "switch", "close", "new", "open", "reload", "handle", "go", NULL};
	static const char *const what[] = {"page", "tab", "browser", "window", "dialog", "session", NULL};

	if (at + 1 >= w->n)
		return false;
	return (words_in(w->w[at], how) && words_in(w->w[at + 1], what)) || (words_in(w->w[at], what) && words_in(w->w[w->n - 1], how));
}

/* "take" is a reader only of pictures. */
static const struct word *verb_at(const struct words *w, size_t i)
{
	static const struct word take = {"take", RISK_READ, 0};
	static const char *const before[] = {"pull", "merge", NULL}, *const request[] = {"request", "requests", NULL};
	static const char *const picture[] = {"screenshot", "snapshot", "picture", "photo", NULL};
	bool sees = false;

	/* A pull request is a thing. */
	if ((i && words_in(w->w[i], request) && words_in(w->w[i - 1], before)) || (i + 1 < w->n && words_in(w->w[i], before) && words_in(w->w[i + 1], request)))
		return NULL;
	if (strcmp(w->w[i], "take") != 0 && strcmp(w->w[i], "screenshot") != 0)
		return words_verb(w->w[i]);
	for (size_t k = i; k < w->n; k++)
		sees = sees || words_in(w->w[k], picture);
	return sees ? &take : NULL;
}

/* No verb in the usual place: the gravest of all that could be one. */
static void scattered(const struct words *w, size_t first, struct finding *f)
{
	static const char *const looks[] = {"status", "info", "details", "stats", "statistics", "schema", "health", "version", "docs",
	    "documentation", "tree", "logs", "metrics", "history", NULL};
	const struct word *best = NULL;

	for (size_t i = first; i < w->n; i++) {
		const struct word *v = verb_at(w, i);
		if (v && (!best || v->risk > best->risk))
			best = v;
	}
	if (best)
		catalogue_note(f, best->risk, 75, "name: \"%s\"", best->text);
	else if (w->n && words_in(w->w[w->n - 1], looks))
		catalogue_note(f, RISK_READ, 55, "name: \"%s\"", w->w[w->n - 1]);
}

static void by_name(const struct words *w, size_t first, struct finding *f)
{
	for (size_t i = 0; i < 2 && i < w->n && !f->floor; i++) {
		const struct word *v = words_verb(w->w[i]);
		if (v && (v->flags & WORD_FLOOR)) {
			f->floor = v;
			catalogue_note(f, v->risk, 85, "name: \"%s\"", v->text);
		}
	}
	money(w, first, f);
	if (!f->floor && f->risk < RISK_FINANCIAL)
		scattered(w, first, f);
	else if (first < w->n && words_verb(w->w[first]) && words_verb(w->w[first])->risk > f->risk)
		catalogue_note(f, words_verb(w->w[first])->risk, 80, "name: \"%s\"", w->w[first]);
	if (first < w->n && drives_browser(w, first) && f->risk < RISK_EXECUTE)
		catalogue_note(f, RISK_EXECUTE, 70, "name: \"%s %s\"", w->w[first], w->w[first + 1]);
	anywhere(w, f);
}

/* ---- together ---- */

void catalogue_classify(const struct catalogue_tool *t, struct catalogue_class *out)
{
	struct finding f = {.evidence = ""};
	struct words w;

	words_name(view_head(t->name, 512), &w);
	by_name(&w, prefix(&w, t->server), &f);
	catalogue_describe(view_head(t->description, 4096), &f);
	if (t->doc && t->schema)
		catalogue_schema(t->doc, t->schema, &f);
	if (t->doc && t->annotations)
		catalogue_hints(t->doc, t->annotations, &f);
	*out = (struct catalogue_class){.risk = f.risk, .known = f.risk != RISK_UNKNOWN, .confidence = f.confidence};
	if (!out->known) {
		out->risk = RISK_EXECUTE;
		out->confidence = 30;
		catalogue_note(&f, RISK_UNKNOWN, 0, "nothing known: counts as Execute");
	}
	memcpy(out->evidence, f.evidence, sizeof(out->evidence));
}
