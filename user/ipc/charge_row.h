/*
 * charge_row.h - what callgate-audit hands on for the limit counters: what was charged in windows that last, read from the records.
 * Floor: ipc.      A sealed file is a run of rows.  Units: bytes; a row's texts come from records and may hold anything.
 */
#ifndef IPC_CHARGE_ROW_H
#define IPC_CHARGE_ROW_H

#include "base/buf.h"

/* CHARGE_ROWS: that many at most.  A file of more than CHARGE_FILE_MAX bytes is none of ours. */
enum { CHARGE_ROWS = 1 << 16, CHARGE_FILE_MAX = 128 << 20 };

struct charge_row {
	uint32_t uid;
	struct view grant, server, tool; /* at most 64 KiB each */
	struct view charge;              /* COUNTER=SUM@WINDOW, as docs/POLICY.md "limits" writes it */
};

/** charge_row_put(b, row): Append it.  0; -ERR_TOO_LONG; what buf_put() says. */
int charge_row_put(struct buf *b, const struct charge_row *row) __attribute__((warn_unused_result));

/** charge_row_take(in, row): The next one, borrowed: 1; 0 at the end; -ERR_MALFORMED. */
int charge_row_take(struct view *in, struct charge_row *row) __attribute__((warn_unused_result));

#endif
