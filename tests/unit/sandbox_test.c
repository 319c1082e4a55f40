/*
 * sandbox_test.c - every process, from inside its sandbox: what it must not do is refused; and every probe finds the hole it is for
 * when one is made.  The source is included, because no header offers a way to make a hole.
 */
#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "gate/loader.h"

#include "../../user/proc/sandbox.c"

static const enum party parties[] = {P_ADMIN, P_IDENT, P_PROXY, P_VAULT, P_AUDIT, P_FETCH};

struct answer {
	int entered;
	unsigned tried, refused;
};

/* Enter in a child and report what was refused.  hole: a call to allow in addition; no_landlock leaves files open. */
static struct answer inside(enum party who, int hole, bool no_landlock)
{
	struct answer a = {-1, 0, 0};
	int p[2];

	assert_int_equal(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char note[64];
		a.entered = no_landlock || who == P_IDENT ? 0 : landlock(NULL, 0, 0, note, sizeof(note));
		if (!a.entered)
			a.entered = filter(who, hole);
		a.refused = sandbox_check(who, -1, &a.tried);
		_exit(write(p[1], &a, sizeof(a)) == sizeof(a) ? 0 : 1);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &a, sizeof(a)), sizeof(a));
	close(p[0]);
	int status;
	waitpid(pid, &status, 0);
	return a;
}

static void everything_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parties) / sizeof(parties[0]); i++) {
		struct answer a = inside(parties[i], -1, false);
		assert_int_equal(a.entered, 0);
		assert_true(a.tried & PROBE_OPEN);
		assert_int_equal(a.refused, a.tried);
	}
}

static void each_probe_finds_its_hole(void **state)
{
	(void)state;
	static const struct {
		int call;
		unsigned bit;
		enum party not; /* this party may do it */
	} holes[] = {
	    {SYS_socket, PROBE_SOCKET, P_PROXY},
	    {SYS_io_uring_setup, PROBE_URING_SETUP, P_NONE},
#ifndef CG_SANITIZED
	    {SYS_ptrace, PROBE_PTRACE, P_NONE},
#endif
	    {SYS_execve, PROBE_EXEC, P_NONE},
	    {SYS_bpf, PROBE_BPF, P_NONE},
	    {SYS_setresuid, PROBE_SETUID, P_NONE},
	};
	for (size_t i = 0; i < sizeof(parties) / sizeof(parties[0]); i++) {
		for (size_t h = 0; h < sizeof(holes) / sizeof(holes[0]); h++) {
			if (holes[h].not == parties[i] || (holes[h].bit == PROBE_SOCKET && has_network(parties[i])))
				continue;
			struct answer a = inside(parties[i], holes[h].call, false);
			assert_int_equal(a.tried & ~a.refused, holes[h].bit);
		}
	}
}

static void files_need_both_walls(void **state)
{
	(void)state;
	/* The vault may open files: only landlock says which. */
	struct answer a = inside(P_VAULT, -1, true);
	assert_int_equal(a.tried & ~a.refused, PROBE_OPEN);
	a = inside(P_AUDIT, -1, true);
	assert_int_equal(a.tried & ~a.refused, PROBE_OPEN);
#ifndef CG_SANITIZED
	/* The worker may not open at all: with landlock gone seccomp still refuses, and the other way round. */
	a = inside(P_PROXY, -1, true);
	assert_int_equal(a.refused, a.tried);
	a = inside(P_PROXY, SYS_openat, false);
	assert_int_equal(a.refused, a.tried);
	a = inside(P_PROXY, SYS_openat, true);
	assert_int_equal(a.tried & ~a.refused, PROBE_OPEN);
#endif
}

static void no_memory_becomes_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parties) / sizeof(parties[0]); i++) {
		pid_t pid = fork();
		if (pid == 0) {
			if (filter(parties[i], -1))
				_exit(2);
			void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			void *x = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			int turned = mprotect(p, 4096, PROT_READ | PROT_EXEC);
			_exit(p != MAP_FAILED && x == MAP_FAILED && turned < 0 ? 0 : 1);
		}
		int status;
		waitpid(pid, &status, 0);
#ifndef CG_SANITIZED
		assert_int_equal(status, 0);
#endif
	}
}

/* In a child: the worker's sandbox around its second thread.  0 when that one works inside. */
static int worker_with_helper(int say, int go)
{
	struct loader *l;
	struct loaded done;
	char note[64], c;
	if (landlock(NULL, 0, 0, note, sizeof(note)) || loader_new(&l) || filter(P_PROXY, -1))
		return 2;
	if (write(say, "x", 1) != 1 || read(go, &c, 1) != 1)
		return 3;
	/* A pipe is no sealed file: the answer is an error, and it comes. */
	if (loader_put(l, go))
		return 4;
	struct pollfd p = {loader_bell(l), POLLIN, 0};
	if (poll(&p, 1, 20000) != 1 || !loader_take(l, &done) || !done.err || done.world)
		return 5;
	loader_free(&l);
	return 0;
}

/* Made before seccomp comes, it is past the system calls with which a thread begins, and inside like the first one.  Often, since it was a race. */
static void a_helper_is_inside(void **state)
{
	(void)state;
	for (int i = 0; i < 60; i++) {
		int say[2], go[2], status;
		char c, path[64], line[256];
		assert_true(pipe(say) == 0 && pipe(go) == 0);
		pid_t pid = fork();
		if (pid == 0)
			_exit(worker_with_helper(say[1], go[0]));
		close(say[1]);
		close(go[0]);
		assert_int_equal(read(say[0], &c, 1), 1);
		int threads = 0, inside = 0;
		snprintf(path, sizeof(path), "/proc/%d/task", pid);
		DIR *d = opendir(path);
		for (struct dirent *e; (e = readdir(d));) {
			char status_path[96];
			snprintf(status_path, sizeof(status_path), "/proc/%d/task/%.20s/status", pid, e->d_name);
			FILE *f = e->d_name[0] == '.' ? NULL : fopen(status_path, "re");
			threads += f != NULL;
			while (f && fgets(line, sizeof(line), f))
				inside += strcmp(line, "Seccomp:\t2\n") == 0;
			if (f)
				fclose(f);
		}
		closedir(d);
#ifndef CG_SANITIZED
		assert_int_equal(threads, 2);
#endif
		assert_int_equal(inside, threads);
		assert_int_equal(write(go[1], "x", 1), 1);
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
		close(say[0]);
		close(go[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_is_refused),
	    cmocka_unit_test(each_probe_finds_its_hole),
	    cmocka_unit_test(files_need_both_walls),
	    cmocka_unit_test(no_memory_becomes_code),
	    cmocka_unit_test(a_helper_is_inside),
	};
	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
