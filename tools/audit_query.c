/*
 * audit_query.c - callgate audit query, stats of a directory, export: one pass over the lines that are wanted, in constant memory but for
 * the counts.  Every text may have been chosen by somebody hostile: what goes to a terminal is made safe.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/export.h"
#include "audit/line.h"
#include "audit/show.h"
#include "base/err.h"
#include "base/fd.h"
#include "tools/audit_pick.h"
#include "tools/audit_tail.h"

/* Names are the client's to choose: a count of them must end somewhere. */
enum { WORDS = PICK_CONDITIONS + 1, DISTINCT_MAX = 100000, FIELDS_MAX = 32, FLUSH = 1 << 16 };

struct query {
	struct pick pick;
	const char *dir, *fields, *by, *limit;
	bool count;
	unsigned long long most, taken, unreadable;
	const char *field[FIELDS_MAX];
	size_t n_fields;
	json_t *counts; /* value: number */
	enum show_flag show;
	struct buf out;
	enum export_format format;
	struct read *in;
};

typedef int take_fn(struct query *q, const json_t *rec, struct view line);

static int flush(struct query *q, size_t above)
{
	struct view v = buf_view(&q->out);

	if (v.n <= above)
		return 0;
	size_t n = fwrite(v.p, 1, v.n, stdout);
	buf_reset(&q->out);
	return n == v.n ? 0 : -1; /* nobody reads any more */
}

static int each(struct query *q, take_fn *take)
{
	struct view line;
	json_t *rec;
	int status = EXIT_YES, dir = audit_dir(q->dir);

	if (dir < 0)
		return EXIT_NO;
	int r = audit_lines(dir, &q->in);
	if (!r)
		pick_start(&q->pick, q->in);
	while (!r && (r = read_line(q->in, &line)) > 0) {
		int wanted = pick_line(&q->pick, line, &rec);
		r = 0;
		if (wanted == -1)
			break;
		if (wanted == -2)
			q->unreadable++;
		if (wanted != 1)
			continue;
		q->taken++;
		int stop = take(q, rec, line);
		json_decref(rec);
		if (stop || flush(q, FLUSH) || (q->most && q->taken == q->most))
			break;
	}
	if (r < 0)
		status = tool_fail(EXIT_NO, "%s: %s", q->in ? read_file(q->in) : "the directory", err_text(r));
	if (flush(q, 0))
		status = EXIT_NO;
	if (q->unreadable)
		status = tool_fail(EXIT_NO, "%llu lines are not JSON; callgate audit verify says where", q->unreadable);
	read_free(&q->in);
	fd_close(&dir);
	return status;
}

const char *audit_user(const json_t *rec)
{
	static char number[24];
	const json_t *uid = json_object_get(rec, "uid");

	if (!json_is_integer(uid))
		return "";
	const struct passwd *pw = getpwuid((uid_t)json_integer_value(uid));
	if (pw)
		return pw->pw_name;
	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(uid));
	return number;
}

/* ---- query ---- */

static int split(struct query *q, const char *names)
{
	static char copy[1024];
	char *save;

	if (!names)
		return 0;
	if (strlen(names) >= sizeof(copy))
		return tool_fail(EXIT_USAGE, "audit query: the list of fields is too long");
	strcpy(copy, names);
	for (char *f = strtok_r(copy, ",", &save); f; f = strtok_r(NULL, ",", &save)) {
		if (q->n_fields == FIELDS_MAX)
			return tool_fail(EXIT_USAGE, "audit query: at most %d fields", FIELDS_MAX);
		q->field[q->n_fields++] = f;
	}
	return q->n_fields ? 0 : tool_fail(EXIT_USAGE, "audit query: no field is named");
}

static int put_value(struct buf *out, const json_t *v)
{
	if (!v)
		return buf_puts(out, "-");
	if (json_is_string(v))
		return line_safe(view_of(json_string_value(v), json_string_length(v)), out);
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	int r = text ? line_safe(view_str(text), out) : -1;
	free(text);
	return r;
}

