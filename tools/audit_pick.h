/*
 * audit_pick.h - which lines a reading verb takes: options and conditions that `audit tail`, `query`, `export` and `stats` share.
 */
#ifndef TOOLS_AUDIT_PICK_H
#define TOOLS_AUDIT_PICK_H

#include "audit/read.h"
#include "base/mtime.h"
#include "tools/tools.h"

enum { PICK_CONDITIONS = 32, PICK_FLAGS = 9 };

struct pick_condition {
	char field[48], op; /* '=' '!' (not equal) '~' (contains) '<' '>' */
	const char *value;
};

struct pick {
	const char *user, *server, *tool, *verdict, *kind, *since_text, *until_text;
	bool all;
	struct wall since, until; /* 0: open */
	struct pick_condition condition[PICK_CONDITIONS];
	size_t n;
};

/** pick_flags(p, flags): Append the shared options to ${flags}; the number of them. */
size_t pick_flags(struct pick *p, struct tool_flag *flags);

/**
 * pick_ready(p, verb, words, n, dir):
 * After the options: times, names, and ${words}: conditions FIELD=VALUE, FIELD!=VALUE, FIELD~PART, FIELD<NUMBER, FIELD>NUMBER, and at most
 * one directory, put into ${dir} (else NULL).  0, or an exit status after a message.
 */
int pick_ready(struct pick *p, const char *verb, const char *const *words, int n, const char **dir);

/** pick_start(p, in): Skip what is too old. */
void pick_start(const struct pick *p, struct read *in);

/** pick_line(p, line, rec): Is it wanted?  1 and the parsed record, to be freed; 0; -1: nothing later is wanted either; -2: not JSON. */
int pick_line(const struct pick *p, struct view line, json_t **rec);

/** pick_any(p): Is there a condition at all? */
bool pick_any(const struct pick *p);

#endif
