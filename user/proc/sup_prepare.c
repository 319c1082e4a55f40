/*
 * sup_prepare.c - what must exist before the first child: directories, keys, the service's cgroup, listeners.
 * Everything it makes belongs to the process that uses it and to nobody else.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/sup.h"

enum { BACKLOG = 512, KEY_LEN = 32, PATIENCE_MS = 5000, PATIENCE_STEP_US = 20000 };

int sup_uid(const struct sup *s, enum party p, uid_t *uid, char *why, size_t why_len)
{
	if (s->path.uids >= 0) {
		*uid = (uid_t)(s->path.uids + (long)p - P_ADMIN);
		return 0;
	}
	char name[64];
	snprintf(name, sizeof(name), "_%s", party_name(p));
	struct passwd *pw = getpwnam(name);
	if (!pw) {
		snprintf(why, why_len, "no user %s: run `make install`, or give --uids FIRST", name);
		return -ENOENT;
	}
	*uid = pw->pw_uid;
	return 0;
}

struct place {
	enum party owner; /* P_SUP: root */
	mode_t mode;
	const char *base; /* which of the paths */
	const char *below;
};

/* What is below was made by another process: no link of its is followed. */
static int regroup(int dir, gid_t gid)
{
	static const char *const subs[] = {"open", "sealed", "checkpoints"};
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(subs) / sizeof(subs[0]); i++) {
		int fd = openat(dir, subs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 && (fchown(fd, (uid_t)-1, gid) < 0 || fchmod(fd, 02750) < 0))
			r = -errno;
		fd_close(&fd);
	}
	return r;
}

static bool as_it_is(int fd, mode_t mode, uid_t uid, gid_t gid)
{
	struct statvfs fs;
	struct stat st;

	return fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY) && fstat(fd, &st) == 0 && st.st_uid == uid && st.st_gid == gid && (st.st_mode & 07777) == mode;
}

static int make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid, char *why, size_t why_len)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST) {
		int e = -errno;
		snprintf(why, why_len, "cannot make %s: %s", path, strerror(-e));
		return e;
	}
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* What is as it should be may lie where nothing can be written any more. */
	if (fd >= 0 && as_it_is(fd, mode, uid, gid)) {
		fd_close(&fd);
		return 0;
	}
	if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0 || ((mode & 02000) && regroup(fd, gid))) {
		int e = -errno;
		snprintf(why, why_len, "cannot prepare %s: %s", path, strerror(-e));
		fd_close(&fd);
		return e;
	}
	fd_close(&fd);
	return 0;
}

/* The parents of a place, with ordinary rights. */
static void make_parents(const char *path)
{
	char part[PATH_MAX];
	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(part, 0755); /* the place itself is checked */
		*p = '/';
	}
}

/*
 * A link says where the other directory is, for whoever reads the audit.  Nothing of this keeps the service from starting: when lines lie in a directory
 * that is not there, callgate-audit does not.
 */
static void make_second(struct sup *s)
{
	const struct sup_conf *conf = &s->conf;
	bool auditors = conf->role[SUP_AUDITOR].there;
	char path[PATH_MAX], link[PATH_MAX], now[PATH_MAX], why[256];
	uid_t uid;

	snprintf(path, sizeof(path), "%s/audit", conf->second);
	snprintf(link, sizeof(link), "%s/audit/second", s->path.log);
	ssize_t n = readlink(link, now, sizeof(now) - 1);
	now[n < 0 ? 0 : n] = '\0';
	if (n >= 0 && (!conf->second[0] || strcmp(now, path) != 0))
		unlink(link);
	if (!conf->second[0])
		return;
	int r = sup_uid(s, P_AUDIT, &uid, why, sizeof(why));
	if (!r) {
		make_parents(path);
		r = make_dir(path, auditors ? 02750 : 0750, uid, auditors ? conf->role[SUP_AUDITOR].gid : uid, why, sizeof(why));
	}
	if (r)
		log_warning("the second directory of the audit: %s", why);
	else if (strcmp(now, path) != 0 && symlink(path, link) < 0)
		log_warning("%s: %s: `callgate audit` does not find the second directory", link, strerror(errno));
}

