/*
 * audit_tail.c - see audit_tail.h.  Columns for people, lines with --json.
 * Every text may have been chosen by somebody hostile: nothing that a terminal obeys or that turns the reading direction goes out.
 */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/read.h"
#include "base/err.h"
#include "base/fd.h"
#include "tools/audit_tail.h"
#include "tools/tools.h"

enum { TAIL_MOST = 100000, FOLLOW_US = 250000, CELL = 256 };

struct tail {
	const char *user, *server, *tool, *verdict; /* NULL: all */
	uid_t uid;                                  /* of ${user} */
	uint64_t seq;                               /* last line seen */
	bool colour;
	char **kept; /* ring of lines: only the last are printed */
	size_t most, n;
};

/* The code point at ${*s}, which is UTF-8 that jansson has checked; moves on. */
static uint32_t code_point(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;
	int more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
	uint32_t c = more == 0 ? *p : *p & (0x3fu >> more);

	for (int i = 1; i <= more; i++)
		c = c << 6 | (p[i] & 0x3f);
	*s += more + 1;
	return c;
}

/* Controls of both kinds, what is invisible, what turns text around. */
static bool harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || c >= 0xe0000;
}

/* ${s} in at most ${wide} columns, padded to them; 0: as long as it is. */
static void cell(const char *s, size_t wide, const char *colour)
{
	size_t n = 0;

	if (colour)
		fputs(colour, stdout);
	for (const char *p = s; *p;) {
		const char *at = p;
		uint32_t c = code_point(&p);
		if (wide && n == wide - 1 && *p) {
			fputs("…", stdout);
			n++;
			break;
		}
		if (harmful(c))
			putchar('?');
		else
			fwrite(at, 1, (size_t)(p - at), stdout);
		n++;
	}
	if (colour)
		fputs("\033[0m", stdout);
	for (; n < wide; n++)
		putchar(' ');
	if (wide)
		putchar(' ');
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s && *s ? s : NULL;
}

static const char *first_of(const json_t *o, const char *const keys[])
{
	for (; *keys; keys++)
		if (text(o, *keys))
			return text(o, *keys);
	return "";
}

static const char *who(const json_t *o)
{
	static char number[24];
	const json_t *uid = json_object_get(o, "uid");

	if (!json_is_integer(uid))
		return "";
	const struct passwd *pw = getpwuid((uid_t)json_integer_value(uid));
	if (pw)
		return pw->pw_name;
	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(uid));
	return number;
}

static const char *colour_of(const struct tail *t, const char *outcome)
{
	static const struct {
		const char *word, *colour;
	} words[] = {{"allow", "\033[32m"}, {"ok", "\033[32m"}, {"deny", "\033[31m"}, {"refuse", "\033[31m"}, {"relay", "\033[2m"}};

	for (size_t i = 0; t->colour && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, outcome) == 0)
			return words[i].colour;
	return t->colour && *outcome ? "\033[33m" : NULL;
}

static void show(const struct tail *t, const json_t *o)
{
	static const char *const server[] = {"server", "dst_host", "dst_addr", NULL};
	static const char *const what[] = {"tool", "method", "event", "cred", NULL};
	static const char *const outcome[] = {"verdict", "status", NULL};
	static const char *const rest[] = {"rule", "err", "detail", "authorised_by", NULL};
	const char *kind = first_of(o, (const char *const[]){"kind", NULL}), *ts = first_of(o, (const char *const[]){"ts", NULL});
	const char *said = first_of(o, outcome);
	bool alarm = strcmp(kind, "alert") == 0 || strcmp(kind, "abandoned") == 0 || strcmp(kind, "io_error") == 0;

	printf("%-12.12s ", strlen(ts) > 11 ? ts + 11 : ""); /* hours to milliseconds */
	cell(kind, 10, t->colour && alarm ? "\033[1;31m" : NULL);
	cell(who(o), 10, NULL);
	cell(first_of(o, (const char *const[]){"agent", "comm", NULL}), 12, NULL);
	cell(first_of(o, server), 20, NULL);
	cell(first_of(o, what), 24, NULL);
	cell(said, 8, colour_of(t, said));
	cell(first_of(o, rest), 0, NULL);
	putchar('\n');
}

static bool is(const json_t *o, const char *key, const char *want)
{
	const char *s = text(o, key);
	return !want || (s && strcmp(s, want) == 0);
}

static bool wanted(const struct tail *t, const json_t *o)
{
	return (!t->user || json_integer_value(json_object_get(o, "uid")) == (json_int_t)t->uid) &&
	       (!t->user || json_is_integer(json_object_get(o, "uid"))) && is(o, "server", t->server) && is(o, "tool", t->tool) &&
	       is(o, "verdict", t->verdict);
}

