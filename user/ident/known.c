/* known.c - see known.h. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "ident/dns.h"
#include "ident/known.h"

struct addr {
	uint8_t addr[16];
	uint64_t host; /* hash of the name */
	struct mono until;
};

struct known {
	char (*host)[HOST_LEN]; /* sorted */
	uint64_t *hash; /* of each */
	size_t hosts;
	struct addr addr[KNOWN_ADDRS];
	size_t addrs;
	uint8_t server[KNOWN_SERVERS][16];
	size_t servers;
	bool full; /* said already */
};

struct known *known_new(void)
{
	return calloc(1, sizeof(struct known));
}

void known_free(struct known **k)
{
	if (*k) {
		free((*k)->host);
		free((*k)->hash);
	}
	free(*k);
	*k = NULL;
}

static uint64_t hash_of(const char *name)
{
	uint64_t h = 14695981039346656037ull;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 1099511628211ull;
	return h;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* "PORT NAME", NUL: the name. */
static int read_names(struct view frame, char (*out)[HOST_LEN], size_t *n)
{
	for (*n = 0; frame.n;) {
		const uint8_t *end = memchr(frame.p, 0, frame.n), *space = memchr(frame.p, ' ', frame.n);
		if (!end || !space || space > end || end - space < 2 || end - space > HOST_LEN)
			return -ERR_MALFORMED;
		if (*n == KNOWN_HOSTS)
			return -ERR_TOO_LONG;
		memcpy(out[(*n)++], space + 1, (size_t)(end - space));
		frame = view_skip(frame, (size_t)(end - frame.p) + 1);
	}
	return 0;
}

int known_hosts(struct known *k, struct view frame)
{
	char (*list)[HOST_LEN] = calloc(KNOWN_HOSTS, sizeof(*list));
	uint64_t *hash = calloc(KNOWN_HOSTS, sizeof(*hash));
	size_t n = 0;
	int r = list && hash ? read_names(frame, list, &n) : -ERR_UNAVAILABLE;

	if (r) {
		free(list);
		free(hash);
		return r;
	}
	qsort(list, n, sizeof(*list), by_name);
	for (size_t i = 0; i < n; i++)
		hash[i] = hash_of(list[i]);
	free(k->host);
	free(k->hash);
	k->host = list;
	k->hash = hash;
	k->hosts = n;
	return 0;
}

static bool registered(const struct known *k, const char *name)
{
	return k->hosts && bsearch(name, k->host, k->hosts, sizeof(*k->host), by_name);
}

static bool address(const char *text, uint8_t out[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	memcpy(out, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, out + 12) == 1 || inet_pton(AF_INET6, text, out) == 1;
}

void known_servers(struct known *k, struct view text, bool more)
{
	if (!more)
		k->servers = 0;
	while (text.n) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		size_t n = nl ? (size_t)(nl - text.p) : text.n;
		char line[128], word[64];
		snprintf(line, sizeof(line), "%.*s", (int)n, (const char *)text.p);
		text = view_skip(text, n + 1);
		/* A link-local address may carry its interface. */
		if (k->servers < KNOWN_SERVERS && sscanf(line, " nameserver %63[^ \t%%#;]", word) == 1 && address(word, k->server[k->servers]))
			k->servers++;
	}
}

static bool trusted(const struct known *k, const uint8_t server[16])
{
	for (size_t i = 0; i < k->servers; i++)
		if (memcmp(k->server[i], server, 16) == 0)
			return true;
	return false;
}

/* Loopback is this machine, where only ports tell servers apart; the rest is no place for one. */
static bool usable(const uint8_t a[16])
{
	static const uint8_t zero[16], mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (memcmp(a, mapped, sizeof(mapped)) == 0)
		return a[12] != 0 && a[12] != 127 && a[12] < 224;
	return memcmp(a, zero, 15) != 0 && a[0] != 0xff;
}

/* The place of an address, or a new one; when all are taken, the one that has least time left. */
static struct addr *place(struct known *k, const uint8_t a[16], bool *fresh)
{
	struct addr *first = &k->addr[0];

	*fresh = false;
	for (size_t i = 0; i < k->addrs; i++) {
		if (memcmp(k->addr[i].addr, a, 16) == 0)
			return &k->addr[i];
		if (k->addr[i].until.ns < first->until.ns)
			first = &k->addr[i];
	}
	*fresh = true;
	if (k->addrs < KNOWN_ADDRS)
		return &k->addr[k->addrs++];
	if (!k->full)
		log_warning("more than %d addresses of registered hosts in DNS answers: the oldest are replaced", KNOWN_ADDRS);
	k->full = true;
	return first;
}

void known_take(struct known *k, const struct cg_dns *e, struct mono now, struct m_known *out, size_t *n)
{
	struct dns_answer a;

	*n = 0;
	if (!trusted(k, e->server) || e->len > sizeof(e->data) || dns_read(view_of(e->data, e->len), &a) || !registered(k, a.name))
		return;
	for (size_t i = 0; i < a.addrs; i++) {
		uint64_t s = a.addr[i].ttl > KNOWN_KEEP_S ? a.addr[i].ttl : KNOWN_KEEP_S;
		bool fresh;
		if (!usable(a.addr[i].addr))
			continue;
		struct addr *at = place(k, a.addr[i].addr, &fresh);
		struct mono until = mono_after_ms(now, (s < KNOWN_TTL_MAX_S ? s : KNOWN_TTL_MAX_S) * 1000);
		if (fresh || until.ns > at->until.ns)
			at->until = until;
		at->host = hash_of(a.name);
		memcpy(at->addr, a.addr[i].addr, 16);
		if (!fresh)
			continue;
		out[*n] = (struct m_known){0};
		memcpy(out[(*n)++].addr, at->addr, 16);
	}
}

static bool of_registered(const struct known *k, uint64_t host)
{
	for (size_t i = 0; i < k->hosts; i++)
		if (k->hash[i] == host)
			return true;
	return false;
}

bool known_expire(struct known *k, struct mono now)
{
	size_t before = k->addrs;

	for (size_t i = k->addrs; i-- > 0;)
		if (k->addr[i].until.ns <= now.ns || !of_registered(k, k->addr[i].host))
			k->addr[i] = k->addr[--k->addrs];
	return k->addrs != before;
}

size_t known_all(const struct known *k, struct m_known *out)
{
	for (size_t i = 0; i < k->addrs; i++) {
		out[i] = (struct m_known){0};
		memcpy(out[i].addr, k->addr[i].addr, 16);
	}
	return k->addrs;
}
