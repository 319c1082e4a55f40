/* sample.c - see sample.h.  Two passes over call_log.csv: which calls, and their rows. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "codec/csv.h"
#include "evidence/sample_internal.h"

enum { MANIFEST_MAX = 1 << 30, STRATA_MAX = 1000000 };
static const char table[] = "artefacts/call_log.csv";

/* Columns by name. */
enum { C_ID, C_HOST, C_SEQ, C_TS, C_RISK, C_GRANT, C_POLICY, C_SEGMENT, C_SEAL, COLUMNS };
static const char *const column[COLUMNS] = {"call_id", "host", "seq", "ts_utc", "risk", "grant", "policy_hash", "segment_file", "seal_seq"};

struct stratum {
	uint8_t order[CHAIN_LEN], least[CHAIN_LEN];
	uint64_t row, n;
};

struct draw {
	const struct sample_opts *o;
	struct sample_result *out;
	int dir, samples;
	uint8_t seed[CHAIN_LEN];
	struct chain_sum *sum;
	struct map strata;
	struct {
		uint8_t hash[CHAIN_LEN];
		uint64_t row;
	} least[2 * SAMPLE_MAX]; /* the least of all, sorted */
	size_t nleast;
	struct sample_item *item;
	size_t n;
	int at[COLUMNS];
	json_t *titles; /* of the table's columns */
};

static int hash(struct draw *d, const struct view part[], size_t n, uint8_t out[CHAIN_LEN])
{
	int r = chain_sum_add(d->sum, view_of(d->seed, CHAIN_LEN));

	for (size_t i = 0; !r && i < n; i++) {
		r = chain_sum_add(d->sum, part[i]);
		if (!r)
			r = chain_sum_add(d->sum, VIEW_LIT("\n"));
	}
	return r ? r : chain_sum_end(d->sum, out);
}

static int make_seed(struct draw *d)
{
	struct buf text = {0};
	uint8_t root[CHAIN_LEN];
	int r = fd_slurp(d->dir, "MANIFEST.json", MANIFEST_MAX, &text);

	if (!r)
		r = chain_sum_add(d->sum, buf_view(&text));
	if (!r)
		r = chain_sum_end(d->sum, root);
	if (!r)
		r = chain_sum_add(d->sum, view_of(root, CHAIN_LEN));
	if (!r)
		r = chain_sum_add(d->sum, d->o->nonce);
	if (!r)
		r = chain_sum_end(d->sum, d->seed);
	chain_hex(d->seed, CHAIN_LEN, d->out->seed);
	buf_free(&text);
	return r;
}

/* Keep the least hashes in order; enough that those which strata took as well do not matter. */
static void keep(struct draw *d, const uint8_t h[CHAIN_LEN], uint64_t row)
{
	size_t most = 2 * d->o->size, i = d->nleast;

	if (i == most && memcmp(h, d->least[i - 1].hash, CHAIN_LEN) >= 0)
		return;
	if (i < most)
		d->nleast++;
	else
		i--;
	for (; i && memcmp(d->least[i - 1].hash, h, CHAIN_LEN) > 0; i--)
		d->least[i] = d->least[i - 1];
	memcpy(d->least[i].hash, h, CHAIN_LEN);
	d->least[i].row = row;
}

static int first_pass(struct draw *d, const struct view cell[COLUMNS], const struct csv *all, uint64_t row)
{
	const struct view name[] = {cell[C_HOST], cell[C_SEQ], cell[C_ID]}, stratum[] = {cell[C_RISK], cell[C_HOST], view_head(cell[C_TS], 7)};
	uint8_t h[CHAIN_LEN];
	char key[256];

	(void)all;
	int n = snprintf(key, sizeof(key), "%.*s %.*s %.*s", (int)(stratum[0].n < 16 ? stratum[0].n : 16), (const char *)stratum[0].p, (int)(stratum[1].n < 64 ? stratum[1].n : 64),
	    (const char *)stratum[1].p, (int)stratum[2].n, (const char *)stratum[2].p);
	int r = hash(d, name, 3, h);
	struct stratum *s = map_get(&d->strata, view_of(key, (size_t)n));
	if (r || !s)
		return r ? r : -ENOMEM;
	if (!s->n)
		r = hash(d, stratum, 3, s->order);
	if (!s->n++ || memcmp(h, s->least, CHAIN_LEN) < 0) {
		memcpy(s->least, h, CHAIN_LEN);
		s->row = row;
	}
	keep(d, h, row);
	d->out->population++;
	return r;
}

