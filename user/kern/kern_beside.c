/*
 * kern_beside.c - sets of programs and maps of another layout, left by an earlier version: ours is attached beside them, takes over what they know, and
 * they go when nothing is left to do for them.
 * Floor: kern.
 *
 * A set of our own ABI version, whose maps differ in number or size alone, hands over: who is an agent, where registered servers are, which workers live.
 * Then it decides nothing any more; what it redirected before is still handed to the workers, and its packets are still checked.  A set of
 * another ABI version cannot be read: it stays whole, and refuses agents when its heartbeats are stale, until ours knows them by itself.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kern/kern_internal.h"

enum { KEYS_MAX = 65536, KEY_LEN = 32, VALUE_LEN = 256 };

/* Of a set that hands over, these stay until the end: records on their way, names of peers, labels. */
static const char *const kept[] = {"link_cg_sockops", "link_cg_peername4", "link_cg_peername6", "link_cg_egress", "link_egress_"};

static bool has_links(const char *dir)
{
	struct dirent *e;
	bool any = false;
	DIR *d = opendir(dir);
	while (d && (e = readdir(d)))
		any |= strncmp(e->d_name, "link_", 5) == 0;
	if (d)
		closedir(d);
	return any;
}

void kern_beside_find(struct kern *k)
{
	char path[sizeof(k->old[0].dir)], mine[16];
	struct dirent *e;
	DIR *d = opendir(k->bpffs);
	int len = snprintf(mine, sizeof(mine), "v%d", CG_ABI_VERSION);
	while (d && (e = readdir(d))) {
		int n = snprintf(path, sizeof(path), "%s/%s", k->bpffs, e->d_name);
		if (e->d_type != DT_DIR || e->d_name[0] != 'v' || n < 0 || (size_t)n >= sizeof(path) || strcmp(path, k->dir) == 0)
			continue;
		if (k->old_count == KERN_OLD || !has_links(path)) {
			log_notice("removing programs or maps that nothing uses, %s", path);
			kern_pin_drop(path);
			continue;
		}
		struct kern_old *o = &k->old[k->old_count++];
		memcpy(o->dir, path, (size_t)n + 1);
		o->readable = strncmp(e->d_name, mine, (size_t)len) == 0 && (e->d_name[len] == '-' || !e->d_name[len]);
	}
	if (d)
		closedir(d);
}

