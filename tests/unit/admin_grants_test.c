/*
 * admin_grants_test.c - the set of grants against a map of whole objects: the same random changes, and both say the same at every step, in
 * copies, as one table, and read from lines of the journal in both ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/roster.h"
#include "base/err.h"

static uint64_t seed = 88172645463325252u;

static uint32_t chance(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % n;
}

static json_t *any_grant(const char *id)
{
	static const char *const text[] = {"agent", "exe_sha256", "unit", "cgroup", "token_sha256", "policy", "credential", "reason", "user"};
	json_t *g = json_pack("{s:s s:s}", "id", id, "server", chance(2) ? "one" : "two");
	char value[32];

	json_object_set_new(g, "uid", chance(4) ? json_integer(chance(50)) : json_null());
	if (chance(3) == 0)
		json_object_set_new(g, "gid", chance(4) ? json_integer(UINT32_MAX - 1) : json_null());
	if (chance(3) == 0)
		json_object_set_new(g, "login_uid", json_integer(chance(9)));
	if (chance(5) == 0)
		json_object_set_new(g, "via", json_string("su"));
	if (chance(3) == 0)
		json_object_set_new(g, "expires_at", json_string(chance(2) ? "2030-01-01T00:00:00Z" : "2031-05-06T07:08:09.123456+02:00"));
	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++) {
		snprintf(value, sizeof(value), chance(9) ? "t%u" : chance(2) ? "\"%u\\\xc3\xa4" : "", chance(5));
		if (chance(2))
			json_object_set_new(g, text[i], chance(20) ? json_string(value) : json_null());
	}
	return g;
}

static void agree(const struct grants *g, json_t *map)
{
	struct grant_ref ref = {0};
	size_t n = 0;

	assert_int_equal(grants_count(g), json_object_size(map));
	while (grants_next(g, &ref)) {
		json_t *whole = grants_json(&ref), *want = json_object_get(map, grant_ref_text(&ref, GT_ID));
		assert_true(json_equal(whole, want));
		json_decref(whole);
		n++;
	}
	assert_int_equal(n, json_object_size(map));
}

static struct buf table_of(const struct grants *g)
{
	struct buf out = {0};

	assert_int_equal(grants_table(g, &out), 0);
	return out;
}

/* The same grants in a set without a history: the table must be the same bytes. */
static void canonical(const struct grants *g, json_t *map)
{
	struct grants fresh = {0}, loaded = {0};
	char why[256] = "", which[64];
	const char *id;
	json_t *v;

	json_object_foreach(map, id, v)
		assert_int_equal(grants_put(&fresh, v), 0);
	struct buf a = table_of(g), b = table_of(&fresh);
	assert_int_equal(a.len, b.len);
	for (size_t i = 0; i < grants_count(g); i++) /* in which order they came is not the same here */
		for (struct buf *x = &a; x; x = x == &a ? &b : NULL)
			memset(x->mem + x->off + sizeof(struct grant_table_head) + i * sizeof(struct grant_row) + offsetof(struct grant_row, order), 0, 4);
	assert_memory_equal(buf_view(&a).p, buf_view(&b).p, a.len);
	assert_true(grants_same(g, &fresh, which));
	if (grants_load(&loaded, buf_view(&a), why, sizeof(why)))
		fail_msg("%s", why);
	assert_true(grants_same(g, &loaded, which));
	struct buf c = table_of(&loaded);
	assert_int_equal(a.len, c.len);
	assert_memory_equal(buf_view(&a).p, buf_view(&c).p, a.len);
	buf_free(&a);
	buf_free(&b);
	buf_free(&c);
	grants_free(&fresh);
	grants_free(&loaded);
}

