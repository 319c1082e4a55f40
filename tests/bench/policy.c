/*
 * policy.c - what a decision costs, and what loading a policy costs.
 *   policy [--decide N]      N decisions and nothing else: for callgrind
 * A document of 1,000 rules; the tool that is called has ten conditions, all of which are looked at: of every operator, and one pattern.
 * Allocations of our code are counted at its calls of malloc(), calloc() and realloc().  Times are of the CPU, medians of blocks, so that what else runs shows little.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "policy/pol_limit.h"

enum { TOOLS = 100, RULES = 10, MANY = 10000, BLOCK = 200, BLOCKS = 4000, LOADS = 15, NODES = 64 };

static unsigned long allocations;
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	allocations++;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	allocations++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	allocations++;
	return __real_realloc(p, n);
}

static void die(const char *what)
{
	fprintf(stderr, "policy: %s\n", what);
	exit(1);
}

static double now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double at(double *list, size_t n, double part)
{
	qsort(list, n, sizeof(*list), by_value);
	return list[(size_t)((double)(n - 1) * part)];
}

/* Ten conditions, none of which denies a call with the arguments below. */
static const char ten[] =
    "\"require\":[{\"conditions\":[{\"path\":\"args.repo\",\"op\":\"exists\",\"value\":true},{\"path\":\"args.amount\",\"op\":\"lte\",\"value\":1000.50},"
    "{\"path\":\"args.amount\",\"op\":\"gt\",\"value\":0},{\"path\":\"args.currency\",\"op\":\"in\",\"value\":[\"usd\",\"gbp\",\"eur\"]},"
    "{\"path\":\"args.path\",\"op\":\"regex\",\"value\":\"^/srv/work/\"}]}],"
    "\"deny_if\":[{\"conditions\":[{\"path\":\"args.branch\",\"op\":\"eq\",\"value\":\"main\"}]},{\"conditions\":[{\"path\":\"args.note\",\"op\":\"contains\",\"value\":\"secret\"}]},"
    "{\"conditions\":[{\"path\":\"args.labels\",\"op\":\"contains\",\"value\":\"prod\"}]},{\"conditions\":[{\"path\":\"args.options.force\",\"op\":\"eq\",\"value\":true}]},"
    "{\"conditions\":[{\"path\":\"args.currency\",\"op\":\"not_in\",\"value\":[\"usd\",\"eur\"]}]}]";
static const char args[] = "{\"repo\":\"acme/site\",\"branch\":\"topic/one\",\"path\":\"/srv/work/notes.md\",\"amount\":250.75,\"currency\":\"eur\",\"note\":\"a short note for people\","
			   "\"labels\":[\"bug\",\"docs\"],\"options\":{\"force\":false,\"depth\":3}}";

static void document(struct buf *b, unsigned tools, unsigned rules, const char *hit)
{
	int r = buf_puts(b, "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{");
	for (unsigned i = 0; i < tools; i++) {
		r = r ? r : buf_printf(b, "%s\"tool_%05u\":{\"deny_if\":[", i ? "," : "", i);
		for (unsigned k = 0; k < rules; k++)
			r = r ? r : buf_printf(b, "%s{\"conditions\":[{\"path\":\"args.field_%u\",\"op\":\"%s\",\"value\":\"%s%u\"}]}", k ? "," : "", k, k % 4 ? "eq" : "regex",
			    k % 4 ? "value " : "^/etc/", k);
		r = r ? r : buf_puts(b, "]}");
	}
	r = r ? r : hit ? buf_printf(b, ",\"hit\":{%s}", hit) : 0;
	r = r ? r : buf_puts(b, "}}");
	if (r)
		die("no memory");
}

static struct pol *load(unsigned tools, unsigned rules, const char *hit)
{
	struct buf doc = {0};
	struct pol *p;
	document(&doc, tools, rules, hit);
	if (pol_load(buf_view(&doc), NULL, NULL, &p))
		die("the document does not load");
	buf_free(&doc);
	return p;
}

