/*
 * kern_maps.c - what user space writes into the maps: settings, users, ports, destinations, marks, heartbeats.
 * Floor: kern.      Sets are replaced by adding first and removing afterwards: nothing governed is ever missing in between.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mtime.h"
#include "kern/kern_internal.h"

enum { KEY_MAX = 32, USERS_MAX = 4096, DESTS_MAX = 16384, PROCS_MAX = 65536, RESOLVERS_MAX = 64, BATCH = 2048, ADDR_BITS = 128, PORT_BITS = 16 };

int kern_maps_fd(const struct kern *k, const char *name)
{
	for (int i = 0; i < PART_COUNT; i++) {
		struct bpf_map *m = k->obj[i] ? bpf_object__find_map_by_name(k->obj[i], name) : NULL;
		if (m)
			return bpf_map__fd(m);
	}
	return -1;
}

static int put_one(const struct kern *k, const char *map, const void *value)
{
	uint32_t zero = 0;
	return bpf_map_update_elem(kern_maps_fd(k, map), &zero, value, BPF_ANY) < 0 ? -errno : 0;
}

static int compare_keys(const void *a, const void *b, void *size)
{
	return memcmp(a, b, *(const size_t *)size);
}

static bool has_key(const char *sorted, size_t n, size_t size, const void *key)
{
	size_t low = 0;
	while (low < n) {
		size_t mid = low + (n - low) / 2;
		int c = memcmp(sorted + mid * size, key, size);
		if (c == 0)
			return true;
		if (c < 0)
			low = mid + 1;
		else
			n = mid;
	}
	return false;
}

/* Delete every key of the map that is not among ${wanted}.  Deleting restarts an iteration, so gather first. */
int kern_maps_prune(int fd, const void *wanted, size_t n, size_t size, size_t max)
{
	char *old = malloc(max * size), *key = NULL, *keys = malloc(n * size + 1);
	size_t have = 0;
	if (!old || !keys) {
		free(old);
		free(keys);
		return -ENOMEM;
	}
	if (n)
		memcpy(keys, wanted, n * size);
	qsort_r(keys, n, size, compare_keys, &size);
	while (have < max && bpf_map_get_next_key(fd, key, old + have * size) == 0)
		key = old + have++ * size;
	for (size_t i = 0; i < have; i++)
		if (!has_key(keys, n, size, old + i * size))
			bpf_map_delete_elem(fd, old + i * size);
	free(old);
	free(keys);
	return 0;
}

static int put_users(const struct kern *k, const struct kern_conf *conf)
{
	int fd = kern_maps_fd(k, "cg_users");
	uint32_t one = 1;
	if (conf->user_count > USERS_MAX)
		return -ERR_RANGE;
	for (size_t i = 0; i < conf->user_count; i++)
		if (bpf_map_update_elem(fd, &conf->users[i], &one, BPF_ANY) < 0)
			return -errno;
	return kern_maps_prune(fd, conf->users, conf->user_count, sizeof(uint32_t), USERS_MAX);
}

int kern_maps_watched(struct kern *k, uint32_t since_s)
{
	struct cg_conf c;
	uint32_t zero = 0;
	int fd = kern_maps_fd(k, "cg_conf");
	if (bpf_map_lookup_elem(fd, &zero, &c) < 0)
		return -errno;
	if (since_s)
		c.watched_s = since_s;
	k->watched_s = c.watched_s;
	return since_s ? put_one(k, "cg_conf", &c) : 0;
}

static int put_ports(const struct kern *k, const struct kern_conf *conf)
{
	struct cg_ports p = {{0}};
	for (size_t i = 0; i < conf->port_count; i++)
		p.bits[conf->ports[i] / 64] |= (uint64_t)1 << conf->ports[i] % 64;
	return put_one(k, "cg_ports", &p);
}

int kern_configure(struct kern *k, const struct kern_conf *conf)
{
	if (conf->slots > CG_SLOTS || conf->port_base + conf->slots > 65536)
		return -ERR_RANGE;
	struct cg_conf c = {
	    .own_cgroup = conf->own_cgroup,
	    .port_base = conf->port_base,
	    .slots = conf->slots,
	    .redirect_all = conf->redirect_all,
	    .generation = conf->generation,
	    .scope = conf->scope,
	    .watched_s = k->watched_s,
	};
	int r = put_one(k, "cg_conf", &c);
	if (r == 0)
		r = put_ports(k, conf);
	if (r == 0)
		r = put_users(k, conf);
	if (r == 0)
		k->slots = conf->slots;
	return r;
}

