/*
 * agents.h - what agents look like: patterns from policy/agents.d, read once.
 * Floor: ident.      Owns: its patterns.
 *
 * A pattern: {"name":"claude-code","class":"agent|editor","exe":[NAME...],"path":[GLOB...],"script":[GLOB...],
 *   "module":[NAME...],"agent_path":[GLOB...],"agent_arg":[GLOB...]}
 *   exe     base name of the executable                          path    its whole path ('*' also stands for '/')
 *   agent_path, agent_arg   of an editor: a process of it with this path, or with an argument like this one, is of class agent:
 *           its extension host, its own agent.  The editor's other processes, and what runs in its terminals, are not
 *   script  what an interpreter (node, python, ...) runs, whole path      module  python -m NAME
 * Labels are numbers from 1, in the order of the list; 0 is none.
 */
#ifndef IDENT_AGENTS_H
#define IDENT_AGENTS_H

#include "base/view.h"
#include "bpf/abi.h"
#include "ipc/msg.h"

enum { AGENTS_MAX = 256, AGENTS_ARGS = 16384 };

struct agents;

/** agents_load(conf, why, why_len, a): Read {"agents":[...]}; a pattern that is wrong is named in ${why} and left out.  0, -ENOMEM, -ERR_MALFORMED (no list). */
int agents_load(const char *conf, char *why, size_t why_len, struct agents **a) __attribute__((warn_unused_result));
void agents_free(struct agents **a);

/** agents_name(a, label), agents_class(a, label): "" and CG_CLASS_NONE for a label that does not exist. */
const char *agents_name(const struct agents *a, uint32_t label);
enum cg_class agents_class(const struct agents *a, uint32_t label);

/** agents_tag(a, label), agents_by_tag(a, tag): The number under which the kernel knows the name, also of another run; 0 for none. */
uint32_t agents_tag(const struct agents *a, uint32_t label);
uint32_t agents_by_tag(const struct agents *a, uint32_t tag);

enum agents_how { AGENTS_NO, AGENTS_BY_NAME, AGENTS_BY_PATH, AGENTS_BY_SCRIPT, AGENTS_BY_MODULE };

/** agents_by_exe(a, path, how): The label of an executable, or 0. */
uint32_t agents_by_exe(const struct agents *a, const char *path, enum agents_how *how);
/** agents_by_script(a, path), agents_by_module(a, name): The label of what an interpreter runs, or 0. */
uint32_t agents_by_script(const struct agents *a, const char *path);
uint32_t agents_by_module(const struct agents *a, const char *name);

/** agents_role(a, label, path, args, n): The class of a process of ${label}, which its path and arguments (as for agents_script) may raise. */
enum cg_class agents_role(const struct agents *a, uint32_t label, const char *path, const char *args, size_t n);

/** agents_interpreter(path): Does this executable run scripts that are agents? */
bool agents_interpreter(const char *path);

/** agents_shell(path): Does this executable run scripts, if none that are agents: sh, bash, perl, ...? */
bool agents_shell(const char *path);

/**
 * agents_script(args, n, script, module):
 * Find in the arguments (NUL between, as in /proc/PID/cmdline; any bytes) what the interpreter runs: a script's path, or the
 * module after -m.  Both borrowed, NULL when absent.  ${args} has a NUL at args[n].
 */
void agents_script(const char *args, size_t n, const char **script, const char **module);

#endif
