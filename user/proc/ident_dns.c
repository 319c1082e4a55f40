/* ident_dns.c - see ident_dns.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "ident/dns.h"
#include "ident/execs.h"
#include "ident/known.h"
#include "proc/ident_dns.h"

enum { A_TURN = 256, SWEEP_MS = 5000, CONF_MAX = 65536 };

static struct {
	struct pump *pump;
	struct execs *ring;
	struct known *known;
	struct edge *sup;
	int fd;
	struct mono began;
} dns = {.fd = -1};

static void tell(const struct m_known *list, size_t n, bool whole)
{
	struct m_known_head head = {.whole = whole};
	int r = edge_send2(dns.sup, M_KNOWN, 0, view_of(&head, sizeof(head)), view_of(list, n * sizeof(*list)), -1);
	if (r)
		log_error("callgated cannot be told the addresses of registered hosts: %s", err_text(r));
}

/* Whom this machine asks, as of now: the file changes with the network. */
static void servers(void)
{
	static const char *const files[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct buf text = {0};
		if (fd_slurp(AT_FDCWD, files[i], CONF_MAX, &text) == 0 || i == 0)
			known_servers(dns.known, buf_view(&text), i > 0);
		buf_free(&text);
	}
}

static void sweep(void *arg)
{
	static struct m_known all[KNOWN_ADDRS];
	struct mono now = mono_now();

	(void)arg;
	servers();
	/* What an earlier callgate-ident had told stays until it would have expired. */
	bool over = mono_since_us(dns.began, now) > KNOWN_KEEP_S * 1000000ull;
	if (over && known_expire(dns.known, now))
		tell(all, known_all(dns.known, all), true);
	if (pump_timer(dns.pump, mono_after_ms(now, SWEEP_MS), sweep, NULL))
		log_error("no room for a timer: addresses are not forgotten");
}

static void on_answers(void *arg, int fd, short what)
{
	static struct cg_dns e;
	struct m_known fresh[DNS_ADDRS];
	size_t n;
	int r = 1;

	(void)arg;
	(void)fd;
	(void)what;
	for (int i = 0; i < A_TURN && (r = execs_take(dns.ring, &e, sizeof(e))) > 0; i++) {
		known_take(dns.known, &e, mono_now(), fresh, &n);
		if (n)
			tell(fresh, n, false);
	}
	if (r < 0) {
		log_error("the ring buffer of DNS answers makes no sense: addresses of registered hosts come from callgate-fetch alone");
		pump_del(dns.pump, dns.fd);
		execs_free(&dns.ring);
	}
}

void ident_dns_hosts(struct view frame)
{
	int r = dns.known ? known_hosts(dns.known, frame) : 0;
	if (r)
		log_error("the list of hosts is not taken: %s; the former one stays", err_text(r));
}

int ident_dns_open(struct pump *pump, int procfs, int fd, struct edge *sup)
{
	if (fd < 0)
		return -ERR_NO_FEATURE;
	dns.pump = pump;
	dns.sup = sup;
	dns.fd = fd;
	dns.began = mono_now();
	dns.known = known_new();
	int r = dns.known ? execs_open(procfs, fd, &dns.ring) : -ENOMEM;
	if (!r)
		r = pump_add(pump, fd, POLLIN, on_answers, NULL);
	if (!r)
		sweep(NULL);
	return r;
}
