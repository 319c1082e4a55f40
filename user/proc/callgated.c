/*
 * callgated.c - the supervisor: root, no network, no parsing but its arguments and the root-owned configuration.
 * It prepares the ground, attaches the kernel side, starts and restarts the other processes and hands them every descriptor they hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/sup.h"

enum { BEAT_MS = 500, SILENT_MS = 10000, STOP_MS = 5000, CHARGES_MS = 1500, FILES = 16384, HASTE = 10, WHY = 768, BPF_FS = 0xcafe4a11 };

static struct sup sup;

static int usage(FILE *out)
{
	fputs("usage: callgated [--etc DIR] [--state DIR] [--log DIR] [--run DIR] [--cgroup DIR] [--bpffs DIR]\n"
	      "                 [--trust FILE] [--share DIR] [--libexec DIR] [--uids FIRST]\n"
	      "       callgated --check      read the configuration, say what is wrong, start nothing\n"
	      "       callgated --detach     remove every program, link and pin of a stopped callgated\n",
	    out);
	return out == stdout ? 0 : 2;
}

enum action { RUN, CHECK, DETACH, HELP, WRONG };

static enum action options(int argc, char **argv, struct sup_paths *p)
{
	static char self[PATH_MAX], share[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0)
		*strrchr(self, '/') = '\0';
	/* Installed: PREFIX/libexec/callgate beside PREFIX/share/callgate; in a build tree the data lies beside the build directory. */
	snprintf(share, sizeof(share), "%s/../../share/callgate", self);
	if (access(share, F_OK) < 0)
		snprintf(share, sizeof(share), "%s/../policy", self);
	*p = (struct sup_paths){.etc = "/etc/callgate", .state = "/var/lib/callgate", .log = "/var/log/callgate", .run = "/run/callgate",
	    .bpffs = "/sys/fs/bpf/callgate", .trust = "/etc/ssl/certs/ca-certificates.crt", .share = share, .libexec = self, .uids = -1};
	const struct option long_options[] = {{"etc", 1, NULL, 'e'}, {"state", 1, NULL, 's'}, {"log", 1, NULL, 'l'}, {"run", 1, NULL, 'r'},
	    {"cgroup", 1, NULL, 'c'}, {"bpffs", 1, NULL, 'b'}, {"trust", 1, NULL, 't'}, {"share", 1, NULL, 'a'}, {"libexec", 1, NULL, 'x'},
	    {"uids", 1, NULL, 'u'}, {"check", 0, NULL, 'C'}, {"detach", 0, NULL, 'D'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct {
		int letter;
		const char **where;
	} texts[] = {{'e', &p->etc}, {'s', &p->state}, {'l', &p->log}, {'r', &p->run}, {'c', &p->cgroup}, {'b', &p->bpffs}, {'t', &p->trust},
	    {'a', &p->share}, {'x', &p->libexec}};
	enum action act = RUN;
	int o;
	while ((o = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		size_t i = 0;
		while (i < sizeof(texts) / sizeof(texts[0]) && texts[i].letter != o)
			i++;
		if (i < sizeof(texts) / sizeof(texts[0]))
			*texts[i].where = optarg;
		else if (o == 'u' && (p->uids = strtol(optarg, NULL, 10)) <= 0)
			return WRONG;
		else if (o == 'C' || o == 'D' || o == 'h')
			act = o == 'C' ? CHECK : o == 'D' ? DETACH : HELP;
		else if (o != 'u')
			return WRONG;
	}
	return optind == argc ? act : WRONG;
}

/* The directory for the pins, on a bpf file system. */
static int bpffs(const char *path, char *why, size_t len)
{
	char parent[PATH_MAX];
	struct statfs st;

	snprintf(parent, sizeof(parent), "%s", path);
	char *slash = strrchr(parent, '/');
	if (slash && slash != parent)
		*slash = '\0';
	(void)mkdir(parent, 0700);
	if (statfs(parent, &st) < 0 || (unsigned long)st.f_type != BPF_FS) {
		if (mount("bpf", parent, "bpf", 0, "mode=0700") < 0) {
			snprintf(why, len, "cannot mount a bpf file system at %.512s: %s: is this root, with BPF permitted?", parent, strerror(errno));
			return -errno;
		}
	}
	return 0;
}

void sup_kern_settings(const struct sup *s, struct kern_conf *k)
{
	*k = (struct kern_conf){.cgroup = s->path.cgroup, .bpffs = s->path.bpffs, .users = s->conf.users, .user_count = s->conf.user_count,
	    .ports = s->conf.ports, .port_count = s->conf.port_count, .redirect_all = s->conf.redirect_all, .own_cgroup = s->cgroup_id,
	    .port_base = s->conf.port_base, .slots = 2 * s->conf.workers, .generation = s->generation, .scope = s->conf.scope};
}

static int attach(struct sup *s, char *why, size_t len)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	struct kern_conf k;

	(void)setrlimit(RLIMIT_MEMLOCK, &all); /* needed below kernel 5.11 only, and may be refused */
	/* Listeners of hundreds of namespaces, here and in the workers; and there a connection has two ends, and some are being closed. */
	rlim_t files = FILES + 3 * (rlim_t)s->conf.connections;
	if (getrlimit(RLIMIT_NOFILE, &all) == 0 && all.rlim_cur < files) {
		all.rlim_cur = files;
		if (all.rlim_max < files)
			all.rlim_max = files;
		if (setrlimit(RLIMIT_NOFILE, &all) < 0 && getrlimit(RLIMIT_NOFILE, &all) == 0) {
			all.rlim_cur = all.rlim_max;
			(void)setrlimit(RLIMIT_NOFILE, &all);
		}
	}
	int r = kern_supported(why, len);
	if (!r)
		r = bpffs(s->path.bpffs, why, len);
	sup_kern_settings(s, &k);
	return r ? r : kern_setup(&k, why, len, &s->kern);
}

/* What is missing, and what that costs, is said aloud. */
static void say_missing(void *arg, const char *hook, bool attached, const char *note)
{
	(void)arg;
	if (!attached)
		log_warning("%s is not attached: %s", hook, note);
}

static int make_children(struct sup *s)
{
	const enum party singles[] = {P_AUDIT, P_VAULT, P_IDENT, P_FETCH, P_ADMIN};

	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
		s->child[s->children++] = (struct sup_child){.party = singles[i], .sup = s, .pidfd = -1, .edge = {.fd = -1}};
	for (uint32_t i = 0; i < s->conf.workers; i++)
		s->child[s->children++] = (struct sup_child){.party = P_PROXY, .slot = i, .sup = s, .pidfd = -1, .edge = {.fd = -1}};
	for (size_t i = 0; i < s->children; i++) {
		int r = sup_child_start(s, &s->child[i]);
		if (r)
			return r;
	}
	return 0;
}

/* New connections are refused since its heartbeat went stale; those it holds are lost with it. */
static void end_silent(struct sup *s)
{
	for (size_t i = 0; i < s->children; i++) {
		struct sup_child *c = &s->child[i];
		if (c->party != P_PROXY || c->life != LIFE_READY || kern_silent_ms(s->kern, c->slot) < SILENT_MS)
			continue;
		log_error("callgate-proxy[%u] gave no sign of life for %d seconds: it is ended", c->slot, SILENT_MS / 1000);
		kern_dead(s->kern, c->slot);
		kill(c->pid, SIGKILL);
	}
}

static void beat(void *arg)
{
	struct sup *s = arg;

	end_silent(s);
	kern_tell_again(s->kern);
	if (kern_earlier(s->kern))
		sup_early_settle(s);
	sup_cover_beat(s);
	sup_ring_sweep(s);
	sup_netns_sweep(s);
	sup_resolver_sweep(s);
	if (pump_timer(s->pump, mono_after_ms(mono_now(), BEAT_MS), beat, s))
		log_error("the heartbeat cannot be scheduled");
}

/* sd_notify(3) in the one form that is needed. */
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (!path || !*path || strlen(path) >= sizeof(un.sun_path))
		return;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (un.sun_path[0] == '@')
		un.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
		log_warning("the service manager cannot be told: %s", strerror(errno));
	fd_close(&fd);
}

