/*
 * layout.h - where things lie at a collector, and which names are let in.
 * Floor: fleet.      Owns: nothing but what layout_*_free() release.      Errors: negative.
 *
 * What a workstation hands over, below INBOX/HOST/ (docs/FLEET.md "What is shipped"):
 *	audit/sealed/SEGMENT      audit/checkpoints/NOTE      policies/SHA256.json      the same below journal/
 * The store, written by ingest alone:
 *	STORE/{audit,journal}/host=HOST/date=YYYY-MM-DD/SEGMENT      the UTC date of the segment's first line
 *	STORE/checkpoints/host=HOST/{audit,journal}/NOTE
 *	STORE/receipts/host=HOST/{audit,journal}/SEGMENT.receipt
 *	STORE/quarantine/host=HOST/{audit,journal,policies}/NAME and NAME.reason
 *	STORE/policies/SHA256.json      STORE/hosts/HOST/{enrol,state}.json      STORE/log/      STORE/store.json
 * with SEGMENT = HOST-EPOCH-FIRST-LAST-SHA16.jsonl.gz and NOTE = HOST-EPOCH-LINE.note.
 *
 * A name is let in when it is what its parts, written again, give: no slash, no other spelling of a number, no leading dot.
 */
#ifndef FLEET_LAYOUT_H
#define FLEET_LAYOUT_H

#include "audit/names.h"
#include "base/mtime.h"

enum layout_trail { LAYOUT_AUDIT, LAYOUT_JOURNAL, LAYOUT_TRAILS };

enum {
	LAYOUT_DATE = 11,  /* YYYY-MM-DD and NUL */
	LAYOUT_PATH = 400, /* any path below the store, with NUL */
	LAYOUT_POLICY = 64 + sizeof(".json"),
};

/** layout_trail(t): "audit" or "journal".  layout_trail_find(name): the number, or -1. */
const char *layout_trail(enum layout_trail t);
int layout_trail_find(const char *name);

/** layout_host(name): Is it one that a workstation's files may carry: 1 to 63 of A-Z a-z 0-9 . _ -, not beginning with a dot or a dash? */
bool layout_host(const char *name);

/** layout_segment(name, n): Read the name of a sealed segment. */
bool layout_segment(const char *name, struct names *n);

struct layout_note {
	char host[NAMES_HOST];
	uint64_t epoch, line;
};
/** layout_note(name, n): Read the name of a filed checkpoint.  layout_note_name() is the way back. */
bool layout_note(const char *name, struct layout_note *n);
void layout_note_name(const struct layout_note *n, char out[NAMES_MAX]);

/** layout_policy(name): 64 digits and ".json"? */
bool layout_policy(const char *name);

/** layout_date(t, out): The UTC date of ${t}.  layout_date_ok(s): Is it one, between 1970 and 2261? */
void layout_date(struct wall t, char out[LAYOUT_DATE]);
bool layout_date_ok(const char *s);

/* Paths below the store; the names must have been let in. */
void layout_segment_path(enum layout_trail t, const char *host, const char *date, const char *name, char out[LAYOUT_PATH]);
void layout_receipt_path(enum layout_trail t, const char *host, const char *name, char out[LAYOUT_PATH]);
void layout_note_path(enum layout_trail t, const char *host, const char *name, char out[LAYOUT_PATH]);

struct layout_hosts {
	char (*at)[NAMES_HOST];
	size_t n;
};
/** layout_hosts(store, h): Every enrolled host, by name.  0 or negative errno. */
int layout_hosts(int store, struct layout_hosts *h) __attribute__((warn_unused_result));
void layout_hosts_free(struct layout_hosts *h);

struct layout_file {
	struct names names;
	char date[LAYOUT_DATE];
};
struct layout_files {
	struct layout_file *at;
	size_t n;
};
/**
 * layout_segments(store, t, host, from, to, f):
 * The segments of a trail with a date from ${from} to ${to}, by first line; NULL: no bound.  A directory that is not there is empty.
 * 0 or negative errno.
 */
int layout_segments(int store, enum layout_trail t, const char *host, const char *from, const char *to, struct layout_files *f)
    __attribute__((warn_unused_result));
void layout_files_free(struct layout_files *f);

#endif
