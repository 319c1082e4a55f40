/* take.c - see take.h.  A host: its enrolment, its state, what a crash left pending. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "fleet/put.h"
#include "fleet/take_internal.h"

void take_tell(struct take *t, const char *part, const char *file, const char *what, const char *words)
{
	if (t->conf->tell)
		t->conf->tell(t->conf->arg, t->host, part, file, what, words);
}

void take_temp(const char *host, const char *part, const char *name, char out[LAYOUT_PATH])
{
	snprintf(out, LAYOUT_PATH, "tmp/%s/%s.%s", host, part, name);
}

bool take_passing(int e)
{
	return e == -EINVAL || e == -ERR_TOO_LONG || e == -ENOENT || e == -EACCES || e == -EPERM;
}

int take_refuse(struct take *t, int dir, const char *part, const char *name, const uint8_t *sum, const char *reason, const char *words)
{
	char temp[LAYOUT_PATH];
	struct quarantine_item q = {.host = t->host, .part = part, .file = name, .reason = reason, .words = words, .sha = sum};

	take_temp(t->host, part, name, temp);
	if (sum)
		q.copy = temp;
	take_tell(t, part, name, reason, words);
	t->res->quarantined++;
	int r = quarantine_put(t->conf->store, &q);
	if (r == -EDQUOT)
		r = 0;
	if (!r && (r = inbox_remove(dir, name)) != 0) {
		/* It comes again at the next run; nothing is lost. */
		take_tell(t, part, name, "stays", err_text(r));
		r = 0;
	}
	return r;
}

int take_copy(struct take *t, int dir, const char *part, const char *name, uint64_t most, uint8_t sum[CHAIN_LEN], uint64_t *size)
{
	char temp[LAYOUT_PATH];

	take_temp(t->host, part, name, temp);
	if (unlinkat(t->conf->store, temp, 0) < 0 && errno != ENOENT)
		return -errno;
	int fd = openat(t->conf->store, temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0440);
	if (fd < 0)
		return errno == EACCES || errno == ENOENT ? -EIO : -errno; /* the store's trouble, not the file's */
	int r = inbox_copy(dir, name, fd, most, sum, size);
	if (!r)
		return fd;
	fd_close(&fd);
	unlinkat(t->conf->store, temp, 0);
	if (r == -EINVAL) {
		int e = take_refuse(t, dir, part, name, NULL, QUARANTINE_NOT_A_FILE, "it is a link, a fifo, a directory or a device");
		return e ? e : r;
	}
	if (r == -ERR_TOO_LONG) {
		int e = take_refuse(t, dir, part, name, NULL, QUARANTINE_TOO_LARGE, "it is larger than anything that a workstation makes");
		return e ? e : r;
	}
	if (take_passing(r)) {
		take_tell(t, part, name, "waiting", err_text(r));
		t->res->waiting++;
	}
	return r;
}

/* What is pending has its place, its leaf and its receipt. */
static int finish(struct take *t)
{
	struct state *s = &t->state;
	int r = 0;

	for (size_t i = 0; !r && i < s->npending; i++) {
		const struct state_piece *p = &s->pending[i];
		char temp[LAYOUT_PATH], path[LAYOUT_PATH];
		struct stat st;
		take_temp(t->host, layout_trail(p->trail), p->name, temp);
		layout_segment_path(p->trail, t->host, p->date, p->name, path);
		if (fstatat(t->conf->store, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		r = put_dirs(t->conf->store, path, 0750);
		if (!r)
			r = put_name(t->conf->store, temp, path);
		if (r == -ENOENT)
			r = -ERR_CORRUPT;
	}
	for (size_t i = 0; !r && i < s->npending; i += TAKE_BATCH)
		r = t->conf->record(t->conf->arg, t->host, s->pending + i, s->npending - i < TAKE_BATCH ? s->npending - i : TAKE_BATCH);
	if (!r && s->npending) {
		s->npending = 0;
		t->changed = true;
	}
	return r;
}

/* Copies that never became pending. */
static int sweep(struct take *t)
{
	char path[LAYOUT_PATH];

	snprintf(path, sizeof(path), "tmp/%s/x", t->host);
	int r = put_dirs(t->conf->store, path, 0700);
	path[strlen(path) - 2] = '\0';
	int fd = r ? -1 : openat(t->conf->store, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		r = r ? r : -errno;
		fd_close(&fd);
		return r;
	}
	for (struct dirent *e; (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(fd, e->d_name, 0);
	closedir(d);
	return 0;
}

static int load(struct take *t)
{
	int r = enrol_read(t->conf->store, t->host, &t->enrol);

	if (r)
		return r;
	r = state_read(t->conf->store, t->host, &t->state);
	/* Nothing yet, or lost: then it follows from what the store holds. */
	if (r == -ENOENT || r == -ERR_CORRUPT) {
		snprintf(t->state.host, sizeof(t->state.host), "%s", t->host);
		r = take_rebuild(t);
	}
	return r;
}

static int take_all(struct take *t)
{
	int r = t->dir < 0 ? 0 : take_policies(t);

	for (enum layout_trail i = 0; !r && t->dir >= 0 && i < LAYOUT_TRAILS; i++) {
		r = take_notes(t, i);
		if (!r)
			r = take_segments(t, i);
	}
	return r;
}

int take_host(const struct take_conf *conf, const char *host, struct take_result *res)
{
	struct take t = {.conf = conf, .res = res, .host = host, .dir = -1};
	char now[WALL_TEXT];

	*res = (struct take_result){0};
	int r = layout_host(host) ? load(&t) : -ENOENT;
	if (!r)
		r = finish(&t);
	if (!r)
		r = sweep(&t);
	if (!r) {
		t.dir = inbox_dir(conf->inbox, host);
		r = t.dir < 0 && t.dir != -ENOENT ? t.dir : 0;
	}
	if (!r)
		r = take_all(&t);
	if (res->segments || res->notes || res->quarantined) {
		wall_text(wall_now(), now);
		snprintf(t.state.seen, sizeof(t.state.seen), "%s", now);
		t.changed = true;
	}
	if (!r && t.changed)
		r = state_write(conf->store, &t.state);
	fd_close(&t.dir);
	enrol_free(&t.enrol);
	state_free(&t.state);
	return r;
}
