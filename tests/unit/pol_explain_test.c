/*
 * pol_explain_test.c - an explanation agrees with the judgement, and a guess by names is never wrong: over every vector of the
 * specification and of the packs.  Runs in the repository's root.
 */
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/fd.h"
#include "policy/pol_explain.h"

enum { NODES = 1 << 17 };

struct heard {
	unsigned steps, denies, after;
	char rule[POL_RULE_MAX];
};

static void hear(void *arg, const struct pol_step *s)
{
	struct heard *h = arg;
	h->steps++;
	if (s->says == POL_SAYS_DENIES) {
		h->denies++;
		snprintf(h->rule, sizeof(h->rule), "%s", s->rule);
	}
	h->after += s->says == POL_SAYS_AFTER;
	assert_true(h->denies || s->says != POL_SAYS_AFTER);
	for (const char *c = s->text; *c; c++)
		assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static unsigned denied, allowed, open_guesses, sure;

static void one_call(const struct pol *p, const struct json_doc *doc, const struct json_node *call)
{
	char tool[1024], text[64][128];
	struct view keys[64];
	size_t n = 0;
	struct heard h = {0};
	struct pol_decision a, b;
	const struct json_node *args = json_get(doc, call, VIEW_LIT("arguments")), *t = json_get(doc, call, VIEW_LIT("tool"));
	int len = json_str(doc, t, tool, sizeof(tool));

	assert_true(len >= 0);
	struct view name = view_of(tool, (size_t)len);
	pol_judge(p, name, doc, args, &a);
	pol_explain(p, name, doc, args, hear, &h, &b);
	assert_int_equal(a.verdict, b.verdict);
	assert_string_equal(a.rule, b.rule);
	assert_int_equal(h.denies, a.verdict == POL_ALLOW ? 0 : 1);
	if (a.verdict != POL_ALLOW)
		assert_string_equal(h.rule, a.rule);
	*(a.verdict == POL_ALLOW ? &allowed : &denied) += 1;
	if (!p)
		return;
	for (const struct json_node *k = args ? json_first(doc, args) : NULL; k && n < 64; k = json_next(doc, args, k)) {
		int m = json_key(doc, k, text[n], sizeof(text[n]));
		assert_true(m >= 0);
		keys[n] = view_of(text[n], (size_t)m);
		n++;
	}
	const char *rule;
	uint32_t limits;
	enum pol_says g = pol_guess(p, name, keys, n, &rule, &limits);
	if (g == POL_SAYS_DEPENDS) {
		open_guesses++;
		assert_true(rule[0] == '/');
		return;
	}
	sure++;
	assert_int_equal(g == POL_SAYS_PASSES, a.verdict == POL_ALLOW);
}

static void one_file(const char *path)
{
	struct json_node *node = calloc(NODES, sizeof(*node));
	struct json_doc doc;
	struct buf b = {0};

	assert_int_equal(fd_slurp(AT_FDCWD, path, 8 << 20, &b), 0);
	assert_int_equal(json_scan(&doc, buf_view(&b), node, NODES, NULL), 0);
	const struct json_node *vectors = json_get(&doc, node, VIEW_LIT("vectors")), *policies = json_get(&doc, node, VIEW_LIT("policies"));
	for (const struct json_node *v = json_first(&doc, vectors); v; v = json_next(&doc, vectors, v)) {
		const struct json_node *n = json_get(&doc, v, VIEW_LIT("policy")), *calls = json_get(&doc, v, VIEW_LIT("calls"));
		char name[128];
		struct pol *p = NULL;
		if (n->type == JSON_STRING) {
			int len = json_str(&doc, n, name, sizeof(name));
			n = json_get(&doc, policies, view_of(name, (size_t)len));
		}
		if (n->type != JSON_NULL)
			assert_int_equal(pol_load(json_raw(&doc, n), NULL, NULL, &p), 0);
		for (const struct json_node *c = json_first(&doc, calls); c; c = json_next(&doc, calls, c))
			one_call(p, &doc, c);
		pol_free(&p);
	}
	buf_free(&b);
	free(node);
}

static void vectors(void **state)
{
	glob_t g;
	(void)state;

	one_file("tests/data/vectors/policy.json");
	assert_int_equal(glob("policy/packs/*/vectors.json", 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		one_file(g.gl_pathv[i]);
	globfree(&g);
	print_message("# %u allowed, %u denied; by names alone %u sure, %u open\n", allowed, denied, sure, open_guesses);
	assert_true(allowed > 100 && denied > 100 && sure > 100 && open_guesses > 20);
}

/* Nothing a document or a call may hold breaks out of the text, and long things are cut. */
static void long_values(void **state)
{
	static const char head[] = "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"t\":{\"deny_if\":[{\"conditions\":["
	                           "{\"path\":\"args.x\",\"op\":\"in\",\"value\":[";
	size_t cap = 1 << 18, at = (size_t)snprintf(NULL, 0, "%s", head);
	char *doc = malloc(cap), args[4096];
	struct json_node *node = calloc(NODES, sizeof(*node));
	struct json_doc d;
	struct heard h = {0};
	struct pol *p;
	struct pol_decision out;
	(void)state;

	memcpy(doc, head, at);
	for (int i = 0; i < 500; i++)
		at += (size_t)snprintf(doc + at, cap - at, "%s\"%0200d\\u0007\\n\",[1],{\"a\":1},%d.5e3,null,true", i ? "," : "", i, i);
	snprintf(doc + at, cap - at, "]}]}]}}}");
	assert_int_equal(pol_load(view_str(doc), NULL, NULL, &p), 0);
	snprintf(args, sizeof(args), "{\"x\":\"%0300d\\u001b[31m\"}", 7);
	assert_int_equal(json_scan(&d, view_str(args), node, NODES, NULL), 0);
	pol_explain(p, VIEW_LIT("t"), &d, node, hear, &h, &out);
	assert_int_equal(out.verdict, POL_ALLOW);
	assert_int_equal(h.steps, 3);
	pol_explain(NULL, VIEW_LIT("t"), &d, node, hear, &h, &out);
	assert_string_equal(out.rule, "(no policy)");
	pol_free(&p);
	free(node);
	free(doc);
}

static void hear_all(void *arg, const struct pol_step *s)
{
	char *out = arg;
	size_t at = strlen(out);
	snprintf(out + at, 4096 - at, "%s %d %s\n", s->rule, s->says, s->text);
}

/* What x-callgate adds is shown, and is never sure from names alone. */
static void additions(void **state)
{
	static const char doc[] = "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"t\":{},\"u\":{}},\"x-callgate\":{\"version\":1,\"tools\":{\"t\":{"
	                          "\"approve\":{\"conditions\":[{\"path\":\"args.n\",\"op\":\"gt\",\"value\":5}]},\"idempotency\":{\"seconds\":60}}}}}";
	struct json_node node[8];
	struct json_doc d;
	char said[4096] = "";
	struct pol_decision out;
	struct pol *p = NULL;
	const char *rule;
	uint32_t limits;
	(void)state;

	assert_int_equal(pol_load(view_str(doc), NULL, NULL, &p), 0);
	assert_int_equal(json_scan(&d, VIEW_LIT("{\"n\":7}"), node, 8, NULL), 0);
	pol_explain(p, VIEW_LIT("t"), &d, node, hear_all, said, &out);
	assert_non_null(strstr(said, "somebody has to approve this call: args.n gt 5: it is 7, holds"));
	assert_non_null(strstr(said, "refused for 60 seconds"));
	struct view n = VIEW_LIT("n"), m = VIEW_LIT("m");
	assert_int_equal(pol_guess(p, VIEW_LIT("t"), &n, 1, &rule, &limits), POL_SAYS_DEPENDS);
	assert_int_equal(pol_guess(p, VIEW_LIT("t"), &m, 1, &rule, &limits), POL_SAYS_PASSES);
	assert_int_equal(pol_guess(p, VIEW_LIT("u"), &n, 1, &rule, &limits), POL_SAYS_PASSES);
	pol_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(long_values),
	    cmocka_unit_test(additions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
