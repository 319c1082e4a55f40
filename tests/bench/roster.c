/*
 * roster.c - how long until callgate-admin knows what is in force, by the number of grants in the journal.
 * roster [--grants N] [--rounds N]: parts of the start, each the median over the rounds, in ms of CPU time, one JSON line.
 *   handout   the journal's files -> its lines (callgate-audit)   fold      those -> roster
 *   piece     of that, the longest time without a look at records
 *   publish   roster -> the file for the workers                  load      that file -> a worker's world
 *   change    one grant revoked: copy, apply, publish, check, as callgate-admin does before the journal is written
 *   lookup    which grant counts for one user: in us, for each of 2,000 of them
 * The same with what was kept when it was last read whole, and --tail N changes since: kept_*.  start, kept_start: all of it together;
 * *_wall: the same by the clock on the wall, so that waiting for the machine is in it.
 * roster --write DIR --host HOST [--grants N]: the journal alone, for a service of that host (start.sh).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "admin/problems.h"
#include "admin/publish.h"
#include "admin/roster.h"
#include "admin/state.h"
#include "audit/entry.h"
#include "audit/handout.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "lookup.h"
#include "scratch.h"

#define DOCUMENT "{\"version\":\"1\",\"default\":\"allow\"}"

#define HOST "desk"

enum { ROUNDS_MAX = 101 };

static void must(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "roster: %s: %d\n", what, r);
	exit(1);
}

/* As callgate-audit writes an event. */
static void line(struct trail *t, const char *event)
{
	char kind[64];

	must(entry_object(trail_line(t, "journal", wall_now()), view_str(event), kind, sizeof(kind)), "an event");
	must(trail_end(t), "a line");
	if (trail_unsynced(t) > 1 << 20)
		must(trail_commit(t, TRAIL_WRITTEN), "write");
}

/* Ids are random in the service: the order of the journal is none of them. */
static unsigned long id_of(unsigned long i)
{
	return (i * 2654435761u) & 0xffffffffu;
}

static void journal(struct trail *t, unsigned long grants)
{
	char text[1024];
	struct problems p;

	line(t, "{\"event\":\"server.add\",\"name\":\"mcp\",\"server\":{\"name\":\"mcp\",\"match\":[{\"host\":\"mcp.lab.test\",\"port\":443,\"path\":\"/mcp\"}]}}");
	must(problems_find(view_str(DOCUMENT), &p), "policy");
	snprintf(text, sizeof(text), "{\"event\":\"policy.apply\",\"name\":\"p\",\"hash\":\"%s\",\"document\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"allow\\\"}\",\"version\":1}", p.hash);
	line(t, text);
	buf_free(&p.json);
	for (unsigned long i = 0; i < grants; i++) {
		snprintf(text, sizeof(text), "{\"event\":\"grant.add\",\"id\":\"g-%08lx\",\"grant\":{\"uid\":%lu,\"user\":\"user%lu\",\"agent\":\"claude-code\",\"server\":\"mcp\",\"policy\":\"p\","
		    "\"requested_by\":\"user%lu\",\"approved_by\":\"lead\",\"ticket\":\"T-%lu\",\"reason\":\"on call\",\"id\":\"g-%08lx\",\"issued_by\":{\"uid\":0,\"person\":1000,\"user\":\"ops\"},"
		    "\"issued_at\":\"2026-11-03T10:00:00.000000Z\"},\"by\":{\"uid\":0,\"pid\":4711,\"user\":\"root\",\"exe\":\"/usr/local/bin/callgate\",\"pid_start\":77000000000},\"reason\":\"on call\",\"ticket\":\"T-%lu\"}",
		    id_of(i), 10000 + i, i, i, i, id_of(i), i);
		line(t, text);
	}
	must(trail_commit(t, TRAIL_DURABLE), "sync");
}

static struct trail *open_trail(int dir, const char *host)
{
	struct trail_conf conf = {.what = "the journal", .stream = "journal", .host = host, .boot = "0123456789abcdef", .level = 6, .segment_bytes = 16 << 20};
	struct trail *t;

	must(trail_open(dir, &conf, NULL, &t), "journal");
	return t;
}

/* One grant in two is one that is there: its end, and a new one. */
static void tail(struct trail *t, unsigned long n)
{
	char text[256];

	for (unsigned long i = 0; i < n; i++) {
		snprintf(text, sizeof(text), i % 2 ? "{\"event\":\"grant.add\",\"id\":\"n-%lx\",\"grant\":{\"uid\":7,\"server\":\"mcp\",\"policy\":\"p\",\"id\":\"n-%lx\"}}" :
		    "{\"event\":\"grant.revoke\",\"id\":\"g-%08lx\"}", i % 2 ? i : id_of(i), i);
		line(t, text);
	}
	must(trail_commit(t, TRAIL_DURABLE), "sync");
}

