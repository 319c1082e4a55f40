/* dns_test.c - DNS answers, also hostile ones; whose are believed, and how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/fd.h"
#include "ident/dns.h"
#include "ident/known.h"

static const struct {
	const char *file; /* of tests/data/dns */
	int ret;
	const char *name, *addrs; /* in order, a space behind each */
} rows[] = {
    {"a", 0, "mcp.example", "::ffff:203.0.113.78 "},
    {"aaaa", 0, "mcp.example", "2001:db8:7::78 "},
    {"upper", 0, "mcp.example", "::ffff:203.0.113.78 "},
    {"cname", 0, "mcp.example", "::ffff:203.0.113.78 "},
    {"cname-reversed", 0, "mcp.example", "::ffff:203.0.113.78 "},
    {"cname-loop", 0, "mcp.example", ""},
    {"other-owner", 0, "mcp.example", ""}, /* an address of a name that nobody asked for */
    {"pointer-loop", -ERR_UNSUPPORTED, NULL, ""},
    {"pointer-forward", 0, "mcp.example", ""},
    {"truncated", 0, "mcp.example", "::ffff:203.0.113.78 "},
    {"count-lies", 0, "mcp.example", "::ffff:203.0.113.78 "},
    {"nxdomain", -ERR_UNSUPPORTED, NULL, ""},
    {"query", -ERR_UNSUPPORTED, NULL, ""},
    {"two-questions", -ERR_UNSUPPORTED, NULL, ""},
    {"dot-in-label", -ERR_UNSUPPORTED, NULL, ""}, /* it would read like another name */
    {"nul-in-label", -ERR_UNSUPPORTED, NULL, ""},
    {"long-name", -ERR_MALFORMED, NULL, ""},
    {"chaos", 0, "mcp.example", ""},
    {"https", 0, "mcp.example", "::ffff:203.0.113.78 ::ffff:203.0.113.79 2001:db8:7::78 "},
    {"https-short", 0, "mcp.example", "::ffff:203.0.113.78 ::ffff:203.0.113.79 "},
    {"https-alias", 0, "mcp.example", ""},
    {"a-wrong-size", 0, "mcp.example", ""},
    {"header", -ERR_MALFORMED, NULL, ""},
    {"empty", -ERR_MALFORMED, NULL, ""},
};

static struct buf data_file(const char *name)
{
	char path[100];
	struct buf b = {0};
	snprintf(path, sizeof(path), "tests/data/dns/%s", name);
	assert_int_equal(fd_slurp(AT_FDCWD, path, 65536, &b), 0);
	return b;
}

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = data_file(rows[i].file);
		struct dns_answer a;
		char got[2048] = "";
		int r = dns_read(buf_view(&b), &a);
		for (size_t k = 0; k < a.addrs; k++) {
			char text[64];
			inet_ntop(AF_INET6, a.addr[k].addr, text, sizeof(text));
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", text);
		}
		if (r != rows[i].ret || strcmp(got, rows[i].addrs) != 0 || (rows[i].name && strcmp(a.name, rows[i].name) != 0))
			fail_msg("%s: %d, %s, %s", rows[i].file, r, a.name, got);
		buf_free(&b);
	}
	struct buf b = data_file("many");
	struct dns_answer a;
	assert_int_equal(dns_read(buf_view(&b), &a), 0);
	assert_int_equal(a.addrs, DNS_ADDRS);
	buf_free(&b);
	b = data_file("cname");
	assert_int_equal(dns_read(buf_view(&b), &a), 0);
	assert_int_equal(a.addr[0].ttl, 20); /* the least on the way */
	buf_free(&b);
}

