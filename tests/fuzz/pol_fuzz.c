/*
 * pol_fuzz.c - DOCUMENT NUL TOOL NUL ARGUMENTS: load, judge, reserve, settle.
 * Holds: reporting changes nothing; a denial has a rule and an allow has none; what is hidden is denied; a call that was
 * given back can be made again.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/pol_limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())
enum { NODES = 4096 };

static struct view part(struct view *in)
{
	const uint8_t *nul = in->n ? memchr(in->p, 0, in->n) : NULL;
	struct view v = nul ? view_head(*in, (size_t)(nul - in->p)) : *in;
	*in = view_skip(*in, v.n + 1);
	return v;
}

static void count(void *arg, const struct pol_problem *p)
{
	unsigned *errors = arg;
	CHECK(memchr(p->pointer, 0, sizeof(p->pointer)) && memchr(p->text, 0, sizeof(p->text)) && p->text[0] && p->line && p->column);
	*errors += !p->warning;
}

static void check_decision(const struct pol *p, struct view tool, const struct pol_decision *d)
{
	CHECK(memchr(d->rule, 0, sizeof(d->rule)) && memchr(d->text, 0, sizeof(d->text)));
	CHECK((d->verdict == POL_DENY) == (d->rule[0] != '\0'));
	CHECK((d->verdict == POL_ALLOW) == (d->authorised_by[0] != '\0'));
	CHECK(!p || (pol_visible(p, tool) == POL_HIDDEN) == d->unknown_tool);
	CHECK(d->verdict == POL_DENY || pol_visible(p, tool) == POL_LISTED);
}

static void reserve_twice(const struct pol *p, struct view tool, const struct json_doc *doc, const struct json_node *args,
    const struct pol_decision *allowed)
{
	static void *mem;
	struct pol_limits *l;
	if (!mem) {
		mem = aligned_alloc(4096, (pol_limits_size() + 4095) / 4096 * 4096);
		CHECK(mem);
		memset(mem, 0, pol_limits_size());
	}
	CHECK(pol_limits_open(mem, pol_limits_size(), &l) == 0);
	struct pol_decision d[2] = {*allowed, *allowed};
	for (int i = 0; i < 2; i++) {
		struct pol_charge c;
		pol_reserve(l, p, &(struct pol_who){.grant = "g", .server = "s", .now = {1767268800000000000}}, tool, doc, args, &d[i], &c);
		CHECK((d[i].verdict == POL_ALLOW) == (d[i].rule[0] == '\0'));
		CHECK(memchr(c.text, 0, sizeof(c.text)) && c.n <= (d[i].verdict == POL_ALLOW ? allowed->limits : 0));
		pol_settle(l, &c, POL_REFUND);
	}
	CHECK(d[0].verdict == d[1].verdict && strcmp(d[0].rule, d[1].rule) == 0);
	pol_limits_close(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_node nodes[NODES];
	struct view in = view_of(data, size), text = part(&in), tool = part(&in), args = in;
	struct json_doc doc = {0};
	struct pol_decision d;
	struct pol *p, *q;
	unsigned errors = 0;

	int e = pol_load(text, count, &errors, &p);
	CHECK((e < 0) == (errors > 0) && (e < 0) == !p);
	if (size % 4 == 0) {
		CHECK(pol_load(text, NULL, NULL, &q) == e && !p == !q);
		pol_free(&q);
	}
	bool parsed = json_scan(&doc, args, nodes, NODES, NULL) == 0;
	memset(&d, 0xa5, sizeof(d));
	pol_judge(p, tool, &doc, parsed ? doc.node : NULL, &d);
	check_decision(p, tool, &d);
	if (p && d.verdict == POL_ALLOW && d.limits)
		reserve_twice(p, tool, &doc, parsed ? doc.node : NULL, &d);
	memset(&d, 0xa5, sizeof(d));
	pol_method(p, tool, &d);
	CHECK((d.verdict == POL_DENY) == (d.rule[0] != '\0') && (d.verdict == POL_ALLOW) == (d.authorised_by[0] != '\0'));
	pol_free(&p);
	return 0;
}
