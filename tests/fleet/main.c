/*
 * main.c - fleetgen [--plan FILE] [--hosts N] [--days N] [--calls N] [--seed N] [--jobs N] --out DIR
 * Writes below DIR, which must not be there yet:
 *   inbox/HOST/...    what a host hands over: audit/sealed, audit/checkpoints, journal/..., policies
 *   late/HOST/...     what comes after that was collected (of a host that was put back to an older state)
 *   store/...         the same as ingest files it, without receipts and log
 *   keys/HOST/audit.json, journal.json    the seal keys, as they are handed over at enrolment
 *   leavers.csv hosts.csv    what other systems know
 *   facts.json        what was planted, and counts
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "fleet.h"

static int make_dir(int at, const char *path)
{
	if (mkdirat(at, path, 0755) < 0)
		die("%s: %s", path, strerror(errno));
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static void host_name(int number, char out[NAME])
{
	snprintf(out, NAME, "ws-%03d", number);
}

/* The facts of one host come back through a file: each host is a process of its own. */
static void one(const struct plan *p, const struct out *out, int number, int work)
{
	char name[NAME], path[NAME + 16];

	host_name(number, name);
	int dir = make_dir(work, name);
	json_t *facts = host_live(p, number, dir);
	shape_host(p, out, number, facts);
	snprintf(path, sizeof(path), "%s.facts", name);
	int fd = openat(work, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || json_dumpfd(facts, fd, JSON_COMPACT))
		die("%s", path);
	exit(0);
}

static bool absent(const struct plan *p, int number)
{
	return plan_plant(p, number, "absent", 0) != NULL;
}

static void all(const struct plan *p, const struct out *out, int work, int jobs)
{
	int running = 0, status = 0;

	for (int i = 1; i <= p->hosts || running;) {
		if (i <= p->hosts && absent(p, i)) {
			i++;
			continue;
		}
		if (i <= p->hosts && running < jobs) {
			pid_t pid = fork();
			if (pid < 0)
				die("fork: %s", strerror(errno));
			if (pid == 0)
				one(p, out, i, work);
			running++;
			i++;
			continue;
		}
		if (wait(&status) < 0 || status)
			die("a host failed");
		running--;
	}
}

static json_t *collect(const struct plan *p, int work)
{
	json_t *hosts = json_array();
	char name[NAME], path[NAME + 16];

	for (int i = 1; i <= p->hosts; i++) {
		if (absent(p, i))
			continue;
		host_name(i, name);
		snprintf(path, sizeof(path), "%s.facts", name);
		int fd = openat(work, path, O_RDONLY | O_CLOEXEC);
		json_t *facts = fd < 0 ? NULL : json_loadfd(fd, 0, NULL);
		if (!facts || json_array_append_new(hosts, facts))
			die("%s", path);
		close(fd);
	}
	return json_pack("{s:s s:I s:O? s:o}", "org", p->org, "seed", (json_int_t)p->seed, "plants", p->plants, "hosts", hosts);
}

int main(int argc, char **argv)
{
	struct plan p = {.seed = 1, .hosts = 4, .days = 2, .calls = 200, .segment_bytes = 16 << 20, .org = "example"};
	static const struct option options[] = {{"plan", 1, 0, 'p'}, {"hosts", 1, 0, 'h'}, {"days", 1, 0, 'd'}, {"calls", 1, 0, 'c'}, {"seed", 1, 0, 's'}, {"jobs", 1, 0, 'j'},
	    {"commit", 1, 0, 'm'}, {"out", 1, 0, 'o'}, {0, 0, 0, 0}};
	const char *file = NULL, *to = NULL;
	int jobs = 2, c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'p': file = optarg; break;
		case 'h': p.hosts = atoi(optarg); break;
		case 'd': p.days = atoi(optarg); break;
		case 'c': p.calls = strtoull(optarg, NULL, 10); break;
		case 's': p.seed = strtoull(optarg, NULL, 10); break;
		case 'm': p.commit = (unsigned)atoi(optarg); break;
		case 'j': jobs = atoi(optarg); break;
		case 'o': to = optarg; break;
		default: return 2;
		}
	}
	if (!to || p.hosts < 1 || p.days < 1 || jobs < 1) {
		fputs("usage: fleetgen [--plan FILE] [--hosts N] [--days N] [--calls N] [--seed N] [--jobs N] [--commit N] --out DIR\n", stderr);
		return 2;
	}
	umask(022);
	log_open("fleetgen", LOG_WARNING);
	plan_read(&p, file);
	struct out out = {.dir = make_dir(AT_FDCWD, to)};
	out.inbox = make_dir(out.dir, "inbox");
	out.late = make_dir(out.dir, "late");
	out.store = make_dir(out.dir, "store");
	out.keys = make_dir(out.dir, "keys");
	int work = make_dir(out.dir, "work");
	all(&p, &out, work, jobs);
	shape_end(&p, &out, collect(&p, work));
	return 0;
}
