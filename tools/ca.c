/* ca.c - callgate ca. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "tools/ca_install.h"
#include "tools/ca_vars.h"
#include "tools/tools.h"

static void print_ca(const json_t *answer)
{
	static const char *const key[] = {"subject", "sha256", "not_before", "not_after", "next_sha256"};

	for (size_t i = 0; i < sizeof(key) / sizeof(*key); i++)
		if (json_object_get(answer, key[i]))
			printf("%-11s %s\n", key[i], tool_text(json_object_get(answer, key[i])));
	fputs(json_string_value(json_object_get(answer, "pem")), stdout);
}

static int ask(json_t **answer)
{
	int status = tool_ask(tool_request("ca.show", NULL), view_of(NULL, 0), answer);

	if (status)
		return status;
	const char *pem = json_string_value(json_object_get(*answer, "pem"));
	if (pem && strncmp(pem, "-----BEGIN CERTIFICATE-----\n", 28) == 0)
		return EXIT_YES;
	json_decref(*answer);
	*answer = NULL;
	return tool_fail(EXIT_NO, "callgate-vault has no certificate authority; see its log");
}

static int do_show(int argc, char **argv)
{
	bool pem = false;
	const struct tool_flag flags[] = {{"--pem", NULL, &pem}, {NULL, NULL, NULL}};
	json_t *answer;
	int status = tool_flags("ca show", flags, argc, argv, NULL, 0) < 0 ? EXIT_USAGE : ask(&answer);

	if (status)
		return status;
	if (tool_opts.json)
		tool_json(answer);
	else if (pem)
		fputs(json_string_value(json_object_get(answer, "pem")), stdout);
	else
		print_ca(answer);
	json_decref(answer);
	return EXIT_YES;
}

static int said(int status, const char *text)
{
	if (status)
		return status;
	if (tool_opts.json)
		puts("{\"ok\":true}");
	else
		puts(text);
	return EXIT_YES;
}

static int do_install(int argc, char **argv)
{
	const char *root = NULL;
	const struct tool_flag flags[] = {{"--root", &root, NULL}, {NULL, NULL, NULL}};
	json_t *answer;
	int status = tool_flags("ca install", flags, argc, argv, NULL, 0) < 0 ? EXIT_USAGE : ask(&answer);

	if (status)
		return status;
	status = ca_install(root ? root : "", json_string_value(json_object_get(answer, "pem")));
	json_decref(answer);
	return said(status, "installed; programs that are started from now on trust it, running logins keep their old environment");
}

static int do_remove(int argc, char **argv)
{
	const char *root = NULL;
	const struct tool_flag flags[] = {{"--root", &root, NULL}, {NULL, NULL, NULL}};

	if (tool_flags("ca remove", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	return said(ca_remove(root ? root : ""), "removed");
}

/* Is every root that the vault shows in the file that programs read?  Else finishing would leave this machine's programs without trust. */
static bool installed(const char *root, const char *pem)
{
	char path[PATH_MAX];
	struct buf file = {0};
	struct view want = view_str(pem);

	if (snprintf(path, sizeof(path), "%s%s", root, CA_FILE) >= (int)sizeof(path))
		return false;
	int r = fd_slurp(AT_FDCWD, path, 1 << 20, &file);
	struct view have = buf_view(&file);
	bool yes = !r && memmem(have.p, have.n, want.p, want.n);
	buf_free(&file);
	return yes;
}

static int do_rotate(int argc, char **argv)
{
	bool finish = false;
	const char *root = NULL, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--finish", NULL, &finish}, {"--root", &root, NULL}, {"--reason", &reason, NULL},
	    {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	json_t *answer;
	int status = tool_flags("ca rotate", flags, argc, argv, NULL, 0) < 0 ? EXIT_USAGE : ask(&answer);

	if (status)
		return status;
	bool ready = !finish || installed(root ? root : "", json_string_value(json_object_get(answer, "pem")));
	json_decref(answer);
	if (!ready)
		return tool_fail(EXIT_NO, "the next root is not installed on this machine; run: callgate ca install");
	status = tool_ask(tool_request("ca.rotate", json_pack("{s:s s:s* s:s*}", "stage", finish ? "finish" : "begin", "reason", reason,
	    "ticket", ticket)), view_of(NULL, 0), &answer);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(answer);
	json_decref(answer);
	if (tool_opts.json)
		return EXIT_YES;
	puts(finish ? "the next root signs from now on, the old one's key is gone; run callgate ca install to take the old one out of the store"
	            : "made the next root, which signs nothing yet; run callgate ca install, and when programs were started anew: callgate ca rotate --finish");
	return EXIT_YES;
}

int cmd_ca(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"show", do_show, "[--pem]", "this machine's CA: subject, digest, validity, certificate"},
	    {"rotate", do_rotate, "[--finish] [--reason TEXT] [--ticket ID]", "a new root beside the old one; then in its place"},
	    {"install", do_install, "[--root DIR]", "let the machine's programs trust it: system store and environment"},
	    {"remove", do_remove, "[--root DIR]", "undo exactly what install did"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("ca", verbs, argc, argv);
}
