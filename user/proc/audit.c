/*
 * audit.c - callgate-audit: turns records into numbered lines on disk, and acknowledges them when they are safe.
 * Floor: proc.      Alone gives a record its sequence, time and host.      Must not: use a network; rewrite a sealed file.
 *
 * strict "async": the rings are read every COMMIT_MS while there is traffic; written, synced within a second.
 * "class", "all": the bells are answered at once; a record whose worker waits is synced at once, everything that came meanwhile with
 * it; the rest within COMMIT_MS.  Which records wait is the worker's part of the contract (REC_WAIT).
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/audit_internal.h"

enum { COMMIT_MS = 15, HURRY_MS = 2, TICK_MS = 1000, SETTLED_MS = 5000, FAILING_MS = 2000, DRAIN = 256 * 1024, HURRY = 128 * 1024 };
enum { UNSAFE_MAX = 8 << 20, JOURNAL_RESERVE = 1 << 20 }; /* bytes */

static void die(const char *what, int e)
{
	log_error("%s: %s", what, err_text(e));
	exit(1);
}

static const char *text_of(const json_t *o, const char *key, const char *other)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s && *s ? s : other;
}

static uint64_t number_of(const json_t *o, const char *key, uint64_t other)
{
	json_int_t n = json_integer_value(json_object_get(o, key));
	return n > 0 ? (uint64_t)n : other;
}

static const char *const strict_names[] = {"async", "class", "all"};

static enum strict strict_of(const char *word)
{
	for (int i = 0; i < 3; i++)
		if (strcmp(word, strict_names[i]) == 0)
			return (enum strict)i;
	/* A word that is not known must not mean the weakest promise. */
	return STRICT_ALL;
}

static int read_conf(struct audit *a)
{
	json_t *o = json_loads(a->child.conf[0] ? a->child.conf : "{}", 0, NULL);

	if (!json_is_object(o)) {
		json_decref(o);
		return -ERR_MALFORMED;
	}
	a->strict = strict_of(text_of(o, "strict", "class"));
	a->strict_name = strict_names[a->strict];
	if (!a->started)
		snprintf(a->host, sizeof(a->host), "%s", text_of(o, "host", ""));
	a->conf.level = (int)number_of(o, "level", 6);
	a->conf.segment_bytes = number_of(o, "segment_bytes", 16 << 20);
	a->conf.segment_seconds = number_of(o, "segment_seconds", 3600);
	a->conf.room.reserve = number_of(o, "reserve_bytes", 0);
	a->conf.room.space_left = number_of(o, "space_left_bytes", 0);
	a->conf.room.admin_space_left = number_of(o, "admin_space_left_bytes", 0);
	snprintf(a->vkey, sizeof(a->vkey), "%s", text_of(o, "collector", ""));
	a->retain.vkey = view_str(a->vkey);
	a->retain.seconds = number_of(o, "retention_days", 0) * 86400;
	a->forward.on = json_is_true(json_object_get(o, "forward"));
	if (json_is_true(json_object_get(o, "charges")) && a->charges.state == CHARGES_UNASKED)
		a->charges.state = CHARGES_WANTED;
	json_decref(o);
	return 0;
}

/* Grants must be revocable on a full disk: a reserve of its own; that the disk fills up is said in the audit trail alone. */
static struct trail_conf journal_conf(const struct audit *a)
{
	struct trail_conf c = a->conf;

	c.what = "the journal directory";
	c.stream = "journal";
	c.second = 0;
	c.room = (struct room_conf){.reserve = a->conf.room.reserve < JOURNAL_RESERVE ? a->conf.room.reserve : JOURNAL_RESERVE};
	return c;
}

void audit_conf(struct audit *a)
{
	int r = read_conf(a);

	if (r) {
		log_error("the settings from callgated: %s; the old ones stay", err_text(r));
		return;
	}
	struct trail_conf journal = journal_conf(a);
	trail_set(a->trail, &a->conf);
	trail_set(a->journal, &journal);
}

static void read_boot_id(struct audit *a)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (!f || !fgets(a->boot, sizeof(a->boot), f))
		a->boot[0] = '\0';
	a->boot[strcspn(a->boot, "\n")] = '\0';
	if (f)
		fclose(f);
}

