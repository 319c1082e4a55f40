/* err.c - see err.h. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

struct row {
	const char *name, *text;
};

static const struct row rows[] = {
#define X(sym, name, text) {name, text},
#include "base/err.tbl.h"
#undef X
};

static const struct row *row_of(int e)
{
	long i = -(long)e - 4096;
	return i >= 0 && i < ERR_COUNT ? &rows[i] : NULL;
}

const char *err_name(int e)
{
	static _Thread_local char name[24];
	const struct row *r = row_of(e);
	if (r)
		return r->name;
	if (e == 0)
		return "ok";
	snprintf(name, sizeof(name), "errno-%ld", -(long)e); /* another process said it: any number */
	return name;
}

const char *err_text(int e)
{
	const struct row *r = row_of(e);
	return r ? r->text : e == 0 ? "no error" : strerror(e == INT_MIN ? INT_MAX : -e);
}
