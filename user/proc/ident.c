/*
 * ident.c - callgate-ident: says what a process is, and tells callgated which ones are agents.
 * Process: callgate-ident (own uid, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH for /proc, no network, writes nothing).
 * Floor: proc (uses ident, ipc, codec, base).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "ident/describe.h"
#include "ident/execs.h"
#include "ident/hasher.h"
#include "proc/serve.h"
#include "proc/ident_dns.h"

enum { SLOTS = 64, EVENTS_A_TURN = 256, MARK_WAIT_MS = 10000, LOOK_SECONDS = 1, STUCK_MS = 10000, AGENT_UIDS = 1024 };

static struct child child;
static struct pump *pump;
static struct describe *describer;
static struct execs *execs;
static int execs_fd = -1;
static struct edge admin, worker[SLOTS];

static struct edge *place(enum party who, uint32_t slot);
static void on_frame(struct edge *e, struct frame *f);
static void look_first(void);
static void forget_waiters(struct edge *e);

static struct serve serve = {.child = &child, .place = place, .frame = on_frame, .before = look_first, .dropped = forget_waiters};

/* Who asked for a digest. */
static struct waiter {
	struct edge *e; /* NULL: free */
	uint64_t tag, id;
} waiters[HASHER_WAITERS];
static struct hasher *hasher;
static uint64_t questions;
static bool watching; /* for a file that never ends */

/*
 * The arguments of a process are read from its memory, which it may have laid over a file system that never answers.  Waiting for
 * ever would leave everybody unknown; this ends the process, and callgated starts another.
 */
static void limit(int seconds)
{
	struct itimerval t = {.it_value.tv_sec = seconds};
	(void)setitimer(ITIMER_REAL, &t, NULL); /* SIGALRM is not handled: it also ends a wait inside the kernel */
}

/* A mark that is lost is an agent that is not seen as one, so a full queue is waited for. */
static void tell(const struct m_mark *m)
{
	int r = edge_send_soon(&serve.sup, M_MARK, 0, view_of(m, sizeof(*m)), MARK_WAIT_MS);

	if (r)
		describe_untold(describer, m->tgid, m->start_ns);
	if (r)
		log_error("process %u is an agent (%s), and callgated could not be told: %s", m->tgid, m->label, err_name(r));
	else
		log_detail("process %u is an agent: %s", m->tgid, m->label);
}

/* Accounts under which agents have run.  A full table counts as all of them. */
static struct {
	uint32_t uid[AGENT_UIDS];
	size_t n;
} agent_uids;

static bool runs_agents(uint32_t uid)
{
	for (size_t i = 0; i < agent_uids.n; i++)
		if (agent_uids.uid[i] == uid)
			return true;
	return agent_uids.n == AGENT_UIDS;
}

static void note_agent(uint32_t uid)
{
	if (!runs_agents(uid))
		agent_uids.uid[agent_uids.n++] = uid;
}

static void on_describe(struct edge *e, const struct frame *f)
{
	struct m_describe q;
	struct m_described out;
	struct m_mark mark;

	memcpy(&q, f->body.p, sizeof(q));
	limit(LOOK_SECONDS);
	bool news = describe(describer, &q, &out, &mark);
	limit(0);
	if (!out.status && out.agent_class == CG_CLASS_AGENT)
		note_agent(out.uid);
	out.uid_runs_agents = !out.status && runs_agents(out.uid);
	/* Marked before the asker hears of it: what it lets the process do next is already counted as the agent's. */
	if (news)
		tell(&mark);
	int r = edge_send(e, M_DESCRIBED, f->tag, view_of(&out, sizeof(out)), -1);
	if (r && r != -EAGAIN && r != -ERR_CLOSED)
		log_error("no answer to %s: %s", party_name(e->peer), err_text(r));
}

/* ---- digests ---- */

static void answer_digest(struct edge *e, uint64_t tag, int r, const uint8_t sum[DIGEST_LEN])
{
	struct m_digest m = {.status = r};

	if (!r)
		memcpy(m.sha256, sum, sizeof(m.sha256));
	r = edge_send(e, M_DIGEST, tag, view_of(&m, sizeof(m)), -1);
	if (r && r != -EAGAIN && r != -ERR_CLOSED)
		log_error("no answer to %s: %s", party_name(e->peer), err_text(r));
}

static void on_digests(void *arg, int fd, short what)
{
	struct hashed a;

	(void)arg;
	(void)fd;
	(void)what;
	while (hasher_next(hasher, &a))
		for (size_t i = 0; i < HASHER_WAITERS; i++) {
			if (!waiters[i].e || waiters[i].id != a.id)
				continue;
			answer_digest(waiters[i].e, waiters[i].tag, a.status, a.sum);
			waiters[i].e = NULL;
		}
}

/* A file system of somebody's that never answers: nobody else would get a digest.  This ends the process, and callgated starts another. */
static void watch(void *arg)
{
	(void)arg;
	uint64_t ms = hasher_stuck_ms(hasher);
	if (ms > STUCK_MS) {
		log_error("an executable is not to be read to its end (%llu ms for one piece): starting again", (unsigned long long)ms);
		_exit(1);
	}
	watching = ms > 0 && pump_timer(pump, mono_after_ms(mono_now(), STUCK_MS / 10), watch, NULL) == 0;
}

