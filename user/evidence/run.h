/*
 * run.h - what the parts of an export share.
 * Floor: evidence.      Memory: one host's journal, the calls that are open on it, and tables of what is distinct, each with a ceiling.
 */
#ifndef EVIDENCE_RUN_H
#define EVIDENCE_RUN_H

#include <jansson.h>

#include "audit/note.h"
#include "evidence/bundle.h"
#include "evidence/fields.h"
#include "evidence/map.h"
#include "evidence/export.h"
#include "evidence/proved.h"

enum { CLASSES = 6, RUN_DISTINCT = 200000 };
/* Of a call: Read, Write, Execute, Destructive, Financial, and what has no class. */
enum run_class { CLASS_READ, CLASS_WRITE, CLASS_EXECUTE, CLASS_DESTRUCTIVE, CLASS_FINANCIAL, CLASS_NONE };
extern const char *const run_class_name[CLASSES];

struct seen { /* when and how often */
	char first[WALL_TEXT], last[WALL_TEXT];
	uint64_t allowed, denied;
};
void seen_add(struct seen *s, const char *ts, bool allowed);

struct policy { /* under its hash */
	char names[128], first_at[WALL_TEXT], first_on[NAMES_HOST], by[96], approved_by[96], ticket[96];
	uint64_t hosts, calls;
	bool applied, approved, text;
	char *tools; /* that it names, and its default; owned */
};
struct server { /* under its name */
	struct seen seen;
	uint64_t hosts;
	char registered_at[WALL_TEXT], owner[64], destination[280], credential[64];
};
struct tool { /* server 00 tool 00 hash */
	struct seen seen;
	enum run_class risk;
};
struct identity { /* agent 00 exe 00 sha256 00 unit */
	struct seen seen;
	uint64_t by_class[CLASSES], persons, hosts;
	size_t last_host;
	char strength[16];
};
struct leaver { /* in the order of the list */
	char user[64], at[WALL_TEXT];
	bool mover;
	uint64_t held, in_time, late, open, reviewed, calls;
	char last_end[WALL_TEXT], first_call[80];
};
struct asset { /* under the host's name */
	char from[WALL_TEXT], to[WALL_TEXT];
	bool seen;
};
struct day {
	uint64_t allowed[CLASSES], denied[CLASSES], refused, alerts;
};

struct run {
	const struct export_opts *o;
	int store;
	struct bundle *b;
	char from[WALL_TEXT], to[WALL_TEXT], as_of[WALL_TEXT]; /* "to" is not in the period any more */
	char to_date[LAYOUT_DATE], from_date[LAYOUT_DATE]; /* the day after "to": what proves the last lines may lie there */
	struct layout_hosts hosts;
	struct map policies, servers, tools, identities, assets;
	struct leaver *leavers;
	size_t nleavers;
	char collector[NOTE_VKEY]; /* the collector's public key; empty: none */
	char *why;
	bool have_assets;
	struct vendor *vendor;
	size_t host; /* that is read */
	struct day *days;
	size_t ndays;
	json_t *calendar, *timeline, *grants, *findings; /* of report.json */
	uint64_t calls, lines, rejects, outside, host_hours, host_sealed, proved_lines, held_back, seals, notes;
};

/* ---- one host ---- */

struct grant {
	json_t *o; /* the grant of its grant.add */
	char issued[WALL_TEXT], ended[WALL_TEXT], first[WALL_TEXT], last[WALL_TEXT]; /* first, last: allowed calls */
	char reviewed[WALL_TEXT], reviewer[96], decision[16], ended_by[96];
	const char *how; /* "revoked", "review", "expired"; NULL: in force */
	char reason[160], ticket[96], confirmed[96]; /* confirmed: by whom, what another proposed */
	uint64_t allowed, denied;
};
struct credential {
	char type[32], set_at[WALL_TEXT], removed_at[WALL_TEXT], last[WALL_TEXT];
	uint64_t version, releases;
};
struct user {
	char name[64];
};
struct local { /* a program on this host */
	struct seen seen;
};

struct cover;
struct calls;

struct cover_bad { /* a place that is not proved, until the next line says where it ends */
	bool waits;
	uint64_t from, to;
	const char *what;
	char since[WALL_TEXT], why[PROVED_WHY + NAMES_MAX];
};
struct quarantined {
	uint64_t first, last; /* 0: its name tells no lines */
};

