/*
 * parcel.h - a signed bundle: servers, policies, grants and sealed credentials for one workstation, as one file.
 * Floor: admin.      Pure.      Source: C2SP signed-note for the signature; base/box.h for what is sealed.
 * (Named apart from the bundle for an auditor, user/evidence.)
 *
 *	callgate-bundle/v1
 *	MANIFEST                  one line of JSON, members sorted, no spaces
 *
 *	— callgate-bundle/ORG BASE64(key hash, Ed25519 signature over everything up to the empty line)
 *	BOX BOX ...               of the manifest's credentials in their order, and nothing after them
 *
 * MANIFEST: {"credentials":[{"bytes","name","sha256","type"}],"grants":[...],"host","local":[...],"made","policies":{NAME:TEXT},
 * "servers":[...],"vault","version"}.  A box is bound by its hash and length, so there is one file for one signature.
 * Servers and grants are as the requests server.add and grant.add take them; a grant may have "user" instead of "uid".
 * "local": of which kinds the workstation may have its own: "servers", "grants", "policies", "credentials".
 */
#ifndef ADMIN_PARCEL_H
#define ADMIN_PARCEL_H

#include <jansson.h>

#include "audit/mac.h"
#include "audit/note.h"
#include "base/box.h"

enum {
	PARCEL_MAX = 8 << 20,
	PARCEL_CREDENTIALS = 256,
	PARCEL_ITEMS = 2000,   /* servers, grants or policies */
	PARCEL_NAME_MAX = 54,  /* of a credential: the vault keeps it under a longer one */
	PARCEL_WHY = 512,
};

#define PARCEL_SIGNER "callgate-bundle/" /* and the organisation: the name that a bundle is signed under */

struct parcel {
	json_t *manifest;
	uint64_t version;
	const char *host, *vault, *made; /* vault: public key in hexadecimal, "" when nothing is sealed */
	char sha256[CHAIN_HEX];          /* of the file */
	size_t n;                        /* credentials */
	struct view box[PARCEL_CREDENTIALS]; /* borrowed from the file */
};

/**
 * parcel_open(file, vkey, p, why):
 * Check the signature of ${vkey} (note_vkey()) before anything in ${file} (any bytes) is looked at, then every byte against it.
 * 0; -ERR_DENIED: not signed by that key, or changed; -ERR_MALFORMED: signed, and yet no bundle; -ENOMEM.  ${why}: one line.
 * p->sha256 is filled in any case; free ${p} in any case.
 */
int parcel_open(struct view file, const char *vkey, struct parcel *p, char why[PARCEL_WHY]) __attribute__((warn_unused_result));
void parcel_free(struct parcel *p);

/**
 * parcel_fits(p, host, version, why):
 * Is it for ${host}, and newer than ${version}, the one in force (0: none)?  0 or -ERR_DENIED with a line in ${why}.
 */
int parcel_fits(const struct parcel *p, const char *host, uint64_t version, char why[PARCEL_WHY]) __attribute__((warn_unused_result));

/** parcel_signer(name): Is it one that bundles are signed under, PARCEL_SIGNER and an organisation? */
bool parcel_signer(const char *name);

/** parcel_kind(s): Is it a word of "local"? */
bool parcel_kind(const char *s);

/** parcel_what(version, host, name, out): What the box of credential ${name} is sealed for. */
void parcel_what(uint64_t version, const char *host, const char *name, char out[BOX_WHAT]);

/**
 * parcel_make(manifest, box, n, name, seed, out):
 * Append the file.  ${manifest} has all members; its ${n} credentials have "name" and "type" and get the rest from ${box}.
 * 0, -ERR_MALFORMED (not what parcel_open() takes), -ERR_TOO_LONG, -ENOMEM.
 */
int parcel_make(json_t *manifest, const struct buf *box, size_t n, const char *name, const uint8_t seed[SIGN_SEED], struct buf *out)
    __attribute__((warn_unused_result));

#endif
