/*
 * describe.h - say what a process is: itself, or the nearest ancestor that looks like an agent.
 * Floor: ident.      Owns: what it remembers of agent trees.
 *
 * Strength: STRONG when root alone can change the executable that matched; MEDIUM when a path that is the agent's own matched, but its
 * user can write there; WEAK when only a name matched, or when the tree is known from the kernel but its root is gone.
 * An agent is never made less of by what it calls itself: strength says how far a label can be believed when it grants more.
 */
#ifndef IDENT_DESCRIBE_H
#define IDENT_DESCRIBE_H

#include "ident/agents.h"

enum { DESCRIBE_DEPTH = 64, DESCRIBE_SEEN = 16384 };

struct describe;

/** describe_new(procfs, agents): ${procfs} (descriptor of /proc) and ${agents} are borrowed for its life. */
struct describe *describe_new(int procfs, const struct agents *agents);
void describe_free(struct describe **d);

/**
 * describe(d, q, out, mark):
 * Answer ${q}.  out->status is 0 or -ERR_NOT_FOUND.  Returns true and fills ${mark} when the process asked for is an agent itself, its
 * start is known exactly (q->start_ns), and callgated has not been told.
 */
bool describe(struct describe *d, const struct m_describe *q, struct m_described *out, struct m_mark *mark);

/** describe_exe(d, q): The file that the process of ${q} runs, open for reading; -ERR_NOT_FOUND when it is gone or runs another now. */
int describe_exe(const struct describe *d, const struct m_describe *q) __attribute__((warn_unused_result));

/** describe_exec(d, e, mark): Take in an exec; true and ${mark} when the process has become an agent. */
bool describe_exec(struct describe *d, const struct cg_exec *e, struct m_mark *mark);

/** describe_glance(d, e, mark): The same by the event's own words alone, which needs no file and so no time; describe_exec() comes later all the same. */
bool describe_glance(struct describe *d, const struct cg_exec *e, struct m_mark *mark);

/** describe_class(d, tgid, start_ns): The class of a process that is remembered: CG_CLASS_NONE when it is not. */
uint32_t describe_class(const struct describe *d, uint32_t tgid, uint64_t start_ns);

/** describe_untold(d, tgid, start_ns): callgated was not told of this root after all: it is said again when the process comes up again. */
void describe_untold(struct describe *d, uint32_t tgid, uint64_t start_ns);

#endif
