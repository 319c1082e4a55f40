/*
 * powercut.c - the audit library on a file system that loses what was not synced, and on one that fails.
 *
 *	powercut cuts SEED RUNS EACH     after every change of RUNS seeded workloads: everything arrived, only the synced, EACH random parts
 *	powercut faults                  every call of each kind fails once, some times, for a while; the same with a second directory, which does not, and a kill meanwhile
 *
 * After each: nothing that was acknowledged is lost or doubled, the numbers are dense, every sealed file is whole gzip, verify is content.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/read.h"
#include "audit/trail.h"
#include "audit/verify.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "tests/power/cutfs.h"
#include "tests/unit/audit_aid.h"
#include "tests/unit/gzip_aid.h"

enum { ACKS = 4096, NOTES = 90 };

static char root[64], mnt[96], out[96], other[96];
static struct cut_shared *sh;
static pid_t server;
static uint64_t rng;
static int second; /* 0: none */
static bool with_second;
static struct {
	uint32_t ops; /* changes that had been made when it was acknowledged */
	uint64_t n;
} ack[ACKS];
static size_t acks;
static uint64_t n_now, ticks, checked;
static char what[200];
static int loud = STDERR_FILENO;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	dprintf(loud, "powercut: %s: ", what);
	vdprintf(loud, fmt, ap);
	dprintf(loud, "\n");
	va_end(ap);
	umount2(mnt, MNT_DETACH);
	if (server > 0)
		kill(server, SIGKILL);
	_exit(1);
}

static uint64_t roll(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 2685821657736338717ull;
}

static struct mono test_mono(void)
{
	return (struct mono){(1000 + ticks) * 1000000000ull};
}
static const struct trail_clock test_clock = {wall_now, test_mono, NULL};

static int open_trail(int dir, struct trail **s)
{
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .segment_bytes = 6000,
	    .clock = &test_clock, .second = second, .room = {.reserve = 1 << 16}}; /* of which this file system has none */
	return trail_open(dir, &conf, NULL, s);
}

/* ---- the file system ---- */

static int mount_up(void)
{
	acks = 0;
	n_now = 0;
	int dir = cut_up(sh, mnt, &server);
	if (dir < 0)
		die("cannot mount over FUSE: is /dev/fuse there?");
	return dir;
}

/* ---- the workload ---- */

static void add(struct trail *s)
{
	char filler[200];
	size_t n = roll() % sizeof(filler);
	struct jsonw *w = trail_line(s, "note", wall_now());

	for (size_t i = 0; i < n; i++)
		filler[i] = "0123456789abcdef"[roll() & 15];
	jsonw_uint(w, "n", ++n_now);
	jsonw_text(w, "text", view_of(filler, n));
	if (trail_end(s))
		die("a line cannot be kept");
}

static void acked(void)
{
	if (acks == ACKS)
		die("too many acknowledgements");
	ack[acks].ops = sh->ops;
	ack[acks++].n = n_now;
}

static void one_step(struct trail *s)
{
	unsigned lines = 1 + roll() % 4;

	for (unsigned i = 0; i < lines; i++)
		add(s);
	if (roll() % 8 == 0) {
		ticks += 61;
		trail_tick(s);
	}
	bool durable = roll() % 3 != 0;
	if (trail_commit(s, durable ? TRAIL_DURABLE : TRAIL_WRITTEN) == 0 && durable)
		acked();
}

static void workload(int dir)
{
	struct trail *s;

	if (open_trail(dir, &s))
		die("cannot start");
	while (n_now < NOTES) {
		one_step(s);
		if (roll() % 16)
			continue;
		/* Killed, and started again: recovery is part of what can be cut. */
		for (int i = 0; trail_commit(s, TRAIL_WRITTEN); i++) {
			if (i > 10)
				die("cannot write");
			ticks++; /* it tries again after a moment */
		}
		trail_abandon(&s);
		if (open_trail(dir, &s) && open_trail(dir, &s)) /* once more: the one sync that fails may be in it */
			die("cannot start again");
	}
	for (int i = 0; trail_commit(s, TRAIL_DURABLE) && i < 10; i++)
		ticks++;
	acked();
	if (trail_close(&s) && (open_trail(dir, &s) || trail_close(&s)))
		die("cannot close");
}

