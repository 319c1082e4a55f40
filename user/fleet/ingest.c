/* ingest.c - see ingest.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "fleet/collector.h"
#include "fleet/inbox.h"
#include "fleet/ingest.h"
#include "fleet/record.h"

/* ---- what a worker says: one datagram each ---- */

enum say { SAY_RECORD, SAY_EVENT, SAY_DONE };

struct msg {
	enum say say;
	union {
		struct {
			size_t n;
			struct state_piece p[TAKE_BATCH];
		} record; /* answered with an int */
		struct {
			char part[16], file[INGEST_TEXT], what[24], words[INGEST_TEXT];
		} event;
		struct {
			int err;
			struct take_result res;
		} done;
	};
};

static int send_msg(int fd, const struct msg *m)
{
	ssize_t n;

	do
		n = send(fd, m, sizeof(*m), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*m) ? 0 : -EPIPE;
}

struct worker_arg {
	int fd;
	bool tell;
};

static int ask_record(void *arg, const char *host, const struct state_piece *p, size_t n)
{
	const struct worker_arg *w = arg;
	struct msg m = {.say = SAY_RECORD, .record.n = n};
	int answer;

	(void)host;
	memcpy(m.record.p, p, n * sizeof(*p));
	int r = send_msg(w->fd, &m);
	/* A parent that is gone answers nothing: what is pending is finished next time. */
	if (!r)
		r = recv(w->fd, &answer, sizeof(answer), 0) == (ssize_t)sizeof(answer) ? answer : -EPIPE;
	return r;
}

static void tell(void *arg, const char *host, const char *part, const char *file, const char *what, const char *words)
{
	const struct worker_arg *w = arg;
	struct msg m = {.say = SAY_EVENT};

	(void)host;
	if (!w->tell)
		return;
	snprintf(m.event.part, sizeof(m.event.part), "%s", part);
	snprintf(m.event.file, sizeof(m.event.file), "%s", file);
	snprintf(m.event.what, sizeof(m.event.what), "%s", what);
	snprintf(m.event.words, sizeof(m.event.words), "%s", words);
	(void)!send_msg(w->fd, &m);
}

static void __attribute__((noreturn)) work(const struct ingest_conf *conf, const char *host, int fd)
{
	struct worker_arg w = {.fd = fd, .tell = conf->tell};
	const struct take_conf take = {
	    .store = conf->store, .inbox = conf->inbox, .gap_wait_s = conf->gap_wait_s, .record = ask_record, .tell = tell, .arg = &w};
	struct msg m = {.say = SAY_DONE};

	m.done.err = take_host(&take, host, &m.done.res);
	(void)!send_msg(fd, &m);
	_exit(0);
}

/* ---- the parent ---- */

struct worker {
	int fd;
	pid_t pid;
	const char *host;
	bool done, waits; /* for an answer */
};

struct run {
	const struct ingest_conf *conf;
	struct record *record;
	struct inbox_names hosts;
	size_t next;
	struct worker w[INGEST_JOBS];
	unsigned n;
	int err; /* the log's: nothing may be recorded any more */
};

static int start(struct run *r, const char *host)
{
	struct worker *w = &r->w[r->n];
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	fflush(NULL);
	*w = (struct worker){.fd = pair[0], .host = host, .pid = fork()};
	if (w->pid == 0) {
		for (unsigned i = 0; i <= r->n; i++)
			close(r->w[i].fd);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		record_free(&r->record); /* its key is not for whoever reads what hosts sent */
		if (getppid() == parent)
			work(r->conf, host, pair[1]);
		_exit(1);
	}
	close(pair[1]);
	if (w->pid < 0) {
		close(pair[0]);
		return -EAGAIN;
	}
	r->n++;
	return 0;
}

static void end(struct run *r, unsigned i, const struct ingest_host *h)
{
	struct worker *w = &r->w[i];

	close(w->fd);
	while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (r->conf->done)
		r->conf->done(r->conf->arg, h);
	*w = r->w[--r->n];
}

static void take_event(struct run *r, const struct worker *w, struct msg *m)
{
	m->event.part[sizeof(m->event.part) - 1] = m->event.file[sizeof(m->event.file) - 1] = '\0';
	m->event.what[sizeof(m->event.what) - 1] = m->event.words[sizeof(m->event.words) - 1] = '\0';
	if (r->conf->event)
		r->conf->event(r->conf->arg, &(struct ingest_event){w->host, m->event.part, m->event.file, m->event.what, m->event.words});
}