struct host {
	struct run *run;
	size_t number;
	const char *name;
	struct enrol enrol;
	bool enrolled;
	enum layout_trail trail; /* that is read */
	bool first_pass;
	struct map grants, users, credentials, locals, deployed;
	json_t *parts;    /* hash -> [text]: documents in pieces */
	json_t *of_bundle; /* [event]: of a signed bundle that is not whole yet */
	json_t *policies; /* name -> hash in force, while the journal is folded */
	struct cover *cover;
	struct calls *calls;
	struct cover_bad bad;
	struct map segments_seen[LAYOUT_TRAILS];
	struct quarantined *held;
	struct map refused; /* files.c */
	uint64_t segments, quarantined, calls_in, rejected;
};

bool run_in(const struct run *r, struct view ts);
void run_ts(struct view ts, char out[WALL_TEXT]);
/** run_finding(r, kind, sheet, host, subject, from, to, fmt, ...): A row of findings.csv. */
void run_finding(struct run *r, const char *kind, enum sheet s, const char *host, const char *subject, const char *from, const char *to, const char *fmt, ...)
    __attribute__((format(printf, 8, 9)));
/** run_day(r, ts): The counters of its day, or NULL: outside of the period. */
struct day *run_day(struct run *r, const char *ts);
/** run_text(out, cap, fmt, ...): snprintf that means to cut. */
void run_text(char *out, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
uint64_t run_seconds(const char *from, const char *to); /* between two times; 0 when it is none or less */

/* journal.c */
int journal_line(struct host *h, struct view line, const struct proved_at *at) __attribute__((warn_unused_result));
/** journal_person(v, out, cap): Who, of a "by", an "issued_by", a text. */
void journal_person(const json_t *v, char *out, size_t cap);
struct user *journal_user(struct host *h, uint64_t uid, bool make);

/* grants.c */
void grants_write(struct host *h);
bool grants_force(const struct grant *g, const char *at); /* in force at that time? */

/* calls.c */
int calls_new(struct host *h) __attribute__((warn_unused_result));
int calls_line(struct host *h, const struct fields *f, struct view kind, const struct proved_at *at) __attribute__((warn_unused_result));
void calls_refused(struct host *h, const struct fields *f, const struct proved_at *at); /* a line of the journal, of the period */
void calls_end(struct host *h); /* what is still open; releases it */

/* cover.c */
int cover_new(struct host *h) __attribute__((warn_unused_result));
void cover_line(struct host *h, const struct fields *f, struct view kind, const char *ts);
void cover_bad(struct host *h, const struct proved_bad *b);
/** cover_told(h, until): The place that is not proved, if one waits, ends here. */
void cover_told(struct host *h, const char *until);
/** cover_epoch(h, f, ts): A start of a writer, as a row. */
void cover_epoch(struct host *h, const struct fields *f, const char *ts);
void cover_end(struct host *h);

/* people.c: lists that the export was given */
int people_read(struct run *r) __attribute__((warn_unused_result));
void people_call(struct run *r, const char *person, const char *ts, struct view call_id);
void people_grant(struct run *r, const char *user, const struct grant *g);
void people_write(struct run *r);

/* vendor.c */
int vendor_read(struct run *r) __attribute__((warn_unused_result));
void vendor_release(struct run *r, struct view id, struct view cred, const char *ts);
void vendor_write(struct run *r);
void vendor_counts(const struct run *r, uint64_t *entries, uint64_t *releases, uint64_t *unmatched);
void vendor_free(struct run *r);

/* files.c: segments, receipts, checkpoints, quarantine, policy texts */
void files_segment(struct host *h, const struct proved_segment *s);
/** files_host(h): Quarantine and receipts, before the trails are read.  files_host_end(): checkpoints, receipts that are left. */
void files_host(struct host *h);
void files_host_end(struct host *h);
/** files_quarantined(h, from, to): Did ingest keep a file with these lines out?  Its reason, or NULL. */
const char *files_quarantined(struct host *h, uint64_t from, uint64_t to);
/** files_document(r, hash, text): The text of a policy, once it is known; into the bundle if it has that hash. */
void files_document(struct run *r, const char *hash, struct view text);
void files_end(struct run *r);

/* ledger.c: the collector's log */
void ledger_write(struct run *r);

/* inventory.c */
void inventory_write(struct run *r);
void inventory_host(struct host *h);

/* report.c, manifest.c */
void report_write(struct run *r);

/* report_html.c */
/** report_html(r, report): report.html, which draws ${report}. */
void report_html(struct run *r, const json_t *report);
void manifest_write(struct run *r);

#endif
