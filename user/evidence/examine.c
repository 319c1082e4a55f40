/* examine.c - see examine.h.  The manifest, its signature, the files that it names. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/mac.h"
#include "audit/note.h"
#include "base/err.h"
#include "base/fd.h"
#include "evidence/examine_internal.h"
#include "evidence/fields.h"

enum { MANIFEST_MAX = 1 << 30, PEM_MAX = 4096, TEXT = 500, CHUNK = 1 << 16 };

static void say(struct examine *c, bool good, const char *fmt, va_list ap)
{
	char text[TEXT];

	vsnprintf(text, sizeof(text), fmt, ap);
	c->v->bad += !good;
	c->o->say(c->o->arg, good, text);
}

void examine_bad(struct examine *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, false, fmt, ap);
	va_end(ap);
}

void examine_good(struct examine *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, true, fmt, ap);
	va_end(ap);
}

/* ---- signature ---- */

bool examine_public(struct view pem, uint8_t out[SIGN_PUBLIC])
{
	BIO *b = pem.n && pem.n <= PEM_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	EVP_PKEY *k = b ? PEM_read_bio_PUBKEY(b, NULL, NULL, NULL) : NULL;
	size_t n = SIGN_PUBLIC;
	bool good = k && EVP_PKEY_get_raw_public_key(k, out, &n) == 1 && n == SIGN_PUBLIC;

	EVP_PKEY_free(k);
	BIO_free(b);
	return good;
}

static void signature(struct examine *c, struct view manifest)
{
	struct buf sig = {0}, pem = {0};
	uint8_t key[SIGN_PUBLIC];
	struct view signer = c->o->signer;

	c->v->own_key = !signer.n;
	if (!signer.n && fd_slurp(c->dir, "signer.pem", PEM_MAX, &pem) == 0)
		signer = buf_view(&pem);
	int r = fd_slurp(c->dir, "MANIFEST.sig", SIGN_LEN, &sig);
	if (r == -ENOENT && c->v->own_key)
		examine_good(c, "the manifest is not signed: who made this bundle is not proved");
	else if (r || sig.len != SIGN_LEN || !examine_public(signer, key) || !sign_good(key, manifest, buf_view(&sig).p))
		examine_bad(c, "MANIFEST.json is not signed with %s", c->v->own_key ? "signer.pem" : "the given key");
	else
		c->v->is_signed = true;
	buf_free(&sig);
	buf_free(&pem);
}

/* ---- files ---- */

static bool member(struct view line, const char *name, char *out, size_t cap)
{
	char key[40];
	int k = snprintf(key, sizeof(key), "\"%s\":", name);
	const uint8_t *at = memmem(line.p, line.n, key, (size_t)k);

	if (!at)
		return false;
	at += k;
	bool text = *at == '"';
	at += text;
	size_t n = 0, left = (size_t)(line.p + line.n - at);
	while (n < left && (text ? at[n] != '"' : at[n] >= '0' && at[n] <= '9'))
		n++;
	if (n >= cap)
		return false;
	memcpy(out, at, n);
	out[n] = '\0';
	return true;
}

/* A path that stays inside: no "..", no "/" first, characters of ours. */
static bool inside(const char *path)
{
	return *path && *path != '/' && !strstr(path, "..") &&
	       strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-=/") == strlen(path);
}

static int manifest(struct examine *c, struct view v)
{
	for (size_t i = 0; v.n; i++) {
		const uint8_t *nl = memchr(v.p, '\n', v.n);
		struct view line = view_head(v, nl ? (size_t)(nl - v.p) : v.n);
		char path[400], number[24];
		v = view_skip(v, line.n + 1);
		if (i == 0) {
			if (!member(line, "from", c->from, sizeof(c->from)) || !member(line, "to", c->to, sizeof(c->to)))
				return -ERR_MALFORMED;
			continue;
		}
		if (view_is(line, "]}"))
			return v.n ? -ERR_MALFORMED : 0;
		if (!view_starts(line, VIEW_LIT("{\"path\":\"")) || !member(line, "path", path, sizeof(path)) || !inside(path))
			return -ERR_MALFORMED;
		struct examine_file *f = map_get(&c->files, view_str(path));
		if (!f || f->sha256[0] || !member(line, "sha256", f->sha256, sizeof(f->sha256)) || !member(line, "bytes", number, sizeof(number)))
			return -ERR_MALFORMED;
		f->bytes = strtoull(number, NULL, 10);
		f->csv = member(line, "rows", number, sizeof(number));
		f->rows = f->csv ? strtoull(number, NULL, 10) : 0;
	}
	return -ERR_MALFORMED;
}

