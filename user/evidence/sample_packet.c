/* sample_packet.c - what a tester needs of a drawn call: its lines as they stand, the seal, the grant's history, the policy in force, the receipt. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/receipt.h"
#include "base/fd.h"
#include "evidence/examine_internal.h"
#include "evidence/ledger.h"
#include "evidence/sample_internal.h"

enum { POLICY_MAX = 16 << 20 };

struct packets {
	int dir;
	struct sample_item *item;
	size_t n;
	const char *host;
	enum layout_trail t;
};

static json_t *text_of(struct view v)
{
	return json_stringn((const char *)v.p, v.n);
}

static void add_line(json_t *packet, const char *list, struct view line, const struct proved_at *at)
{
	char path[NAMES_MAX];
	json_t *a = json_object_get(packet, list), *raw = text_of(line);

	names_path(&at->file->names, path);
	if (!a) {
		a = json_array();
		json_object_set_new(packet, list, a);
	}
	/* A line of a host that was taken over need not be UTF-8; it is in the segment all the same. */
	json_array_append_new(a, json_pack("{s:s s:I s:I s:I s:o}", "segment_file", path + strlen("sealed/"), "member_offset", (json_int_t)at->member, "line_offset", (json_int_t)at->offset,
	    "seal_seq", (json_int_t)at->seal, "line", raw ? raw : json_null()));
}

static void audit_line(struct packets *p, const struct fields *f, struct view line, const struct proved_at *at)
{
	bool seal = fields_is(f, FLD_KIND, "seal");
	uint64_t number = seal ? fields_num(f, FLD_SEAL, 0) : 0;
	struct view id = fields_text(f, FLD_ID);

	for (size_t i = 0; i < p->n; i++) {
		struct sample_item *s = &p->item[i];
		if (strcmp(s->host, p->host) != 0)
			continue;
		if (seal && number == s->seal)
			add_line(s->packet, "seal", line, at);
		else if (id.n && view_is(id, s->id))
			add_line(s->packet, "lines", line, at);
	}
}

static void journal_line_of(struct packets *p, const struct fields *f, struct view line, const struct proved_at *at)
{
	json_t *e;
	const char *id, *hash;

	if (!fields_is(f, FLD_KIND, "journal") || !(e = json_loadb((const char *)line.p, line.n, 0, NULL)))
		return;
	id = json_string_value(json_object_get(e, "id"));
	hash = json_string_value(json_object_get(e, "hash"));
	for (size_t i = 0; i < p->n; i++) {
		struct sample_item *s = &p->item[i];
		if (strcmp(s->host, p->host) != 0)
			continue;
		if (id && *s->grant && strcmp(id, s->grant) == 0)
			add_line(s->packet, "grant", line, at);
		if (hash && *s->policy && strcmp(hash, s->policy) == 0 && fields_is(f, FLD_EVENT, "policy.apply"))
			add_line(s->packet, "policy", line, at);
	}
	json_decref(e);
}

static int on_line(void *arg, struct view line, const struct proved_at *at)
{
	struct packets *p = arg;
	struct fields f;

	if (fields_read(&f, line))
		return 0;
	if (p->t == LAYOUT_AUDIT)
		audit_line(p, &f, line, at);
	else
		journal_line_of(p, &f, line, at);
	return 0;
}

static void put_text(json_t *packet, const char *member, int dir, const char *path, size_t max)
{
	struct buf b = {0};

	if (fd_slurp(dir, path, max, &b) == 0) {
		json_t *t = text_of(buf_view(&b));
		if (t)
			json_object_set_new(packet, member, t);
	}
	buf_free(&b);
}

