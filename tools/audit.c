/* audit.c - callgate audit: reads files; asks nobody. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/line.h"
#include "audit/read.h"
#include "base/err.h"
#include "base/fd.h"
#include "policy/argmac.h"
#include "tools/audit_tail.h"
#include "tools/audit_verify.h"
#include "tools/tools.h"

int audit_dir(const char *arg)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s%s", arg ? arg : tool_opts.log, arg ? "" : "/audit");
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		tool_fail(EXIT_NO, "%s: %s%s", path, strerror(errno), errno == EACCES ? "; run it as root, or as a member of the group that may read the audit" : "");
	return fd;
}

/* A link that callgated made: what anybody else put there is not followed. */
int audit_second(int dir)
{
	static int fd;
	struct stat st;

	if (!fd && fstatat(dir, "second", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) && st.st_uid == 0) {
		fd = openat(dir, "second", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fprintf(stderr, "callgate: the second directory of this audit: %s; lines that lie there are not shown\n", strerror(errno));
		fd = fd < 0 ? 0 : fd;
	}
	return fd;
}

int audit_lines(int dir, struct read **in)
{
	int r = read_new(dir, in);
	return r ? r : read_also(*in, audit_second(dir));
}

/* On a terminal nothing of a line is obeyed; into a pipe it goes as it stands. */
static void print_line(struct view v, bool terminal)
{
	struct buf safe = {0};

	if (terminal && line_safe(v, &safe) == 0)
		v = buf_view(&safe);
	fwrite(v.p, 1, v.n, stdout);
	putchar('\n');
	buf_free(&safe);
}

static int cat(int argc, char **argv)
{
	const char *rest[1];
	struct read *in = NULL;
	struct view line;
	int status = EXIT_YES, n = tool_flags("audit cat", NULL, argc, argv, rest, 1);

	if (n < 0)
		return EXIT_USAGE;
	int dir = audit_dir(n ? rest[0] : NULL);
	if (dir < 0)
		return EXIT_NO;
	bool terminal = isatty(STDOUT_FILENO);
	int r = audit_lines(dir, &in);
	while (r >= 0 && (r = read_line(in, &line)) > 0)
		print_line(line, terminal);
	if (r < 0)
		status = tool_fail(EXIT_NO, "%s: %s", in ? read_file(in) : "the directory", err_text(r));
	read_free(&in);
	fd_close(&dir);
	return status;
}

static int stats(int argc, char **argv)
{
	json_t *a;

	if (argc > 1)
		return audit_stats_of(argc, argv);
	int status = tool_ask(tool_request("audit.status", NULL), view_of(NULL, 0), &a);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		tool_pairs(json_object_get(a, "audit"), 0);
	json_decref(a);
	return EXIT_YES;
}

/* The value comes by standard input: an argument would be seen by everybody. */
static int digest(int argc, char **argv)
{
	char path[4096], id[ARGMAC_ID], out[ARGMAC_TEXT];
	const char *rest[1];
	struct buf key = {0}, in = {0};

	if (tool_flags("audit mac", NULL, argc, argv, rest, 0) < 0)
		return EXIT_USAGE;
	snprintf(path, sizeof(path), "%s/arg.key", tool_opts.state);
	int r = fd_slurp(AT_FDCWD, path, ARGMAC_KEY, &key), status = EXIT_YES;
	if (r || key.len != ARGMAC_KEY)
		status = tool_fail(EXIT_NO, "%s: %s", path, r ? err_text(r) : "no key");
	else if ((r = fd_read_all(STDIN_FILENO, &in)) || (r = argmac_id(buf_view(&key).p, id)) || (r = argmac_text(buf_view(&key).p, buf_view(&in), out)))
		status = tool_fail(EXIT_USAGE, "audit mac: standard input must be one JSON value: %s", err_text(r));
	else
		printf("%s %s\n", id, out);
	buf_wipe(&key);
	buf_free(&key);
	buf_wipe(&in);
	buf_free(&in);
	return status;
}

int cmd_audit(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"cat", cat, "[DIR]", "every record, oldest first, as lines of JSON"},
	    {"tail", audit_tail, "[-n LINES] [-f] [WHICH] [DIR]", "the last records, in columns; -f goes on as they come"},
	    {"query", audit_query, "[WHICH] [--fields A,B | --count | --by A,B] [-n LINES] [DIR]", "the records that are wanted, in columns, or some fields of them, or how many there are"},
	    {"stats", stats, "[WHICH] [DIR]", "without anything behind it: the state of the running writer; else how many records of what sort there are"},
	    {"mac", digest, "", "as root, a JSON value on standard input: its keyed digest, as arg_macs of records have it"},
	    {"export", audit_export, "[--format jsonl|csv|ocsf|ecs|cef|otel] [WHICH] [DIR]", "the records as other systems take them, one a line"},
	    {"verify", audit_verify, "[--anchor FILE] [--key FILE] [--collector FILE] [--partial] [DIR]", "is the stream whole: numbers, chain, seals, checkpoints?  Names the first bad seal and the lines that are not proved\n"
					"\n  WHICH: --user NAME --server NAME --tool NAME --verdict WORD --kind WORD --since TIME --until TIME, and any number of\n"
					"    FIELD=VALUE  FIELD!=VALUE  FIELD~PART  FIELD<NUMBER  FIELD>NUMBER\n"
					"  TIME: 2h, 30m, 7d (ago), 2026-11-26, 2026-11-26T10:00 (UTC), RFC 3339.  Old files and members are skipped unread; --all reads all"},
	    {NULL, NULL, NULL, NULL}};
	return tool_verbs("audit", verbs, argc, argv);
}
