/*
 * tlog.c - see tlog.h.
 *
 * Level L holds the roots of whole subtrees of 256^L leaves.  Of each level only the last tile is kept in memory: with the counts of the
 * levels they are the right edge of the tree, from which the root follows.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "fleet/put.h"
#include "fleet/tlog.h"

enum { LEVELS = 6, PATH = 96, DIRS = 0755, FILES = 0444, ROOT64 = 45, BUNDLE_MAX = TLOG_TILE * (TLOG_LEAF_MAX + 2) };

struct tile {
	uint8_t hash[TLOG_TILE][CHAIN_LEN];
	unsigned n;
	bool changed;
};

struct tlog {
	int dir;
	char origin[NOTE_NAME];
	uint8_t seed[SIGN_SEED];
	uint64_t size, committed;
	struct tile level[LEVELS];
	uint64_t whole[LEVELS]; /* 1 + number of the tile that became whole since the last commit; 0: none */
	struct buf entries; /* of the last bundle */
};

static int hash(const struct view *parts, size_t n, uint8_t out[CHAIN_LEN])
{
	struct chain_sum *s = chain_sum_new();
	int r = s ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < n; i++)
		r = chain_sum_add(s, parts[i]);
	if (!r)
		r = chain_sum_end(s, out);
	chain_sum_free(&s);
	return r;
}

int tlog_hash_leaf(struct view leaf, uint8_t out[CHAIN_LEN])
{
	const struct view parts[] = {view_of("", 1), leaf};
	return hash(parts, 2, out);
}

int tlog_hash_node(const uint8_t a[CHAIN_LEN], const uint8_t b[CHAIN_LEN], uint8_t out[CHAIN_LEN])
{
	const struct view parts[] = {view_of("\1", 1), view_of(a, CHAIN_LEN), view_of(b, CHAIN_LEN)};
	return hash(parts, 3, out);
}

/* The root of the whole subtree over ${n} hashes, a power of two. */
static int subtree(const uint8_t (*h)[CHAIN_LEN], unsigned n, uint8_t out[CHAIN_LEN])
{
	uint8_t a[CHAIN_LEN], b[CHAIN_LEN];

	if (n == 1) {
		memcpy(out, h[0], CHAIN_LEN);
		return 0;
	}
	int r = subtree(h, n / 2, a);
	if (!r)
		r = subtree(h + n / 2, n / 2, b);
	return r ? r : tlog_hash_node(a, b, out);
}

/* From the smallest subtree on the right to the largest on the left. */
static int root_of(const struct tlog *t, uint8_t out[CHAIN_LEN])
{
	bool some = false;
	int r = 0;

	for (unsigned l = 0; !r && l < LEVELS; l++) {
		unsigned left = t->level[l].n;
		for (unsigned n = 1; !r && left; n *= 2) {
			uint8_t node[CHAIN_LEN];
			if (!(left & n))
				continue;
			left -= n;
			r = subtree(t->level[l].hash + left, n, node);
			if (!r && some)
				r = tlog_hash_node(node, out, out);
			else if (!r)
				memcpy(out, node, CHAIN_LEN);
			some = true;
		}
	}
	return some || r ? r : hash(NULL, 0, out);
}

static void tile_path(const char *level, uint64_t n, unsigned width, char out[PATH])
{
	uint64_t part[8] = {n % 1000};
	unsigned parts = 1;
	int at = snprintf(out, PATH, "tile/%s", level);

	while ((n /= 1000))
		part[parts++] = n % 1000;
	while (parts--)
		at += snprintf(out + at, (size_t)(PATH - at), "/%s%03" PRIu64, parts ? "x" : "", part[parts]);
	if (width < TLOG_TILE)
		snprintf(out + at, (size_t)(PATH - at), ".p/%u", width);
}

static int put(const struct tlog *t, const char *level, uint64_t n, unsigned width, struct view v)
{
	char path[PATH];

	tile_path(level, n, width, path);
	int r = put_dirs(t->dir, path, DIRS);
	return r ? r : put_file(t->dir, path, v, FILES);
}

/* The last tile of level ${l}, and at level 0 the leaves that belong to it. */
static int put_level(struct tlog *t, unsigned l)
{
	struct tile *tile = &t->level[l];
	char name[4];
	uint64_t n = t->size >> (8 * (l + 1));

	/* A tile that has just become whole: the size says already that the next one begins. */
	if (tile->n == TLOG_TILE)
		n--;
	snprintf(name, sizeof(name), "%u", l);
	int r = put(t, name, n, tile->n, view_of(tile->hash, tile->n * CHAIN_LEN));
	if (!r && l == 0)
		r = put(t, "entries", n, tile->n, buf_view(&t->entries));
	tile->changed = false;
	return r;
}

