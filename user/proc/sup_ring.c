/* sup_ring.c - record rings: one per worker's life, kept until callgate-audit has everything that is in it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/shring.h"
#include "proc/sup.h"

static int ring_dir(const struct sup *s)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/ring", s->path.run);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Never used twice on a host: seconds since 1970 and 16 random bits, in 48 bits. */
static uint64_t ring_id(void)
{
	uint16_t r = 0;
	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		r = (uint16_t)getpid();
	return ((uint64_t)(wall_now().ns / 1000000000) << 16 | r) & 0xffffffffffffull;
}

static struct sup_ring *free_entry(struct sup *s)
{
	for (size_t i = 0; i < SUP_RINGS; i++)
		if (!s->ring[i].id)
			return &s->ring[i];
	return NULL;
}

static void forget(struct sup_ring *r)
{
	fd_close(&r->data);
	fd_close(&r->ack);
	fd_close(&r->bell);
	fd_close(&r->ackbell);
	*r = (struct sup_ring){0};
}

static int bells(struct sup_ring *r)
{
	r->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->ackbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return r->bell < 0 || r->ackbell < 0 ? -errno : 0;
}

struct sup_ring *sup_ring_new(struct sup *s, uint32_t slot)
{
	struct sup_ring *r = free_entry(s);
	int dir = ring_dir(s);

	if (!r || dir < 0) {
		log_error("no room for another record ring (%d kept)", SUP_RINGS);
		fd_close(&dir);
		return NULL;
	}
	*r = (struct sup_ring){.id = ring_id(), .slot = slot, .live = true, .data = -1, .ack = -1, .bell = -1, .ackbell = -1};
	snprintf(r->name, sizeof(r->name), "%012llx", (unsigned long long)r->id);
	int e = shring_create(dir, r->name, &r->data, &r->ack);
	if (!e)
		e = bells(r);
	/* The worker may read the acknowledgements but never write them. */
	if (!e) {
		char path[64];
		snprintf(path, sizeof(path), "%s.ack", r->name);
		if (fchmodat(dir, path, 0600, 0) < 0)
			e = -errno;
	}
	fd_close(&dir);
	if (e) {
		log_error("cannot make a record ring: %s", err_text(e));
		forget(r);
		return NULL;
	}
	return r;
}

static void adopt(struct sup *s, int dir, const char *name)
{
	struct sup_ring *r = free_entry(s);
	char path[64];
	char *end;
	uint64_t id = strtoull(name, &end, 16);

	if (!r || strcmp(end, ".data") != 0 || !id)
		return;
	*r = (struct sup_ring){.id = id, .slot = UINT32_MAX, .data = -1, .ack = -1, .bell = -1, .ackbell = -1};
	snprintf(r->name, sizeof(r->name), "%012llx", (unsigned long long)id);
	r->data = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	snprintf(path, sizeof(path), "%s.ack", r->name);
	r->ack = openat(dir, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (r->data < 0 || r->ack < 0 || bells(r)) {
		log_warning("the record ring %s of an earlier run cannot be read: %s", r->name, strerror(errno));
		forget(r);
		return;
	}
	log_notice("record ring %s of an earlier run is handed to callgate-audit", r->name);
}

void sup_ring_adopt(struct sup *s)
{
	int fd = ring_dir(s);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));)
		adopt(s, dirfd(d), e->d_name);
	closedir(d);
}

void sup_ring_sweep(struct sup *s)
{
	for (size_t i = 0; i < SUP_RINGS; i++) {
		struct sup_ring *r = &s->ring[i];
		char path[64];
		if (!r->id || r->live || !shring_drained(r->data, r->ack))
			continue;
		int dir = ring_dir(s);
		snprintf(path, sizeof(path), "%s.data", r->name);
		unlinkat(dir, path, 0);
		snprintf(path, sizeof(path), "%s.ack", r->name);
		unlinkat(dir, path, 0);
		fd_close(&dir);
		forget(r);
	}
}
