/* errand.c - see errand.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "fetch/errand.h"

struct head { /* of what the errand's process writes */
	int32_t status;
	uint32_t len;
};

struct errand {
	struct pump *pump;
	const struct errand_kind *kind; /* NULL: free */
	errand_done_fn *done;
	void *arg;
	pid_t pid;
	int fd;
	struct buf got;
};

static struct errand running[ERRAND_RUNNING];

static void __attribute__((noreturn)) work(const struct errand_kind *kind, struct view ask, int fd, pid_t parent)
{
	struct buf out = {.max = kind->answer_max};
	struct head h = {0};

	/* The channels of callgate-fetch are not the errand's. */
	if ((fd > 3 && syscall(SYS_close_range, 3, (unsigned)fd - 1, 0) < 0) || syscall(SYS_close_range, (unsigned)fd + 1, ~0u, 0) < 0)
		_exit(1);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(1);
	h.status = kind->run(ask, &out);
	h.len = (uint32_t)out.len;
	if (fd_write_all(fd, view_of(&h, sizeof(h))) || fd_write_all(fd, buf_view(&out)))
		_exit(1);
	_exit(0);
}

static void on_answer(void *arg, int fd, short what);
static void on_late(void *arg);

static void finish(struct errand *j, int status, struct view answer)
{
	struct errand done = *j;

	pump_del(j->pump, j->fd);
	pump_timer_off(j->pump, on_late, j);
	close(j->fd);
	kill(j->pid, SIGKILL);
	while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
		;
	/* The place is free before the caller hears of it: it may start the next errand. */
	*j = (struct errand){0};
	done.done(done.arg, status, answer);
	buf_wipe(&done.got);
}

static void on_late(void *arg)
{
	struct errand *j = arg;

	log_detail("a %s errand took longer than %u ms", j->kind->name, j->kind->timeout_ms);
	finish(j, -ERR_TIMEOUT, view_of(NULL, 0));
}

/* Whole, as it said itself, and no more: anything else is a process that died or lies. */
static void judge(struct errand *j)
{
	struct view v = buf_view(&j->got);
	struct head h;

	if (v.n < sizeof(h)) {
		finish(j, -ERR_CLOSED, view_of(NULL, 0));
		return;
	}
	memcpy(&h, v.p, sizeof(h));
	v = view_skip(v, sizeof(h));
	if (h.len != v.n)
		finish(j, -ERR_CLOSED, view_of(NULL, 0));
	else
		finish(j, h.status, h.status ? view_of(NULL, 0) : v);
}

static void on_answer(void *arg, int fd, short what)
{
	struct errand *j = arg;
	uint8_t *at = buf_reserve(&j->got, 4096);

	(void)what;
	ssize_t n = at ? read(fd, at, 4096) : 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		judge(j);
		return;
	}
	buf_commit(&j->got, (size_t)n);
	if (j->got.len > sizeof(struct head) + j->kind->answer_max)
		finish(j, -ERR_TOO_LONG, view_of(NULL, 0));
}

static struct errand *free_place(void)
{
	for (size_t i = 0; i < ERRAND_RUNNING; i++)
		if (!running[i].kind)
			return &running[i];
	return NULL;
}

int errand_start(struct pump *p, const struct errand_kind *kind, struct view ask, errand_done_fn *done, void *arg)
{
	struct errand *j = free_place();
	int fd[2];

	if (!j)
		return -EAGAIN;
	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	pid_t self = getpid(), pid = fork();
	if (pid == 0)
		work(kind, ask, fd[1], self);
	int r = pid < 0 ? -errno : 0;
	close(fd[1]);
	if (r) {
		close(fd[0]);
		return r;
	}
	*j = (struct errand){.pump = p, .kind = kind, .done = done, .arg = arg, .pid = pid, .fd = fd[0]};
	j->got.max = sizeof(struct head) + kind->answer_max + 4096;
	if (fcntl(fd[0], F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (!r)
		r = pump_add(p, fd[0], POLLIN, on_answer, j);
	if (!r)
		r = pump_timer(p, mono_after_ms(mono_now(), kind->timeout_ms), on_late, j);
	if (!r)
		return 0;
	pump_del(p, fd[0]);
	close(fd[0]);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*j = (struct errand){0};
	return r;
}
