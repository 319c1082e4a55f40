/*
 * fleet_ship.c - callgate fleet ship: hand over what is sealed, fetch receipts.  A timer runs it; while the collector cannot be reached it
 * tries less and less often, up to every six hours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/parcel.h"
#include "base/err.h"
#include "base/fd.h"
#include "fleet/put.h"
#include "tools/fleet.h"
#include "tools/fleet_ship.h"

enum { FILE_MAX = 1 << 16, BACKOFF_S = 60, BACKOFF_MOST_S = 6 * 3600, BACKOFF_DOUBLES = 9, SSH_MAX = 1400 };

uint64_t ship_number(const struct ship *s, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(s->state, key));
	return n > 0 ? (uint64_t)n : 0;
}

void ship_set(struct ship *s, const char *key, uint64_t n)
{
	json_object_set_new(s->state, key, json_integer((json_int_t)n));
}

static json_t *load(int home, const char *path)
{
	struct buf b = {0};
	json_t *o = fd_slurp(home, path, FILE_MAX, &b) ? NULL : json_loadb((const char *)buf_view(&b).p, b.len, JSON_REJECT_DUPLICATES, NULL);

	buf_free(&b);
	return o;
}

static int save(struct ship *s)
{
	char *text = json_dumps(s->state, JSON_COMPACT);
	int r = text ? put_file(s->home, "ship.json", view_str(text), 0644) : -ENOMEM;

	free(text);
	return r;
}

/* ---- rsync ---- */

/* What ssh is told: this key, that host, and nothing from a file of somebody's. */
static void ssh_words(const struct ship *s, const char *key, char out[SSH_MAX])
{
	snprintf(out, SSH_MAX,
	    "ssh -F /dev/null -i %s/fleet/%s -p %u -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=yes "
	    "-o UserKnownHostsFile=%s/fleet/known_hosts -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o ConnectTimeout=20 -o ServerAliveInterval=15",
	    tool_opts.state, key, s->c.port, tool_opts.state);
}

enum how { PUSH, PUT, FETCH, RENEW }; /* over ssh, into a directory, what is not here yet, what may have changed */

static int run(struct ship *s, enum how how, const char *ssh, const char *from, struct view list, const char *to)
{
	const char *argv[RUN_WORDS] = {"rsync", "--times", "--omit-dir-times", "--no-implied-dirs", "--timeout=120", "--files-from=-"};
	char limit[32];
	size_t n = 6;

	/* After a power cut a name may be in a directory without its bytes, and nobody takes it away. */
	argv[n++] = how == PUT ? "--size-only" : how == RENEW ? "--checksum" : "--ignore-existing";
	if (how == PUT)
		argv[n++] = "--mkpath";
	if (how == FETCH || how == RENEW) {
		/* Nothing that comes is larger than a bundle may be, whatever the other side has there. */
		_Static_assert(PARCEL_MAX == 8 << 20, "--max-size");
		argv[n++] = "--max-size=8M";
		argv[n++] = "--ignore-missing-args";
	}
	if (s->bwlimit) {
		snprintf(limit, sizeof(limit), "--bwlimit=%.12s", s->bwlimit);
		argv[n++] = limit;
	}
	if (ssh) {
		argv[n++] = "-e";
		argv[n++] = ssh;
	}
	argv[n++] = from;
	argv[n++] = to;
	int r = fleet_run(argv, list, s->said);
	if (r == -ENOENT)
		snprintf(s->said, sizeof(s->said), "rsync is not installed");
	return r ? -EIO : 0;
}

int ship_rsync(struct ship *s, const char *from, struct view list, const char *to)
{
	char ssh[SSH_MAX], dest[1024];

	if (!list.n)
		return 0;
	if (s->to) {
		snprintf(dest, sizeof(dest), "%s/%s/%s", s->to, s->host, to);
		return run(s, PUT, NULL, from, list, dest);
	}
	ssh_words(s, "push", ssh);
	snprintf(dest, sizeof(dest), "%s:%s", s->c.ssh, *to ? to : "./");
	return run(s, PUSH, ssh, from, list, dest);
}

int ship_fetch(struct ship *s, struct view list, const char *to, bool renew)
{
	enum how how = renew ? RENEW : FETCH;
	char ssh[SSH_MAX], from[1024];

	if (!list.n || (s->to && !s->receipts))
		return 0;
	if (s->to) {
		snprintf(from, sizeof(from), "%s/", s->receipts);
		return run(s, how, NULL, from, list, to);
	}
	ssh_words(s, "fetch", ssh);
	snprintf(from, sizeof(from), "%s:./", s->c.ssh);
	return run(s, how, ssh, from, list, to);
}

/* ---- when ---- */

static int64_t now_s(void)
{
	return wall_now().ns / 1000000000;
}

/* A thousand machines must not come back at the same moment. */
static int64_t back_off_s(uint64_t failures)
{
	uint64_t most = failures > BACKOFF_DOUBLES ? BACKOFF_MOST_S : (uint64_t)BACKOFF_S << failures;
	uint32_t dice = 0;

	if (most > BACKOFF_MOST_S)
		most = BACKOFF_MOST_S;
	(void)!getrandom(&dice, sizeof(dice), GRND_NONBLOCK);
	return (int64_t)(most / 2 + dice % (most / 2 + 1));
}

