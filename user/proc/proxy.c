/*
 * proxy.c - the main of callgate-proxy: gathers descriptors, builds the worker, enters the sandbox, runs.
 * Process: callgate-proxy, one per worker slot, own uid, no capability.
 * Links with neither libbpf nor the vault: it can look a flow up and ask for a lease, and that is all.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/secret.h"
#include "codec/json.h"
#include "gate/flow.h"
#include "gate/gate.h"
#include "proc/child.h"
#include "policy/argmac.h"
#include "proc/proxy_limits.h"

enum { CONNS_MIN = 64, CONNS_MAX = 131072, FILES_BESIDE = 2048, TRUST_MAX = 16 << 20, CONF_NODES = 64, BEAT_MS = 500, EARLIER_BEATS = 40 };
#define HELD_MAX (1ull << 40)

static struct child child;
static struct gate *gate;
static struct cg_beats *beats; /* mapped */
static struct timer beat_timer;
static bool counts_wait; /* the counters' file may be older than the audit: what was charged comes first */

static void __attribute__((noreturn)) fatal(const char *what, int err)
{
	log_error("%s: %s", what, err_text(err));
	exit(1);
}

static struct accepted {
	int now, earlier; /* maps; ${earlier} is of programs of another layout, which are not attached for long; -1: none */
	unsigned beats;   /* until it is let go */
} accepted = {-1, -1, EARLIER_BEATS};

static int flow_of(void *arg, int fd, struct cg_flow *out)
{
	const struct accepted *a = arg;
	int r = flow_lookup(a->now, fd, out);
	return r == -ERR_NO_RECORD && a->earlier >= 0 ? flow_lookup(a->earlier, fd, out) : r;
}

/* 0: not said.  callgated has looked at it. */
static uint64_t number_of(const struct json_doc *doc, struct view name, uint64_t max)
{
	const struct json_node *n = json_get(doc, &doc->node[0], name);
	struct view v = n && n->type == JSON_NUMBER ? json_raw(doc, n) : view_of(NULL, 0);
	uint64_t out = 0;

	for (size_t i = 0; i < v.n && v.p[i] >= '0' && v.p[i] <= '9' && out < max; i++)
		out = 10 * out + (v.p[i] - '0');
	return out;
}

static void read_conf(struct gate_conf *conf)
{
	static const struct {
		const char *name;
		enum gate_strict strict;
	} modes[] = {{"async", GATE_ASYNC}, {"class", GATE_CLASS}, {"all", GATE_ALL}};
	struct json_node nodes[CONF_NODES];
	struct json_doc doc;

	int r = json_scan(&doc, view_str(child.conf), nodes, CONF_NODES, NULL);
	if (r)
		fatal("settings from callgated", r);
	/* What is not said, or not known, is the strictest. */
	conf->strict = GATE_ALL;
	const struct json_node *strict = json_get(&doc, &nodes[0], VIEW_LIT("strict"));
	for (size_t i = 0; strict && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (json_str_eq(&doc, strict, view_str(modes[i].name)))
			conf->strict = modes[i].strict;
	conf->conns = (uint32_t)number_of(&doc, VIEW_LIT("connections"), CONNS_MAX);
	conf->workers = (uint32_t)number_of(&doc, VIEW_LIT("workers"), CG_SLOTS);
	conf->held_max = (size_t)number_of(&doc, VIEW_LIT("held_bytes"), HELD_MAX);
	const struct json_node *mode = json_get(&doc, &nodes[0], VIEW_LIT("mode"));
	conf->observe = mode && json_str_eq(&doc, mode, VIEW_LIT("observe"));
	const struct json_node *charges = json_get(&doc, &nodes[0], VIEW_LIT("charges"));
	counts_wait = !charges || charges->type != JSON_FALSE;
}

/* A connection costs two descriptors, and a quarter of that for those that are being closed. */
static void fit_files(struct gate_conf *conf)
{
	struct rlimit have;

	if (getrlimit(RLIMIT_NOFILE, &have) || have.rlim_cur >= FILES_BESIDE + 5 * (rlim_t)conf->conns / 2)
		return;
	conf->conns = have.rlim_cur > FILES_BESIDE + 3 * CONNS_MIN ? (uint32_t)((have.rlim_cur - FILES_BESIDE) / 5 * 2) : CONNS_MIN;
	log_warning("the limit of open files (%llu) leaves room for %u connections only: raise it (LimitNOFILE in the unit) or set \"connections\"",
	    (unsigned long long)have.rlim_cur, conf->conns);
}

/* The ring's identity is in the M_FD frame, not in the file. */
static uint64_t ring_id(void)
{
	for (size_t i = 0; i < child.fds; i++)
		if (child.fd[i].what.what == FD_RING && child.fd[i].what.slot == child.slot)
			return child.fd[i].what.ring;
	return 0;
}

static void open_ring(struct gate_conf *conf)
{
	conf->ring_id = ring_id();
	int data = child_take_fd(&child, FD_RING, child.slot), ack = child_take_fd(&child, FD_RING_ACK, child.slot);
	int bell = child_take_fd(&child, FD_RING_BELL, child.slot);
	conf->ackbell = child_take_fd(&child, FD_RING_ACKBELL, child.slot);
	if (data < 0 || ack < 0 || bell < 0 || !conf->ring_id)
		fatal("callgated sent no record ring", -ERR_UNAVAILABLE);
	int r = shring_writer(data, ack, bell, &conf->ring);
	if (r)
		fatal("the record ring", r);
}

/* NULL: digests of arguments are not wanted. */
static const uint8_t *arg_key(void)
{
	struct secret *kept; /* for the life of this process */
	uint8_t key[ARGMAC_KEY];
	int fd = child_take_fd(&child, FD_ARG_KEY, 0);

	if (fd < 0)
		return NULL;
	if (pread(fd, key, sizeof(key), 0) != (ssize_t)sizeof(key))
		fatal("the key of the digests of arguments", -ERR_CORRUPT);
	fd_close(&fd);
	kept = secret_new(view_of(key, sizeof(key)));
	explicit_bzero(key, sizeof(key));
	if (!kept)
		fatal("the key of the digests of arguments", -ENOMEM);
	return secret_view(kept).p;
}

static void open_beats(void)
{
	int fd = child_take_fd(&child, FD_BEATS, 0);
	void *mem = mmap(NULL, sizeof(*beats), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED || child.slot >= CG_SLOTS)
		fatal("the map of heartbeats", mem == MAP_FAILED ? -errno : -ERR_RANGE);
	beats = mem;
	fd_close(&fd);
}

/* What `callgate status` shows of this worker; said when it has changed. */
static void tell_counts(void)
{
	static struct m_worker told;
	struct m_worker m = {.too_heavy = gate_too_heavy(gate), .elsewhere = gate_elsewhere(gate)};

	if (memcmp(&m, &told, sizeof(m)) != 0 && edge_send(&child.sup, M_WORKER, 0, view_of(&m, sizeof(m)), -1) == 0)
		told = m;
}

/* From the loop: a worker that hangs falls silent, and the kernel side sends nobody to it. */
static void on_beat(void *arg)
{
	(void)arg;
	__atomic_store_n(&beats->ns[child.slot], mono_now().ns, __ATOMIC_RELAXED);
	if (accepted.beats && --accepted.beats == 0)
		fd_close(&accepted.earlier);
	tell_counts();
	int r = timer_set(gate_loop(gate), &beat_timer, BEAT_MS, on_beat, NULL);
	if (r)
		fatal("the heartbeat", r);
}

static void adopt_edges(void)
{
	static const enum party peers[] = {P_VAULT, P_ADMIN, P_IDENT, P_FETCH};

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		struct edge e;
		if (child_take_edge(&child, peers[i], 0, &e))
			gate_edge(gate, &e);
	}
}