static struct cg_dest dest_key(const struct kern_dest *d)
{
	static const uint8_t any[16];
	struct cg_dest key = {.port = __builtin_bswap16(d->port), .prefix = PORT_BITS};
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		key.port = d->port;
	if (memcmp(d->addr, any, 16) == 0)
		return key;
	key.prefix += d->prefix;
	/* Bits behind the prefix are zero, so that equal rules are equal bytes. */
	for (unsigned i = 0; i < ADDR_BITS; i++)
		if (i < d->prefix)
			key.addr[i / 8] |= (uint8_t)(d->addr[i / 8] & 0x80u >> i % 8);
	return key;
}

int kern_dests(struct kern *k, const struct kern_dest *dests, size_t n)
{
	int fd = kern_maps_fd(k, "cg_dests"), r = 0;
	struct cg_dest *keys = n ? calloc(n, sizeof(*keys)) : NULL;
	if (n > DESTS_MAX || (n && !keys)) {
		free(keys);
		return n > DESTS_MAX ? -ERR_RANGE : -ENOMEM;
	}
	for (size_t i = 0; i < n && r == 0; i++) {
		keys[i] = dest_key(&dests[i]);
		uint32_t prefix = keys[i].prefix - PORT_BITS;
		if (dests[i].prefix > ADDR_BITS)
			r = -ERR_RANGE;
		else if (bpf_map_update_elem(fd, &keys[i], &prefix, BPF_ANY) < 0)
			r = -errno;
	}
	if (r == 0)
		r = kern_maps_prune(fd, keys, n, sizeof(*keys), DESTS_MAX);
	free(keys);
	return r;
}

int kern_resolvers(struct kern *k, const struct cg_addr *list, size_t n)
{
	int fd = kern_maps_fd(k, "cg_resolvers");
	uint32_t one = 1;
	for (size_t i = 0; i < n; i++)
		if (bpf_map_update_elem(fd, &list[i], &one, BPF_ANY) < 0)
			return -errno;
	return kern_maps_prune(fd, list, n, sizeof(*list), RESOLVERS_MAX);
}

/* Where in the process's ancestry ${id} is: 0 itself, 1 its parent at birth, ...; -1: nowhere. */
static int depth_of(const struct cg_proc *p, uint32_t tgid, uint64_t id)
{
	if (cg_proc_id(tgid, p->start_ns) == id)
		return 0;
	for (int i = 0; i < CG_ANCESTORS && p->ancestor[i]; i++)
		if (p->ancestor[i] == id)
			return i + 1;
	return -1;
}

/* Is a root, living or dead, between the process and the ancestor at ${depth}? */
static bool nearer_root(int marks, const struct cg_proc *p, uint32_t tgid, int depth)
{
	struct cg_mark m;
	for (int i = 0; i < depth; i++) {
		uint64_t id = i ? p->ancestor[i - 1] : cg_proc_id(tgid, p->start_ns);
		bool dead = p->mark.cls && (id & 1023) == (p->mark.root & 1023);
		if (dead || bpf_map_lookup_elem(marks, &id, &m) == 0)
			return true;
	}
	return false;
}

/* As it is now: what told us of the process may be old. */
static void spread_to(int procs, int marks, uint32_t tgid, uint64_t id, const struct cg_mark *mark)
{
	struct cg_proc p;
	int depth = bpf_map_lookup_elem(procs, &tgid, &p) < 0 ? -1 : depth_of(&p, tgid, id);
	if (depth < 0 || nearer_root(marks, &p, tgid, depth) || (!mark->cls && p.mark.root != mark->root))
		return;
	p.mark = *mark;
	bpf_map_update_elem(procs, &tgid, &p, BPF_EXIST);
}

/*
 * Give the mark to every known process of the tree; the nearest root counts.  A process born meanwhile is entered first and looks for
 * the mark afterwards, so one of the two finds it.  Many at once: a user may have thousands of processes, and start an agent again and again.
 */
