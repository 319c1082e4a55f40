/*
 * export_fuzz.c - names and values that somebody hostile chose, from the record or the note to the line, to what `audit tail` shows, to
 * every export and back.  Input: a byte, then fields {number, length / 2, bytes}; or, when the first byte is '{', a note as callgate-admin sends it.
 */
#include "ipc/rec.h"
#include "tests/fuzz/export_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(struct jsonw *w, struct buf *line, const char *kind)
{
	*w = jsonw_on(line);
	jsonw_open(w, NULL, '{');
	jsonw_str(w, "kind", kind);
	jsonw_uint(w, "seq", 7);
	jsonw_str(w, "ts", "2026-11-26T10:00:00.123456Z");
	jsonw_str(w, "host", "box");
	jsonw_str(w, "boot", "0badcafe");
}

static void end(struct jsonw *w, struct buf *line)
{
	jsonw_close(w, '}');
	if (jsonw_end(w) == 0)
		check_line(buf_view(line));
	buf_free(line);
}

/* What was well-formed text must come back as it was. */
static void check_texts(const struct rec_seen *rec, struct view line)
{
	json_t *o = line_parse(line);

	check_what = "the record's texts";
	for (unsigned i = 1; i < REC_FIELDS; i++) {
		if (!(rec->has & (1ull << i)) || rec_row(i)->type != REC_TEXT)
			continue;
		json_t *want = json_stringn((const char *)rec->text[i].p, rec->text[i].n);
		if (want)
			MUST(json_equal(json_object_get(o, rec_row(i)->json), want));
		json_decref(want);
	}
	json_decref(o);
}

static void from_record(struct view v)
{
	static struct rec rec;
	struct rec_seen seen;
	struct jsonw w;
	struct buf line = {0};
	uint16_t kind = (uint16_t)(1 + v.p[0] % REC_LOSS);

	rec_begin(&rec, kind, v.p[0] & 8 ? 1 : 0, 1);
	uint64_t has = 0;
	for (v = view_skip(v, 1); v.n >= 2;) {
		unsigned field = v.p[0] & 63;
		struct view text = view_head(view_skip(v, 2), 2u * v.p[1]);
		const struct rec_row *row = rec_row(field);
		v = view_skip(v, 2 + text.n);
		if (!row || !text.n || has & (1ull << field))
			continue;
		has |= 1ull << field;
		uint64_t n = 0;
		memcpy(&n, text.p, text.n < 8 ? text.n : 8);
		if (row->type == REC_U32)
			rec_u32(&rec, (enum rec_field)field, (uint32_t)n);
		else if (row->type == REC_U64)
			rec_u64(&rec, (enum rec_field)field, n);
		else
			rec_text(&rec, (enum rec_field)field, text);
	}
	struct view out = rec_end(&rec);
	if (!out.n || rec_parse(out, &seen))
		return;
	begin(&w, &line, entry_kind(kind));
	entry_id(&w, 0x7001, seen.head.call);
	entry_fields(&w, &seen);
	jsonw_close(&w, '}');
	check_what = "the record";
	MUST(jsonw_end(&w) == 0);
	check_texts(&seen, buf_view(&line));
	check_line(buf_view(&line));
	buf_free(&line);
}

static void from_note(struct view v)
{
	struct jsonw w;
	struct buf line = {0};
	char kind[64];

	begin(&w, &line, "note");
	if (entry_object(&w, v, kind, sizeof(kind)) == 0)
		end(&w, &line);
	else
		buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size);

	if (size && data[0] == '{')
		from_note(v);
	else if (size)
		from_record(v);
	return 0;
}