static bool all_ready(const struct sup *s)
{
	for (size_t i = 0; i < s->children; i++)
		if (s->child[i].life != LIFE_READY)
			return false;
	return true;
}

/* The first start is all or nothing: a child that cannot start has said why on standard error. */
static int wait_ready(struct sup *s)
{
	struct mono end = mono_after_ms(mono_now(), 20000);

	while (!all_ready(s)) {
		int r = pump_turn(s->pump, 100);
		if (r)
			return r;
		for (size_t i = 0; i < s->children; i++)
			if (s->child[i].restarts)
				return -ERR_UNAVAILABLE;
		if (mono_now().ns > end.ns)
			return -ERR_TIMEOUT;
		if (s->stopping)
			return -EINTR;
	}
	/* What was charged is mostly known at once; a long audit is not waited for, and calls with limits are refused until it is read. */
	end = mono_after_ms(mono_now(), CHARGES_MS);
	while (s->limits.wanted && mono_now().ns < end.ns && !s->stopping) {
		int r = pump_turn(s->pump, 50);
		if (r)
			return r;
	}
	return 0;
}

static void reload(struct sup *s)
{
	char file[PATH_MAX], why[WHY];
	struct sup_conf fresh;
	struct kern_conf k;
	struct sup_child *audit = sup_child_find(s, P_AUDIT, 0);

	snprintf(file, sizeof(file), "%s/callgate.json", s->path.etc);
	if (sup_conf_load(file, &fresh, why, sizeof(why))) {
		log_error("%s; the running configuration stays in force", why);
		return;
	}
	if (fresh.workers != s->conf.workers || fresh.port_base != s->conf.port_base || fresh.connections != s->conf.connections ||
	    fresh.held_bytes != s->conf.held_bytes) {
		log_error("%s: workers, held_bytes, connections and port_base change with a restart only; the running configuration stays in force", file);
		return;
	}
	s->conf = fresh;
	s->generation++;
	sup_kern_settings(s, &k);
	int r = kern_configure(s->kern, &k);
	if (r)
		log_error("the kernel does not take the new configuration: %s", err_text(r));
	for (size_t i = 0; i < s->children; i++)
		if (s->child[i].life == LIFE_READY && sup_plumb_conf(s, &s->child[i]))
			log_error("%s does not take the new configuration", party_name(s->child[i].party));
	if (audit && audit->life != LIFE_NONE && sup_cover_means(s, audit))
		log_error("callgate-audit cannot be given the new configuration");
	sup_cover(s, "configuration");
	log_notice("the configuration was read again, generation %u", s->generation);
}

