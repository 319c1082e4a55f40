/*
 * execs.h - read the BPF ring buffer of exec events by its memory alone: no bpf(2), no libbpf.
 * Floor: ident.      Source: kernel/bpf/ringbuf.c, "BPF ring buffer" in the kernel's documentation.      Owns: its mappings.
 *
 * The map is one page that we write (how far we have read), one that we read (how far was written), and the data, mapped twice in a
 * row so that a record that wraps is whole.  A record: u32 length with two flag bits, u32 kernel's own, data, padding to 8.
 */
#ifndef IDENT_EXECS_H
#define IDENT_EXECS_H

#include "base/view.h"
#include "bpf/abi.h"

struct execs;

/** execs_open(procfs, fd, x): Map the ring buffer ${fd} (borrowed for the life of ${x}); its size is read from /proc/self/fdinfo. */
int execs_open(int procfs, int fd, struct execs **x) __attribute__((warn_unused_result));
void execs_free(struct execs **x);

/** execs_next(x, e): Copy out the next event: 1, 0 when there is none, -ERR_CORRUPT when a length makes no sense (read no further). */
int execs_next(struct execs *x, struct cg_exec *e) __attribute__((warn_unused_result));

/** execs_peek(x, e): The same of events that stay where they are: each is shown once, and comes with execs_next() in its turn. */
int execs_peek(struct execs *x, struct cg_exec *e) __attribute__((warn_unused_result));

/** execs_take(x, out, size): The same of a ring buffer of another record, of ${size} bytes; records of other sizes are passed over. */
int execs_take(struct execs *x, void *out, size_t size) __attribute__((warn_unused_result));

/** execs_on(consumer, producer, data, size): The same over memory that is laid out so already (data is 2 x size); for tests. */
struct execs *execs_on(void *consumer, const void *producer, const void *data, size_t size);

#endif