static struct json_node nodes[NODES];
static struct json_doc doc;
static struct pol_decision decision;

static void decide(const struct pol *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		pol_judge(p, VIEW_LIT("hit"), &doc, doc.node, &decision);
		if (decision.verdict != POL_ALLOW)
			die("the call was denied");
	}
}

static void reserve(const struct pol *p, struct pol_limits *l, unsigned n)
{
	static struct pol_charge charge;
	struct pol_who who = {.grant = "g", .server = "s", .uid = 1000, .now = {1767268800000000000ll}};
	for (unsigned i = 0; i < n; i++) {
		pol_judge(p, VIEW_LIT("hit"), &doc, doc.node, &decision);
		pol_reserve(l, p, &who, VIEW_LIT("hit"), &doc, doc.node, &decision, &charge);
		if (decision.verdict != POL_ALLOW)
			die("the limit refused");
		pol_settle(l, &charge, POL_COMMIT);
	}
}

static void decisions(const char *name, const struct pol *p, struct pol_limits *l)
{
	static double ns[BLOCKS];
	unsigned long before = allocations;
	for (unsigned i = 0; i < BLOCKS; i++) {
		double t = now(CLOCK_THREAD_CPUTIME_ID);
		if (l)
			reserve(p, l, BLOCK);
		else
			decide(p, BLOCK);
		ns[i] = (now(CLOCK_THREAD_CPUTIME_ID) - t) / BLOCK;
	}
	printf("%-44s median %7.0f ns   p90 %7.0f ns   allocations %lu\n", name, at(ns, BLOCKS, 0.5), at(ns, BLOCKS, 0.9), allocations - before);
}

static void loads(const char *name, unsigned tools, unsigned rules)
{
	struct buf text = {0};
	double ms[LOADS], gone[LOADS];
	document(&text, tools, rules, NULL);
	for (int i = 0; i < LOADS; i++) {
		struct pol *p;
		double t = now(CLOCK_THREAD_CPUTIME_ID);
		if (pol_load(buf_view(&text), NULL, NULL, &p))
			die("the document does not load");
		ms[i] = (now(CLOCK_THREAD_CPUTIME_ID) - t) / 1e6;
		t = now(CLOCK_THREAD_CPUTIME_ID);
		pol_free(&p);
		gone[i] = (now(CLOCK_THREAD_CPUTIME_ID) - t) / 1e6;
	}
	printf("%-44s median %7.1f ms   worst %7.1f ms   freed in %.1f ms   %.1f MB of text\n", name, at(ms, LOADS, 0.5), at(ms, LOADS, 1), at(gone, LOADS, 0.5), (double)text.len / 1e6);
	buf_free(&text);
}

int main(int argc, char **argv)
{
	static const char with_limits[] = ",\"limits\":[{\"counter\":\"spent\",\"window\":\"day\",\"max\":9000000000000,\"increment_from\":\"args.amount\"}]";
	char hit[2048];
	if (json_scan(&doc, view_str(args), nodes, NODES, NULL))
		die("the arguments do not scan");
	struct pol *p = load(TOOLS - 1, RULES, ten);
	if (argc == 3 && strcmp(argv[1], "--decide") == 0) {
		decide(p, (unsigned)strtoul(argv[2], NULL, 10));
		pol_free(&p);
		return 0;
	}
	decisions("1,000 rules, 10 conditions", p, NULL);
	pol_free(&p);
	snprintf(hit, sizeof(hit), "%s%s", ten, with_limits);
	p = load(TOOLS - 1, RULES, hit);
	struct pol_limits *l;
	if (pol_limits_again(&l))
		die("no memory");
	decisions("the same and a limit, reserved and settled", p, l);
	pol_limits_close(&l);
	pol_free(&p);
	loads("load: 10,000 tools, a rule each", MANY, 1);
	loads("load: 10,000 tools without rules", MANY, 0);
	loads("load: 1,000 rules", TOOLS, RULES);
	return 0;
}
