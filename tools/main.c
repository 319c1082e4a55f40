/*
 * main.c - callgate: ask over the control socket, check policies, install the CA, read the audit.
 * Runs with the rights of who calls it and holds none of its own.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/tools.h"

struct tool_opts tool_opts = {.run = "/run/callgate", .log = "/var/log/callgate", .state = "/var/lib/callgate"};

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} nouns[] = {
    {"status", cmd_status, "what runs, what is in force, what is missing"},
    {"doctor", cmd_doctor, "what is wrong on this machine, and what to do about it"},
    {"server", cmd_server, "the MCP servers behind the gate: list, show, add, remove"},
    {"grant", cmd_grant, "who may use which server, under which policy: list, show, add, revoke, review"},
    {"policy", cmd_policy, "what may be called there: check, apply, list, show, test"},
    {"proposal", cmd_proposal, "changes that wait for another person: list, show, confirm, withdraw"},
    {"catalog", cmd_catalog, "what tools may do: list, show, classify, approve, forget, override"},
    {"approve", cmd_approve, "calls that a person has to approve: list, yes, no"},
    {"vault", cmd_vault, "credentials; a secret is read from standard input: set, revert, list, remove, import, placeholder"},
    {"audit", cmd_audit, "the records of every call: cat, tail, query, stats, export, verify"},
    {"fleet", cmd_fleet, "many workstations, one collector: init, accept, keys, ingest, status; enroll, ship"},
    {"evidence", cmd_evidence, "a bundle for an auditor, from a collector's store: export, sample, verify"},
    {"ca", cmd_ca, "this machine's Callgate CA: show, rotate, install, remove"},
};
enum { NOUNS = sizeof(nouns) / sizeof(*nouns) };

static int usage(FILE *to, int status)
{
	fputs("usage: callgate [--run DIR] [--log DIR] [--state DIR] [--json] NOUN VERB ...\n\n", to);
	for (size_t i = 0; i < NOUNS; i++)
		fprintf(to, "  %-8s %s\n", nouns[i].name, nouns[i].help);
	fputs("\ncallgate NOUN --help lists its verbs.  Exit status: 0 yes, 1 no, 2 usage, 3 Callgate is not running.\n", to);
	return status;
}

static int dispatch(int argc, char **argv)
{
	for (size_t i = 0; i < NOUNS; i++)
		if (strcmp(nouns[i].name, argv[0]) == 0)
			return nouns[i].run(argc, argv);
	return tool_fail(EXIT_USAGE, "there is no \"%s\"; callgate --help lists what there is", argv[0]);
}

/* Options come before the noun; --json may stand anywhere, since everything knows it. */
static int take_json(int argc, char **argv)
{
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			tool_opts.json = true;
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return n;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		const char **value;
	} opt[] = {{"--run", &tool_opts.run}, {"--log", &tool_opts.log}, {"--state", &tool_opts.state}};

	signal(SIGPIPE, SIG_IGN);
	argc = take_json(argc, argv);
	int at = 1;
	for (; at < argc && argv[at][0] == '-'; at += 2) {
		size_t i = 0;
		if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0)
			return usage(stdout, EXIT_YES);
		while (i < sizeof(opt) / sizeof(*opt) && strcmp(opt[i].name, argv[at]) != 0)
			i++;
		if (i == sizeof(opt) / sizeof(*opt))
			return tool_fail(EXIT_USAGE, "unknown option %s; see callgate --help", argv[at]);
		if (at + 1 == argc)
			return tool_fail(EXIT_USAGE, "%s needs a directory", argv[at]);
		*opt[i].value = argv[at + 1];
	}
	if (at >= argc)
		return usage(stderr, EXIT_USAGE);
	if (strcmp(argv[at], "help") == 0)
		return usage(stdout, EXIT_YES);
	int status = dispatch(argc - at, argv + at);
	/* A full disk or a closed pipe must not look like a yes. */
	if (fflush(stdout) && status == EXIT_YES)
		status = EXIT_NO;
	return status;
}
