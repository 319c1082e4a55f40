/*
 * record.h - what the gate tells callgate-audit.
 * Floor: gate.      Each function builds one record in g->rec and puts it on the ring.  Argument keys, never values; fixed words, never a
 * peer's text, except where a field is marked a claim.
 * Those that return something: 0, or negative when the ring is full or absent; then nothing was recorded, and the caller must not let anything happen.
 * The others tell what has happened: when the ring is full it is owed (owed.h).
 */
#ifndef GATE_RECORD_H
#define GATE_RECORD_H

#include "gate/call.h"

/** record_call(c): The request that g->rpc, g->doc and g->decision describe; says its position in c->ack_pos. */
int record_call(struct conn *c) __attribute__((warn_unused_result));
/** record_turned_away(c): The same of a call that is refused since it could not be recorded. */
void record_turned_away(struct conn *c);
/** record_result(c): What became of c->call; position in c->ack_pos. */
int record_result(struct conn *c) __attribute__((warn_unused_result));
/** record_closed(c): The same when nothing can wait for it any more: c->call ends now. */
void record_closed(struct conn *c);
/** record_connection(c, verdict, err): A relayed connection has ended, or a connection was refused. */
void record_connection(struct conn *c, const char *verdict, int err);
/** record_refused(c, err, detail, http): A request or handshake that did not become a call. */
void record_refused(struct conn *c, int err, const char *detail, unsigned http);

/** record_stray(c, p, where): An alert: a placeholder is ${where} (fixed words) of what ${c} sends, and does not belong there. */
void record_stray(struct conn *c, const struct placeholder *p, const char *where);

/** record_keys(doc, args, out): The sorted, unescaped top-level keys of ${args}, joined by 0x1f.  -ENOBUFS when they do not fit: cut. */
int record_keys(const struct json_doc *doc, const struct json_node *args, struct buf *out) __attribute__((warn_unused_result));

/** record_macs(doc, args, key, out): After record_keys() of the same: the key's name and a digest (policy/argmac.h) of each value, in that order. */
int record_macs(const struct json_doc *doc, const struct json_node *args, const uint8_t *key, struct buf *out) __attribute__((warn_unused_result));

#endif
