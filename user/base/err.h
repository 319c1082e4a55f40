/*
 * err.h - one error space: errno as -E*, ours from -4096 down (err.tbl.h).
 * Floor: base.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err_index {
#define X(sym, name, text) sym##_INDEX,
#include "base/err.tbl.h"
#undef X
	ERR_COUNT
};

/* Use them negated: return -ERR_TOO_LONG. */
enum err {
#define X(sym, name, text) sym = 4096 + sym##_INDEX,
#include "base/err.tbl.h"
#undef X
};

/** err_name(e): The stable name of ${e} (0 or negative), for records.  errno values give "errno-N".  Static storage per thread. */
const char *err_name(int e);

/** err_text(e): One sentence for people. */
const char *err_text(int e);

#endif