static void as_a_map(void **state)
{
	struct grants g = {0}, old = {0};
	json_t *map = json_object(), *old_map = json_object();
	char id[16], which[64];

	(void)state;
	for (int step = 0; step < 6000; step++) {
		snprintf(id, sizeof(id), "g-%u", chance(step < 3000 ? 900 : 60));
		assert_true(grants_find(&g, id, NULL) == (json_object_get(map, id) != NULL));
		if (chance(5) < 3) {
			json_t *v = any_grant(id);
			assert_int_equal(grants_put(&g, v), 0);
			json_object_set_new(map, id, v);
		} else {
			assert_int_equal(grants_drop(&g, id), 0);
			json_object_del(map, id);
		}
		if (step % 7 == 0)
			assert_int_equal(grants_settle(&g), 0);
		if (step % 101)
			continue;
		agree(&g, map);
		agree(&old, old_map);
		canonical(&g, map);
		assert_true(grants_same(&old, &g, which) == json_equal(old_map, map) || which[0] == '\0');
		grants_free(&old);
		json_decref(old_map);
		assert_int_equal(grants_copy(&g, &old), 0);
		old_map = json_copy(map);
	}
	grants_free(&g);
	grants_free(&old);
	json_decref(map);
	json_decref(old_map);
}

/* The quick way into the set and the slow one: what a line says may not depend on how it is spelled. */
static void both_ways_of_a_line(void **state)
{
	size_t quick = 0;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		json_t *v = any_grant("g-a"), *e = json_pack("{s:s s:I s:s s:O}", "kind", "journal", "seq", (json_int_t)i + 1, "event", "grant.add", "grant", v);
		struct roster a, b;
		struct grant_fields f;
		struct view whole;
		uint64_t seq;
		struct buf line = {0};
		char which[64], *text = json_dumps(e, JSON_COMPACT);

		assert_true(roster_init(&a) == 0 && roster_init(&b) == 0);
		assert_int_equal(buf_printf(&line, "%s\n", text), 0);
		quick += grant_line(view_str(text), &f, &whole, &seq);
		assert_int_equal(roster_fold(&a, buf_view(&line)), 0);
		assert_int_equal(roster_apply(&b, e), 0);
		assert_int_equal(a.seq, i + 1);
		assert_int_equal(grants_count(&a.grants), 1);
		assert_true(grants_same(&a.grants, &b.grants, which));
		json_t *x = grants_get(&a.grants, "g-a");
		assert_true(json_equal(x, v));
		json_decref(x);
		json_decref(v);
		json_decref(e);
		free(text);
		buf_free(&line);
		roster_free(&a);
		roster_free(&b);
	}
	assert_true(quick > 1000 && quick < 3000);
}

/* What the workers could not use is no grant: the line is damage, however it is read. */
static void bad_grants(void **state)
{
	static const char *const bad[] = {"\"uid\":-1", "\"uid\":4294967295", "\"uid\":1.0", "\"uid\":1e3", "\"uid\":\"1\"", "\"uid\":18446744073709551617", "\"gid\":-1,\"uid\":1", "\"gid\":true,\"uid\":1",
	    "\"login_uid\":4294967296,\"uid\":1", "\"uid\":1,\"via\":\"sudo\"", "\"uid\":1,\"via\":true", "\"uid\":1,\"expires_at\":\"soon\"", "\"uid\":1,\"expires_at\":7", "\"uid\":1,\"agent\":7",
	    "\"uid\":1,\"unit\":{}", "\"uid\":1,\"policy\":[]", "\"agent\":\"x\"", "\"uid\":1,\"uid\":2", "\"uid\":1,\"id\":\"g-b\"", "\"uid\":1,\"expires_at\":\"1970-01-01T00:00:00Z\""};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(bad) / sizeof(*bad); i++) {
		struct roster r;
		struct buf line = {0};

		assert_int_equal(roster_init(&r), 0);
		assert_int_equal(buf_printf(&line, "{\"kind\":\"journal\",\"seq\":5,\"event\":\"grant.add\",\"grant\":{\"id\":\"g-a\",\"server\":\"s\",%s}%s}\n", bad[i / 2], i % 2 ? ",\"reason\":\"\\u0061\"" : ""), 0);
		if (roster_fold(&r, buf_view(&line)) != 1 || grants_count(&r.grants) || !r.damage[0])
			fail_msg("taken: " VIEW_FMT, VIEW_ARG(buf_view(&line)));
		buf_free(&line);
		roster_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(as_a_map),
	    cmocka_unit_test(both_ways_of_a_line),
	    cmocka_unit_test(bad_grants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
