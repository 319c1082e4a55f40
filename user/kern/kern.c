/*
 * kern.c - the life of the BPF side: supported, setup, release, and what it says about itself.
 * Floor: kern.      Process: callgated, before it starts anybody else.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "kern/kern_internal.h"

/* First the receiving end, then the sending one: a redirect must never find the other half missing. */
const struct kern_hook kern_hooks[] = {
    {PART_SOCKOPS, "cg_sockops", "sockops", BPF_CGROUP_SOCK_OPS, "no record would reach a worker"},
    {PART_SOCKOPS, "cg_peername4", "cgroup/getpeername4", BPF_CGROUP_INET4_GETPEERNAME, "clients would see loopback as their peer"},
    {PART_SOCKOPS, "cg_peername6", "cgroup/getpeername6", BPF_CGROUP_INET6_GETPEERNAME, "clients would see loopback as their peer"},
    {PART_CONNECT, "cg_connect6", "cgroup/connect6", BPF_CGROUP_INET6_CONNECT, "IPv6 connections would pass unseen"},
    {PART_CONNECT, "cg_connect4", "cgroup/connect4", BPF_CGROUP_INET4_CONNECT, "IPv4 connections would pass unseen"},
    {PART_UDP, "cg_sendmsg6", "cgroup/sendmsg6", BPF_CGROUP_UDP6_SENDMSG, "IPv6 datagrams would pass unseen"},
    {PART_UDP, "cg_sendmsg4", "cgroup/sendmsg4", BPF_CGROUP_UDP4_SENDMSG, "IPv4 datagrams would pass unseen"},
    {PART_SOCKET, "cg_create", "cgroup/sock_create", BPF_CGROUP_INET_SOCK_CREATE, "agents could use protocols that no other hook sees"},
    {PART_SOCKET, "cg_bind4", "cgroup/bind4", BPF_CGROUP_INET4_BIND, "a worker's port could be taken while no worker runs"},
    {PART_SOCKET, "cg_bind6", "cgroup/bind6", BPF_CGROUP_INET6_BIND, "a worker's port could be taken while no worker runs"},
    {PART_SOCKET, "cg_setsockopt", "cgroup/setsockopt", BPF_CGROUP_SETSOCKOPT, "source routes would be met only by the net below"},
    {PART_EGRESS, "cg_egress", "cgroup_skb/egress", BPF_CGROUP_INET_EGRESS, "packets that no hook approved would leave"},
    {PART_DNS, "cg_dns_in", "cgroup_skb/ingress", BPF_CGROUP_INET_INGRESS, "addresses are not learned from DNS answers"},
    {PART_DNS, "cg_dns_conn4", "cgroup/connect4 dns", BPF_CGROUP_INET4_CONNECT, "addresses are not learned from DNS answers"},
    {PART_DNS, "cg_dns_conn6", "cgroup/connect6 dns", BPF_CGROUP_INET6_CONNECT, "addresses are not learned from DNS answers"},
    {PART_DNS, "cg_dns_send4", "cgroup/sendmsg4 dns", BPF_CGROUP_UDP4_SENDMSG, "addresses are not learned from DNS answers"},
    {PART_DNS, "cg_dns_send6", "cgroup/sendmsg6 dns", BPF_CGROUP_UDP6_SENDMSG, "addresses are not learned from DNS answers"},
    {PART_EXEC, "cg_exit", "tp_btf/sched_process_exit", -1, "the dead would fill the process table"},
    {PART_EXEC, "cg_fork", "tp_btf/sched_process_fork", -1, "children of agents are known only while their parents live"},
    {PART_EXEC, "cg_exec", "tp_btf/sched_process_exec", -1, "agents are found only when they connect"},
    {PART_DENY, "cg_family", "deny/socket_create", -1, "agents may use socket families that no other hook sees"},
    {PART_DENY, "cg_ptrace", "deny/ptrace_access_check", -1, "agents may debug other processes of their user"},
    {PART_DENY, "cg_engine", "deny/unix_stream_connect", -1, "agents may call container engines"},
};
const size_t kern_hook_count = sizeof(kern_hooks) / sizeof(kern_hooks[0]);

static bool needed(enum kern_part part)
{
	return part < PART_EXEC;
}

/* Since 5.11 BPF memory is charged to the cgroup; the limit matters only to locked memory of other kinds. */
static void raise_memlock(void)
{
	struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};
	if (setrlimit(RLIMIT_MEMLOCK, &r) < 0)
		log_detail("RLIMIT_MEMLOCK stays as it is: %s", strerror(errno));
}