static int by_order(const void *a, const void *b)
{
	const struct map_entry *x = *(struct map_entry *const *)a, *y = *(struct map_entry *const *)b;
	return memcmp(((const struct stratum *)x->data)->order, ((const struct stratum *)y->data)->order, CHAIN_LEN);
}

static int by_row(const void *a, const void *b)
{
	const struct sample_item *x = a, *y = b;
	return (x->row > y->row) - (x->row < y->row);
}

static void choose(struct draw *d, uint64_t row, const uint8_t h[CHAIN_LEN])
{
	for (size_t i = 0; i < d->n; i++)
		if (d->item[i].row == row)
			return;
	if (d->n == d->o->size)
		return;
	d->item[d->n].row = row;
	memcpy(d->item[d->n++].hash, h, CHAIN_LEN);
}

static int select_items(struct draw *d)
{
	struct map_entry **at = map_sorted(&d->strata);

	d->item = calloc(d->o->size, sizeof(*d->item));
	if (!d->item || (d->strata.n && !at)) {
		free(at);
		return -ENOMEM;
	}
	if (at)
		qsort(at, d->strata.n, sizeof(*at), by_order);
	for (size_t i = 0; at && i < d->strata.n; i++) {
		const struct stratum *s = (const struct stratum *)at[i]->data;
		choose(d, s->row, s->least);
	}
	for (size_t i = 0; i < d->nleast; i++)
		choose(d, d->least[i].row, d->least[i].hash);
	free(at);
	qsort(d->item, d->n, sizeof(*d->item), by_row);
	d->out->strata = d->strata.n;
	d->out->drawn = d->n;
	return 0;
}

static void cell_text(struct view v, char *out, size_t cap)
{
	run_text(out, cap, "%.*s", (int)(v.n < cap ? v.n : cap - 1), (const char *)v.p);
}

static int second_pass(struct draw *d, const struct view cell[COLUMNS], const struct csv *all, uint64_t row)
{
	static const struct sample_item none;
	const struct sample_item key = {.row = row};
	struct sample_item *s = bsearch(&key, d->item, d->n, sizeof(none), by_row);
	char number[24], name[16];

	if (!s)
		return 0;
	cell_text(cell[C_ID], s->id, sizeof(s->id));
	cell_text(cell[C_HOST], s->host, sizeof(s->host));
	cell_text(cell[C_SEQ], s->seq, sizeof(s->seq));
	cell_text(cell[C_TS], s->ts, sizeof(s->ts));
	cell_text(cell[C_GRANT], s->grant, sizeof(s->grant));
	cell_text(cell[C_POLICY], s->policy, sizeof(s->policy));
	cell_text(cell[C_SEGMENT], s->segment, sizeof(s->segment));
	cell_text(cell[C_SEAL], number, sizeof(number));
	cell_text(cell[C_RISK], name, sizeof(name));
	s->seal = strtoull(number, NULL, 10);
	run_text(s->stratum, sizeof(s->stratum), "%s %s %.7s", name, s->host, s->ts);
	const struct stratum *in = map_find(&d->strata, view_str(s->stratum));
	s->in_stratum = in ? in->n : 0;
	json_t *call = json_object();
	for (size_t i = 0; i < all->n; i++) {
		const char *title = json_string_value(json_array_get(d->titles, i));
		if (title)
			json_object_set_new(call, title, json_stringn((const char *)all->field[i].p, all->field[i].n));
	}
	s->packet = json_pack("{s:i s:I s:s s:o}", "callgate_packet", 1, "row", (json_int_t)row, "stratum", s->stratum, "call", call);
	return s->packet ? 0 : -ENOMEM;
}

static json_t *titles(const struct csv *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n; i++)
		json_array_append_new(list, json_stringn((const char *)c->field[i].p, c->field[i].n));
	return list;
}