static int ended(struct ship *s, int r)
{
	uint64_t failures = ship_number(s, "failures");

	ship_set(s, "failures", r ? failures + 1 : 0);
	ship_set(s, "not_before", r ? (uint64_t)(now_s() + back_off_s(failures)) : 0);
	ship_set(s, "waiting", s->waiting);
	if (!r)
		ship_set(s, "last_ok", (uint64_t)now_s());
	json_object_set_new(s->state, "error", json_string(r ? (*s->said ? s->said : err_text(r)) : ""));
	return save(s);
}

static void report(const struct ship *s)
{
	if (tool_opts.json) {
		json_t *o = json_pack("{s:b s:I s:I s:I s:I s:I}", "ok", 1, "segments", (json_int_t)s->segments, "checkpoints", (json_int_t)s->notes, "policies",
		    (json_int_t)s->policies, "receipts", (json_int_t)s->came, "waiting", (json_int_t)s->waiting);
		tool_json(o);
		json_decref(o);
		return;
	}
	printf("handed over %llu segments, %llu checkpoints, %llu policies; %llu receipts came, %llu segments have none yet\n", (unsigned long long)s->segments,
	    (unsigned long long)s->notes, (unsigned long long)s->policies, (unsigned long long)s->came, (unsigned long long)s->waiting);
}

static int ship(struct ship *s, bool at_once)
{
	int64_t wait = (int64_t)ship_number(s, "not_before") - now_s();

	/* A clock that was put back must not keep it waiting for ever. */
	if (!at_once && wait > 0 && wait <= BACKOFF_MOST_S) {
		if (!tool_opts.json)
			printf("the last %llu tries failed; the next one is in %lld seconds (--now: at once)\n", (unsigned long long)ship_number(s, "failures"),
			    (long long)wait);
		return EXIT_YES;
	}
	/* First what came since the last time: it is not sent again.  What goes out now is answered when the collector has looked at it. */
	int r = ship_come(s);
	if (!r)
		r = ship_out(s);
	if (!r)
		r = ship_outbox(s);
	int e = ended(s, r);
	if (r)
		return tool_fail(EXIT_NO, "nothing is lost, it is tried again: %s", *s->said ? s->said : err_text(r));
	if (e)
		return tool_fail(EXIT_NO, "%s/fleet/ship.json: %s", tool_opts.state, err_text(e));
	report(s);
	return EXIT_YES;
}

static int open_all(struct ship *s)
{
	s->home = fleet_home();
	int r = s->home < 0 ? s->home : fleet_collector(s->home, &s->c);

	if (r)
		return r;
	s->enrolled = load(s->home, "enrolled.json");
	const char *host = json_string_value(json_object_get(s->enrolled, "host"));
	if (!host || !layout_host(host))
		return -ENOENT;
	snprintf(s->host, sizeof(s->host), "%s", host);
	s->state = load(s->home, "ship.json");
	if (!json_is_object(s->state)) {
		json_decref(s->state);
		s->state = json_object();
	}
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++) {
		s->trail[t] = fleet_trail(t);
		if (s->trail[t] < 0 && s->trail[t] != -ENOENT)
			return s->trail[t];
	}
	return s->to || *s->c.ssh ? 0 : -EDESTADDRREQ;
}

int fleet_ship(int argc, char **argv)
{
	struct ship s = {.home = -1, .trail = {-1, -1}};
	const char *rest[1];
	bool at_once = false;
	long limit = 0;
	const struct tool_flag flags[] = {{"--to", &s.to, NULL}, {"--receipts", &s.receipts, NULL}, {"--bwlimit", &s.bwlimit, NULL}, {"--now", NULL, &at_once},
	    {NULL, NULL, NULL}};
	int status;

	if (tool_flags("fleet ship", flags, argc, argv, rest, 0) < 0 || !fleet_number("fleet ship", "--bwlimit", s.bwlimit, 1 << 30, &limit))
		return EXIT_USAGE;
	umask(022);
	int r = open_all(&s);
	if (r == -ENOENT)
		status = tool_fail(EXIT_NO, "this workstation is not enrolled: callgate fleet enroll");
	else if (r == -EDESTADDRREQ)
		status = tool_fail(EXIT_NO, "%s/fleet/collector.json names no ssh destination, and there is no --to DIR", tool_opts.state);
	else if (r)
		status = tool_fail(EXIT_NO, "%s/fleet: %s", tool_opts.state, err_text(r));
	else if (flock(s.home, LOCK_EX | LOCK_NB) < 0)
		status = tool_fail(EXIT_NO, "another fleet ship is at work");
	else
		status = ship(&s, at_once || s.to);
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++)
		fd_close(&s.trail[t]);
	fd_close(&s.home);
	json_decref(s.enrolled);
	json_decref(s.state);
	return status;
}
