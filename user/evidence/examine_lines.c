/* examine_lines.c - the records of a bundle against its tables.  See examine.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/note.h"
#include "base/err.h"
#include "base/fd.h"
#include "codec/csv.h"
#include "evidence/examine_internal.h"
#include "evidence/files.h"

enum { CELLS = 24, LINE_MAX_BYTES = 4 << 20 };

/* ---- tables ---- */

int examine_rows(struct examine *c, const char *path, const char *const columns[], size_t n, int (*fn)(struct examine *c, const struct view cell[]))
{
	int fd = openat(c->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), at[CELLS], r = 0;
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t got;

	if (!in) {
		fd_close(&fd);
		return errno == ENOENT ? 0 : -errno; /* told by the manifest */
	}
	for (size_t number = 0; !r && (got = getline(&line, &cap, in)) > 0; number++) {
		struct csv row;
		struct view cell[CELLS];
		csv_begin(&row, (uint8_t *)line, (size_t)got);
		if (got > LINE_MAX_BYTES || csv_row(&row) < 1) {
			examine_bad(c, "%s, line %zu: is no row", path, number + 1);
			break;
		}
		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; number == 0 && (at[i] = -1) && k < row.n; k++)
				if (view_is(row.field[k], columns[i])) {
					at[i] = (int)k;
					break;
				}
			if (at[i] < 0 || (size_t)at[i] >= row.n) {
				examine_bad(c, "%s, line %zu: the column %s is missing", path, number + 1, columns[i]);
				goto out;
			}
			cell[i] = row.field[at[i]];
		}
		if (number)
			r = fn(c, cell);
	}
out:
	if (ferror(in))
		r = -EIO;
	free(line);
	fclose(in);
	return r;
}

uint64_t examine_number(struct view v)
{
	uint64_t n = 0;

	for (size_t i = 0; i < v.n && i < 19 && v.p[i] >= '0' && v.p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	return n;
}

static int take_segment(struct examine *c, const struct view cell[])
{
	char name[NAMES_MAX];
	struct names n;

	run_text(name, sizeof(name), "%.*s", (int)(cell[1].n < NAMES_MAX - 1 ? cell[1].n : NAMES_MAX - 1), (const char *)cell[1].p);
	if (!layout_segment(name, &n) || !view_is(cell[0], n.host)) {
		examine_bad(c, "completeness/segments.csv: %.100s is no segment of that host", name);
		return 0;
	}
	struct examine_segment *s = map_get(&c->names, cell[1]);
	struct examine_host *h = map_get(&c->hosts, cell[0]);
	enum layout_trail t = view_is(cell[3], "journal") ? LAYOUT_JOURNAL : LAYOUT_AUDIT;
	if (!s || !h)
		return -ENOMEM;
	s->proved = examine_number(cell[2]);
	if (!h->first[t] || n.first < h->first[t])
		h->first[t] = n.first;
	if (n.last > h->last[t])
		h->last[t] = n.last;
	c->v->segments++;
	return 0;
}

static int take_gap(struct examine *c, const struct view cell[])
{
	if (!cell[2].n || cell[0].n >= NAMES_HOST)
		return 0;
	struct examine_gap *at = reallocarray(c->gaps, c->ngaps + 1, sizeof(*at));
	if (!at)
		return -ENOMEM;
	c->gaps = at;
	at += c->ngaps++;
	*at = (struct examine_gap){.t = view_is(cell[1], "journal") ? LAYOUT_JOURNAL : LAYOUT_AUDIT, .first = examine_number(cell[2]), .last = examine_number(cell[3])};
	run_text(at->host, sizeof(at->host), "%.*s", (int)cell[0].n, (const char *)cell[0].p);
	return 0;
}

static bool told(const struct examine *c, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < c->ngaps; i++)
		if (c->gaps[i].t == c->t && c->gaps[i].first <= first && c->gaps[i].last >= last && strcmp(c->gaps[i].host, c->host) == 0)
			return true;
	return false;
}

/* A call, by what both a record and a row have of it. */
static int add(struct examine *c, uint64_t sum[EXAMINE_LANES], const struct view cell[], size_t n)
{
	struct chain_sum *s = c->sum;
	uint64_t lane[EXAMINE_LANES];
	uint8_t bytes[CHAIN_LEN];
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		/* A table has a ' in front of what a spreadsheet would run. */
		bool formula = cell[i].n && memchr("=+-@", cell[i].p[0], 4);
		r = formula ? chain_sum_add(s, VIEW_LIT("'")) : 0;
		if (!r)
			r = chain_sum_add(s, cell[i]);
		if (!r)
			r = chain_sum_add(s, VIEW_LIT("\n"));
	}
	if (!r)
		r = chain_sum_end(s, bytes);
	memcpy(lane, bytes, sizeof(lane));
	for (size_t i = 0; !r && i < EXAMINE_LANES; i++)
		sum[i] += lane[i];
	return r;
}

