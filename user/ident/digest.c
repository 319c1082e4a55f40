/* digest.c - see digest.h. */
#include <errno.h>
#include <linux/magic.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "ident/digest.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif
#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xff534d42
#endif
#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xfe534d42
#endif
#ifndef CEPH_SUPER_MAGIC
#define CEPH_SUPER_MAGIC 0x00c36400
#endif

struct file {
	uint64_t dev, ino;
	int64_t size, mtime_ns, ctime_ns;
};

struct known {
	struct file file;
	uint64_t key; /* 0: free */
	bool ready, failed;
	uint8_t sum[DIGEST_LEN];
};

struct work {
	uint64_t key;
	int fd;
	int64_t at;
};

struct digests {
	struct known known[DIGEST_KNOWN];
	struct work work[DIGEST_QUEUE]; /* the first is being read */
	size_t n;
	EVP_MD_CTX *md;
	uint8_t piece[65536];
	uint64_t next;
};

struct digests *digest_new(void)
{
	struct digests *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->md = EVP_MD_CTX_new();
	/* The first use of a digest reads the library's settings, and later there are no files. */
	if (!d->md || EVP_DigestInit_ex(d->md, EVP_sha256(), NULL) != 1) {
		digest_free(&d);
		return NULL;
	}
	return d;
}

void digest_free(struct digests **dp)
{
	struct digests *d = *dp;

	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++)
		close(d->work[i].fd);
	EVP_MD_CTX_free(d->md);
	free(d);
	*dp = NULL;
}

static bool same(const struct file *a, const struct file *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static int file_of(int fd, struct file *f)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > DIGEST_FILE_MAX)
		return -ERR_TOO_LONG;
	*f = (struct file){st.st_dev, st.st_ino, st.st_size, ns_of(&st.st_mtim), ns_of(&st.st_ctim)};
	return 0;
}

static bool answered_by_others(int fd)
{
	static const uint32_t kinds[] = {FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
	    CEPH_SUPER_MAGIC, V9FS_MAGIC, AFS_SUPER_MAGIC, CODA_SUPER_MAGIC};
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((uint32_t)st.f_type == kinds[i])
			return true;
	return false;
}

static struct known *place(struct digests *d, const struct file *f)
{
	return &d->known[(f->ino * 0x9e3779b97f4a7c15ull ^ f->dev) % DIGEST_KNOWN];
}

static const struct known *by_key(const struct digests *d, uint64_t key)
{
	/* The low bits say where it is. */
	const struct known *k = &d->known[key % DIGEST_KNOWN];
	return key && k->key == key ? k : NULL;
}

static int result(const struct known *k, uint8_t out[DIGEST_LEN])
{
	if (k->ready)
		memcpy(out, k->sum, DIGEST_LEN);
	return k->ready ? 1 : k->failed ? -ERR_NOT_FOUND : 0;
}

int digest_get(const struct digests *d, uint64_t key, uint8_t out[DIGEST_LEN])
{
	const struct known *k = by_key(d, key);
	return k ? result(k, out) : -ERR_NOT_FOUND;
}

static int begin(struct digests *d, int fd, const struct file *f, struct known *k)
{
	if (d->n == DIGEST_QUEUE)
		return -EAGAIN;
	if (answered_by_others(fd))
		return -ERR_UNSUPPORTED;
	/* Whoever waits for what lay here is told that there is none. */
	*k = (struct known){.file = *f, .key = ++d->next * DIGEST_KNOWN + (uint64_t)(k - d->known)};
	d->work[d->n++] = (struct work){.key = k->key, .fd = fd};
	return 0;
}

int digest_want(struct digests *d, int fd, uint64_t *key, uint8_t out[DIGEST_LEN])
{
	struct file f;
	int r = file_of(fd, &f);

	*key = 0;
	if (!r) {
		struct known *k = place(d, &f);
		bool have = k->key && same(&k->file, &f) && !k->failed;
		r = have ? 0 : begin(d, fd, &f, k);
		if (!r && !have)
			fd = -1; /* being read */
		if (!r) {
			*key = k->key;
			r = result(k, out);
		}
	}
	fd_close(&fd);
	return r;
}

static void end(struct digests *d, struct known *k, bool good)
{
	struct file now;
	unsigned len = 0;

	/* A file that changed while it was read has no digest. */
	if (k) {
		good = good && file_of(d->work[0].fd, &now) == 0 && same(&now, &k->file);
		k->ready = good && EVP_DigestFinal_ex(d->md, k->sum, &len) == 1 && len == DIGEST_LEN;
		k->failed = !k->ready;
	}
	close(d->work[0].fd);
	d->n--;
	memmove(d->work, d->work + 1, d->n * sizeof(d->work[0]));
	if (EVP_DigestInit_ex(d->md, EVP_sha256(), NULL) != 1)
		abort();
}

bool digest_step(struct digests *d)
{
	struct work *w = &d->work[0];

	if (!d->n)
		return false;
	struct known *k = &d->known[w->key % DIGEST_KNOWN];
	if (k->key != w->key) {
		end(d, NULL, false); /* its place was taken */
		return d->n > 0;
	}
	for (size_t done = 0; done < DIGEST_PIECE;) {
		ssize_t n = pread(w->fd, d->piece, sizeof(d->piece), w->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0 && w->at + n <= k->file.size && EVP_DigestUpdate(d->md, d->piece, (size_t)n) == 1) {
			w->at += n;
			done += (size_t)n;
			continue;
		}
		end(d, k, n == 0 && w->at == k->file.size);
		break;
	}
	return d->n > 0;
}

bool digest_busy(const struct digests *d)
{
	return d->n > 0;
}