/* A name may hold NUL: a line with one is a line like any other. */
static json_t *parse(const char *line)
{
	return json_loads(line, JSON_ALLOW_NUL, NULL);
}

static void print(const struct tail *t, const char *line)
{
	json_t *o = tool_opts.json ? NULL : parse(line);

	if (o)
		show(t, o);
	else
		puts(line);
	json_decref(o);
}

static bool filtered(const struct tail *t)
{
	return t->user || t->server || t->tool || t->verdict;
}

static void take(struct tail *t, struct view line)
{
	char *copy = strndup((const char *)line.p, line.n);
	json_t *o = copy && filtered(t) ? parse(copy) : NULL;

	if (!copy || (filtered(t) && !(o && wanted(t, o)))) {
		free(copy);
	} else if (!t->most) {
		print(t, copy);
		free(copy);
	} else {
		free(t->kept[t->n % t->most]);
		t->kept[t->n++ % t->most] = copy;
	}
	json_decref(o);
}

/* Every line after t->seq.  0 or negative, after a message. */
static int pass(struct tail *t, int dir)
{
	struct read *in;
	struct view line;
	struct entry_head h;

	int r = read_new(dir, &in);
	if (!r && t->seq)
		read_from(in, t->seq + 1);
	else if (!r && !filtered(t))
		read_tail(in, t->most);
	while (!r && (r = read_line(in, &line)) > 0) {
		r = 0;
		if (entry_head(line, &h) || h.seq <= t->seq)
			continue;
		t->seq = h.seq;
		take(t, line);
	}
	if (r < 0)
		tool_fail(EXIT_NO, "%s: %s", in ? read_file(in) : "the directory", err_text(r));
	read_free(&in);
	return r;
}

static void flush(struct tail *t)
{
	for (size_t i = t->n > t->most ? t->n - t->most : 0; i < t->n; i++)
		print(t, t->kept[i % t->most]);
	for (size_t i = 0; i < t->most; i++)
		free(t->kept[i]);
	free(t->kept);
	t->kept = NULL;
	t->most = t->n = 0;
}

/* Changes whenever a file grows, begins or is sealed. */
static uint64_t state_of(int dir)
{
	struct names_list l;
	struct stat st;
	char path[NAMES_MAX];
	uint64_t sum = 0;

	if (names_read(dir, NAMES_OPEN, &l))
		return 0;
	for (size_t i = 0; i < l.n; i++) {
		names_path(&l.at[i], path);
		if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
			sum += (uint64_t)st.st_size + l.at[i].first * 1000003;
	}
	names_free(&l);
	return sum;
}

static int follow(struct tail *t, int dir)
{
	uint64_t before = 0;

	for (;;) {
		uint64_t now = state_of(dir);
		if (now != before && pass(t, dir))
			return EXIT_NO;
		before = now;
		if (fflush(stdout))
			return EXIT_NO; /* nobody reads any more */
		usleep(FOLLOW_US);
	}
}

/* A name or a number. */
static int find_user(struct tail *t)
{
	char *end;

	if (!t->user)
		return 0;
	const struct passwd *pw = getpwnam(t->user);
	t->uid = pw ? pw->pw_uid : (uid_t)strtoul(t->user, &end, 10);
	return pw || (*t->user && !*end) ? 0 : -1;
}

int audit_tail(int argc, char **argv)
{
	struct tail t = {0};
	const char *count = NULL, *rest[1];
	bool on = false;
	const struct tool_flag flags[] = {{"-n", &count, NULL}, {"-f", NULL, &on}, {"--user", &t.user, NULL}, {"--server", &t.server, NULL},
	    {"--tool", &t.tool, NULL}, {"--verdict", &t.verdict, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("audit tail", flags, argc, argv, rest, 1);
	char *end = NULL;
	unsigned long most = count ? strtoul(count, &end, 10) : 20;

	if (n < 0)
		return EXIT_USAGE;
	if (most < 1 || most > TAIL_MOST || (end && *end))
		return tool_fail(EXIT_USAGE, "audit tail: -n takes a number from 1 to %d", TAIL_MOST);
	if (find_user(&t))
		return tool_fail(EXIT_USAGE, "audit tail: no user %s", t.user);
	int dir = audit_dir(n ? rest[0] : NULL);
	if (dir < 0)
		return EXIT_NO;
	t.most = most;
	t.kept = calloc(most, sizeof(*t.kept));
	t.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	int status = t.kept && pass(&t, dir) == 0 ? EXIT_YES : EXIT_NO;
	if (t.kept)
		flush(&t);
	if (status == EXIT_YES && on)
		status = follow(&t, dir);
	fd_close(&dir);
	return status;
}
