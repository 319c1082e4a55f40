/*
 * rec_fuzz.c - a ring record, a release and a note of any bytes: what comes out is one line of JSON that says what we mean.
 */
#include <jansson.h>
#include <stdlib.h>

#include "audit/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

/* One line, one object, no key twice, nothing that a terminal would obey below 0x20. */
static void check_line(struct buf *b, struct jsonw *w)
{
	jsonw_close(w, '}');
	check(jsonw_end(w) == 0);
	struct view v = buf_view(b);
	for (size_t i = 0; i < v.n; i++)
		check(v.p[i] >= 0x20 && v.p[i] != 0x7f);
	json_t *o = json_loadb((const char *)v.p, v.n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
	check(json_is_object(o));
	json_decref(o);
	buf_reset(b);
}

static struct jsonw begin(struct buf *b)
{
	struct jsonw w = jsonw_on(b);
	jsonw_open(&w, NULL, '{');
	jsonw_uint(&w, "seq", 1);
	return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rec_seen rec;
	struct m_release m;
	struct buf b = {0};
	char kind[16];

	if (rec_parse(view_of(data, size), &rec) == 0) {
		struct jsonw w = begin(&b);
		entry_id(&w, 1, rec.head.call);
		entry_fields(&w, &rec);
		check_line(&b, &w);
	}
	memset(&m, 'x', sizeof(m));
	memcpy(&m, data, size < sizeof(m) ? size : sizeof(m));
	struct jsonw w = begin(&b);
	entry_release(&w, &m);
	check_line(&b, &w);
	w = begin(&b);
	if (entry_object(&w, view_of(data, size), kind, sizeof(kind)) == 0)
		check_line(&b, &w);
	buf_free(&b);
	return 0;
}
