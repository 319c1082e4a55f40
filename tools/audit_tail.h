/*
 * audit_tail.h - the reading verbs of `callgate audit`.
 */
#ifndef TOOLS_AUDIT_TAIL_H
#define TOOLS_AUDIT_TAIL_H

#include <jansson.h>

/** audit_tail(argc, argv): The verb; argv[0] is "tail". */
int audit_tail(int argc, char **argv);

/** audit_query(), audit_export(): The verbs.  audit_stats_of(): stats of files, not of the running writer. */
int audit_query(int argc, char **argv);
int audit_export(int argc, char **argv);
int audit_stats_of(int argc, char **argv);

/** audit_user(rec): The name of the record's uid on this machine, or the number; "" when there is none.  Static storage. */
const char *audit_user(const json_t *rec);

/** audit_dir(arg): Open the directory ${arg}, or this machine's audit directory when it is NULL; -1 after a message. */
int audit_dir(const char *arg);
/** audit_second(dir): The second directory of such a stream, while files may lie there; 0: it has none.  It stays open. */
int audit_second(int dir);
struct read;
/** audit_lines(dir, in): read_new() of both.  0 or negative errno. */
int audit_lines(int dir, struct read **in);

#endif
