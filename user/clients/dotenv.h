/*
 * dotenv.h - a file of environment variables, as shells, Docker, systemd and dotenv libraries read it.
 * Floor: clients.      Any input is legal to pass.  No I/O, no globals, no allocation; what is lent is wiped.
 * These readers differ; a value that two of them would read differently is told without its value and with the reason.
 *
 *   [export] NAME=VALUE     NAME='VALUE'     NAME="VALUE" with \n \r \t \" \\ \$ \`     # a comment
 */
#ifndef CLIENTS_DOTENV_H
#define CLIENTS_DOTENV_H

#include "base/view.h"

enum { DOTENV_VALUE = 16384 };

/** A variable: its value, or in ${bad} (static) why there is none.  Both borrowed until the function returns. */
typedef void dotenv_fn(void *arg, struct view name, struct view value, const char *bad);

/** dotenv_read(in, fn, arg, line): 0, or -ERR_MALFORMED with the line that is no assignment in *${line}. */
int dotenv_read(struct view in, dotenv_fn *fn, void *arg, size_t *line) __attribute__((warn_unused_result));

#endif
