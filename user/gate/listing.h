/*
 * listing.h - take tools out of a tools/list answer without touching the other bytes.
 * Floor: gate.      Source: docs/POLICY.md "visibility"; MCP 2026-07-28 caching (a filtered list is private).      Pure.
 */
#ifndef GATE_LISTING_H
#define GATE_LISTING_H

#include "base/buf.h"
#include "codec/json.h"
#include "policy/pol.h"

/* Is the tool, to be taken out whatever the policy says?  May be NULL. */
typedef bool listing_hide(void *arg, struct view name, const struct json_doc *doc, const struct json_node *tool);

/**
 * listing_filter(doc, p, hide, arg, out):
 * Is the scanned message an answer that lists tools?  0: no, or nothing to take out; 1: ${out} got the message without the tools that
 * ${p} hides (NULL hides all); negative: it lists tools in a way that cannot be filtered (-ERR_MALFORMED), or memory is out.
 */
int listing_filter(const struct json_doc *doc, const struct pol *p, listing_hide *hide, void *arg, struct buf *out) __attribute__((warn_unused_result));

#endif
