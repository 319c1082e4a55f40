/*
 * learned.h - what servers have said of their tools, as their answers to tools/list passed: risk class and hash of the definition.
 * Floor: gate.      Source: docs/CATALOGUE.md "at the gate".      Owns: its entries; bounded by server and in all.
 *
 * Invariants:
 *  1. A tool that no list has named is not here: its calls count as Execute.
 *  2. A definition that changes never lowers the class of its tool; only a person can (callgate catalog override).
 */
#ifndef GATE_LEARNED_H
#define GATE_LEARNED_H

#include "codec/json.h"
#include "policy/catalogue.h"

enum { LEARNED_TOOLS = 16384, LEARNED_SERVER = 2048, LEARNED_NAME = 512, LEARNED_SCHEMA = 4096 };

struct learned;

struct learned_tool {
	enum risk risk; /* the gravest of all definitions seen */
	struct catalogue_class now; /* of the last one */
	uint8_t hash[CATALOGUE_HASH];
	struct view schema; /* as the server wrote it, when it is no longer than LEARNED_SCHEMA; borrowed like the rest */
};

/** learned_new(): NULL when memory is out.  learned_free() is NULL-safe. */
struct learned *learned_new(void);
void learned_free(struct learned **l);

/** learned_take(l, server, doc): Take in every tool that the scanned message lists; any message is legal.  What does not fit is not learned. */
void learned_take(struct learned *l, const char *server, const struct json_doc *doc);

/** learned_find(l, server, name): NULL: never listed.  Borrowed until the next learned_take(). */
const struct learned_tool *learned_find(const struct learned *l, const char *server, struct view name);

/* 0: heard; anything else: not now, and no more. */
typedef int learned_tell_fn(void *arg, const char *server, struct view name, const struct learned_tool *t);

/** learned_tell(l, most, fn, arg): Tell ${fn} what is new or has changed since it was told last, at most ${most} of it. */
void learned_tell(struct learned *l, size_t most, learned_tell_fn *fn, void *arg);

/** learned_retell(l): Whoever was told has gone: everything is news again. */
void learned_retell(struct learned *l);

#endif
