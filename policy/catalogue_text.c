/*
 * catalogue_text.c - what the first sentence of a description adds to the name: its first verb, and the verbs joined to that one.
 * "Lists and deletes ..." deletes; "Lists files that you can delete" does not.
 */
#include "policy/catalogue_internal.h"

/* What follows one of these tells about something else than what the tool does. */
static const char *const elsewhere[] = {"can", "could", "may", "might", "should", "must", "will", "would", "to", "that", "which", "who", "whose",
    "where", "when", "if", "before", "after", "by", "without", "not", "never", "using", "via", "so", "because", NULL};

static bool says(const struct words *w, size_t from, const char *const *list)
{
	for (size_t i = from; i < w->n; i++)
		if (words_in(w->w[i], list))
			return true;
	return false;
}

static bool read_only(const struct words *w)
{
	static const char *const marks[] = {"read-only", "readonly", NULL};

	return says(w, 0, marks);
}

/* "Run a find query", "perform a search", "execute PromQL": asking is all it does.  SQL and programs are another matter. */
static bool only_asks(const struct words *w, size_t from)
{
	static const char *const code[] = {"sql", "code", "script", "scripts", "javascript", "js", "python", "command", "commands", "shell",
	    "cypher", "function", "functions", "program", "workflow", "tool", "task", NULL};
	static const char *const asks[] = {"query", "queries", "search", "searches", "lookup", "check", "checks", "promql", "logql", "traceql",
	    "find", NULL};

	return says(w, from, asks) && !says(w, from, code);
}

/* "automatically fix", "bulk delete", "this tool lists": step over what comes before the verb. */
static size_t lead(const struct words *w)
{
	static const char *const before[] = {"this", "the", "tool", "a", "an", "it", "batch", "bulk", "safely", "tool:", "permanently",
	    "irreversibly", "use", NULL};
	size_t i = 0;

	while (i + 1 < w->n && i < 4) {
		size_t n = strlen(w->w[i]);
		bool adverb = n > 4 && strcmp(w->w[i] + n - 2, "ly") == 0 && !words_verb(w->w[i]);
		if (!adverb && !words_in(w->w[i], before))
			break;
		i++;
	}
	return i;
}

static void joined(const struct words *w, size_t first, struct finding *f)
{
	static const char *const joins[] = {"and", "or", "then", NULL};

	for (size_t i = first + 1; i < w->n; i++) {
		if (words_in(w->w[i], elsewhere))
			return;
		bool after = words_in(w->w[i - 1], joins) || w->stop[i - 1] == WORD_COMMA;
		const struct word *v = after ? words_verb_s(w->w[i]) : NULL;
		if (v && !(v->flags & (WORD_NOUN | WORD_LIGHT)) && v->risk > f->risk)
			catalogue_note(f, v->risk, 75, "description: \"%s\"", w->w[i]);
	}
}

/* How grave is the first verb, beside what the name has said? */
static enum risk weigh(const struct words *w, size_t at, const struct word *v, const struct finding *f)
{
	bool asks = f->risk == RISK_READ || (!f->floor && f->risk < RISK_WRITE);

	if ((v->flags & WORD_LIGHT) && asks && only_asks(w, at + 1))
		return RISK_READ;
	if (f->risk == RISK_READ && read_only(w))
		return RISK_READ;
	/* "Generate", "start", "perform" are how descriptions say "create" as well: they tell nothing beside a name that does. */
	if ((v->flags & WORD_LIGHT) && !(v->flags & WORD_FLOOR) && f->risk == RISK_WRITE)
		return RISK_WRITE;
	/* An ambiguous word carries weight only when the name has none. */
	if ((v->flags & WORD_NOUN) && f->risk)
		return RISK_UNKNOWN;
	return v->risk;
}

/* "A web search with ...": no verb in front, and yet all that it does is looking. */
static void no_verb(const struct words *w, struct finding *f)
{
	static const char *const looks[] = {"search", "lookup", "listing", "overview", NULL};

	for (size_t i = 0; i < w->n && i < 6; i++)
		if (!f->risk && words_in(w->w[i], looks))
			catalogue_note(f, RISK_READ, 50, "description: \"%s\"", w->w[i]);
}

/* Warnings that stand behind the first sentence. */
static void warned(struct view text, struct finding *f)
{
	static const char *const warning[] = {"cannot be undone", "can't be undone", "can not be undone", "irreversible", "irreversibly",
	    "permanently delete", "permanently remove", "permanently erase", "destructive operation", "destructive action"};

	for (size_t i = 0; i < sizeof(warning) / sizeof(*warning); i++) {
		size_t n = strlen(warning[i]);
		for (size_t at = 0; f->risk < RISK_DESTRUCTIVE && at + n <= text.n; at++) {
			bool inside = at && text.p[at - 1] == '-'; /* non-destructive */
			if (!inside && view_ieq(view_of(text.p + at, n), view_of(warning[i], n)))
				catalogue_note(f, RISK_DESTRUCTIVE, 75, "description: \"%s\"", warning[i]);
		}
	}
}

void catalogue_describe(struct view text, struct finding *f)
{
	struct words w;

	warned(text, f);
	words_sentence(text, &w);
	if (!w.n)
		return;
	size_t at = lead(&w);
	const struct word *v = words_verb_s(w.w[at]);
	enum risk r = v ? weigh(&w, at, v, f) : RISK_UNKNOWN;
	if (r > f->risk)
		catalogue_note(f, r, f->risk ? 75 : 60, "description: \"%s\"", w.w[at]);
	else if (r && r == f->risk)
		f->confidence = f->confidence + 10 < 97 ? f->confidence + 10 : 97;
	if (v && !read_only(&w))
		joined(&w, at, f);
	else if (!v)
		no_verb(&w, f);
}