static int load_all(struct kern *k, const struct kern *pins, char *why, size_t len)
{
	for (enum kern_part p = 0; p < PART_DENY; p++) {
		int r = kern_load_part(p, pins, &k->obj[p]);
		if (r == 0)
			continue;
		if (needed(p))
			return kern_load_say(why, len, r, "the kernel does not take the mandatory BPF programs (part %d)", (int)p);
		kern_load_say(k->exec_note, sizeof(k->exec_note), r, "not attached: children of agents are known only while their parents live");
	}
	if (pins)
		kern_deny_load(k);
	return 0;
}

static void unload_all(struct kern *k)
{
	for (size_t i = 0; i < kern_hook_count; i++)
		bpf_link__destroy(k->link[i]);
	for (int p = 0; p < PART_COUNT; p++)
		bpf_object__close(k->obj[p]);
}

/* Attach everything mandatory to a cgroup that nobody is in, and let it go again. */
static int try_attach(struct kern *k, int cgroup, char *why, size_t len)
{
	char name[64];
	int r = 0;
	snprintf(name, sizeof(name), "callgate-probe-%d", (int)getpid());
	if (mkdirat(cgroup, name, 0700) < 0)
		return kern_load_say(why, len, -errno, "cannot make a cgroup to try the hooks in");
	int fd = openat(cgroup, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; fd >= 0 && r == 0 && i < kern_hook_count; i++) {
		const struct kern_hook *h = &kern_hooks[i];
		if (h->type < 0)
			continue;
		struct bpf_program *prog = bpf_object__find_program_by_name(k->obj[h->part], h->prog);
		k->link[i] = prog ? bpf_program__attach_cgroup(prog, fd) : NULL;
		if (!k->link[i])
			r = kern_load_say(why, len, -ERR_NO_FEATURE, "the kernel refuses %s (%s): %s", h->title, strerror(errno), h->lost);
	}
	if (fd < 0)
		r = kern_load_say(why, len, -errno, "cannot open a cgroup to try the hooks in");
	else
		close(fd);
	unlinkat(cgroup, name, AT_REMOVEDIR);
	return r;
}

/* What kernels lack that are otherwise near enough. */
static int check_helpers(char *why, size_t len)
{
	static const struct {
		enum bpf_prog_type type;
		enum bpf_func_id helper;
		const char *what;
	} needs[] = {
	    {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_get_current_task_btf, "bpf_get_current_task_btf in connect hooks (no caller could be identified)"},
	    {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_ringbuf_reserve, "ring buffers (no event could be sent)"},
	    {BPF_PROG_TYPE_SOCK_OPS, BPF_FUNC_get_netns_cookie, "bpf_get_netns_cookie in sockops (no record could reach a worker)"},
	};
	size_t at = 0;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (libbpf_probe_bpf_helper(needs[i].type, needs[i].helper, NULL) != 0)
			continue;
		int n = snprintf(why + at, len - at, "%s%s", at ? ", " : "it lacks ", needs[i].what);
		at = n > 0 && at + (size_t)n < len ? at + (size_t)n : at;
	}
	return at ? -ERR_NO_FEATURE : 0;
}

static int check_basics(char *why, size_t len)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return kern_load_say(why, len, -ERR_NO_FEATURE,
		    "/sys/kernel/btf/vmlinux is missing (CONFIG_DEBUG_INFO_BTF): the programs cannot be fitted to this kernel, and no caller identified");
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "cg_probe", 4, 4, 1, NULL);
	if (fd < 0)
		return kern_load_say(why, len, -ERR_NO_FEATURE,
		    "bpf(2) is refused (%s): needs root, or CAP_BPF with CAP_NET_ADMIN and CAP_PERFMON; nothing can be redirected", strerror(errno));
	close(fd);
	return check_helpers(why, len);
}

static void name_kernel(char *why, size_t len)
{
	struct utsname u;
	char text[512];
	if (uname(&u) < 0)
		return;
	snprintf(text, sizeof(text), "%s", why);
	snprintf(why, len, "Linux %s: %s.  Linux 6.1 or later is needed", u.release, text);
}

