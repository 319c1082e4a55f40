/* resolve.c - see resolve.h. */
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <sys/socket.h>

#include "base/err.h"
#include "fetch/resolve.h"

enum { NAME_MAX_LEN = 253 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void resolve_prepare(void)
{
	struct addrinfo *out = NULL, hints = {.ai_socktype = SOCK_STREAM};

	/* Other services are modules, and no code is loaded behind the sandbox.  Both of these are part of the C library. */
	(void)__nss_configure_lookup("hosts", "files dns");
	if (getaddrinfo("localhost", NULL, &hints, &out) == 0)
		freeaddrinfo(out);
}

static bool v4(const struct resolve_addr *a)
{
	return memcmp(a->addr, mapped, sizeof(mapped)) == 0;
}

bool resolve_local(const struct resolve_addr *a)
{
	static const uint8_t one[16] = {[15] = 1};
	return v4(a) ? a->addr[12] == 127 : memcmp(a->addr, one, 16) == 0;
}

bool resolve_usable(const struct resolve_addr *a)
{
	static const uint8_t none[16];
	if (v4(a))
		return a->addr[12] != 0 && a->addr[12] < 224;
	return memcmp(a->addr, none, 16) != 0 && a->addr[0] != 0xff;
}

static bool address_of(const struct sockaddr *sa, struct resolve_addr *out)
{
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;
		memcpy(out->addr, mapped, sizeof(mapped));
		memcpy(out->addr + 12, &in->sin_addr, 4);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;
		memcpy(out->addr, &in6->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool known(const struct buf *have, const struct resolve_addr *a)
{
	for (struct view v = buf_view(have); v.n; v = view_skip(v, sizeof(*a)))
		if (memcmp(v.p, a, sizeof(*a)) == 0)
			return true;
	return false;
}

static int status_of(int gai)
{
	return gai == EAI_NONAME || gai == EAI_NODATA ? -ERR_NOT_FOUND : -ERR_UNAVAILABLE;
}

static int run(struct view ask, struct buf *answer)
{
	struct addrinfo *list = NULL, hints = {.ai_socktype = SOCK_STREAM};
	char name[NAME_MAX_LEN + 1];
	int r = 0;

	if (ask.n == 0 || ask.n > NAME_MAX_LEN)
		return -ERR_TOO_LONG;
	memcpy(name, ask.p, ask.n);
	name[ask.n] = 0;
	int gai = getaddrinfo(name, NULL, &hints, &list);
	if (gai)
		return status_of(gai);
	for (const struct addrinfo *i = list; i && !r && answer->len < RESOLVE_ADDRS * sizeof(struct resolve_addr); i = i->ai_next) {
		struct resolve_addr a;
		if (address_of(i->ai_addr, &a) && resolve_usable(&a) && !known(answer, &a))
			r = buf_put(answer, view_of(&a, sizeof(a)));
	}
	freeaddrinfo(list);
	return r;
}

const struct errand_kind resolve_kind = {"resolve", RESOLVE_MS, RESOLVE_ADDRS * sizeof(struct resolve_addr), run};
