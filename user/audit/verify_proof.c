/* verify_proof.c - what a verifier knows from elsewhere: keys of seals, checkpoints. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/receipt.h"
#include "audit/verify_internal.h"
#include "base/err.h"
#include "base/fd.h"

enum { KEYS_MAX = 1 << 20 };

int proof_keys(struct check *c, struct view v)
{
	while (v.n) {
		const uint8_t *nl = memchr(v.p, '\n', v.n);
		struct view line = view_head(v, nl ? (size_t)(nl - v.p) : v.n);
		v = view_skip(v, line.n + 1);
		if (!line.n)
			continue;
		if (c->nkeys == VERIFY_KEYS)
			return -ERR_TOO_LONG;
		if (keys_parse(line, &c->keys[c->nkeys]))
			return -ERR_MALFORMED;
		c->at[c->nkeys++] = 0;
	}
	return 0;
}

static bool ends(const char *name, const char *with)
{
	size_t n = strlen(name), w = strlen(with);
	return n > w && strcmp(name + n - w, with) == 0;
}

/* Every file of ${sub} with that ending, in no order.  A directory that is not there is empty. */
static int each(struct check *c, const char *sub, const char *ending, int (*fn)(struct check *c, const char *path, struct view text))
{
	int fd = openat(c->dir, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		int e = errno;
		fd_close(&fd);
		return e == ENOENT || e == EACCES ? 0 : -e;
	}
	for (struct dirent *e; !r && (e = readdir(d));) {
		char path[NAMES_MAX + 64];
		struct buf b = {.max = KEYS_MAX};
		if (!ends(e->d_name, ending))
			continue;
		snprintf(path, sizeof(path), "%s/%.200s", sub, e->d_name);
		if (fd_slurp(c->dir, path, KEYS_MAX, &b) == 0)
			r = fn(c, path, buf_view(&b));
		buf_wipe(&b);
		buf_free(&b);
	}
	closedir(d);
	return r;
}

static int own_key(struct check *c, const char *path, struct view text)
{
	(void)path;
	return proof_keys(c, text);
}

static int take_note(struct check *c, const char *path, struct view text)
{
	struct verify_note *at = reallocarray(c->notes, c->nnotes + 1, sizeof(*at));

	if (!at)
		return -ENOMEM;
	c->notes = at;
	at += c->nnotes;
	*at = (struct verify_note){0};
	if (note_read(text, &at->n))
		return -ERR_MALFORMED;
	for (size_t i = 0; i < c->nkeys; i++)
		if (strcmp(c->keys[i].id, at->n.key_id) == 0)
			at->signed_by |= note_signed(text, c->keys[i].name, c->keys[i].public);
	snprintf(at->file, sizeof(at->file), "%.190s", path);
	c->nnotes++;
	return 0;
}

static bool have_key(const struct check *c, const char *id)
{
	for (size_t i = 0; i < c->nkeys; i++)
		if (strcmp(c->keys[i].id, id) == 0)
			return true;
	return false;
}

static int by_size(const void *a, const void *b)
{
	const struct verify_note *x = a, *y = b;
	return x->n.size < y->n.size ? -1 : x->n.size > y->n.size;
}

int proof_load(struct check *c)
{
	struct buf b = {.max = NOTE_MAX};

	int r = proof_keys(c, c->opts->keys);
	if (!r && !c->nkeys)
		r = each(c, "keys", ".json", own_key);
	if (!r && c->opts->anchor.n)
		r = take_note(c, "the given checkpoint", c->opts->anchor);
	if (r)
		return r;
	/* Before the files are listed: what a live writer adds later is no concern of this one. */
	if (fd_slurp(c->dir, "checkpoint", NOTE_MAX, &b) == 0)
		r = take_note(c, "checkpoint", buf_view(&b));
	buf_reset(&b);
	if (!r && c->opts->second && fd_slurp(c->opts->second, "checkpoint", NOTE_MAX, &b) == 0)
		r = take_note(c, "the second directory's checkpoint", buf_view(&b));
	buf_free(&b);
	if (!r)
		r = each(c, "checkpoints", ".note", take_note);
	if (r == -ERR_MALFORMED)
		r = check_bad(c, "a checkpoint of the directory is not whole");
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->nnotes; i++)
		if (!c->notes[i].signed_by && have_key(c, c->notes[i].n.key_id))
			check_bad(c, "%s: its signature is not that of this stream's key", c->notes[i].file);
	check_lost_end(c, 0);
	if (c->nnotes)
		qsort(c->notes, c->nnotes, sizeof(*c->notes), by_size);
	return 0;
}