int kern_supported(char *why, size_t len)
{
	struct kern *k = calloc(1, sizeof(*k));
	int cgroup = -1, r = k ? 0 : -ENOMEM;
	why[0] = 0;
	raise_memlock();
	if (r == 0)
		r = check_basics(why, len);
	if (r == 0)
		r = cgroup = kern_cgroup_open(NULL, why, len);
	if (r >= 0)
		r = load_all(k, NULL, why, len);
	if (r == 0)
		r = try_attach(k, cgroup, why, len);
	if (cgroup >= 0)
		close(cgroup);
	if (k)
		unload_all(k);
	free(k);
	if (r < 0)
		name_kernel(why, len);
	return r < 0 ? -ERR_NO_FEATURE : 0;
}

static int map_beats(struct kern *k)
{
	void *p = mmap(NULL, sizeof(struct cg_beats), PROT_READ | PROT_WRITE, MAP_SHARED, kern_maps_fd(k, "cg_beats"), 0);
	if (p == MAP_FAILED)
		return -errno;
	k->beats = p;
	return 0;
}

enum { NOTE_LEN = 160 };

static char *optional_note(struct kern *k, enum kern_part part)
{
	return part == PART_DENY ? k->deny_note : k->exec_note;
}

/* kern_net.c puts the egress hook where agents are. */
static int attach_one(struct kern *k, size_t row, char *why, size_t len)
{
	enum kern_part part = kern_hooks[row].part;
	if (!k->obj[part] || part == PART_EGRESS)
		return 0;
	if (kern_hooks[row].type == BPF_CGROUP_INET_INGRESS)
		return kern_dns_begin(k, row, why, len);
	int r = needed(part) ? kern_pin_hook(k, row, why, len) : kern_pin_hook(k, row, optional_note(k, part), NOTE_LEN);
	return needed(part) ? r : 0;
}

static int attach_all(struct kern *k, char *why, size_t len)
{
	for (size_t i = 0; i < kern_hook_count; i++) {
		int r = attach_one(k, i, why, len);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Processes older than our programs. */
static void seed(const struct kern *k)
{
	ssize_t r = k->obj[PART_EXEC] ? kern_iterate(k, "cg_seed") : 0;
	if (r < 0)
		log_warning("processes that ran before are known only while their parents live: %s", strerror((int)-r));
}

static uint64_t counted(const struct kern *k, uint32_t what)
{
	uint64_t *per = NULL, sum = 0;
	int cpus = libbpf_num_possible_cpus();
	if (cpus > 0)
		per = calloc((size_t)cpus, sizeof(*per));
	if (per && bpf_map_lookup_elem(kern_maps_fd(k, "cg_counts"), &what, per) == 0)
		for (int c = 0; c < cpus; c++)
			sum += per[c];
	free(per);
	return sum;
}

void kern_tell_again(struct kern *k)
{
	/* What finds no room this time is counted anew. */
	uint64_t n = counted(k, CG_COUNT_EXEC_LOST);
	if (n == k->untold)
		return;
	ssize_t r = kern_iterate(k, "cg_again");
	if (r < 0)
		log_warning("%llu execs were lost, and the kernel does not tell them again (%s): an agent among them is not recognised",
		    (unsigned long long)(n - k->untold), strerror((int)-r));
	k->untold = n;
}

static bool all_on(const struct kern *k, enum kern_part part)
{
	for (size_t i = 0; i < kern_hook_count; i++)
		if (kern_hooks[i].part == part && !k->link[i])
			return false;
	return true;
}

/* Who was born from now on has an entry in the table of processes, or found it full. */
static int watch(struct kern *k)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	if (k->watched_s || !all_on(k, PART_EXEC))
		return 0;
	return kern_maps_watched(k, (uint32_t)now.tv_sec + 1);
}

static int open_cgroup(struct kern *k, const char *path, char *why, size_t len)
{
	struct stat st;
	k->cgroup = kern_cgroup_open(path, why, len);
	if (k->cgroup < 0)
		return k->cgroup;
	if (fstat(k->cgroup, &st) < 0)
		return kern_load_say(why, len, -errno, "cannot read the cgroup's id");
	k->cgroup_id = st.st_ino; /* on 64-bit machines the inode is the id */
	return 0;
}

int kern_setup(const struct kern_conf *conf, char *why, size_t len, struct kern **out)
{
	int r;
	struct kern *k = calloc(1, sizeof(*k));
	*out = NULL;
	why[0] = 0;
	if (!k)
		return kern_load_say(why, len, -ENOMEM, "setup of the BPF side");
	k->old_accepted = k->old_client = k->cgroup = k->dns[0] = k->dns[1] = -1;
	raise_memlock();
	r = open_cgroup(k, conf->cgroup, why, len);
	if (r == 0)
		r = kern_pin_dir(k, conf->bpffs, why, len);
	if (r == 0)
		r = load_all(k, k, why, len);
	if (r < 0)
		goto out;
	r = map_beats(k);
	if (r == 0)
		r = kern_netns_home(k);
	if (r == 0 && kern_pin_kept(k, PART_EXEC))
		r = kern_maps_watched(k, 0);
	if (r == 0)
		r = kern_configure(k, conf);
	if (r < 0) {
		kern_load_say(why, len, r, "cannot fill the BPF maps");
		goto out;
	}
	kern_beside_find(k);
	r = kern_net_begin(k, why, len);
	kern_beside_learn(k);
	if (r == 0)
		r = attach_all(k, why, len);
	if (r < 0)
		goto out;
	kern_beside_take(k);
	seed(k);
	r = watch(k);
	if (r < 0) {
		kern_load_say(why, len, r, "cannot fill the BPF maps");
		goto out;
	}
	*out = k;
	k = NULL;
out:
	kern_release(&k);
	return r;
}

void kern_release(struct kern **kp)
{
	struct kern *k = *kp;
	if (!k)
		return;
	kern_netns_close(k);
	kern_beside_close(k);
	if (k->beats)
		munmap(k->beats, sizeof(*k->beats));
	kern_net_end(k);
	kern_dns_end(k);
	unload_all(k);
	if (k->cgroup >= 0)
		close(k->cgroup);
	free(k);
	*kp = NULL;
}

int kern_accepted_fd(const struct kern *k)
{
	return kern_maps_fd(k, "cg_accepted");
}

int kern_handoff_fd(const struct kern *k)
{
	return kern_maps_fd(k, "cg_handoff");
}

int kern_beats_fd(const struct kern *k)
{
	return kern_maps_fd(k, "cg_beats");
}

int kern_exec_events_fd(const struct kern *k)
{
	return k->obj[PART_EXEC] ? kern_maps_fd(k, "cg_execs") : -1;
}

int kern_dns_events_fd(const struct kern *k)
{
	return kern_maps_fd(k, "cg_dnsring");
}

void kern_each_counter(struct kern *k, void (*fn)(void *arg, const char *name, uint64_t n), void *arg)
{
	static const char *const names[] = {
#define X(sym, name) name,
#include "bpf/count.tbl.h"
#undef X
	};
	for (uint32_t i = 0; i < CG_COUNTS; i++)
		fn(arg, names[i], counted(k, i));
}

static uint32_t own_program(const struct kern *k, size_t row)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	if (!k->link[row] || bpf_obj_get_info_by_fd(bpf_link__fd(k->link[row]), &info, &len) < 0)
		return 0;
	return info.prog_id;
}

