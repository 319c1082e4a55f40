/*
 * tools.h - the pieces of the command line `callgate`.
 * Each noun is a file with one cmd_NOUN(argc, argv); argv[0] is the noun, the rest is what follows it.
 * It returns the exit status: 0 yes, 1 no, 2 usage, 3 Callgate is not running.
 */
#ifndef TOOLS_TOOLS_H
#define TOOLS_TOOLS_H

#include <jansson.h>

#include "base/buf.h"

enum tool_exit { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_DOWN = 3 };

/* The options in front of the noun.  main() sets them once. */
struct tool_opts {
	const char *run; /* --run DIR, /run/callgate */
	const char *log; /* --log DIR, /var/log/callgate */
	const char *state; /* --state DIR, /var/lib/callgate */
	bool json;       /* --json: print one JSON value and nothing else */
};
extern struct tool_opts tool_opts;

int cmd_status(int argc, char **argv);
int cmd_server(int argc, char **argv);
int cmd_grant(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_catalog(int argc, char **argv);
int cmd_approve(int argc, char **argv);
int cmd_vault(int argc, char **argv);
int cmd_ca(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_fleet(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_evidence(int argc, char **argv);
int cmd_proposal(int argc, char **argv);

/* ---- verbs and options: getopt.c ---- */

struct tool_verb {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the verb */
	const char *args, *help;
};

/** tool_verbs(noun, verbs, argc, argv): Run the verb named argv[1]; the table ends with a row without a name. */
int tool_verbs(const char *noun, const struct tool_verb *verbs, int argc, char **argv);

struct tool_flag {
	const char *name; /* "--host" */
	const char **value; /* takes a value, put here; NULL: a switch */
	bool *on;
};

/**
 * tool_flags(verb, flags, argc, argv, rest, max): Read options; what is no option goes to ${rest}.
 * The number of these, or -1 after a message (unknown option, value missing, an option twice, more than ${max}).
 */
int tool_flags(const char *verb, const struct tool_flag *flags, int argc, char **argv, const char **rest, int max);

/** tool_span(s): "90s", "30m", "2h", "7d" or "4w" in seconds; -1: it is none of these. */
long long tool_span(const char *s);

/** tool_fail(status, fmt, ...): Say it on standard error as "callgate: ..." (with --json: {"ok":false,...} on standard output); returns ${status}. */
int tool_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- asking: ask.c ---- */

/**
 * tool_ask(request, secret, answer):
 * Send ${request} (taken over) and, when ${secret}.n is not 0, these bytes; wait for the answer.
 * 0 and the answer, to be freed with json_decref(), when it says ok; else an exit status, after the reason was printed.
 */
int tool_ask(json_t *request, struct view secret, json_t **answer);

/** tool_request(do, args): The request {"do":..., "args":...}; ${args} is taken over. */
json_t *tool_request(const char *what, json_t *args);

/** tool_simple(do, args, done): Ask, and print ${done} with the answer (or the answer, with --json). */
int tool_simple(const char *what, json_t *args, void (*done)(const json_t *answer));

/** tool_remark(answer): The answer's note and warning, if any, on standard error. */
void tool_remark(const json_t *answer);

/** tool_file(path, max, out): Read ${path}, or standard input when it is "-".  EXIT_YES, or a status after a message. */
int tool_file(const char *path, size_t max, struct buf *out);

/** tool_proposed(answer): Did the change become a proposal (proposal.c)?  Then that was printed. */
bool tool_proposed(const json_t *answer);

/* ---- printing: table.c ---- */

struct tool_column {
	const char *title, *key; /* member of the row; "a.b" reaches into an object */
};
/** tool_clean(text): What a terminal would obey, or what would hide or turn round the rest (line_cell(), audit/line.h), becomes '?'. */
void tool_clean(char *text);

/** tool_table(columns, n, rows): Aligned columns of an array of objects, clean. */
void tool_table(const struct tool_column *columns, size_t n, const json_t *rows);

/** tool_pairs(object, indent): One "name: value" line per member, nested objects below, indented. */
void tool_pairs(const json_t *object, int indent);

/** tool_json(value): Print it as one line. */
void tool_json(const json_t *value);

/** tool_text(value): What one cell shows.  Static storage, good until the fourth next call. */
const char *tool_text(const json_t *value);

#endif
