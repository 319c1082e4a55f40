/* ident_live_test.c - real processes and their ancestors, what is told of execs, the ring buffer it comes through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "ident/describe.h"
#include "ident/execs.h"
#include "ident/proc.h"
#include "ident_aid.h"

struct scene {
	char path[64];
	int procfs;
	struct agents *agents;
	struct describe *d;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	snprintf(s->path, sizeof(s->path), "/tmp/ident_test.XXXXXX");
	assert_non_null(mkdtemp(s->path));
	s->procfs = open("/proc", O_RDONLY | O_DIRECTORY);
	s->agents = shipped();
	s->d = describe_new(s->procfs, s->agents);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	char file[100];

	snprintf(file, sizeof(file), "%s/claude", s->path);
	unlink(file);
	rmdir(s->path);
	describe_free(&s->d);
	agents_free(&s->agents);
	close(s->procfs);
	free(s);
	return 0;
}

/* A copy of ${from} that is called like an agent. */
static void copy(const char *from, const char *to)
{
	struct buf b = {0};
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	assert_int_equal(fd_slurp(AT_FDCWD, from, 0, &b), 0);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, buf_view(&b)), 0);
	close(fd);
	buf_free(&b);
}

/* Start ${path} with a child of its own that waits: their pids.  Both say "up" on a pipe first. */
static pid_t start(const char *path, pid_t *kid)
{
	int up[2];
	char line[32] = "";

	assert_int_equal(pipe(up), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(up[1], 1);
		execl(path, path, "-c", "exec 9<&0; cat <&9 & echo $!; wait", (char *)NULL);
		_exit(127);
	}
	close(up[1]);
	assert_true(read(up[0], line, sizeof(line) - 1) > 0);
	close(up[0]);
	*kid = atoi(line);
	return pid;
}

