/*
 * hasher.h - digests of executables, made by a thread of its own: whoever recognises agents waits for no file.
 * Floor: ident (uses digest, describe).      Owns: the thread, what it is asked.
 *
 * Opening an executable, asking for its size and reading it may each take as long as a file system of somebody's likes.
 * The thread is to be there before the sandbox's seccomp is.
 */
#ifndef IDENT_HASHER_H
#define IDENT_HASHER_H

#include "ident/describe.h"
#include "ident/digest.h"

enum { HASHER_QUEUE = 512, HASHER_WAITERS = 256 };

struct hasher;
struct hashed { /* an answer */
	uint64_t id;
	int status; /* 0: in ${sum}; negative: there is none */
	uint8_t sum[DIGEST_LEN];
};

/** hasher_new(d, h): ${d} is borrowed for its life; only describe_exe() is called, which changes nothing of it.  0, -ENOMEM, -errno. */
int hasher_new(const struct describe *d, struct hasher **h) __attribute__((warn_unused_result));
/** hasher_free(h): Waits for the piece that is being read. */
void hasher_free(struct hasher **h);

/** hasher_ask(h, q, id): The digest of what the process of ${q} runs.  ${id} comes back with the answer; 0: nobody waits for one.  -EAGAIN: too many questions. */
int hasher_ask(struct hasher *h, const struct m_describe *q, uint64_t id) __attribute__((warn_unused_result));
/** hasher_fd(h): Readable when there are answers; borrowed.  hasher_next(h, out): Take one; false when there is none. */
int hasher_fd(const struct hasher *h);
bool hasher_next(struct hasher *h, struct hashed *out);

/** hasher_stuck_ms(h): How long the thread has been with the one thing that it is at; 0 when it has nothing to do. */
uint64_t hasher_stuck_ms(struct hasher *h);

#endif
