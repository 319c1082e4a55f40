/*
 * audit_tail.c - see audit_tail.h.  Columns for people, lines with --json.
 * Every text may have been chosen by somebody hostile: nothing that a terminal obeys or that turns the reading direction goes out.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/line.h"
#include "audit/show.h"
#include "base/err.h"
#include "base/fd.h"
#include "tools/audit_pick.h"
#include "tools/audit_tail.h"

enum { TAIL_MOST = 100000, FOLLOW_US = 250000 };

struct tail {
	struct pick pick;
	uint64_t seq; /* last line seen */
	enum show_flag colour;
	char **kept; /* ring of lines: only the last are printed */
	size_t most, n;
};

static void print(const struct tail *t, const char *line)
{
	struct buf out = {0};
	json_t *rec = tool_opts.json ? NULL : line_parse(view_str(line));
	/* A line that is not JSON is shown, too, but nothing of it is obeyed. */
	int r = rec ? show_record(rec, audit_user(rec), t->colour, &out) : tool_opts.json && !isatty(STDOUT_FILENO) ? buf_puts(&out, line) : line_safe(view_str(line), &out);

	if (!r && !rec)
		r = buf_puts(&out, "\n");
	if (!r)
		fwrite(buf_view(&out).p, 1, out.len, stdout);
	buf_free(&out);
	json_decref(rec);
}

static void take(struct tail *t, struct view line)
{
	json_t *rec = NULL;

	if (pick_any(&t->pick) && pick_line(&t->pick, line, &rec) != 1)
		return;
	json_decref(rec);
	char *copy = strndup((const char *)line.p, line.n);
	if (!copy)
		return;
	if (!t->most) {
		print(t, copy);
		free(copy);
	} else {
		free(t->kept[t->n % t->most]);
		t->kept[t->n++ % t->most] = copy;
	}
}

/* Every line after t->seq.  0 or negative, after a message. */
static int pass(struct tail *t, int dir)
{
	struct read *in;
	struct view line;
	struct entry_head h;

	int r = audit_lines(dir, &in);
	if (!r && t->seq)
		read_from(in, t->seq + 1);
	else if (!r && !pick_any(&t->pick))
		read_tail(in, t->most);
	else if (!r)
		pick_start(&t->pick, in);
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
	struct buf titles = {0};

	if (!tool_opts.json && isatty(STDOUT_FILENO) && show_titles(t->colour, &titles) == 0)
		fwrite(buf_view(&titles).p, 1, titles.len, stdout);
	buf_free(&titles);
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

	if (names_read_two(dir, audit_second(dir), NAMES_OPEN, &l))
		return 0;
	for (size_t i = 0; i < l.n; i++) {
		names_path(&l.at[i], path);
		if (fstatat(names_dir(&l.at[i], dir, audit_second(dir)), path, &st, AT_SYMLINK_NOFOLLOW) == 0)
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

int audit_tail(int argc, char **argv)
{
	static struct tail t;
	const char *count = NULL, *rest[PICK_CONDITIONS], *where;
	bool on = false;
	struct tool_flag flags[PICK_FLAGS + 2];
	size_t at = pick_flags(&t.pick, flags);
	const struct tool_flag own[] = {{"-n", &count, NULL}, {"-f", NULL, &on}, {NULL, NULL, NULL}};

	memcpy(flags + at, own, sizeof(own));
	int n = tool_flags("audit tail", flags, argc, argv, rest, PICK_CONDITIONS);
	char *end = NULL;
	unsigned long most = count ? strtoul(count, &end, 10) : 20;

	if (n < 0)
		return EXIT_USAGE;
	if (most < 1 || most > TAIL_MOST || (end && *end))
		return tool_fail(EXIT_USAGE, "audit tail: -n takes a number from 1 to %d", TAIL_MOST);
	int r = pick_ready(&t.pick, "audit tail", rest, n, &where);
	if (r)
		return r;
	int dir = audit_dir(where);
	if (dir < 0)
		return EXIT_NO;
	t.most = most;
	t.kept = calloc(most, sizeof(*t.kept));
	t.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") ? SHOW_COLOUR : SHOW_PLAIN;
	int status = t.kept && pass(&t, dir) == 0 ? EXIT_YES : EXIT_NO;
	if (t.kept)
		flush(&t);
	if (status == EXIT_YES && on)
		status = follow(&t, dir);
	fd_close(&dir);
	return status;
}
