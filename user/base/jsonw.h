/*
 * jsonw.h - write compact JSON into a buf.
 * Floor: base.      Source: RFC 8259.
 * Errors stick: after the first failure nothing more is written and jsonw_end() returns it.
 * Text: control characters, '"' and '\' are escaped; bytes that are not UTF-8 become U+FFFD.
 */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include "base/buf.h"
#include "base/mtime.h"

struct jsonw {
	struct buf *out;
	int err;
	bool comma; /* the next member needs one */
};

static inline struct jsonw jsonw_on(struct buf *out)
{
	return (struct jsonw){.out = out};
}

/* key may be NULL inside an array or at the top. */
void jsonw_open(struct jsonw *w, const char *key, char bracket); /* '{' or '[' */
void jsonw_close(struct jsonw *w, char bracket);                 /* '}' or ']' */
void jsonw_text(struct jsonw *w, const char *key, struct view v);
void jsonw_str(struct jsonw *w, const char *key, const char *s); /* NULL writes null */
void jsonw_int(struct jsonw *w, const char *key, int64_t n);
void jsonw_uint(struct jsonw *w, const char *key, uint64_t n);
void jsonw_bool(struct jsonw *w, const char *key, bool b);
void jsonw_null(struct jsonw *w, const char *key);
/** jsonw_raw(w, key, v): ${v} is already JSON and is copied as it stands. */
void jsonw_raw(struct jsonw *w, const char *key, struct view v);
void jsonw_hex(struct jsonw *w, const char *key, struct view v);
void jsonw_wall(struct jsonw *w, const char *key, struct wall t); /* as wall_text() */

/** jsonw_end(w): 0, or the first error. */
int jsonw_end(const struct jsonw *w) __attribute__((warn_unused_result));

#endif
