/*
 * tasks.h - whose is a task?  What a call began is read later, by its id: so the id belongs to the user whose call began it.
 * Floor: gate.      Source: MCP 2025-11-25 and the extension of 2026-07-28, tasks; docs/WIRE.md "rules for injection".
 * Bounded like session ids (session.h): one that was forgotten or never seen is nobody's.
 */
#ifndef GATE_TASKS_H
#define GATE_TASKS_H

#include "gate/call.h"

/** tasks_heard(c, result): The call's result, in g->doc, may have begun a task. */
void tasks_heard(struct conn *c, const struct json_node *result);

/** tasks_ok(c): May this user ask for the task that the request in g->rpc names, if it names one? */
bool tasks_ok(struct conn *c);

#endif
