/* host.c - one host's life: it boots, its user works through agents, it sleeps, it breaks; second by second, as callgate-audit lives it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/chain.h"
#include "base/fd.h"
#include "fleet.h"

enum { BOOT_SECONDS = 22 };

static int sub_dir(int at, const char *name)
{
	if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		die("%s: %s", name, strerror(errno));
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", name, strerror(errno));
	return fd;
}

static void commit(struct host *h)
{
	h->uncommitted = 0;
	if (trail_commit(h->audit, TRAIL_DURABLE))
		die("%s: the audit trail cannot be written", h->name);
}

/* Lines of one instant go together; a plan for volume commits less often. */
static void settle(struct host *h)
{
	if (++h->uncommitted > h->plan->commit)
		commit(h);
}

/* ---- the clock ---- */

static void set_wrong(const struct host *h)
{
	const json_t *p = plan_plant(h->plan, h->number, "clock", 0);

	if (!p)
		return;
	int64_t from = plan_at(h->plan, p), to = from + plan_number(p, "hours", 24) * HOUR;
	sim.wrong = sim.now >= from && sim.now < to ? plan_number(p, "minutes", 47) * MINUTE : 0;
}

/* To ${to}, with a look every second at what the trails have to do. */
static void pass(struct host *h, const struct stint *s, int64_t to)
{
	while (sim.now / SECOND < to / SECOND) {
		sim.now = (sim.now / SECOND + 1) * SECOND;
		if (s->sleep_to && sim.now >= s->sleep_from && sim.now < s->sleep_to) {
			sim.slept += s->sleep_to - sim.now;
			sim.now = s->sleep_to;
		}
		set_wrong(h);
		trail_tick(h->audit);
		trail_tick(h->journal);
	}
	if (to > sim.now)
		sim.now = to;
}

/* ---- boot and end ---- */

static void new_boot(struct host *h, const struct stint *s)
{
	uint64_t r = chance_of("boot", h->plan->seed, (uint64_t)h->number ^ (uint64_t)s->from);
	uint64_t a = chance(&r), b = chance(&r);

	snprintf(h->boot_id, sizeof(h->boot_id), "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b & 0xfff),
	    (unsigned long long)(b >> 16));
	sim.boot_at = s->from - BOOT_SECONDS * SECOND;
	sim.slept = 0;
}

static void open_trails(struct host *h)
{
	struct trail_conf conf = {.host = h->name, .boot = h->boot_id, .level = 6, .segment_bytes = h->plan->segment_bytes, .segment_seconds = 3600, .clock = &sim_trail_clock};
	struct trail_owner audit = {.first = lines_first, .seal = lines_seal, .arg = h}, journal = {.seal = lines_seal, .arg = h};

	h->audit_dir = sub_dir(h->dir, "audit");
	h->journal_dir = sub_dir(h->dir, "journal");
	chance_keys(chance_of("audit keys", h->plan->seed, (uint64_t)h->number));
	conf.what = "the audit directory";
	conf.stream = "audit";
	if (trail_open(h->audit_dir, &conf, &audit, &h->audit))
		die("%s: the audit trail cannot be opened", h->name);
	chance_keys(chance_of("journal keys", h->plan->seed, (uint64_t)h->number));
	conf.what = "the journal directory";
	conf.stream = "journal";
	if (trail_open(h->journal_dir, &conf, &journal, &h->journal))
		die("%s: the journal cannot be opened", h->name);
}

static void begin(struct host *h, const struct stint *s)
{
	sim.now = s->from;
	if (!s->same_boot || !h->boot_id[0])
		new_boot(h, s);
	set_wrong(h);
	/* The calls that a crash left open are closed under the ring they were made in. */
	h->intercepted = h->refused = h->records = 0;
	open_trails(h);
	if (s->from > h->plan->start + 2 * DAY && h->number % 2)
		h->release = 2;
	line_programs(h);
	for (size_t i = 0; i < h->opens; i++)
		line_abandoned(h, &h->open[i], "recovery");
	h->opens = 0;
	h->ring = chance_of("ring", h->plan->seed ^ (uint64_t)s->from, (uint64_t)h->number) & 0xffffffffffff;
	h->call = 0;
	if (!h->world_hash[0])
		line_release(h, 0, "ca-create", "", 0, NULL);
	if (h->world_hash[0])
		line_policy(h);
	line_start(h, "start");
	commit(h);
}

static void shut(int *fd)
{
	close(*fd);
	*fd = -1;
}

static void end(struct host *h, const struct stint *s)
{
	if (s->crash) {
		commit(h);
		trail_abandon(&h->audit);
		trail_abandon(&h->journal);
	} else {
		for (size_t i = 0; i < h->opens; i++)
			line_abandoned(h, &h->open[i], "stop");
		h->opens = 0;
		line_start(h, "stop");
		if (trail_close(&h->audit) || trail_close(&h->journal))
			die("%s: the trails cannot be closed", h->name);
	}
	shut(&h->audit_dir);
	shut(&h->journal_dir);
}

