/* proc.c - see proc.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "ident/proc.h"

enum { TEXT = 4096 };

int proc_open(int procfs, uint32_t pid, struct proc *p)
{
	char name[16];

	p->pid = pid;
	snprintf(name, sizeof(name), "%u", pid);
	p->dir = openat(procfs, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir >= 0)
		return 0;
	return errno == ENOENT ? -ERR_NOT_FOUND : -errno;
}

void proc_close(struct proc *p)
{
	fd_close(&p->dir);
}

/* Up to ${cap} bytes of one small file; what is longer is cut. */
static int slurp(const struct proc *p, const char *file, char *out, size_t cap)
{
	size_t n = 0;
	ssize_t got = 0;
	int fd = openat(p->dir, file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? -ERR_NOT_FOUND : -errno;
	while (n < cap) {
		got = read(fd, out + n, cap - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	int r = got < 0 ? (errno == ESRCH ? -ERR_NOT_FOUND : -errno) : (int)n;
	fd_close(&fd);
	return r;
}

static int link_text(const struct proc *p, const char *file, char out[PATH_MAX])
{
	ssize_t n = readlinkat(p->dir, file, out, PATH_MAX - 1);

	out[n < 0 ? 0 : n] = 0;
	if (n < 0)
		return errno == ENOENT || errno == ESRCH ? -ERR_NOT_FOUND : -errno;
	return n == PATH_MAX - 1 ? -ERR_TOO_LONG : 0;
}

/* ---- the readers ---- */

/* A decimal number at the start of ${v}, followed by one of ${ends}, which is taken too. */
static bool number(struct view *v, const char *ends, uint64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < v->n && v->p[i] >= '0' && v->p[i] <= '9'; i++) {
		if (n > (UINT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(v->p[i] - '0');
	}
	if (i == 0 || i == v->n || !strchr(ends, v->p[i]) || !v->p[i])
		return false;
	*v = view_skip(*v, i + 1);
	*out = n;
	return true;
}

int proc_parse_stat(struct view text, struct proc_stat *st)
{
	/* "pid (name) S ppid ...": only the last ')' ends the name.  After it: field 3 is the state, 4 ppid, 22 the start. */
	const uint8_t *end = text.n ? memrchr(text.p, ')', text.n) : NULL;
	uint64_t ppid = 0, n = 0;

	*st = (struct proc_stat){0};
	if (!end)
		return -ERR_MALFORMED;
	struct view v = view_skip(text, (size_t)(end - text.p) + 1);
	if (v.n < 3 || v.p[0] != ' ' || v.p[2] != ' ')
		return -ERR_MALFORMED;
	v = view_skip(v, 3);
	for (int field = 4; field <= 22; field++) {
		if (v.n && v.p[0] == '-')
			v = view_skip(v, 1);
		if (!number(&v, " \n", &n))
			return -ERR_MALFORMED;
		if (field == 4)
			ppid = n;
		if (field == 7)
			st->tty = n <= UINT32_MAX ? (uint32_t)n : 0;
	}
	if (ppid > UINT32_MAX)
		return -ERR_MALFORMED;
	st->ppid = (uint32_t)ppid;
	st->start_ticks = n;
	return 0;
}

int proc_parse_uid(struct view status, uint32_t *uid)
{
	/* The name comes first, with its line ends escaped by the kernel, so a line start is a line start. */
	const uint8_t *at = status.n ? memmem(status.p, status.n, "\nUid:\t", 6) : NULL;
	uint64_t n;

	*uid = ~0u;
	if (!at)
		return -ERR_MALFORMED;
	struct view v = view_skip(status, (size_t)(at - status.p) + 6);
	if (!number(&v, "\t", &n) || n > UINT32_MAX)
		return -ERR_MALFORMED;
	*uid = (uint32_t)n;
	return 0;
}

static int parse_groups(struct view status, uint32_t *out, size_t max)
{
	const uint8_t *at = status.n ? memmem(status.p, status.n, "\nGroups:\t", 9) : NULL;
	uint64_t gid;
	size_t n = 0;

	if (!at)
		return -ERR_MALFORMED;
	struct view v = view_skip(status, (size_t)(at - status.p) + 9);
	while (n < max && number(&v, " ", &gid)) {
		if (gid > UINT32_MAX)
			return -ERR_MALFORMED;
		out[n++] = (uint32_t)gid;
	}
	return (int)n;
}

int proc_parse_cgroup(struct view text, char *out, size_t cap)
{
	out[0] = 0;
	while (text.n) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		size_t n = nl ? (size_t)(nl - text.p) : text.n;
		struct view line = view_head(text, n);
		text = view_skip(text, n + 1);
		if (!view_starts(line, VIEW_LIT("0::/")))
			continue;
		line = view_skip(line, 3);
		if (!nl || line.n >= cap || memchr(line.p, 0, line.n))
			return -ERR_TOO_LONG;
		memcpy(out, line.p, line.n);
		out[line.n] = 0;
		return 0;
	}
	return -ERR_NOT_FOUND;
}

/* ---- the files ---- */

int proc_stat(const struct proc *p, struct proc_stat *st)
{
	char text[TEXT];
	int n = slurp(p, "stat", text, sizeof(text));

	*st = (struct proc_stat){0};
	return n < 0 ? n : proc_parse_stat(view_of(text, (size_t)n), st);
}

int proc_uids(const struct proc *p, uint32_t *uid, uint32_t *loginuid)
{
	char text[TEXT];
	int n = slurp(p, "status", text, sizeof(text));
	int r = n < 0 ? n : proc_parse_uid(view_of(text, (size_t)n), uid);

	*loginuid = ~0u;
	if (r)
		return r;
	n = slurp(p, "loginuid", text, sizeof(text) - 1); /* absent without CONFIG_AUDIT: unset */
	if (n > 0) {
		text[n] = 0;
		unsigned long v = strtoul(text, NULL, 10);
		*loginuid = v > UINT32_MAX ? ~0u : (uint32_t)v;
	}
	return 0;
}

int proc_groups(const struct proc *p, uint32_t *out, size_t max)
{
	char text[2 * TEXT];
	int n = slurp(p, "status", text, sizeof(text));

	return n < 0 ? n : parse_groups(view_of(text, (size_t)n), out, max);
}

int proc_exe(const struct proc *p, char out[PATH_MAX], bool *deleted)
{
	static const char mark[] = " (deleted)";
	int r = link_text(p, "exe", out);
	size_t n = strlen(out), tail = sizeof(mark) - 1;

	*deleted = !r && n > tail && strcmp(out + n - tail, mark) == 0;
	if (*deleted)
		out[n - tail] = 0;
	return r;
}

int proc_exe_open(const struct proc *p)
{
	int fd = openat(p->dir, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 ? fd : errno == ENOENT || errno == ESRCH ? -ERR_NOT_FOUND : -errno;
}

int proc_args(const struct proc *p, char *out, size_t cap)
{
	return slurp(p, "cmdline", out, cap);
}

int proc_cgroup(const struct proc *p, char *out, size_t cap)
{
	char text[2 * TEXT];
	int n = slurp(p, "cgroup", text, sizeof(text));

	out[0] = 0;
	return n < 0 ? n : proc_parse_cgroup(view_of(text, (size_t)n), out, cap);
}

/* "root/…": a path as the process sees it, from its directory in /proc. */
static bool below_root(const struct proc *p, const char *path, char out[PATH_MAX])
{
	char cwd[PATH_MAX];
	int n;

	if (path[0] == '/')
		n = snprintf(out, PATH_MAX, "root%s", path);
	else if (link_text(p, "cwd", cwd))
		return false;
	else
		n = snprintf(out, PATH_MAX, "root%s/%s", cwd, path);
	return n > 0 && n < PATH_MAX;
}

int proc_resolve(const struct proc *p, int procfs, const char *path, char out[PATH_MAX])
{
	char at[PATH_MAX], link[32];
	struct proc self = {.dir = procfs};

	out[0] = 0;
	if (!below_root(p, path, at))
		return -ERR_NOT_FOUND;
	int fd = openat(p->dir, at, O_PATH | O_CLOEXEC); /* opens nothing, blocks on nothing */
	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "self/fd/%d", fd);
	int r = link_text(&self, link, out);
	fd_close(&fd);
	return r;
}

/* A process with its own mount namespace may have put anything at any path. */
static bool same_mounts(const struct proc *p, int procfs)
{
	char mine[PATH_MAX], its[PATH_MAX];
	struct proc self = {.dir = procfs};

	return link_text(&self, "self/ns/mnt", mine) == 0 && link_text(p, "ns/mnt", its) == 0 && strcmp(mine, its) == 0;
}

static bool root_only(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & 022);
}

bool proc_root_owned(const struct proc *p, int procfs, const char *path)
{
	char at[PATH_MAX];
	struct stat st, exe;

	if (path[0] != '/' || !same_mounts(p, procfs) || !below_root(p, path, at))
		return false;
	/* From the top: a directory of somebody else ends the walk, so nothing of theirs is ever looked into. */
	if (fstatat(p->dir, "root/", &st, 0) || !root_only(&st))
		return false;
	for (char *end = strchr(at + sizeof("root/") - 1, '/'); end; end = strchr(end + 1, '/')) {
		*end = 0;
		bool ok = fstatat(p->dir, at, &st, AT_SYMLINK_NOFOLLOW) == 0 && root_only(&st);
		*end = '/';
		if (!ok)
			return false;
	}
	return fstatat(p->dir, at, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && root_only(&st) &&
	       fstatat(p->dir, "exe", &exe, 0) == 0 && exe.st_ino == st.st_ino && exe.st_dev == st.st_dev;
}

/* ---- names ---- */

static bool ends_with(struct view v, const char *tail)
{
	size_t n = strlen(tail);
	return v.n > n && memcmp(v.p + v.n - n, tail, n) == 0;
}

static bool is_unit(struct view v)
{
	return ends_with(v, ".service") || ends_with(v, ".scope");
}

void proc_unit(const char *cgroup, char *out, size_t cap)
{
	struct view unit = {0};
	bool manager = false;

	/*
	 * The first unit of the path is systemd's own; what lies below it was delegated and may be named at will.  A user's manager
	 * is no answer when it runs a unit of its own for the process.
	 */
	for (const char *p = cgroup; *p;) {
		size_t n = strcspn(p, "/");
		struct view part = view_of(p, n);
		p += n + (p[n] == '/');
		if (!is_unit(part))
			continue;
		if (unit.n && !manager)
			break;
		if (unit.n)
			manager = false;
		else
			manager = view_starts(part, VIEW_LIT("user@"));
		unit = part;
	}
	out[0] = 0;
	if (unit.n == 0 || unit.n >= cap)
		return;
	memcpy(out, unit.p, unit.n);
	out[unit.n] = 0;
}

void proc_container(const char *cgroup, char *out, size_t cap)
{
	enum { ID = 64 };
	static const char lxc[] = "/lxc.payload.";
	const char *found = NULL, *name = strstr(cgroup, lxc);

	/* Every engine names the cgroup by the id, with something before or behind it.  The innermost counts. */
	out[0] = 0;
	for (const char *p = cgroup; *p;) {
		size_t n = strspn(p, "0123456789abcdef");
		if (n == ID)
			found = p;
		p += n ? n : 1;
	}
	if (found)
		snprintf(out, cap, "%.*s", ID, found);
	else if (name)
		snprintf(out, cap, "%.*s", (int)strcspn(name + sizeof(lxc) - 1, "/"), name + sizeof(lxc) - 1);
}

void proc_tty(uint32_t tty, char *out, size_t cap)
{
	unsigned major = tty >> 8 & 0xfff, minor = (tty & 0xff) | (tty >> 12 & 0xfff00);

	out[0] = 0;
	if (major >= 136 && major <= 143)
		snprintf(out, cap, "pts/%u", (major - 136) * 256 + minor);
	else if (major == 4)
		snprintf(out, cap, minor < 64 ? "tty%u" : "ttyS%u", minor < 64 ? minor : minor - 64);
	else if (tty)
		snprintf(out, cap, "%u:%u", major, minor);
}

bool proc_same_start(uint64_t ticks, uint64_t hz, uint64_t start_ns)
{
	uint64_t tick_ns = 1000000000u / hz, want = start_ns / tick_ns;

	return (ticks > want ? ticks - want : want - ticks) <= 1;
}

void proc_show(char *out, const char *in, size_t cap)
{
	size_t n = 0;

	for (; n + 1 < cap && in[n]; n++)
		out[n] = (unsigned char)in[n] < 0x20 || in[n] == 0x7f ? '?' : in[n];
	memset(out + n, 0, cap - n);
}