/* The map of an earlier set, if it is like ours; else -1. */
static int open_like(const struct kern *k, const struct kern_old *o, const char *name)
{
	struct bpf_map_info theirs = {0}, ours = {0};
	uint32_t a = sizeof(theirs), b = sizeof(ours);
	char path[PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/%s", o->dir, name);
	int fd = o->readable ? bpf_obj_get(path) : -1;
	if (fd < 0)
		return -1;
	if (bpf_obj_get_info_by_fd(fd, &theirs, &a) == 0 && bpf_obj_get_info_by_fd(kern_maps_fd(k, name), &ours, &b) == 0 &&
	    theirs.type == ours.type && theirs.key_size == ours.key_size && theirs.value_size == ours.value_size && ours.key_size <= KEY_LEN)
		return fd;
	close(fd);
	return -1;
}

_Static_assert(sizeof(struct cg_proc) <= VALUE_LEN && sizeof(struct cg_dest) <= KEY_LEN, "what is handed over fits");

/* ${fn} gets each key and value that the earlier set has. */
static void each(const struct kern *k, const struct kern_old *o, const char *name, void (*fn)(int from, int to, const void *key, void *value))
{
	_Alignas(8) uint8_t key[KEY_LEN], last[KEY_LEN], value[VALUE_LEN];
	void *prev = NULL;
	int from = open_like(k, o, name), to = kern_maps_fd(k, name);
	for (size_t i = 0; from >= 0 && i < KEYS_MAX && bpf_map_get_next_key(from, prev, key) == 0; i++) {
		memcpy(last, key, sizeof(last));
		prev = last;
		if (bpf_map_lookup_elem(from, key, value) == 0)
			fn(from, to, key, value);
	}
	if (from >= 0)
		close(from);
}

static void add(int from, int to, const void *key, void *value)
{
	(void)from;
	if (bpf_map_update_elem(to, key, value, BPF_NOEXIST) < 0 && errno != EEXIST)
		log_warning("an entry of the earlier set is lost: %s", strerror(errno));
}

/* What ours has learned by itself stays, but it cannot know of a tree whose root is gone. */
static void add_proc(int from, int to, const void *key, void *value)
{
	const struct cg_proc *old = value;
	struct cg_proc now;
	if (bpf_map_lookup_elem(to, key, &now) == 0 && (now.mark.cls || now.start_ns != old->start_ns))
		return;
	(void)bpf_map_update_elem(to, key, old, BPF_ANY);
	if (bpf_map_lookup_elem(from, key, &now) < 0)
		(void)bpf_map_delete_elem(to, key); /* it ended meanwhile */
}

/* Whoever has looked for marks looks again: the count is above that of every earlier set. */
static void count_marks(const struct kern *k, const struct kern_old *o)
{
	uint64_t theirs = 0, ours = 0;
	uint32_t zero = 0;
	int from = open_like(k, o, "cg_given"), to = kern_maps_fd(k, "cg_given");
	(void)bpf_map_lookup_elem(to, &zero, &ours);
	if (from >= 0) {
		(void)bpf_map_lookup_elem(from, &zero, &theirs);
		close(from);
	}
	ours = (theirs > ours ? theirs : ours) + 1;
	if (bpf_map_update_elem(to, &zero, &ours, BPF_ANY) < 0)
		log_warning("agents of the earlier set may be unknown until they are found again: %s", strerror(errno));
}

void kern_beside_learn(struct kern *k)
{
	for (size_t i = 0; i < k->old_count; i++) {
		each(k, &k->old[i], "cg_marks", add);
		count_marks(k, &k->old[i]);
		each(k, &k->old[i], "cg_dests", add);
		each(k, &k->old[i], "cg_resolvers", add);
	}
}

static void take_beats(struct kern *k, const struct kern_old *o)
{
	struct cg_beats beats;
	uint32_t zero = 0;
	int fd = open_like(k, o, "cg_beats");
	for (size_t i = 0; fd >= 0 && bpf_map_lookup_elem(fd, &zero, &beats) == 0 && i < CG_SLOTS; i++)
		if (!k->beats->ns[i])
			k->beats->ns[i] = beats.ns[i];
	if (fd >= 0)
		close(fd);
}

static void keep_only(const struct kern_old *o)
{
	char path[PATH_MAX + 256];
	struct dirent *e;
	DIR *d = opendir(o->dir);
	while (d && (e = readdir(d))) {
		bool keep = strncmp(e->d_name, "link_", 5) != 0;
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			keep |= strncmp(e->d_name, kept[i], strlen(kept[i])) == 0;
		snprintf(path, sizeof(path), "%s/%s", o->dir, e->d_name);
		if (!keep)
			kern_pin_drop(path);
	}
	if (d)
		closedir(d);
}

void kern_beside_take(struct kern *k)
{
	for (size_t i = 0; i < k->old_count; i++) {
		struct kern_old *o = &k->old[i];
		log_notice("programs of another layout are attached, %s: %s", o->dir, o->readable ? "they hand over" : "they stay until ours know the agents");
		if (!o->readable)
			continue;
		/* Twice: a child that is born during the first round, of a parent whose turn had not come, is in the earlier set's table. */
		each(k, o, "cg_procs", add_proc);
		each(k, o, "cg_procs", add_proc);
		take_beats(k, o);
		if (k->old_accepted < 0)
			k->old_accepted = open_like(k, o, "cg_accepted");
		if (k->old_client < 0)
			k->old_client = open_like(k, o, "cg_client");
		keep_only(o);
	}
}

bool kern_earlier(const struct kern *k)
{
	return k->old_count > 0;
}

int kern_earlier_fd(const struct kern *k)
{
	return k->old_accepted;
}

void kern_beside_close(struct kern *k)
{
	if (k->old_accepted >= 0)
		close(k->old_accepted);
	if (k->old_client >= 0)
		close(k->old_client);
	k->old_accepted = k->old_client = -1;
}

void kern_settle(struct kern *k)
{
	for (size_t i = 0; i < k->old_count; i++) {
		log_notice("the programs of another layout are not needed any more: %s is removed", k->old[i].dir);
		kern_pin_drop(k->old[i].dir);
	}
	k->old_count = 0;
	kern_beside_close(k);
}