static int add_hash(struct tlog *t, unsigned l, const uint8_t h[CHAIN_LEN])
{
	struct tile *tile = &t->level[l];
	uint8_t root[CHAIN_LEN];

	memcpy(tile->hash[tile->n++], h, CHAIN_LEN);
	tile->changed = true;
	if (tile->n < TLOG_TILE)
		return 0;
	int r = l + 1 < LEVELS ? put_level(t, l) : -EFBIG;
	t->whole[l] = t->size >> (8 * (l + 1));
	if (!r)
		r = subtree(tile->hash, TLOG_TILE, root);
	tile->n = 0;
	if (l == 0)
		buf_reset(&t->entries);
	return r ? r : add_hash(t, l + 1, root);
}

int tlog_add(struct tlog *t, struct view leaf)
{
	uint8_t h[CHAIN_LEN], len[2] = {(uint8_t)(leaf.n >> 8), (uint8_t)leaf.n};

	if (leaf.n > TLOG_LEAF_MAX)
		return -ERR_TOO_LONG;
	if (t->size - t->committed >= TLOG_TILE)
		return -ENOBUFS;
	int r = tlog_hash_leaf(leaf, h);
	if (!r)
		r = buf_put(&t->entries, view_of(len, sizeof(len)));
	if (!r)
		r = buf_put(&t->entries, leaf);
	if (r)
		return r;
	t->size++;
	return add_hash(t, 0, h);
}

/* A whole tile stands for its parts: they go.  What stays after a crash is in nobody's way. */
static void drop_parts(struct tlog *t, const char *level, uint64_t n)
{
	char path[PATH], *width;

	for (unsigned w = 1; w < TLOG_TILE; w++) {
		tile_path(level, n, w, path);
		unlinkat(t->dir, path, 0);
	}
	width = strrchr(path, '/');
	*width = '\0';
	unlinkat(t->dir, path, AT_REMOVEDIR);
}

static void drop_whole(struct tlog *t)
{
	for (unsigned l = 0; l < LEVELS; l++) {
		char name[4];
		if (!t->whole[l])
			continue;
		snprintf(name, sizeof(name), "%u", l);
		drop_parts(t, name, t->whole[l] - 1);
		if (l == 0)
			drop_parts(t, "entries", t->whole[l] - 1);
		t->whole[l] = 0;
	}
}

int tlog_commit(struct tlog *t)
{
	uint8_t root[CHAIN_LEN];
	char b64[ROOT64 + 4];
	struct buf note = {.max = NOTE_MAX};
	int r = 0;

	if (t->size == t->committed)
		return 0;
	for (unsigned l = 0; !r && l < LEVELS; l++)
		if (t->level[l].changed && t->level[l].n)
			r = put_level(t, l);
	if (!r)
		r = root_of(t, root);
	if (!r) {
		EVP_EncodeBlock((unsigned char *)b64, root, CHAIN_LEN);
		r = buf_printf(&note, "%s\n%" PRIu64 "\n%s\n", t->origin, t->size, b64);
	}
	if (!r)
		r = note_sign(t->origin, t->seed, 0, &note);
	if (!r)
		r = put_file(t->dir, "checkpoint", buf_view(&note), FILES);
	if (!r) {
		t->committed = t->size;
		drop_whole(t);
	}
	buf_free(&note);
	return r;
}

uint64_t tlog_size(const struct tlog *t)
{
	return t->committed;
}

static int load(int dir, const char *level, uint64_t n, unsigned width, size_t max, struct buf *out)
{
	char path[PATH];

	tile_path(level, n, width, path);
	return fd_slurp(dir, path, max, out);
}

static int load_levels(struct tlog *t)
{
	for (unsigned l = 0; l < LEVELS; l++) {
		struct buf b = {0};
		char name[4];
		unsigned width = (unsigned)(t->size >> (8 * l)) & (TLOG_TILE - 1);
		if (!width)
			continue;
		snprintf(name, sizeof(name), "%u", l);
		int r = load(t->dir, name, t->size >> (8 * (l + 1)), width, TLOG_TILE * CHAIN_LEN, &b);
		if (!r && b.len != width * CHAIN_LEN)
			r = -ERR_CORRUPT;
		if (!r)
			memcpy(t->level[l].hash, buf_view(&b).p, b.len);
		t->level[l].n = width;
		buf_free(&b);
		if (r)
			return r == -ENOENT ? -ERR_CORRUPT : r;
		if (l == 0)
			r = load(t->dir, "entries", t->size >> 8, width, BUNDLE_MAX, &t->entries);
		if (r)
			return r == -ENOENT ? -ERR_CORRUPT : r;
	}
	return 0;
}

