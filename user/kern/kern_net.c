/*
 * kern_net.c - where the egress hook sits.  Even an empty program there costs each packet a call, so it is attached only at the cgroups in which
 * agents are, two levels below the root (/user.slice/user-1000.slice: from there an unprivileged process cannot move itself), and before one
 * is marked.  It stays until the cgroup goes.  Where that does not work it is attached at the root.
 * Floor: kern.      The kernel side refuses an agent a socket in any other cgroup, and asks; see bpf/lib/net.bpf.h.
 *
 *   cg_nets: ids of these cgroups; beside the other pins link_egress_ID: their links, link_cg_egress: that of the root
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "kern/kern_internal.h"

enum { LEVELS = 2, NETS_MAX = CG_NETS - 1 }; /* one place is the root's */

static const char pin_name[] = "link_egress_";

static void pin_of(const struct kern *k, uint64_t id, char path[PATH_MAX + 64])
{
	snprintf(path, PATH_MAX + 64, "%s/%s%llu", k->dir, pin_name, (unsigned long long)id);
}

static struct bpf_program *program(const struct kern *k)
{
	return bpf_object__find_program_by_name(k->obj[PART_EGRESS], "cg_egress");
}

static int enter(const struct kern *k, uint64_t id)
{
	uint32_t one = 1;
	return bpf_map_update_elem(kern_maps_fd(k, "cg_nets"), &id, &one, BPF_ANY) < 0 ? -errno : 0;
}

/* The id of the cgroup that the link sits at; 0: it was removed, and its last socket is gone. */
static uint64_t seat(struct bpf_link *link)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	return bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len) < 0 ? 0 : info.cgroup.cgroup_id;
}

static void let_go(struct kern *k, struct kern_net *n)
{
	char path[PATH_MAX + 64];
	pin_of(k, n->id, path);
	bpf_map_delete_elem(kern_maps_fd(k, "cg_nets"), &n->id);
	bpf_link_detach(bpf_link__fd(n->link));
	unlink(path);
	bpf_link__destroy(n->link);
	*n = k->nets[--k->net_count];
}

/* A removed cgroup keeps its programs as long as it has a socket. */
static void sweep(struct kern *k)
{
	for (size_t i = k->net_count; i-- > 0;)
		if (seat(k->nets[i].link) == 0)
			let_go(k, &k->nets[i]);
}

static size_t egress_row(void)
{
	size_t row = 0;
	while (kern_hooks[row].part != PART_EGRESS)
		row++;
	return row;
}

static int at_root(struct kern *k, char *why, size_t len)
{
	size_t row = egress_row();
	if (k->link[row])
		return 0;
	int r = kern_pin_hook(k, row, why, len);
	if (r == 0)
		r = enter(k, k->cgroup_id);
	/* The root's program sees their packets from now on. */
	while (r == 0 && k->net_count > 0)
		let_go(k, &k->nets[0]);
	return r;
}

static int everywhere(struct kern *k)
{
	char why[512] = "";
	int r = at_root(k, why, sizeof(why));
	if (r < 0)
		log_error("agents' sockets are refused, as the egress hook cannot be attached: %s", why);
	return r;
}

static int attach_at(struct kern *k, int dir, uint64_t id)
{
	char path[PATH_MAX + 64];
	if (k->net_count == NETS_MAX)
		sweep(k);
	if (k->net_count == NETS_MAX)
		return -ENOSPC;
	pin_of(k, id, path);
	struct bpf_link *link = bpf_program__attach_cgroup(program(k), dir);
	if (!link)
		return -errno;
	int r = bpf_link__pin(link, path);
	if (r == 0)
		r = enter(k, id);
	if (r < 0) {
		unlink(path);
		bpf_link__destroy(link);
		return r;
	}
	k->nets[k->net_count++] = (struct kern_net){id, link};
	return 0;
}

