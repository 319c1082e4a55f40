/*
 * room.h - how much room a trail's disk has, and room put aside for when it has none.
 * Floor: audit.      Units: bytes.      Owns: the file open/reserve.
 *
 * The reserve is an empty file with blocks of its own behind its end: as the next segment it can be written when the disk is full,
 * whoever took the rest.  Its name is none of a segment, so nothing reads or repairs it.
 */
#ifndef AUDIT_ROOM_H
#define AUDIT_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#define ROOM_RESERVE "open/reserve"

/* As auditd counts them: a warning, a last warning, no room. */
enum room_stage { ROOM_GOOD, ROOM_SPACE_LEFT, ROOM_ADMIN_SPACE_LEFT, ROOM_FULL };

struct room_conf {
	uint64_t space_left, admin_space_left; /* free bytes below which the stage is reached; 0: never */
	uint64_t reserve;                      /* 0: none; then only a refused write says that the disk is full */
};

struct room {
	uint64_t free, total; /* for a writer without privileges */
};

enum { ROOM_LEAST = 1 << 20 }; /* with less than this nothing else can be done on the disk */

/** room_look(dir, r): The file system of ${dir} now.  0 or negative errno. */
int room_look(int dir, struct room *r) __attribute__((warn_unused_result));

/** room_stage(r, conf): What that means, without a write having been refused. */
enum room_stage room_stage(const struct room *r, const struct room_conf *conf);

/** room_word(stage): "good", "space_left", "admin_space_left", "full": as records and status have it. */
const char *room_word(enum room_stage stage);

/** room_error(e): Does this error say that there is no room? */
bool room_error(int e);

/** room_set_aside(dir, bytes): Make the reserve, or keep the one that is there.  0 or negative errno: there is none then. */
int room_set_aside(int dir, uint64_t bytes) __attribute__((warn_unused_result));

#endif