static void test_ancestor(void **state)
{
	struct scene *s = *state;
	char file[100];
	pid_t kid;
	struct m_described out;
	struct m_mark mark;
	int hold[2], in = dup(0);

	snprintf(file, sizeof(file), "%s/claude", s->path);
	char shell[PATH_MAX];
	assert_non_null(realpath("/bin/bash", shell));
	copy(shell, file);
	assert_int_equal(pipe(hold), 0);
	dup2(hold[0], 0); /* what the child reads from never ends */
	pid_t pid = start(file, &kid);
	struct m_describe q = {.tgid = (uint32_t)pid};
	assert_false(describe(s->d, &q, &out, &mark)); /* without an exact start nothing can be marked */
	assert_int_equal(out.status, 0);
	assert_string_equal(out.agent, "claude-code");
	assert_int_equal(out.agent_class, CG_CLASS_AGENT);
	assert_int_equal(out.strength, IDENT_WEAK); /* anyone may call a program so */
	assert_string_equal(out.exe, file);
	assert_int_equal(out.uid, getuid());
	assert_int_equal(out.ppid, getpid());
	uint64_t start_ns = out.start_ns;
	q.tgid = (uint32_t)kid;
	for (int i = 0; i < 1000; i++) { /* until the shell's child has become cat */
		assert_false(describe(s->d, &q, &out, &mark));
		if (strcmp(out.exe, file))
			break;
		usleep(1000);
	}
	assert_string_equal(out.agent, "claude-code");
	assert_int_equal(out.ppid, pid);
	assert_string_not_equal(out.exe, file);
	/* with its start it is marked, once; with another start it is another process */
	q = (struct m_describe){.tgid = (uint32_t)pid, .start_ns = start_ns};
	assert_true(describe(s->d, &q, &out, &mark));
	assert_int_equal(mark.tgid, pid);
	assert_true(mark.start_ns == start_ns && mark.agent_class == CG_CLASS_AGENT);
	assert_string_equal(mark.label, "claude-code");
	assert_string_equal(agents_name(s->agents, agents_by_tag(s->agents, mark.agent)), "claude-code");
	assert_false(describe(s->d, &q, &out, &mark));
	assert_string_equal(out.agent, "claude-code");
	q.start_ns += 1000000000;
	assert_false(describe(s->d, &q, &out, &mark));
	assert_int_equal(out.status, -ERR_NOT_FOUND);
	assert_int_equal(out.uid, ~0u);
	assert_int_equal(out.agent_class, CG_CLASS_NONE);
	/* the test itself is no agent */
	q = (struct m_describe){.tgid = (uint32_t)getpid()};
	assert_false(describe(s->d, &q, &out, &mark));
	assert_int_equal(out.status, 0);
	kill(pid, SIGKILL);
	kill(kid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* gone */
	q = (struct m_describe){.tgid = (uint32_t)pid};
	assert_false(describe(s->d, &q, &out, &mark));
	assert_int_equal(out.status, -ERR_NOT_FOUND);
	dup2(in, 0);
	close(in);
	close(hold[0]);
	close(hold[1]);
}

/* A name made to break a careless reader of stat. */
static void test_hostile_name(void **state)
{
	struct scene *s = *state;
	struct m_describe q = {.tgid = (uint32_t)getpid()};
	struct m_described plain, odd;
	struct m_mark mark;

	describe(s->d, &q, &plain, &mark);
	assert_int_equal(prctl(PR_SET_NAME, ") R 1 1\n(x", 0, 0, 0), 0);
	describe(s->d, &q, &odd, &mark);
	assert_memory_equal(&plain, &odd, sizeof(plain));
	assert_int_equal(odd.ppid, getppid());
	assert_int_equal(odd.uid, getuid());
}

static void test_root_owned(void **state)
{
	struct scene *s = *state;
	struct proc p;
	char exe[PATH_MAX], file[100];
	bool deleted;

	assert_int_equal(proc_open(s->procfs, (uint32_t)getpid(), &p), 0);
	assert_int_equal(proc_exe(&p, exe, &deleted), 0);
	assert_false(deleted);
	/* root's, but not what the process runs; not there; in a directory for everybody */
	assert_false(proc_root_owned(&p, s->procfs, "/bin/true"));
	assert_false(proc_root_owned(&p, s->procfs, "/nonexistent/claude"));
	assert_false(proc_root_owned(&p, s->procfs, "relative"));
	snprintf(file, sizeof(file), "%s/claude", s->path);
	assert_int_equal(symlink(exe, file), 0);
	assert_false(proc_root_owned(&p, s->procfs, file));
	char resolved[PATH_MAX];
	assert_int_equal(proc_resolve(&p, s->procfs, file, resolved), 0);
	assert_string_equal(resolved, exe);
	proc_close(&p);
	/* a process of the system's own */
	int hold[2];
	assert_int_equal(pipe(hold), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(hold[0], 0);
		close(hold[1]);
		execl("/usr/bin/cat", "cat", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(proc_open(s->procfs, (uint32_t)pid, &p), 0);
	/* The child is ready when its executable is another. */
	for (int i = 0; i < 1000 && (proc_exe(&p, exe, &deleted) || strcmp(exe, "/usr/bin/cat")); i++)
		usleep(1000);
	assert_string_equal(exe, "/usr/bin/cat");
	assert_true(proc_root_owned(&p, s->procfs, exe));
	proc_close(&p);
	close(hold[0]);
	close(hold[1]);
	waitpid(pid, NULL, 0);
}

/* ---- exec events ---- */

static struct cg_exec event(uint32_t tgid, uint32_t ppid, uint32_t cls, uint64_t start, const char *path, const char *script)
{
	struct cg_exec e = {.tgid = tgid, .ppid = ppid, .cls = cls, .start_ns = start};

	snprintf(e.path, sizeof(e.path), "%s", path);
	snprintf(e.script, sizeof(e.script), "%s", script);
	return e;
}

/* Numbers above the largest pid: these processes have gone before they could be looked at. */
enum { GONE = 5000000 };

static void test_exec(void **state)
{
	struct scene *s = *state;
	struct m_mark mark;
	static const struct {
		const char *path, *script, *label;
	} rows[] = {
	    {"/tmp/claude", "", "claude-code"},
	    {"/usr/bin/node", "/usr/lib/node_modules/@openai/codex/bin/codex.js", "codex"},
	    {"/x/@google/gemini-cli/bundle/gemini.js", "", "gemini-cli"}, /* by its first line */
	    {"/usr/bin/cat", "/usr/lib/node_modules/@openai/codex/bin/codex.js", NULL},
	    {"/usr/bin/bash", "-c", NULL},
	    {"", "", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cg_exec e = event(GONE + (uint32_t)i, 1, 0, 1000 + i, rows[i].path, rows[i].script);
		assert_int_equal(describe_exec(s->d, &e, &mark), rows[i].label != NULL);
		if (!rows[i].label)
			continue;
		assert_string_equal(mark.label, rows[i].label);
		assert_true(mark.start_ns == 1000 + i && mark.tgid == GONE + i);
		assert_false(describe_exec(s->d, &e, &mark)); /* told once */
	}
	struct cg_exec none = {0};
	assert_false(describe_exec(s->d, &none, &mark));
	struct cg_exec full;
	memset(&full, 'x', sizeof(full)); /* texts without an end */
	assert_false(describe_exec(s->d, &full, &mark));
}

/* By its name an agent is told before anything is looked at; what a look finds later is not told twice, and what was not told is. */
static void test_glance(void **state)
{
	struct scene *s = *state;
	struct m_mark mark;
	struct describe *d = describe_new(s->procfs, s->agents);
	struct cg_exec agent = event(GONE, 1, 0, 1000, "/tmp/claude", ""), editor = event(GONE + 1, 1, 0, 1000, "/usr/share/code/code", ""),
	    none = event(GONE + 2, 1, 0, 1000, "/bin/true", ""), full;

	assert_true(describe_glance(d, &agent, &mark));
	assert_string_equal(mark.label, "claude-code");
	assert_true(mark.tgid == GONE && mark.start_ns == 1000 && mark.agent_class == CG_CLASS_AGENT);
	assert_int_equal(describe_class(d, GONE, 1000), CG_CLASS_AGENT);
	assert_int_equal(describe_class(d, GONE, 1001), CG_CLASS_NONE);
	assert_false(describe_glance(d, &agent, &mark));
	assert_false(describe_exec(d, &agent, &mark));
	describe_untold(d, GONE, 1001); /* somebody else */
	assert_false(describe_exec(d, &agent, &mark));
	describe_untold(d, GONE, 1000);
	assert_true(describe_exec(d, &agent, &mark));
	/* whether an editor is a person's takes a look */
	assert_false(describe_glance(d, &editor, &mark));
	assert_int_equal(describe_class(d, GONE + 1, 1000), CG_CLASS_NONE);
	assert_true(describe_exec(d, &editor, &mark));
	assert_int_equal(mark.agent_class, CG_CLASS_EDITOR);
	assert_false(describe_glance(d, &none, &mark));
	memset(&full, 'x', sizeof(full));
	assert_false(describe_glance(d, &full, &mark));
	describe_free(&d);
}

/* A process whose agent has gone: the tree is known from the events alone. */
static void test_orphan(void **state)
{
	struct scene *s = *state;
	struct m_mark mark;
	struct m_described out;
	struct m_describe q = {.tgid = (uint32_t)getpid()};

	describe(s->d, &q, &out, &mark);
	if (out.agent_class != CG_CLASS_NONE)
		skip(); /* run by an agent itself */
	uint64_t start_ns = out.start_ns;
	struct cg_exec root = event(GONE, 1, 0, 5000, "/tmp/claude", "");
	assert_true(describe_exec(s->d, &root, &mark));
	struct cg_exec child = event((uint32_t)getpid(), GONE, CG_CLASS_NONE, start_ns, "/usr/bin/make", "");
	assert_false(describe_exec(s->d, &child, &mark));
	describe(s->d, &q, &out, &mark);
	assert_string_equal(out.agent, "claude-code");
	assert_int_equal(out.agent_class, CG_CLASS_AGENT);
	/* a second exec, now with init as its parent, does not wash it off */
	child = event((uint32_t)getpid(), 1, CG_CLASS_NONE, start_ns, "/usr/bin/callgate", "");
	assert_false(describe_exec(s->d, &child, &mark));
	describe(s->d, &q, &out, &mark);
	assert_string_equal(out.agent, "claude-code");
	/* the same number, another process */
	child = event((uint32_t)getpid(), 1, CG_CLASS_NONE, start_ns + 50000000, "/usr/bin/callgate", "");
	struct describe *fresh = describe_new(s->procfs, s->agents);
	child.cls = CG_CLASS_AGENT;
	assert_false(describe_exec(fresh, &child, &mark));
	describe(fresh, &q, &out, &mark);
	assert_int_equal(out.agent_class, CG_CLASS_NONE);
	/* only the kernel knows the tree: an agent without a name */
	child.start_ns = start_ns;
	assert_false(describe_exec(fresh, &child, &mark));
	describe(fresh, &q, &out, &mark);
	assert_int_equal(out.agent_class, CG_CLASS_AGENT);
	assert_int_equal(out.strength, IDENT_WEAK);
	assert_string_equal(out.agent, "");
	describe_free(&fresh);
}

/* ---- the ring buffer ---- */

enum { RING = 4096 };

struct ring {
	_Alignas(8) uint64_t consumer, producer;
	uint8_t *data; /* the same page twice */
	struct execs *x;
};

static void ring_make(struct ring *r)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);

	*r = (struct ring){0};
	assert_int_equal(ftruncate(fd, RING), 0);
	r->data = mmap(NULL, 2 * RING, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(r->data, MAP_FAILED);
	for (int i = 0; i < 2; i++)
		assert_ptr_not_equal(mmap(r->data + i * RING, RING, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0), MAP_FAILED);
	close(fd);
	r->x = execs_on(&r->consumer, &r->producer, r->data, RING);
}

static void ring_put(struct ring *r, uint32_t head, const struct cg_exec *e)
{
	uint8_t *at = r->data + r->producer % RING;
	uint32_t len = head & 0x3fffffff;

	memcpy(at, &head, 4);
	if (e)
		memcpy(at + 8, e, sizeof(*e));
	r->producer += (len + 8 + 7) & ~7u;
}

static void test_ring(void **state)
{
	struct ring r;
	struct cg_exec e, got;

	(void)state;
	ring_make(&r);
	assert_int_equal(execs_next(r.x, &got), 0);
	/* many more than fit at once, so that they wrap at every offset */
	for (uint32_t i = 0; i < 100; i++) {
		e = event(i, 1, 0, i, "/a", "b");
		ring_put(&r, sizeof(e), &e);
		ring_put(&r, 16 | BPF_RINGBUF_DISCARD_BIT, NULL);
		ring_put(&r, 24, NULL); /* of another kind */
		assert_int_equal(execs_next(r.x, &got), 1);
		assert_memory_equal(&got, &e, sizeof(e));
		assert_int_equal(execs_next(r.x, &got), 0);
		assert_true(r.consumer == r.producer);
	}
	/* shown first, they still come in their turn, and none is shown twice */
	for (uint32_t i = 0; i < 3; i++) {
		e = event(i, 1, 0, i, "/a", "b");
		ring_put(&r, sizeof(e), &e);
		ring_put(&r, 24, NULL);
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(execs_peek(r.x, &got), 1);
		assert_int_equal(got.tgid, i);
	}
	assert_int_equal(execs_peek(r.x, &got), 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(execs_next(r.x, &got), 1);
		assert_int_equal(got.tgid, i);
		assert_int_equal(execs_peek(r.x, &got), 0);
	}
	/* what was taken unseen is not shown any more */
	e = event(7, 1, 0, 7, "/a", "b");
	ring_put(&r, sizeof(e), &e);
	assert_int_equal(execs_next(r.x, &got), 1);
	assert_int_equal(execs_peek(r.x, &got), 0);
	assert_int_equal(execs_next(r.x, &got), 0);
	/* one that is still being written holds up those after it */
	uint8_t *busy = r.data + r.producer % RING;
	ring_put(&r, sizeof(e) | BPF_RINGBUF_BUSY_BIT, NULL);
	e = event(2, 1, 0, 2, "/late", "");
	ring_put(&r, sizeof(e), &e);
	assert_int_equal(execs_next(r.x, &got), 0);
	uint32_t done = sizeof(e);
	memcpy(busy, &done, 4);
	assert_int_equal(execs_next(r.x, &got), 1);
	assert_int_equal(execs_next(r.x, &got), 1);
	assert_string_equal(got.path, "/late");
	/* lengths that make no sense */
	ring_put(&r, 0x3fffffff, NULL);
	assert_int_equal(execs_next(r.x, &got), -ERR_CORRUPT);
	r.producer = r.consumer + 8;
	memcpy(r.data + r.consumer % RING, &done, 4);
	assert_int_equal(execs_next(r.x, &got), -ERR_CORRUPT);
	execs_free(&r.x);
	munmap(r.data, 2 * RING);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_ancestor),
	    T(test_hostile_name),
	    T(test_root_owned),
	    T(test_exec),
	    T(test_glance),
	    T(test_orphan),
	    cmocka_unit_test(test_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