/* ---- what must hold ---- */

static bool whole(int dir, const char *name)
{
	struct buf b = {.max = 1 << 24};

	bool good = fd_slurp(dir, name, 1 << 24, &b) == 0 && gzip_whole(buf_view(&b));
	buf_free(&b);
	return good;
}

static uint64_t notes_of(int dir)
{
	struct read *in;
	struct view line;
	uint64_t last = 0, n = 0;
	int r;

	if (read_new(dir, &in) || read_also(in, second))
		die("cannot list");
	while ((r = read_line(in, &line)) > 0) {
		struct entry_head h;
		char want[32];
		if (entry_head(line, &h) || h.seq != last + 1)
			die("line %llu is followed by line %llu in %s", (unsigned long long)last, (unsigned long long)h.seq, read_file(in));
		last = h.seq;
		if (!view_is(h.kind, "note"))
			continue;
		snprintf(want, sizeof(want), "\"n\":%llu,", (unsigned long long)++n);
		if (!memmem(line.p, line.n, want, strlen(want)))
			die("line %llu does not hold note %llu: %.*s", (unsigned long long)last, (unsigned long long)n, (int)line.n, line.p);
	}
	if (r < 0)
		die("cannot read %s: %s", read_file(in), err_text(r));
	read_free(&in);
	return n;
}

static void all_whole(int dir, int others)
{
	struct names_list l;

	if (names_read(dir, NAMES_SEALED | NAMES_OPEN, &l))
		die("cannot list");
	for (size_t i = 0; i < l.n; i++) {
		char path[NAMES_MAX];
		names_path(&l.at[i], path);
		if (others || !l.at[i].sealed || !whole(dir, path))
			die("%s is not whole gzip, or not where it should be", path);
	}
	names_free(&l);
}

static void good(int dir, uint64_t least)
{
	struct verify_result v;

	uint64_t n = notes_of(dir);
	if (n < least)
		die("%llu notes are there, %llu were acknowledged", (unsigned long long)n, (unsigned long long)least);
	struct verify_opts opts = {.second = second};
	if (verify_dir(dir, &opts, &v))
		die("cannot verify");
	if (v.bad)
		die("%s, line %llu, seal %llu: %s", v.file, (unsigned long long)v.at, (unsigned long long)v.seal, v.why);
	all_whole(dir, 0);
	if (second)
		all_whole(second, 1);
	checked++;
}

static void one_state(uint32_t ops, uint64_t seed)
{
	struct cut_fs *fs = cut_new();
	struct trail *s;
	uint64_t least = 0;

	for (size_t i = 0; i < acks && ack[i].ops <= ops; i++)
		least = ack[i].n;
	cut_state(sh, ops, seed, fs);
	aid_remove(AT_FDCWD, out);
	if (mkdir(out, 0755) < 0 || cut_store(fs, out))
		die("cannot store the state");
	cut_free(&fs);
	int dir = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (open_trail(dir, &s))
		die("cannot start on what is left");
	if (trail_close(&s))
		die("cannot close on what is left");
	good(dir, least);
	close(dir);
}