static bool ours(const struct kern *k, uint32_t id)
{
	for (size_t i = 0; i < kern_hook_count; i++)
		if (own_program(k, i) == id)
			return true;
	return false;
}

/* Others on the same hook may rewrite before us, or after. */
static void note_foreign(const struct kern *k, size_t row, char *note, size_t len)
{
	uint32_t ids[64], n = 64;
	note[0] = 0;
	if (kern_hooks[row].type < 0 || bpf_prog_query(k->cgroup, (enum bpf_attach_type)kern_hooks[row].type, BPF_F_QUERY_EFFECTIVE, NULL, ids, &n) < 0)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);
		int fd = ours(k, ids[i]) ? -1 : bpf_prog_get_fd_by_id(ids[i]);
		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0) {
			size_t at = strlen(note);
			snprintf(note + at, len - at, "%sforeign program %s (id %u)", at ? ", " : "", info.name, ids[i]);
		}
		close(fd);
	}
}

void kern_each_hook(struct kern *k, void (*fn)(void *arg, const char *hook, bool attached, const char *note), void *arg)
{
	char note[512];
	for (size_t i = 0; i < kern_hook_count; i++) {
		note_foreign(k, i, note, sizeof(note));
		/* Where the egress hook is missing, so are agents' sockets. */
		bool attached = k->link[i] != NULL || kern_hooks[i].part == PART_EGRESS;
		if (kern_hooks[i].part == PART_EGRESS)
			kern_net_say(k, note, sizeof(note));
		else if (attached && kern_hooks[i].part == PART_DENY)
			snprintf(note, sizeof(note), "by %s", k->deny_way);
		else if (!attached)
			snprintf(note, sizeof(note), "%s; %s", kern_hooks[i].lost, optional_note(k, kern_hooks[i].part));
		fn(arg, kern_hooks[i].title, attached, note);
	}
}
