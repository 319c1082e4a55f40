/*
 * audit_internal.h - callgate-audit: what its main loop (audit.c) and its answers (audit_edges.c) share.
 * Floor: proc.
 */
#ifndef PROC_AUDIT_INTERNAL_H
#define PROC_AUDIT_INTERNAL_H

#include "audit/charges.h"
#include "audit/feed.h"
#include "audit/kept.h"
#include "audit/note.h"
#include "audit/retain.h"
#include "ipc/pump.h"
#include "proc/child.h"

enum strict { STRICT_ASYNC, STRICT_CLASS, STRICT_ALL };

struct ring_parts { /* of one ring, until all four descriptors came */
	uint64_t id;
	uint32_t slot;
	int fd[4];
};

struct audit_forward { /* copies of lines, to callgate-fetch */
	bool on;
	struct edge edge;
	struct buf kept; /* lines that were not handed on yet */
	uint64_t handed, lost;
	unsigned budget; /* lines that may still be copied in this second */
	struct mono second;
	struct m_forwarded told, before;
};

struct read;
struct audit_charges { /* audit_charges.c */
	enum { CHARGES_UNASKED, CHARGES_WANTED, CHARGES_READING, CHARGES_TOLD, CHARGES_FAILED } state;
	struct charges *sum;
	struct read *in;
};

struct audit {
	struct child child;
	struct pump *pump;
	int dir, journal_dir, second; /* second: of the audit, 0: none */
	struct trail *trail, *journal;
	struct feed *feed;
	struct edge admin, vault;
	struct audit_forward forward;
	struct audit_charges charges;
	struct ring_parts parts[FEED_RINGS];
	int belled[FEED_RINGS]; /* the bell that the pump watches, or -1 */

	char host[HOST_LEN], boot[40];
	const char *strict_name;
	enum strict strict;
	struct trail_conf conf;

	struct audit_handing { /* the journal, to callgate-admin, in pieces: meanwhile nothing is written to it, and no other frame of callgate-admin is taken */
		struct handout_run *run; /* NULL: nobody waits for it */
		int fd;
		uint32_t tag;
	} handing;
	struct kept_mark mark; /* of the journal as it was last handed out whole; seq 0: it was not, or nothing can be kept of it */

	struct retain retain;
	char vkey[NOTE_VKEY]; /* of the collector; empty: nothing is removed */
	uint64_t removed;     /* files, since the start */

	struct audit_cover {
		struct buf state; /* members for the next seal, as callgated said them; empty: nothing yet */
		uint64_t dropped; /* by the kernel side, as last said */
		struct mono said_at;
		char binary[P_COUNT][65], config[65], policy[65], bundle_sha[65]; /* SHA-256; empty: not known */
		uint64_t bundle; /* version of the signed bundle in force; 0: none */
	} cover;

	struct mono due;    /* commit then; 0: nothing is waiting */
	size_t waits;       /* records read whose worker waits */
	bool rang, stopping, started;
	uint64_t records, notes_refused;
};

/** audit_edges(a): Watch the channels that came with the last frames of callgated. */
void audit_edges(struct audit *a);
/** audit_rings(a): Take the rings whose four descriptors are there. */
void audit_rings(struct audit *a);
/** audit_conf(a): The settings came again. */
void audit_conf(struct audit *a);
/** audit_files(a): Hash the programs and settings whose descriptors are there. */
void audit_files(struct audit *a);
/** audit_cover(a, body): M_COVER.  audit_cover_note(a, body): a coverage note of callgate-admin: what is in force. */
void audit_cover(struct audit *a, struct view body);
void audit_cover_note(struct audit *a, struct view body);
/** audit_cover_seal(arg, w): The members that callgate-audit adds to a seal. */
void audit_cover_seal(void *arg, struct jsonw *w);

/** audit_charges(a, quiet): Once a turn.  ${quiet}: nothing that came before is still to be written.  True: there is more to read at once. */
bool audit_charges(struct audit *a, bool quiet);

/** audit_hand(a): Once a turn.  True: there is more to hand out at once.  audit_hand_off(a): Not any more. */
bool audit_hand(struct audit *a);
void audit_hand_off(struct audit *a);

/* ---- audit_forward.c ---- */

/** audit_forward_copy(a, line): For trail_open().  audit_forward_flush(a): Hand on what was written since; once a turn. */
void audit_forward_copy(void *arg, struct view line);
void audit_forward_flush(struct audit *a);
void audit_forward_told(struct audit *a, const struct m_forwarded *m);
/** audit_forward_state(a, w): A member "forward" for status. */
void audit_forward_state(const struct audit *a, struct jsonw *w);

#endif
