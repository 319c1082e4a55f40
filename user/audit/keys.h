/*
 * keys.h - the keys of one stream on disk, below keys/ of its directory.
 * Floor: audit.      Owns: its descriptors and its copies of the keys, which are wiped.
 *
 *	state      0600  number of the next seal and its key, written over at every seal: earlier keys are nowhere
 *	ID.json    0400  the key of the first seal, and the public half: for whoever verifies; to be taken away and removed here
 *	ID.vkey    0444  the public half alone
 *	ID.sign    0400  Ed25519 seed that signs checkpoints
 *
 * The state is 96 bytes, inside one sector: "CGSEALK1", number (8 bytes, least first), ID (16 digits), key (32), SHA-256 of these (32).
 */
#ifndef AUDIT_KEYS_H
#define AUDIT_KEYS_H

#include "audit/mac.h"
#include "audit/note.h"

struct keys;

/**
 * keys_open(dir, host, stream, next, out):
 * Take the keys of ${dir}, moved on to seal number ${next} if they were behind (in memory: keys_save() follows); make new ones if there are none, or none that can be
 * read.  0 or negative.
 */
int keys_open(int dir, const char *host, const char *stream, uint64_t next, struct keys **out) __attribute__((warn_unused_result));
void keys_free(struct keys **k);

/** keys_next(k, key): Number of the next seal, and its key. */
uint64_t keys_next(const struct keys *k, uint8_t key[MAC_LEN]);
/** keys_behind(k): The file has a key that is used up: keys_save() it. */
bool keys_behind(const struct keys *k);
/** keys_save(k, next, key): Seals below ${next} are on disk: forget their keys.  0 or negative errno. */
int keys_save(struct keys *k, uint64_t next, const uint8_t key[MAC_LEN]) __attribute__((warn_unused_result));
/** keys_sync(k): fdatasync(2) of it, if there is something. */
int keys_sync(struct keys *k) __attribute__((warn_unused_result));

/** keys_id(k), keys_name(k): Borrowed.  keys_waiting(k): nobody has taken ID.json away yet. */
const char *keys_id(const struct keys *k);
const char *keys_name(const struct keys *k);
bool keys_waiting(const struct keys *k);

/** keys_sign(k, n, out): Sign a checkpoint; fills in name and key. */
int keys_sign(const struct keys *k, struct note *n, struct buf *out) __attribute__((warn_unused_result));

/** keys_sign_text(k, out): Sign another text, all of ${out}, in the way of a checkpoint.  keys_signed(k, text): Is it signed by this key, in this name? */
int keys_sign_text(const struct keys *k, struct buf *out) __attribute__((warn_unused_result));
bool keys_signed(const struct keys *k, struct view text);

/* What a verifier reads: one line of ID.json. */
struct keys_export {
	char id[MAC_ID], name[NOTE_NAME];
	uint64_t first; /* number of the seal that the key belongs to */
	uint8_t key[MAC_LEN], public[SIGN_PUBLIC];
};
/** keys_parse(line, out): 0 or -ERR_MALFORMED.  Wipe it after use. */
int keys_parse(struct view line, struct keys_export *out) __attribute__((warn_unused_result));

#endif
