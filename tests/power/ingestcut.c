/*
 * ingestcut.c - a collector's ingest on a file system that loses what was not synced.
 *
 *	ingestcut DIR SEED RUNS EACH     DIR: what tests/fleet made, with a host ws-001
 *
 * In each of RUNS, the host's files come in three parts, in any order, and are ingested.  Then the power goes at EACH random moments, with what
 * was synced and any part of the rest on the disk.  Every time: no receipt without its segment and its leaf; and after the next ingest, which gets what
 * the workstation still holds, every segment is in the store, in the log and has a receipt, once.
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

#include "audit/receipt.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "fleet/collector.h"
#include "fleet/put.h"
#include "fleet/record.h"
#include "fleet/take.h"
#include "fleet/tlog.h"
#include "tests/power/cutfs.h"
#include "tests/unit/audit_aid.h"

#define HOST "ws-001"
enum { FILES = 512 };

static char root[64], mnt[96], out[96], what[200], path_of_old[96];
static int from; /* DIR/inbox/ws-001 */
static struct cut_shared *sh;
static pid_t server;
static uint64_t rng, cuts;
static struct {
	char path[300]; /* audit/sealed/NAME, audit/checkpoints/NAME */
	bool segment;
	unsigned part;
	uint32_t gone; /* change after which it may be gone from the inbox */
} file[FILES];
static size_t files, segments;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "ingestcut: %s: ", what);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	umount2(mnt, MNT_DETACH);
	if (server > 0)
		kill(server, SIGKILL);
	if (*root)
		aid_remove(AT_FDCWD, root);
	_exit(1);
}

static uint64_t roll(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 2685821657736338717ull;
}

