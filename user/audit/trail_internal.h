/*
 * trail_internal.h - what trail.c (writing), trail_seal.c (proof), trail_open.c (beginning), trail_room.c and trail_second.c (where) share.
 * Floor: audit.
 */
#ifndef AUDIT_TRAIL_INTERNAL_H
#define AUDIT_TRAIL_INTERNAL_H

#include "audit/keys.h"
#include "audit/names.h"
#include "audit/recover.h"
#include "audit/segment.h"
#include "audit/trail.h"
#include "base/buf.h"

/* A reader takes lines up to WALK_LINE_MAX. */
enum { TRAIL_LINE_MAX = 1 << 19, SEAL_LINES = 1000, SEAL_SECONDS = 60 };

struct trail_point {
	uint64_t seq; /* of the last line */
	struct chain chain;
	uint64_t seals;        /* number of the last seal */
	uint8_t mac[MAC_LEN];  /* its MAC; zeros before the first */
	uint8_t key[MAC_LEN];  /* of the next one */
	uint64_t seal_seq;     /* its line */
	struct chain seal_head; /* after that line */
};

/* What the next seal will cover: lines since the last one, or since the file began. */
struct trail_range {
	uint64_t first, lines, raw;
	struct chain before;
};

struct trail {
	int dir;
	int second; /* 0: none */
	char host[NAMES_HOST], boot[16], boot_id[40], what[32], stream[16];
	const char *cause; /* of this epoch: "new", "start", "crash" */
	int level;
	uint64_t segment_bytes, segment_ns, epoch;
	struct trail_owner owner;
	struct recover_report recovered;

	struct trail_point now;  /* last line given to the segment */
	struct trail_point safe; /* last line on disk */
	struct segment *seg;
	struct names seg_name;
	struct mono opened_at, written_at, retry_at, sealed_at, noted_at, filed_at;
	struct trail_clock clock;
	struct trail_range range;
	uint64_t member_lines;
	struct room_conf room;
	struct room disk; /* as last looked at */
	enum room_stage stage;
	bool paused, reserve, reserve_failed, in_reserve; /* in_reserve: the open file is the one that was put aside */
	struct mono paused_at, reserve_at;
	struct keys *keys;
	uint64_t noted; /* seal of the last checkpoint */
	bool note_failed;
	bool ends_sealed; /* at start: the newest file ends with a seal */
	bool away, seg_away; /* files are begun in the second directory; the last one was */
	bool turn;           /* the open file ends, whatever its size: the place is another */
	int away_err;
	unsigned turns;      /* to the second directory, the last ones in short order */
	struct mono away_at, home_at; /* home_at: when to try the first one again */
	uint64_t abroad;     /* sealed files in the second directory, as last looked */
	bool key_failed, told_away; /* told_away: what the last line about it said */
	int back_err;               /* why nothing goes back, as last told */
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
	struct mono err_since;
	const char *op;
	uint64_t errors, sealed, lines, raw;
};

void trail_free(struct trail **s);
/** trail_needed(s, list): The oldest of these sealed files that a start has to read. */
size_t trail_needed(const struct trail *s, const struct names_list *list);

/* trail.c */
struct jsonw trail_own_begin(struct trail *s);
int trail_number_line(struct trail *s, const char *kind, struct view members, bool mac) __attribute__((warn_unused_result));

/** trail_turn_over(s): End the open file, and begin the next one where files are begun now.  0 or negative. */
int trail_turn_over(struct trail *s) __attribute__((warn_unused_result));
/** trail_seal_open(s): End the open file.  0 or negative; trail_fail() follows an error. */
int trail_seal_open(struct trail *s) __attribute__((warn_unused_result));
int trail_fail(struct trail *s, int e);

/* trail_second.c */
/** trail_second_open(s, second): Is it the directory that this stream has?  0; negative: lines may lie in another one, nothing is begun. */
int trail_second_open(struct trail *s, int second) __attribute__((warn_unused_result));
/** trail_place(s): The directory in which files are begun. */
int trail_place(const struct trail *s);
/** trail_second_turn(s, e): A file failed with ${e} where it was.  True: go on in the second directory at once. */
bool trail_second_turn(struct trail *s, int e);
/** trail_second_full(s): The first directory has no room left: true when the second one is used instead. */
bool trail_second_full(struct trail *s);
void trail_second_tick(struct trail *s);
/** trail_second_close(s): After the last file: when nothing lies in the second directory, the next start may have another. */
void trail_second_close(struct trail *s);

/* trail_room.c */
void trail_room_begin(struct trail *s);
/** trail_room_say(s, kind, event, err): A line about the disk.  trail_room_reserve(s): Put room aside at trail_place(). */
void trail_room_say(struct trail *s, const char *kind, const char *event, int err);
void trail_room_reserve(struct trail *s);
/** trail_room_failed(s, err): A write was refused: when for lack of room, pause, and let the reserve be tried at once. */
void trail_room_failed(struct trail *s, int err);
void trail_room_tick(struct trail *s);

/* trail_seal.c */
void trail_range_begin(struct trail *s);
/** trail_put_seal(s): A seal over the range.  0 or negative. */
int trail_put_seal(struct trail *s) __attribute__((warn_unused_result));
/** trail_key_past(s): The seals up to s->safe are on disk: their keys go. */
void trail_key_past(struct trail *s);
/** trail_checkpoint(s, filed): Say how far the stream is, when there is something new; ${filed}: also in a file that stays. */
void trail_checkpoint(struct trail *s, bool filed);

#endif
