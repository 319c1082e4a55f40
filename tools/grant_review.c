/*
 * grant_review.c - callgate grant review: a roster for a reviewer, one line of JSON a grant, and the decisions read back.
 * The reviewer fills in "decision" (keep, revoke) and "reason" of each line.  Who reads the file back is the reviewer: the service
 * refuses a decision of who issued the grant or has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/grant.h"
#include "tools/tools.h"

enum { ROSTER_MAX = 256 << 20 };

static int write_roster(const char *path)
{
	json_t *answer, *g;
	size_t i, n;
	int status = tool_ask(tool_request("grant.list", json_object()), view_of(NULL, 0), &answer);

	if (status)
		return status;
	json_t *list = json_object_get(answer, "grants");
	if (grant_use(list))
		fprintf(stderr, "callgate: the roster is written without when grants were used\n");
	n = json_array_size(list);
	int fd = strcmp(path, "-") == 0 ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		status = tool_fail(EXIT_NO, "%s: %s", path, strerror(errno));
	json_array_foreach(list, i, g) {
		if (!out)
			break;
		json_object_set_new(g, "decision", json_string(""));
		json_object_set_new(g, "reason_of_decision", json_string(""));
		char *line = json_dumps(g, JSON_COMPACT);
		if (!line || fprintf(out, "%s\n", line) < 0)
			status = tool_fail(EXIT_NO, "%s: %s", path, strerror(errno));
		free(line);
	}
	if (out && fclose(out) && !status)
		status = tool_fail(EXIT_NO, "%s: %s", path, strerror(errno));
	json_decref(answer);
	if (!status && strcmp(path, "-") != 0)
		printf("%zu grants; fill in \"decision\" (keep or revoke) and \"reason_of_decision\" of each, then: callgate grant review --read %s\n", n, path);
	return status;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* One decision; its outcome is printed.  Whether it was taken. */
static bool decide(const json_t *g, size_t number)
{
	const char *id = text(g, "id"), *decision = text(g, "decision"), *reason = text(g, "reason_of_decision");
	json_t *answer;

	if (!*id || !*decision) {
		tool_fail(EXIT_NO, "line %zu: %s", number, *id ? "no decision" : "no grant's id");
		return false;
	}
	json_t *args = json_pack("{s:s s:s s:s*}", "id", id, "decision", decision, "reason", *reason ? reason : NULL);
	if (tool_ask(tool_request("grant.review", args), view_of(NULL, 0), &answer))
		return false;
	if (tool_opts.json)
		tool_json(answer);
	else
		printf("%s %s %s\n", tool_text(json_object_get(answer, "at")), decision, id);
	json_decref(answer);
	return true;
}

static int read_decisions(const char *path)
{
	struct buf file = {0};
	size_t number = 0, failed = 0;
	int status = tool_file(path, ROSTER_MAX, &file);
	struct view v = buf_view(&file);

	while (!status && v.n) {
		const uint8_t *end = memchr(v.p, '\n', v.n);
		struct view line = view_of(v.p, end ? (size_t)(end - v.p) : v.n);
		v = view_skip(v, line.n + (end != NULL));
		number++;
		if (!line.n)
			continue;
		json_t *g = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
		if (!g)
			tool_fail(EXIT_NO, "%s: line %zu is no JSON", path, number);
		failed += !g || !decide(g, number);
		json_decref(g);
	}
	buf_free(&file);
	if (!status && failed)
		return tool_fail(EXIT_NO, "%zu of %zu decisions were not taken", failed, number);
	return status;
}

int grant_review(int argc, char **argv)
{
	const char *to = NULL, *from = NULL;
	const struct tool_flag flags[] = {{"--write", &to, NULL}, {"--read", &from, NULL}, {NULL, NULL, NULL}};

	if (tool_flags("grant review", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	if (!to == !from)
		return tool_fail(EXIT_USAGE, "grant review needs --write FILE or --read FILE");
	return to ? write_roster(to) : read_decisions(from);
}