/* Every prefix of every seed, up against a page that cannot be read. */
static void test_prefixes(void **state)
{
	(void)state;
	size_t room = 8192;
	uint8_t *mem = mmap(NULL, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = mem + room;
	assert_true(mem != MAP_FAILED);
	assert_int_equal(mprotect(end, 4096, PROT_NONE), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = data_file(rows[i].file);
		for (size_t n = 0; n <= b.len; n++) {
			struct dns_answer a;
			if (n)
				memcpy(end - n, buf_view(&b).p, n);
			(void)!dns_read(view_of(end - n, n), &a);
		}
		buf_free(&b);
	}
	munmap(mem, room + 4096);
}

/* ---- what is believed ---- */

static struct cg_dns event(const char *server, const char *file)
{
	struct cg_dns e = {.server = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
	struct buf b = data_file(file);
	if (inet_pton(AF_INET, server, e.server + 12) != 1)
		assert_int_equal(inet_pton(AF_INET6, server, e.server), 1);
	e.len = (uint32_t)b.len;
	memcpy(e.data, buf_view(&b).p, b.len);
	buf_free(&b);
	return e;
}

static size_t take(struct known *k, const char *server, const char *file, uint64_t s)
{
	struct m_known out[DNS_ADDRS];
	struct cg_dns e = event(server, file);
	size_t n;
	known_take(k, &e, (struct mono){s * 1000000000u}, out, &n);
	return n;
}

static void test_trust(void **state)
{
	(void)state;
	struct known *k = known_new();
	static struct m_known all[KNOWN_ADDRS];
	assert_int_equal(take(k, "192.0.2.53", "a", 1), 0); /* nobody is asked yet, nothing registered */
	known_servers(k, VIEW_LIT("# nameserver 192.0.2.9\nsearch x\n  nameserver\t192.0.2.53 # ours\nnameserver fe80::1%eth0\nnameserver 2001:db8::53"), false);
	assert_int_equal(take(k, "192.0.2.53", "a", 1), 0);
	assert_int_equal(known_hosts(k, VIEW_LIT("443 mcp.example\0008443 mcp.example\000443 other.example\0")), 0);
	assert_int_equal(take(k, "192.0.2.9", "a", 1), 0);  /* somebody else's server */
	assert_int_equal(take(k, "192.0.2.54", "a", 1), 0);
	assert_int_equal(take(k, "192.0.2.53", "a", 1), 1);
	assert_int_equal(take(k, "192.0.2.53", "a", 2), 0); /* known already */
	assert_int_equal(take(k, "2001:db8::53", "aaaa", 3), 1);
	assert_int_equal(take(k, "fe80::1", "https", 3), 1); /* one of its three is new */
	known_servers(k, VIEW_LIT("nameserver 127.0.0.53\n"), false);
	assert_int_equal(take(k, "192.0.2.53", "https", 3), 0);
	known_servers(k, VIEW_LIT("nameserver 192.0.2.53\n"), true);
	assert_int_equal(known_all(k, all), 3);

	/* The TTL is 300 s, and an hour is the least. */
	struct mono soon = {3590ull * 1000000000}, late = {3602ull * 1000000000}, later = {3604ull * 1000000000};
	assert_false(known_expire(k, soon));
	assert_false(known_expire(k, late)); /* all three came at 3 s for the last time */
	assert_true(known_expire(k, later));
	assert_int_equal(known_all(k, all), 0);
	assert_false(known_expire(k, later));

	/* A server that is removed takes its addresses away. */
	assert_int_equal(take(k, "192.0.2.53", "a", 5000), 1);
	assert_int_equal(known_hosts(k, VIEW_LIT("443 other.example\0")), 0);
	assert_true(known_expire(k, (struct mono){5001ull * 1000000000}));
	assert_int_equal(take(k, "192.0.2.53", "a", 5002), 0);

	const struct view bad[] = {VIEW_LIT("443 mcp.example"), VIEW_LIT("mcp.example\0"), VIEW_LIT("443 \0"), VIEW_LIT("\0")};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(known_hosts(k, bad[i]), -ERR_MALFORMED);
	/* a length that the kernel side cannot have written */
	struct cg_dns e = event("192.0.2.53", "a");
	struct m_known out[DNS_ADDRS];
	size_t n;
	e.len = CG_DNS_MAX + 1;
	known_take(k, &e, soon, out, &n);
	assert_int_equal(n, 0);
	known_free(&k);
}

/* A flood of addresses pushes the oldest out; what is asked for again and again stays. */
static void test_flood(void **state)
{
	(void)state;
	struct known *k = known_new();
	struct cg_dns flood = event("192.0.2.53", "many");
	static struct m_known all[KNOWN_ADDRS];
	struct m_known out[DNS_ADDRS];
	size_t n, have;
	known_servers(k, VIEW_LIT("nameserver 192.0.2.53\n"), false);
	assert_int_equal(known_hosts(k, VIEW_LIT("443 mcp.example\0")), 0);
	for (unsigned i = 0; i < 3000; i++) {
		/* the addresses end the message: "many" has 10.0.0.i each, 16 bytes a record */
		for (size_t at = flood.len - 4; at > 40; at -= 16) {
			flood.data[at] = 10;
			flood.data[at + 1] = (uint8_t)(i >> 8);
			flood.data[at + 2] = (uint8_t)i;
		}
		known_take(k, &flood, (struct mono){(10ull + i) * 1000000000}, out, &n);
		take(k, "192.0.2.53", "a", 10 + i);
	}
	have = known_all(k, all);
	assert_true(have <= KNOWN_ADDRS);
	const uint8_t ours[] = {203, 0, 113, 78};
	bool found = false;
	for (size_t i = 0; i < have; i++)
		found |= memcmp(all[i].addr + 12, ours, 4) == 0;
	assert_true(found);
	known_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_prefixes),
	    cmocka_unit_test(test_trust),
	    cmocka_unit_test(test_flood),
	};
	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