static int open_dir(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static void copy(int a, const char *x, int b, const char *y)
{
	struct buf v = {0};

	if (fd_slurp(a, x, 1 << 26, &v) || put_dirs(b, y, 0755) || put_file(b, y, buf_view(&v), 0644))
		die("cannot copy %s to %s", x, y);
	buf_free(&v);
}

/* ---- the file system ---- */

static int mount_up(void)
{
	int dir = cut_up(sh, mnt, &server);
	if (dir < 0)
		die("cannot mount over FUSE: is /dev/fuse there?");
	return dir;
}

/* ---- ingest ---- */

static int record(void *arg, const char *host, const struct state_piece *p, size_t n)
{
	struct record *r = arg;
	int e = 0;

	for (size_t i = 0; !e && i < n; i++)
		e = record_add(r, host, &p[i]);
	return e ? e : record_commit(r);
}

/* Said just before a file goes from the inbox. */
static void tell(void *arg, const char *host, const char *part, const char *name, const char *said, const char *words)
{
	char path[300];

	(void)arg;
	(void)host;
	if (strcmp(said, "waiting") == 0)
		return;
	if (strcmp(said, "taken") != 0 && strcmp(said, "note") != 0 && strcmp(said, "duplicate") != 0)
		die("%s/%s: %s: %s", part, name, said, words);
	for (size_t i = 0; i < files; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", part, strcmp(said, "note") == 0 ? "checkpoints" : "sealed", name);
		if (strcmp(file[i].path, path) == 0 && file[i].gone == UINT32_MAX)
			file[i].gone = sh->ops;
	}
}

static struct take_result ingest(int store, int inbox)
{
	struct record *rec;
	struct take_result res;
	int r = record_open(store, &rec);

	if (r)
		die("the log cannot be opened: %s", err_text(r));
	const struct take_conf conf = {.store = store, .inbox = inbox, .gap_wait_s = 3600, .record = record, .tell = tell, .arg = rec};
	r = take_host(&conf, HOST, &res);
	if (r)
		die("ingest: %s", err_text(r));
	record_free(&rec);
	return res;
}

/* The disk of a collector that is set up and synced. */
static int set_up(int dir, const char *gen)
{
	struct collector c = {.org = "power"};
	char path[300];

	if (mkdirat(dir, "store", 0755) < 0)
		die("mkdir: %s", strerror(errno));
	int store = open_dir(dir, "store"), r = collector_init(store, &c);
	if (r)
		die("init: %s", err_text(r));
	snprintf(path, sizeof(path), "%s/store/hosts/" HOST "/enrol.json", gen);
	copy(AT_FDCWD, path, store, "hosts/" HOST "/enrol.json");
	return store;
}

/* ---- what must hold ---- */

/* The leaves are of different segments, and each one's text is what its receipt says. */
static uint64_t check_log(int store, bool whole)
{
	uint8_t seed[SIGN_SEED];
	char name[NOTE_NAME], path[LAYOUT_PATH];
	static char seen[FILES][LAYOUT_PATH];
	struct tlog *t;
	int log = open_dir(store, "log"), r = collector_name(store, name);

	if (!r)
		r = collector_seed(store, seed);
	if (!r)
		r = tlog_open(log, name, seed, &t);
	if (r)
		die("the log is not whole: %s", err_text(r));
	uint64_t n = tlog_size(t);
	for (uint64_t i = 0; i < n; i++) {
		struct buf leaf = {0}, have = {0};
		struct receipt rec;
		if (tlog_leaf(log, n, i, &leaf) || buf_puts(&leaf, "\n") || receipt_read(buf_view(&leaf), &rec))
			die("leaf %llu cannot be read", (unsigned long long)i);
		layout_receipt_path((enum layout_trail)layout_trail_find(rec.trail), HOST, rec.segment, path);
		for (uint64_t k = 0; k < i; k++)
			if (strcmp(seen[k], path) == 0)
				die("%s is in the log twice", rec.segment);
		snprintf(seen[i], sizeof(seen[i]), "%s", path);
		r = fd_slurp(store, path, RECEIPT_MAX, &have);
		if (whole && r)
			die("%s is in the log and has no receipt", rec.segment);
		if (!r && !view_starts(buf_view(&have), view_head(buf_view(&leaf), leaf.len)))
			die("the receipt of %s is not that of the log", rec.segment);
		buf_free(&leaf);
		buf_free(&have);
	}
	tlog_free(&t);
	close(log);
	return n;
}

static void sum_of(int at, const char *path, uint8_t sum[CHAIN_LEN])
{
	struct buf b = {0};
	struct chain_sum *s = chain_sum_new();

	if (fd_slurp(at, path, 1 << 26, &b))
		die("%s is not there", path);
	if (chain_sum_add(s, buf_view(&b)) || chain_sum_end(s, sum))
		die("sum");
	chain_sum_free(&s);
	buf_free(&b);
}

/* Every receipt has its segment in the store.  How many? */
static size_t check_receipts(int store)
{
	struct buf vkey = {0};
	size_t n = 0;

	if (fd_slurp(store, "collector.vkey", 1024, &vkey))
		die("no key");
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++) {
		struct layout_files f;
		if (layout_segments(store, t, HOST, NULL, NULL, &f))
			die("the store cannot be listed");
		for (size_t i = 0; i < files; i++) {
			char path[LAYOUT_PATH];
			const char *name = strrchr(file[i].path, '/') + 1;
			struct buf text = {0};
			struct receipt rec;
			uint8_t sum[CHAIN_LEN];
			layout_receipt_path(t, HOST, name, path);
			if (!file[i].segment || strncmp(file[i].path, layout_trail(t), strlen(layout_trail(t))) != 0 || fd_slurp(store, path, RECEIPT_MAX, &text))
				continue;
			if (receipt_verify(buf_view(&text), view_head(buf_view(&vkey), vkey.len - 1), &rec))
				die("%s is no receipt", path);
			size_t k = 0;
			while (k < f.n && f.at[k].names.first != rec.names.first)
				k++;
			if (k == f.n)
				die("there is a receipt of %s, and no segment", name);
			layout_segment_path(t, HOST, f.at[k].date, name, path);
			sum_of(store, path, sum);
			if (memcmp(sum, rec.sha256, CHAIN_LEN) != 0)
				die("%s is not what its receipt says", name);
			buf_free(&text);
			n++;
		}
		layout_files_free(&f);
	}
	buf_free(&vkey);
	return n;
}

static void check_whole(int store)
{
	size_t n = 0;

	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++) {
		struct layout_files f;
		if (layout_segments(store, t, HOST, NULL, NULL, &f))
			die("the store cannot be listed");
		for (size_t i = 1; i < f.n; i++)
			if (f.at[i].names.first != f.at[i - 1].names.last + 1)
				die("%s: line %llu does not follow", layout_trail(t), (unsigned long long)f.at[i].names.first);
		n += f.n;
		layout_files_free(&f);
	}
	if (n != segments)
		die("%zu segments in the store, of %zu", n, segments);
	if (check_receipts(store) != segments || check_log(store, true) != segments)
		die("not every segment has one leaf and one receipt");
}

/* ---- a cut ---- */

