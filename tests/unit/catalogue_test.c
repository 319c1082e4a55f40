/* catalogue_test.c - the risk class of a tool: rules one by one, the labelled rows, and that nothing lowers a class. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "codec/json.h"
#include "policy/catalogue.h"

enum { NODES = 512 };

static struct catalogue_class classify(const char *server, const char *name, const char *description, const char *rest)
{
	static struct json_node node[NODES];
	struct json_doc doc;
	struct catalogue_class k;
	struct catalogue_tool t = {.server = view_str(server), .name = view_str(name), .description = view_str(description)};

	if (rest) {
		assert_int_equal(json_scan(&doc, view_str(rest), node, NODES, NULL), 0);
		t.doc = &doc;
		t.schema = json_get(&doc, node, VIEW_LIT("inputSchema"));
		t.annotations = json_get(&doc, node, VIEW_LIT("annotations"));
	}
	catalogue_classify(&t, &k);
	return k;
}

static const struct {
	const char *server, *name, *description, *rest;
	enum risk risk;
} row[] = {
    /* the name */
    {"", "get_issue", "", NULL, RISK_READ},
    {"", "getIssue", "", NULL, RISK_READ},
    {"", "Get-Issue", "", NULL, RISK_READ},
    {"", "slack_post_message", "", NULL, RISK_WRITE},
    {"", "tf_destroy", "", NULL, RISK_DESTRUCTIVE},
    {"", "d1_database_delete", "Delete a D1 database", NULL, RISK_DESTRUCTIVE},
    {"", "get_or_delete_item", "", NULL, RISK_DESTRUCTIVE},
    {"", "list_and_archive", "", NULL, RISK_WRITE},
    {"", "search_then_run", "", NULL, RISK_EXECUTE},
    {"", "list_runs", "", NULL, RISK_READ},
    {"", "get_deleted_items", "", NULL, RISK_READ},
    {"", "HTMLtoPDFConvert", "", NULL, RISK_WRITE},
    {"", "pull_request_read", "Get details", NULL, RISK_READ},
    {"", "mark_all_read", "", NULL, RISK_WRITE},
    {"delete-me", "delete_me_get_x", "", NULL, RISK_DESTRUCTIVE},
    {"", "take_screenshot", "", NULL, RISK_READ},
    {"", "take_over", "", NULL, RISK_EXECUTE},
    /* money: whole words */
    {"", "list_invoices", "", NULL, RISK_FINANCIAL},
    {"", "create_refund", "", NULL, RISK_FINANCIAL},
    {"", "pay_order", "", NULL, RISK_FINANCIAL},
    {"", "delete_subscription", "", NULL, RISK_FINANCIAL},
    {"", "transfer_funds", "", NULL, RISK_FINANCIAL},
    {"", "transfer_files", "", NULL, RISK_WRITE},
    {"chargebee", "chargebee_docs_search", "Search the documentation", NULL, RISK_WRITE},
    /* nothing known */
    {"", "", "", NULL, RISK_EXECUTE},
    {"", "foo", "", NULL, RISK_EXECUTE},
    {"", "foo", "Frobnicates the bar", NULL, RISK_EXECUTE},
    {"", "bash", "Run a command", NULL, RISK_EXECUTE},
    /* descriptions raise */
    {"", "get_thing", "Deletes the thing", NULL, RISK_DESTRUCTIVE},
    {"", "get_thing", "Gets and deletes the thing", NULL, RISK_DESTRUCTIVE},
    {"", "get_thing", "Gets the things that you can delete", NULL, RISK_READ},
    {"", "get_thing", "Gets the thing. This cannot be undone.", NULL, RISK_DESTRUCTIVE},
    {"", "get_thing", "A non-destructive operation", NULL, RISK_READ},
    {"", "create_number", "Purchase a phone number", NULL, RISK_FINANCIAL},
    {"", "query_sql", "Execute SQL", NULL, RISK_EXECUTE},
    {"", "query_sql", "Execute read-only SQL queries", NULL, RISK_READ},
    {"", "status", "Query available deployments", NULL, RISK_READ},
    {"", "thing", "Permanently delete a thing", NULL, RISK_DESTRUCTIVE},
    /* and never lower */
    {"", "delete_thing", "Lists the things, read-only", NULL, RISK_DESTRUCTIVE},
    {"", "run_thing", "Get the thing", NULL, RISK_EXECUTE},
    {"", "delete_thing", "", "{\"annotations\":{\"readOnlyHint\":true,\"destructiveHint\":false}}", RISK_DESTRUCTIVE},
    {"", "foo", "", "{\"annotations\":{\"readOnlyHint\":true}}", RISK_EXECUTE},
    /* schema */
    {"", "get_rows", "Get rows", "{\"inputSchema\":{\"properties\":{\"sql\":{\"type\":\"string\"}}}}", RISK_EXECUTE},
    {"", "get_rows", "", "{\"inputSchema\":{\"properties\":{\"initScript\":{}}}}", RISK_EXECUTE},
    {"", "get_rows", "", "{\"inputSchema\":{\"properties\":{\"country_code\":{\"type\":\"string\"}}}}", RISK_READ},
    {"", "get_rows", "", "{\"inputSchema\":{\"properties\":{\"code\":{\"type\":\"string\",\"description\":\"ISO country code\"}}}}", RISK_READ},
    {"", "get_rows", "", "{\"inputSchema\":{\"properties\":{\"code\":{\"type\":\"integer\"}}}}", RISK_READ},
    {"", "get_rows", "", "{\"inputSchema\":{\"properties\":{\"where\":{\"properties\":{\"script\":{\"type\":[\"string\",\"null\"]}}}}}}", RISK_EXECUTE},
    {"", "issue_write", "", "{\"inputSchema\":{\"properties\":{\"method\":{\"enum\":[\"create\",\"delete_pending\"]}}}}", RISK_DESTRUCTIVE},
    {"", "issue_read", "", "{\"inputSchema\":{\"properties\":{\"method\":{\"enum\":[\"get\",\"get_status\"]}}}}", RISK_READ},
    {"", "fetch", "", "{\"inputSchema\":{\"properties\":{\"method\":{\"enum\":[\"GET\",\"POST\",\"DELETE\"]}}}}", RISK_DESTRUCTIVE},
    {"", "set_x", "", "{\"inputSchema\":{\"properties\":{\"purge\":{\"type\":\"boolean\"}}}}", RISK_DESTRUCTIVE},
    {"", "get_x", "", "{\"inputSchema\":{\"properties\":{\"removeImages\":{\"type\":\"boolean\"}}}}", RISK_READ},
    {"", "create_x", "", "{\"inputSchema\":{\"properties\":{\"amount\":{},\"currency\":{}}}}", RISK_FINANCIAL},
    {"", "create_x", "", "{\"inputSchema\":{\"properties\":{\"amount\":{}}}}", RISK_WRITE},
    {"", "get_x", "", "{\"inputSchema\":[1,\"properties\"]}", RISK_READ},
    {"", "get_x", "", "{\"inputSchema\":{\"properties\":[{\"sql\":1}]}}", RISK_READ},
    /* annotations */
    {"", "get_x", "", "{\"annotations\":{\"destructiveHint\":true}}", RISK_DESTRUCTIVE},
    {"", "get_x", "", "{\"annotations\":{\"readOnlyHint\":true,\"destructiveHint\":true}}", RISK_READ},
    {"", "get_x", "", "{\"annotations\":{\"readOnlyHint\":false}}", RISK_WRITE},
    {"", "get_x", "", "{\"annotations\":{\"destructiveHint\":\"true\"}}", RISK_READ},
};

