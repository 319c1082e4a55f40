/*
 * main.c - callgate, the command line: asks over the control socket, or reads files that the caller may read.
 * Exit: 0 yes, 1 no, 2 usage, 3 Callgate is not running.
 */
#include <stdio.h>
#include <string.h>

#include "tools/tools.h"

struct tool_opts tool_opts = {.run = "/run/callgate", .log = "/var/log/callgate"};

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *help;
} nouns[] = {
    {"status", cmd_status, "what runs, what is attached, what is missing"},
    {"server", cmd_server, "MCP servers: list, show, add, remove"},
    {"grant", cmd_grant, "who may reach which server: list, show, add, revoke"},
    {"policy", cmd_policy, "what may be called there: check, apply, list, show, test"},
    {"vault", cmd_vault, "credentials: set, list, remove"},
    {"ca", cmd_ca, "the certificate authority of this machine: show, install, remove"},
    {"audit", cmd_audit, "records: cat, tail, verify, stats"},
};

static int help(FILE *out)
{
	fputs("usage: callgate [--run DIR] [--log DIR] [--json] NOUN VERB ...\n\n", out);
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		fprintf(out, "  %-8s %s\n", nouns[i].name, nouns[i].help);
	fputs("\n`callgate NOUN --help` lists the verbs.\n", out);
	return out == stdout ? EXIT_YES : EXIT_USAGE;
}

/* Options in front of the noun; returns where the noun is, or -1. */
static int options(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			tool_opts.json = true;
		else if (strcmp(argv[i], "--run") == 0 && i + 1 < argc)
			tool_opts.run = argv[++i];
		else if (strcmp(argv[i], "--log") == 0 && i + 1 < argc)
			tool_opts.log = argv[++i];
		else
			return -1;
	}
	return i;
}

int main(int argc, char **argv)
{
	int at = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) ? 0 : options(argc, argv);

	if (at == 0)
		return help(stdout);
	if (at < 0 || at >= argc)
		return help(stderr);
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		if (strcmp(nouns[i].name, argv[at]) == 0)
			return nouns[i].main(argc - at, argv + at);
	fprintf(stderr, "callgate: no such noun: %s\n", argv[at]);
	return help(stderr);
}