static int take_fields(struct query *q, const json_t *rec, struct view line)
{
	int r = 0;

	(void)line;
	if (tool_opts.json) {
		json_t *o = json_object();
		for (size_t i = 0; i < q->n_fields; i++)
			if (json_object_get(rec, q->field[i]))
				json_object_set(o, q->field[i], json_object_get(rec, q->field[i]));
		r = export_record(EXPORT_JSONL, o, &q->out);
		json_decref(o);
		return r;
	}
	for (size_t i = 0; !r && i < q->n_fields; i++) {
		r = i ? buf_puts(&q->out, "\t") : 0;
		if (!r)
			r = put_value(&q->out, json_object_get(rec, q->field[i]));
	}
	return r ? r : buf_puts(&q->out, "\n");
}

static int take_show(struct query *q, const json_t *rec, struct view line)
{
	(void)line;
	if (tool_opts.json)
		return export_record(EXPORT_JSONL, rec, &q->out);
	return show_record(rec, audit_user(rec), q->show, &q->out);
}

static int take_nothing(struct query *q, const json_t *rec, struct view line)
{
	(void)q;
	(void)rec;
	(void)line;
	return 0;
}

/* One more of the values of the fields that are counted by. */
static int count_in(json_t *counts, const char *key)
{
	if (!json_object_get(counts, key) && json_object_size(counts) >= DISTINCT_MAX)
		key = "(others)";
	return json_object_set_new_nocheck(counts, key, json_integer(json_integer_value(json_object_get(counts, key)) + 1));
}

static int take_count(struct query *q, const json_t *rec, struct view line)
{
	struct buf key = {0};
	int r = 0;

	(void)line;
	for (size_t i = 0; !r && i < q->n_fields; i++) {
		r = i ? buf_puts(&key, "\t") : 0;
		if (!r)
			r = put_value(&key, json_object_get(rec, q->field[i]));
	}
	if (!r)
		r = buf_put(&key, view_of("", 1));
	if (!r)
		r = count_in(q->counts, (const char *)buf_view(&key).p);
	buf_free(&key);
	return r;
}

struct counted {
	const char *key;
	json_int_t n;
};

static int by_count(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;
	return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->key, y->key);
}

static void print_counts(const json_t *counts, size_t most, const char *indent)
{
	size_t n = json_object_size(counts), i = 0;
	struct counted *list = calloc(n ? n : 1, sizeof(*list));
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)counts, key, v) {
		if (list)
			list[i++] = (struct counted){key, json_integer_value(v)};
	}
	if (list)
		qsort(list, i, sizeof(*list), by_count);
	for (size_t k = 0; k < i && (!most || k < most); k++)
		printf("%s%10lld  %s\n", indent, (long long)list[k].n, list[k].key);
	if (most && i > most)
		printf("%s            and %zu more\n", indent, i - most);
	free(list);
}

static int print_query_counts(struct query *q)
{
	if (!q->by) {
		if (tool_opts.json)
			printf("{\"count\":%llu}\n", q->taken);
		else
			printf("%llu\n", q->taken);
	} else if (tool_opts.json) {
		tool_json(q->counts);
	} else {
		print_counts(q->counts, 0, "");
	}
	return EXIT_YES;
}

int audit_query(int argc, char **argv)
{
	static struct query q;
	const char *rest[WORDS];
	struct tool_flag flags[PICK_FLAGS + 4];
	size_t at = pick_flags(&q.pick, flags);
	const struct tool_flag own[] = {{"--fields", &q.fields, NULL}, {"--by", &q.by, NULL}, {"-n", &q.limit, NULL}, {"--count", NULL, &q.count}, {NULL, NULL, NULL}};
	char *end = NULL;

	memcpy(flags + at, own, sizeof(own));
	int n = tool_flags("audit query", flags, argc, argv, rest, WORDS);
	if (n < 0)
		return EXIT_USAGE;
	int r = pick_ready(&q.pick, "audit query", rest, n, &q.dir);
	if (r)
		return r;
	q.most = q.limit ? strtoull(q.limit, &end, 10) : 0;
	if (q.limit && (!q.most || *end))
		return tool_fail(EXIT_USAGE, "audit query: -n takes a number from 1 on");
	if (q.fields && (q.by || q.count))
		return tool_fail(EXIT_USAGE, "audit query: --fields prints lines, --by and --count print numbers: one of them");
	r = split(&q, q.by ? q.by : q.fields);
	if (r)
		return r;
	q.counts = json_object();
	q.show = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") ? SHOW_COLOUR : SHOW_PLAIN;
	int status = each(&q, q.by ? take_count : q.count ? take_nothing : q.fields ? take_fields : take_show);
	if (status == EXIT_YES && (q.by || q.count))
		status = print_query_counts(&q);
	json_decref(q.counts);
	buf_free(&q.out);
	return status;
}

