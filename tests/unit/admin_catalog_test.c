/* admin_catalog_test.c - the journal's part of the catalogue: what workers say, what people say, and what of it the workers get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "admin/catalog.h"
#include "admin/publish.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int apply(struct roster *r, const char *event)
{
	json_error_t err;
	json_t *e = json_loads(event, 0, &err);
	assert_non_null(e);
	int ret = roster_apply(r, e);
	json_decref(e);
	return ret;
}

static void begin(struct roster *r)
{
	assert_int_equal(roster_init(r), 0);
	assert_int_equal(apply(r, "{\"event\":\"server.add\",\"server\":{\"name\":\"s\",\"match\":[{\"host\":\"h\"}]}}"), 0);
}

#define LEARN(hash, class) "{\"event\":\"catalog.learn\",\"ts\":\"T\",\"server\":\"s\",\"tools\":[{\"tool\":\"t\",\"hash\":\"" hash "\",\"class\":\"" class "\"}]}"

static void shows(const struct roster *r, const char *class, const char *state)
{
	json_t *name = json_string("t"), *row = catalog_row(catalog_find(r, "s", name));
	assert_string_equal(json_string_value(json_object_get(row, "class")), class);
	assert_string_equal(json_string_value(json_object_get(row, "state")), state);
	json_decref(row);
	json_decref(name);
}

static void definitions(void **state)
{
	struct roster r, before;
	(void)state;

	begin(&r);
	assert_int_equal(apply(&r, LEARN(A, "Read")), 0);
	shows(&r, "Read", "new");
	assert_int_equal(roster_copy(&r, &before), 0);
	assert_int_equal(apply(&r, LEARN(B, "Write")), 0);
	shows(&r, "Write", "new");
	/* back again: no lower */
	assert_int_equal(apply(&r, LEARN(A, "Read")), 0);
	shows(&r, "Write", "new");
	/* an earlier roster is not touched */
	shows(&before, "Read", "new");
	/* approved: this definition, and its own class */
	assert_int_equal(apply(&r, "{\"event\":\"catalog.approve\",\"server\":\"s\",\"tools\":[{\"tool\":\"t\",\"hash\":\"" A "\"}]}"), 0);
	shows(&r, "Read", "approved");
	assert_int_equal(apply(&r, LEARN(B, "Write")), 0);
	shows(&r, "Write", "changed");
	assert_int_equal(apply(&r, "{\"event\":\"catalog.forget\",\"server\":\"s\",\"tools\":[\"t\",\"none\"]}"), 0);
	shows(&r, "Write", "new");
	/* a person may lower, of this definition */
	assert_int_equal(apply(&r, "{\"event\":\"catalog.override\",\"server\":\"s\",\"tool\":\"t\",\"class\":\"Read\",\"hash\":\"" B "\",\"reason\":\"r\"}"), 0);
	shows(&r, "Read", "new");
	assert_int_equal(apply(&r, LEARN(A, "Read")), 0);
	shows(&r, "Write", "new");
	assert_int_equal(apply(&r, "{\"event\":\"catalog.override\",\"server\":\"s\",\"tool\":\"t\",\"class\":\"Financial\"}"), 0);
	shows(&r, "Financial", "new");
	assert_int_equal(apply(&r, "{\"event\":\"catalog.override\",\"server\":\"s\",\"tool\":\"t\",\"class\":null}"), 0);
	shows(&r, "Write", "new");
	static const char *const bad[] = {"{\"event\":\"catalog.learn\",\"tools\":[]}", "{\"event\":\"catalog.learn\",\"server\":\"s\"}", LEARN("xyz", "Read"), LEARN(A, "Other"),
	    "{\"event\":\"catalog.override\",\"server\":\"s\",\"tool\":\"t\",\"class\":\"low\"}", "{\"event\":\"catalog.override\",\"server\":\"s\",\"class\":\"Read\"}",
	    "{\"event\":\"catalog.approve\",\"server\":\"s\",\"tools\":[{\"tool\":\"t\"}]}", "{\"event\":\"catalog.forget\",\"server\":\"s\"}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (apply(&r, bad[i]) == 0)
			fail_msg("%s", bad[i]);
	roster_free(&before);
	roster_free(&r);
}

static void hear(const struct roster *r, json_t *heard, const char *server, const char *name, uint8_t hash, uint32_t risk)
{
	struct m_tool m = {.risk = risk, .confidence = 90, .known = 1, .len = (uint32_t)strlen(name)};
	memset(m.hash, hash, sizeof(m.hash));
	snprintf(m.server, sizeof(m.server), "%s", server);
	memcpy(m.name, name, m.len);
	catalog_hear(r, &m, VIEW_LIT("{\"type\":\"object\"}"), heard);
}

static size_t waiting(const json_t *heard)
{
	return json_object_size(json_object_get(heard, "s"));
}