/* A worker reads hostile bytes: what it names must be a segment of its host, and in its place. */
static bool is_stored(const struct run *r, const char *host, struct state_piece *p)
{
	char path[LAYOUT_PATH];
	struct names n;
	struct stat st;

	p->name[sizeof(p->name) - 1] = p->date[sizeof(p->date) - 1] = '\0';
	if ((unsigned)p->trail >= LAYOUT_TRAILS || !layout_segment(p->name, &n) || strcmp(n.host, host) != 0 || !layout_date_ok(p->date))
		return false;
	layout_segment_path(p->trail, host, p->date, p->name, path);
	return fstatat(r->conf->store, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static int take_record(struct run *r, struct worker *w, const struct msg *m)
{
	int e = r->err;

	if (m->record.n > TAKE_BATCH)
		return -ERR_MALFORMED;
	for (size_t i = 0; !e && i < m->record.n; i++) {
		struct state_piece p = m->record.p[i];
		if (!is_stored(r, w->host, &p))
			return -ERR_MALFORMED;
		e = record_add(r->record, w->host, &p);
		if (e == -ENOBUFS) {
			e = record_commit(r->record);
			if (!e)
				e = record_add(r->record, w->host, &p);
		}
	}
	r->err = e;
	w->waits = true;
	return 0;
}

static void answer(struct run *r)
{
	bool any = false;

	for (unsigned i = 0; i < r->n; i++)
		any |= r->w[i].waits;
	if (!any)
		return;
	if (!r->err)
		r->err = record_commit(r->record);
	for (unsigned i = 0; i < r->n; i++) {
		if (r->w[i].waits)
			(void)!send(r->w[i].fd, &r->err, sizeof(r->err), MSG_NOSIGNAL);
		r->w[i].waits = false;
	}
}

/* One message of worker ${i}; false: it is done. */
static bool hear(struct run *r, unsigned i)
{
	static struct msg m;
	struct worker *w = &r->w[i];
	struct ingest_host h = {.host = w->host, .err = -ERR_UNAVAILABLE};
	ssize_t n = recv(w->fd, &m, sizeof(m), 0);

	if (n < 0 && errno == EINTR)
		return true;
	bool whole = n == (ssize_t)sizeof(m);
	if (whole && m.say == SAY_EVENT) {
		take_event(r, w, &m);
		return true;
	}
	if (whole && m.say == SAY_RECORD) {
		if (!take_record(r, w, &m))
			return true;
		kill(w->pid, SIGKILL);
		h.err = -ERR_MALFORMED;
	} else if (whole && m.say == SAY_DONE) {
		h.err = m.done.err;
		h.res = m.done.res;
	}
	end(r, i, &h);
	return false;
}

static int loop(struct run *r)
{
	while (r->n || (r->next < r->hosts.n && !r->err)) {
		struct pollfd p[INGEST_JOBS];
		while (!r->err && r->n < r->conf->jobs && r->next < r->hosts.n) {
			int e = start(r, r->hosts.at[r->next]);
			if (e)
				return e;
			r->next++;
		}
		unsigned n = r->n;
		for (unsigned i = 0; i < n; i++)
			p[i] = (struct pollfd){.fd = r->w[i].fd, .events = POLLIN};
		if (poll(p, n, -1) < 0 && errno != EINTR)
			return -errno;
		/* From the last one down: one that ends is replaced by the last. */
		for (unsigned i = n; i--;)
			if (p[i].revents)
				hear(r, i);
		answer(r);
	}
	return r->err;
}

/* Those that are enrolled, and whoever else has a directory in the inbox. */
static int list_hosts(struct run *r)
{
	struct layout_hosts enrolled;
	struct inbox_names l;
	int e = layout_hosts(r->conf->store, &enrolled);

	if (e)
		return e;
	e = inbox_list(r->conf->inbox, &l);
	r->hosts.at = e ? NULL : calloc(enrolled.n + l.n + 1, sizeof(*r->hosts.at));
	if (!e && !r->hosts.at)
		e = -ENOMEM;
	for (size_t i = 0, k = 0; !e && (i < enrolled.n || k < l.n);) {
		int c = i == enrolled.n ? 1 : k == l.n ? -1 : strcmp(enrolled.at[i], l.at[k]);
		snprintf(r->hosts.at[r->hosts.n++], NAMES_MAX, "%s", c <= 0 ? enrolled.at[i] : l.at[k]);
		i += c <= 0;
		k += c >= 0;
	}
	inbox_free(&l);
	layout_hosts_free(&enrolled);
	return e;
}

int ingest_run(const struct ingest_conf *conf, uint64_t *log_size)
{
	struct run r = {.conf = conf};
	int lock = collector_lock(conf->store);

	if (lock < 0)
		return lock;
	int e = record_open(conf->store, &r.record);
	if (!e)
		e = list_hosts(&r);
	if (!e)
		e = loop(&r);
	if (e)
		for (unsigned i = 0; i < r.n; i++)
			kill(r.w[i].pid, SIGKILL);
	while (r.n)
		end(&r, 0, &(struct ingest_host){.host = r.w[0].host, .err = e});
	*log_size = r.record ? record_size(r.record) : 0;
	record_free(&r.record);
	inbox_free(&r.hosts);
	close(lock);
	return e;
}
