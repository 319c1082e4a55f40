/*
 * kern_pin.c - pins below bpffs, so that programs and maps outlive the daemon and the next one takes them over without a gap.
 * Floor: kern.
 *
 *   BPFFS/cg_rewritten      the one map shared by all layouts
 *   BPFFS/vA-L/cg_*         maps      BPFFS/vA-L/link_*   attached programs; A: the ABI version, L: kern_load_layout()
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "kern/kern_internal.h"

static const char *const standard = "/sys/fs/bpf";

static bool on_bpffs(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

static int make_dir(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return chmod(path, 0700) < 0 ? -errno : 0;
}

/* The usual place may not be mounted yet; any other directory becomes a bpffs of its own. */
static int make_bpffs(const char *dir)
{
	bool usual = strncmp(dir, standard, strlen(standard)) == 0;
	if (usual && !on_bpffs(standard) && mount("bpf", standard, "bpf", 0, "mode=0700") < 0)
		return -errno;
	int r = make_dir(dir);
	if (r < 0 || on_bpffs(dir))
		return r;
	return mount("bpf", dir, "bpf", 0, "mode=0700") < 0 ? -errno : 0;
}

int kern_pin_dir(struct kern *k, const char *bpffs, char *why, size_t len)
{
	if (strlen(bpffs) + 64 > sizeof(k->dir))
		return kern_load_say(why, len, -ERR_TOO_LONG, "the directory for pins");
	snprintf(k->bpffs, sizeof(k->bpffs), "%s", bpffs);
	uint32_t layout;
	int r = kern_load_layout(&layout);
	if (r < 0)
		return kern_load_say(why, len, r, "cannot read the BPF objects");
	int n = snprintf(k->dir, sizeof(k->dir), "%s/v%d-%08x", bpffs, CG_ABI_VERSION, layout);
	if (n < 0 || (size_t)n >= sizeof(k->dir))
		return -ERR_TOO_LONG;
	r = make_bpffs(bpffs);
	if (r < 0)
		return kern_load_say(why, len, r,
		    "no BPF file system at %s (mount -t bpf bpf DIR): without it a restart would let connections pass", bpffs);
	r = make_dir(k->dir);
	return r < 0 ? kern_load_say(why, len, r, "cannot make %s", k->dir) : 0;
}

/* Does the pinned link still sit on our cgroup?  When the cgroup was removed, its links are dead. */
static bool link_fits(const struct kern *k, const struct kern_hook *h, struct bpf_link *link)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	return bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len) == 0 &&
	       info.type == BPF_LINK_TYPE_CGROUP && info.cgroup.cgroup_id == k->cgroup_id &&
	       info.cgroup.attach_type == (uint32_t)h->type;
}

static struct bpf_link *adopt(const struct kern *k, const struct kern_hook *h, struct bpf_program *prog, const char *path)
{
	if (h->type < 0 || access(path, F_OK) < 0)
		return NULL; /* a tracing link cannot change its program */
	struct bpf_link *link = bpf_link__open(path);
	if (!link)
		return NULL;
	if (!link_fits(k, h, link) || bpf_link__update_program(link, prog) < 0) {
		bpf_link__destroy(link);
		return NULL;
	}
	return link;
}

bool kern_pin_kept(const struct kern *k, enum kern_part part)
{
	char path[PATH_MAX + 32];
	for (size_t i = 0; i < kern_hook_count; i++) {
		snprintf(path, sizeof(path), "%s/link_%s", k->dir, kern_hooks[i].prog);
		if (kern_hooks[i].part == part && access(path, F_OK) < 0)
			return false;
	}
	return true;
}

int kern_pin_hook(struct kern *k, size_t row, char *why, size_t len)
{
	const struct kern_hook *h = &kern_hooks[row];
	char path[PATH_MAX + 32];
	int r;
	struct bpf_program *prog = bpf_object__find_program_by_name(k->obj[h->part], h->prog);
	if (!prog)
		return kern_load_say(why, len, -ENOENT, "the program %s", h->prog);
	snprintf(path, sizeof(path), "%s/link_%s", k->dir, h->prog);
	k->link[row] = adopt(k, h, prog, path);
	if (k->link[row])
		return 0;
	struct bpf_link *link = h->type < 0 ? bpf_program__attach(prog) : bpf_program__attach_cgroup(prog, k->cgroup);
	if (!link)
		return kern_load_say(why, len, -errno, "cannot attach %s; %s", h->title, h->lost);
	/* The new one is attached; only now may what an earlier run left here go. */
	unlink(path);
	r = bpf_link__pin(link, path);
	if (r < 0) {
		bpf_link__destroy(link);
		return kern_load_say(why, len, r, "cannot pin %s", path);
	}
	k->link[row] = link;
	return 0;
}

/* Detach explicitly: somebody may still hold the link open. */
static void drop_pin(const char *path, const char *name)
{
	if (strncmp(name, "link_", 5) == 0) {
		int fd = bpf_obj_get(path);
		if (fd >= 0) {
			bpf_link_detach(fd);
			close(fd);
		}
	}
	if (unlink(path) < 0 && errno != EPERM) /* the kernel's own files in a bpffs cannot be removed, and need not */
		log_warning("cannot remove %s: %s", path, strerror(errno));
}

static int drop_dir(const char *dir)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(dir);
	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		int n = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		if (e->d_type == DT_DIR)
			drop_dir(path);
		else
			drop_pin(path, e->d_name);
	}
	closedir(d);
	return rmdir(dir) < 0 ? -errno : 0;
}

void kern_pin_drop(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (drop_dir(path) == -ENOTDIR)
		drop_pin(path, slash ? slash + 1 : path);
}

int kern_teardown(const char *bpffs)
{
	if (!on_bpffs(bpffs))
		return -ENOENT;
	int r = drop_dir(bpffs);
	if (r != -EBUSY)
		return r;
	/* A mount point of its own, made by make_bpffs(). */
	if (umount2(bpffs, MNT_DETACH) < 0)
		return -errno;
	return rmdir(bpffs) < 0 ? -errno : 0;
}