/* ---- what happens meanwhile ---- */

static size_t next_result(const struct host *h)
{
	size_t best = 0;

	for (size_t i = 1; i < h->opens; i++)
		if (h->open[i].ends < h->open[best].ends)
			best = i;
	return best;
}

/* The results that are due before ${until}. */
static void results(struct host *h, const struct stint *s, int64_t until)
{
	while (h->opens) {
		size_t i = next_result(h);
		struct call_open c = h->open[i];
		if (c.ends > until)
			return;
		pass(h, s, c.ends);
		h->open[i] = h->open[--h->opens];
		line_result(h, &c);
		settle(h);
	}
}

static void changes(struct host *h, const struct stint *s, int64_t until)
{
	for (;;) {
		if (!h->dues || h->due[0].at > until)
			return;
		struct due d = h->due[0];
		memmove(h->due, h->due + 1, --h->dues * sizeof(*h->due));
		results(h, s, d.at);
		pass(h, s, d.at);
		change_do(h, &d);
		commit(h);
	}
}

/* Agents work in bursts: many short gaps, a few long ones; on average ${mean}. */
static int64_t gap(struct host *h, int64_t mean)
{
	uint64_t r = chance(&h->rnd);

	return r % 16 == 0 ? mean * 9 + (int64_t)(r >> 8) % (mean * 2) : (int64_t)(r >> 8) % mean * 13 / 16;
}

static void work(struct host *h, const struct stint *s, int64_t mean)
{
	int64_t at = s->from + MINUTE, last = s->to - 2 * SECOND;

	for (;;) {
		at += gap(h, mean);
		if (s->sleep_to && at >= s->sleep_from - 2 * SECOND && at < s->sleep_to)
			at = s->sleep_to + SECOND;
		if (at >= last)
			break;
		changes(h, s, at);
		results(h, s, at);
		pass(h, s, at);
		if (h->left_at || h->opens == OPEN)
			continue;
		line_call(h, sim.now);
		settle(h);
		if (h->calls % 40 == 0)
			line_relayed(h);
	}
	changes(h, s, last);
	/* A stop waits for its calls; a power cut does not, and leaves one open. */
	if (!s->crash)
		results(h, s, last);
	pass(h, s, s->to);
	if (s->crash) {
		while (!h->opens && !h->left_at)
			line_call(h, sim.now);
	}
}

/* ---- an image of the disk, and its return ---- */

static void run(const char *command)
{
	if (system(command) != 0)
		die("%s", command);
}

static void keep_image(const struct host *h, int day)
{
	const json_t *p = plan_plant(h->plan, h->number, "rollback", 0);

	if (p && plan_number(p, "to", 1) == day + 1)
		run("mkdir image && cp -a audit journal image/");
}

static void restore(void)
{
	run("mkdir first && mv audit journal first/ && mv image/audit image/journal . && rmdir image");
}

json_t *host_live(const struct plan *plan, int number, int dir)
{
	static struct host h;
	struct stint s[STINTS];

	h = (struct host){.plan = plan, .number = number, .dir = dir, .release = 1, .uid = 1000 + (uint32_t)number, .rnd = chance_of("life", plan->seed, (uint64_t)number), .facts = json_object()};
	snprintf(h.name, sizeof(h.name), "ws-%03d", number);
	user_name(number, h.user);
	if (fchdir(dir) < 0 || roster_init(&h.roster) || chain_ready())
		die("%s: starting", h.name);
	sha_hex(VIEW_LIT("callgate.json of the fleet"), h.config_hash);
	changes_plan(&h);
	for (int day = 0; day < plan->days; day++) {
		size_t n = plan_stints(plan, number, day, s);
		int64_t hours = 0;
		for (size_t i = 0; i < n; i++)
			hours += s[i].to - s[i].from - (s[i].sleep_to - s[i].sleep_from);
		for (size_t i = 0; i < n; i++) {
			if (s[i].restored)
				restore();
			begin(&h, &s[i]);
			changes(&h, &s[i], s[i].from + MINUTE);
			work(&h, &s[i], plan->calls ? hours / (int64_t)plan->calls + 1 : DAY);
			end(&h, &s[i]);
		}
		keep_image(&h, day);
	}
	roster_free(&h.roster);
	json_object_update_new(h.facts, json_pack("{s:s s:s s:I s:I s:I s:I s:I s:I}", "host", h.name, "user", h.user, "uid", (json_int_t)h.uid, "calls", (json_int_t)h.calls, "allowed",
	    (json_int_t)h.allowed, "denied", (json_int_t)h.denied, "results", (json_int_t)h.results, "abandoned", (json_int_t)h.abandoned));
	return h.facts;
}
