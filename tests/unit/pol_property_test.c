/*
 * pol_property_test.c - random policies and random calls, judged by policy/ and by pol_property_model.c: no difference.
 * CALLS (4000) and SEED (1) come from the environment; a difference shows the document, the call and how to repeat it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "policy/pol_limit.h"
#include "tests/unit/pol_property_model.h"

enum { DOC = 1 << 16, NODES = 1 << 12, FRESH = 400 };
static char text[DOC], args[DOC];
static struct json_node nodes[NODES];
static struct pol_limits *limits;
static uint64_t seed = 1, calls = 4000;

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);
	return s && *s ? strtoull(s, NULL, 10) : otherwise;
}

static void differ(uint64_t round, const struct m_call *c, const struct m_said *want, const struct pol_decision *got)
{
	fprintf(stderr, "SEED=%llu round %llu\n%s\n%s(%s) at %lld, grant %s server %s uid %u\nwanted %d \"%s\" #%d by \"%s\" approve \"%s\"\ngot    %d \"%s\" #%d by \"%s\" approve \"%s\" (%s)\n",
	    (unsigned long long)seed, (unsigned long long)round, text, c->tool, c->args ? args : "", (long long)c->at, c->grant, c->server, c->uid,
	    want->allow, want->rule, want->index, want->by, want->approve, got->verdict, got->rule, got->rule_index, got->authorised_by,
	    got->approve ? got->approve : "", got->text);
	fail(); /* cmocka's own messages are too short for this one */
}

static bool equal(const struct m_said *want, const struct pol_decision *got)
{
	return want->allow == (got->verdict == POL_ALLOW) && want->unknown == got->unknown_tool && strcmp(want->rule, got->rule) == 0 &&
	    want->index == got->rule_index && strcmp(want->by, got->authorised_by) == 0 && strcmp(want->approve, got->approve ? got->approve : "") == 0;
}

static bool one_call(const struct pol *p, const struct m_policy *m, uint64_t round, int64_t *clock)
{
	struct m_call c;
	struct m_said want;
	struct pol_decision got;
	struct pol_charge charge = {.n = 0};
	struct json_doc doc = {0};

	m_call(m, &c, round, clock);
	m_judge(m, &c, &want);
	if (c.args) {
		m_print_args(c.args, args, sizeof(args));
		if (json_scan(&doc, view_str(args), nodes, NODES, NULL))
			fail_msg("not JSON: %s", args);
	}
	struct pol_who who = {.grant = c.grant, .server = c.server, .uid = c.uid, .now = {c.at * 1000000000}};
	memset(&got, 0xa5, sizeof(got));
	pol_judge(p, view_str(c.tool), &doc, c.args ? doc.node : NULL, &got);
	if (got.verdict == POL_ALLOW)
		pol_reserve(limits, p, &who, view_str(c.tool), &doc, c.args ? doc.node : NULL, &got, &charge);
	if (!equal(&want, &got))
		differ(round, &c, &want, &got);
	if ((pol_visible(p, view_str(c.tool)) == POL_LISTED) == want.unknown)
		fail_msg("%s of %s should %sbe listed", c.tool, text, want.unknown ? "not " : "");
	enum pol_outcome outcome = (enum pol_outcome)m_random(3);
	if (want.allow && outcome == POL_REFUND)
		m_refund();
	pol_settle(limits, &charge, outcome);
	return want.allow;
}

static void same_as_the_model(void **state)
{
	uint64_t round = 0, done = 0, allowed = 0, differences_possible = 0;
	void *mem = mmap(NULL, pol_limits_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	static struct m_policy m;
	(void)state;

	assert_true(mem != MAP_FAILED);
	assert_int_equal(pol_limits_open(mem, pol_limits_size(), &limits), 0);
	m_seed(seed);
	for (; done < calls; round++) {
		struct pol *p;
		int64_t clock = 1767268800 + (int64_t)m_random(40000000);
		if (round % FRESH == 0) { /* so that the table does not fill up */
			pol_limits_close(&limits);
			assert_int_equal(madvise(mem, pol_limits_size(), MADV_REMOVE), 0);
			assert_int_equal(pol_limits_open(mem, pol_limits_size(), &limits), 0);
		}
		m_policy(&m);
		m_forget();
		m_print_policy(&m, text, sizeof(text));
		if (pol_load(view_str(text), NULL, NULL, &p))
			fail_msg("does not load: %s", text);
		for (int i = 0; i < M_CALLS && done < calls; i++, done++)
			allowed += one_call(p, &m, round, &clock);
		differences_possible += m.slides;
		pol_free(&p);
		if (done % 50000 < M_CALLS)
			fprintf(stderr, "# %llu calls\n", (unsigned long long)done);
	}
	fprintf(stderr, "# seed %llu: %llu calls, %llu policies (%llu with sliding windows), %llu allowed, no difference\n", (unsigned long long)seed,
	    (unsigned long long)done, (unsigned long long)round, (unsigned long long)differences_possible, (unsigned long long)allowed);
	assert_in_range(allowed, done / 10, done - done / 10); /* both verdicts are put to the test */
	pol_limits_close(&limits);
	munmap(mem, pol_limits_size());
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(same_as_the_model)};
	seed = number("SEED", seed);
	calls = number("CALLS", calls);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
