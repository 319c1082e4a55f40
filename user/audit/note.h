/*
 * note.h - a checkpoint: how far a stream is and where its chain stands, signed, in a small text of its own.
 * Floor: audit.      Source: C2SP signed-note (text, blank line, "— NAME BASE64(key hash, signature)").
 *
 *	callgate/HOST/STREAM
 *	SIZE                      number of the last line that counts: that of a seal
 *	BASE64(HEAD)              of the chain after it
 *	seal N MAC
 *	epoch E key KEYID
 *	time RFC3339
 *
 *	— callgate/HOST/STREAM BASE64(first 4 bytes of SHA-256(NAME, "\n", 0x01, PUBLIC), SIGNATURE)
 */
#ifndef AUDIT_NOTE_H
#define AUDIT_NOTE_H

#include "audit/chain.h"
#include "audit/mac.h"
#include "base/buf.h"

enum { NOTE_NAME = 128, NOTE_MAX = 2048, NOTE_VKEY = 256 };

struct note {
	char name[NOTE_NAME]; /* "callgate/HOST/STREAM" */
	uint64_t size, seal, epoch;
	uint8_t head[CHAIN_LEN], mac[MAC_LEN];
	char key_id[MAC_ID], time[40];
};

/** note_make(n, seed, out): Append the signed text.  0 or negative. */
int note_make(const struct note *n, const uint8_t seed[SIGN_SEED], struct buf *out) __attribute__((warn_unused_result));

/** note_read(text, n): 0 or -ERR_MALFORMED; the signature is not looked at. */
int note_read(struct view text, struct note *n) __attribute__((warn_unused_result));

/** note_signed(text, name, key): Does a line carry a good signature by ${key} under ${name}? */
bool note_signed(struct view text, const char *name, const uint8_t key[SIGN_PUBLIC]);

/** note_vkey(name, key, out): The key as verifiers of signed notes want it: NAME+HASH+BASE64(0x01, PUBLIC).  0 or -ENOMEM. */
int note_vkey(const char *name, const uint8_t key[SIGN_PUBLIC], char out[NOTE_VKEY]) __attribute__((warn_unused_result));

/* Other signed texts are made of the same parts (receipt.h). */

/** note_key(vkey, name, key): Take such a key apart, without the newline of its file.  0 or -ERR_MALFORMED, ${name} then empty. */
int note_key(struct view vkey, char name[NOTE_NAME], uint8_t key[SIGN_PUBLIC]) __attribute__((warn_unused_result));

/** note_sign(name, seed, from, out): Sign what ${out} holds from offset ${from} on, which ends with a newline: appends the blank line and the signature.  0 or negative. */
int note_sign(const char *name, const uint8_t seed[SIGN_SEED], size_t from, struct buf *out) __attribute__((warn_unused_result));

/** note_signature(text, name, key, out): note_signed(), and the signature's text, borrowed.  note_signed_by(): Append the blank line and such a one. */
bool note_signature(struct view text, const char *name, const uint8_t key[SIGN_PUBLIC], struct view *out);
int note_signed_by(const char *name, const char *signature, struct buf *out) __attribute__((warn_unused_result));

/** note_line(v, out, cap): Take one line off ${v}, without its newline.  False: none that ends and fits, or it holds a NUL. */
bool note_line(struct view *v, char *out, size_t cap) __attribute__((warn_unused_result));

#endif
