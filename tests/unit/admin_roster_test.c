/*
 * admin_roster_test.c - the fold of the journal and what is published of it.
 * Every prefix of a journal, in lines and in bytes, gives a roster that the workers take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/problems.h"
#include "admin/publish.h"
#include "admin/roster.h"
#include "base/err.h"
#include "ipc/msg.h"

#define DOC "{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"deny\\\"}"

static const char journal[] =
    "{\"kind\":\"open\",\"seq\":1,\"ts\":\"2026-11-03T10:00:00.000000Z\"}\n"
    "{\"kind\":\"journal\",\"seq\":2,\"ts\":\"2026-11-03T10:00:01.000000Z\",\"event\":\"ca.create\",\"sha256\":\"00\"}\n"
    "{\"kind\":\"journal\",\"seq\":3,\"event\":\"server.add\",\"name\":\"one\",\"server\":{\"name\":\"one\",\"match\":[{\"host\":\"one.example\",\"port\":443,\"path\":\"/mcp\"}],"
    "\"credential\":\"key\",\"inject\":{\"header\":\"Authorization\",\"format\":\"Bearer {secret}\"},\"owner\":\"platform\"}}\n"
    "{\"kind\":\"journal\",\"seq\":4,\"event\":\"credential.set\",\"name\":\"key\",\"version\":1,\"type\":\"bearer\"}\n"
    "{\"kind\":\"journal\",\"seq\":5,\"ts\":\"2026-11-03T10:00:02.000000Z\",\"event\":\"policy.apply\",\"name\":\"read\",\"hash\":"
    "\"HASH\",\"document\":\"" DOC "\",\"previous\":null,\"by\":{\"uid\":0}}\n"
    "{\"kind\":\"journal\",\"seq\":6,\"event\":\"grant.add\",\"id\":\"g-aaaaaaaa\",\"grant\":{\"id\":\"g-aaaaaaaa\",\"uid\":1001,\"user\":\"alice\",\"server\":\"one\",\"policy\":\"read\"}}\n"
    "{\"kind\":\"journal\",\"seq\":7,\"event\":\"refused\",\"do\":\"grant.add\",\"reason\":\"no\"}\n"
    "{\"kind\":\"journal\",\"seq\":8,\"event\":\"server.add\",\"server\":{\"name\":\"two\",\"match\":[{\"host\":\"10.0.0.7\",\"port\":8443},{\"host\":\"two.example\",\"port\":443}]}}\n"
    "{\"kind\":\"journal\",\"seq\":9,\"event\":\"grant.add\",\"id\":\"g-bbbbbbbb\",\"grant\":{\"id\":\"g-bbbbbbbb\",\"uid\":null,\"server\":\"two\",\"credential\":\"key\"}}\n"
    "{\"kind\":\"journal\",\"seq\":10,\"event\":\"grant.revoke\",\"id\":\"g-aaaaaaaa\"}\n"
    "{\"kind\":\"journal\",\"seq\":11,\"event\":\"server.remove\",\"name\":\"one\"}\n"
    "{\"kind\":\"journal\",\"seq\":12,\"event\":\"a.kind.of.later\",\"x\":1}\n"
    "{\"kind\":\"journal\",\"seq\":13,\"event\":\"credential.remove\",\"name\":\"key\",\"version\":1}\n"
    "{\"kind\":\"journal\",\"seq\":14,\"event\":\"placeholder.add\",\"id\":\"p-00000001\",\"placeholder\":{\"id\":\"p-00000001\",\"credential\":\"key\",\"mark\":\"abcdef\","
    "\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"issued_at\":\"2026-11-03T10:00:03.000000Z\"}}\n"
    "{\"kind\":\"journal\",\"seq\":15,\"event\":\"placeholder.remove\",\"id\":\"p-00000001\"}\n";

/* How many of each there are after so many lines. */
static const struct {
	size_t servers, grants, policies, credentials, placeholders;
} after[] = {{0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, {1, 0, 0, 0, 0}, {1, 0, 0, 1, 0}, {1, 0, 1, 1, 0}, {1, 1, 1, 1, 0}, {1, 1, 1, 1, 0}, {2, 1, 1, 1, 0}, {2, 2, 1, 1, 0},
    {2, 1, 1, 1, 0}, {1, 1, 1, 1, 0}, {1, 1, 1, 1, 0}, {1, 1, 1, 0, 0}, {1, 1, 1, 0, 1}, {1, 1, 1, 0, 0}};

/* The journal with the document's real digest in it. */
static char text[sizeof(journal) + 64];
static size_t text_n;

static int setup(void **state)
{
	static const char doc[] = "{\"version\":\"1\",\"default\":\"deny\"}";
	struct problems p;
	const char *at = strstr(journal, "HASH");

	(void)state;
	if (problems_find(view_str(doc), &p))
		return -1;
	text_n = (size_t)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - journal), journal, p.hash, at + 4);
	buf_free(&p.json);
	return 0;
}

