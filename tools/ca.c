/* ca.c - callgate ca. */
#include <stdio.h>
#include <string.h>

#include "tools/ca_install.h"
#include "tools/tools.h"

static void print_ca(const json_t *answer)
{
	static const char *const key[] = {"subject", "sha256", "not_before", "not_after"};

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

int cmd_ca(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"show", do_show, "[--pem]", "this machine's CA: subject, digest, validity, certificate"},
	    {"install", do_install, "[--root DIR]", "let the machine's programs trust it: system store and environment"},
	    {"remove", do_remove, "[--root DIR]", "undo exactly what install did"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("ca", verbs, argc, argv);
}