/* Of what comes after the start only listeners of other network namespaces are for a worker. */
static void drop_fds(void)
{
	int door;

	while ((door = child_take_fd(&child, FD_LISTEN_NS, child.slot)) >= 0)
		gate_door(gate, door);
	while (child.fds)
		fd_close(&child.fd[--child.fds].fd);
}

static void on_sup(void *arg, int fd)
{
	struct frame f;
	int r;

	(void)arg;
	while ((r = edge_recv(&child.sup, &f)) > 0) {
		if (child_frame(&child, &f)) {
			adopt_edges();
			proxy_limits_turn(&child, gate);
			drop_fds();
		} else if (f.type == M_STOP) {
			gate_stop(gate);
		}
	}
	if (r < 0) {
		log_notice("callgated has gone: stopping");
		loop_unwatch(gate_loop(gate), fd);
		gate_stop(gate);
	}
}

static int make_helper(void *arg)
{
	return gate_helper(arg);
}

int main(int argc, char **argv)
{
	struct gate_conf conf = {.flow = flow_of, .flow_arg = &accepted};
	char why[256] = "";

	child_boot(P_PROXY, argc, argv, &child);
	read_conf(&conf);
	fit_files(&conf);
	conf.slot = child.slot;
	conf.listen4 = child_take_fd(&child, FD_LISTEN4, child.slot);
	conf.listen6 = child_take_fd(&child, FD_LISTEN6, child.slot);
	accepted.now = child_take_fd(&child, FD_ACCEPTED, 0);
	accepted.earlier = child_take_fd(&child, FD_ACCEPTED, 1);
	if (conf.listen4 < 0 || accepted.now < 0)
		fatal("callgated sent no listener or no map", -ERR_UNAVAILABLE);
	conf.arg_key = arg_key();
	int trust = child_take_fd(&child, FD_TRUST, 0);
	int r = trust < 0 ? -ERR_UNAVAILABLE : fd_map_sealed(trust, TRUST_MAX, &conf.trust);
	if (r)
		fatal("the bundle of trusted roots", r);
	fd_close(&trust);
	open_ring(&conf);
	proxy_limits_open(&child, counts_wait);
	open_beats();
	r = gate_new(&conf, why, sizeof(why), &gate);
	if (r) {
		log_error("cannot start (%s): %s", err_text(r), why);
		return 1;
	}
	proxy_limits_turn(&child, gate);
	drop_fds();
	r = loop_watch(gate_loop(gate), child.sup.fd, on_sup, NULL);
	if (r)
		fatal("the channel to callgated", r);
	child.helper = make_helper;
	child.helper_arg = gate;
	child.uring_tried = true;
	child.uring_refused = loop_probe(gate_loop(gate), IORING_OP_OPENAT) == -EACCES;
	child_ready(&child, loop_ring_fd(gate_loop(gate)));
	adopt_edges();
	on_beat(NULL);
	r = gate_run(gate);
	gate_free(&gate);
	shring_free(&conf.ring);
	proxy_limits_close();
	return r ? 1 : 0;
}