static void from_files(struct packets *p, struct sample_item *s)
{
	char path[BUNDLE_PATH];
	struct names n;

	snprintf(path, sizeof(path), "policies/%.64s.json", s->policy);
	if (layout_policy(path + strlen("policies/")))
		put_text(s->packet, "policy_text", p->dir, path, POLICY_MAX);
	if (!layout_segment(s->segment, &n))
		return;
	snprintf(path, sizeof(path), "integrity/receipts/%s/audit/%.190s.receipt", n.host, s->segment);
	put_text(s->packet, "receipt", p->dir, path, RECEIPT_MAX);
}

/* ---- the collector's log ---- */

struct leaves {
	struct examine c; /* first: examine_rows() hands it on */
	struct packets *p;
	uint8_t (*hash)[CHAIN_LEN];
	uint64_t n, cap;
	struct buf scratch;
};

static int take_leaf(struct examine *c, const struct view cell[])
{
	struct leaves *l = (struct leaves *)c;

	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 1024;
		void *at = reallocarray(l->hash, l->cap, CHAIN_LEN);
		if (!at)
			return -ENOMEM;
		l->hash = at;
	}
	for (size_t i = 0; i < l->p->n; i++)
		if (view_is(cell[LEDGER_SEGMENT], l->p->item[i].segment) && view_is(cell[LEDGER_TRAIL], "audit"))
			json_object_set_new(l->p->item[i].packet, "log", json_pack("{s:I s:[]}", "index", (json_int_t)l->n, "path"));
	return ledger_leaf(cell, &l->scratch, l->hash[l->n++]);
}

static void put_hash(void *arg, const uint8_t hash[CHAIN_LEN])
{
	char hex[CHAIN_HEX];

	chain_hex(hash, CHAIN_LEN, hex);
	json_array_append_new(json_object_get(arg, "path"), json_string(hex));
}

static void no_word(void *arg, bool good, const char *text)
{
	(void)arg;
	(void)good;
	(void)text;
}

/* From the leaf of an item's segment up to the root that the collector signed: RFC 6962. */
static int log_paths(struct packets *p)
{
	const struct examine_opts quiet = {.say = no_word};
	struct examine_result res = {0};
	struct leaves l = {.c = {.o = &quiet, .v = &res, .dir = p->dir}, .p = p};
	int r = examine_rows(&l.c, sheets[SH_LOG].path, ledger_columns, LEDGER_CELLS, take_leaf);

	for (size_t i = 0; !r && i < p->n; i++) {
		json_t *log = json_object_get(p->item[i].packet, "log");
		char hex[CHAIN_HEX];
		if (!log)
			continue;
		uint64_t index = (uint64_t)json_integer_value(json_object_get(log, "index"));
		chain_hex(l.hash[index], CHAIN_LEN, hex);
		json_object_set_new(log, "leaf_hash", json_string(hex));
		json_object_set_new(log, "size", json_integer((json_int_t)l.n));
		r = ledger_path((const uint8_t (*)[CHAIN_LEN])l.hash, l.n, index, put_hash, log);
		put_text(p->item[i].packet, "log_checkpoint", p->dir, "integrity/log/checkpoint", NOTE_MAX);
	}
	free(l.hash);
	buf_free(&l.scratch);
	return r;
}

int sample_packets(int dir, int segments, struct sample_item *item, size_t n)
{
	struct packets p = {.dir = dir, .item = item, .n = n};
	const struct proved_calls calls = {.line = on_line, .arg = &p, .chain_only = true};
	const struct enrol none = {0};
	struct proved_result out;
	int r = 0;

	/* A host's trails once, however many of its calls were drawn. */
	for (size_t i = 0; !r && i < n; i++) {
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again |= strcmp(item[k].host, item[i].host) == 0;
		if (again || !layout_host(item[i].host))
			continue;
		p.host = item[i].host;
		for (p.t = 0; !r && p.t < LAYOUT_TRAILS; p.t++)
			r = proved_read(segments, p.t, p.host, &none, NULL, NULL, &calls, &out);
	}
	for (size_t i = 0; i < n; i++)
		from_files(&p, &item[i]);
	return r ? r : log_paths(&p);
}
