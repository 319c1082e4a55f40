/* hosts.c - see hosts.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "fetch/hosts.h"
#include "fetch/resolve.h"

enum { PORTS = 8, TICK_MS = 250, SOON_MS = 2000 };

struct known {
	struct resolve_addr addr;
	struct mono seen;
};

struct host {
	char name[HOST_LEN];
	uint16_t port[PORTS]; /* host order; for loopback addresses, of which only these ports are the server's */
	size_t ports;
	struct mono due;
	bool asked, tried; /* an errand runs; one has ended */
	size_t addrs;
	struct known addr[HOSTS_ADDRS];
};

struct hosts {
	struct pump *pump;
	hosts_known_fn *fn;
	void *arg;
	struct host *host;
	size_t n;
	bool whole;    /* every name has had an answer since the names were set: what is known is all there is */
	bool overflow; /* said already */
};

struct question { /* of a running errand: names may be replaced meanwhile */
	struct hosts *hosts;
	char name[HOST_LEN];
};

static struct host *find(struct host *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	return NULL;
}

/* ---- telling ---- */

static bool add(struct m_known *out, size_t *n, const struct resolve_addr *a, uint16_t port)
{
	if (*n == HOSTS_KNOWN)
		return false;
	out[*n] = (struct m_known){.port_be = htons(port)};
	memcpy(out[(*n)++].addr, a->addr, sizeof(a->addr));
	return true;
}

static bool add_host(struct m_known *out, size_t *n, const struct host *h)
{
	bool fits = true;

	for (size_t i = 0; i < h->addrs; i++) {
		if (!resolve_local(&h->addr[i].addr))
			fits &= add(out, n, &h->addr[i].addr, 0);
		/* Other ports of this machine are other people's servers. */
		for (size_t p = 0; resolve_local(&h->addr[i].addr) && p < h->ports; p++)
			fits &= add(out, n, &h->addr[i].addr, h->port[p]);
	}
	return fits;
}

static void tell(struct hosts *h)
{
	struct m_known *out = calloc(HOSTS_KNOWN, sizeof(*out));
	size_t n = 0;
	bool fits = true;

	if (!out)
		return; /* what was told before stays known */
	for (size_t i = 0; i < h->n; i++)
		fits &= add_host(out, &n, &h->host[i]);
	if (!fits && !h->overflow)
		log_warning("more than %d addresses of registered hosts: the rest is redirected for agents only", HOSTS_KNOWN);
	h->overflow = !fits;
	h->fn(h->arg, out, n, h->whole);
	free(out);
}

/* ---- answers ---- */

/* True when it was not known. */
static bool take(struct host *h, const struct resolve_addr *a, struct mono now)
{
	size_t oldest = 0;

	for (size_t i = 0; i < h->addrs; i++) {
		if (memcmp(&h->addr[i].addr, a, sizeof(*a)) == 0) {
			h->addr[i].seen = now;
			return false;
		}
		if (h->addr[i].seen.ns < h->addr[oldest].seen.ns)
			oldest = i;
	}
	if (h->addrs < HOSTS_ADDRS)
		oldest = h->addrs++;
	h->addr[oldest] = (struct known){*a, now};
	return true;
}

static bool forget_old(struct host *h, struct mono now)
{
	bool changed = false;

	for (size_t i = h->addrs; i-- > 0;) {
		if (now.ns <= mono_after_ms(h->addr[i].seen, HOSTS_KEEP_MS).ns)
			continue;
		h->addr[i] = h->addr[--h->addrs];
		changed = true;
	}
	return changed;
}

static bool all_tried(const struct hosts *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (!h->host[i].tried)
			return false;
	return true;
}

void hosts_answer(struct hosts *h, const char *name, struct view list, int status, struct mono now)
{
	struct host *at = find(h->host, h->n, name);
	bool changed = false, whole = h->whole;
	struct resolve_addr a;

	if (!at)
		return;
	at->asked = false;
	at->tried = true;
	if (status)
		log_detail("%s has no address now: %s", name, err_text(status));
	/* A registered name without any address is asked for again soon. */
	uint64_t period = HOSTS_PERIOD_MS > h->n * HOSTS_SPACE_MS ? HOSTS_PERIOD_MS : h->n * HOSTS_SPACE_MS;
	at->due = mono_after_ms(now, status && !at->addrs ? SOON_MS : period);
	for (; !status && list.n >= sizeof(a); list = view_skip(list, sizeof(a))) {
		memcpy(&a, list.p, sizeof(a));
		if (resolve_usable(&a))
			changed |= take(at, &a, now);
	}
	if (!status)
		changed |= forget_old(at, now);
	h->whole = all_tried(h);
	if (changed || h->whole != whole)
		tell(h);
}

static void on_done(void *arg, int status, struct view answer)
{
	struct question *q = arg;

	hosts_answer(q->hosts, q->name, answer, status, mono_now());
	free(q);
}

