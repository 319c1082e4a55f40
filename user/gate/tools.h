/*
 * tools.h - what is known of the tool that is called, and of those that are listed.
 * Floor: gate.      Source: docs/CATALOGUE.md "at the gate".
 */
#ifndef GATE_TOOLS_H
#define GATE_TOOLS_H

#include "gate/call.h"

/** tools_heard(c): g->doc is an answer of the call's server: take in the tools that it lists. */
void tools_heard(struct conn *c);

/** tools_judge(c): Set k->risk for the tools/call in g->rpc; true when its definition is not one that was approved, and so it is refused unless it is already. */
bool tools_judge(struct conn *c);

/** tools_changed(c, name, doc, tool): For listing_filter(): such a definition is not shown either. */
bool tools_changed(void *c, struct view name, const struct json_doc *doc, const struct json_node *tool);

/** tools_tell(g): Tell callgate-admin what is new. */
void tools_tell(struct gate *g);

#endif
