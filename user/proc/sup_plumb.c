/*
 * sup_plumb.c - give a starting child its settings, descriptors and channels, and its peers their new ends.
 * The two tables are the whole plumbing: which pairs have a channel, and what each party is handed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "proc/sup.h"

enum { TRUST_MAX = 8 << 20, AGENT_FILE_MAX = 32768 };

static const struct {
	enum party a, b;
} pairs[] = {
    {P_PROXY, P_VAULT},
    {P_PROXY, P_ADMIN},
    {P_PROXY, P_IDENT},
    {P_PROXY, P_FETCH},
    {P_ADMIN, P_VAULT},
    {P_ADMIN, P_AUDIT},
    {P_ADMIN, P_IDENT},
    {P_VAULT, P_AUDIT},
    {P_ADMIN, P_FETCH},
    {P_AUDIT, P_FETCH},
    {P_VAULT, P_FETCH},
};

int sup_plumb_fd(struct sup_child *to, enum fd_what what, uint32_t slot, uint64_t ring, int fd)
{
	struct m_fd m = {.what = what, .slot = slot, .ring = ring};
	return edge_send(&to->edge, M_FD, 0, view_of(&m, sizeof(m)), fd);
}

/* One end of a new channel; the peer sees it as an edge to ${other}. */
static int send_edge(struct sup_child *to, const struct sup_child *other, int fd)
{
	struct m_edge m = {.party = other->party, .slot = other->slot};
	return edge_send(&to->edge, M_EDGE, 0, view_of(&m, sizeof(m)), fd);
}

static int connect_pair(struct sup_child *a, struct sup_child *b)
{
	int fd[2];
	int r = edge_pair(fd);
	if (r)
		return r;
	r = send_edge(a, b, fd[0]);
	if (!r)
		r = send_edge(b, a, fd[1]);
	close(fd[0]);
	close(fd[1]);
	return r;
}

static bool have_channel(enum party a, enum party b)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if ((pairs[i].a == a && pairs[i].b == b) || (pairs[i].a == b && pairs[i].b == a))
			return true;
	return false;
}

static int edges(struct sup *s, struct sup_child *c)
{
	int r = 0;
	for (size_t i = 0; i < s->children && !r; i++) {
		struct sup_child *o = &s->child[i];
		if (o == c || o->life == LIFE_NONE || !have_channel(c->party, o->party))
			continue;
		r = connect_pair(c, o);
		if (r == -ERR_CLOSED)
			r = 0; /* the peer is dying; its successor gets a channel of its own */
	}
	return r;
}

/* callgate-audit may write the acknowledgements; the worker gets the same page through a descriptor that cannot. */
static int reopen_ro(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int ro = open(path, O_RDONLY | O_CLOEXEC);
	return ro < 0 ? -errno : ro;
}

static void plumb_ring(struct sup *s, struct sup_child *to, struct sup_ring *r)
{
	(void)s;
	int ack = to->party == P_AUDIT ? r->ack : reopen_ro(r->ack);
	int e = ack < 0 ? ack : 0;
	if (!e)
		e = sup_plumb_fd(to, FD_RING, r->slot, r->id, r->data);
	if (!e)
		e = sup_plumb_fd(to, FD_RING_ACK, r->slot, r->id, ack);
	if (!e)
		e = sup_plumb_fd(to, FD_RING_BELL, r->slot, r->id, r->bell);
	if (!e)
		e = sup_plumb_fd(to, FD_RING_ACKBELL, r->slot, r->id, r->ackbell);
	if (e)
		log_error("cannot hand a record ring to %s: %s", party_name(to->party), err_text(e));
	if (ack >= 0 && ack != r->ack)
		close(ack);
}

static int send_dir(struct sup_child *c, enum fd_what what, const char *base, const char *below)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s%s", base, below);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	int r = sup_plumb_fd(c, what, 0, 0, fd);
	close(fd);
	return r;
}

static int send_file(struct sup_child *c, enum fd_what what, const char *base, const char *below)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s%s", base, below);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	int r = sup_plumb_fd(c, what, 0, 0, fd);
	close(fd);
	return r;
}

static int send_trust(struct sup *s, struct sup_child *c)
{
	struct buf pem = {.max = TRUST_MAX};
	/* Debian's bundle is a regular file, elsewhere it may be a link: follow it, the path is root's. */
	int in = open(s->path.trust, O_RDONLY | O_CLOEXEC);
	int r = in < 0 ? -errno : fd_read_all(in, &pem);
	fd_close(&in);
	if (r) {
		log_error("%s: %s: the roots that upstream certificates are checked against; name them with --trust", s->path.trust, err_text(r));
		buf_free(&pem);
		return r;
	}
	int fd = fd_sealed("trust", buf_view(&pem));
	buf_free(&pem);
	if (fd < 0)
		return fd;
	r = sup_plumb_fd(c, FD_TRUST, 0, 0, fd);
	close(fd);
	return r;
}

