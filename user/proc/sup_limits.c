/*
 * sup_limits.c - the file of the limit counters: is it what the last run left behind?
 * Process: callgated.      Source: docs/ARCHITECTURE.md "limit counters".
 *
 * The workers count in a mapping, and the kernel writes that to the disk when it likes: after a power cut the file may be older than
 * the audit, a page here and a page there.  So an orderly end puts the file on the disk and notes its inode and times in
 * limits.clean; a start takes that note away before anybody counts.  A file that no note fits (a power cut, a kill, an older copy put
 * in its place, no file) is not believed by itself: callgate-audit says what its records charged, and only then do workers count.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/sup.h"

enum { NOTE = 160 };

static const char note_name[] = "limits.clean", note_new[] = "limits.clean.new";

static int open_counters(int dir, int flags)
{
	int fd = openat(dir, "limits", O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	return fd < 0 ? -errno : fd;
}

static int open_state(const struct sup *s)
{
	int fd = open(s->path.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int note_of(int fd, char out[NOTE])
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	snprintf(out, NOTE, "%llu %lld %lld.%09ld %lld.%09ld\n", (unsigned long long)st.st_ino, (long long)st.st_size,
	    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

/* Does a note fit the file as it is? */
static bool as_left(int dir)
{
	char is[NOTE];
	struct buf said = {0};
	int fd = open_counters(dir, 0);
	bool same = fd >= 0 && note_of(fd, is) == 0 && fd_slurp(dir, note_name, NOTE, &said) == 0 && view_is(buf_view(&said), is);

	fd_close(&fd);
	buf_free(&said);
	return same;
}

int sup_limits_begin(struct sup *s, char *why, size_t why_len)
{
	int dir = open_state(s);
	int r = dir < 0 ? dir : 0;

	if (!r) {
		s->limits.wanted = !as_left(dir);
		/* A note that outlives this start would speak for a file that has been counted in since. */
		if ((unlinkat(dir, note_name, 0) < 0 && errno != ENOENT) || fsync(dir) < 0)
			r = -errno;
	}
	if (r)
		snprintf(why, why_len, "%s/%s cannot be removed: %s", s->path.state, note_name, err_text(r));
	if (!r && s->limits.wanted)
		log_notice("the limit counters were not put away in order: they are compared with the audit first; until then calls with limits are refused");
	fd_close(&dir);
	return r;
}

int sup_limits_send(struct sup *s, struct sup_child *worker)
{
	char why[128];
	uid_t uid;

	int r = sup_uid(s, P_PROXY, &uid, why, sizeof(why));
	int dir = r ? r : open_state(s);
	if (dir < 0)
		return dir;
	int fd = open_counters(dir, O_CREAT);
	fd_close(&dir);
	if (fd < 0)
		return fd;
	r = fchown(fd, uid, uid) < 0 ? -errno : sup_plumb_fd(worker, FD_LIMITS, 0, 0, fd);
	fd_close(&fd);
	if (!r && s->limits.charges >= 0)
		r = sup_plumb_fd(worker, FD_CHARGES, 0, 0, s->limits.charges);
	return r;
}

void sup_limits_charges(struct sup *s, int fd, const struct m_charges *m)
{
	fd_close(&s->limits.charges);
	s->limits.charges = fd;
	s->limits.wanted = false;
	log_notice("%llu records were charged in windows that are not over, to %llu counters: limits are counted again",
	    (unsigned long long)m->calls, (unsigned long long)m->rows);
	for (size_t i = 0; i < s->children; i++) {
		struct sup_child *c = &s->child[i];
		if (c->party != P_PROXY || c->life == LIFE_NONE)
			continue;
		int r = sup_plumb_fd(c, FD_CHARGES, 0, 0, fd);
		if (r)
			log_error("%s[%u] is not told what was charged: %s", party_name(c->party), c->slot, err_text(r));
	}
}

/* Under its name only when it is whole. */
static int write_note(int dir, const char *note)
{
	int fd = openat(dir, note_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, view_str(note));
	if (!r && (fsync(fd) < 0 || renameat(dir, note_new, dir, note_name) < 0 || fsync(dir) < 0))
		r = -errno;
	fd_close(&fd);
	return r;
}

void sup_limits_end(struct sup *s)
{
	char note[NOTE];
	int dir, fd, r;

	fd_close(&s->limits.charges);
	if (s->limits.wanted)
		return; /* never compared: the next start has to */
	dir = open_state(s);
	fd = dir < 0 ? dir : open_counters(dir, 0);
	r = fd < 0 ? fd : fsync(fd) < 0 ? -errno : note_of(fd, note);
	if (!r)
		r = write_note(dir, note);
	if (r)
		log_warning("the limit counters were not put away (%s): the next start compares them with the audit", err_text(r));
	fd_close(&fd);
	fd_close(&dir);
}
