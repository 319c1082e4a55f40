/*
 * pol_fuzz.c - input: a policy document, optionally a NUL and after it the arguments of a call.
 * A document loads whole or says why not; whatever loads judges any call, the same way twice, within its counters.
 */
#include <stdlib.h>

#include "policy/pol_limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 1 << 12 };

#define CHECK(x) ((x) ? (void)0 : abort())

static void on_problem(void *arg, const struct pol_problem *p)
{
	unsigned *errors = arg;
	CHECK(p->line >= 1 && p->column >= 1 && p->text[0]);
	CHECK(memchr(p->pointer, 0, sizeof(p->pointer)) && memchr(p->text, 0, sizeof(p->text)));
	*errors += !p->warning;
}

static struct pol_limits *limits(void)
{
	static struct pol_limits *l;
	if (!l) {
		size_t n = (pol_limits_size() + 4095) / 4096 * 4096;
		void *mem = aligned_alloc(4096, n);
		CHECK(mem);
		memset(mem, 0, n);
		CHECK(pol_limits_open(mem, n, &l) == 0);
	}
	return l;
}

static void check_decision(const struct pol_decision *d)
{
	CHECK(memchr(d->rule, 0, sizeof(d->rule)) && memchr(d->text, 0, sizeof(d->text)));
	CHECK(d->verdict == POL_ALLOW || (d->rule[0] && !d->authorised_by[0]));
	CHECK(d->verdict == POL_DENY || (!d->rule[0] && d->authorised_by[0]));
}

static void judge(const struct pol *p, struct view tool, const struct json_doc *doc, const struct json_node *args)
{
	struct pol_decision a = {0}, b = {0};
	struct pol_charge c = {0};

	pol_judge(p, tool, doc, args, &a);
	pol_judge(p, tool, doc, args, &b);
	check_decision(&a);
	CHECK(a.verdict == b.verdict && strcmp(a.rule, b.rule) == 0);
	CHECK(pol_visible(p, tool) == POL_LISTED || a.verdict == POL_DENY);
	if (a.verdict != POL_ALLOW)
		return;
	pol_reserve(limits(), p, "g", tool, doc, args, (struct wall){(int64_t)1767225600 * 1000000000}, 0, &a, &c);
	check_decision(&a);
	CHECK(a.verdict == POL_ALLOW ? c.n == b.limits : c.n == 0);
	pol_settle(limits(), &c, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_node nodes[NODES];
	static const char *const tools[] = {"t", "pay", "", "*", "list_repositories"};
	const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
	struct view text = view_of(data, cut ? (size_t)(cut - data) : size);
	struct json_doc doc = {0};
	unsigned errors = 0;
	struct pol *p = NULL;

	int r = pol_load(text, on_problem, &errors, &p);
	CHECK(!r == !!p && (r == 0) == (errors == 0));
	if (r)
		return 0;
	struct view args = cut ? view_skip(view_of(data, size), text.n + 1) : VIEW_LIT("{\"x\":1}");
	bool ok = json_scan(&doc, args, nodes, NODES, NULL) == 0 && doc.node[0].type == JSON_OBJECT;
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		judge(p, view_str(tools[i]), &doc, ok ? doc.node : NULL);
	pol_free(&p);
	return 0;
}