/* Digests of arguments are made with a key of this machine's, which nobody but root and the workers reads. */
static int send_arg_key(struct sup *s, struct sup_child *c)
{
	static const char below[] = "/arg.key";
	char path[PATH_MAX], temp[PATH_MAX];
	uint8_t key[32];

	if (!s->conf.arg_mac)
		return 0;
	int r = send_file(c, FD_ARG_KEY, s->path.state, below);
	if (r != -ENOENT)
		return r;
	snprintf(path, sizeof(path), "%s%s", s->path.state, below);
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return -EIO;
	snprintf(temp, sizeof(temp), "%.4000s%s.new", s->path.state, below);
	unlink(temp);
	int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	r = fd < 0 ? -errno : fd_write_all(fd, view_of(key, sizeof(key)));
	if (!r && (fsync(fd) < 0 || rename(temp, path) < 0))
		r = -errno;
	fd_close(&fd);
	explicit_bzero(key, sizeof(key));
	return r ? r : send_file(c, FD_ARG_KEY, s->path.state, below);
}

static int worker_means(struct sup *s, struct sup_child *c)
{
	struct sup_ring *ring = sup_ring_new(s, c->slot);
	struct sup_child *audit = sup_child_find(s, P_AUDIT, 0);

	if (!ring)
		return -ENOSPC;
	int r = sup_plumb_fd(c, FD_LISTEN4, c->slot, 0, s->listen4[c->slot]);
	if (!r && s->listen6[c->slot] >= 0)
		r = sup_plumb_fd(c, FD_LISTEN6, c->slot, 0, s->listen6[c->slot]);
	if (!r)
		r = sup_plumb_fd(c, FD_ACCEPTED, 0, 0, kern_accepted_fd(s->kern));
	/* Who came through programs of another layout may still wait to be accepted. */
	if (!r && kern_earlier_fd(s->kern) >= 0)
		r = sup_plumb_fd(c, FD_ACCEPTED, 1, 0, kern_earlier_fd(s->kern));
	if (!r)
		r = sup_plumb_fd(c, FD_HANDOFF, 0, 0, kern_handoff_fd(s->kern));
	if (!r)
		r = sup_plumb_fd(c, FD_BEATS, 0, 0, kern_beats_fd(s->kern));
	if (!r)
		r = send_trust(s, c);
	if (!r)
		r = send_arg_key(s, c);
	if (!r)
		r = sup_limits_send(s, c);
	if (r)
		return r;
	plumb_ring(s, c, ring);
	if (audit && audit->life != LIFE_NONE)
		plumb_ring(s, audit, ring);
	return 0;
}

static int audit_means(struct sup *s, struct sup_child *c)
{
	int r = send_dir(c, FD_DIR, s->path.log, "/audit");
	if (!r)
		r = send_dir(c, FD_JOURNAL_DIR, s->path.state, "/journal");
	/* Without it the first one serves; should lines lie in it, callgate-audit does not start. */
	if (!r && s->conf.second[0] && send_dir(c, FD_SECOND_DIR, s->conf.second, "/audit"))
		log_warning("%s/audit: the second directory of the audit cannot be opened", s->conf.second);
	if (!r)
		r = sup_cover_means(s, c);
	for (size_t i = 0; i < SUP_RINGS && !r; i++)
		if (s->ring[i].id)
			plumb_ring(s, c, &s->ring[i]);
	return r;
}

static int vault_means(struct sup *s, struct sup_child *c)
{
	char key[PATH_MAX];
	int r = send_dir(c, FD_DIR, s->path.state, "/vault");

	sup_vault_key(s, key);
	return r ? r : send_file(c, FD_KEY, key, "");
}

static int ident_means(struct sup *s, struct sup_child *c)
{
	int r = send_dir(c, FD_PROC, "/proc", "");
	int events = s->kern ? kern_exec_events_fd(s->kern) : -1;
	if (!r && events >= 0)
		r = sup_plumb_fd(c, FD_EXEC_EVENTS, 0, 0, events);
	int dns = s->kern ? kern_dns_events_fd(s->kern) : -1;
	if (!r && dns >= 0)
		r = sup_plumb_fd(c, FD_DNS_EVENTS, 0, 0, dns);
	if (!r && s->path.cgroup)
		r = send_dir(c, FD_CGROUP, s->path.cgroup, "");
	return r;
}

static int admin_means(struct sup *s, struct sup_child *c)
{
	return sup_plumb_fd(c, FD_CONTROL, 0, 0, s->control);
}