static int ask_digest(const struct m_describe *q, uint64_t id)
{
	int r = hasher_ask(hasher, q, id);
	if (!r && !watching)
		watching = pump_timer(pump, mono_after_ms(mono_now(), STUCK_MS / 10), watch, NULL) == 0;
	return r;
}

static void on_digest_get(struct edge *e, const struct frame *f)
{
	static const uint8_t none[DIGEST_LEN];
	struct m_describe q;
	size_t i = 0;

	memcpy(&q, f->body.p, sizeof(q));
	while (i < HASHER_WAITERS && waiters[i].e)
		i++;
	int r = i == HASHER_WAITERS ? -EAGAIN : ask_digest(&q, ++questions);
	if (r)
		answer_digest(e, f->tag, r, none);
	else
		waiters[i] = (struct waiter){e, f->tag, questions};
}

/* At exec, so that it is there when the process connects; one that is asked for too late is asked for again then. */
static void prepare_digest(const struct cg_exec *e)
{
	struct m_describe q = {.tgid = e->tgid, .start_ns = e->start_ns, .exe_ino = e->exe_ino};

	(void)!ask_digest(&q, 0);
}

static void forget_waiters(struct edge *e)
{
	for (size_t i = 0; i < HASHER_WAITERS; i++)
		if (waiters[i].e == e)
			waiters[i].e = NULL;
}

/* Who is an agent by his name alone is marked before anybody else's files are looked at. */
static void glance(void)
{
	struct cg_exec e;
	struct m_mark mark;

	while (execs_peek(execs, &e) > 0)
		if (describe_glance(describer, &e, &mark))
			tell(&mark);
}

static void on_execs(void *arg, int fd, short what)
{
	struct cg_exec e;
	struct m_mark mark;
	int r = 1;

	(void)arg;
	(void)fd;
	(void)what;
	for (int i = 0; i < EVENTS_A_TURN; i++) {
		glance();
		r = execs_next(execs, &e);
		if (r <= 0)
			break;
		limit(LOOK_SECONDS);
		bool news = describe_exec(describer, &e, &mark);
		limit(0);
		if (news)
			tell(&mark);
		uint32_t cls = describe_class(describer, e.tgid, e.start_ns);
		if (e.cls == CG_CLASS_AGENT || cls == CG_CLASS_AGENT)
			note_agent(e.uid);
		if (cls || e.cls)
			prepare_digest(&e);
	}
	if (r < 0) {
		log_error("the ring buffer of exec events makes no sense: new agents are seen only when they connect");
		pump_del(pump, execs_fd);
		execs_free(&execs);
	}
}

/* An exec that was before the question is known before the answer. */
static void look_first(void)
{
	if (execs)
		on_execs(NULL, execs_fd, 0);
}

static void on_frame(struct edge *e, struct frame *f)
{
	if (f->type == M_DESCRIBE)
		on_describe(e, f);
	if (f->type == M_DIGEST_GET)
		on_digest_get(e, f);
	if (f->type == M_HOSTS)
		ident_dns_hosts(f->body);
}

static struct edge *place(enum party who, uint32_t slot)
{
	return who == P_ADMIN ? &admin : who == P_PROXY && slot < SLOTS ? &worker[slot] : NULL;
}

static int start_hasher(void *arg)
{
	(void)arg;
	int r = hasher_new(describer, &hasher);
	return r ? r : pump_add(pump, hasher_fd(hasher), POLLIN, on_digests, NULL);
}

static void open_means(void)
{
	static struct agents *agents;
	char why[200];
	int procfs = child_take_fd(&child, FD_PROC, 0);

	if (procfs < 0)
		serve_fatal("callgated sent no /proc", -ERR_UNAVAILABLE);
	int r = agents_load(child.conf, why, sizeof(why), &agents);
	if (r)
		serve_fatal("the agent patterns cannot be read", r);
	if (why[0])
		log_warning("%s", why);
	describer = describe_new(procfs, agents);
	if (!describer)
		serve_fatal("cannot start", -ENOMEM);
	child.helper = start_hasher;
	r = ident_dns_open(pump, procfs, child_take_fd(&child, FD_DNS_EVENTS, 0), &serve.sup);
	if (r)
		log_notice("no DNS answers (%s): addresses of registered hosts come from callgate-fetch alone", err_text(r));
	execs_fd = child_take_fd(&child, FD_EXEC_EVENTS, 0);
	r = execs_fd < 0 ? -ERR_NO_FEATURE : execs_open(procfs, execs_fd, &execs);
	if (!r)
		r = pump_add(pump, execs_fd, POLLIN, on_execs, NULL);
	if (r) {
		log_notice("no exec events (%s): agents are recognised when they connect, by themselves or living ancestors", err_text(r));
		snprintf(child.note, sizeof(child.note), "no exec events: agents are seen when they connect");
	}
}

int main(int argc, char **argv)
{
	sigset_t alarm_only;

	child_boot(P_IDENT, argc, argv, &child);
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	signal(SIGALRM, SIG_DFL); /* whatever was inherited: limit() relies on it */
	sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
	pump = serve.pump = pump_new();
	if (!pump)
		serve_fatal("cannot start", -ENOMEM);
	for (size_t i = 0; i < SLOTS; i++)
		worker[i].fd = -1;
	admin.fd = -1;
	open_means();
	serve_start(&serve);
	child_ready(&child, -1);
	int r = serve_run(&serve);
	hasher_free(&hasher);
	execs_free(&execs);
	describe_free(&describer);
	return r;
}