/* ---- stats ---- */

static const char *const stat_fields[] = {"kind", "verdict", "status", "user", "server", "tool", "agent", "err"};
enum { STATS = sizeof(stat_fields) / sizeof(stat_fields[0]), TOP = 10 };

static int take_stats(struct query *q, const json_t *rec, struct view line)
{
	struct buf key = {0};
	int r = 0;

	(void)line;
	for (size_t i = 0; !r && i < STATS; i++) {
		const char *name = stat_fields[i];
		const json_t *v = json_object_get(rec, strcmp(name, "user") == 0 ? "uid" : name);
		if (!v)
			continue;
		buf_reset(&key);
		r = strcmp(name, "user") == 0 ? line_safe(view_str(audit_user(rec)), &key) : put_value(&key, v);
		if (!r)
			r = buf_put(&key, view_of("", 1));
		if (!r)
			r = count_in(json_object_get(q->counts, name), (const char *)buf_view(&key).p);
	}
	buf_free(&key);
	return r;
}

int audit_stats_of(int argc, char **argv)
{
	static struct query q;
	const char *rest[WORDS];
	struct tool_flag flags[PICK_FLAGS];

	pick_flags(&q.pick, flags);
	int n = tool_flags("audit stats", flags, argc, argv, rest, WORDS);
	if (n < 0)
		return EXIT_USAGE;
	int r = pick_ready(&q.pick, "audit stats", rest, n, &q.dir);
	if (r)
		return r;
	q.counts = json_object();
	for (size_t i = 0; i < STATS; i++)
		json_object_set_new(q.counts, stat_fields[i], json_object());
	int status = each(&q, take_stats);
	if (tool_opts.json) {
		json_object_set_new(q.counts, "lines", json_integer((json_int_t)q.taken));
		tool_json(q.counts);
	} else {
		printf("lines: %llu\n", q.taken);
		for (size_t i = 0; i < STATS; i++) {
			printf("%s:\n", stat_fields[i]);
			print_counts(json_object_get(q.counts, stat_fields[i]), TOP, "");
		}
	}
	json_decref(q.counts);
	return status;
}

/* ---- export ---- */

static int take_export(struct query *q, const json_t *rec, struct view line)
{
	(void)line;
	return export_record(q->format, rec, &q->out);
}

int audit_export(int argc, char **argv)
{
	static struct query q;
	const char *rest[WORDS], *name = NULL;
	struct tool_flag flags[PICK_FLAGS + 1];
	size_t at = pick_flags(&q.pick, flags);

	flags[at] = (struct tool_flag){"--format", &name, NULL};
	flags[at + 1] = (struct tool_flag){NULL, NULL, NULL};
	int n = tool_flags("audit export", flags, argc, argv, rest, WORDS);
	if (n < 0)
		return EXIT_USAGE;
	int format = export_find(name ? name : "jsonl");
	if (format < 0)
		return tool_fail(EXIT_USAGE, "audit export: --format is one of jsonl, csv, ocsf, ecs, cef, otel");
	int r = pick_ready(&q.pick, "audit export", rest, n, &q.dir);
	if (r)
		return r;
	q.format = (enum export_format)format;
	if (export_head(q.format, &q.out))
		return tool_fail(EXIT_NO, "audit export: out of memory");
	int status = each(&q, take_export);
	buf_free(&q.out);
	return status;
}
