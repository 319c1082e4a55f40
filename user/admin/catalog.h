/*
 * catalog.h - the journal's part of the catalogue: what servers' tools are, and what people said of them.
 * Floor: admin.      Source: docs/CATALOGUE.md.
 *
 * roster.catalog: server -> tool -> {"server","tool","class","now","confidence","evidence","known","hash","schema"?:TEXT,"hashes":[...],"first_seen","changed_at"?,"changes":N,
 *   "override"?:{"class","hash"?,"by","at","reason"}, "approved"?:[HEX...],"approved_by"?,"approved_at"?}
 * class is the gravest of all definitions seen since the last approval, now that of the last one.  Values are immutable, as in all of a roster.
 */
#ifndef ADMIN_CATALOG_H
#define ADMIN_CATALOG_H

#include "admin/roster.h"
#include "base/jsonw.h"
#include "ipc/msg.h"

enum { CATALOG_SERVER = 2048, CATALOG_ALL = 16384, CATALOG_HASHES = 8, CATALOG_BATCH = 32, CATALOG_EVENT = 48 << 10 /* bytes of definitions in one event */ };

/* Events of the journal: 0, -ERR_MALFORMED, -ENOMEM. */
int catalog_learn(struct roster *r, const json_t *event);
int catalog_override(struct roster *r, const json_t *event);
int catalog_approve(struct roster *r, const json_t *event);
int catalog_forget(struct roster *r, const json_t *event);

/** catalog_find(r, server, tool): The entry, or NULL.  Borrowed. */
json_t *catalog_find(const struct roster *r, const char *server, const json_t *tool);

/** catalog_hear(r, m, heard): A worker's word.  Put it under heard[server][tool] when it says something new of a registered server. */
void catalog_hear(const struct roster *r, const struct m_tool *m, struct view schema, json_t *heard);

/** catalog_batch(heard, server): Take at most CATALOG_BATCH definitions of ${server} out, as the event that tells them; NULL: none. */
json_t *catalog_batch(json_t *heard, const char *server);

/** catalog_again(r, event, heard): Put back what ${r} does not have of such an event. */
void catalog_again(const struct roster *r, const json_t *event, json_t *heard);

/** catalog_row(entry): For people: the entry with "state" ("new" "approved" "changed") and the class that counts as "class".  New. */
json_t *catalog_row(const json_t *entry);

/** catalog_publish(w, r): The member "tools" of policy/world.h. */
void catalog_publish(struct jsonw *w, const struct roster *r);

#endif
