/* edge_test.c - frames: what the table permits passes, everything else is refused on both sides. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "ipc/edge.h"

struct pair {
	struct edge a, b;
};

static struct pair make(enum party a, enum party b)
{
	int fd[2];
	struct pair p;
	assert_int_equal(edge_pair(fd), 0);
	edge_init(&p.a, fd[0], a, b, 0);
	edge_init(&p.b, fd[1], b, a, 0);
	return p;
}

static void drop(struct pair *p)
{
	edge_close(&p->a);
	edge_close(&p->b);
}

static void round_trip(void **state)
{
	(void)state;
	struct pair p = make(P_PROXY, P_VAULT);
	struct m_mint want = {.name = "mcp.test"};
	struct frame f;

	assert_int_equal(edge_recv(&p.b, &f), 0);
	assert_int_equal(edge_send(&p.a, M_MINT, 7, view_of(&want, sizeof(want)), -1), 0);
	assert_int_equal(edge_recv(&p.b, &f), 1);
	assert_int_equal(f.type, M_MINT);
	assert_int_equal(f.tag, 7);
	assert_memory_equal(f.body.p, &want, sizeof(want));
	assert_int_equal(f.fd[0], -1);
	edge_close(&p.a);
	assert_int_equal(edge_recv(&p.b, &f), -ERR_CLOSED);
	drop(&p);
}

static void passes_descriptors(void **state)
{
	(void)state;
	struct pair p = make(P_ADMIN, P_PROXY);
	struct frame f;
	int fd = fd_sealed("t", VIEW_LIT("hello"));
	struct view v;

	assert_int_equal(edge_send(&p.a, M_WORLD, 1, view_of(NULL, 0), fd), 0);
	close(fd);
	assert_int_equal(edge_recv(&p.b, &f), 1);
	assert_int_equal(fd_map_sealed(f.fd[0], 100, &v), 0);
	assert_true(view_is(v, "hello"));
	fd_unmap(&v);
	close(f.fd[0]);
	drop(&p);
}

/* The sender's own table refuses before anything is sent. */
static void sender_is_checked(void **state)
{
	(void)state;
	struct pair p = make(P_PROXY, P_VAULT);
	struct m_mint m = {0};
	const struct {
		enum msg type;
		struct view body;
	} bad[] = {
	    {M_MINTED, view_of(&m, sizeof(m))},   /* not the proxy's to say */
	    {M_JOURNAL_ADD, VIEW_LIT("{}")},      /* another edge's */
	    {M_MINT, view_of(&m, sizeof(m) - 1)}, /* too short */
	    {M_WORLD, view_of(NULL, 0)},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(edge_send(&p.a, bad[i].type, 0, bad[i].body, -1), -ERR_UNKNOWN_MESSAGE);
	assert_int_equal(edge_send(&p.a, M_MINT, 0, view_of(&m, sizeof(m)), 0), -ERR_UNKNOWN_MESSAGE);
	drop(&p);
}

/* A sender that ignores the table: raw bytes on the socket. */
static void receiver_is_checked(void **state)
{
	(void)state;
	enum { N = sizeof(struct m_mint) };
	struct raw {
		uint16_t type, fds;
		uint32_t len;
		uint64_t tag;
		uint8_t body[N + 8];
	};
	const struct {
		uint16_t type;
		uint32_t len;
		size_t send;
		int want;
	} rows[] = {
	    {M_MINT, N, 16 + N, 1},
	    {M_MINT, N + 1, 16 + N, -ERR_MALFORMED}, /* says more than it sends */
	    {M_MINT, N - 1, 16 + N - 1, -ERR_MALFORMED},
	    {M_MINT, N + 1, 16 + N + 1, -ERR_MALFORMED},
	    {M_MINTED, N, 16 + N, -ERR_UNKNOWN_MESSAGE},
	    {999, 0, 16, -ERR_UNKNOWN_MESSAGE},
	    {M_MINT, 0, 3, -ERR_MALFORMED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p = make(P_PROXY, P_VAULT);
		struct raw raw = {rows[i].type, 0, rows[i].len, 1, {0}};
		struct frame f;
		assert_true(send(p.a.fd, &raw, rows[i].send, 0) > 0);
		assert_int_equal(edge_recv(&p.b, &f), rows[i].want);
		drop(&p);
	}
}

static void once_is_once(void **state)
{
	(void)state;
	struct pair p = make(P_SUP, P_VAULT);
	struct frame f;

	assert_int_equal(edge_send(&p.a, M_GO, 0, view_of(NULL, 0), -1), 0);
	assert_int_equal(edge_send(&p.a, M_GO, 0, view_of(NULL, 0), -1), 0);
	assert_int_equal(edge_recv(&p.b, &f), 1);
	assert_int_equal(edge_recv(&p.b, &f), -ERR_MESSAGE_ONCE);
	drop(&p);
}

static void full_queue_is_counted(void **state)
{
	(void)state;
	struct pair p = make(P_ADMIN, P_AUDIT);
	static uint8_t big[MSG_MAX];
	int r = 0;

	for (int i = 0; i < 10000 && !r; i++)
		r = edge_send(&p.a, M_JOURNAL_ADD, 0, view_of(big, sizeof(big)), -1);
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(p.a.dropped, 1);
	drop(&p);
}

static void full_queue_is_waited_for(void **state)
{
	(void)state;
	struct pair p = make(P_ADMIN, P_AUDIT);
	static uint8_t big[MSG_MAX];
	struct frame f;
	int status;

	while (edge_send(&p.a, M_JOURNAL_ADD, 0, view_of(big, sizeof(big)), -1) == 0)
		;
	assert_int_equal(edge_send_soon(&p.a, M_JOURNAL_ADD, 1, view_of(big, 2), 1), -EAGAIN); /* nobody reads */
	pid_t reader = fork();
	if (reader == 0) {
		while (edge_recv_wait(&p.b, &f, 10000) == 1 && f.tag != 2)
			;
		_exit(f.tag == 2 ? 0 : 1);
	}
	assert_int_equal(edge_send_soon(&p.a, M_JOURNAL_ADD, 2, view_of(big, 2), 10000), 0);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_int_equal(status, 0);
	drop(&p);
	assert_int_equal(edge_send_soon(&p.a, M_JOURNAL_ADD, 0, view_of(big, 2), 10000), -ERR_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip), cmocka_unit_test(passes_descriptors), cmocka_unit_test(sender_is_checked),
	    cmocka_unit_test(receiver_is_checked), cmocka_unit_test(once_is_once), cmocka_unit_test(full_queue_is_counted),
	    cmocka_unit_test(full_queue_is_waited_for),
	};
	return cmocka_run_group_tests_name("edge", tests, NULL, NULL);
}