void hosts_addrs(const struct hosts *h, const char *name, struct m_addrs *out)
{
	struct host *at = find(h->host, h->n, name);
	bool told[HOSTS_ADDRS] = {false};

	memset(out, 0, sizeof(*out));
	for (; at && out->n < at->addrs && out->n < ADDRS_MAX; out->n++) {
		size_t best = HOSTS_ADDRS;
		for (size_t i = 0; i < at->addrs; i++)
			if (!told[i] && (best == HOSTS_ADDRS || at->addr[i].seen.ns > at->addr[best].seen.ns))
				best = i;
		told[best] = true;
		memcpy(out->addr[out->n], at->addr[best].addr.addr, sizeof(out->addr[0]));
	}
}

/* ---- asking ---- */

static bool ask(struct hosts *h, struct host *at)
{
	struct question *q = malloc(sizeof(*q));

	if (!q)
		return false;
	q->hosts = h;
	memcpy(q->name, at->name, sizeof(q->name));
	int r = errand_start(h->pump, &resolve_kind, view_str(at->name), on_done, q);
	if (r) {
		free(q);
		if (r != -EAGAIN)
			log_error("%s cannot be looked up: %s", at->name, err_text(r));
		return false;
	}
	at->asked = true;
	return true;
}

static void on_tick(void *arg)
{
	struct hosts *h = arg;
	struct mono now = mono_now();

	/* Half of the places stay free for other work. */
	size_t running = 0;
	for (size_t i = 0; i < h->n; i++)
		running += h->host[i].asked;
	for (size_t i = 0; i < h->n && running < ERRAND_RUNNING / 2; i++) {
		if (h->host[i].asked || h->host[i].due.ns > now.ns)
			continue;
		if (!ask(h, &h->host[i]))
			break;
		running++;
	}
	if (h->n && pump_timer(h->pump, mono_after_ms(now, TICK_MS), on_tick, h))
		log_error("no room for a timer: host names are not looked up again");
}

/* ---- names ---- */

/* "PORT NAME", NUL. */
static int read_item(struct view item, struct host *out)
{
	unsigned port = 0;
	size_t i = 0;

	for (; i < item.n && i < 5 && item.p[i] >= '0' && item.p[i] <= '9'; i++)
		port = port * 10 + (unsigned)(item.p[i] - '0');
	if (i == 0 || i >= item.n || item.p[i] != ' ' || port == 0 || port > 65535)
		return -ERR_MALFORMED;
	item = view_skip(item, i + 1);
	if (item.n == 0 || item.n >= HOST_LEN)
		return -ERR_MALFORMED;
	memset(out, 0, sizeof(*out));
	memcpy(out->name, item.p, item.n);
	out->port[0] = (uint16_t)port;
	out->ports = 1;
	return 0;
}

static int read_all(struct view frame, struct host *list, size_t *n)
{
	static struct host item;

	for (*n = 0; frame.n;) {
		const uint8_t *end = memchr(frame.p, 0, frame.n);
		int r = end ? read_item(view_of(frame.p, (size_t)(end - frame.p)), &item) : -ERR_MALFORMED;
		if (r)
			return r;
		frame = view_skip(frame, (size_t)(end - frame.p) + 1);
		struct host *same = find(list, *n, item.name);
		if (same && same->ports < PORTS)
			same->port[same->ports++] = item.port[0];
		if (!same && *n == HOSTS_MAX)
			return -ERR_TOO_LONG;
		if (!same)
			list[(*n)++] = item;
	}
	return 0;
}

static void carry_over(struct host *to, const struct host *from)
{
	if (!from)
		return;
	to->due = from->due;
	to->asked = from->asked;
	to->tried = from->tried;
	to->addrs = from->addrs;
	memcpy(to->addr, from->addr, sizeof(to->addr));
}

int hosts_set(struct hosts *h, struct view frame)
{
	struct host *list = calloc(HOSTS_MAX, sizeof(*list));
	size_t n = 0;
	int r = list ? read_all(frame, list, &n) : -ENOMEM;

	if (r) {
		free(list);
		return r;
	}
	for (size_t i = 0; i < n; i++)
		carry_over(&list[i], find(h->host, h->n, list[i].name));
	free(h->host);
	h->host = list;
	h->n = n;
	h->whole = all_tried(h);
	if (h->whole)
		tell(h);
	on_tick(h);
	return 0;
}

struct hosts *hosts_new(struct pump *p, hosts_known_fn *fn, void *arg)
{
	struct hosts *h = calloc(1, sizeof(*h));

	if (h)
		*h = (struct hosts){.pump = p, .fn = fn, .arg = arg};
	return h;
}

void hosts_free(struct hosts **hp)
{
	if (!*hp)
		return;
	pump_timer_off((*hp)->pump, on_tick, *hp);
	free((*hp)->host);
	free(*hp);
	*hp = NULL;
}