static void taken_by_workers(const struct roster *r)
{
	struct buf world = {0};
	char why[256] = "";

	assert_int_equal(publish_world(r, 7, "enforce", &world), 0);
	if (problems_world(buf_view(&world), why, sizeof(why)))
		fail_msg("%s in " VIEW_FMT, why, VIEW_ARG(buf_view(&world)));
	buf_free(&world);
}

/* How many grants a file for the workers holds. */
static uint32_t grants_in(const struct buf *world)
{
	struct view v = buf_view(world);
	size_t head = strnlen((const char *)v.p, v.n);
	struct grant_table t;
	char why[256] = "";

	if (grant_table_open(view_skip(v, head + 1), &t, why, sizeof(why)))
		fail_msg("%s", why);
	return t.rows;
}

static void every_prefix_in_lines(void **state)
{
	size_t lines = 0;

	(void)state;
	for (size_t n = 0; n <= text_n; n++) {
		struct roster r;
		if (n && text[n - 1] != '\n')
			continue;
		lines = n ? lines + 1 : 0;
		assert_int_equal(roster_init(&r), 0);
		assert_int_equal(roster_fold(&r, view_of(text, n)), 0);
		assert_int_equal(json_object_size(r.servers), after[lines].servers);
		assert_int_equal(grants_count(&r.grants), after[lines].grants);
		assert_int_equal(json_object_size(r.policies), after[lines].policies);
		assert_int_equal(json_object_size(r.credentials), after[lines].credentials);
		assert_int_equal(json_object_size(r.placeholders), after[lines].placeholders);
		assert_int_equal(r.seq, lines);
		assert_string_equal(r.damage, "");
		taken_by_workers(&r);
		roster_free(&r);
	}
	assert_int_equal(lines, sizeof(after) / sizeof(*after) - 1);
}

/* A cut inside a line: that line was never acknowledged, the rest holds. */
static void every_prefix_in_bytes(void **state)
{
	size_t lines = 0;

	(void)state;
	for (size_t n = 0; n < text_n; n++) {
		struct roster r;
		lines += n && text[n - 1] == '\n';
		assert_int_equal(roster_init(&r), 0);
		assert_int_equal(roster_fold(&r, view_of(text, n)), 0);
		assert_int_equal(grants_count(&r.grants), after[lines].grants);
		assert_int_equal(json_object_size(r.servers), after[lines].servers);
		roster_free(&r);
	}
}

static void damage_ends_grants(void **state)
{
	static const char *const bad[] = {
	    "{\"kind\":\"journal\",\"seq\":99,\"event\":\"grant.revoke\",\"id\":\n",
	    "\x01\xff\n",
	    "[]\n",
	    "{\"kind\":\"journal\",\"seq\":99}\n",
	    "{\"kind\":\"journal\",\"seq\":99,\"event\":\"grant.revoke\"}\n",
	    "{\"kind\":\"journal\",\"seq\":99,\"event\":\"grant.revoke\",\"id\":\"\"}\n",
	    "{\"kind\":\"journal\",\"seq\":99,\"event\":\"grant.add\",\"grant\":{\"id\":\"g-c\",\"server\":\"one\"}}\n",
	    "{\"kind\":\"journal\",\"seq\":99,\"event\":\"grant.add\",\"grant\":{\"id\":\"g-c\",\"uid\":\"0\",\"server\":\"one\"}}\n",
	    "{\"kind\":\"journal\",\"seq\":99,\"event\":\"server.add\",\"server\":{\"name\":\"x\"}}\n",
	    "{\"kind\":\"journal\",\"seq\":99,\"event\":\"policy.apply\",\"name\":\"x\",\"hash\":\"y\"}\n",
	    "{\"kind\":\"journal\",\"seq\":99,\"event\":\"policy.part\",\"hash\":\"h\",\"part\":1,\"of\":2,\"text\":\"x\"}\n",
	    "{\"kind\":\"journal\",\"seq\":99,\"event\":\"policy.part\",\"hash\":\"h\",\"part\":0,\"of\":2,\"text\":7}\n",
	    "{\"kind\":\"journal\",\"seq\":99,\"event\":\"policy.apply\",\"name\":\"x\",\"hash\":\"h\",\"parts\":2}\n",
	    "{\"kind\":\"journal\",\"kind\":\"x\",\"event\":\"refused\"}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct buf all = {0}, world = {0};
		struct roster r;
		assert_int_equal(buf_put(&all, view_of(text, text_n)), 0);
		assert_int_equal(buf_puts(&all, bad[i]), 0);
		assert_int_equal(roster_init(&r), 0);
		assert_int_equal(roster_fold(&r, buf_view(&all)), 1);
		assert_non_null(strstr(r.damage, "line 16"));
		assert_int_equal(grants_count(&r.grants), 1);
		assert_int_equal(publish_world(&r, 1, "enforce", &world), 0);
		assert_int_equal(grants_in(&world), 0);
		taken_by_workers(&r);
		buf_free(&world);
		buf_free(&all);
		roster_free(&r);
	}
}

