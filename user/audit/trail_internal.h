/*
 * trail_internal.h - what trail.c (writing) and trail_open.c (beginning) share.
 * Floor: audit.
 */
#ifndef AUDIT_TRAIL_INTERNAL_H
#define AUDIT_TRAIL_INTERNAL_H

#include "audit/names.h"
#include "audit/recover.h"
#include "audit/segment.h"
#include "audit/trail.h"
#include "base/buf.h"

/* A reader takes lines up to WALK_LINE_MAX. */
enum { TRAIL_LINE_MAX = 1 << 19 };

struct trail_point {
	uint64_t seq; /* of the last line */
	struct chain chain;
};

struct trail {
	int dir;
	char host[NAMES_HOST], boot[16], boot_id[40], what[32];
	const char *cause; /* of this epoch: "new", "start", "crash" */
	int level;
	uint64_t segment_bytes, segment_ns, epoch;
	struct trail_owner owner;
	struct recover_report recovered;

	struct trail_point now;  /* last line given to the segment */
	struct trail_point safe; /* last line on disk */
	struct segment *seg;
	struct names seg_name;
	struct mono opened_at, written_at, retry_at;
	uint64_t member_first;
	bool new_epoch; /* the epoch's first line is not on disk yet, or its first file is open */
	bool left;      /* a failed file waits in open/ for its repair */
	bool unsynced;  /* lines were written, not synced */

	struct buf kept; /* struct kept and text, line by line, since safe */
	size_t fed;      /* bytes of it that are numbered and in the segment */
	struct jsonw w;
	size_t begin;
	bool begun;
	struct buf text, own;

	int err; /* of the last commit */
	const char *op;
	uint64_t errors, sealed, lines, raw;
};

void trail_free(struct trail **s);

#endif
