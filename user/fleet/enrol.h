/*
 * enrol.h - what a collector knows about a workstation before its first file comes: hosts/HOST/enrol.json, 0400.
 * Floor: fleet.      Owns: its buffers; enrol_free() wipes them.      Errors: negative.
 *
 *	{"callgate_enrol":1,"host":HOST,"enrolled_at":RFC3339,"push":SSHKEY,"fetch":SSHKEY,"vault":HEX,
 *	 "keys":{"audit":[KEY,...],"journal":[KEY,...]}}
 * KEY is the object of keys/ID.json of that trail, the key of its first seal in it: who has it can make seals of that trail.
 * SSHKEY is "ssh-ed25519 BASE64", "" when the host does not ship by ssh.  "vault" is the public half of the host's vault key, "" for none.
 */
#ifndef FLEET_ENROL_H
#define FLEET_ENROL_H

#include "base/buf.h"
#include "fleet/layout.h"

enum { ENROL_MAX = 1 << 18, ENROL_SSH = 128, ENROL_VAULT = 65, ENROL_KEYS = 64 };

struct enrol {
	char host[NAMES_HOST], at[40];
	char push[ENROL_SSH], fetch[ENROL_SSH]; /* public keys */
	char vault[ENROL_VAULT];
	struct buf keys[LAYOUT_TRAILS]; /* lines of keys/ID.json, as verify_opts takes them */
};

/** enrol_parse(text, e): 0 or -ERR_MALFORMED, and nothing is held then. */
int enrol_parse(struct view text, struct enrol *e) __attribute__((warn_unused_result));

/** enrol_text(e, out): Append the JSON text and a newline. */
int enrol_text(const struct enrol *e, struct buf *out) __attribute__((warn_unused_result));

/** enrol_read(store, host, e): From the store; -ENOENT: nobody enrolled it; -ERR_MALFORMED also when it is another host's. */
int enrol_read(int store, const char *host, struct enrol *e) __attribute__((warn_unused_result));

void enrol_free(struct enrol *e);

#endif
