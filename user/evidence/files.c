/*
 * files.c - what is taken over from the store as it stands: segments, receipts, checkpoints, texts of policies; and what ingest kept out.
 * The public halves of the hosts' keys go along, never the seal keys: who has one of those can make seals.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/keys.h"
#include "audit/receipt.h"
#include "base/err.h"
#include "base/fd.h"
#include "evidence/files.h"

enum { DOC_MAX = 16 << 20, REASON_MAX = 4096 };

/* Names below ${path} with that ending, sorted: the order of a directory is no one's. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int files_each(int store, const char *path, const char *ending, void (*fn)(struct host *h, int dir, const char *name, void *arg), struct host *h, void *arg)
{
	struct dirent **list = NULL;
	int fd = openat(store, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int n = fd < 0 ? -errno : scandirat(fd, ".", &list, NULL, by_name);

	for (int i = 0; i < n; i++) {
		size_t len = strlen(list[i]->d_name), end = strlen(ending);
		if (len > end && list[i]->d_name[0] != '.' && strcmp(list[i]->d_name + len - end, ending) == 0)
			fn(h, fd, list[i]->d_name, arg);
		free(list[i]);
	}
	free(list);
	fd_close(&fd);
	return n == -ENOENT || n >= 0 ? 0 : n;
}

/* ---- quarantine ---- */

/* Files of one part of a host that were kept out for the same reason are one finding. */
struct refusals {
	uint64_t n;
	char file[NAMES_MAX], time[64]; /* of the first */
};

static void refusals_tell(struct host *h, const char *part)
{
	for (struct map_entry *e = h->refused.first; e; e = e->next) {
		const struct refusals *s = (const struct refusals *)e->data;
		const char *code = (const char *)e->key.p;
		if (s->n == 1)
			run_finding(h->run, "quarantined", SH_QUARANTINE, h->name, s->file, s->time, "", "%s", code);
		else
			run_finding(h->run, "quarantined", SH_QUARANTINE, h->name, s->file, s->time, "", "%s: %llu files of %s, this is the first", code, (unsigned long long)s->n, part);
	}
	map_free(&h->refused);
}

static void reason(struct host *h, int dir, const char *name, void *trail)
{
	struct bundle *b = h->run->b;
	struct buf text = {.max = REASON_MAX};
	char file[NAMES_MAX];
	struct names n = {0};
	int r = fd_slurp(dir, name, REASON_MAX, &text);
	json_t *o = r ? NULL : json_loadb((const char *)buf_view(&text).p, text.len, 0, NULL);

	run_text(file, sizeof(file), "%.*s", (int)(strlen(name) - strlen(".reason")), name);
	bool segment = layout_segment(file, &n) && strcmp(n.host, h->name) == 0;
	struct quarantined *at = reallocarray(h->held, h->quarantined + 1, sizeof(*at));
	if (at) {
		h->held = at;
		h->held[h->quarantined++] = (struct quarantined){segment ? n.first : 0, segment ? n.last : 0};
	}
	const char *code = json_string_value(json_object_get(o, "reason")), *time = json_string_value(json_object_get(o, "time"));
	row_str(b, SH_QUARANTINE, h->name);
	row_str(b, SH_QUARANTINE, trail);
	row_str(b, SH_QUARANTINE, file);
	row_str(b, SH_QUARANTINE, code);
	row_str(b, SH_QUARANTINE, time);
	row_str(b, SH_QUARANTINE, json_string_value(json_object_get(o, "words")));
	row_end(b, SH_QUARANTINE, time);
	struct refusals *sum = map_get(&h->refused, view_str(code ? code : "no reason is given"));
	if (sum && !sum->n++) {
		run_text(sum->file, sizeof(sum->file), "%s", file);
		run_text(sum->time, sizeof(sum->time), "%s", time ? time : "");
	}
	json_decref(o);
	buf_free(&text);
}

const char *files_quarantined(struct host *h, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < h->quarantined; i++)
		if (h->held[i].first && h->held[i].first <= to && h->held[i].last >= from)
			return "quarantined";
	return NULL;
}

void files_host(struct host *h)
{
	char path[LAYOUT_PATH];
	static const char *const sub[] = {"audit", "journal", "policies"};

	map_init(&h->refused, sizeof(struct refusals), 1000);
	for (size_t i = 0; i < sizeof(sub) / sizeof(*sub); i++) {
		snprintf(path, sizeof(path), "quarantine/host=%s/%s", h->name, sub[i]);
		int r = files_each(h->run->store, path, ".reason", reason, h, (void *)(uintptr_t)sub[i]);
		if (r)
			bundle_fail(h->run->b, r, path);
		refusals_tell(h, sub[i]);
	}
}

/* ---- segments and their receipts ---- */

