/*
 * history.h - the versions of a named policy.
 * Floor: admin.      Pure.      Every function takes and gives immutable values of a roster.
 *
 * A policy: {"name","hash","document","version","applied_at","applied_by","reason"?,"ticket"?,"rollback_to"?,"history":[VERSION...]};
 * a VERSION has the same members but name and history, the document only while it is one of the last HISTORY_KEPT.  The journal keeps all.
 */
#ifndef ADMIN_HISTORY_H
#define ADMIN_HISTORY_H

#include <jansson.h>

enum { HISTORY_KEPT = 20, HISTORY_LISTED = 1000 };

/** history_next(old, event, document): The policy after the event; ${old} is what was in force (NULL: none), ${document} is taken over.  NULL: no memory. */
json_t *history_next(const json_t *old, const json_t *event, json_t *document);

/** history_version(p, version): That version, or NULL.  Borrowed. */
json_t *history_version(const json_t *p, json_int_t version);

/** history_before(p): The version before the one in force whose document differs, or NULL.  Borrowed. */
json_t *history_before(const json_t *p);

/** history_list(p): The versions, oldest first, without documents.  New. */
json_t *history_list(const json_t *p);

/** history_head(p): The policy without its document and history.  New. */
json_t *history_head(const json_t *p);

#endif