static bool sits(const struct kern *k, uint64_t id)
{
	for (size_t i = 0; i < k->net_count; i++)
		if (k->nets[i].id == id)
			return true;
	return false;
}

int kern_net_cover(struct kern *k, uint32_t tgid)
{
	struct stat st;
	if (k->link[egress_row()])
		return 0;
	int dir = kern_cgroup_of(k, tgid, LEVELS);
	/* Its children ask when they are refused.  Outside of our cgroup no hook of ours is met. */
	if (dir == -ESRCH || dir == -EXDEV)
		return dir;
	int r = dir < 0 ? dir : fstat(dir, &st) < 0 ? -errno : 0;
	if (r == 0 && st.st_ino == k->cgroup_id)
		r = -ENOENT;
	if (r == 0 && !sits(k, st.st_ino))
		r = attach_at(k, dir, st.st_ino);
	fd_close(&dir);
	return r < 0 ? everywhere(k) : 0;
}

void kern_net_asked(struct kern *k, const struct cg_ask *ask)
{
	/* What fails is said there, and asked for again. */
	int r = ask->netns == CG_ASK_NET ? kern_net_cover(k, ask->tgid) : everywhere(k);
	if (r < 0)
		log_detail("an agent's socket was refused, process %u: %s", ask->tgid, err_text(r));
}

int kern_net_check(struct kern *k, bool given)
{
	ssize_t r = kern_iterate(k, "cg_unseen");
	if (r == -ENOENT && !given)
		return 0;
	/* Not knowing is as bad as knowing that there are some. */
	return r == 0 ? 0 : everywhere(k);
}

/* A link of an earlier run: its place gets the new program without a gap. */
static void adopt(struct kern *k, const char *name)
{
	char path[PATH_MAX + 256];
	snprintf(path, sizeof(path), "%s/%s", k->dir, name);
	struct bpf_link *link = bpf_link__open(path);
	uint64_t id = link ? seat(link) : 0;
	if (id == strtoull(name + strlen(pin_name), NULL, 10) && id && k->net_count < NETS_MAX &&
	    bpf_link__update_program(link, program(k)) == 0 && enter(k, id) == 0) {
		k->nets[k->net_count++] = (struct kern_net){id, link};
		return;
	}
	if (link)
		bpf_link_detach(bpf_link__fd(link));
	unlink(path);
	bpf_link__destroy(link);
}

int kern_net_begin(struct kern *k, char *why, size_t len)
{
	char root[PATH_MAX + 64];
	uint64_t ids[CG_NETS];
	struct dirent *e;
	size_t n = 0;
	DIR *d = opendir(k->dir);
	while (d && (e = readdir(d)))
		if (strncmp(e->d_name, pin_name, strlen(pin_name)) == 0)
			adopt(k, e->d_name);
	if (d)
		closedir(d);
	for (; n < k->net_count; n++)
		ids[n] = k->nets[n].id;
	snprintf(root, sizeof(root), "%s/link_%s", k->dir, kern_hooks[egress_row()].prog);
	/* Of the agents that an earlier set hands over nobody has said where they are. */
	int r = access(root, F_OK) == 0 || k->old_count > 0 ? at_root(k, why, len) : 0;
	if (k->link[egress_row()]) {
		ids[0] = k->cgroup_id;
		n = 1;
	}
	return r < 0 ? r : kern_maps_prune(kern_maps_fd(k, "cg_nets"), ids, n, sizeof(ids[0]), CG_NETS);
}

void kern_net_say(const struct kern *k, char *note, size_t len)
{
	size_t at = strlen(note);
	const char *between = at ? ", " : "";
	if (k->link[egress_row()])
		snprintf(note + at, len - at, "%sat the root", between);
	else
		snprintf(note + at, len - at, "%sat cgroups with agents: %zu", between, k->net_count);
}

void kern_net_end(struct kern *k)
{
	while (k->net_count > 0)
		bpf_link__destroy(k->nets[--k->net_count].link);
}
