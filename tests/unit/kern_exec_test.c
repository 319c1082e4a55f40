/*
 * kern_exec_test.c - what is told of execs, of processes that are older than the programs, and when a ring or a table is full.
 * Needs root; see kern_aid.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kern_puppet_aid.h"

static struct cg_exec events[64];
static size_t event_count;

static int keep_event(void *arg, void *data, size_t len)
{
	(void)arg;
	assert_int_equal(len, sizeof(struct cg_exec));
	if (event_count < sizeof(events) / sizeof(events[0]))
		memcpy(&events[event_count++], data, len);
	return 0;
}

/* Run ${argv} as ${uid} and gather what the ring says of that process. */
static pid_t run(struct ring_buffer *ring, uint32_t uid, const char *const argv[])
{
	int status;
	ring_buffer__consume(ring);
	pid_t pid = fork();
	if (pid == 0) {
		become(uid);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	event_count = 0;
	ring_buffer__consume(ring);
	size_t n = 0;
	for (size_t i = 0; i < event_count; i++)
		if (events[i].tgid == (uint32_t)pid)
			events[n++] = events[i];
	event_count = n;
	return pid;
}

static void execs_are_told(void **state)
{
	(void)state;
	char script[64], longest[PATH_MAX];
	struct stat st;
	assert_true(kern_exec_events_fd(w.k) >= 0);
	struct ring_buffer *ring = ring_buffer__new(kern_exec_events_fd(w.k), keep_event, NULL, NULL);
	assert_non_null(ring);

	run(ring, USER, (const char *const[]){"/bin/sh", "-c", ":", NULL});
	assert_int_equal(event_count, 1);
	assert_int_equal(events[0].uid, USER);
	assert_int_equal(events[0].ppid, getpid());
	assert_int_equal(events[0].cls, CG_CLASS_NONE);
	assert_string_equal(events[0].path, "/bin/sh");
	assert_string_equal(events[0].script, "-c");
	assert_int_equal(stat("/bin/sh", &st), 0);
	assert_int_equal(events[0].exe_ino, st.st_ino);
	assert_int_equal(events[0].exe_dev, major(st.st_dev) << 20 | minor(st.st_dev));
	assert_true(events[0].start_ns > 0);

	snprintf(script, sizeof(script), "/tmp/callgate-kerntest.%d.sh", getpid());
	int fd = open(script, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_int_equal(write(fd, "#!/bin/sh\n:\n", 12), 12);
	close(fd);
	run(ring, USER, (const char *const[]){"/bin/sh", script, NULL});
	assert_int_equal(event_count, 1);
	assert_string_equal(events[0].script, script);
	run(ring, USER, (const char *const[]){script, "argument", NULL});
	assert_int_equal(event_count, 1);
	assert_string_equal(events[0].path, script);
	assert_string_equal(events[0].script, script); /* the kernel puts it behind the interpreter */
	unlink(script);

	/* The longest and the emptiest arguments: cut off, empty, never mixed up. */
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	run(ring, USER, (const char *const[]){"/bin/true", longest, NULL});
	assert_int_equal(strlen(events[0].script), CG_SCRIPT - 1);
	run(ring, USER, (const char *const[]){"/bin/true", NULL});
	assert_string_equal(events[0].path, "/bin/true");
	run(ring, USER, (const char *const[]){"/bin/true", "", NULL});
	assert_string_equal(events[0].script, "");

	/* Not governed, but perhaps an administrator's agent. */
	run(ring, STRANGER, (const char *const[]){"/bin/true", NULL});
	assert_int_equal(event_count, 1);
	assert_int_equal(events[0].uid, STRANGER);
	ring_buffer__free(ring);
}

/* Processes that were there before the programs. */
static void the_old_are_seeded(void **state)
{
	(void)state;
	char why[512];
	struct kern_conf c = conf();
	struct cg_flow f;
	kern_release(&w.k);
	assert_int_equal(kern_teardown(w.bpffs), 0);
	struct puppet agent = puppet(USER), middle = puppet_child(&agent), child = puppet_child(&middle);
	assert_int_equal(tell(&child, 'c'), ENETUNREACH);
	assert_int_equal(kern_setup(&c, why, sizeof(why), &w.k), 0);
	expect_told(&agent, 1);
	kern_release(&w.k);
	assert_int_equal(kern_setup(&c, why, sizeof(why), &w.k), 0);
	expect_told(&agent, 0); /* a later start knows it */
	kern_alive(w.k, 0);
	assert_int_equal(ask(&agent, &f), GATED);
	quit(&middle);
	mark(&agent, LABEL);
	expect(&child, LABEL, &agent);
	quit(&child);
	quit(&agent);
}

/* Whose exec found no room is told of later, and so is a child that runs the same. */
static void a_full_ring_hides_nobody(void **state)
{
	(void)state;
	uint64_t before = counter("exec-event-lost");
	struct puppet p = puppet(USER);
	while (counter("exec-event-lost") == before)
		assert_int_equal(tell(&p, 'e'), 0);
	assert_int_equal(tell(&p, 'e'), 0);
	struct puppet child = puppet_child(&p);
	kern_tell_again(w.k); /* there is no room yet */
	struct ring_buffer *ring = ring_buffer__new(kern_exec_events_fd(w.k), keep_event, NULL, NULL);
	assert_non_null(ring);
	(void)ring_buffer__consume(ring);
	ring_buffer__free(ring);
	kern_tell_again(w.k);
	expect_told(&p, 1);
	kern_tell_again(w.k);
	expect_told(&p, 0);
	quit(&child);
	quit(&p);
}

enum { NO_PID = 5000000 }; /* above what the kernel gives */

static bool known(const struct puppet *p)
{
	struct cg_proc entry;
	uint32_t tgid = (uint32_t)p->pid;
	return bpf_map_lookup_elem(kern_maps_fd(w.k, "cg_procs"), &tgid, &entry) == 0;
}

static void fill_table(bool fill)
{
	static uint32_t top = NO_PID;
	struct cg_proc entry = {0};
	int fd = kern_maps_fd(w.k, "cg_procs");
	for (; fill && bpf_map_update_elem(fd, &top, &entry, BPF_NOEXIST) == 0; top++)
		;
	for (; !fill && top > NO_PID; top--)
		(void)bpf_map_delete_elem(fd, &(uint32_t){top - 1});
}

/* A child for which the table had no room.  Other processes of the machine end, so that there may be some again. */
static struct puppet missed_child(const struct puppet *parent)
{
	for (int i = 0; i < 200; i++) {
		fill_table(true);
		struct puppet p = parent ? puppet_child(parent) : puppet(STRANGER);
		if (!known(&p))
			return p;
		quit(&p);
	}
	fail();
	return (struct puppet){0};
}

/* Whoever fills the table of processes does not get out of the tree: who is not in it counts as an agent, if he is governed. */
static void a_full_table_hides_nobody(void **state)
{
	(void)state;
	struct cg_flow f;
	struct timespec now;
	uint64_t before = counter("process-table-full");
	do {
		usleep(10000);
		clock_gettime(CLOCK_BOOTTIME, &now);
	} while (now.tv_sec <= w.k->watched_s);
	struct puppet agent = puppet(USER);
	mark(&agent, LABEL);
	struct puppet middle = missed_child(&agent), gone = missed_child(&middle), stranger = missed_child(NULL);
	expect(&gone, LABEL, &agent); /* the parents live */
	quit(&middle);
	assert_int_equal(ask(&gone, &f), GATED);
	assert_int_equal(f.agent_class, CG_CLASS_AGENT);
	assert_int_equal(f.agent_root, gone.pid);
	assert_int_equal(ask(&stranger, &f), ENETUNREACH); /* nobody's business, as before */
	assert_true(counter("process-table-full") > before);
	fill_table(false);
	quit(&gone);
	quit(&stranger);
	quit(&agent);
}

/* What an earlier run has watched counts on while its programs stay; without them it does not. */
static void watching_survives_a_restart(void **state)
{
	(void)state;
	char why[512];
	struct kern_conf c = conf();
	w.k->watched_s -= 1;
	uint32_t since = w.k->watched_s;
	assert_int_equal(kern_maps_watched(w.k, since), 0);
	kern_release(&w.k);
	assert_int_equal(kern_setup(&c, why, sizeof(why), &w.k), 0);
	assert_int_equal(w.k->watched_s, since);
	kern_release(&w.k);
	assert_int_equal(kern_teardown(w.bpffs), 0);
	assert_int_equal(kern_setup(&c, why, sizeof(why), &w.k), 0);
	assert_true(w.k->watched_s > since);
}

/* ---- sets of another layout ---- */

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(execs_are_told),
	    cmocka_unit_test(the_old_are_seeded),
	    cmocka_unit_test(a_full_ring_hides_nobody),
	    cmocka_unit_test(a_full_table_hides_nobody),
	    cmocka_unit_test(watching_survives_a_restart),
	};
	int r = puppet_main(argc, argv);
	return r >= 0 ? r : AID_MAIN(tests);
}