static const char *receipt(struct host *h, const struct proved_segment *s, const char *name)
{
	char path[LAYOUT_PATH], to[BUNDLE_PATH], hex[CHAIN_HEX];
	struct run *r = h->run;
	struct buf text = {.max = RECEIPT_MAX};
	struct receipt seen;
	const char *result = "good";

	layout_receipt_path(h->trail, h->name, name, path);
	int e = fd_slurp(r->store, path, RECEIPT_MAX, &text);
	if (e == -ENOENT) {
		result = "missing";
	} else if (e || !r->collector[0]) {
		result = e ? "unreadable" : "no collector key";
	} else if (receipt_verify(buf_view(&text), view_str(r->collector), &seen)) {
		result = "not signed by the collector";
	} else {
		chain_hex(seen.sha256, CHAIN_LEN, hex);
		if (strcmp(hex, s->sha256) != 0 || strcmp(seen.segment, name) != 0)
			result = "of another file";
		else if (strcmp(seen.received, s->last_ts) < 0)
			result = "older than its lines";
	}
	if (!e) {
		snprintf(to, sizeof(to), "integrity/receipts/%s/%s/%s.receipt", h->name, layout_trail(h->trail), name);
		bundle_put(r->b, to, buf_view(&text));
	}
	if (strcmp(result, "good") != 0 && r->collector[0]) {
		row_str(r->b, SH_RECEIPTS, h->name);
		row_str(r->b, SH_RECEIPTS, layout_trail(h->trail));
		row_str(r->b, SH_RECEIPTS, name);
		row_str(r->b, SH_RECEIPTS, e ? "no" : "yes");
		row_str(r->b, SH_RECEIPTS, "");
		row_str(r->b, SH_RECEIPTS, result);
		row_end(r->b, SH_RECEIPTS, s->last_ts);
		run_finding(r, "receipt", SH_RECEIPTS, h->name, name, s->first_ts, s->last_ts, "the receipt of a segment: %s", result);
	}
	buf_free(&text);
	return result;
}

void files_segment(struct host *h, const struct proved_segment *s)
{
	struct run *r = h->run;
	char path[NAMES_MAX], to[BUNDLE_PATH], from[LAYOUT_PATH];

	names_path(&s->file->names, path);
	const char *name = path + strlen("sealed/");
	const char *word = receipt(h, s, name);
	row_str(r->b, SH_SEGMENTS, h->name);
	row_str(r->b, SH_SEGMENTS, layout_trail(h->trail));
	row_str(r->b, SH_SEGMENTS, name);
	row_str(r->b, SH_SEGMENTS, s->sha256);
	row_num(r->b, SH_SEGMENTS, s->bytes);
	row_num(r->b, SH_SEGMENTS, s->lines);
	row_num(r->b, SH_SEGMENTS, s->seals);
	row_str(r->b, SH_SEGMENTS, s->first_ts);
	row_str(r->b, SH_SEGMENTS, s->last_ts);
	row_str(r->b, SH_SEGMENTS, word);
	row_end(r->b, SH_SEGMENTS, NULL);
	h->segments++;
	map_get(&h->segments_seen[h->trail], view_str(name));
	if (r->o->no_segments)
		return;
	layout_segment_path(h->trail, h->name, s->file->date, name, from);
	snprintf(to, sizeof(to), "segments/%.380s", from);
	bundle_copy(r->b, to, r->store, from);
}

/* A receipt of the period whose file the store does not have. */
static void orphan(struct host *h, int dir, const char *name, void *arg)
{
	struct run *r = h->run;
	enum layout_trail t = *(enum layout_trail *)arg;
	char segment[NAMES_MAX];
	struct buf text = {.max = RECEIPT_MAX};
	struct receipt seen;

	run_text(segment, sizeof(segment), "%.*s", (int)(strlen(name) - strlen(RECEIPT_SUFFIX)), name);
	if (map_find(&h->segments_seen[t], view_str(segment)))
		return;
	if (fd_slurp(dir, name, RECEIPT_MAX, &text) == 0 && receipt_verify(buf_view(&text), view_str(r->collector), &seen) == 0 &&
	    strcmp(seen.received, r->from) >= 0 && strcmp(seen.received, r->to) < 0) {
		row_str(r->b, SH_RECEIPTS, h->name);
		row_str(r->b, SH_RECEIPTS, layout_trail(t));
		row_str(r->b, SH_RECEIPTS, segment);
		row_str(r->b, SH_RECEIPTS, "yes");
		row_str(r->b, SH_RECEIPTS, seen.received);
		row_str(r->b, SH_RECEIPTS, "the file is gone");
		row_end(r->b, SH_RECEIPTS, seen.received);
		run_finding(r, "receipt", SH_RECEIPTS, h->name, segment, seen.received, "", "the collector had this file and the store does not have it any more");
	}
	buf_free(&text);
}

/* ---- checkpoints and public keys ---- */

