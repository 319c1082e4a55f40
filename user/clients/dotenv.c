/* dotenv.c - see dotenv.h. */
#include "base/err.h"
#include "clients/dotenv.h"

struct env {
	struct view in; /* what is left */
	const char *bad;
	size_t n;
	char value[DOTENV_VALUE];
};

static int peek(const struct env *e)
{
	return e->in.n ? e->in.p[0] : -1;
}

static void skip(struct env *e, size_t n)
{
	e->in = view_skip(e->in, n);
}

static void blanks(struct env *e)
{
	while (peek(e) == ' ' || peek(e) == '\t')
		skip(e, 1);
}

static bool at_end(const struct env *e)
{
	return !e->in.n || e->in.p[0] == '\n' || (e->in.p[0] == '\r' && e->in.n > 1 && e->in.p[1] == '\n');
}

static void to_end(struct env *e)
{
	while (!at_end(e))
		skip(e, 1);
}

static void put(struct env *e, uint8_t c)
{
	if (!c)
		e->bad = "holds a NUL";
	else if (e->n == sizeof(e->value))
		e->bad = "is longer than 16384 bytes";
	else
		e->value[e->n++] = (char)c;
}

static struct view name_of(struct env *e)
{
	const uint8_t *from = e->in.p;
	size_t n = 0;

	for (int c; (c = peek(e)) == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (n && c >= '0' && c <= '9'); n++)
		skip(e, 1);
	return view_of(from, n);
}

/* Behind the opening quote, up to behind the closing one; it may be lines further. */
static bool quoted(struct env *e, int quote)
{
	static const char from[] = "nrt\"\\$`", to[] = "\n\r\t\"\\$`";

	for (int c; (c = peek(e)) != quote; ) {
		if (c < 0)
			return false;
		skip(e, 1);
		if (quote == '"' && c == '\\') {
			const char *at = peek(e) > 0 ? strchr(from, peek(e)) : NULL;
			if (at) {
				put(e, (uint8_t)to[at - from]);
				skip(e, 1);
			} else {
				e->bad = "has a backslash that some readers keep and others do not; write it in single quotes";
			}
			continue;
		}
		if (quote == '"' && (c == '$' || c == '`'))
			e->bad = "names another variable, or looks like it; write it in single quotes";
		put(e, (uint8_t)c);
	}
	skip(e, 1);
	blanks(e);
	if (peek(e) == '#')
		to_end(e);
	if (!at_end(e))
		e->bad = "goes on behind its quote";
	to_end(e);
	return true;
}

static void unquoted(struct env *e)
{
	if (peek(e) == ' ' || peek(e) == '\t')
		e->bad = "begins with a blank; write it in single quotes";
	for (; !at_end(e); skip(e, 1)) {
		if (strchr("$`\\\"'", peek(e)) || (peek(e) == '#' && e->n && (e->value[e->n - 1] == ' ' || e->value[e->n - 1] == '\t')))
			e->bad = "holds $ ` \\ or a quote, or a # behind a blank; write it in single quotes";
		put(e, e->in.p[0]);
	}
	while (e->n && (e->value[e->n - 1] == ' ' || e->value[e->n - 1] == '\t'))
		e->n--;
}

static bool assignment(struct env *e, dotenv_fn *fn, void *arg)
{
	if (view_starts(e->in, VIEW_LIT("export ")) || view_starts(e->in, VIEW_LIT("export\t"))) {
		skip(e, 7);
		blanks(e);
	}
	struct view name = name_of(e);
	if (!name.n || peek(e) != '=')
		return false;
	skip(e, 1);
	e->n = 0;
	e->bad = NULL;
	int quote = peek(e);
	if (quote == '"' || quote == '\'') {
		skip(e, 1);
		if (!quoted(e, quote))
			return false;
	} else {
		unquoted(e);
	}
	fn(arg, name, e->bad ? view_of(NULL, 0) : view_of(e->value, e->n), e->bad);
	return true;
}

int dotenv_read(struct view in, dotenv_fn *fn, void *arg, size_t *line)
{
	struct env e = {.in = in};
	int r = 0;

	if (view_starts(in, VIEW_LIT("\xef\xbb\xbf")))
		skip(&e, 3);
	while (!r && e.in.n) {
		struct view start = e.in;
		blanks(&e);
		if (peek(&e) == '#')
			to_end(&e);
		else if (!at_end(&e) && !assignment(&e, fn, arg))
			r = -ERR_MALFORMED;
		if (r)
			e.in = start; /* the line that began it */
		else if (e.in.n)
			skip(&e, peek(&e) == '\r' ? 2 : 1);
	}
	*line = 1;
	for (size_t i = 0; i < in.n - e.in.n; i++)
		*line += in.p[i] == '\n';
	explicit_bzero(&e, sizeof(e));
	return r;
}
