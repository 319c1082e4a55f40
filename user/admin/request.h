/*
 * request.h - the control protocol: bytes of a client in, a checked request out.
 * Floor: admin.      Pure.      Source: docs/ARCHITECTURE.md "The control protocol".
 *
 * A line has at most REQUEST_LINE bytes.  Only one that begins exactly with {"do":"policy.apply", {"do":"policy.check" or {"do":"bundle.apply" may have
 * REQUEST_BIG, because it holds a whole document: nobody else can make the process keep much.
 */
#ifndef ADMIN_REQUEST_H
#define ADMIN_REQUEST_H

#include <jansson.h>

#include "base/view.h"

enum { REQUEST_LINE = 64 << 10, REQUEST_BIG = 20 << 20, REQUEST_SECRET = 16384, REQUEST_WHY = 256 };

enum request_kind {
#define X(sym, name, flags) sym,
#include "admin/request.tbl.h"
#undef X
	R_COUNT
};

enum request_flag {
	REQ_READ = 0, REQ_CHANGE = 1, REQ_SECRET = 2, REQ_BIG = 4,
	REQ_ADMIN = 16, REQ_POLICY = 32, REQ_KEYS = 64, REQ_AUDITOR = 128, REQ_APPROVER = 256, /* whose work a change is (perm.h); of none: root's alone */
};

struct request {
	int kind;           /* enum request_kind; -1: refuse with error and text, and go on */
	json_t *args;       /* owned; an object */
	struct view secret; /* borrowed from the input */
	const char *error;  /* a word */
	char text[REQUEST_WHY];
};

/** request_name(kind), request_flags(kind): The row of request.tbl.h. */
const char *request_name(int kind);
unsigned request_flags(int kind);

/** request_limit(in): How long may the line be that begins with ${in}? */
size_t request_limit(struct view in);

/**
 * request_take(in, out):
 * Take the first whole request.  Bytes used (> 0) and ${out}, to be cleared with request_clear(); 0 when more is needed; negative,
 * with out->error and out->text, when the stream cannot be read on: -ERR_TOO_LONG, -ERR_MALFORMED.  Any input is legal.
 */
long request_take(struct view in, struct request *out);
void request_clear(struct request *r);

#endif
