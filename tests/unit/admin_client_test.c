/* admin_client_test.c - the control socket under clients that stop, rush, crowd, lie and leave. */
#include "admin_aid.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CONF "{\"users\":[1001],\"mode\":\"enforce\"}"
#define LIST "{\"do\":\"server.list\"}\n"

static bool ok(json_t *v)
{
	bool yes = json_is_true(json_object_get(v, "ok"));
	json_decref(v);
	return yes;
}

static bool is(json_t *v, const char *error)
{
	const char *e = json_string_value(json_object_get(v, "error"));
	bool yes = e && strcmp(e, error) == 0;
	json_decref(v);
	return yes;
}

static void bytes_one_at_a_time(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, CONF);
	int fd = rig_dial(&r);
	for (const char *p = LIST; *p; p++) {
		rig_send(&r, fd, view_of(p, 1));
		rig_turn(&r);
	}
	assert_true(ok(rig_answer(&r, fd)));
	close(fd);
	rig_close(&r);
}

static void several_in_one_piece(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, CONF);
	int fd = rig_dial(&r);
	rig_send(&r, fd, view_str(LIST "{\"do\":\"nothing\"}\n" LIST "{\"do\":\"status\"}\n" LIST));
	assert_true(ok(rig_answer(&r, fd)));
	assert_true(is(rig_answer(&r, fd), "unknown-request"));
	assert_true(ok(rig_answer(&r, fd)));
	assert_true(ok(rig_answer(&r, fd)));
	assert_true(ok(rig_answer(&r, fd)));
	close(fd);
	rig_close(&r);
}

/* Whoever says that no more will come still gets the answers. */
static void a_half_closed_client(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, CONF);
	int fd = rig_dial(&r);
	rig_send(&r, fd, view_str(LIST "{\"do\":\"status\"}\n{\"do\":\"sta"));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(ok(rig_answer(&r, fd)));
	assert_true(ok(rig_answer(&r, fd)));
	assert_null(rig_answer(&r, fd));
	close(fd);
	rig_turns(&r, 2);
	assert_int_equal(r.a.client_count, 0);
	rig_close(&r);
}

static void garbage_ends_the_connection(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, CONF);
	int fd = rig_dial(&r);
	rig_send(&r, fd, view_str("GET / HTTP/1.1\r\n" LIST));
	assert_true(is(rig_answer(&r, fd), "malformed"));
	assert_null(rig_answer(&r, fd));
	close(fd);
	rig_close(&r);
}

static void too_long(void **state)
{
	static char mem[REQUEST_LINE * 4];
	struct rig r;

	(void)state;
	memset(mem, ' ', sizeof(mem));
	mem[0] = '{';
	rig_open(&r, CONF);
	int fd = rig_dial(&r);
	rig_send(&r, fd, view_of(mem, sizeof(mem)));
	assert_true(is(rig_answer(&r, fd), "too-long"));
	close(fd);
	rig_turns(&r, 2);
	assert_int_equal(r.a.client_count, 0);
	rig_close(&r);
}

/* Two long documents at a time; a third is told to wait.  Short requests pass all the while. */
static void long_documents(void **state)
{
	enum { N = 300000 };
	static const char head[] = "{\"do\":\"policy.check\",\"args\":{\"document\":\"";
	char *doc = malloc(N);
	int fd[3];
	struct rig r;

	(void)state;
	memset(doc, ' ', N);
	rig_open(&r, CONF);
	for (size_t i = 0; i < 3; i++) {
		fd[i] = rig_dial(&r);
		rig_send(&r, fd[i], view_str(head));
		rig_send(&r, fd[i], view_of(doc, N));
		rig_turns(&r, 8);
	}
	assert_true(is(rig_answer(&r, fd[2]), "busy"));
	assert_true(ok(rig_ask(&r, LIST)));
	for (size_t i = 0; i < 2; i++) {
		rig_send(&r, fd[i], view_str("\"}}\n"));
		assert_true(is(rig_answer(&r, fd[i]), "invalid"));
		/* The next one on this connection is small, and its room as well. */
		rig_send(&r, fd[i], view_str(LIST));
		assert_true(ok(rig_answer(&r, fd[i])));
	}
	for (size_t i = 0; i < 3; i++)
		close(fd[i]);
	free(doc);
	rig_close(&r);
}

