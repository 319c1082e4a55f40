/* record.c - see record.h. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/receipt.h"
#include "base/err.h"
#include "base/fd.h"
#include "fleet/collector.h"
#include "fleet/put.h"
#include "fleet/record.h"
#include "fleet/tlog.h"

struct record {
	int store, dir; /* the store is borrowed; log/ */
	char name[NOTE_NAME];
	uint8_t seed[SIGN_SEED];
	struct tlog *log;
	struct buf leaves[TLOG_TILE]; /* added since the last commit */
	size_t n;
};

static bool receipt_path(struct view leaf, struct buf *text, char path[LAYOUT_PATH])
{
	struct receipt r;

	/* As receipt_read() wants it: with the line that ends the text. */
	if (buf_put(text, leaf) || buf_puts(text, "\n") || receipt_read(buf_view(text), &r))
		return false;
	buf_truncate(text, leaf.n);
	layout_receipt_path((enum layout_trail)layout_trail_find(r.trail), r.names.host, r.segment, path);
	return true;
}

/* The receipt that ${leaf} stands for, unless it is there. */
static int give(struct record *r, struct view leaf)
{
	struct buf text = {.max = RECEIPT_MAX};
	char path[LAYOUT_PATH];
	int e = receipt_path(leaf, &text, path) ? 0 : -ERR_CORRUPT;

	if (!e && faccessat(r->store, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		e = note_sign(r->name, r->seed, 0, &text);
		if (!e)
			e = put_dirs(r->store, path, 0755);
		if (!e)
			e = put_file(r->store, path, buf_view(&text), 0444);
	}
	buf_free(&text);
	return e;
}

static int catch_up(struct record *r)
{
	uint64_t size = tlog_size(r->log), i = size > TLOG_TILE ? size - TLOG_TILE : 0;
	int e = 0;

	for (; !e && i < size; i++) {
		struct buf leaf = {0};
		e = tlog_leaf(r->dir, size, i, &leaf);
		if (!e)
			e = give(r, buf_view(&leaf));
		buf_free(&leaf);
	}
	return e;
}

int record_open(int store, struct record **out)
{
	struct record *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->store = store;
	r->dir = openat(store, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int e = r->dir < 0 ? -errno : collector_name(store, r->name);
	if (!e)
		e = collector_seed(store, r->seed);
	if (!e)
		e = tlog_open(r->dir, r->name, r->seed, &r->log);
	if (!e)
		e = catch_up(r);
	if (e)
		record_free(&r);
	*out = r;
	return e;
}

void record_free(struct record **rp)
{
	struct record *r = *rp;

	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		buf_free(&r->leaves[i]);
	tlog_free(&r->log);
	fd_close(&r->dir);
	OPENSSL_cleanse(r, sizeof(*r));
	free(r);
	*rp = NULL;
}

int record_add(struct record *r, const char *host, const struct state_piece *p)
{
	struct receipt rec = {0};
	struct buf text = {.max = RECEIPT_MAX};
	char path[LAYOUT_PATH], now[WALL_TEXT];

	if (r->n == TLOG_TILE)
		return -ENOBUFS;
	layout_receipt_path(p->trail, host, p->name, path);
	if (faccessat(r->store, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	wall_text(wall_now(), now);
	snprintf(rec.trail, sizeof(rec.trail), "%s", layout_trail(p->trail));
	snprintf(rec.segment, sizeof(rec.segment), "%s", p->name);
	memcpy(rec.sha256, p->sha256, CHAIN_LEN);
	snprintf(rec.received, sizeof(rec.received), "%s", now);
	int e = receipt_make(&rec, r->name, r->seed, &text);
	const uint8_t *gap = e ? NULL : memmem(buf_view(&text).p, text.len, "\n\n", 2);
	if (!e && !gap)
		e = -ERR_CORRUPT;
	if (!e) {
		buf_truncate(&text, (size_t)(gap - buf_view(&text).p) + 1);
		e = tlog_add(r->log, buf_view(&text));
	}
	if (e) {
		buf_free(&text);
		return e;
	}
	r->leaves[r->n++] = text;
	return 0;
}

int record_commit(struct record *r)
{
	int e = tlog_commit(r->log);

	for (size_t i = 0; !e && i < r->n; i++)
		e = give(r, buf_view(&r->leaves[i]));
	for (size_t i = 0; i < r->n; i++)
		buf_free(&r->leaves[i]);
	r->n = 0;
	return e;
}

uint64_t record_size(const struct record *r)
{
	return tlog_size(r->log);
}