void proof_free(struct check *c)
{
	OPENSSL_cleanse(c->keys, sizeof(c->keys));
	OPENSSL_cleanse(c->run, sizeof(c->run));
	free(c->notes);
	c->notes = NULL;
}

int proof_mac(struct check *c, const char *key_id, uint64_t seal, struct view text, const uint8_t mac[MAC_LEN])
{
	uint8_t want[MAC_LEN];
	size_t i = 0;

	while (i < c->nkeys && strcmp(c->keys[i].id, key_id) != 0)
		i++;
	if (i == c->nkeys)
		return -ERR_NOT_FOUND;
	/* A number that no stream reaches must not keep the verifier busy for ever. */
	if (seal < c->keys[i].first || seal - c->keys[i].first > 1ull << 32)
		return 0;
	if (!c->at[i] || seal < c->at[i]) {
		memcpy(c->run[i], c->keys[i].key, MAC_LEN);
		c->at[i] = c->keys[i].first;
	}
	/* Nor one that is far from where the lines are. */
	if (seal - c->at[i] > c->seq + 1 + (1u << 20))
		return 0;
	if (mac_evolve(c->run[i], seal - c->at[i]))
		return -ENOMEM;
	c->at[i] = seal;
	int r = mac_of(c->run[i], text, want);
	return r ? r : mac_same(want, mac);
}

static const char *text_in(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

int proof_receipt(struct check *c, const json_t *o)
{
	struct receipt p = {.trail = "audit"}, got;
	struct buf b = {.max = RECEIPT_MAX};
	struct view keys = c->opts->collectors;
	int r = 0;

	snprintf(p.segment, sizeof(p.segment), "%s", text_in(o, "name"));
	snprintf(p.received, sizeof(p.received), "%s", text_in(o, "received"));
	snprintf(p.collector, sizeof(p.collector), "%s", text_in(o, "collector"));
	snprintf(p.signature, sizeof(p.signature), "%s", text_in(o, "receipt"));
	if (chain_unhex(view_str(text_in(o, "sha256")), p.sha256, CHAIN_LEN) || receipt_again(&p, &b))
		keys.n = 0;
	while (!r && keys.n) {
		const uint8_t *nl = memchr(keys.p, '\n', keys.n);
		struct view key = view_head(keys, nl ? (size_t)(nl - keys.p) : keys.n);
		keys = view_skip(keys, key.n + 1);
		r = receipt_verify(buf_view(&b), key, &got) == 0 && got.names.last == (uint64_t)json_integer_value(json_object_get(o, "upto")) &&
		    strcmp(got.names.host, c->host ? c->host : "") == 0;
	}
	buf_free(&b);
	return r;
}

/* Why does the stream not stand where a checkpoint says?  NULL: it does, or the place is in what is lost anyway, or before the first line. */
static const char *contradicts(const struct check *c, const struct note *n)
{
	if (n->size < c->v->first || n->size <= c->lost_to)
		return NULL;
	if (n->size != c->seq)
		return "a seal that is not there";
	if (memcmp(n->head, c->chain.head, CHAIN_LEN) != 0 || n->seal != c->seal || memcmp(n->mac, c->mac, MAC_LEN) != 0)
		return "another chain";
	return NULL;
}

void proof_notes(struct check *c)
{
	for (; c->next_note < c->nnotes && c->notes[c->next_note].n.size <= c->seq; c->next_note++) {
		const struct verify_note *n = &c->notes[c->next_note];
		const char *why = contradicts(c, &n->n);
		if (why) {
			if (!c->v->bad)
				c->v->cause = VERIFY_NOTE;
			check_bad(c, "%s names %s at line %" PRIu64 ": lines were written anew", n->file, why, n->n.size);
			check_lost_end(c, c->seq);
		} else if (n->n.size == c->seq && c->lost_to < c->seq) {
			c->v->notes++;
			c->v->signatures += n->signed_by;
		}
	}
}

void proof_end(struct check *c)
{
	if (c->next_note >= c->nnotes)
		return;
	const struct verify_note *n = &c->notes[c->nnotes - 1];
	c->names = NULL;
	if (!c->v->bad)
		snprintf(c->v->file, sizeof(c->v->file), "%s", n->file);
	check_bad(c, "lines %" PRIu64 " to %" PRIu64 " are missing at the end: %s names them", c->proven + 1, n->n.size, n->file);
	check_lost_end(c, n->n.size);
}
