/*
 * fetch_forward_test.c - copies of lines to real receivers: a local socket, UDP, journald's protocol; one that does not read, one that is not there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "fetch/forward.h"

static char dir[] = "/tmp/forward-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char cmd[64];
	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static int local(const char *name, char dest[128], const char *kind)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s", dir, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	snprintf(dest, 128, "%s:%s", kind, un.sun_path);
	return fd;
}

static void got(int fd, const char *want)
{
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, want);
}

#define CALL "{\"kind\":\"call\",\"seq\":7,\"ts\":\"2026-11-26T10:00:00.000001Z\",\"host\":\"box\",\"boot\":\"0bad\",\"tool\":\"a\\n<0>forged\",\"verdict\":\"deny\"}"
#define SEAL "{\"kind\":\"seal\",\"seq\":8,\"ts\":\"2026-11-26T10:00:00.000002Z\",\"host\":\"box\",\"boot\":\"0bad\"}"
#define ALERT "{\"kind\":\"alert\",\"seq\":9,\"ts\":\"x\",\"host\":\"box\",\"boot\":\"0bad\",\"verdict\":\"allow\"}"

static void test_shapes(void **state)
{
	struct forward *f;
	char to_log[128], to_journal[128], to_udp[64];
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);

	(void)state;
	int log = local("log", to_log, "syslog"), journal = local("journal", to_journal, "journald"), udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(udp, (struct sockaddr *)&in, len) || getsockname(udp, (struct sockaddr *)&in, &len), 0);
	snprintf(to_udp, sizeof(to_udp), "syslog-udp:127.0.0.1:%u", ntohs(in.sin_port));
	assert_int_equal(forward_new(&f), 0);
	assert_int_equal(forward_add(f, view_str(to_log)) || forward_add(f, view_str(to_journal)) || forward_add(f, view_str(to_udp)), 0);
	forward_lines(f, VIEW_LIT(CALL "\n" SEAL "\n" ALERT "\n"));
	got(log, "<85>callgate-audit: " CALL);
	got(log, "<86>callgate-audit: " SEAL);
	got(log, "<84>callgate-audit: " ALERT);
	got(udp, "<85>1 2026-11-26T10:00:00.000001Z box callgate-audit - call - " CALL);
	got(udp, "<86>1 2026-11-26T10:00:00.000002Z box callgate-audit - seal - " SEAL);
	got(udp, "<84>1 x box callgate-audit - alert - " ALERT);
	got(journal, "PRIORITY=5\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=callgate-audit\nCALLGATE_KIND=call\nCALLGATE_SEQ=7\nCALLGATE_VERDICT=deny\nMESSAGE=" CALL "\n");
	got(journal, "PRIORITY=6\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=callgate-audit\nCALLGATE_KIND=seal\nCALLGATE_SEQ=8\nCALLGATE_VERDICT=-\nMESSAGE=" SEAL "\n");
	assert_int_equal(forward_counts(f).sent, 9);
	assert_int_equal(forward_counts(f).lost, 0);
	forward_clear(f);
	forward_lines(f, VIEW_LIT(SEAL "\n"));
	assert_int_equal(forward_counts(f).sent, 9);
	forward_free(&f);
	close(log);
	close(journal);
	close(udp);
}

/* Nobody reads: what does not fit is counted, at once, and the sum is exact; who reads again gets what comes then. */
static void test_full(void **state)
{
	struct forward *f;
	char dest[128], text[4096];
	uint64_t read = 0;

	(void)state;
	int log = local("full", dest, "syslog");
	assert_int_equal(forward_new(&f), 0);
	assert_int_equal(forward_add(f, view_str(dest)), 0);
	for (int i = 0; i < 20000; i++)
		forward_lines(f, VIEW_LIT(SEAL "\n"));
	struct forward_count c = forward_counts(f);
	assert_int_equal(c.sent + c.lost, 20000);
	assert_true(c.sent > 0 && c.lost > 0);
	while (recv(log, text, sizeof(text), MSG_DONTWAIT) > 0)
		read++;
	assert_int_equal(read, c.sent);
	forward_lines(f, VIEW_LIT(CALL "\n"));
	got(log, "<85>callgate-audit: " CALL);
	/* The receiver goes, and comes back under the same name. */
	close(log);
	forward_lines(f, VIEW_LIT(SEAL "\n"));
	assert_int_equal(forward_counts(f).lost, c.lost + 1);
	assert_int_equal(unlink(strchr(dest, ':') + 1), 0);
	log = local("full", dest, "syslog");
	forward_lines(f, VIEW_LIT(SEAL "\n"));
	got(log, "<86>callgate-audit: " SEAL);
	/* Longer than a datagram may be. */
	static char big[1 << 20];
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\n';
	forward_lines(f, view_of(big, sizeof(big)));
	assert_int_equal(forward_counts(f).lost, c.lost + 2);
	close(log);
	forward_free(&f);
}

static void test_names(void **state)
{
	static const struct {
		const char *dest;
		int ret;
	} table[] = {{"journald", 0}, {"syslog", 0}, {"syslog-udp:[::1]:514", 0}, {"syslog:relative", -1}, {"", -1}, {"other", -1}, {"journald:", 0}, {"syslog-udp:1.2.3.4", -1}, {"syslog-udp:name:514", -1},
	    {"syslog-udp:1.2.3.4:0", -1}, {"syslog-udp:1.2.3.4:70000", -1}, {"syslog-udp:1.2.3.4:+5", -1}, {"syslog-udp:[::1:514", -1}, {"syslog-udp:::1]:514", -1}, {"syslog-udp::514", -1}, {"syslog-udp:]:1", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct forward *f;
		assert_int_equal(forward_new(&f), 0);
		int r = forward_add(f, view_str(table[i].dest));
		if ((r == 0) != (table[i].ret == 0))
			fail_msg("%s: %d", table[i].dest, r);
		forward_free(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shapes),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
