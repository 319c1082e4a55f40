/* admin_request_test.c - the control protocol's reader: what is taken, every prefix, every split, too long, garbage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/request.h"
#include "base/err.h"

#define LINE(s) s "\n"

static const struct {
	const char *in;
	int kind;           /* -1: answered with an error, the stream goes on */
	const char *error;  /* of kind -1 */
	const char *secret; /* bytes after the line */
} good[] = {
    {LINE("{\"do\":\"status\"}"), R_STATUS, NULL, ""},
    {LINE("{\"do\":\"status\",\"args\":{}}"), R_STATUS, NULL, ""},
    {LINE("{ \"args\" : {\"name\":\"x\"} , \"do\" : \"server.show\" }"), R_SERVER_SHOW, NULL, ""},
    {LINE("{\"do\":\"server.add\",\"args\":{\"server\":{},\"reason\":\"r\",\"ticket\":\"t\"}}"), R_SERVER_ADD, NULL, ""},
    {LINE("{\"do\":\"grant.list\",\"args\":{\"uid\":null}}"), R_GRANT_LIST, NULL, ""},
    {LINE("{\"do\":\"vault.set\",\"args\":{\"name\":\"k\"},\"secret_bytes\":5}") "a\nb\0c", R_VAULT_SET, NULL, "a\nb\0c"},
    {LINE("{\"do\":\"no.such\"}"), -1, "unknown-request", ""},
    {LINE("{\"args\":{}}"), -1, "unknown-request", ""},
    {LINE("{\"do\":7}"), -1, "unknown-request", ""},
    {LINE("{\"do\":\"status\",\"extra\":1}"), -1, "unknown-field", ""},
    {LINE("{\"do\":\"status\",\"args\":[]}"), -1, "unknown-field", ""},
    {LINE("{\"do\":\"status\",\"args\":{\"x\":1}}"), -1, "unknown-field", ""},
    {LINE("{\"do\":\"server.list\",\"args\":{\"reason\":\"only of changes\"}}"), -1, "unknown-field", ""},
    {LINE("{\"do\":\"status\",\"secret_bytes\":3}") "abc", -1, "unknown-field", "abc"},
    {LINE("{\"do\":\"server.show\"}"), -1, "malformed", ""},
    {LINE("{\"do\":\"server.show\",\"args\":{\"name\":7}}"), -1, "malformed", ""},
    {LINE("{\"do\":\"server.add\",\"args\":{\"server\":[]}}"), -1, "malformed", ""},
    {LINE("{\"do\":\"grant.list\",\"args\":{\"uid\":\"1\"}}"), -1, "malformed", ""},
    {LINE("{\"do\":\"vault.set\",\"args\":{\"name\":\"k\"}}"), -1, "malformed", ""},
    {LINE("{\"do\":\"policy.apply\",\"args\":{\"name\":\"p\"}}"), -1, "malformed", ""},
};
enum { GOOD = sizeof(good) / sizeof(*good) };

static size_t length(size_t i)
{
	const char *end = strchr(good[i].in, '\n');
	size_t line = (size_t)(end - good[i].in) + 1;
	const char *n = strstr(good[i].in, "secret_bytes\":");

	return line + (n && n < end ? strtoul(n + 14, NULL, 10) : 0);
}

static void same(size_t i, const struct request *r, long used)
{
	if (used != (long)length(i) || r->kind != good[i].kind)
		fail_msg("%s: used %ld, kind %d (%s)", good[i].in, used, r->kind, r->text);
	if (good[i].error)
		assert_string_equal(r->error, good[i].error);
	else
		assert_null(r->error);
	size_t line = (size_t)(strchr(good[i].in, '\n') - good[i].in) + 1;
	assert_int_equal(r->secret.n, length(i) - line);
	if (r->secret.n)
		assert_memory_equal(r->secret.p, good[i].secret, r->secret.n);
}

static void whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOOD; i++) {
		struct request r;
		long used = request_take(view_of(good[i].in, length(i)), &r);
		same(i, &r, used);
		request_clear(&r);
	}
}

/* A prefix asks for more, and says nothing yet; what follows is not touched. */
static void every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOOD; i++) {
		struct request r;
		char two[512];
		for (size_t n = 0; n < length(i); n++) {
			uint8_t *exact = malloc(n + 1);
			memcpy(exact, good[i].in, n);
			assert_int_equal(request_take(view_of(exact, n), &r), 0);
			assert_null(r.error);
			assert_null(r.args);
			free(exact);
		}
		memcpy(two, good[i].in, length(i));
		memcpy(two + length(i), "\xff\xff\n", 3);
		long used = request_take(view_of(two, length(i) + 3), &r);
		same(i, &r, used);
		request_clear(&r);
	}
}