static void spread(int procs, int marks, uint64_t id, const struct cg_mark *mark)
{
	static uint32_t tgid[BATCH];
	static struct cg_proc p[BATCH];
	uint32_t place, *from = NULL, n;
	int r;
	do {
		n = BATCH;
		r = bpf_map_lookup_batch(procs, from, &place, tgid, p, &n, NULL);
		if (r < 0 && r != -ENOENT)
			log_error("not every child of process %u is marked: %s", mark->root, strerror(-r));
		for (uint32_t i = 0; (r == 0 || r == -ENOENT) && i < n; i++)
			if (depth_of(&p[i], tgid[i], id) >= 0)
				spread_to(procs, marks, tgid[i], id, mark);
		from = &place;
	} while (r == 0);
}

/* Does the process stand in the tree of an agent that is not itself? */
static bool of_an_agent(int procs, int marks, uint32_t tgid, uint64_t start_ns)
{
	struct cg_proc p;
	struct cg_mark m;
	if (bpf_map_lookup_elem(procs, &tgid, &p) < 0 || p.start_ns != start_ns)
		return false;
	if (p.mark.cls == CG_CLASS_AGENT && p.mark.root != tgid)
		return true;
	for (int i = 0; i < CG_ANCESTORS && p.ancestor[i]; i++)
		if (bpf_map_lookup_elem(marks, &p.ancestor[i], &m) == 0)
			return m.cls == CG_CLASS_AGENT;
	return false;
}

/* Without tracing nobody takes away the marks of the dead. */
static void forget_dead(int fd)
{
	uint64_t id, last, *prev = NULL;
	struct cg_mark m;
	for (size_t i = 0; i < PROCS_MAX && bpf_map_get_next_key(fd, prev, &id) == 0; i++) {
		if (bpf_map_lookup_elem(fd, &id, &m) == 0 && kill((pid_t)m.root, 0) < 0 && errno == ESRCH) {
			bpf_map_delete_elem(fd, &id);
			continue;
		}
		last = id;
		prev = &last;
	}
}

/* Who has looked for marks looks again when their number has changed. */
static int give(const struct kern *k, int fd, uint64_t id, const struct cg_mark *mark)
{
	uint32_t zero = 0;
	uint64_t given;
	if (bpf_map_update_elem(fd, &id, mark, BPF_ANY) < 0) {
		forget_dead(fd);
		if (bpf_map_update_elem(fd, &id, mark, BPF_ANY) < 0)
			return -errno;
	}
	if (bpf_map_lookup_elem(kern_maps_fd(k, "cg_given"), &zero, &given) < 0)
		return -errno;
	given++;
	return put_one(k, "cg_given", &given);
}

int kern_mark(struct kern *k, uint32_t tgid, uint64_t start_ns, uint32_t cls, uint32_t label)
{
	int fd = kern_maps_fd(k, "cg_marks"), procs = kern_maps_fd(k, "cg_procs");
	uint64_t id = cg_proc_id(tgid, start_ns);
	struct cg_mark mark = {.cls = cls, .label = label, .root = tgid};
	/* Nobody becomes less than an agent by starting an editor. */
	if (cls == CG_CLASS_EDITOR && of_an_agent(procs, fd, tgid, start_ns))
		return 0;
	/* Where this fails the agent is refused its sockets, and asks.  It is an agent all the same. */
	if (cls == CG_CLASS_AGENT && kern_net_cover(k, tgid) < 0)
		log_detail("the egress hook does not see process %u", tgid);
	if (cls == CG_CLASS_NONE) {
		bpf_map_delete_elem(fd, &id);
	} else {
		int r = give(k, fd, id, &mark);
		if (r < 0)
			return r;
	}
	spread(procs, fd, id, &mark);
	return 0;
}

void kern_alive(struct kern *k, uint32_t slot)
{
	if (slot < CG_SLOTS)
		__atomic_store_n(&k->beats->ns[slot], mono_now().ns, __ATOMIC_RELAXED);
}

void kern_dead(struct kern *k, uint32_t slot)
{
	if (slot < CG_SLOTS)
		__atomic_store_n(&k->beats->ns[slot], 0, __ATOMIC_RELAXED);
}

uint64_t kern_silent_ms(const struct kern *k, uint32_t slot)
{
	uint64_t beat = slot < CG_SLOTS ? __atomic_load_n(&k->beats->ns[slot], __ATOMIC_RELAXED) : 0;
	return beat ? mono_since_us((struct mono){beat}, mono_now()) / 1000 : 0;
}