static void workers(void **state)
{
	struct roster r;
	json_t *heard = json_object();
	char name[16];
	(void)state;

	begin(&r);
	hear(&r, heard, "s", "t", 0xaa, 1);
	hear(&r, heard, "other", "t", 0xaa, 1); /* not registered */
	hear(&r, heard, "s", "\xff", 0xaa, 1);  /* no text */
	hear(&r, heard, "s", "u", 0xaa, 0);
	hear(&r, heard, "s", "u", 0xaa, 6);
	assert_int_equal(json_object_size(heard), 1);
	assert_int_equal(waiting(heard), 1);
	struct m_tool m = {.risk = 1, .len = sizeof(m.name)};
	memset(m.name, 'x', sizeof(m.name));
	memset(m.server, 'x', sizeof(m.server));
	catalog_hear(&r, &m, view_of(NULL, 0), heard);
	assert_int_equal(json_object_size(heard), 1);
	json_t *event = catalog_batch(heard, "s");
	assert_non_null(event);
	assert_int_equal(json_object_size(heard), 0);
	/* it could not be written: again */
	catalog_again(&r, event, heard);
	assert_int_equal(waiting(heard), 1);
	json_object_clear(heard);
	assert_int_equal(roster_apply(&r, event), 0);
	catalog_again(&r, event, heard);
	assert_int_equal(json_object_size(heard), 0);
	json_decref(event);
	/* what is known is no news; another definition is, once */
	hear(&r, heard, "s", "t", 0xaa, 1);
	assert_int_equal(json_object_size(heard), 0);
	hear(&r, heard, "s", "t", 0xbb, 3);
	event = catalog_batch(heard, "s");
	assert_int_equal(roster_apply(&r, event), 0);
	json_decref(event);
	hear(&r, heard, "s", "t", 0xaa, 1);
	hear(&r, heard, "s", "t", 0xbb, 3);
	assert_int_equal(json_object_size(heard), 0);
	shows(&r, "Execute", "new");
	/* many: in events that fit a frame */
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		hear(&r, heard, "s", name, 1, 2);
	}
	assert_int_equal(waiting(heard), CATALOG_SERVER);
	event = catalog_batch(heard, "s");
	assert_int_equal(json_array_size(json_object_get(event, "tools")), CATALOG_BATCH);
	json_decref(event);
	/* or fewer, when they are long: even one of the longest fits */
	static char schema[TOOL_SCHEMA_MAX];
	memset(schema, '"', sizeof(schema));
	json_object_clear(heard);
	for (int i = 0; i < 40; i++) {
		struct m_tool l = {.risk = 1, .len = 8};
		snprintf(l.server, sizeof(l.server), "s");
		snprintf(l.name, sizeof(l.name), "l%07d", i);
		catalog_hear(&r, &l, view_of(schema, sizeof(schema)), heard);
	}
	event = catalog_batch(heard, "s");
	assert_in_range(json_array_size(json_object_get(event, "tools")), 1, 12);
	assert_in_range(json_dumpb(event, NULL, 0, JSON_COMPACT), 1, MSG_MAX - 1024);
	json_decref(event);
	json_decref(heard);
	roster_free(&r);
}

/* The catalogue is in the file that workers read, and they understand it. */
static void published(void **state)
{
	struct roster r;
	struct buf out = {0};
	(void)state;

	begin(&r);
	assert_int_equal(apply(&r, LEARN(A, "Destructive")), 0);
	assert_int_equal(apply(&r, "{\"event\":\"catalog.approve\",\"server\":\"s\",\"tools\":[{\"tool\":\"t\",\"hash\":\"" B "\"}]}"), 0);
	assert_int_equal(apply(&r, "{\"event\":\"catalog.override\",\"server\":\"s\",\"tool\":\"u\",\"class\":\"Read\"}"), 0);
	assert_int_equal(publish_world(&r, 1, "enforce", &out), 0);
	assert_int_equal(buf_put(&out, view_of("", 1)), 0);
	const char *text = (const char *)buf_view(&out).p;
	assert_non_null(strstr(text, "{\"server\":\"s\",\"tool\":\"t\",\"class\":\"Destructive\",\"hash\":\"" A "\",\"approved\":[\"" B "\"]}"));
	assert_non_null(strstr(text, "{\"server\":\"s\",\"tool\":\"u\",\"class\":\"Read\",\"by_person\":true}"));
	/* of a server that is gone nothing is told */
	assert_int_equal(apply(&r, "{\"event\":\"server.remove\",\"name\":\"s\"}"), 0);
	buf_reset(&out);
	assert_int_equal(publish_world(&r, 2, "enforce", &out), 0);
	assert_int_equal(buf_put(&out, view_of("", 1)), 0);
	assert_non_null(strstr((const char *)buf_view(&out).p, "\"tools\":[]"));
	buf_free(&out);
	roster_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(definitions),
	    cmocka_unit_test(workers),
	    cmocka_unit_test(published),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
