/*
 * rec.h - typed records, as workers write them into the ring and callgate-audit reads them.
 * Floor: ipc.      Shape: struct rec_head, then fields {u16 id, u16 len, bytes, zero padding to 4}.
 * Fields are those of rec.tbl.h; each at most once; unknown or wrongly sized ones make the record malformed.
 * Audit alone adds seq, ts, host, call_id: no worker can name another's call, because call_id is built from
 * the ring's own identity and the call number, which only grows.
 */
#ifndef IPC_REC_H
#define IPC_REC_H

#include "base/view.h"
#include "ipc/shring.h"

enum rec_kind { /* stable */
	REC_CALL = 1,       /* before forwarding, or the refusal itself */
	REC_RESULT = 2,     /* closes a call */
	REC_CONNECTION = 3, /* a relayed connection ended, or a connection was refused */
	REC_REFUSED = 4,    /* a request refused before it became a call: malformed, other path, TLS */
	REC_ALERT = 5,
	REC_LOSS = 6, /* F_COUNT records found no room, in the last F_DUR_US */
};

enum rec_type { REC_U32 = 1, REC_U64, REC_TEXT, REC_LIST }; /* LIST: texts joined by 0x1f */

enum rec_field {
#define X(sym, num, type, json, max) sym = num,
#include "ipc/rec.tbl.h"
#undef X
	REC_FIELDS = 64
};

struct rec_head {
	uint32_t len;  /* of the whole record */
	uint16_t kind; /* enum rec_kind */
	uint16_t flags; /* REC_WAIT: the worker waits for the acknowledgement */
	uint64_t call;  /* call number within the ring, from 1; 0 for records that belong to no call */
	uint64_t mono_ns; /* CLOCK_MONOTONIC when it happened */
};
enum { REC_WAIT = 1, REC_CUT = 2 /* a text was longer than its field */ };

/* Building one: a fixed buffer, no allocation.  Errors stick. */
struct rec {
	union {
		struct rec_head head;
		uint8_t bytes[SHRING_REC_MAX];
	} u;
	int err;
	uint32_t truncated; /* texts cut to their maximum */
};

void rec_begin(struct rec *r, enum rec_kind kind, uint64_t call, uint64_t mono_ns);
void rec_u32(struct rec *r, enum rec_field f, uint32_t v);
void rec_u64(struct rec *r, enum rec_field f, uint64_t v);
/** rec_text(r, f, v): Add text, cut at the field's maximum; an empty text is not written. */
void rec_text(struct rec *r, enum rec_field f, struct view v);
/** rec_texts(r, fn, arg): Each text of ${r}, to be changed where it lies; its length stays. */
void rec_texts(struct rec *r, void (*fn)(const void *arg, uint8_t *p, size_t n), const void *arg);
/** rec_end(r): The record, ready for shring_put(), borrowed from ${r}; empty when an error stuck. */
struct view rec_end(struct rec *r);

/* Reading one. */
struct rec_seen {
	struct rec_head head;
	struct view text[REC_FIELDS]; /* TEXT and LIST */
	uint64_t num[REC_FIELDS];
	uint64_t has; /* bit = field number */
};
/** rec_parse(v, out): 0 or -ERR_MALFORMED.  ${out} borrows ${v}. */
int rec_parse(struct view v, struct rec_seen *out) __attribute__((warn_unused_result));

struct rec_row {
	uint8_t num, type;
	uint16_t max;
	const char *json; /* name in the audit line */
};
/** rec_row(num): The row of a field, or NULL. */
const struct rec_row *rec_row(unsigned num);

#endif