/* In the order of call_cells(). */
static const char *const call_columns[] = {"segment_file", "member_offset", "line_offset", "seal_seq", "host", "call_id", "seq", "ts_utc", "uid", "grant", "server", "method", "tool",
    "tool_def_hash", "risk", "arg_keys", "verdict", "rule", "policy_hash", "approval_ref", "credential"};
enum { CALL_CELLS = sizeof(call_columns) / sizeof(*call_columns) };

static int take_call(struct examine *c, const struct view cell[])
{
	struct examine_segment *s = map_find(&c->names, cell[0]);

	c->v->calls++;
	if (!s) {
		examine_bad(c, "artefacts/call_log.csv names %.*s, which is no segment of this bundle", (int)(cell[0].n < 100 ? cell[0].n : 100), (const char *)cell[0].p);
		return 0;
	}
	s->rows++;
	return add(c, c->of_rows, cell, CALL_CELLS);
}

int examine_tables(struct examine *c)
{
	static const char *const segment[] = {"host", "segment_file", "lines_proved", "trail"}, *const gap[] = {"host", "trail", "first_line", "last_line"};
	int r = examine_rows(c, "completeness/segments.csv", segment, 4, take_segment);

	if (!r)
		r = examine_rows(c, "completeness/gaps.csv", gap, 4, take_gap);
	return r ? r : examine_rows(c, "artefacts/call_log.csv", call_columns, CALL_CELLS, take_call);
}

/* ---- checkpoints ---- */

static void take_note(struct host *unused, int dir, const char *name, void *arg)
{
	struct examine *c = arg;
	struct buf text = {.max = NOTE_MAX}, pem = {0};
	uint8_t key[SIGN_PUBLIC];
	char path[BUNDLE_PATH], line[24], origin[NOTE_NAME];
	struct note n;

	(void)unused;
	c->v->checkpoints++;
	snprintf(origin, sizeof(origin), "callgate/%s/%s", c->host, layout_trail(c->t));
	int r = fd_slurp(dir, name, NOTE_MAX, &text);
	if (!r)
		r = note_read(buf_view(&text), &n);
	snprintf(path, sizeof(path), "integrity/keys/%s/%s/%s.pem", c->host, layout_trail(c->t), r ? "" : n.key_id);
	if (r || fd_slurp(c->dir, path, 4096, &pem) || !examine_public(buf_view(&pem), key) || !note_signed(buf_view(&text), origin, key)) {
		examine_bad(c, "%.190s is not signed by %s", name, c->host);
	} else {
		snprintf(line, sizeof(line), "%" PRIu64, n.size);
		struct examine_note *at = map_get(&c->notes, view_str(line));
		if (at) {
			memcpy(at->head, n.head, CHAIN_LEN);
			run_text(at->file, sizeof(at->file), "%s", name);
		}
	}
	buf_free(&text);
	buf_free(&pem);
}

static void notes_left(struct examine *c)
{
	for (struct map_entry *e = c->notes.first; e; e = e->next) {
		const struct examine_note *n = (const struct examine_note *)e->data;
		uint64_t line = examine_number(e->key);
		if (!n->seen && !told(c, line, line))
			examine_bad(c, "%s names line %" PRIu64 " of %s, which no segment has, and gaps.csv does not say so", n->file, line, c->host);
	}
	map_free(&c->notes);
}

/* ---- records ---- */

static int seal(struct examine *c, const struct fields *f, struct view line)
{
	struct chain after;
	struct examine_note *n = map_find(&c->notes, f->raw[FLD_SEQ]);

	c->v->seals++;
	if (!n)
		return 0;
	if (chain_unhex(fields_text(f, FLD_HEAD), after.head, CHAIN_LEN) || chain_add(&after, line))
		return -ENOMEM;
	n->seen = true;
	if (memcmp(after.head, n->head, CHAIN_LEN) != 0)
		examine_bad(c, "%s names another chain than the segments have: lines were written anew", n->file);
	return 0;
}