static void a_copy_changes_apart(void **state)
{
	struct roster a, b;
	json_t *e = json_pack("{s:s s:s}", "event", "grant.revoke", "id", "g-bbbbbbbb");

	(void)state;
	assert_int_equal(roster_init(&a), 0);
	assert_int_equal(roster_fold(&a, view_of(text, text_n)), 0);
	assert_int_equal(roster_copy(&a, &b), 0);
	assert_int_equal(roster_apply(&b, e), 0);
	assert_int_equal(grants_count(&a.grants), 1);
	assert_int_equal(grants_count(&b.grants), 0);
	json_decref(e);
	roster_free(&a);
	roster_free(&b);
}

static void what_the_vault_and_the_kernel_get(void **state)
{
	struct buf hosts = {0}, dests = {0};
	struct roster r;
	size_t n = (size_t)(strstr(text, "{\"kind\":\"journal\",\"seq\":10,") - text);
	static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 7}, any[16];

	(void)state;
	assert_int_equal(roster_init(&r), 0);
	assert_int_equal(roster_fold(&r, view_of(text, n)), 0);
	assert_int_equal(publish_hosts(&r, &hosts), 0);
	assert_int_equal(buf_puts(&hosts, ""), 0);
	json_t *h = json_loadb((const char *)buf_view(&hosts).p, hosts.len, JSON_REJECT_DUPLICATES, NULL);
	json_t *servers = json_object_get(h, "servers"), *two = json_array_get(servers, 1);
	assert_int_equal(json_array_size(servers), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(servers, 0), "credential")), "key");
	/* Server two has none of its own, but a grant brings one. */
	assert_null(json_object_get(two, "credential"));
	assert_string_equal(json_string_value(json_array_get(json_object_get(two, "credentials"), 0)), "key");
	assert_null(json_object_get(two, "owner"));
	json_decref(h);

	assert_int_equal(publish_dests(&r, &dests), 0);
	/* one.example:443 and two.example:443 are the same destination: that port anywhere. */
	assert_int_equal(dests.len, 2 * sizeof(struct m_dest));
	struct m_dest d[2];
	memcpy(d, buf_view(&dests).p, sizeof(d));
	assert_memory_equal(d[0].addr, any, 16);
	assert_int_equal(d[0].prefix, 0);
	assert_int_equal(d[0].port_be, 443 >> 8 | (443 & 255) << 8);
	assert_memory_equal(d[1].addr, v4, 16);
	assert_int_equal(d[1].prefix, 128);
	assert_int_equal(d[1].port_be, 8443 >> 8 | (8443 & 255) << 8);
	buf_free(&hosts);
	buf_free(&dests);
	roster_free(&r);
}

/* What is not for the workers stays here; the policy's digest is the one of now. */
static void what_the_workers_get(void **state)
{
	struct buf world = {0};
	struct roster r;
	size_t n = (size_t)(strstr(text, "{\"kind\":\"journal\",\"seq\":10,") - text);

	(void)state;
	assert_int_equal(roster_init(&r), 0);
	assert_int_equal(roster_fold(&r, view_of(text, n)), 0);
	assert_int_equal(publish_world(&r, 42, "observe", &world), 0);
	struct view v = buf_view(&world);
	assert_null(memmem(v.p, v.n, "platform", 8));
	size_t head = strnlen((const char *)v.p, v.n);
	json_t *w = json_loadb((const char *)v.p, head, JSON_REJECT_DUPLICATES, NULL);
	struct grant_table t;
	char why[256];
	assert_int_equal(grant_table_open(view_skip(v, head + 1), &t, why, sizeof(why)), 0);
	assert_int_equal(t.rows, 2);
	struct grant_row g = grant_table_row(&t, 0);
	const char *hash = json_string_value(json_object_get(json_object_get(w, "policy_names"), grant_table_text(&t, &g, GT_POLICY)));
	assert_int_equal(g.uid, 1001);
	assert_int_equal(json_integer_value(json_object_get(w, "generation")), 42);
	assert_string_equal(json_string_value(json_object_get(w, "mode")), "observe");
	assert_string_equal(grant_table_text(&t, &g, GT_ID), "g-aaaaaaaa");
	assert_string_equal(grant_table_text(&t, &g, GT_POLICY), "read");
	assert_non_null(hash);
	assert_string_equal(json_string_value(json_object_get(json_object_get(w, "policies"), hash)), "{\"version\":\"1\",\"default\":\"deny\"}");
	assert_int_equal(json_object_size(json_object_get(w, "policies")), 1);
	json_decref(w);
	buf_free(&world);
	roster_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_prefix_in_lines),
	    cmocka_unit_test(every_prefix_in_bytes),
	    cmocka_unit_test(damage_ends_grants),
	    cmocka_unit_test(a_copy_changes_apart),
	    cmocka_unit_test(what_the_vault_and_the_kernel_get),
	    cmocka_unit_test(what_the_workers_get),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
