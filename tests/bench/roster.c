/*
 * roster.c - how long until callgate-admin knows what is in force, by the number of grants in the journal.
 * roster [--grants N] [--rounds N]: parts of the start, each the median over the rounds, in ms of CPU time, one JSON line.
 *   inflate   the journal's files -> its text           fold      that text -> roster
 *   publish   roster -> the file for the workers        load      that file -> a worker's world
 *   change    one grant revoked: copy, apply, publish, check, as callgate-admin does before the journal is written
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "admin/problems.h"
#include "admin/publish.h"
#include "admin/roster.h"
#include "base/buf.h"

#define DOCUMENT "{\"version\":\"1\",\"default\":\"allow\"}"

enum { ROUNDS_MAX = 101 };

static void must(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "roster: %s: %d\n", what, r);
	exit(1);
}

static void line(struct buf *out, unsigned long seq, const char *rest)
{
	must(buf_printf(out, "{\"seq\":%lu,\"ts\":\"2026-11-03T10:00:00.%06luZ\",\"host\":\"desk\",\"kind\":\"journal\",%s\n", seq, seq % 1000000, rest), "memory");
}

static void journal(struct buf *out, unsigned long grants)
{
	char text[1024];
	unsigned long seq = 0;
	struct problems p;

	line(out, ++seq, "\"event\":\"server.add\",\"name\":\"mcp\",\"server\":{\"name\":\"mcp\",\"match\":[{\"host\":\"mcp.lab.test\",\"port\":443,\"path\":\"/mcp\"}]}}");
	must(problems_find(view_str(DOCUMENT), &p), "policy");
	snprintf(text, sizeof(text), "\"event\":\"policy.apply\",\"name\":\"p\",\"hash\":\"%s\",\"document\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"allow\\\"}\",\"version\":1}", p.hash);
	line(out, ++seq, text);
	buf_free(&p.json);
	for (unsigned long i = 0; i < grants; i++) {
		snprintf(text, sizeof(text), "\"event\":\"grant.add\",\"id\":\"g-%08lx\",\"grant\":{\"uid\":%lu,\"user\":\"user%lu\",\"agent\":\"claude-code\",\"server\":\"mcp\",\"policy\":\"p\","
		    "\"requested_by\":\"user%lu\",\"approved_by\":\"lead\",\"ticket\":\"T-%lu\",\"reason\":\"on call\",\"id\":\"g-%08lx\",\"issued_by\":{\"uid\":0,\"person\":1000,\"user\":\"ops\"},"
		    "\"issued_at\":\"2026-11-03T10:00:00.000000Z\"},\"by\":{\"uid\":0,\"pid\":4711,\"user\":\"root\",\"exe\":\"/usr/local/bin/callgate\",\"pid_start\":77000000000},\"reason\":\"on call\",\"ticket\":\"T-%lu\"}",
		    i, 10000 + i, i, i, i, i, i);
		line(out, ++seq, text);
	}
}

/* Of this thread: other work on the machine does not count. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* What reading the journal's files costs at least. */
static double inflate_ms(struct view text)
{
	uLongf packed_len = compressBound(text.n), len = text.n;
	Bytef *packed = malloc(packed_len), *out = malloc(text.n);

	must(!packed || !out || compress2(packed, &packed_len, text.p, text.n, 6) != Z_OK, "compress");
	double t0 = cpu_ms();
	must(uncompress(out, &len, packed, packed_len) != Z_OK, "inflate");
	t0 = cpu_ms() - t0;
	free(packed);
	free(out);
	return t0;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_size);
	return v[n / 2];
}

static double change_ms(const struct roster *r)
{
	json_t *e = json_pack("{s:s s:s s:s}", "kind", "journal", "event", "grant.revoke", "id", "g-00000001");
	struct buf out = {.max = 1 << 30};
	struct roster next;
	char why[256];

	double t0 = cpu_ms();
	must(roster_copy(r, &next), "copy");
	must(roster_apply(&next, e), "apply");
	must(publish_world(&next, 2, "enforce", &out), "publish");
	must(problems_world(buf_view(&out), why, sizeof(why)), why);
	t0 = cpu_ms() - t0;
	buf_free(&out);
	roster_free(&next);
	json_decref(e);
	return t0;
}

int main(int argc, char **argv)
{
	unsigned long grants = 100000, rounds = 5;
	static double fold[ROUNDS_MAX], publish[ROUNDS_MAX], load[ROUNDS_MAX], change[ROUNDS_MAX];
	struct buf text = {.max = 1 << 30};
	size_t out_len = 0;
	char why[256];

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--grants") == 0)
			grants = strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--rounds") == 0)
			rounds = strtoul(argv[i + 1], NULL, 10);
	}
	journal(&text, grants);
	for (size_t i = 0; i < rounds && i < ROUNDS_MAX; i++) {
		struct roster r;
		struct buf out = {.max = 1 << 30};
		must(roster_init(&r), "memory");
		double t0 = cpu_ms();
		must(roster_fold(&r, buf_view(&text)), "fold");
		double t1 = cpu_ms();
		must(publish_world(&r, 1, "enforce", &out), "publish");
		double t2 = cpu_ms();
		must(problems_world(buf_view(&out), why, sizeof(why)), why);
		double t3 = cpu_ms();
		fold[i] = t1 - t0;
		publish[i] = t2 - t1;
		load[i] = t3 - t2;
		out_len = out.len;
		change[i] = change_ms(&r);
		buf_free(&out);
		roster_free(&r);
	}
	printf("{\"grants\":%lu,\"journal_bytes\":%zu,\"world_bytes\":%zu,\"inflate_ms\":%.1f,\"fold_ms\":%.1f,\"publish_ms\":%.1f,\"load_ms\":%.1f,\"change_ms\":%.1f}\n", grants, text.len, out_len, inflate_ms(buf_view(&text)),
	    median(fold, rounds), median(publish, rounds), median(load, rounds), median(change, rounds));
	buf_free(&text);
	return 0;
}
