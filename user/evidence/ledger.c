/* ledger.c - see ledger.h, and the part of the export that writes it. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/receipt.h"
#include "base/err.h"
#include "base/fd.h"
#include "evidence/ledger.h"
#include "evidence/run.h"
#include "fleet/tlog.h"

const char *const ledger_columns[LEDGER_CELLS] = {"host", "trail", "segment_file", "sha256", "first", "last", "received"};

int ledger_leaf(const struct view cell[LEDGER_CELLS], struct buf *b, uint8_t out[CHAIN_LEN])
{
	static const char *const word[LEDGER_CELLS] = {"host", "trail", "segment", "sha256", "first", "last", "received"};
	int r;

	buf_reset(b);
	r = buf_puts(b, "callgate-receipt/v1\n");
	for (size_t i = 0; !r && i < LEDGER_CELLS; i++)
		r = buf_printf(b, "%s " VIEW_FMT "\n", word[i], VIEW_ARG(cell[i]));
	return r ? r : tlog_hash_leaf(buf_view(b), out);
}

int ledger_add(struct ledger_tree *t, const uint8_t leaf[CHAIN_LEN])
{
	uint8_t h[CHAIN_LEN];
	unsigned l = 0;
	int r = 0;

	memcpy(h, leaf, CHAIN_LEN);
	/* Every whole subtree on the left of the same height makes one of the next. */
	for (; !r && t->size >> l & 1; l++) {
		uint8_t both[CHAIN_LEN];
		r = tlog_hash_node(t->root[l], h, both);
		memcpy(h, both, CHAIN_LEN);
	}
	memcpy(t->root[l], h, CHAIN_LEN);
	t->size++;
	return r;
}

int ledger_root(const struct ledger_tree *t, uint8_t out[CHAIN_LEN])
{
	bool any = false;
	int r = 0;

	for (unsigned l = 0; !r && l < 64; l++) {
		uint8_t both[CHAIN_LEN];
		if (!(t->size >> l & 1))
			continue;
		if (any)
			r = tlog_hash_node(t->root[l], out, both);
		memcpy(out, any ? both : t->root[l], CHAIN_LEN);
		any = true;
	}
	return any ? r : -ERR_RANGE;
}

static int root_of(const uint8_t (*leaf)[CHAIN_LEN], uint64_t n, uint8_t out[CHAIN_LEN])
{
	struct ledger_tree t = {0};
	int r = 0;

	for (uint64_t i = 0; !r && i < n; i++)
		r = ledger_add(&t, leaf[i]);
	return r ? r : ledger_root(&t, out);
}

int ledger_path(const uint8_t (*leaf)[CHAIN_LEN], uint64_t n, uint64_t index, void (*fn)(void *arg, const uint8_t hash[CHAIN_LEN]), void *arg)
{
	uint8_t side[CHAIN_LEN];
	uint64_t k = 1;

	if (n < 2)
		return 0;
	while (2 * k < n)
		k *= 2;
	bool left = index < k;
	int r = left ? ledger_path(leaf, k, index, fn, arg) : ledger_path(leaf + k, n - k, index - k, fn, arg);
	if (!r)
		r = left ? root_of(leaf + k, n - k, side) : root_of(leaf, k, side);
	if (!r)
		fn(arg, side);
	return r;
}

int ledger_checkpoint(struct view text, const uint8_t key[SIGN_PUBLIC], struct ledger_checkpoint *out)
{
	char line[3][NOTE_NAME], *end;
	uint8_t raw[CHAIN_LEN + 2];
	struct view v = text;

	for (size_t i = 0; i < 3; i++) {
		const uint8_t *nl = v.n ? memchr(v.p, '\n', v.n) : NULL;
		size_t n = nl ? (size_t)(nl - v.p) : 0;
		if (!n || n >= NOTE_NAME)
			return -ERR_MALFORMED;
		memcpy(line[i], v.p, n);
		line[i][n] = '\0';
		v = view_skip(v, n + 1);
	}
	errno = 0;
	out->size = strtoull(line[1], &end, 10);
	if (errno || *end || strlen(line[2]) != 44 || EVP_DecodeBlock(raw, (const uint8_t *)line[2], 44) < CHAIN_LEN)
		return -ERR_MALFORMED;
	memcpy(out->root, raw, CHAIN_LEN);
	memcpy(out->origin, line[0], NOTE_NAME);
	return note_signed(text, out->origin, key) ? 0 : -ERR_CORRUPT;
}

/* ---- export ---- */

static int row(void *arg, uint64_t index, struct view leaf)
{
	struct run *r = arg;
	struct bundle *b = r->b;
	struct buf text = {0};
	struct receipt seen;
	char sha[CHAIN_HEX];

	/* A leaf is the text of a receipt up to its signature; an empty line makes it one that can be read. */
	int e = buf_put(&text, leaf);
	if (!e)
		e = buf_puts(&text, "\n");
	if (!e)
		e = receipt_read(buf_view(&text), &seen);
	buf_free(&text);
	if (e)
		return e;
	chain_hex(seen.sha256, CHAIN_LEN, sha);
	row_num(b, SH_LOG, index);
	row_str(b, SH_LOG, seen.names.host);
	row_str(b, SH_LOG, seen.trail);
	row_str(b, SH_LOG, seen.segment);
	row_str(b, SH_LOG, sha);
	row_num(b, SH_LOG, seen.names.first);
	row_num(b, SH_LOG, seen.names.last);
	row_str(b, SH_LOG, seen.received);
	row_end(b, SH_LOG, seen.received);
	return bundle_err(b);
}

void ledger_write(struct run *r)
{
	struct buf text = {0};
	uint64_t size = 0;
	int dir = openat(r->store, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int e = dir < 0 ? -errno : fd_slurp(dir, "checkpoint", NOTE_MAX, &text);

	if (!e) {
		struct view v = buf_view(&text);
		const uint8_t *nl = memchr(v.p, '\n', v.n);
		size = nl ? strtoull((const char *)nl + 1, NULL, 10) : 0;
		e = tlog_each(dir, size, row, r);
	}
	if (!e)
		bundle_put(r->b, "integrity/log/checkpoint", buf_view(&text));
	/* A store that was not filled by ingest has none. */
	else if (e != -ENOENT)
		bundle_fail(r->b, e, sheets[SH_LOG].path);
	buf_free(&text);
	fd_close(&dir);
}
