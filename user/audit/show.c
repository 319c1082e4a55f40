/* show.c - see show.h. */
#include <errno.h>

#include "audit/line.h"
#include "audit/show.h"

enum { KIND = 10, USER = 10, AGENT = 12, SERVER = 20, WHAT = 24, END = 8, TIME_AT = 11, TIME = 12 };

static const struct {
	const char *title;
	size_t wide;
} columns[] = {{"time (UTC)", TIME}, {"kind", KIND}, {"user", USER}, {"agent", AGENT}, {"server", SERVER}, {"tool", WHAT}, {"outcome", END}, {"why", 0}};

static struct view text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return view_of(json_string_value(v), json_string_length(v));
}

static struct view first_of(const json_t *o, const char *const keys[])
{
	for (; *keys; keys++)
		if (text(o, *keys).n)
			return text(o, *keys);
	return view_of("", 0);
}

static const char *colour_of(struct view word)
{
	static const struct {
		const char *word, *colour;
	} words[] = {{"allow", "\033[32m"}, {"ok", "\033[32m"}, {"deny", "\033[31m"}, {"refuse", "\033[31m"}, {"relay", "\033[2m"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (view_is(word, words[i].word))
			return words[i].colour;
	return word.n ? "\033[33m" : NULL;
}

static int cell(struct buf *out, struct view v, size_t wide, const char *colour)
{
	int r = colour ? buf_puts(out, colour) : 0;

	if (!r)
		r = line_cell(v, wide, out);
	if (!r && colour)
		r = buf_puts(out, "\033[0m");
	return r || !wide ? r : buf_puts(out, " ");
}

int show_titles(enum show_flag flags, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(columns) / sizeof(columns[0]); i++)
		r = cell(out, view_str(columns[i].title), columns[i].wide, flags & SHOW_COLOUR ? "\033[1m" : NULL);
	return r ? r : buf_puts(out, "\n");
}

int show_record(const json_t *o, const char *user, enum show_flag flags, struct buf *out)
{
	static const char *const agent[] = {"agent", "comm", NULL}, *const server[] = {"server", "dst_host", "dst_addr", NULL};
	static const char *const what[] = {"tool", "method", "event", "cred", NULL}, *const outcome[] = {"verdict", "status", NULL};
	static const char *const rest[] = {"rule", "err", "detail", "authorised_by", NULL};
	struct view kind = text(o, "kind"), ts = text(o, "ts"), said = first_of(o, outcome);
	bool alarm = view_is(kind, "alert") || view_is(kind, "abandoned") || view_is(kind, "io_error") || view_is(kind, "audit_pause") || view_is(kind, "loss");
	const char *colour = flags & SHOW_COLOUR ? colour_of(said) : NULL;

	/* Hours to milliseconds. */
	ts = ts.n > TIME_AT ? view_head(view_skip(ts, TIME_AT), TIME) : view_of("", 0);
	int r = cell(out, ts, TIME, NULL);
	if (!r)
		r = cell(out, kind, KIND, alarm && flags & SHOW_COLOUR ? "\033[1;31m" : NULL);
	if (!r)
		r = cell(out, view_str(user), USER, NULL);
	if (!r)
		r = cell(out, first_of(o, agent), AGENT, NULL);
	if (!r)
		r = cell(out, first_of(o, server), SERVER, NULL);
	if (!r)
		r = cell(out, first_of(o, what), WHAT, NULL);
	if (!r)
		r = cell(out, said, END, colour);
	if (!r)
		r = cell(out, first_of(o, rest), 0, NULL);
	return r ? r : buf_puts(out, "\n");
}
