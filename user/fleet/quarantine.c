/* quarantine.c - see quarantine.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "fleet/layout.h"
#include "fleet/put.h"
#include "fleet/quarantine.h"

enum { TRIES = 20 };

/* How many files are there?  -1: cannot tell. */
static int count(int store, const char *dir)
{
	int fd = openat(store, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), n = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		fd_close(&fd);
		return errno == ENOENT ? 0 : -1;
	}
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int put_reason(int store, const struct quarantine_item *q, const char *path)
{
	struct buf out = {0};
	struct jsonw w = jsonw_on(&out);
	char hex[CHAIN_HEX] = "", reason[LAYOUT_PATH];

	if (q->sha)
		chain_hex(q->sha, CHAIN_LEN, hex);
	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "host", q->host);
	jsonw_str(&w, "part", q->part);
	jsonw_str(&w, "file", q->file);
	jsonw_str(&w, "reason", q->reason);
	jsonw_str(&w, "words", q->words);
	jsonw_wall(&w, "time", wall_now());
	jsonw_str(&w, "sha256", hex);
	jsonw_close(&w, '}');
	int r = jsonw_end(&w);
	if (!r)
		r = buf_puts(&out, "\n");
	if (!r)
		r = snprintf(reason, sizeof(reason), "%s.reason", path) < (int)sizeof(reason) ? 0 : -ENAMETOOLONG;
	if (!r)
		r = put_file(store, reason, buf_view(&out), 0440);
	buf_free(&out);
	return r;
}

static bool same_bytes(int store, const char *a, const char *b)
{
	uint8_t x[4096], y[4096];
	int fa = openat(store, a, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), fb = openat(store, b, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool same = fa >= 0 && fb >= 0;
	ssize_t n = 1;

	while (same && n > 0) {
		n = read(fa, x, sizeof(x));
		same = n >= 0 && read(fb, y, sizeof(y)) == n && memcmp(x, y, (size_t)n) == 0;
	}
	fd_close(&fa);
	fd_close(&fb);
	return same;
}

/* Never over what is there: each try is evidence. */
static int keep(int store, const struct quarantine_item *q, char *path, size_t len)
{
	for (int i = 0; i < TRIES; i++) {
		if (i && snprintf(path + len, LAYOUT_PATH - len, ".%d", i) >= (int)(LAYOUT_PATH - len))
			return -ENAMETOOLONG;
		if (faccessat(store, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
			int r = put_reason(store, q, path);
			return r ? r : put_name(store, q->copy, path);
		}
		if (same_bytes(store, q->copy, path))
			return unlinkat(store, q->copy, 0) < 0 ? -errno : 0;
	}
	return unlinkat(store, q->copy, 0) < 0 ? -errno : -EDQUOT;
}

int quarantine_put(int store, const struct quarantine_item *q)
{
	char path[LAYOUT_PATH], dir[LAYOUT_PATH];
	int len = snprintf(dir, sizeof(dir), "quarantine/host=%s/%s", q->host, q->part);
	int n = snprintf(path, sizeof(path), "%s/%.200s", dir, q->file);

	for (char *c = path + len + 1; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c > '~' || strchr("/\\'\"`$*?", *c))
			*c = '_';
	if (path[len + 1] == '.' || path[len + 1] == '-')
		path[len + 1] = '_';
	int r = put_dirs(store, path, 0750);
	if (!r && count(store, dir) > 2 * QUARANTINE_FILES) {
		if (q->copy)
			unlinkat(store, q->copy, 0);
		return -EDQUOT;
	}
	if (r)
		return r;
	if (!q->copy)
		return put_reason(store, q, path);
	return keep(store, q, path, (size_t)n);
}
