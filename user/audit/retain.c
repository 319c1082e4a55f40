/* retain.c - see retain.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/receipt.h"
#include "audit/retain.h"
#include "audit/trail_internal.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

static const char *file_of(const char *path)
{
	return path + strlen("sealed/");
}

/* Once a file, not once a second. */
static void tell(struct retain *r, const char *file, const char *what)
{
	if (strncmp(r->told, file, sizeof(r->told) - 1) == 0)
		return;
	snprintf(r->told, sizeof(r->told), "%.63s", file);
	log_error("%s stays: %s", file, what);
}

static int receipt_of(struct trail *s, struct retain *r, const char *file, struct receipt *out)
{
	char path[NAMES_MAX + 32];
	struct buf b = {.max = RECEIPT_MAX};

	snprintf(path, sizeof(path), "receipts/%s%s", file, RECEIPT_SUFFIX);
	int e = fd_slurp(s->dir, path, RECEIPT_MAX, &b);
	if (!e) {
		e = receipt_verify(buf_view(&b), r->vkey, out);
		if (!e && (strcmp(out->segment, file) != 0 || strcmp(out->trail, s->stream) != 0))
			e = -ERR_CORRUPT;
		if (e)
			tell(r, file, "its receipt is none of the configured collector for this file");
	}
	buf_free(&b);
	return e;
}

/* Old enough, and still what was collected?  1: yes. */
static int may_go(struct trail *s, struct retain *r, const char *path, struct receipt *out)
{
	uint8_t sum[CHAIN_LEN];
	struct stat st;
	int64_t now = s->clock.wall().ns / 1000000000;

	int fd = openat(s->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	int e = fstat(fd, &st) < 0 ? -errno : 0;
	if (!e && now - (int64_t)st.st_mtim.tv_sec >= (int64_t)r->seconds) {
		e = receipt_of(s, r, file_of(path), out);
		if (!e)
			e = chain_sum_fd(fd, sum, NULL);
		if (!e && memcmp(sum, out->sha256, CHAIN_LEN) == 0)
			e = 1;
		else if (!e)
			tell(r, file_of(path), "it is not what the collector received; keep it, and compare the two");
	}
	fd_close(&fd);
	return e == -ENOENT || e == -ERR_MALFORMED || e == -ERR_CORRUPT ? 0 : e;
}

static int say(struct trail *s, const struct receipt *p)
{
	struct jsonw *w = trail_line(s, "retention", s->clock.wall());

	jsonw_str(w, "name", p->segment);
	jsonw_uint(w, "first", p->names.first);
	jsonw_uint(w, "upto", p->names.last);
	jsonw_hex(w, "sha256", view_of(p->sha256, CHAIN_LEN));
	jsonw_str(w, "collector", p->collector);
	jsonw_str(w, "received", p->received);
	jsonw_str(w, "receipt", p->signature);
	int r = trail_end(s);
	return r ? r : trail_commit(s, TRAIL_DURABLE);
}

static int take_away(struct trail *s, const char *path)
{
	char receipt[NAMES_MAX + 32];

	if (unlinkat(s->dir, path, 0) < 0)
		return -errno;
	snprintf(receipt, sizeof(receipt), "receipts/%s%s", file_of(path), RECEIPT_SUFFIX);
	/* The line holds it; that of a file which came back by a power cut comes with it again. */
	unlinkat(s->dir, receipt, 0);
	return 1;
}

int retain_one(struct trail *s, struct retain *r)
{
	struct names_list list;
	struct receipt p;
	char path[NAMES_MAX];

	if (s->begun || trail_waiting(s) || s->err || !r->vkey.n || !r->seconds)
		return 0;
	int e = names_read_two(s->dir, s->second, NAMES_SEALED, &list);
	if (e)
		return e;
	if (list.n > 1 && !list.at[0].second && trail_needed(s, &list) > 0) {
		names_path(&list.at[0], path);
		e = may_go(s, r, path, &p);
		if (e == 1)
			e = say(s, &p);
		else
			path[0] = '\0';
		if (!e && path[0])
			e = take_away(s, path);
	}
	names_free(&list);
	return e;
}