static void on_signal(void *arg, int fd, short what)
{
	struct sup *s = arg;
	struct signalfd_siginfo si;

	(void)what;
	while (read(fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGHUP) {
			reload(s);
		} else {
			s->stopping = true;
			pump_stop(s->pump);
		}
	}
}

static int signals(struct sup *s)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : pump_add(s->pump, fd, POLLIN, on_signal, s);
}

/* Workers first, so that everything they wrote is still read; callgate-audit last. */
static void stop_all(struct sup *s)
{
	const enum party order[] = {P_PROXY, P_ADMIN, P_FETCH, P_IDENT, P_VAULT, P_AUDIT};

	s->stopping = true;
	sup_cover(s, "stop");
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct mono end = mono_after_ms(mono_now(), STOP_MS);
		bool alive = true;
		sup_child_stop(s, order[i]);
		while (alive && mono_now().ns < end.ns) {
			alive = false;
			for (size_t c = 0; c < s->children; c++)
				alive |= s->child[c].party == order[i] && s->child[c].life != LIFE_NONE;
			if (alive && pump_turn(s->pump, 50))
				break;
		}
		for (size_t c = 0; c < s->children && alive; c++)
			if (s->child[c].party == order[i] && s->child[c].life != LIFE_NONE) {
				log_warning("%s did not stop in time and is ended", party_name(order[i]));
				kill(s->child[c].pid, SIGKILL);
			}
	}
	sup_ring_sweep(s);
}

static int start(struct sup *s)
{
	char file[PATH_MAX], why[WHY] = "";

	snprintf(file, sizeof(file), "%s/callgate.json", s->path.etc);
	int r = sup_conf_load(file, &s->conf, why, sizeof(why));
	if (!r)
		r = sup_prepare(s, why, sizeof(why));
	if (!r)
		r = sup_limits_begin(s, why, sizeof(why));
	if (!r)
		r = attach(s, why, sizeof(why));
	if (r) {
		log_error("%s", why[0] ? why : err_text(r));
		return r;
	}
	kern_each_hook(s->kern, say_missing, NULL);
	sup_ring_adopt(s);
	r = signals(s);
	if (!r)
		r = sup_netns_begin(s);
	if (!r)
		r = make_children(s);
	if (!r)
		r = wait_ready(s);
	if (r)
		log_error("not started: %s", err_text(r));
	return r;
}

static int run(struct sup *s)
{
	s->pump = pump_new();
	s->nice = getpriority(PRIO_PROCESS, 0);
	if (setpriority(PRIO_PROCESS, 0, s->nice - HASTE) < 0)
		log_detail("the priority stays as it is (%s): on a busy machine agents are recognised later", strerror(errno));
	s->generation = 1;
	s->began = mono_now();
	s->cgroup_fd = s->control = s->board = s->lock = s->limits.charges = -1;
	for (size_t i = 0; i < SUP_SLOTS; i++)
		s->listen4[i] = s->listen6[i] = -1;
	if (!s->pump || gethostname(s->host, sizeof(s->host) - 1) < 0)
		return 1;
	int r = start(s);
	if (!r) {
		sup_cover(s, "start");
		beat(s);
		notify("READY=1");
		log_notice("ready: %zu governed users, %u workers", s->conf.user_count, s->conf.workers);
		r = pump_run(s->pump);
		notify("STOPPING=1");
	}
	if (s->children) {
		stop_all(s);
		sup_limits_end(s);
	}
	sup_netns_end(s);
	if (s->kern)
		kern_release(&s->kern);
	pump_free(&s->pump);
	return r ? 1 : 0;
}

static int check(const struct sup_paths *p)
{
	char file[PATH_MAX], why[WHY];

	snprintf(file, sizeof(file), "%s/callgate.json", p->etc);
	if (sup_conf_load(file, &sup.conf, why, sizeof(why))) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	printf("%s: good\n", file);
	return 0;
}

int main(int argc, char **argv)
{
	log_open("callgated", LOG_NOTICE);
	umask(022);
	switch (options(argc, argv, &sup.path)) {
	case RUN:
		break;
	case CHECK:
		return check(&sup.path);
	case DETACH:
		return kern_teardown(sup.path.bpffs) ? 1 : 0;
	case HELP:
		return usage(stdout);
	case WRONG:
		return usage(stderr);
	}
	if (geteuid() != 0) {
		log_error("callgated needs root: it loads BPF programs and starts its children with uids of their own");
		return 1;
	}
	return run(&sup);
}