static void silent_clients_are_dropped(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, CONF);
	int quiet = rig_dial(&r), half = rig_dial(&r), working = rig_dial(&r);
	rig_send(&r, half, view_str("{\"do\":"));
	r.sup_mute = true;
	rig_send(&r, working, view_str("{\"do\":\"status\"}\n"));
	rig_turns(&r, 4);
	assert_int_equal(r.a.client_count, 3);
	client_expire(&r.a, mono_now());
	assert_int_equal(r.a.client_count, 3);
	client_expire(&r.a, mono_after_ms(mono_now(), ADMIN_SILENT_MS + 1));
	/* The one whose request is being worked on is not silent. */
	assert_int_equal(r.a.client_count, 1);
	assert_null(rig_answer(&r, quiet));
	assert_null(rig_answer(&r, half));
	close(quiet);
	close(half);
	close(working);
	rig_turns(&r, 4);
	rig_close(&r);
}

/* It left; its change is refused, because nobody can be asked what it was, and its job goes away. */
static void a_client_that_leaves(void **state)
{
	struct rig r;
	int status;

	(void)state;
	rig_open(&r, CONF);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = rig_dial(&r);
		_exit(send(fd, "{\"do\":\"grant.revoke\",\"args\":{\"id\":\"g-x\"}}\n", 42, 0) == 42 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rig_turns(&r, 10);
	assert_int_equal(r.a.client_count, 0);
	assert_int_equal(rig_events(&r, "refused"), 1);
	assert_true(list_empty(&r.a.jobs));
	rig_close(&r);
}

/* In the middle of each stage. */
static void leaving_at_every_stage(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, CONF);
	for (int turns = 0; turns < 12; turns++) {
		int fd = rig_dial(&r);
		rig_send(&r, fd, view_str("{\"do\":\"server.add\",\"args\":{\"server\":{\"name\":\"s\",\"match\":[{\"host\":\"a.b\"}]}}}\n"));
		rig_turns(&r, turns);
		close(fd);
		rig_turns(&r, 12);
		assert_int_equal(r.a.client_count, 0);
		assert_true(list_empty(&r.a.jobs));
		assert_null(r.a.holder);
		fd = rig_dial(&r);
		rig_send(&r, fd, view_str("{\"do\":\"server.remove\",\"args\":{\"name\":\"s\"}}\n"));
		json_decref(rig_answer(&r, fd));
		close(fd);
		rig_turns(&r, 2);
	}
	/* What was journalled is what holds. */
	assert_int_equal(json_object_size(r.a.roster.servers), rig_events(&r, "server.add") - rig_events(&r, "server.remove"));
	rig_close(&r);
}

static void crowds(void **state)
{
	int fd[ADMIN_CLIENTS + 1];
	struct rig r;

	(void)state;
	if (geteuid() != 0)
		skip();
	rig_open(&r, CONF);
	for (size_t i = 0; i < ADMIN_CLIENTS; i++) {
		fd[i] = rig_dial(&r);
		rig_turn(&r);
	}
	rig_turns(&r, 4);
	assert_int_equal(r.a.client_count, ADMIN_CLIENTS);
	fd[ADMIN_CLIENTS] = rig_dial(&r);
	assert_true(is(rig_answer(&r, fd[ADMIN_CLIENTS]), "busy"));
	close(fd[0]);
	rig_turns(&r, 4);
	assert_true(ok(rig_ask(&r, LIST)));
	for (size_t i = 1; i <= ADMIN_CLIENTS; i++)
		close(fd[i]);
	rig_turns(&r, 20);
	assert_int_equal(r.a.client_count, 0);
	rig_close(&r);
}

/* A crowd of another uid leaves room: for other uids, and for root. */
static void a_crowd_of_one_user(void **state)
{
	struct rig r;
	int ready[2];
	char c;

	(void)state;
	if (geteuid() != 0)
		skip();
	rig_open(&r, CONF);
	assert_int_equal(chmod(r.dir, 0755), 0);
	assert_int_equal(chmod(r.sock, 0666), 0);
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (setuid(1001) < 0)
			_exit(1);
		for (int i = 0; i < ADMIN_CLIENTS; i++)
			rig_dial(&r);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	rig_turns(&r, 6);
	assert_int_equal(r.a.client_count, ADMIN_CLIENTS_UID);
	assert_true(ok(rig_ask(&r, LIST)));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bytes_one_at_a_time),
	    cmocka_unit_test(several_in_one_piece),
	    cmocka_unit_test(a_half_closed_client),
	    cmocka_unit_test(garbage_ends_the_connection),
	    cmocka_unit_test(too_long),
	    cmocka_unit_test(long_documents),
	    cmocka_unit_test(silent_clients_are_dropped),
	    cmocka_unit_test(a_client_that_leaves),
	    cmocka_unit_test(leaving_at_every_stage),
	    cmocka_unit_test(crowds),
	    cmocka_unit_test(a_crowd_of_one_user),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
