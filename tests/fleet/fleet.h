/*
 * fleet.h - a generator of trails: hosts that work, sleep and break for some days, written by the product's own audit code.
 * The same plan gives the same bytes: clocks are the plan's, keys come from its seed, nothing waits for a disk.
 * Units: instants are nanoseconds since 1970, UTC.
 */
#ifndef TESTS_FLEET_H
#define TESTS_FLEET_H

#include <jansson.h>

#include "admin/roster.h"
#include "audit/trail.h"
#include "ipc/rec.h"

enum { NAME = 64, HEX = 65, GRANTS = 16, STINTS = 16, DUES = 64, OPEN = 32 };
#define SECOND ((int64_t)1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* ---- plan.c: what is to happen ---- */

struct plan {
	uint64_t seed;
	int hosts, days;
	int64_t start; /* midnight of the first day */
	uint64_t calls; /* a host and day, about */
	unsigned commit; /* lines a commit; 0: one an instant, as the product does when it has time */
	uint64_t segment_bytes;
	bool weekend, reviews;
	const char *org;
	json_t *plants; /* array of objects: what, host, day, ... */
};

void plan_read(struct plan *p, const char *file);
/** plan_plant(p, host, what, i): The ${i}th plant of that kind for the host (from 1), or NULL. */
const json_t *plan_plant(const struct plan *p, int host, const char *what, size_t i);
int64_t plan_number(const json_t *plant, const char *key, int64_t other);
/** plan_at(p, plant): When: its "day" (from 1) and "at" ("10:00"). */
int64_t plan_at(const struct plan *p, const json_t *plant);
/** plan_day(t): Midnight of that day. */
int64_t plan_day(int64_t t);

/* A time in which the daemon runs. */
struct stint {
	int64_t from, to;
	bool crash;     /* it ends without a word */
	bool same_boot; /* begins in the boot of the one before */
	bool restored;  /* begins from an image of the disk that is older than the end of the one before */
	int64_t sleep_from, sleep_to; /* the machine is suspended meanwhile; 0: not */
};
/** plan_stints(p, host, day, s): The stints of that day in their order; how many. */
size_t plan_stints(const struct plan *p, int host, int day, struct stint s[STINTS]);

/* ---- quick.c: time, chance ---- */

struct sim_clock {
	int64_t now, boot_at, slept; /* slept: nanoseconds that the monotonic clock did not count */
	int64_t wrong; /* what the machine's clock is ahead of the true time */
};
extern struct sim_clock sim;
extern const struct trail_clock sim_trail_clock;
struct wall sim_wall(void);
struct mono sim_mono(void);

/* The same numbers for the same seed, on every machine. */
uint64_t chance(uint64_t *state);
uint64_t chance_of(const char *what, uint64_t seed, uint64_t host); /* a seed of its own for each purpose */
void chance_keys(uint64_t seed); /* from here on getrandom(2) gives numbers of this seed */
void sha_hex(struct view v, char out[HEX]);
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- words.c ---- */

enum outcome { ALLOWED, DEFAULT_DENY, RULE_DENY, HIDDEN };
struct tool {
	const char *name, *risk, *keys; /* keys: joined by 0x1f */
	enum outcome outcome;
	const char *rule; /* of RULE_DENY */
	unsigned weight;
};
struct service {
	const char *name, *host, *addr, *policy, *owner;
	struct tool tool[8];
};
enum { SERVICES = 5, POLICIES = 4, AGENTS = 4 };
extern const struct service services[SERVICES];
struct policy_text {
	const char *name, *text, *next; /* next: what it becomes when it is changed */
};
extern const struct policy_text policies[POLICIES];
size_t policy_index(const char *name);
const char *user_name(int host, char out[NAME]);

/* ---- host.c: one host's life ---- */

struct grant {
	char id[16];
	size_t service;
	bool live, unused;
};

enum due_kind { DUE_SETUP, DUE_REVIEW, DUE_REVOKE, DUE_ROLE, DUE_POLICY, DUE_GRANT, DUE_LEAVE };
struct due {
	int64_t at;
	enum due_kind kind;
	const json_t *plant;
};

struct call_open {
	uint64_t call, cred_version;
	int64_t began, ends;
	size_t service;
	uint32_t pid;
	bool financial;
};

struct host {
	const struct plan *plan;
	int number; /* from 1 */
	char name[NAME], user[NAME], boot_id[40];
	uint32_t uid;
	uint64_t rnd;
	int dir, audit_dir, journal_dir;
	struct trail *audit, *journal;
	struct roster roster;
	uint64_t generation, serial; /* serial: of grants and tickets */
	char policy_hash[POLICIES][HEX], world_hash[HEX], config_hash[HEX], binary_hash[HEX];
	unsigned release; /* of the programs */
	bool changed[POLICIES];
	struct grant grant[GRANTS];
	size_t grants;
	struct due due[DUES];
	size_t dues;
	uint64_t intercepted, refused, records; /* since the start, as seals say them */
	uint64_t ring, call;
	struct call_open open[OPEN];
	size_t opens;
	int64_t left_at; /* the user is gone */
	unsigned uncommitted;
	struct rec rec;
	json_t *facts;
	uint64_t calls, allowed, denied, results, abandoned;
};

/** host_live(plan, number, dir): Everything that the host writes, below ${dir}; returns what it did. */
json_t *host_live(const struct plan *plan, int number, int dir);

/* lines.c */
void line_start(struct host *h, const char *event); /* of kind coverage: start, stop */
void line_programs(struct host *h);
void line_policy(struct host *h);
void line_release(struct host *h, uint64_t call, const char *event, const char *cred, uint32_t version, const struct service *s);
void line_call(struct host *h, int64_t at);
void line_result(struct host *h, const struct call_open *c);
void line_relayed(struct host *h);
void line_abandoned(struct host *h, const struct call_open *c, const char *why);
void lines_seal(void *host, struct jsonw *w);
void lines_first(void *host, struct jsonw *w);
void line_end(struct trail *t);

/* changes.c: the journal */
void change_do(struct host *h, const struct due *d);
void changes_plan(struct host *h);

/* ---- shape.c: the trees ---- */

struct out {
	int dir; /* of everything */
	int inbox, late, store, keys; /* below it */
};
/** shape_host(p, out, number): Move what a host wrote to where it belongs, with the faults that are planted in files. */
void shape_host(const struct plan *p, const struct out *out, int number, json_t *facts);
void shape_end(const struct plan *p, const struct out *out, json_t *facts);

#endif
