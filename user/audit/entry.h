/*
 * entry.h - the lines of a stream: how a record becomes one, and how the start of one is read back.
 * Floor: audit.      A line is one JSON object in a fixed order of keys, without spaces:
 * {"kind":K,"seq":N,"ts":T,"host":H,"boot":B,...}; of a record: ,"id":CALL, then the fields in the order of rec.tbl.h.
 *
 * entry_*() write the part after "seq" into a jsonw that trail_line() has begun.
 */
#ifndef AUDIT_ENTRY_H
#define AUDIT_ENTRY_H

#include "base/jsonw.h"
#include "ipc/msg.h"
#include "ipc/rec.h"

/** entry_kind(kind): "call", "result", ... of a ring record; NULL for a number that is none. */
const char *entry_kind(uint16_t kind);

/** entry_id(w, ring, call): The member "id"; nothing when ${call} is 0. */
void entry_id(struct jsonw *w, uint64_t ring, uint64_t call);

/** entry_fields(w, rec): Every field that ${rec} has; argument keys sorted. */
void entry_fields(struct jsonw *w, const struct rec_seen *rec);

/** entry_release(w, m): What the vault said; ${m} may hold anything. */
void entry_release(struct jsonw *w, const struct m_release *m);

/**
 * entry_object(w, body, kind, kind_len):
 * The members of a JSON object from another process, as they stand.  A member "kind" is taken out into ${kind} (else it is empty).
 * 0, or -ERR_MALFORMED: not one object, a key twice, or a name that is only audit's to give (seq, ts, host, boot).
 */
int entry_object(struct jsonw *w, struct view body, char *kind, size_t kind_len) __attribute__((warn_unused_result));

/* The start of a line. */
struct entry_head {
	struct view kind; /* borrows the line */
	uint64_t seq;
	struct view ts;
	uint64_t ring, call; /* of "id"; 0 when there is none */
};

/** entry_head(line, h): 0 or -ERR_MALFORMED: not a line of ours. */
int entry_head(struct view line, struct entry_head *h) __attribute__((warn_unused_result));

#endif
