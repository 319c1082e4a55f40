/*
 * ring.c - see ring.h.
 *
 * seccomp does not see what a ring does, so the ring itself is told: it is made disabled, restricted to the operations of the
 * table below and to giving its own registration back, and only then enabled.  Nothing can widen it afterwards.
 * liburing 2.3 has no exported call for the restriction in Debian's library: io_uring_register(2) is used as it is.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/err.h"
#include "io/ring.h"

static const uint8_t opcodes[] = {
	IORING_OP_ACCEPT, IORING_OP_POLL_ADD, IORING_OP_CONNECT, IORING_OP_RECV, IORING_OP_SEND, IORING_OP_ASYNC_CANCEL,
};

enum {
	OPCODES = sizeof(opcodes),
	BR_LEN = (RING_BUFS * sizeof(struct io_uring_buf) + 4095) & ~(size_t)4095,
	MEM_LEN = BR_LEN + RING_BUFS * RING_BUF_LEN,
};

static const struct {
	uint32_t bit;
	const char *name;
} features[] = {
	{IORING_FEAT_NODROP, "completions that are never dropped (NODROP)"},
	{IORING_FEAT_SUBMIT_STABLE, "stable submissions (SUBMIT_STABLE)"},
	{IORING_FEAT_FAST_POLL, "internal polling (FAST_POLL)"},
	{IORING_FEAT_EXT_ARG, "waiting with a timeout (EXT_ARG)"},
};

size_t ring_opcodes(uint8_t *out, size_t n)
{
	for (size_t i = 0; i < OPCODES && i < n; i++)
		out[i] = opcodes[i];
	return OPCODES;
}

static int setup(struct ring *r, unsigned entries, char *why, size_t why_len)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = entries * 4,
	};
	int e = io_uring_queue_init_params(entries, &r->u, &p);

	switch (-e) {
	case 0:
		break;
	case ENOSYS:
		snprintf(why, why_len, "this kernel has no io_uring; Linux 6.1 or later is needed");
		return -ERR_NO_FEATURE;
	case EPERM:
		snprintf(why, why_len, "io_uring is switched off for this process (sysctl kernel.io_uring_disabled)");
		return -ERR_NO_FEATURE;
	case EINVAL:
		snprintf(why, why_len, "io_uring lacks DEFER_TASKRUN; Linux 6.1 or later is needed");
		return -ERR_NO_FEATURE;
	default:
		snprintf(why, why_len, "io_uring_setup: %s", err_text(e));
		return e;
	}
	r->open = true;
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (!(p.features & features[i].bit)) {
			snprintf(why, why_len, "io_uring lacks %s", features[i].name);
			return -ERR_NO_FEATURE;
		}
	return 0;
}

static int check_opcodes(struct ring *r, char *why, size_t why_len)
{
	union {
		struct io_uring_probe p;
		uint8_t room[sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)];
	} u = {0};
	int e = io_uring_register((unsigned)r->u.ring_fd, IORING_REGISTER_PROBE, &u, 256);

	for (size_t i = 0; !e && i < OPCODES; i++)
		if (opcodes[i] > u.p.last_op || !(u.p.ops[opcodes[i]].flags & IO_URING_OP_SUPPORTED))
			e = -EOPNOTSUPP;
	if (!e)
		return 0;
	snprintf(why, why_len, "io_uring lacks an operation that is needed (%s)", err_text(e));
	return -ERR_NO_FEATURE;
}

static void lend(struct ring *r, uint16_t id)
{
	io_uring_buf_ring_add(r->br, r->mem + BR_LEN + (size_t)id * RING_BUF_LEN, RING_BUF_LEN, id,
	    io_uring_buf_ring_mask(RING_BUFS), 0);
	io_uring_buf_ring_advance(r->br, 1);
}

static int lend_all(struct ring *r, char *why, size_t why_len)
{
	void *mem = mmap(NULL, MEM_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return -ENOMEM;
	r->mem = mem;
	r->br = mem;
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)mem, .ring_entries = RING_BUFS, .bgid = RING_GROUP};
	int e = io_uring_register_buf_ring(&r->u, &reg, 0);
	if (e) {
		snprintf(why, why_len, "io_uring lacks provided buffer rings (%s)", err_text(e));
		return -ERR_NO_FEATURE;
	}
	io_uring_buf_ring_init(r->br);
	for (uint16_t i = 0; i < RING_BUFS; i++)
		lend(r, i);
	return 0;
}

static int restrict_and_enable(struct ring *r, char *why, size_t why_len)
{
	struct io_uring_restriction rule[OPCODES + 2] = {0};

	for (size_t i = 0; i < OPCODES; i++) {
		rule[i].opcode = IORING_RESTRICTION_SQE_OP;
		rule[i].sqe_op = opcodes[i];
	}
	rule[OPCODES].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	rule[OPCODES].sqe_flags = IOSQE_BUFFER_SELECT;
	rule[OPCODES + 1].opcode = IORING_RESTRICTION_REGISTER_OP;
	rule[OPCODES + 1].register_op = IORING_UNREGISTER_RING_FDS;
	int e = io_uring_register((unsigned)r->u.ring_fd, IORING_REGISTER_RESTRICTIONS, rule, OPCODES + 2);
	if (!e)
		e = io_uring_register((unsigned)r->u.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	if (e) {
		snprintf(why, why_len, "io_uring cannot be restricted (%s)", err_text(e));
		return -ERR_NO_FEATURE;
	}
	return 0;
}

int ring_open(struct ring *r, unsigned entries, char *why, size_t why_len)
{
	*r = (struct ring){0};
	int e = setup(r, entries, why, why_len);
	if (!e)
		e = check_opcodes(r, why, why_len);
	if (!e)
		e = lend_all(r, why, why_len);
	/* Spares the look-up of the ring's descriptor in each call; works without, too. */
	if (!e)
		(void)io_uring_register_ring_fd(&r->u);
	if (!e)
		e = restrict_and_enable(r, why, why_len);
	if (e)
		ring_close(r);
	return e;
}