static void rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct catalogue_class k = classify(row[i].server, row[i].name, row[i].description, row[i].rest);
		if (k.risk != row[i].risk)
			fail_msg("%s (%s) %s: %s, expected %s; %s", row[i].name, row[i].description, row[i].rest ? row[i].rest : "", catalogue_name(k.risk),
			    catalogue_name(row[i].risk), k.evidence);
		assert_true(k.confidence > 0 && k.confidence <= 100);
		assert_true(k.evidence[0] != '\0');
	}
	assert_false(classify("", "foo", "", NULL).known);
	assert_true(classify("", "get_foo", "", NULL).known);
	assert_int_equal(catalogue_risk(VIEW_LIT("financial")), RISK_FINANCIAL);
	assert_int_equal(catalogue_risk(VIEW_LIT("other")), RISK_UNKNOWN);
}

/* Whatever description, schema or annotation is added to a name: the class is not below that of the name alone. */
static void nothing_lowers(void **state)
{
	static const char *const more[] = {"Get it", "read-only", "Lists things", "Search", "x", "Returns a list, read-only."};
	static const char *const rest[] = {NULL, "{\"annotations\":{\"readOnlyHint\":true,\"destructiveHint\":false,\"idempotentHint\":true}}",
	    "{\"inputSchema\":{\"properties\":{}}}"};
	static const char *const verb[] = {"get", "create", "run", "delete", "pay", "list_invoices", "trigger", "clear", "merge", "click"};

	(void)state;
	for (size_t v = 0; v < sizeof(verb) / sizeof(*verb); v++)
		for (size_t m = 0; m < sizeof(more) / sizeof(*more); m++)
			for (size_t r = 0; r < sizeof(rest) / sizeof(*rest); r++)
				assert_true(classify("", verb[v], more[m], rest[r]).risk >= classify("", verb[v], "", NULL).risk);
}

/* The longest and strangest: no crash, an answer. */
static void any_input(void **state)
{
	char *big = malloc(100001);
	(void)state;

	for (int c = 0; c < 256; c += 5) {
		memset(big, c ? c : '_', 100000);
		big[100000] = '\0';
		struct catalogue_tool t = {.name = view_of(big, 100000), .description = view_of(big, 100000), .server = view_of(big, 100)};
		struct catalogue_class k;
		catalogue_classify(&t, &k);
		assert_int_equal(k.risk, RISK_EXECUTE);
		for (char *p = k.evidence; *p; p++)
			assert_true(*p >= 0x20 && *p <= 0x7e);
	}
	free(big);
}

