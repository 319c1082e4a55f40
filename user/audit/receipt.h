/*
 * receipt.h - a collector's word that it holds a sealed file, signed, in a small text of its own: SEGMENT.receipt.
 * Floor: audit.      Source: C2SP signed-note, as note.h.      Owns: nothing.
 *
 *	callgate-receipt/v1
 *	host HOST                 as in the file's name
 *	trail audit               or "journal"
 *	segment HOST-EPOCH-FIRST-LAST-SHA16.jsonl.gz
 *	sha256 HEX                of the whole file, 64 digits
 *	first N
 *	last N
 *	received RFC3339          UTC
 *
 *	— NAME BASE64(first 4 bytes of SHA-256(NAME, "\n", 0x01, PUBLIC), SIGNATURE)
 *
 * Exactly these lines: nothing may be left out, added or stand elsewhere.  The fields repeat what the file's name says, and a receipt in
 * which the two differ is none.
 */
#ifndef AUDIT_RECEIPT_H
#define AUDIT_RECEIPT_H

#include "audit/chain.h"
#include "audit/mac.h"
#include "audit/names.h"
#include "audit/note.h"
#include "base/buf.h"

enum { RECEIPT_MAX = 2048, RECEIPT_TRAIL = 16, RECEIPT_SIGNATURE = 100 };
#define RECEIPT_SUFFIX ".receipt"

struct receipt {
	char trail[RECEIPT_TRAIL];
	char segment[NAMES_MAX]; /* file name, without a directory */
	struct names names;      /* what it says: host, first, last; filled in by receipt_read() */
	uint8_t sha256[CHAIN_LEN];
	char received[40];
	char collector[NOTE_NAME], signature[RECEIPT_SIGNATURE]; /* its name and what stands behind it; filled in by receipt_verify() */
};

/**
 * receipt_make(r, name, seed, out):
 * Append the signed text; ${name} is the collector's, as in its vkey.  r->names need not be filled in.  0, -ERR_MALFORMED when the fields
 * do not agree with the segment's name, or another negative.
 */
int receipt_make(const struct receipt *r, const char *name, const uint8_t seed[SIGN_SEED], struct buf *out) __attribute__((warn_unused_result));

/** receipt_read(text, r): 0 or -ERR_MALFORMED.  The signature is not looked at: nobody may act on this alone. */
int receipt_read(struct view text, struct receipt *r) __attribute__((warn_unused_result));

/** receipt_verify(text, vkey, r): The same for a text that ${vkey} (note.h) signed; 0, -ERR_MALFORMED, or -ERR_CORRUPT: another key, or changed. */
int receipt_verify(struct view text, struct view vkey, struct receipt *r) __attribute__((warn_unused_result));

/** receipt_again(r, out): Append the text that ${r} came from, by its fields, collector and signature; nothing is checked.  0 or negative. */
int receipt_again(const struct receipt *r, struct buf *out) __attribute__((warn_unused_result));

#endif
