/*
 * sup_resolver.c - where this machine's names come from: the only places to which an agent may send a datagram.
 * Read from resolv.conf(5) by the C library, again whenever the file is another one: a laptop changes its network.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/log.h"
#include "proc/sup.h"

static const char *const path = "/etc/resolv.conf";

static void put_v4(struct cg_addr *a, const struct in_addr *v4)
{
	*a = (struct cg_addr){.addr = {[10] = 0xff, [11] = 0xff}};
	memcpy(a->addr + 12, v4, sizeof(*v4));
}

/* glibc keeps an IPv6 server beside the array whose entry has no family then. */
static size_t servers(struct cg_addr out[MAXNS])
{
	struct __res_state state = {0};
	size_t n = 0;

	if (res_ninit(&state) < 0)
		return 0;
	for (int i = 0; i < state.nscount && n < MAXNS; i++) {
		const struct sockaddr_in6 *v6 = state._u._ext.nsaddrs[i];
		if (state.nsaddr_list[i].sin_family == AF_INET)
			put_v4(&out[n++], &state.nsaddr_list[i].sin_addr);
		else if (v6 && v6->sin6_family == AF_INET6)
			memcpy(out[n++].addr, &v6->sin6_addr, sizeof(v6->sin6_addr));
	}
	res_nclose(&state);
	return n;
}

void sup_resolver_sweep(struct sup *s)
{
	struct cg_addr list[MAXNS];
	struct stat st = {0};

	(void)stat(path, &st); /* none: the resolver on this machine, which loopback covers */
	if (s->resolver_read && st.st_ino == s->resolver_ino && st.st_mtim.tv_sec == s->resolver_time.tv_sec &&
	    st.st_mtim.tv_nsec == s->resolver_time.tv_nsec)
		return;
	s->resolver_read = true;
	s->resolver_ino = st.st_ino;
	s->resolver_time = st.st_mtim;
	int r = kern_resolvers(s->kern, list, servers(list));
	if (r)
		log_error("agents cannot ask the resolvers of %s: %s", path, err_text(r));
}