static int make_places(struct sup *s, char *why, size_t why_len)
{
	/* Whoever audits reads the streams; what is made in these directories later belongs to the group as well. */
	const struct sup_conf *conf = &s->conf;
	bool auditors = conf->role[SUP_AUDITOR].there;
	const struct place places[] = {
	    {P_SUP, 0755, s->path.etc, ""},
	    {P_SUP, 0755, s->path.state, ""},
	    {P_VAULT, 0700, s->path.state, "/vault"},
	    {P_AUDIT, 0750, s->path.state, "/journal"},
	    {P_SUP, 0755, s->path.log, ""},
	    {P_AUDIT, 0750, s->path.log, "/audit"},
	    {P_SUP, 0755, s->path.run, ""},
	    {P_SUP, 0700, s->path.run, "/ring"},
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char path[PATH_MAX];
		uid_t uid = 0;
		snprintf(path, sizeof(path), "%s%s", places[i].base, places[i].below);
		make_parents(path);
		int r = places[i].owner == P_SUP ? 0 : sup_uid(s, places[i].owner, &uid, why, why_len);
		bool read = auditors && places[i].owner == P_AUDIT;
		if (!r)
			r = make_dir(path, read ? 02750 : places[i].mode, uid, read ? conf->role[SUP_AUDITOR].gid : uid, why, why_len);
		if (r)
			return r;
	}
	make_second(s);
	return 0;
}

void sup_vault_key(const struct sup *s, char path[PATH_MAX])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	/* systemd puts it there, opened by the TPM when it was sealed to it; root alone can set this variable for us. */
	if (dir && snprintf(path, PATH_MAX, "%s/callgate-vault-key", dir) < PATH_MAX && access(path, F_OK) == 0)
		return;
	snprintf(path, PATH_MAX, "%s/vault.key", s->path.state);
}

static bool vault_has_items(const struct sup *s)
{
	char path[PATH_MAX];
	bool any = false;

	snprintf(path, sizeof(path), "%s/vault", s->path.state);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		any = any || e->d_name[0] != '.';
	if (d)
		closedir(d);
	return any;
}

/* A key that exists stays; a new one is complete before it has its name. */
static int make_key(const struct sup *s, char *why, size_t why_len)
{
	char path[PATH_MAX], temp[PATH_MAX + 8];
	uint8_t key[KEY_LEN];

	sup_vault_key(s, path);
	snprintf(temp, sizeof(temp), "%s.new", path);
	if (access(path, F_OK) == 0)
		return 0;
	if (vault_has_items(s)) {
		snprintf(why, why_len, "the key of the vault is gone: neither %s nor a systemd credential callgate-vault-key is there, and a new one would open nothing of %s/vault: "
		                       "put it back, or move that directory away", path, s->path.state);
		return -ENOENT;
	}
	unlink(temp);
	int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	int r = fd < 0 ? -errno : 0;
	if (!r && getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		r = -EIO;
	if (!r)
		r = fd_write_all(fd, view_of(key, sizeof(key)));
	if (!r && (fsync(fd) < 0 || rename(temp, path) < 0))
		r = -errno;
	explicit_bzero(key, sizeof(key));
	fd_close(&fd);
	if (r)
		snprintf(why, why_len, "cannot write the key %s: %s", path, strerror(-r));
	return r;
}

/* Where cgroup v2 is mounted: never assumed. */
static int cgroup_mount(char *out, size_t len)
{
	char line[4096];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return -errno;
	int r = -ENOENT;
	while (r && fgets(line, sizeof(line), f)) {
		char where[PATH_MAX];
		const char *dash = strstr(line, " - ");
		if (dash && strncmp(dash, " - cgroup2 ", 11) == 0 && sscanf(line, "%*s %*s %*s %*s %4095s", where) == 1) {
			snprintf(out, len, "%s", where);
			r = 0;
		}
	}
	fclose(f);
	return r;
}

static int own_cgroup(struct sup *s, char *why, size_t why_len)
{
	char root[PATH_MAX], path[PATH_MAX];
	struct stat st;

	if (s->path.cgroup)
		snprintf(root, sizeof(root), "%s", s->path.cgroup);
	else if (cgroup_mount(root, sizeof(root))) {
		snprintf(why, why_len, "no cgroup v2 hierarchy is mounted: without it no connection can be seen; mount -t cgroup2 none /sys/fs/cgroup");
		return -ERR_NO_FEATURE;
	}
	snprintf(path, sizeof(path), "%.4000s/callgate", root);
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		int e = -errno;
		snprintf(why, why_len, "cannot make the cgroup %s: %s", path, strerror(-e));
		return e;
	}
	s->cgroup_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->cgroup_fd < 0 || fstat(s->cgroup_fd, &st) < 0) {
		int e = -errno;
		snprintf(why, why_len, "cannot open the cgroup %s: %s", path, strerror(-e));
		return e;
	}
	/* The inode number of a cgroup v2 directory is its id. */
	s->cgroup_id = st.st_ino;
	return 0;
}

