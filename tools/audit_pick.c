/* audit_pick.c - see audit_pick.h. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/entry.h"
#include "audit/line.h"
#include "base/err.h"
#include "tools/audit_pick.h"

/* Neighbours may be out of order by a moment, a clock may be corrected. */
static const int64_t slack_ns = 60000000000;

size_t pick_flags(struct pick *p, struct tool_flag *flags)
{
	const struct tool_flag own[] = {{"--user", &p->user, NULL}, {"--server", &p->server, NULL}, {"--tool", &p->tool, NULL}, {"--verdict", &p->verdict, NULL},
	    {"--kind", &p->kind, NULL}, {"--since", &p->since_text, NULL}, {"--until", &p->until_text, NULL}, {"--all", NULL, &p->all}, {NULL, NULL, NULL}};
	memcpy(flags, own, sizeof(own));
	return PICK_FLAGS - 1;
}

/* "2h": so long ago. */
static bool ago(const char *s, struct wall *t)
{
	int64_t seconds = tool_span(s);

	if (seconds < 0)
		return false;
	t->ns = wall_now().ns - seconds * 1000000000;
	return t->ns > 0;
}

static bool when(const char *s, struct wall *t)
{
	static const char *const ends[] = {"", "Z", ":00Z", "T00:00:00Z"};
	char text[64];

	if (ago(s, t))
		return true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(text, sizeof(text), "%.40s%s", s, ends[i]);
		if (wall_parse(text, t) == 0)
			return true;
	}
	return false;
}

static int add(struct pick *p, const char *verb, const char *field, size_t field_len, char op, const char *value)
{
	if (!value)
		return 0;
	if (p->n == PICK_CONDITIONS || field_len >= sizeof(p->condition[0].field))
		return tool_fail(EXIT_USAGE, "%s: at most %d conditions, of fields that there are", verb, PICK_CONDITIONS);
	struct pick_condition *c = &p->condition[p->n++];
	snprintf(c->field, sizeof(c->field), "%.*s", (int)field_len, field);
	c->op = op;
	c->value = value;
	return 0;
}

static int add_word(struct pick *p, const char *verb, const char *word)
{
	size_t n = strcspn(word, "=!~<>");
	const char *value = word + n + 1;
	char op = word[n];

	if (op == '!' && *value++ != '=')
		return tool_fail(EXIT_USAGE, "%s: \"%s\" is no condition; they are FIELD=VALUE, FIELD!=VALUE, FIELD~PART, FIELD<NUMBER, FIELD>NUMBER", verb, word);
	if (n == 0)
		return tool_fail(EXIT_USAGE, "%s: \"%s\" names no field", verb, word);
	return add(p, verb, word, n, op, value);
}

/* A name or a number. */
static int add_user(struct pick *p, const char *verb)
{
	static char number[24];

	if (!p->user)
		return 0;
	const struct passwd *pw = getpwnam(p->user);
	if (!pw && (!*p->user || strspn(p->user, "0123456789") != strlen(p->user)))
		return tool_fail(EXIT_USAGE, "%s: no user %s on this machine; a number is taken as it is", verb, p->user);
	snprintf(number, sizeof(number), "%u", pw ? (unsigned)pw->pw_uid : 0);
	return add(p, verb, "uid", 3, '=', pw ? number : p->user);
}

int pick_ready(struct pick *p, const char *verb, const char *const *words, int n, const char **dir)
{
	int r = add_user(p, verb);

	*dir = NULL;
	if (!r)
		r = add(p, verb, "server", 6, '=', p->server);
	if (!r)
		r = add(p, verb, "tool", 4, '=', p->tool);
	if (!r)
		r = add(p, verb, "verdict", 7, '=', p->verdict);
	if (!r)
		r = add(p, verb, "kind", 4, '=', p->kind);
	for (int i = 0; !r && i < n; i++) {
		if (words[i][strcspn(words[i], "=!~<>")] && words[i][0] != '/' && words[i][0] != '.')
			r = add_word(p, verb, words[i]);
		else if (*dir)
			r = tool_fail(EXIT_USAGE, "%s: two directories, %s and %s", verb, *dir, words[i]);
		else
			*dir = words[i];
	}
	const char *bad = p->since_text && !when(p->since_text, &p->since) ? p->since_text : p->until_text && !when(p->until_text, &p->until) ? p->until_text : NULL;
	if (!r && bad)
		r = tool_fail(EXIT_USAGE, "%s: \"%s\" is no time; write 2h, 30m, 7d, 2026-11-26, 2026-11-26T10:00 (UTC) or RFC 3339", verb, bad);
	return r;
}

bool pick_any(const struct pick *p)
{
	return p->n || p->since.ns || p->until.ns;
}

void pick_start(const struct pick *p, struct read *in)
{
	if (p->since.ns && !p->all)
		read_since(in, (struct wall){p->since.ns - slack_ns});
}

/* Could the line hold the value?  A cheap no before the line is parsed. */
static bool possible(const struct pick_condition *c, struct view line)
{
	size_t n = strlen(c->value);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)c->value[i] < 0x20 || (unsigned char)c->value[i] > 0x7e || c->value[i] == '"' || c->value[i] == '\\')
			return true; /* escaped in the line */
	return c->op != '=' || memmem(line.p, line.n, c->value, n);
}

static bool number_holds(const json_t *v, const struct pick_condition *c)
{
	char *end;
	double want = strtod(c->value, &end);

	if (*end || !json_is_number(v))
		return false;
	return c->op == '<' ? json_number_value(v) < want : json_number_value(v) > want;
}

static bool text_holds(const json_t *v, const struct pick_condition *c)
{
	if (json_is_string(v))
		return c->op == '~' ? strstr(json_string_value(v), c->value) != NULL : strcmp(json_string_value(v), c->value) == 0;
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	bool yes = text && (c->op == '~' ? strstr(text, c->value) != NULL : strcmp(text, c->value) == 0);
	free(text);
	return yes;
}

static bool holds(const json_t *rec, const struct pick_condition *c)
{
	const json_t *v = json_object_get(rec, c->field), *item;
	size_t i;

	if (c->op == '<' || c->op == '>')
		return number_holds(v, c);
	bool yes = v && text_holds(v, c);
	/* Of a list: any of its elements. */
	json_array_foreach(v, i, item)
		yes = yes || text_holds(item, c);
	return c->op == '!' ? !yes : yes;
}

int pick_line(const struct pick *p, struct view line, json_t **rec)
{
	struct entry_head h;
	struct wall t;
	char ts[WALL_TEXT];

	*rec = NULL;
	if ((p->since.ns || p->until.ns) && entry_head(line, &h) == 0 && h.ts.n < sizeof(ts)) {
		snprintf(ts, sizeof(ts), "%.*s", (int)h.ts.n, (const char *)h.ts.p);
		if (wall_parse(ts, &t) == 0) {
			if (p->since.ns && t.ns < p->since.ns)
				return 0;
			if (p->until.ns && t.ns >= p->until.ns)
				return p->all || t.ns < p->until.ns + slack_ns ? 0 : -1;
		}
	}
	for (size_t i = 0; i < p->n; i++)
		if (!possible(&p->condition[i], line))
			return 0;
	*rec = line_parse(line);
	if (!*rec)
		return -2;
	for (size_t i = 0; i < p->n; i++) {
		if (holds(*rec, &p->condition[i]))
			continue;
		json_decref(*rec);
		*rec = NULL;
		return 0;
	}
	return 1;
}