/* Of this thread: other work on the machine does not count. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
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
	json_t *e = json_pack("{s:s s:s s:s}", "kind", "journal", "event", "grant.revoke", "id", "g-00000000");
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

static double look_up(const struct roster *r, unsigned long grants)
{
	struct buf out = {.max = 1 << 30};

	must(publish_world(r, 2, "enforce", &out), "publish");
	double us = lookup_us(buf_view(&out), grants);
	must(us < 0, "the grant of each user");
	buf_free(&out);
	return us;
}

enum part { HANDOUT, FOLD, PUBLISH, LOAD, START, WALL, PIECE, PARTS };

struct times {
	double ms[PARTS][ROUNDS_MAX];
};

/* In pieces, as callgate-audit does.  The longest of them. */
static double hand_out(int dir, struct trail *t, bool whole, int fd, struct handout *out)
{
	struct handout_run *run;
	double longest = 0, from = cpu_ms();
	int r = handout_begin(dir, t, whole, fd, &run);

	must(r, "handout");
	do {
		longest = cpu_ms() - from > longest ? cpu_ms() - from : longest;
		from = cpu_ms();
		r = handout_step(run, out);
	} while (r > 0);
	must(r, "handout");
	longest = cpu_ms() - from > longest ? cpu_ms() - from : longest;
	handout_end(&run);
	return longest;
}

/* From the files to a worker's world, as the processes do it. */
static void start(int dir, struct trail *t, bool whole, struct times *to, size_t i, struct roster *r, struct handout *out, size_t *world)
{
	struct buf text = {0};
	struct view all, file;
	char why[STATE_WHY];
	double w = wall_ms(), at[5] = {cpu_ms()};
	int fd = memfd_create("journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	to->ms[PIECE][i] = hand_out(dir, t, whole, fd, out);
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), "seals");
	at[1] = cpu_ms();
	must(fd_map_sealed(fd, 1 << 30, &all), "map");
	must(out->state_bytes ? state_take(view_head(all, out->state_bytes), r, why) : roster_init(r), "roster");
	must(roster_fold(r, view_skip(all, out->state_bytes)), "fold");
	at[2] = cpu_ms();
	must(publish_world(r, 1, "enforce", &text), "publish");
	int made = fd_sealed("world", buf_view(&text));
	must(made < 0, "world");
	at[3] = cpu_ms();
	must(fd_map_sealed(made, 1 << 30, &file), "map");
	must(problems_world(file, why, sizeof(why)), why);
	at[4] = cpu_ms();
	for (size_t p = 0; p < 4; p++)
		to->ms[p][i] = at[p + 1] - at[p];
	to->ms[START][i] = at[4] - at[0];
	to->ms[WALL][i] = wall_ms() - w;
	*world = text.len;
	buf_free(&text);
	fd_unmap(&all);
	fd_unmap(&file);
	close(fd);
	close(made);
}

static void print(const char *before, struct times *t, size_t rounds)
{
	static const char *const name[] = {"handout", "fold", "publish", "load", "start", "start_wall", "piece"};

	for (size_t p = 0; p < PARTS; p++)
		printf(",\"%s%s_ms\":%.1f", before, name[p], median(t->ms[p], rounds));
}

static void keep(int dir, struct trail *t, const struct roster *r, const struct handout *out)
{
	struct buf state = {0};

	must(state_put(r, &state), "state");
	must(kept_save(dir, t, &out->mark, buf_view(&state)), "keep");
	buf_free(&state);
}

static int write_only(const char *path, const char *host, unsigned long grants)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	must(dir < 0, path);
	struct trail *t = open_trail(dir, host);
	journal(t, grants);
	trail_abandon(&t);
	close(dir);
	return 0;
}

int main(int argc, char **argv)
{
	const char *to = NULL, *host = HOST;
	unsigned long grants = 100000, rounds = 5, behind = 0;
	static struct times whole, kept;
	static double change[ROUNDS_MAX];
	double lookup = 0;
	char path[] = "/var/tmp/roster-bench-XXXXXX";
	struct handout out;
	struct roster r;
	size_t world;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--grants") == 0)
			grants = strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--rounds") == 0)
			rounds = strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--tail") == 0)
			behind = strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--write") == 0)
			to = argv[i + 1];
		else if (strcmp(argv[i], "--host") == 0)
			host = argv[i + 1];
	}
	rounds = rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX;
	log_open("roster", LOG_WARNING);
	if (to)
		return write_only(to, host, grants);
	int dir = scratch_dir(path);
	must(dir < 0, "directory");
	struct trail *t = open_trail(dir, HOST);
	journal(t, grants);
	trail_abandon(&t);
	t = open_trail(dir, HOST);
	for (size_t i = 0; i < rounds; i++) {
		start(dir, t, true, &whole, i, &r, &out, &world);
		change[i] = change_ms(&r);
		if (i + 1 == rounds) {
			lookup = look_up(&r, grants);
			keep(dir, t, &r, &out);
		}
		roster_free(&r);
	}
	uint64_t lines = out.lines;
	tail(t, behind);
	trail_abandon(&t);
	t = open_trail(dir, HOST);
	for (size_t i = 0; i < rounds; i++) {
		start(dir, t, false, &kept, i, &r, &out, &world);
		must(!out.state_bytes, "the kept state was not used");
		roster_free(&r);
	}
	trail_abandon(&t);
	close(dir);
	printf("{\"grants\":%lu,\"lines\":%llu,\"world_bytes\":%zu,\"state_bytes\":%llu,\"tail\":%lu", grants, (unsigned long long)lines, world, (unsigned long long)out.state_bytes, behind);
	print("", &whole, rounds);
	print("kept_", &kept, rounds);
	printf(",\"change_ms\":%.1f,\"lookup_us\":%.2f}\n", median(change, rounds), lookup);
	return 0;
}