/* Does the signed root follow from what lies there? */
static int load_checkpoint(struct tlog *t)
{
	struct buf b = {0};
	char origin[NOTE_NAME], size[24], signed_root[64], want[64], *end;
	uint8_t root[CHAIN_LEN], public[SIGN_PUBLIC];
	int r = fd_slurp(t->dir, "checkpoint", NOTE_MAX, &b);
	struct view v = buf_view(&b);

	if (r == -ENOENT)
		return 0;
	if (!r)
		r = sign_public(t->seed, public);
	if (!r && (!note_line(&v, origin, sizeof(origin)) || !note_line(&v, size, sizeof(size)) || !note_line(&v, signed_root, sizeof(signed_root)) ||
	    strcmp(origin, t->origin) != 0 || !note_signed(buf_view(&b), t->origin, public)))
		r = -ERR_CORRUPT;
	buf_free(&b);
	if (r)
		return r;
	errno = 0;
	t->size = t->committed = strtoull(size, &end, 10);
	if (errno || *end || t->size >> (8 * LEVELS - 1))
		return -ERR_CORRUPT;
	r = load_levels(t);
	if (!r)
		r = root_of(t, root);
	if (r)
		return r;
	EVP_EncodeBlock((unsigned char *)want, root, CHAIN_LEN);
	return strcmp(want, signed_root) == 0 ? 0 : -ERR_CORRUPT;
}

int tlog_open(int dir, const char *origin, const uint8_t seed[SIGN_SEED], struct tlog **out)
{
	struct tlog *t = calloc(1, sizeof(*t));

	*out = NULL;
	if (!t)
		return -ENOMEM;
	t->dir = dir;
	snprintf(t->origin, sizeof(t->origin), "%s", origin);
	memcpy(t->seed, seed, SIGN_SEED);
	t->entries.max = BUNDLE_MAX;
	int r = chain_ready();
	if (!r)
		r = load_checkpoint(t);
	if (r) {
		tlog_free(&t);
		return r;
	}
	*out = t;
	return 0;
}

void tlog_free(struct tlog **tp)
{
	struct tlog *t = *tp;

	if (!t)
		return;
	buf_free(&t->entries);
	explicit_bzero(t, sizeof(*t));
	free(t);
	*tp = NULL;
}

int tlog_each(int dir, uint64_t size, int (*fn)(void *arg, uint64_t index, struct view leaf), void *arg)
{
	int r = 0;

	for (uint64_t at = 0; !r && at < size;) {
		struct buf b = {0};
		uint64_t n = at >> 8;
		unsigned width = n == size >> 8 ? (unsigned)(size & (TLOG_TILE - 1)) : TLOG_TILE;
		r = load(dir, "entries", n, width, BUNDLE_MAX, &b);
		struct view v = buf_view(&b);
		for (unsigned i = 0; !r && i < width; i++) {
			size_t len = v.n < 2 ? SIZE_MAX : (size_t)v.p[0] << 8 | v.p[1];
			if (v.n < 2 || v.n - 2 < len)
				r = -ERR_CORRUPT;
			else
				r = fn(arg, at++, view_of(v.p + 2, len));
			v = view_skip(v, len + 2);
		}
		buf_free(&b);
	}
	return r == -ENOENT ? -ERR_CORRUPT : r;
}

int tlog_leaf(int dir, uint64_t size, uint64_t index, struct buf *leaf)
{
	struct buf b = {0};
	uint64_t n = index >> 8;
	unsigned width = n == size >> 8 ? (unsigned)(size & (TLOG_TILE - 1)) : TLOG_TILE;

	if (index >= size)
		return -ERR_RANGE;
	int r = load(dir, "entries", n, width, BUNDLE_MAX, &b);
	struct view v = buf_view(&b);
	for (unsigned i = 0; !r && i <= (unsigned)(index & (TLOG_TILE - 1)); i++) {
		size_t len = v.n < 2 ? SIZE_MAX : (size_t)v.p[0] << 8 | v.p[1];
		if (v.n < 2 || v.n - 2 < len)
			r = -ERR_CORRUPT;
		else if (i == (index & (TLOG_TILE - 1)))
			r = buf_put(leaf, view_of(v.p + 2, len));
		else
			v = view_skip(v, len + 2);
	}
	buf_free(&b);
	return r == -ENOENT ? -ERR_CORRUPT : r;
}