/* The agent patterns, as one list: each file of the directory holds one object. */
static void agent_patterns(struct sup *s, struct jsonw *w)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/agents.d", s->path.share);
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort);

	jsonw_open(w, "agents", '[');
	for (int i = 0; i < n; i++) {
		char file[PATH_MAX];
		struct buf text = {0};
		size_t len = strlen(names[i]->d_name);
		if (len > 5 && strcmp(names[i]->d_name + len - 5, ".json") == 0) {
			snprintf(file, sizeof(file), "%.3000s/%.255s", path, names[i]->d_name);
			if (fd_slurp(AT_FDCWD, file, AGENT_FILE_MAX, &text) == 0)
				jsonw_raw(w, NULL, buf_view(&text));
		}
		buf_free(&text);
		free(names[i]);
	}
	free(names);
	if (n < 0)
		log_warning("%s: %s: no agent can be recognised", path, strerror(errno));
	jsonw_close(w, ']');
}

static void roles(const struct sup *s, struct jsonw *w)
{
	jsonw_open(w, "roles", '{');
	for (size_t i = 0; i < SUP_ROLES; i++)
		if (s->conf.role[i].there)
			jsonw_uint(w, sup_conf_role(i), s->conf.role[i].gid);
	jsonw_bool(w, "root_by_role", s->conf.root_by_role);
	jsonw_bool(w, "four_eyes_grants", s->conf.four_eyes_grants);
	jsonw_bool(w, "four_eyes_policy", s->conf.four_eyes_policy);
	jsonw_close(w, '}');
}

int sup_plumb_conf(struct sup *s, struct sup_child *c)
{
	struct buf out = {.max = MSG_MAX};
	struct jsonw w = jsonw_on(&out);

	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "host", s->host);
	if (c->party == P_PROXY || c->party == P_AUDIT) {
		jsonw_str(&w, "mode", s->conf.mode);
		jsonw_str(&w, "strict", s->conf.strict);
		jsonw_uint(&w, "connections", s->conf.connections);
		jsonw_uint(&w, "workers", s->conf.workers);
		jsonw_uint(&w, "held_bytes", s->conf.held_bytes);
	}
	/* What the audit says was charged is asked for, and awaited, until it has come. */
	if (c->party == P_PROXY || c->party == P_AUDIT)
		jsonw_bool(&w, "charges", s->limits.wanted);
	if (c->party == P_FETCH) {
		jsonw_open(&w, "forward", '[');
		for (size_t i = 0; i < s->conf.forwards; i++)
			jsonw_str(&w, NULL, s->conf.forward[i]);
		jsonw_close(&w, ']');
	}
	if (c->party == P_AUDIT) {
		jsonw_bool(&w, "forward", s->conf.forwards > 0);
		jsonw_uint(&w, "level", s->conf.level);
		jsonw_uint(&w, "segment_bytes", s->conf.segment_bytes);
		jsonw_uint(&w, "segment_seconds", s->conf.segment_seconds);
		jsonw_uint(&w, "retention_days", s->conf.retention_days);
		jsonw_str(&w, "collector", s->conf.collector);
		jsonw_uint(&w, "reserve_bytes", s->conf.reserve_bytes);
		jsonw_uint(&w, "space_left_bytes", s->conf.space_left_bytes);
		jsonw_uint(&w, "admin_space_left_bytes", s->conf.admin_space_left_bytes);
	}
	if (c->party == P_ADMIN) {
		jsonw_str(&w, "mode", s->conf.mode);
		jsonw_uint(&w, "workers", s->conf.workers);
		jsonw_open(&w, "users", '[');
		for (size_t i = 0; i < s->conf.user_count; i++)
			jsonw_uint(&w, NULL, s->conf.users[i]);
		jsonw_close(&w, ']');
		roles(s, &w);
	}
	if (c->party == P_IDENT)
		agent_patterns(s, &w);
	jsonw_close(&w, '}');
	int r = jsonw_end(&w);
	if (!r)
		r = edge_send(&c->edge, M_CONF, 0, buf_view(&out), -1);
	buf_free(&out);
	return r;
}

int sup_plumb(struct sup *s, struct sup_child *c)
{
	static int (*const means[P_COUNT])(struct sup *, struct sup_child *) = {
	    [P_PROXY] = worker_means,
	    [P_AUDIT] = audit_means,
	    [P_VAULT] = vault_means,
	    [P_IDENT] = ident_means,
	    [P_ADMIN] = admin_means,
	};
	int r = sup_plumb_conf(s, c);
	if (!r && means[c->party])
		r = means[c->party](s, c);
	/* Whatever it was started from now. */
	if (!r && c->party != P_AUDIT)
		sup_cover_binary(s, NULL, c->party);
	if (!r)
		r = edges(s, c);
	if (!r)
		r = edge_send(&c->edge, M_GO, 0, view_of(NULL, 0), -1);
	if (r)
		log_error("cannot equip %s[%u]: %s", party_name(c->party), c->slot, err_text(r));
	return r;
}
