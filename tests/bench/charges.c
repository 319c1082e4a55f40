/*
 * charges.c - how long limits stay closed after a power cut: N records (1,000,000), half of them charged calls, read back and added up.
 *   charges [N]
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "audit/charges.h"
#include "audit/read.h"
#include "audit/trail.h"
#include "scratch.h"

static char dir[] = "/tmp/charges-XXXXXX";

static void die(const char *what)
{
	fprintf(stderr, "charges: %s\n", what);
	exit(1);
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void write_records(int fd, unsigned long n)
{
	struct trail_conf conf = {.what = "records", .host = "h", .boot = "b", .level = 6, .segment_bytes = 16 << 20, .segment_seconds = 3600};
	struct trail_owner owner = {0};
	struct trail *t;
	char day[WALL_TEXT];

	if (trail_open(fd, &conf, &owner, &t))
		die("the records cannot be written");
	wall_text(wall_now(), day);
	for (unsigned long i = 0; i < n; i++) {
		char charge[2][96];
		struct jsonw *w = trail_line(t, i & 1 ? "result" : "call", wall_now());
		jsonw_uint(w, "uid", 1000 + i % 7);
		jsonw_str(w, "server", "payments");
		jsonw_str(w, "exe", "/usr/lib/node_modules/agent/bin/agent-with-a-name");
		jsonw_str(w, "tool", i % 3 ? "create_refund" : "search");
		jsonw_hex(w, "tool_hash", view_of(day, 32));
		jsonw_str(w, "grant", i % 11 ? "refunds-team" : "support");
		if (!(i & 1)) {
			snprintf(charge[0], sizeof(charge[0]), "spent=%lu.%02lu@%.10s", i % 500, i % 100, day);
			snprintf(charge[1], sizeof(charge[1]), "all_tools/calls=1@%.13s", day);
			jsonw_open(w, "charges", '[');
			jsonw_str(w, NULL, charge[0]);
			jsonw_str(w, NULL, charge[1]);
			jsonw_close(w, ']');
		}
		if (trail_end(t) || (i % 500 == 0 && trail_commit(t, TRAIL_WRITTEN)))
			die("the records cannot be written");
	}
	if (trail_close(&t))
		die("the records cannot be written");
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000, lines = 0;
	struct charges *sum;
	struct buf rows = {0};
	struct read *in;
	struct view line;
	size_t counters;

	int fd = scratch_dir(dir);
	if (fd < 0)
		die("no directory");
	write_records(fd, n);
	double begun = cpu();
	if (charges_new(wall_now(), &sum) || read_new(fd, &in))
		die("the records cannot be read");
	read_since(in, charges_since(wall_now()));
	while (read_line(in, &line) == 1) {
		if (charges_line(sum, line))
			die("a line cannot be read");
		lines++;
	}
	if (charges_rows(sum, &rows, &counters))
		die("the sums");
	double took = cpu() - begun;
	printf("%lu lines, %llu charged calls, %zu counters: %.2f s of CPU, %.2f us a line\n", lines, (unsigned long long)charges_calls(sum), counters, took, took * 1e6 / (double)lines);
	read_free(&in);
	charges_free(&sum);
	buf_free(&rows);
	return 0;
}