static int cuts(uint64_t seed, unsigned runs, unsigned each)
{
	uint64_t changes = 0;

	for (unsigned run = 0; run < runs; run++) {
		rng = (seed + run) * 0x9e3779b97f4a7c15ull | 1;
		snprintf(what, sizeof(what), "seed %llu", (unsigned long long)seed + run);
		int dir = mount_up();
		if (run % 2) {
			/* A sync fails once: what it was for is lost, whatever a later one says. */
			sh->seen[OP_FSYNC] = 0;
			sh->fault = (struct cut_fault){.type = OP_FSYNC, .err = -EIO, .from = 20 + (uint32_t)(roll() % 60), .count = 1};
		}
		workload(dir);
		good(dir, n_now);
		cut_down(mnt, &server, dir);
		cut_index(sh);
		for (uint32_t ops = 0; ops <= sh->ops; ops++)
			for (unsigned k = 0; k < 2 + each; k++) {
				snprintf(what, sizeof(what), "seed %llu, cut after %u of %u changes, variant %u", (unsigned long long)seed + run, ops, sh->ops, k);
				one_state(ops, k);
			}
		changes += sh->ops + 1;
		fprintf(stderr, "powercut: seed %llu: %u changes, %zu acknowledgements, %llu states so far\n", (unsigned long long)seed + run, sh->ops, acks,
		    (unsigned long long)checked);
	}
	printf("%u workloads, %llu places, %llu states: no acknowledged record lost, none doubled, every file whole and verified\n", runs,
	    (unsigned long long)changes, (unsigned long long)checked);
	return 0;
}

/* ---- failing calls ---- */

static const struct {
	enum cut_type type;
	int err;
	const char *name;
} kinds[] = {
    {OP_WRITE, -EIO, "EIO on write"},
    {OP_WRITE, -ENOSPC, "ENOSPC on write"},
    {OP_WRITE, -EINTR, "EINTR on write"},
    {OP_WRITE, 0, "a short write"},
    {OP_FSYNC, -EIO, "EIO on fsync"},
    {OP_FSYNCDIR, -EIO, "EIO on fsync of a directory"},
    {OP_RENAME, -EIO, "EIO on rename"},
    {OP_CREATE, -ENOSPC, "ENOSPC on create"},
    {OP_TRUNCATE, -EIO, "EIO on truncate"},
    {OP_CHMOD, -EPERM, "EPERM on chmod"},
    {OP_UNLINK, -EIO, "EIO on unlink"},
};

static struct trail *settle(int dir, struct trail *s)
{
	memset(&sh->fault, 0, sizeof(sh->fault));
	sh->fault.type = -1;
	for (int i = 0; trail_commit(s, TRAIL_DURABLE); i++) {
		if (i > 100)
			die("records are not written again");
		ticks++;
	}
	(void)dir;
	return s;
}

/* Is something in the second directory, or will be? */
static bool abroad(const struct trail *s)
{
	struct names_list l = {0};

	if (second && names_read(second, NAMES_OPEN | NAMES_SEALED, &l))
		die("cannot list");
	bool yes = trail_state(s).away || l.n;
	names_free(&l);
	return yes;
}