/* Of each day the last: it stands for those before. */
struct last_note {
	enum layout_trail t;
	char date[LAYOUT_DATE], to[BUNDLE_PATH];
	struct buf text;
};

static void note_put(struct host *h, struct last_note *last)
{
	if (last->date[0])
		bundle_put(h->run->b, last->to, buf_view(&last->text));
}

static void note(struct host *h, int dir, const char *name, void *arg)
{
	struct last_note *last = arg;
	struct layout_note at;
	struct buf text = {.max = NOTE_MAX};
	struct note n;

	if (layout_note(name, &at) && strcmp(at.host, h->name) == 0 && fd_slurp(dir, name, NOTE_MAX, &text) == 0 && note_read(buf_view(&text), &n) == 0 &&
	    strcmp(n.time, h->run->from) >= 0 && strcmp(n.time, h->run->to) < 0) {
		if (strncmp(n.time, last->date, LAYOUT_DATE - 1) != 0)
			note_put(h, last);
		run_text(last->date, sizeof(last->date), "%s", n.time);
		snprintf(last->to, sizeof(last->to), "integrity/checkpoints/%s/%s/%s", h->name, layout_trail(last->t), name);
		buf_free(&last->text);
		last->text = text;
		return;
	}
	buf_free(&text);
}

static void public_keys(struct host *h, enum layout_trail t)
{
	struct view v = buf_view(&h->enrol.keys[t]);
	char to[BUNDLE_PATH], pem[FILES_PEM];

	while (v.n) {
		const uint8_t *nl = memchr(v.p, '\n', v.n);
		struct view line = view_head(v, nl ? (size_t)(nl - v.p) : v.n);
		struct keys_export k;
		v = view_skip(v, line.n + 1);
		if (!line.n || keys_parse(line, &k))
			continue;
		files_pem(k.public, pem);
		snprintf(to, sizeof(to), "integrity/keys/%s/%s/%s.pem", h->name, layout_trail(t), k.id);
		OPENSSL_cleanse(&k, sizeof(k));
		bundle_put(h->run->b, to, view_str(pem));
	}
}

void files_host_end(struct host *h)
{
	char path[LAYOUT_PATH];

	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++) {
		struct last_note last = {.t = t};
		snprintf(path, sizeof(path), "checkpoints/host=%s/%s", h->name, layout_trail(t));
		int r = files_each(h->run->store, path, ".note", note, h, &last);
		note_put(h, &last);
		buf_free(&last.text);
		snprintf(path, sizeof(path), "receipts/host=%s/%s", h->name, layout_trail(t));
		if (!r && h->run->collector[0])
			r = files_each(h->run->store, path, RECEIPT_SUFFIX, orphan, h, &t);
		if (r)
			bundle_fail(h->run->b, r, path);
		public_keys(h, t);
	}
}

/* ---- texts of policies ---- */

static char *tools_of(struct view text)
{
	json_t *doc = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL), *v;
	const char *name, *other = json_string_value(json_object_get(doc, "default"));
	struct buf out = {.max = 1 << 16};

	/* What does not fit is left out with the cell's end; the document is beside it. */
	json_object_foreach(json_object_get(doc, "tools"), name, v)
		if (buf_printf(&out, "%s ", name))
			break;
	if (buf_printf(&out, "(default %s)", other ? other : "deny"))
		buf_reset(&out);
	json_decref(doc);
	char *s = strndup((const char *)buf_view(&out).p, out.len);
	buf_free(&out);
	return s;
}

void files_document(struct run *r, const char *hash, struct view text)
{
	struct policy *p = map_find(&r->policies, view_str(hash));
	struct chain_sum *s = chain_sum_new();
	uint8_t sum[CHAIN_LEN];
	char hex[CHAIN_HEX] = "", to[BUNDLE_PATH];

	if (s && !chain_sum_add(s, text) && !chain_sum_end(s, sum))
		chain_hex(sum, CHAIN_LEN, hex);
	chain_sum_free(&s);
	if (!p || p->text || strcmp(hex, hash) != 0)
		return;
	p->text = true;
	p->tools = tools_of(text);
	snprintf(to, sizeof(to), "policies/%s.json", hash);
	bundle_put(r->b, to, text);
}

/* Those that no journal has in full, from the store's own directory. */
void files_end(struct run *r)
{
	for (struct map_entry *e = r->policies.first; e; e = e->next) {
		struct policy *p = (struct policy *)e->data;
		char path[LAYOUT_PATH], name[80];
		struct buf text = {0};
		run_text(name, sizeof(name), "%s.json", (const char *)e->key.p);
		if (p->text || !layout_policy(name))
			continue;
		snprintf(path, sizeof(path), "policies/%s", name);
		if (fd_slurp(r->store, path, DOC_MAX, &text) == 0)
			files_document(r, (const char *)e->key.p, buf_view(&text));
		buf_free(&text);
	}
}