static void one_cut(uint32_t ops, uint64_t seed)
{
	struct cut_fs *fs = cut_new();
	char name[300];

	snprintf(what, sizeof(what), "cut after change %u of %u, part %llu", ops, sh->ops, (unsigned long long)seed);
	aid_remove(AT_FDCWD, out);
	if (mkdir(out, 0755) < 0)
		die("%s: %s", out, strerror(errno));
	cut_state(sh, ops, seed, fs);
	int r = cut_store(fs, out);
	cut_free(&fs);
	if (r)
		die("state: %s", err_text(r));
	int dir = open_dir(AT_FDCWD, out), store = open_dir(dir, "store");
	/* Before anything is repaired. */
	size_t promised = check_receipts(store);
	check_log(store, false);
	if (mkdirat(dir, "inbox", 0755) < 0)
		die("mkdir");
	int inbox = open_dir(dir, "inbox");
	for (size_t i = 0; i < files; i++) {
		if (file[i].gone <= ops)
			continue;
		snprintf(name, sizeof(name), HOST "/%.280s", file[i].path);
		copy(from, file[i].path, inbox, name);
	}
	uint32_t kept[FILES];
	for (size_t i = 0; i < files; i++)
		kept[i] = file[i].gone;
	ingest(store, inbox);
	for (size_t i = 0; i < files; i++)
		file[i].gone = kept[i];
	check_whole(store);
	if (check_receipts(store) < promised)
		die("a receipt is gone");
	close(inbox);
	close(store);
	close(dir);
	cuts++;
}

static void one_run(const char *gen, unsigned each)
{
	int dir = mount_up(), store = set_up(dir, gen);
	uint32_t begin = sh->ops;
	char name[300], path[128];

	snprintf(path, sizeof(path), "%s/inbox", root);
	aid_remove(AT_FDCWD, path);
	mkdir(path, 0755);
	int inbox = open_dir(AT_FDCWD, path);
	for (size_t i = 0; i < files; i++) {
		file[i].part = roll() % 3;
		file[i].gone = UINT32_MAX;
	}
	for (unsigned part = 0; part < 3; part++) {
		for (size_t i = 0; i < files; i++) {
			snprintf(name, sizeof(name), HOST "/%.280s", file[i].path);
			if (file[i].part == part)
				copy(from, file[i].path, inbox, name);
		}
		ingest(store, inbox);
	}
	check_whole(store);
	close(inbox);
	close(store);
	cut_down(mnt, &server, dir);
	if (sh->ops >= CUT_LOG)
		die("too many changes for the log");
	cut_index(sh);
	for (unsigned i = 0; i < each; i++)
		one_cut(begin + (uint32_t)(roll() % (sh->ops - begin + 1)), i % 4 < 2 ? i % 4 : 2 + roll() % 1000000);
}

static void list(const char *sub, bool segment)
{
	int fd = openat(from, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.' || files == FILES)
			continue;
		snprintf(file[files].path, sizeof(file[0].path), "%s/%.200s", sub, e->d_name);
		file[files++].segment = segment;
		segments += segment;
	}
	if (d)
		closedir(d);
}

/* In memory: the checking ingest is to be quick; what a disk forgets is computed.  What a killed run left goes. */
static void make_root(void)
{
	DIR *d = opendir("/dev/shm");
	int pid;

	for (struct dirent *e; d && (e = readdir(d));)
		if (sscanf(e->d_name, "ingestcut.%d", &pid) == 1 && kill(pid, 0) < 0 && errno == ESRCH) {
			snprintf(path_of_old, sizeof(path_of_old), "/dev/shm/%.40s/mnt", e->d_name);
			umount2(path_of_old, MNT_DETACH);
			aid_remove(dirfd(d), e->d_name);
		}
	if (d)
		closedir(d);
	snprintf(root, sizeof(root), "/dev/shm/ingestcut.%d", getpid());
	if (mkdir(root, 0700) < 0)
		die("%s: %s", root, strerror(errno));
}

int main(int argc, char **argv)
{
	char path[300];

	snprintf(what, sizeof(what), "start");
	if (argc != 5)
		die("usage: ingestcut DIR SEED RUNS EACH");
	rng = strtoull(argv[2], NULL, 10) * 2654435761u + 1;
	unsigned runs = (unsigned)strtoul(argv[3], NULL, 10), each = (unsigned)strtoul(argv[4], NULL, 10);
	log_open("ingestcut", LOG_ERROR);
	snprintf(path, sizeof(path), "%s/inbox/" HOST, argv[1]);
	from = open_dir(AT_FDCWD, path);
	list("audit/sealed", true);
	list("journal/sealed", true);
	list("audit/checkpoints", false);
	list("journal/checkpoints", false);
	if (segments < 4)
		die("%s holds too few segments", path);
	sh = cut_shared_new();
	make_root();
	snprintf(mnt, sizeof(mnt), "%s/mnt", root);
	snprintf(out, sizeof(out), "%s/out", root);
	mkdir(mnt, 0755);
	for (unsigned i = 0; i < runs; i++)
		one_run(argv[1], each);
	printf("%llu power cuts of ingest over %u runs with %zu segments: no segment lost, none twice, no receipt ahead of the store\n", (unsigned long long)cuts, runs, segments);
	aid_remove(AT_FDCWD, root);
	return 0;
}