static void open_trails(struct audit *a)
{
	struct trail_owner owner, journal = {.seal = audit_cover_seal, .arg = a, .copy = audit_forward_copy, .copy_arg = a};

	feed_seal(a->feed, audit_cover_seal, a);
	owner = feed_owner(a->feed);
	owner.copy = audit_forward_copy;
	owner.copy_arg = a;
	a->conf.host = a->host;
	a->conf.boot = a->boot;
	a->conf.what = "the audit directory";
	a->conf.stream = "audit";
	a->conf.second = a->second;
	int r = trail_open(a->dir, &a->conf, &owner, &a->trail);
	if (r)
		die("cannot write audit records: make room, or move the directory with --log", r);
	feed_trail(a->feed, a->trail);
	struct trail_conf c = journal_conf(a);
	r = trail_open(a->journal_dir, &c, &journal, &a->journal);
	if (r)
		die("cannot write the journal: make room, or move the directory with --state", r);
}

/* ---- bells ---- */

static void on_bell(void *arg, int fd, short what)
{
	struct audit *a = arg;
	uint64_t n;

	(void)what;
	/* Only to make it quiet; the rings say what there is. */
	if (read(fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		pump_del(a->pump, fd);
	a->rang = true;
}

static void watch_bells(struct audit *a)
{
	for (size_t i = 0; i < FEED_RINGS; i++) {
		int bell = feed_bell(a->feed, i);
		if (bell == a->belled[i])
			continue;
		if (bell >= 0 && pump_add(a->pump, bell, POLLIN, on_bell, a))
			die("watching a record ring", -ENOSPC);
		a->belled[i] = bell;
	}
}

/* A ring that goes takes its bell's descriptor along: stop watching before that. */
static void settle(struct audit *a)
{
	for (size_t i = 0; i < FEED_RINGS; i++) {
		if (a->belled[i] >= 0)
			pump_del(a->pump, a->belled[i]);
		a->belled[i] = -1;
	}
	feed_settle(a->feed);
	watch_bells(a);
}

/* ---- reading and committing ---- */

static void drain(struct audit *a, struct feed_seen *seen)
{
	/* What cannot be written stays in the rings: they are full then, and workers hold their calls back. */
	if (trail_unsynced(a->trail) > UNSAFE_MAX)
		return;
	feed_drain(a->feed, DRAIN, seen);
	a->records += seen->records;
	a->waits += seen->waits;
}

/* May calls begin?  A failure of a moment is waited for; a full disk, or one that goes on failing, is a decision. */
static void hold(struct audit *a)
{
	struct trail_state st = trail_state(a->trail);
	bool failing = st.err && mono_now().ns >= mono_after_ms(st.err_since, FAILING_MS).ns;

	feed_hold(a->feed, st.paused ? SHRING_FULL : failing ? SHRING_FAILING : SHRING_GO);
}

static void commit(struct audit *a)
{
	bool durable = a->strict != STRICT_ASYNC || a->waits;
	int r = feed_commit(a->feed, durable ? TRAIL_DURABLE : TRAIL_WRITTEN);

	/* The disk is full, and there is the reserve: calls are refused from here on, and what had begun is recorded. */
	if (r && trail_may_try(a->trail)) {
		hold(a);
		r = feed_commit(a->feed, TRAIL_DURABLE);
	}
	if (r) {
		a->due = mono_after_ms(mono_now(), 250);
		return;
	}
	a->waits = 0;
	a->due = (struct mono){0};
	settle(a);
	if (trail_waiting(a->trail))
		a->due = mono_after_ms(mono_now(), COMMIT_MS);
}

static void due_in(struct audit *a, struct mono now, unsigned ms)
{
	if (!a->due.ns)
		a->due = mono_after_ms(now, ms);
}

/* One round.  True: the rings are quiet, the process may sleep until a bell. */
static bool work(struct audit *a)
{
	struct feed_seen seen = {0};
	struct mono now = mono_now();
	bool lazy = a->strict == STRICT_ASYNC && !a->stopping;

	if (a->rang || trail_waiting(a->trail))
		due_in(a, now, COMMIT_MS);
	a->rang = false;
	if (lazy && a->due.ns && now.ns < a->due.ns)
		return true; /* the bells are off until then */
	drain(a, &seen);
	if (seen.records)
		due_in(a, now, COMMIT_MS);
	bool retrying = trail_state(a->trail).err != 0;
	if ((a->waits && !retrying) || (a->due.ns && now.ns >= a->due.ns) || seen.bytes >= HURRY)
		commit(a);
	if (!lazy)
		return feed_sleep(a->feed);
	if (seen.records) {
		due_in(a, now, seen.bytes >= HURRY ? HURRY_MS : COMMIT_MS);
		return true;
	}
	return a->due.ns || feed_sleep(a->feed);
}

static int pause_ms(const struct audit *a, bool quiet)
{
	struct mono now = mono_now();

	if (!quiet)
		return 0;
	if (!a->due.ns)
		return TICK_MS;
	return a->due.ns <= now.ns ? 0 : (int)((a->due.ns - now.ns + 999999) / 1000000);
}

/* One file a second, when there is nothing else to do: it is read once more before it goes. */
static void retain(struct audit *a)
{
	int r = trail_waiting(a->trail) ? 0 : retain_one(a->trail, &a->retain);

	a->removed += r > 0;
	if (r < 0)
		log_warning("a file that was collected cannot be removed: %s", err_text(r));
}

static void serve(struct audit *a)
{
	struct mono tick = mono_now(), begun = tick;

	hold(a); /* it may have started on a full disk */
	while (!a->stopping) {
		bool quiet = work(a);
		/* On a busy machine it is never all quiet; what an earlier run left has long been read by then. */
		bool all = (quiet && !a->due.ns && !trail_waiting(a->trail)) || mono_since_us(begun, mono_now()) > SETTLED_MS * 1000;
		bool more = audit_charges(a, all);
		more |= audit_hand(a);
		audit_forward_flush(a); /* before it sleeps: what was committed is copied at once */
		int r = pump_turn(a->pump, more ? 0 : pause_ms(a, quiet));
		if (r)
			die("waiting", r);
		if (a->strict != STRICT_ASYNC)
			feed_wake(a->feed);
		else if (a->rang)
			feed_wake(a->feed);
		struct mono now = mono_now();
		if (now.ns < mono_after_ms(tick, TICK_MS).ns)
			continue;
		tick = now;
		/* By the rings' marks first: what a tick commits has none. */
		if (trail_waiting(a->trail) || trail_state(a->trail).err)
			commit(a);
		trail_tick(a->trail);
		/* While it is handed out it stays as it is. */
		if (!a->handing.run)
			trail_tick(a->journal);
		if (!a->handing.run && trail_waiting(a->journal) && trail_commit(a->journal, TRAIL_DURABLE))
			log_warning("the journal cannot be written: %s", err_text(trail_state(a->journal).err));
		hold(a);
		if (quiet && !more)
			retain(a);
	}
}

/* Everything accepted is read, the open calls are closed, both files sealed. */
static int stop(struct audit *a)
{
	struct feed_seen seen;
	int r;

	audit_hand_off(a);
	do {
		seen = (struct feed_seen){0};
		feed_drain(a->feed, DRAIN, &seen);
		r = feed_commit(a->feed, TRAIL_DURABLE);
	} while (!r && seen.records);
	feed_stop(a->feed);
	if (!r)
		r = feed_commit(a->feed, TRAIL_DURABLE);
	int e = trail_close(&a->trail);
	int j = trail_close(&a->journal);
	feed_free(&a->feed);
	edge_close(&a->admin);
	edge_close(&a->vault);
	edge_close(&a->forward.edge);
	buf_free(&a->forward.kept);
	pump_free(&a->pump);
	if (r || e || j)
		log_error("not everything could be sealed: %s", err_text(r ? r : e ? e : j));
	return r || e || j ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct audit a;

	child_boot(P_AUDIT, argc, argv, &a.child);
	int r = read_conf(&a);
	if (r)
		die("the settings from callgated", r);
	if (!a.host[0] && gethostname(a.host, sizeof(a.host) - 1) < 0)
		a.host[0] = '\0';
	read_boot_id(&a);
	a.dir = child_take_fd(&a.child, FD_DIR, 0);
	a.journal_dir = child_take_fd(&a.child, FD_JOURNAL_DIR, 0);
	int second = child_take_fd(&a.child, FD_SECOND_DIR, 0);
	a.second = second > 0 ? second : 0;
	if (a.dir < 0 || a.journal_dir < 0)
		die("no directory from callgated", -ERR_NOT_FOUND);
	a.handing.fd = -1;
	a.pump = pump_new();
	if (!a.pump || feed_new(&a.feed))
		die("starting", -ENOMEM);
	for (size_t i = 0; i < FEED_RINGS; i++)
		a.belled[i] = -1;
	edge_init(&a.admin, -1, P_AUDIT, P_ADMIN, 0);
	edge_init(&a.vault, -1, P_AUDIT, P_VAULT, 0);
	edge_init(&a.forward.edge, -1, P_AUDIT, P_FETCH, 0);
	/* libcrypto reads its settings while files are still open; repair and rings come after the door is closed. */
	r = chain_ready();
	if (r)
		die("SHA-256", r);
	child_ready(&a.child, -1);
	open_trails(&a);
	audit_files(&a);
	audit_edges(&a);
	audit_rings(&a);
	a.started = true;
	feed_orphans(a.feed);
	watch_bells(&a);
	serve(&a);
	return stop(&a);
}
