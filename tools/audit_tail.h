/*
 * audit_tail.h - `callgate audit tail`: records as people read them.
 */
#ifndef TOOLS_AUDIT_TAIL_H
#define TOOLS_AUDIT_TAIL_H

/** audit_tail(argc, argv): The verb; argv[0] is "tail". */
int audit_tail(int argc, char **argv);

/** audit_dir(arg): Open the directory ${arg}, or this machine's audit directory when it is NULL; -1 after a message. */
int audit_dir(const char *arg);

#endif
