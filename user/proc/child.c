/* child.c - see child.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/child.h"
#include "proc/sandbox.h"

enum { SUP_FD = 3, BOOT_MS = 30000 };

#ifdef CG_SANITIZED
/* The environment is empty, so the sanitizer's settings are compiled in.  A report ends the process with a status that callgated shows. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "exitcode=86:abort_on_error=0:detect_leaks=1:handle_segv=1";
}
#endif

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...);

static void die(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("%s", text);
	exit(1);
}

/* A frame of callgated that says something about this child's means. */
int child_frame(struct child *c, const struct frame *f)
{
	if (f->type == M_EDGE) {
		const struct m_edge *m = (const void *)f->body.p;
		if (c->edges == CHILD_EDGES)
			die("more than %d channels at once", CHILD_EDGES);
		edge_init(&c->edge[c->edges++], f->fd[0], c->self, (enum party)m->party, m->slot);
		return 1;
	}
	if (f->type == M_FD) {
		if (c->fds == CHILD_FDS)
			die("more than %d descriptors at once", CHILD_FDS);
		memcpy(&c->fd[c->fds].what, f->body.p, sizeof(struct m_fd));
		c->fd[c->fds++].fd = f->fd[0];
		uint32_t what = c->fd[c->fds - 1].what.what;
		if ((what == FD_DIR || what == FD_JOURNAL_DIR || what == FD_SECOND_DIR) && c->dir_count < 4)
			c->dir[c->dir_count++] = f->fd[0];
		return 1;
	}
	if (f->type == M_CONF) {
		memcpy(c->conf, f->body.p, f->body.n);
		c->conf[f->body.n] = '\0';
		return 1;
	}
	return 0;
}

static void limits(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
#ifndef CG_SANITIZED
	/* Nobody of the same uid may attach or read the memory. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		die("cannot become undumpable: %s", strerror(errno));
#endif
}

void child_boot(enum party self, int argc, char **argv, struct child *c)
{
	static char who[40];

	memset(c, 0, sizeof(*c));
	c->self = self;
	c->slot = argc > 1 ? (uint32_t)atoi(argv[1]) : 0;
	if (self == P_PROXY)
		snprintf(who, sizeof(who), "%s[%u]", party_name(self), c->slot);
	else
		snprintf(who, sizeof(who), "%s", party_name(self));
	log_open(who, LOG_NOTICE);
	limits();
	edge_init(&c->sup, SUP_FD, self, P_SUP, 0);
	for (;;) {
		struct frame f;
		int r = edge_recv_wait(&c->sup, &f, BOOT_MS);
		if (r < 0)
			die("descriptor 3 is no channel to callgated (%s); this program is started by callgated only", err_text(r));
		if (f.type == M_GO)
			return;
		if (!child_frame(c, &f))
			die("unexpected frame %u before start", f.type);
	}
}

int child_take_fd(struct child *c, enum fd_what what, uint32_t slot)
{
	for (size_t i = 0; i < c->fds; i++) {
		if (c->fd[i].what.what != (uint32_t)what || c->fd[i].what.slot != slot)
			continue;
		int fd = c->fd[i].fd;
		c->fd[i] = c->fd[--c->fds];
		return fd;
	}
	return -1;
}

bool child_take_edge(struct child *c, enum party peer, uint32_t slot, struct edge *e)
{
	/* The newest wins: an older one to the same party is dead. */
	for (size_t i = c->edges; i-- > 0;) {
		if (c->edge[i].peer != peer || c->edge[i].slot != slot)
			continue;
		*e = c->edge[i];
		for (size_t j = i; j + 1 < c->edges; j++)
			c->edge[j] = c->edge[j + 1];
		c->edges--;
		return true;
	}
	edge_init(e, -1, c->self, peer, slot);
	return false;
}

void child_ready(struct child *c, int ring_fd)
{
	struct m_ready m = {0};
	int dirs[4];
	size_t n = 0;

	for (; n < c->dir_count; n++)
		dirs[n] = c->dir[n];
	int r = sandbox_files(c->self, dirs, n, m.note, sizeof(m.note));
	if (!r && c->helper)
		r = c->helper(c->helper_arg);
	if (!r)
		r = sandbox_calls(c->self);
	if (r)
		die("cannot enter the sandbox: %s", err_text(r));
	m.refused = sandbox_check(c->self, ring_fd, &m.probes);
	if (m.note[0])
		m.probes &= c->self == P_VAULT || c->self == P_AUDIT ? ~(unsigned)PROBE_OPEN : ~0u;
	if (c->uring_tried) {
		m.probes |= PROBE_URING_OPEN;
		m.refused |= c->uring_refused ? PROBE_URING_OPEN : 0;
	}
	if (c->note[0] && !m.note[0])
		snprintf(m.note, sizeof(m.note), "%.*s", (int)sizeof(m.note) - 1, c->note);
	if ((m.refused & m.probes) != m.probes)
		die("the sandbox let something through (tried %#x, refused %#x): not starting", m.probes, m.refused);
	m.refused &= m.probes;
	r = edge_send(&c->sup, M_READY, 0, view_of(&m, sizeof(m)), -1);
	if (r)
		die("cannot report readiness: %s", err_text(r));
}