static int call(struct examine *c, const struct fields *f, const struct proved_at *at)
{
	static const enum field text[] = {FLD_GRANT, FLD_SERVER, FLD_METHOD, FLD_TOOL, FLD_TOOL_HASH, FLD_RISK};
	char path[NAMES_MAX], n[3][24];
	struct view cell[CALL_CELLS];
	size_t k = 0;

	names_path(&at->file->names, path);
	cell[k++] = view_str(path + strlen("sealed/"));
	const uint64_t numbers[] = {at->member, at->offset, at->seal};
	for (size_t i = 0; i < 3; i++)
		cell[k++] = view_of(n[i], (size_t)snprintf(n[i], sizeof(n[i]), "%" PRIu64, numbers[i]));
	cell[k++] = view_str(c->host);
	cell[k++] = fields_text(f, FLD_ID);
	cell[k++] = f->raw[FLD_SEQ];
	cell[k++] = fields_text(f, FLD_TS);
	cell[k++] = f->raw[FLD_UID];
	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++)
		cell[k++] = fields_text(f, text[i]);
	cell[k++] = f->raw[FLD_ARG_KEYS];
	cell[k++] = fields_text(f, FLD_VERDICT);
	cell[k++] = fields_text(f, fields_is(f, FLD_VERDICT, "allow") ? FLD_AUTHORISED_BY : FLD_RULE);
	cell[k++] = fields_text(f, FLD_POLICY);
	cell[k++] = fields_text(f, FLD_APPROVAL);
	cell[k++] = fields_text(f, FLD_CRED);
	struct examine_segment *s = map_find(&c->names, cell[0]);
	if (!s)
		return 0; /* of a store that has more than the bundle refers to */
	s->calls++;
	return add(c, c->of_lines, cell, k);
}

static int on_line(void *arg, struct view line, const struct proved_at *at)
{
	struct examine *c = arg;
	struct fields f;
	size_t n = strlen(c->from);

	c->v->lines++;
	if (fields_read(&f, line))
		return 0;
	struct view ts = fields_text(&f, FLD_TS);
	if (fields_is(&f, FLD_KIND, "seal"))
		return seal(c, &f, line);
	if (c->t == LAYOUT_AUDIT && fields_is(&f, FLD_KIND, "call") && ts.n == n && memcmp(ts.p, c->from, n) >= 0 && memcmp(ts.p, c->to, n) < 0)
		return call(c, &f, at);
	return 0;
}

static int on_bad(void *arg, const struct proved_bad *b)
{
	struct examine *c = arg;

	if (b->from <= b->to && told(c, b->from, b->to))
		return 0;
	examine_bad(c, "%s %s, lines %" PRIu64 " to %" PRIu64 "%s%s: %s, and gaps.csv does not say so", c->host, layout_trail(c->t), b->from, b->to, *b->file ? ", " : "", b->file, b->why);
	return 0;
}

static int on_segment(void *arg, const struct proved_segment *p)
{
	struct examine *c = arg;
	char path[NAMES_MAX];

	names_path(&p->file->names, path);
	struct examine_segment *s = map_find(&c->names, view_str(path + strlen("sealed/")));
	if (!s) {
		if (!c->o->store)
			examine_bad(c, "%s is not in completeness/segments.csv", path + strlen("sealed/"));
		return 0;
	}
	s->seen = true;
	return 0;
}

static int trail(struct examine *c)
{
	const struct enrol none = {0};
	const struct proved_calls calls = {on_line, on_bad, on_segment, c, true};
	struct proved_result out;
	char path[LAYOUT_PATH];

	snprintf(path, sizeof(path), "integrity/checkpoints/%s/%s", c->host, layout_trail(c->t));
	int r = files_each(c->dir, path, ".note", take_note, NULL, c);
	if (!r)
		r = proved_read(c->segments, c->t, c->host, &none, NULL, NULL, &calls, &out);
	notes_left(c);
	return r;
}

int examine_lines(struct examine *c)
{
	struct map_entry **at = map_sorted(&c->hosts);
	uint64_t bad = c->v->bad;
	int r = 0;

	for (size_t i = 0; at && !r && c->segments >= 0 && i < c->hosts.n; i++) {
		c->host = (const char *)at[i]->key.p;
		if (!layout_host(c->host)) {
			examine_bad(c, "completeness/segments.csv names a host that can be none");
			continue;
		}
		for (enum layout_trail t = 0; !r && t < LAYOUT_TRAILS; t++) {
			c->t = t;
			r = trail(c);
		}
	}
	free(at);
	for (struct map_entry *e = c->names.first; !r && e; e = e->next) {
		const struct examine_segment *s = (const struct examine_segment *)e->data;
		if (!s->seen)
			examine_bad(c, "%.*s is not there", (int)e->key.n, (const char *)e->key.p);
		else if (s->rows != s->calls)
			examine_bad(c, "artefacts/call_log.csv has %" PRIu64 " calls of %.*s, its proved lines have %" PRIu64, s->rows, (int)e->key.n, (const char *)e->key.p, s->calls);
	}
	if (!r && c->v->bad == bad && memcmp(c->of_lines, c->of_rows, sizeof(c->of_rows)) != 0)
		examine_bad(c, "artefacts/call_log.csv has a row that says something else than its record");
	if (!r && c->v->bad == bad)
		examine_good(c, "%" PRIu64 " lines of %" PRIu64 " segments are chained and covered by %" PRIu64 " seals; %" PRIu64 " calls are in the table as in the records; %" PRIu64 " checkpoints agree",
		    c->v->lines, c->v->segments, c->v->seals, c->v->calls, c->v->checkpoints);
	return r;
}
