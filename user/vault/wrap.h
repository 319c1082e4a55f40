/*
 * wrap.h - one item of the store as a file: its body under a key of its own, that key under the vault's.
 * Floor: vault.      Source: NIST SP 800-38D (AES-256-GCM, 96-bit random nonces).      Owns: nothing but struct wrap_key.
 *
 * A file, little-endian:
 *    0  "CGV1"                      4  kind   5  length of name   6  length of type   7  zero
 *    8  version u32                12  length of scope u16       14  zero u16
 *   16  created u64, seconds       24  length of body u32        28  name, type, scope
 *   then nonce 12, wrapped key 32, tag 16; then nonce 12, body, tag 16; nothing after it, but where the file begins with "CGV2"
 * the version before, as it was.  Then 28 is its overlap u32 (how long it stays usable, seconds, > 0), 32 boot u64, and 40 name, type, scope.
 * Everything before the first nonce is authenticated twice, with the key and with the body: a file moved to another name,
 * an edited scope or version, a body joined to another header do not open.
 */
#ifndef VAULT_WRAP_H
#define VAULT_WRAP_H

#include "base/buf.h"
#include "base/keep.h"

enum wrap_kind { /* stable: they are on disk */
	WRAP_CREDENTIAL = 1,
	WRAP_CA = 2,
	WRAP_GONE = 3, /* a removed credential: keeps the version from being used twice */
};

enum {
	WRAP_NAME = 64,
	WRAP_TYPE = 32,
	WRAP_SCOPE = 1024,
	WRAP_BODY_MAX = 16384,
	WRAP_HEAD = 28,
	WRAP_MORE = 12,
	WRAP_EXTRA = 12 + 32 + 16 + 12 + 16,
	WRAP_ITEM_MAX = WRAP_HEAD + WRAP_MORE + WRAP_NAME + WRAP_TYPE + WRAP_SCOPE + WRAP_EXTRA + WRAP_BODY_MAX,
	WRAP_FILE_MAX = 2 * WRAP_ITEM_MAX,
};

struct wrap_head {
	enum wrap_kind kind;
	uint32_t version;
	uint64_t created_s; /* CLOCK_REALTIME */
	uint64_t overlap_s; /* how long from then on the version before stays usable; 0: not at all */
	uint64_t boot_s;    /* the same instant of CLOCK_BOOTTIME; 0 without an overlap */
	char name[WRAP_NAME];
	char type[WRAP_TYPE];
	char scope[WRAP_SCOPE]; /* hosts it may ever be released for, one space between; empty: as registered */
};

struct wrap_key;

/** wrap_key_read(fd, k): Read the key file: 32 raw bytes, or 64 hexadecimal digits and at most one line end.  -ERR_MALFORMED, errno. */
int wrap_key_read(int fd, struct wrap_key **k) __attribute__((warn_unused_result));
/** wrap_key_free(k): Wipe, release, NULL.  NULL-safe. */
void wrap_key_free(struct wrap_key **k);
/** wrap_key_kept(k): Where the key lies, to say what is weaker than it should be. */
const struct keep *wrap_key_kept(const struct wrap_key *k);

/** wrap_name_ok(s): Is ${s} a name: 1 to 63 of A-Z a-z 0-9 . _ - ? */
bool wrap_name_ok(const char *s);

/** wrap_seal(k, h, plain, out): Append the item to ${out}.  0, -ERR_TOO_LONG, -ERR_MALFORMED (name), -EIO (no randomness). */
int wrap_seal(const struct wrap_key *k, const struct wrap_head *h, struct view plain, struct buf *out)
    __attribute__((warn_unused_result));

/** wrap_first(file): The first item of a file, whose end its header tells, unauthenticated; all of it when it tells none, or nothing may follow.  Any input is legal. */
struct view wrap_first(struct view file);

/** wrap_open(k, item, h, plain): Check and open one item.  0, or -ERR_CORRUPT and ${plain} wiped; ${plain} has WRAP_BODY_MAX bytes. */
int wrap_open(const struct wrap_key *k, struct view item, struct wrap_head *h, struct keep *plain)
    __attribute__((warn_unused_result));

#endif