/* Is a file of that length?  Then its hash and line ends; one with a hole of a terabyte is not read to its end. */
static int measure(struct examine *c, const char *path, uint64_t must, char sha[CHAIN_HEX], uint64_t *lines)
{
	static uint8_t chunk[CHUNK];
	struct chain_sum *s = chain_sum_new();
	struct stat st;
	uint8_t sum[CHAIN_LEN];
	int fd = openat(c->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r = fd < 0 ? -errno : s ? 0 : -ENOMEM;
	ssize_t n = 0;

	*lines = 0;
	if (!r)
		r = fstat(fd, &st) < 0 ? -errno : (uint64_t)st.st_size == must ? 0 : -ERR_CORRUPT;
	while (!r && (n = read(fd, chunk, sizeof(chunk))) > 0) {
		r = chain_sum_add(s, view_of(chunk, (size_t)n));
		for (const uint8_t *p = chunk, *end = chunk + n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
			++*lines;
	}
	if (!r && n < 0)
		r = -errno;
	if (!r)
		r = chain_sum_end(s, sum);
	if (!r)
		chain_hex(sum, CHAIN_LEN, sha);
	chain_sum_free(&s);
	fd_close(&fd);
	return r;
}

static void files(struct examine *c)
{
	for (struct map_entry *e = c->files.first; e; e = e->next) {
		const struct examine_file *f = (const struct examine_file *)e->data;
		const char *path = (const char *)e->key.p;
		char sha[CHAIN_HEX];
		uint64_t lines;
		int r = measure(c, path, f->bytes, sha, &lines);
		c->v->files++;
		if (r && r != -ERR_CORRUPT)
			examine_bad(c, "%s: %s", path, r == -ENOENT ? "is not there" : err_text(r));
		else if (r || strcmp(sha, f->sha256) != 0)
			examine_bad(c, "%s has other bytes than the manifest says", path);
		else if (f->csv && lines != f->rows + 1)
			examine_bad(c, "%s has %" PRIu64 " rows, the manifest says %" PRIu64, path, lines - 1, f->rows);
	}
}

/* nftw(3) has no argument of its own. */
static struct examine *walking;
static size_t walk_from;

static int plain(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	/* To nftw(3) a FIFO is a file. */
	if (type != FTW_D && (type != FTW_F || !S_ISREG(st->st_mode)))
		examine_bad(walking, "%s is no plain file", path + walk_from);
	return 0;
}

static int no_other(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	static const char *const apart[] = {"MANIFEST.json", "MANIFEST.sig", "signer.pem", "ipe/run.json"};
	const char *name = path + walk_from;

	(void)st;
	(void)ftw;
	if (type != FTW_F)
		return 0;
	for (size_t i = 0; i < sizeof(apart) / sizeof(*apart); i++)
		if (strcmp(name, apart[i]) == 0)
			return 0;
	if (strncmp(name, "samples/", 8) != 0 && !map_find(&walking->files, view_str(name)))
		examine_bad(walking, "%s is not in the manifest", name);
	return 0;
}

static int each(struct examine *c, int (*fn)(const char *, const struct stat *, int, struct FTW *))
{
	walking = c;
	walk_from = strlen(c->o->bundle) + 1;
	return nftw(c->o->bundle, fn, 16, FTW_PHYS) ? -errno : 0;
}

/* ---- all ---- */

static int run(struct examine *c)
{
	struct buf text = {0};

	if (faccessat(c->dir, "MANIFEST.json", F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		examine_bad(c, "there is no MANIFEST.json: is this a bundle?");
		return 0;
	}
	int r = each(c, plain);
	/* Nothing is read while there is a FIFO, which would never end. */
	if (r || c->v->bad)
		return r;
	r = fd_slurp(c->dir, "MANIFEST.json", MANIFEST_MAX, &text);
	if (!r)
		r = manifest(c, buf_view(&text));
	if (r == -ERR_MALFORMED) {
		examine_bad(c, "MANIFEST.json is not one that callgate evidence export writes");
		r = 0;
		goto out;
	}
	if (r)
		goto out;
	signature(c, buf_view(&text));
	files(c);
	r = each(c, no_other);
	if (!c->v->bad)
		examine_good(c, "%" PRIu64 " files are as the manifest says", c->v->files);
	if (!r)
		r = examine_tables(c);
	if (!r)
		r = examine_lines(c);
	if (!r)
		r = examine_log(c);
out:
	buf_free(&text);
	return r;
}

int examine_bundle(const struct examine_opts *o, struct examine_result *out)
{
	struct examine c = {.o = o, .v = out, .segments = -1};
	int r = chain_ready();

	*out = (struct examine_result){0};
	map_init(&c.files, sizeof(struct examine_file), 0);
	map_init(&c.names, sizeof(struct examine_segment), 0);
	map_init(&c.notes, sizeof(struct examine_note), 0);
	map_init(&c.hosts, sizeof(struct examine_host), 0);
	c.sum = chain_sum_new();
	if (!r && !c.sum)
		r = -ENOMEM;
	c.dir = open(o->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!r && c.dir < 0)
		r = -errno;
	if (!r) {
		c.segments = o->store ? open(o->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : openat(c.dir, "segments", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		r = c.segments < 0 && (o->store || errno != ENOENT) ? -errno : run(&c);
	}
	chain_sum_free(&c.sum);
	fd_close(&c.dir);
	fd_close(&c.segments);
	map_free(&c.files);
	map_free(&c.names);
	map_free(&c.notes);
	map_free(&c.hosts);
	free(c.gaps);
	return r;
}
