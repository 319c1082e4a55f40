/*
 * fetch.c - callgate-fetch: the service's own errands into the network: the addresses of registered hosts, copies of audit lines.
 * Process: callgate-fetch, its own uid.      Never: grants, policies, a record ring, a listener; reads no file but how to resolve names.
 * Floor: proc (uses fetch, ipc, base).      What comes from the network is parsed in processes of their own (fetch/errand.h), not here.
 *
 * A further errand is a row in ${errands}, whose handler starts one, and a pair in sup_plumb.c when its asker has no channel yet.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "fetch/forward.h"
#include "fetch/hosts.h"
#include "fetch/resolve.h"
#include "fetch/token.h"
#include "proc/serve.h"

enum { TELL_MS = 200, SLOTS = 64 };

static struct child child;
static struct pump *pump;
static struct hosts *hosts;
static struct forward *forward;
static struct mono told;
static struct edge peer[P_COUNT], worker[SLOTS];

static struct edge *place(enum party who, uint32_t slot);
static void on_frame(struct edge *e, struct frame *f);
static void on_told(const struct frame *f);

static struct serve serve = {.child = &child, .place = place, .frame = on_frame, .told = on_told};

/* ---- errand: addresses of registered hosts ---- */

static void on_known(void *arg, const struct m_known *list, size_t n, bool whole)
{
	struct m_known_head head = {.whole = whole};
	(void)arg;
	int r = edge_send2(&serve.sup, M_KNOWN, 0, view_of(&head, sizeof(head)), view_of(list, n * sizeof(*list)), -1);
	if (r)
		log_error("callgated cannot be told the addresses of registered hosts: %s", err_text(r));
}

static void on_hosts(struct edge *e, const struct frame *f)
{
	int r = hosts_set(hosts, f->body);
	if (r)
		log_error("the list of hosts from %s is not taken: %s; the former one stays", party_name(e->peer), err_text(r));
}

/* A worker could not connect where its client wanted to. */
static void on_addrs_get(struct edge *e, const struct frame *f)
{
	struct m_addrs_get q;
	struct m_addrs m;

	memcpy(&q, f->body.p, sizeof(q));
	q.host[sizeof(q.host) - 1] = '\0';
	hosts_addrs(hosts, q.host, &m);
	int r = edge_send(e, M_ADDRS, f->tag, view_of(&m, sizeof(m)), -1);
	if (r)
		log_detail("%s[%u] is not told the addresses of a host: %s", party_name(e->peer), e->slot, err_text(r));
}

/* ---- errand: tokens for the vault ---- */

static struct token_asked {
	uint64_t tag; /* 0: free */
} asked[ERRAND_RUNNING];

static void say_token(uint64_t tag, int status, struct view answer)
{
	struct m_token m = {.status = status};
	struct view v = status || answer.n < sizeof(m) ? view_of(&m, sizeof(m)) : answer;
	int r = edge_send(&peer[P_VAULT], M_TOKEN, tag, v, -1);

	if (r)
		log_error("callgate-vault is not told of a token: %s", err_text(r));
}

static void on_token(void *arg, int status, struct view answer)
{
	struct token_asked *a = arg;
	uint64_t tag = a->tag;

	a->tag = 0;
	say_token(tag, status ? status : answer.n < sizeof(struct m_token) ? -ERR_MALFORMED : 0, answer);
}

static void on_token_get(struct edge *e, const struct frame *f)
{
	struct token_asked *a = asked;

	(void)e;
	while (a < asked + ERRAND_RUNNING && a->tag)
		a++;
	int r = a == asked + ERRAND_RUNNING ? -EAGAIN : errand_start(pump, &token_kind, f->body, on_token, a);
	edge_wipe(f);
	if (r)
		say_token(f->tag, r, view_of(NULL, 0));
	else
		a->tag = f->tag;
}

/* ---- errand: copies of audit lines ---- */

static void tell_counts(void *arg)
{
	struct edge *e = &peer[P_AUDIT];
	struct forward_count c = forward_counts(forward);
	struct m_forwarded m = {c.sent, c.lost};

	(void)arg;
	told = mono_now();
	int r = e->fd < 0 ? 0 : edge_send(e, M_FORWARDED, 0, view_of(&m, sizeof(m)), -1);
	if (r)
		log_detail("callgate-audit is not told how many copies left: %s", err_text(r));
}

/* Seldom, and always of the last copy too. */
static void on_forward(struct edge *e, const struct frame *f)
{
	(void)e;
	forward_lines(forward, f->body);
	if (pump_timer(pump, mono_after_ms(told, TELL_MS), tell_counts, NULL))
		tell_counts(NULL);
}

static void set_forward(void)
{
	json_t *o = json_loads(child.conf[0] ? child.conf : "{}", 0, NULL), *dest;
	size_t i;

	forward_clear(forward);
	json_array_foreach(json_object_get(o, "forward"), i, dest) {
		const char *text = json_string_value(dest);
		int r = forward_add(forward, view_str(text ? text : ""));
		if (r)
			log_error("callgate.json: /audit/forward: %s: %s", text ? text : "?", err_text(r));
	}
	json_decref(o);
}

static const struct {
	enum msg type;
	void (*fn)(struct edge *, const struct frame *);
} errands[] = {
    {M_HOSTS, on_hosts},
    {M_ADDRS_GET, on_addrs_get},
    {M_FORWARD, on_forward},
    {M_TOKEN_GET, on_token_get},
};

/* ---- channels ---- */

static void on_frame(struct edge *e, struct frame *f)
{
	for (size_t i = 0; i < sizeof(errands) / sizeof(errands[0]); i++)
		if (errands[i].type == f->type)
			errands[i].fn(e, f);
}

static struct edge *place(enum party who, uint32_t slot)
{
	if (who == P_PROXY)
		return slot < SLOTS ? &worker[slot] : NULL;
	return who < P_COUNT ? &peer[who] : NULL;
}

static void on_told(const struct frame *f)
{
	if (f->type == M_CONF)
		set_forward();
}

/* ---- start ---- */

/* How names are resolved: /etc, and where resolv.conf really lies.  Landlock lets a sandboxed fetch read there, and nowhere else. */
static void keep_dir(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && child.dir_count < sizeof(child.dir) / sizeof(child.dir[0]))
		child.dir[child.dir_count++] = fd;
	else if (fd >= 0)
		close(fd);
}

static void keep_resolver_files(void)
{
	char real[PATH_MAX];

	keep_dir("/etc");
	if (realpath("/etc/resolv.conf", real) && strncmp(real, "/etc/", 5) != 0)
		keep_dir(dirname(real));
}

int main(int argc, char **argv)
{
	child_boot(P_FETCH, argc, argv, &child);
	pump = serve.pump = pump_new();
	hosts = pump ? hosts_new(pump, on_known, NULL) : NULL;
	if (!hosts || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		serve_fatal("cannot start", -ENOMEM);
	for (size_t i = 0; i < P_COUNT; i++)
		peer[i].fd = -1;
	for (size_t i = 0; i < SLOTS; i++)
		worker[i].fd = -1;
	int made = forward_new(&forward);
	if (made)
		serve_fatal("cannot make sockets for copies of audit lines", made);
	set_forward();
	resolve_prepare();
	keep_resolver_files();
	serve_start(&serve);
	child_ready(&child, -1);
	int r = serve_run(&serve);
	hosts_free(&hosts);
	forward_free(&forward);
	pump_free(&pump);
	return r;
}
