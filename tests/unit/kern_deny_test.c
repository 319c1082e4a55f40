/*
 * kern_deny_test.c - the optional denials: where they attach, what an agent may not do and others may; where they do not, that it is said.
 * CG_DENY_WAY=lsm|fmod_ret in the environment: they must have attached that way.  Needs root; see kern_aid.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "kern_aid.h"

enum { FAMILY_VSOCK = 40, FAMILY_TIPC = 30, FAMILY_SMC = 43 };

static void add_hook(void *arg, const char *hook, bool attached, const char *note)
{
	int *n = arg;
	if (strncmp(hook, "deny/", 5) != 0)
		return;
	n[attached ? 1 : 0]++;
	print_message("# %s: %s\n", hook, note);
	assert_true(note && note[0]);
}

static void attached_or_said(void **state)
{
	(void)state;
	int n[2] = {0};
	const char *way = getenv("CG_DENY_WAY");
	kern_each_hook(w.k, add_hook, n);
	assert_int_equal(n[0] + n[1], 3);
	assert_int_equal(n[1], w.k->deny_way ? 3 : 0);
	if (way) {
		assert_non_null(w.k->deny_way);
		assert_string_equal(w.k->deny_way, way);
	}
}

/* ---- what is tried ---- */

static int by_family(int family)
{
	int fd = socket(family, family == AF_INET || family == FAMILY_VSOCK || family == FAMILY_SMC ? SOCK_STREAM : SOCK_DGRAM, 0);
	int e = fd < 0 ? errno : 0;
	close(fd);
	return e;
}

static int attach_to(pid_t pid)
{
	int e = ptrace(PTRACE_SEIZE, pid, 0, 0) < 0 ? errno : 0;
	if (!e)
		ptrace(PTRACE_DETACH, pid, 0, 0);
	return e;
}

static pid_t stranger;

static int by_ptrace_parent(void)
{
	return attach_to(stranger);
}

static int by_ptrace_child(void)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	int e = attach_to(pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return e;
}

static int by_memory(void)
{
	static char here[8], there[8];
	struct iovec to = {here, sizeof(here)}, from = {there, sizeof(there)};
	return process_vm_readv(stranger, &to, 1, &from, 1, 0) < 0 ? errno : 0;
}

static int call(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int e = connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
	close(fd);
	return e;
}

static char engine[64], other[64];

static int by_vsock(void)
{
	return by_family(FAMILY_VSOCK);
}
static int by_tipc(void)
{
	return by_family(FAMILY_TIPC);
}
static int by_smc(void)
{
	return by_family(FAMILY_SMC);
}
static int by_inet(void)
{
	return by_family(AF_INET);
}
static int by_unix(void)
{
	return by_family(AF_UNIX);
}
static int by_engine(void)
{
	return call(engine);
}
static int by_other(void)
{
	return call(other);
}

static int in_child(int (*fn)(void), uint32_t cls)
{
	int go[2], out[2], e = -1;
	char byte = 0;
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (read(go[0], &byte, 1) < 0)
			_exit(1);
		e = fn();
		_exit(write(out[1], &e, sizeof(e)) < 0);
	}
	/* The exact start is in the process table. */
	struct cg_proc p;
	uint32_t tgid = (uint32_t)pid;
	assert_int_equal(bpf_map_lookup_elem(kern_maps_fd(w.k, "cg_procs"), &tgid, &p), 0);
	if (cls)
		assert_int_equal(kern_mark(w.k, tgid, p.start_ns, cls, 1), 0);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(read(out[0], &e, sizeof(e)), sizeof(e));
	waitpid(pid, NULL, 0);
	close(go[0]);
	close(go[1]);
	close(out[0]);
	close(out[1]);
	return e;
}

static const struct {
	const char *name;
	int (*fn)(void);
	bool denied; /* to an agent */
	const char *counter;
} rows[] = {
    {"vsock", by_vsock, true, "denied-socket-family"},
    {"tipc", by_tipc, true, "denied-socket-family"},
    {"smc", by_smc, true, "denied-socket-family"},
    {"inet", by_inet, false, NULL},
    {"unix", by_unix, false, NULL},
    {"debugging a stranger", by_ptrace_parent, true, "denied-ptrace"},
    {"reading a stranger's memory", by_memory, true, "denied-ptrace"},
    {"debugging a child of its own", by_ptrace_child, false, NULL},
    {"a container engine", by_engine, true, "denied-container-engine"},
    {"another unix socket", by_other, false, NULL},
};

static int listen_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static void agents_and_others(void **state)
{
	(void)state;
	char dir[] = "/tmp/callgate-deny.XXXXXX";
	if (!w.k->deny_way) {
		print_message("# not on this kernel: only what it says was tested\n");
		return;
	}
	assert_non_null(mkdtemp(dir));
	snprintf(engine, sizeof(engine), "%s/docker.sock", dir);
	snprintf(other, sizeof(other), "%s/other.sock", dir);
	int one = listen_at(engine), two = listen_at(other);
	stranger = fork();
	if (stranger == 0)
		for (;;)
			pause();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t before = rows[i].counter ? counter((char *)(uintptr_t)rows[i].counter) : 0;
		int nobody = in_child(rows[i].fn, CG_CLASS_NONE), person = in_child(rows[i].fn, CG_CLASS_EDITOR), agent = in_child(rows[i].fn, CG_CLASS_AGENT);
		print_message("# %s: %s, to an agent %s\n", rows[i].name, strerror(nobody), strerror(agent));
		assert_int_not_equal(nobody, EPERM);
		assert_int_equal(person, nobody);
		assert_int_equal(agent, rows[i].denied ? EPERM : nobody);
		if (rows[i].counter)
			assert_int_equal(counter((char *)(uintptr_t)rows[i].counter), before + 1);
	}
	kill(stranger, SIGKILL);
	waitpid(stranger, NULL, 0);
	close(one);
	close(two);
	unlink(engine);
	unlink(other);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(attached_or_said),
	    cmocka_unit_test(agents_and_others),
	};
	return AID_MAIN(tests);
}
