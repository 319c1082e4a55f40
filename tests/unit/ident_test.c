/* ident_test.c - what /proc says of a process: hostile names, units, containers, terminals, starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/err.h"
#include "ident/proc.h"
#include "ipc/msg.h"

#define REST " S 77 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1000 200 18446744073709551615 1\n"

static void test_stat(void **state)
{
	static const struct {
		const char *text;
		int ret;
	} rows[] = {
	    {"5 (bash)" REST, 0},
	    {"5 (a) S 1 (b)" REST, 0}, /* a name that looks like the fields after it */
	    {"5 ()))" REST, 0},
	    {"5 (x\n6 (y)" REST, 0},
	    {"5 ()" REST, 0},
	    {"", -ERR_MALFORMED},
	    {"5 bash S 1", -ERR_MALFORMED},
	    {"5 (bash)", -ERR_MALFORMED},
	    {"5 (bash) S", -ERR_MALFORMED},
	    {"5 (bash) S 99999999999 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 4242 1", -ERR_MALFORMED},
	    {"5 (bash) S 77 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 x 1", -ERR_MALFORMED},
	    {"5 (bash) S 77 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 99999999999999999999 1", -ERR_MALFORMED},
	};
	struct proc_stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = proc_parse_stat(view_str(rows[i].text), &st);
		if (r != rows[i].ret)
			fail_msg("row %zu gave %d", i, r);
		assert_int_equal(st.ppid, r ? 0 : 77);
		assert_int_equal(st.start_ticks, r ? 0 : 4242);
	}
}

/* Each prefix, up against a page that cannot be read. */
static void test_prefixes(void **state)
{
	static const char stat[] = "5 (a) b)" REST, status[] = "Name:\tUid:\t7\\nUid:\t8\nUmask:\t0\nUid:\t1001\t1002\t3\t4\n",
			  cgroup[] = "3:cpu:/x\n0::/user.slice/a.service\n";
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct proc_stat st;
	uint32_t uid;
	char out[64];

	(void)state;
	assert_int_equal(mprotect(page + 4096, 4096, PROT_NONE), 0);
	for (size_t n = 0; n < sizeof(stat); n++) {
		memcpy(page + 4096 - n, stat, n);
		int r = proc_parse_stat(view_of(page + 4096 - n, n), &st);
		assert_true(r == 0 ? st.start_ticks == 4242 : r == -ERR_MALFORMED);
	}
	for (size_t n = 0; n < sizeof(status); n++) {
		memcpy(page + 4096 - n, status, n);
		int r = proc_parse_uid(view_of(page + 4096 - n, n), &uid);
		assert_true(r == 0 ? uid == 1001 : r == -ERR_MALFORMED && uid == ~0u);
	}
	for (size_t n = 0; n < sizeof(cgroup); n++) {
		memcpy(page + 4096 - n, cgroup, n);
		int r = proc_parse_cgroup(view_of(page + 4096 - n, n), out, sizeof(out));
		assert_true(r == 0 ? strcmp(out, "/user.slice/a.service") == 0 : out[0] == 0);
	}
	assert_int_equal(proc_parse_uid(view_str(status), &uid), 0);
	assert_int_equal(proc_parse_cgroup(view_str(cgroup), out, sizeof(out)), 0);
	assert_int_equal(proc_parse_cgroup(view_str(cgroup), out, 8), -ERR_TOO_LONG);
	munmap(page, 8192);
}

static void test_unit(void **state)
{
	static const struct {
		const char *cgroup, *unit;
	} rows[] = {
	    {"/system.slice/ssh.service", "ssh.service"},
	    {"/system.slice/ssh.service/evil.service", "ssh.service"}, /* delegated: the name is the service's own choice */
	    {"/user.slice/user-1000.slice/session-3.scope", "session-3.scope"},
	    {"/user.slice/user-1000.slice/user@1000.service/app.slice/app-code-77.scope", "app-code-77.scope"},
	    {"/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope/b.service", "a.scope"},
	    {"/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope"},
	    {"/user.slice/user-1000.slice/user@1000.service/user@7.service/x.service", "user@7.service"},
	    {"/user.slice/user-1000.slice/user@1000.service", "user@1000.service"},
	    {"/", ""},
	    {"", ""},
	    {"/.service", ""},
	    {"/a/b", ""},
	    {"/0123456789012345678901234567890123456789012345678901234567890123.service", ""},
	};
	char out[NAME_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		proc_unit(rows[i].cgroup, out, sizeof(out));
		assert_string_equal(out, rows[i].unit);
	}
}

static void test_container(void **state)
{
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	static const struct {
		const char *cgroup, *id;
	} rows[] = {
	    {"/system.slice/docker-" ID ".scope", ID},
	    {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container", ID},
	    {"/kubepods.slice/kubepods-burstable.slice/cri-containerd-" ID ".scope", ID},
	    {"/docker/" ID, ID},
	    {"/docker/" ID "/docker/" ID2, ID2},
	    {"/lxc.payload.web/system.slice/x.service", "web"},
	    {"/user.slice/session-3.scope", ""},
	    {"/docker/" ID "0", ""},
	    {"/docker/0123456789abcdef", ""},
	    {"", ""},
	};
	char out[72];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		proc_container(rows[i].cgroup, out, sizeof(out));
		assert_string_equal(out, rows[i].id);
	}
}

static void test_tty(void **state)
{
	static const struct {
		uint32_t tty;
		const char *name;
	} rows[] = {{0, ""}, {34816, "pts/0"}, {34819, "pts/3"}, {35072, "pts/256"}, {1025, "tty1"}, {1088, "ttyS0"}, {0x301 << 8 | 5, "769:5"}};
	char out[24];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		proc_tty(rows[i].tty, out, sizeof(out));
		assert_string_equal(out, rows[i].name);
	}
}

static void test_start(void **state)
{
	static const struct {
		uint64_t ticks, ns;
		bool same;
	} rows[] = {{4242, 42420000000, true}, {4242, 42429999999, true}, {4242, 42439999999, true}, {4242, 42440000000, false},
	    {4242, 42410000000, true}, {4242, 42409999999, false}, {0, 0, true}, {4242, 0, false}, {UINT64_MAX, 1, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(proc_same_start(rows[i].ticks, 100, rows[i].ns), rows[i].same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stat),
	    cmocka_unit_test(test_prefixes),
	    cmocka_unit_test(test_unit),
	    cmocka_unit_test(test_container),
	    cmocka_unit_test(test_tty),
	    cmocka_unit_test(test_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