/* Steps while something fails; what was acknowledged meanwhile must stay. */
static void run_fault(const struct cut_fault *f, bool kill_it)
{
	struct trail *s;
	int dir = mount_up();

	rng = 0x1234567;
	if (with_second) {
		aid_remove(AT_FDCWD, other);
		if (mkdir(other, 0755) < 0 || (second = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
			die("no second directory");
	}
	if (open_trail(dir, &s))
		die("cannot start");
	for (unsigned i = 0; i < 3; i++)
		one_step(s);
	for (unsigned i = 0; i < OP_TYPES; i++)
		sh->seen[i] = 0;
	sh->faults = 0;
	sh->fault = *f;
	for (unsigned i = 0; i < 25; i++) {
		one_step(s);
		ticks++;
	}
	uint64_t least = acks ? ack[acks - 1].n : 0;
	/* Whatever the first directory refuses, the other takes everything. */
	if (second && f->err != -EINTR && trail_commit(s, TRAIL_DURABLE) && trail_commit(s, TRAIL_DURABLE))
		die("there is a second directory, and records are not written");
	if (second && kill_it && !f->room) { /* with no room at all, the file of the key may be torn, and a start makes a new one */
		least = n_now;
		trail_abandon(&s);
		if (open_trail(dir, &s))
			die("cannot start while the first directory fails");
		one_step(s);
	}
	s = settle(dir, s);
	if (notes_of(dir) < least)
		die("an acknowledged record is gone");
	for (int i = 0; trail_state(s).paused && i < 3; i++) {
		ticks++;
		trail_tick(s);
	}
	if (trail_state(s).paused)
		die("the disk has room, and the pause does not end");
	for (int i = 0; i < 2000 && abroad(s); i++) {
		ticks++;
		trail_tick(s);
	}
	if (abroad(s))
		die("the first directory works, and records do not go back: away %d, abroad %llu, err %d, away_err %d", trail_state(s).away, (unsigned long long)trail_state(s).abroad, trail_state(s).err, trail_state(s).away_err);
	one_step(s);
	if (trail_close(&s))
		die("cannot close");
	good(dir, n_now);
	cut_down(mnt, &server, dir);
	if (second)
		close(second);
	second = 0;
}

/* Alone; then with a second directory, or with one and killed while the first fails, in turns. */
static void each_way(const struct cut_fault *f, int err, int null, uint64_t *runs, uint64_t *hit)
{
	char name[200];

	snprintf(name, sizeof(name), "%s", what);
	for (int way = 0; way < 3; way++) {
		if (way && way % 2 != (int)(*runs / 2 % 2))
			continue;
		snprintf(what, sizeof(what), "%.150s%s", name, way == 0 ? "" : way == 1 ? ", with a second directory" : ", with a second directory, killed");
		with_second = way > 0;
		dup2(null, STDERR_FILENO); /* what is said of it is not the test */
		log_open("powercut", LOG_ERROR);
		run_fault(f, way == 2);
		dup2(err, STDERR_FILENO);
		++*runs;
		*hit += sh->faults > 0;
	}
	with_second = false;
}

static int faults(void)
{
	uint64_t runs = 0, hit = 0;
	int err = loud = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		static const uint32_t counts[] = {1, 3, UINT32_MAX};
		for (size_t c = 0; c < 3; c++) {
			for (uint32_t from = 0;; from += 1 + from / 8) {
				struct cut_fault f = {.type = (int)kinds[k].type, .err = kinds[k].err, .from = from, .count = counts[c]};
				if (kinds[k].err == -EINTR && counts[c] == UINT32_MAX)
					break; /* would go round for ever, as it should */
				snprintf(what, sizeof(what), "%s, call %u, %u times", kinds[k].name, from, counts[c]);
				each_way(&f, err, null, &runs, &hit);
				if (!sh->faults)
					break;
			}
		}
		fprintf(stderr, "powercut: %s: %llu runs so far\n", kinds[k].name, (unsigned long long)runs);
	}
	for (uint64_t room = 500; room < 12000; room += 509) {
		struct cut_fault f = {.type = -1, .room = room};
		snprintf(what, sizeof(what), "a disk of %llu bytes", (unsigned long long)room);
		each_way(&f, err, null, &runs, &hit);
	}
	struct cut_fault f = {.type = -1, .read_only = true};
	snprintf(what, sizeof(what), "read-only for a while");
	each_way(&f, err, null, &runs, &hit);
	printf("%llu runs, %llu with a failing call: no record lost, none doubled, every file whole and verified\n", (unsigned long long)runs,
	    (unsigned long long)hit);
	return 0;
}

int main(int argc, char **argv)
{
	log_open("powercut", LOG_ERROR);
	snprintf(root, sizeof(root), "/dev/shm/powercut-XXXXXX");
	sh = cut_shared_new();
	if (argc < 2 || !sh || !mkdtemp(root))
		return 2;
	snprintf(mnt, sizeof(mnt), "%s/mnt", root);
	snprintf(out, sizeof(out), "%s/out", root);
	snprintf(other, sizeof(other), "%s/other", root);
	if (mkdir(mnt, 0755) < 0)
		return 2;
	int status = strcmp(argv[1], "faults") == 0 ? faults() :
	             argc == 5 && strcmp(argv[1], "cuts") == 0 ? cuts(strtoull(argv[2], NULL, 10), (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4])) : 2;
	aid_remove(AT_FDCWD, root);
	return status;
}
