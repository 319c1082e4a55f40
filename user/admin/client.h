/*
 * client.h - the control socket and who sits at the other end.
 * Process: callgate-admin.      Floor: admin.      Owns: its descriptors and buffers; what held a secret is wiped.
 */
#ifndef ADMIN_CLIENT_H
#define ADMIN_CLIENT_H

#include "admin/admin.h"
#include "base/buf.h"

struct client {
	struct list node;
	struct admin *a;
	int fd, pidfd;
	uint32_t pid, uid, gid;
	uint32_t sender, sender_uid; /* a process that wrote to the connection without having opened it; 0: none did */
	struct buf in, out;
	size_t seen;         /* bytes of in that hold no newline */
	bool eof, closing, big;
	bool hungry;         /* the buffer holds no whole request */
	struct job *job;     /* one at a time; nothing more is read meanwhile */
	struct mono deadline;
};

/** client_listen(a): Begin to accept on a->listener. */
int client_listen(struct admin *a) __attribute__((warn_unused_result));
/** client_answer(c, answer): Send ${answer} (taken over) and go on with the next request. */
void client_answer(struct client *c, json_t *answer);
/** client_alive(c): Does the process that connected still run? */
bool client_alive(const struct client *c);
/** client_groups(c, out, max): The groups that the process had when it connected, its main one among them; how many. */
size_t client_groups(const struct client *c, uint32_t *out, size_t max);
void client_drop(struct client *c);
void client_expire(struct admin *a, struct mono now);

#endif