int sup_listen(const struct sockaddr *sa, socklen_t len, int *out)
{
	int one = 1;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* In a new namespace loopback may still be down: it has no address then. */
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	if (sa->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one));
	if (sa->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, sa, len) < 0 || listen(fd, BACKLOG) < 0) {
		int e = -errno;
		close(fd);
		return e;
	}
	*out = fd;
	return 0;
}

/* The worker of a callgated that was killed lets go of its ring, and so of its listener, a moment after it has died. */
static int listen_patiently(const struct sockaddr *sa, socklen_t len, int *out)
{
	struct mono end = mono_after_ms(mono_now(), PATIENCE_MS);
	int r;
	while ((r = sup_listen(sa, len, out)) == -EADDRINUSE && mono_now().ns < end.ns)
		usleep(PATIENCE_STEP_US);
	return r;
}

static int listeners(struct sup *s, char *why, size_t why_len)
{
	for (uint32_t i = 0; i < 2 * s->conf.workers; i++) {
		uint16_t port = (uint16_t)(s->conf.port_base + i);
		struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
		int r = listen_patiently((struct sockaddr *)&a4, sizeof(a4), &s->listen4[i]);
		if (r) {
			snprintf(why, why_len, "port %u on 127.0.0.1: %s: choose another port_base in callgate.json", port, strerror(-r));
			return r;
		}
		r = listen_patiently((struct sockaddr *)&a6, sizeof(a6), &s->listen6[i]);
		/* A machine without IPv6 has no IPv6 connection to redirect. */
		if (r && r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL) {
			snprintf(why, why_len, "port %u on ::1: %s: choose another port_base in callgate.json", port, strerror(-r));
			return r;
		}
	}
	return 0;
}

static int control_socket(struct sup *s, char *why, size_t why_len)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if ((size_t)snprintf(un.sun_path, sizeof(un.sun_path), "%s/control.sock", s->path.run) >= sizeof(un.sun_path)) {
		snprintf(why, why_len, "the path %s/control.sock is too long for a socket: choose a shorter --run", s->path.run);
		return -ENAMETOOLONG;
	}
	const int one = 1;
	unlink(un.sun_path);
	s->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Anyone may ask; callgate-admin decides by the peer's identity, and each connection made here tells it who writes. */
	if (s->control < 0 || setsockopt(s->control, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0 || bind(s->control, (struct sockaddr *)&un, sizeof(un)) < 0 || chmod(un.sun_path, 0666) < 0 ||
	    listen(s->control, 64) < 0) {
		int e = -errno;
		snprintf(why, why_len, "control socket %s: %s", un.sun_path, strerror(-e));
		return e;
	}
	return 0;
}

static int only_one(struct sup *s, char *why, size_t why_len)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/callgated.lock", s->path.run);
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		int e = -errno;
		snprintf(why, why_len, "%s: %s: another callgated runs with this --run directory", path, strerror(-e));
		return e;
	}
	return 0;
}

/* A full disk found now is better than one found by the first call. */
static int room_to_write(struct sup *s, char *why, size_t why_len)
{
	char path[PATH_MAX];
	static const uint8_t zeros[65536];

	snprintf(path, sizeof(path), "%s/.room", s->path.log);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, view_of(zeros, sizeof(zeros)));
	if (!r && fsync(fd) < 0)
		r = -errno;
	fd_close(&fd);
	unlink(path);
	if (r)
		snprintf(why, why_len, "cannot write audit records below %s: %s: make room, or move it with --log", s->path.log, strerror(-r));
	return r;
}

int sup_prepare(struct sup *s, char *why, size_t why_len)
{
	int r = make_places(s, why, why_len);
	if (!r)
		r = only_one(s, why, why_len);
	if (!r)
		r = room_to_write(s, why, why_len);
	if (!r)
		r = make_key(s, why, why_len);
	if (!r)
		r = own_cgroup(s, why, why_len);
	if (!r)
		r = listeners(s, why, why_len);
	if (!r)
		r = control_socket(s, why, why_len);
	return r;
}
