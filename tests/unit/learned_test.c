/* learned_test.c - what a worker keeps of the tools that servers list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gate/learned.h"

enum { NODES = 65536 };
static struct json_node node[NODES];

struct news {
	unsigned n;
	char last[64];
};

static int on_news(void *arg, const char *server, struct view name, const struct learned_tool *t)
{
	struct news *w = arg;
	w->n++;
	snprintf(w->last, sizeof(w->last), "%s/%.*s %s", server, (int)(name.n < 32 ? name.n : 32), (const char *)name.p, catalogue_name(t->now.risk));
	return 0;
}

static int deaf(void *arg, const char *server, struct view name, const struct learned_tool *t)
{
	(void)server;
	(void)name;
	(void)t;
	*(unsigned *)arg += 1;
	return -1;
}

static void take(struct learned *l, const char *server, const char *message, struct news *w)
{
	struct json_doc doc;
	assert_int_equal(json_scan(&doc, view_str(message), node, NODES, NULL), 0);
	learned_take(l, server, &doc);
	learned_tell(l, 100000, on_news, w);
}

#define LIST(tools) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[" tools "]}}"

static enum risk risk(const struct learned *l, const char *server, const char *name)
{
	const struct learned_tool *t = learned_find(l, server, view_str(name));
	return t ? t->risk : RISK_UNKNOWN;
}

static void definitions(void **state)
{
	struct learned *l = learned_new();
	struct news w = {0, ""};
	(void)state;

	take(l, "a", LIST("{\"name\":\"get_x\",\"description\":\"Get it\"},{\"name\":\"delete_x\"},{\"n\":1},7,{\"name\":5}"), &w);
	assert_int_equal(w.n, 2);
	assert_int_equal(risk(l, "a", "get_x"), RISK_READ);
	assert_int_equal(risk(l, "a", "delete_x"), RISK_DESTRUCTIVE);
	assert_int_equal(risk(l, "b", "get_x"), RISK_UNKNOWN);
	assert_int_equal(risk(l, "a", "get_"), RISK_UNKNOWN);
	/* the same again, written otherwise, is no news */
	take(l, "a", LIST("{\"description\":\"Get \\u0069t\" , \"name\":\"get_x\"}"), &w);
	assert_int_equal(w.n, 2);
	/* another definition is; it raises */
	take(l, "a", LIST("{\"name\":\"get_x\",\"description\":\"Delete it\"}"), &w);
	assert_int_equal(w.n, 3);
	assert_string_equal(w.last, "a/get_x Destructive");
	assert_int_equal(risk(l, "a", "get_x"), RISK_DESTRUCTIVE);
	/* and going back does not lower again */
	take(l, "a", LIST("{\"name\":\"get_x\",\"description\":\"Get it\"}"), &w);
	assert_int_equal(w.n, 4);
	assert_string_equal(w.last, "a/get_x Read");
	assert_int_equal(risk(l, "a", "get_x"), RISK_DESTRUCTIVE);
	/* a batch of an old server; messages that list nothing */
	take(l, "b", "[" LIST("{\"name\":\"run\"}") ",{\"result\":1},[],null]", &w);
	assert_int_equal(risk(l, "b", "run"), RISK_EXECUTE);
	static const char *const nothing[] = {"{}", "[]", "1", "{\"result\":{\"tools\":{}}}", "{\"result\":[]}", "{\"tools\":[{\"name\":\"x\"}]}"};
	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++)
		take(l, "b", nothing[i], &w);
	assert_int_equal(w.n, 5);
	struct news all = {0, ""};
	learned_retell(l);
	learned_tell(l, 2, on_news, &all);
	assert_int_equal(all.n, 2);
	learned_tell(l, 100, on_news, &all);
	assert_int_equal(all.n, 3);
	unsigned asked = 0;
	learned_retell(l);
	learned_tell(l, 100, deaf, &asked);
	learned_tell(l, 100, deaf, &asked);
	assert_int_equal(asked, 2);
	learned_free(&l);
	assert_null(l);
	learned_free(&l);
}

/* A server that makes up names fills its own share and nobody else's. */
static void bounded(void **state)
{
	struct learned *l = learned_new();
	struct news w = {0, ""};
	size_t cap = 1 << 20, at;
	char *text = malloc(cap);
	(void)state;

	for (int page = 0; page < 3; page++) {
		at = (size_t)snprintf(text, cap, "{\"result\":{\"tools\":[");
		for (int i = 0; i < 1000; i++)
			at += (size_t)snprintf(text + at, cap - at, "%s{\"name\":\"get_%d_%d\"}", i ? "," : "", page, i);
		snprintf(text + at, cap - at, "]}}");
		take(l, "hostile", text, &w);
	}
	assert_int_equal(w.n, LEARNED_SERVER);
	assert_int_equal(risk(l, "hostile", "get_2_999"), RISK_UNKNOWN);
	take(l, "other", LIST("{\"name\":\"get_x\"}"), &w);
	assert_int_equal(risk(l, "other", "get_x"), RISK_READ);
	memset(text, 'a', LEARNED_NAME + 10);
	char *list = malloc(cap);
	snprintf(list, cap, "{\"result\":{\"tools\":[{\"name\":\"%.*s\"}]}}", LEARNED_NAME + 1, text);
	unsigned before = w.n;
	take(l, "other", list, &w);
	assert_int_equal(w.n, before);
	free(list);
	free(text);
	learned_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(definitions),
	    cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
