/*
 * collector.h - the collector itself: its store, name and key.
 * Floor: fleet.      Owns: nothing.      Files: store.json; collector.key, 0400: an Ed25519 seed; collector.box, 0400: an X25519 key; collector.vkey;
 * and collector.json, which workstations get:
 *	{"callgate_collector":1,"org":ORG,"vkey":VKEY,"box":HEX,"ssh":{"to":"USER@HOST","port":N,"host_key":"TYPE BASE64"}}      "ssh" may be missing
 */
#ifndef FLEET_COLLECTOR_H
#define FLEET_COLLECTOR_H

#include "audit/mac.h"
#include "audit/note.h"
#include "base/box.h"

enum { COLLECTOR_ORG = 64, COLLECTOR_MAX = 8192, COLLECTOR_SSH = 256, COLLECTOR_HOST_KEY = 1024 };

/* What workstations know of it. */
struct collector {
	char org[COLLECTOR_ORG], vkey[NOTE_VKEY];
	uint8_t box[BOX_KEY];
	char ssh[COLLECTOR_SSH]; /* USER@HOST; "": no ssh */
	char host_key[COLLECTOR_HOST_KEY];
	unsigned port;
};

/** collector_org(s): Is it a name for one: 1 to 63 of A-Z a-z 0-9 . _ -, as hosts? */
bool collector_org(const char *s);

/** collector_init(store, c): Make an empty directory a store; c->vkey and c->box are filled in.  -EEXIST: it is one; -ENOTEMPTY; -ERR_MALFORMED. */
int collector_init(int store, struct collector *c) __attribute__((warn_unused_result));

/** collector_parse(text, c): collector.json.  0 or -ERR_MALFORMED. */
int collector_parse(struct view text, struct collector *c) __attribute__((warn_unused_result));

/** collector_name(store, name): "callgate-collector/ORG"; -ENOENT: no store; -ERR_MALFORMED. */
int collector_name(int store, char name[NOTE_NAME]) __attribute__((warn_unused_result));

/** collector_seed(store, seed): Wipe it after use. */
int collector_seed(int store, uint8_t seed[SIGN_SEED]) __attribute__((warn_unused_result));
int collector_box(int store, uint8_t key[BOX_KEY]) __attribute__((warn_unused_result));

/** collector_lock(store): Be the only one who changes the store until the descriptor is closed.  -EAGAIN: somebody else is. */
int collector_lock(int store) __attribute__((warn_unused_result));

#endif