void ring_close(struct ring *r)
{
	if (r->open) {
		(void)io_uring_unregister_ring_fd(&r->u);
		io_uring_queue_exit(&r->u);
	}
	if (r->mem)
		munmap(r->mem, MEM_LEN);
	*r = (struct ring){0};
}

struct io_uring_sqe *ring_sqe(struct ring *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->u);

	if (!sqe && io_uring_submit(&r->u) > 0)
		sqe = io_uring_get_sqe(&r->u);
	return sqe;
}

uint64_t ring_data(enum op op, uint32_t slot, uint32_t gen)
{
	return (uint64_t)gen << 32 | slot << 8 | (uint32_t)op;
}

void ring_tag(struct io_uring_sqe *sqe, enum op op, uint32_t slot, uint32_t gen)
{
	io_uring_sqe_set_data64(sqe, ring_data(op, slot, gen));
}

int ring_wait(struct ring *r, uint64_t ns)
{
	struct io_uring_cqe *cqe;
	struct __kernel_timespec t = {.tv_sec = (int64_t)(ns / 1000000000u), .tv_nsec = (int64_t)(ns % 1000000000u)};
	int e = io_uring_submit_and_wait_timeout(&r->u, &cqe, 1, ns == UINT64_MAX ? NULL : &t, NULL);

	/* EBUSY and EAGAIN: completions wait to be taken; taking them is what comes next. */
	return e >= 0 || e == -ETIME || e == -EINTR || e == -EBUSY || e == -EAGAIN ? 0 : e;
}

bool ring_next(struct ring *r, struct event *e)
{
	struct io_uring_cqe *cqe;
	unsigned head, seen = 0;

	io_uring_for_each_cqe(&r->u, head, cqe) {
		uint64_t d = cqe->user_data;
		*e = (struct event){
			.op = (enum op)(d & 0xff),
			.slot = (uint32_t)d >> 8,
			.gen = (uint32_t)(d >> 32),
			.res = cqe->res,
			.more = cqe->flags & IORING_CQE_F_MORE,
			.has_buf = cqe->flags & IORING_CQE_F_BUFFER,
			.buf = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT),
		};
		seen = 1;
		break;
	}
	io_uring_cq_advance(&r->u, seen);
	return seen;
}

struct view ring_bytes(const struct ring *r, const struct event *e)
{
	if (!e->has_buf || e->res <= 0 || e->buf >= RING_BUFS)
		return view_of(NULL, 0);
	return view_of(r->mem + BR_LEN + (size_t)e->buf * RING_BUF_LEN, (size_t)e->res);
}

void ring_give(struct ring *r, const struct event *e)
{
	if (e->has_buf && e->buf < RING_BUFS)
		lend(r, e->buf);
}