/* Both files have server, tool and a third column that the command must not look at; it prints the class as its third. */
typedef void each_fn(void *arg, const char *third, const char *class);

static bool each(const char *file, each_fn *fn, void *arg)
{
	char self[4000], cmd[4300], want[8192], got[8192];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(cmd, sizeof(cmd), "%s/../callgate", self);
	if (access(cmd, X_OK))
		return false;
	snprintf(cmd, sizeof(cmd), "%s/../callgate catalog classify --csv %s", self, file);
	FILE *in = fopen(file, "r"), *out = popen(cmd, "r");
	assert_non_null(in);
	assert_non_null(out);
	for (bool title = true; fgets(want, sizeof(want), in); title = false) {
		char *l[3], *o[3], *save = NULL;
		assert_non_null(fgets(got, sizeof(got), out));
		for (int i = 0; i < 3; i++)
			assert_non_null(l[i] = strtok_r(i ? NULL : want, ",", &save));
		for (int i = 0; i < 3; i++)
			assert_non_null(o[i] = strtok_r(i ? NULL : got, ",", &save));
		assert_string_equal(l[0], o[0]);
		assert_string_equal(l[1], o[1]);
		if (!title)
			fn(arg, l[2], o[2]);
	}
	assert_null(fgets(got, sizeof(got), out));
	fclose(in);
	assert_int_equal(pclose(out), 0);
	return true;
}

struct tally {
	unsigned rows, same, low;
};

static void compare(void *arg, const char *label, const char *class)
{
	struct tally *t = arg;
	enum risk want = catalogue_risk(view_str(label));

	if (want == RISK_UNKNOWN)
		return;
	t->rows++;
	t->same += strcmp(label, class) == 0;
	t->low += want >= RISK_EXECUTE && strcmp(class, "Read") == 0;
}

/* The labelled rows, through the command. */
static void labels(void **state)
{
	struct tally t = {0, 0, 0};
	(void)state;

	if (!each("tests/data/third-party/intercept/tools.csv", compare, &t))
		skip();
	print_message("# %u of %u labels equal, %u grave ones called Read\n", t.same, t.rows, t.low);
	assert_int_equal(t.rows, 503);
	assert_true(t.same * 100 >= t.rows * 95);
	assert_int_equal(t.low, 0);
}

static void against_hint(void *arg, const char *hint, const char *class)
{
	struct tally *t = arg;
	bool read = strcmp(class, "Read") == 0;

	if (strcmp(hint, "reads") == 0) {
		t->rows++;
		t->same += read;
	} else if (strcmp(hint, "nothing") != 0) {
		t->low += read;
	}
}

/* Servers that the words were not chosen by: what their authors say of them.  The nine are in docs/CATALOGUE.md. */
static void held_out(void **state)
{
	struct tally t = {0, 0, 0};
	(void)state;

	if (!each("tests/data/third-party/npm-servers/tools.csv", against_hint, &t))
		skip();
	print_message("# %u of %u readers called Read, %u of the others\n", t.same, t.rows, t.low);
	assert_int_equal(t.rows, 110);
	assert_true(t.same * 100 >= t.rows * 80);
	assert_in_range(t.low, 0, 9);
}

static void hash_of(const char *text, uint8_t out[CATALOGUE_HASH])
{
	static struct json_node node[NODES];
	struct json_doc doc;
	assert_int_equal(json_scan(&doc, view_str(text), node, NODES, NULL), 0);
	assert_int_equal(catalogue_hash(&doc, node, out), 0);
}

static void hashes(void **state)
{
	static const char *const same[] = {"{\"name\":\"a\",\"x\":{\"b\":1,\"c\":[1,2]}}", "{ \"x\": {\"c\":[1, 2],\"b\":1},\"name\":\"\\u0061\"}",
	    "{\"na\\u006de\":\"a\",\"_meta\":{\"v\":2},\"x\":{\"b\":1,\"c\":[1,2]}}"};
	static const char *const other[] = {"{\"name\":\"a\",\"x\":{\"b\":1,\"c\":[2,1]}}", "{\"name\":\"a\",\"x\":{\"b\":1,\"c\":\"[1,2]\"}}",
	    "{\"name\":\"a\",\"x\":{\"b\":1,\"_meta\":0,\"c\":[1,2]}}", "{\"name\":\"a\"}", "[\"name\",\"a\"]", "{\"a\":\"name\"}"};
	uint8_t a[CATALOGUE_HASH], b[CATALOGUE_HASH];

	(void)state;
	hash_of(same[0], a);
	for (size_t i = 1; i < sizeof(same) / sizeof(*same); i++) {
		hash_of(same[i], b);
		assert_memory_equal(a, b, sizeof(a));
	}
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
		hash_of(other[i], b);
		assert_memory_not_equal(a, b, sizeof(a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rules),
	    cmocka_unit_test(nothing_lowers),
	    cmocka_unit_test(any_input),
	    cmocka_unit_test(labels),
	    cmocka_unit_test(held_out),
	    cmocka_unit_test(hashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
