/*
 * rec_fuzz.c - a ring record, a release and a note of any bytes: what comes out is one line of JSON that says what we mean.
 */
/* Both name their types alike. */
#define JSON_OBJECT OTHER_OBJECT
#define JSON_ARRAY OTHER_ARRAY
#define JSON_STRING OTHER_STRING
#define JSON_TRUE OTHER_TRUE
#define JSON_FALSE OTHER_FALSE
#define JSON_NULL OTHER_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL
#include <stdlib.h>

#include "audit/entry.h"
#include "base/err.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

/*
 * One line, one object, no key twice, nothing that a terminal would obey below 0x20.  What our own scanner takes, jansson takes (json_fuzz.c
 * compares them); jansson, which is slower, looks at lines of every eighth length, and at what lies beyond the scanner's limits.
 */
static void check_line(struct buf *b, struct jsonw *w)
{
	static struct json_node nodes[1 << 12];
	struct json_doc doc;

	jsonw_close(w, '}');
	check(jsonw_end(w) == 0);
	struct view v = buf_view(b);
	for (size_t i = 0; i < v.n; i++)
		check(v.p[i] >= 0x20 && v.p[i] != 0x7f);
	int r = json_scan(&doc, v, nodes, sizeof(nodes) / sizeof(*nodes), NULL);
	check(r == 0 ? doc.node->type == JSON_OBJECT : r == -ERR_TOO_DEEP || r == -ERR_TOO_LONG || r == -ERR_RANGE);
	if (r || v.n % 8 == 0) {
		json_t *o = json_loadb((const char *)v.p, v.n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
		check(o && json_typeof(o) == OTHER_OBJECT);
		json_decref(o);
	}
}

static struct jsonw begin(struct buf *b)
{
	buf_reset(b);
	struct jsonw w = jsonw_on(b);
	jsonw_open(&w, NULL, '{');
	jsonw_uint(&w, "seq", 1);
	return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rec_seen rec;
	struct m_release m;
	static struct buf b;
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
	return 0;
}