/* Each row of the table; no cell holds a line's end. */
static int each_row(struct draw *d, int (*fn)(struct draw *d, const struct view cell[COLUMNS], const struct csv *all, uint64_t row))
{
	int fd = openat(d->dir, table, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r = fd < 0 ? -errno : 0;
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t got;

	for (uint64_t row = 0; in && !r && (got = getline(&line, &cap, in)) > 0; row++) {
		struct view cell[COLUMNS];
		struct csv c;
		csv_begin(&c, (uint8_t *)line, (size_t)got);
		if (csv_row(&c) < 1)
			r = -ERR_MALFORMED;
		if (!r && !row && !d->titles)
			d->titles = titles(&c);
		for (size_t i = 0; !r && i < COLUMNS; i++) {
			if (!row)
				d->at[i] = -1;
			for (size_t k = 0; !row && k < c.n; k++)
				if (view_is(c.field[k], column[i]))
					d->at[i] = (int)k;
			if (d->at[i] < 0 || (size_t)d->at[i] >= c.n)
				r = -ERR_MALFORMED;
			else
				cell[i] = c.field[d->at[i]];
		}
		if (!r && row)
			r = fn(d, cell, &c, row);
	}
	free(line);
	if (in)
		fclose(in);
	return r;
}

/* ---- what is written ---- */

static int put(struct draw *d, const char *path, struct view v)
{
	int fd = openat(d->samples, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	int r = fd < 0 ? -errno : fd_write_all(fd, v);

	fd_close(&fd);
	return r;
}

static int write_selection(struct draw *d)
{
	struct buf b = {0}, seed = {0};
	char hex[CHAIN_HEX];
	int r = buf_puts(&b, "number,stratum,in_stratum,row,host,seq,call_id,hash\r\n");

	for (size_t i = 0; !r && i < d->n; i++) {
		const struct sample_item *s = &d->item[i];
		chain_hex(s->hash, CHAIN_LEN, hex);
		r = buf_printf(&b, "%zu,%s,%" PRIu64 ",%" PRIu64 ",%s,%s,%s,%s\r\n", i + 1, s->stratum, s->in_stratum, s->row, s->host, s->seq, s->id, hex);
	}
	if (!r)
		r = put(d, "selection.csv", buf_view(&b));
	if (!r)
		r = buf_printf(&seed, "seed %s\nnonce %.*s\npopulation %s %" PRIu64 "\nstrata %" PRIu64 "\ndrawn %zu\n", d->out->seed, (int)d->o->nonce.n, (const char *)d->o->nonce.p, table,
		    d->out->population, d->out->strata, d->n);
	if (!r)
		r = put(d, "seed.txt", buf_view(&seed));
	buf_free(&b);
	buf_free(&seed);
	return r;
}

static int write_packets(struct draw *d)
{
	int r = mkdirat(d->samples, "packets", 0755) < 0 ? -errno : 0;

	for (size_t i = 0; !r && i < d->n; i++) {
		char path[64], *text = json_dumps(d->item[i].packet, JSON_INDENT(1) | JSON_SORT_KEYS);
		snprintf(path, sizeof(path), "packets/%zu.json", i + 1);
		r = text ? put(d, path, view_str(text)) : -ENOMEM;
		free(text);
	}
	return r;
}

static int run(struct draw *d)
{
	int r = make_seed(d), segments = -1;

	if (!r)
		r = each_row(d, first_pass);
	if (!r)
		r = select_items(d);
	if (!r)
		r = each_row(d, second_pass);
	if (!r) {
		segments = d->o->store ? open(d->o->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : openat(d->dir, "segments", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		r = segments < 0 ? -errno : sample_packets(d->dir, segments, d->item, d->n);
	}
	fd_close(&segments);
	if (!r && mkdirat(d->dir, "samples", 0755) < 0)
		r = -errno;
	if (!r && (d->samples = openat(d->dir, "samples", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		r = -errno;
	if (!r)
		r = write_selection(d);
	return r ? r : write_packets(d);
}

int sample_draw(const struct sample_opts *o, struct sample_result *out)
{
	struct draw *d = calloc(1, sizeof(*d));
	int r = d ? chain_ready() : -ENOMEM;

	*out = (struct sample_result){0};
	if (!d)
		return r;
	*d = (struct draw){.o = o, .out = out, .dir = -1, .samples = -1, .sum = chain_sum_new()};
	map_init(&d->strata, sizeof(struct stratum), STRATA_MAX);
	if (!o->size || o->size > SAMPLE_MAX || !o->nonce.n || o->nonce.n > SAMPLE_NONCE)
		r = -ERR_RANGE;
	if (!r)
		r = (d->dir = open(o->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ? -errno : d->sum ? run(d) : -ENOMEM;
	if (r)
		snprintf(out->why, sizeof(out->why), "%.150s: %s", o->bundle, r == -EEXIST ? "has samples/ already; keep it elsewhere first" : err_text(r));
	for (size_t i = 0; i < d->n; i++)
		json_decref(d->item[i].packet);
	json_decref(d->titles);
	free(d->item);
	map_free(&d->strata);
	chain_sum_free(&d->sum);
	fd_close(&d->dir);
	fd_close(&d->samples);
	free(d);
	return r;
}
