/*
 * kern_netns.c - network namespaces that have a listener of ours, and asks for one.
 * Floor: kern.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kern/kern_internal.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

enum { NETNS_MAX = 512 }; /* of the map */

int kern_netns_add(struct kern *k, uint64_t cookie, uint16_t port)
{
	uint32_t value = port;
	return bpf_map_update_elem(kern_maps_fd(k, "cg_netns"), &cookie, &value, BPF_ANY) < 0 ? -errno : 0;
}

void kern_netns_remove(struct kern *k, uint64_t cookie)
{
	bpf_map_delete_elem(kern_maps_fd(k, "cg_netns"), &cookie);
}

int kern_netns_home(struct kern *k)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);
	int r = 0, s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0 || getsockopt(s, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
		r = -errno;
	if (s >= 0)
		close(s);
	if (r == 0)
		r = kern_netns_add(k, cookie, 0);
	return r < 0 ? r : kern_maps_prune(kern_maps_fd(k, "cg_netns"), &cookie, 1, sizeof(cookie), NETNS_MAX);
}

static int on_ask(void *arg, void *data, size_t len)
{
	struct kern *k = arg;
	struct cg_ask ask;
	if (len < sizeof(ask))
		return 0;
	memcpy(&ask, data, sizeof(ask));
	if (ask.netns == CG_ASK_NET || ask.netns == CG_ASK_NET_ALL)
		kern_net_asked(k, &ask);
	else
		k->ask_fn(k->ask_arg, &ask);
	return 0;
}

int kern_asks_open(struct kern *k, kern_ask_fn *fn, void *arg)
{
	k->ask_fn = fn;
	k->ask_arg = arg;
	k->asks = ring_buffer__new(kern_maps_fd(k, "cg_asks"), on_ask, k, NULL);
	return k->asks ? ring_buffer__epoll_fd(k->asks) : -errno;
}

void kern_asks_read(struct kern *k)
{
	if (k->asks)
		(void)ring_buffer__consume(k->asks);
}

void kern_netns_close(struct kern *k)
{
	ring_buffer__free(k->asks);
	k->asks = NULL;
}
