/*
 * quarantine.h - what was not let in, and why: quarantine/host=HOST/PART/NAME and NAME.reason.
 * Floor: fleet.      Owns: nothing.      PART: "audit", "journal", "policies".
 *
 * NAME.reason, one line of JSON: {"host","part","file","reason","words","time","sha256"}; "sha256" is "" when the bytes were not kept.
 * NAME is the peer's; bytes that could mislead are '_'.  The same bytes under the same name are kept once.
 */
#ifndef FLEET_QUARANTINE_H
#define FLEET_QUARANTINE_H

#include "audit/chain.h"

/* Append only: status and whoever reads the reasons go by these words. */
#define QUARANTINE_TAMPERED "tampered"           /* bytes are not those of the name, lines or seals are wrong */
#define QUARANTINE_ROLLED_BACK "rolled-back"     /* whole, made with the host's key, and another history than the one that is here */
#define QUARANTINE_OTHER_HOST "other-host"       /* another host's file */
#define QUARANTINE_BAD_NAME "bad-name"
#define QUARANTINE_NOT_A_FILE "not-a-file"       /* a link, a fifo, a device */
#define QUARANTINE_TOO_LARGE "too-large"
#define QUARANTINE_BAD_CHECKPOINT "bad-checkpoint" /* not whole, or not signed by this host */
#define QUARANTINE_BAD_POLICY "bad-policy"       /* not the document that its name says */

enum { QUARANTINE_FILES = 1000, QUARANTINE_WORDS = 300 }; /* of a host and part; after these only the newest reason is told, in the report */

struct quarantine_item {
	const char *host, *part, *file, *reason, *words;
	const char *copy;   /* path below the store of the bytes, which are moved; NULL: not kept */
	const uint8_t *sha; /* of these */
};

/** quarantine_put(store, item): 0; -EDQUOT: the host has QUARANTINE_FILES there, nothing is kept; or another negative.  item->copy is gone on 0 and -EDQUOT. */
int quarantine_put(int store, const struct quarantine_item *item) __attribute__((warn_unused_result));

#endif