static void garbage(void **state)
{
	static const char *const bad[] = {"\n", "x\n", "[]\n", "null\n", "\"do\"\n", "{\"do\":\"status\"\n", "{\"do\":\"status\"}}\n", "{\"do\":\"status\",\"do\":\"status\"}\n",
	    "{\"do\":\"st\xff\"}\n", "{\"do\":\"vault.set\",\"secret_bytes\":0}\n", "{\"do\":\"vault.set\",\"secret_bytes\":-1}\n",
	    "{\"do\":\"vault.set\",\"secret_bytes\":16385}\n", "{\"do\":\"vault.set\",\"secret_bytes\":\"5\"}\n", "{\"do\":\"vault.set\",\"secret_bytes\":5.0}\n",
	    "{\"do\":\"vault.set\",\"secret_bytes\":99999999999999999999}\n", "GET / HTTP/1.1\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct request r;
		if (request_take(view_str(bad[i]), &r) != -ERR_MALFORMED)
			fail_msg("taken: %s", bad[i]);
		assert_string_equal(r.error, "malformed");
		request_clear(&r);
	}
	/* A NUL byte in the line is not the end of anything. */
	struct request r;
	assert_int_equal(request_take(VIEW_LIT("{\"do\":\"status\"}\0\n"), &r), -ERR_MALFORMED);
	request_clear(&r);
}

static long of_length(const char *head, size_t n, bool ended)
{
	struct request r;
	uint8_t *mem = malloc(n + 1);

	memset(mem, ' ', n);
	memcpy(mem, head, strlen(head));
	mem[n] = '\n';
	long used = request_take(view_of(mem, ended ? n + 1 : n), &r);
	request_clear(&r);
	free(mem);
	return used;
}

static void limits(void **state)
{
	static const char small[] = "{\"do\":\"status\"}", big[] = "{\"do\":\"policy.apply\",\"args\":{\"name\":\"p\",\"document\":\"d\"}}",
	    hidden[] = "{ \"do\":\"policy.apply\",\"args\":{\"name\":\"p\",\"document\":\"d\"}}";

	(void)state;
	assert_int_equal(of_length(small, REQUEST_LINE, true), REQUEST_LINE + 1);
	assert_int_equal(of_length(small, REQUEST_LINE, false), 0);
	assert_int_equal(of_length(small, REQUEST_LINE + 1, false), -ERR_TOO_LONG);
	assert_int_equal(of_length(small, REQUEST_LINE + 1, true), -ERR_TOO_LONG);
	assert_int_equal(of_length(hidden, REQUEST_LINE + 1, true), -ERR_TOO_LONG);
	assert_int_equal(of_length(big, REQUEST_LINE + 1, true), REQUEST_LINE + 2);
	assert_int_equal(of_length(big, REQUEST_BIG, true), REQUEST_BIG + 1);
	assert_int_equal(of_length(big, REQUEST_BIG + 1, false), -ERR_TOO_LONG);
	assert_int_equal(request_limit(VIEW_LIT("{\"do\":\"policy.apply")), REQUEST_LINE);
	assert_int_equal(request_limit(VIEW_LIT("{\"do\":\"policy.check\"")), REQUEST_BIG);
	assert_int_equal(request_limit(view_of(NULL, 0)), REQUEST_LINE);
}

/* Nested deeper than any request is: refused by the reader, not by the stack. */
static void deep(void **state)
{
	enum { N = 60000 };
	struct request r;
	char *mem = malloc(N + 1);

	(void)state;
	memset(mem, '[', N);
	mem[N] = '\n';
	assert_int_equal(request_take(view_of(mem, N + 1), &r), -ERR_MALFORMED);
	request_clear(&r);
	free(mem);
}

/* Every request has a row, a name of its own, and is a read or a change. */
static void table(void **state)
{
	(void)state;
	for (int i = 0; i < R_COUNT; i++) {
		assert_non_null(strchr(request_name(i), i == R_STATUS ? 's' : '.'));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(request_name(i), request_name(j));
	}
	static const int change[] = {R_SERVER_ADD, R_SERVER_REMOVE, R_GRANT_ADD, R_GRANT_REVOKE, R_GRANT_REVIEW, R_POLICY_APPLY, R_POLICY_ROLLBACK, R_CATALOG_OVERRIDE, R_CATALOG_APPROVE, R_CATALOG_FORGET, R_VAULT_SET, R_VAULT_REMOVE, R_VAULT_REVERT, R_PLACEHOLDER_ADD, R_PLACEHOLDER_LIST, R_PLACEHOLDER_REMOVE, R_CA_ROTATE,
	    R_PROPOSAL_CONFIRM, R_PROPOSAL_WITHDRAW, R_APPROVE_LIST, R_APPROVE_YES, R_APPROVE_NO, R_BUNDLE_TRUST, R_BUNDLE_APPLY};
	unsigned changes = 0;
	for (int i = 0; i < R_COUNT; i++)
		changes += (request_flags(i) & REQ_CHANGE) != 0;
	assert_int_equal(changes, sizeof(change) / sizeof(*change));
	for (size_t i = 0; i < sizeof(change) / sizeof(*change); i++)
		assert_true(request_flags(change[i]) & REQ_CHANGE);
	assert_int_equal(request_flags(-1), 0);
	assert_int_equal(request_flags(R_COUNT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole),
	    cmocka_unit_test(every_prefix),
	    cmocka_unit_test(garbage),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(deep),
	    cmocka_unit_test(table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
