/*
 * kern_early.c - sockets that are older than our programs: would the connect hook have let them be, and the label that the hooks would have given.
 * Floor: kern.      User space may write the storage of a socket that it holds.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "kern/kern_internal.h"

enum { ADDR_BITS = 128, PORT_BITS = 16, LOCAL_PREFIX = 104 };

/* The length of the longest registered prefix, as dest_prefix() of the kernel side; -1: none. */
static int known_prefix(const struct kern *k, const uint8_t addr[16], uint16_t port_be)
{
	struct cg_dest key = {.prefix = PORT_BITS + ADDR_BITS, .port = port_be};
	uint32_t prefix;
	int best = -1, fd = kern_maps_fd(k, "cg_dests");
	memcpy(key.addr, addr, 16);
	if (bpf_map_lookup_elem(fd, &key, &prefix) == 0)
		best = (int)prefix;
	key.port = 0;
	if (bpf_map_lookup_elem(fd, &key, &prefix) == 0 && (int)prefix > best)
		best = (int)prefix;
	return best;
}

bool kern_wants(const struct kern *k, const struct kern_conf *conf, const uint8_t addr[16], uint16_t port, bool full)
{
	static const uint8_t mapped_loopback[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}, loopback[16] = {[15] = 1};
	bool local = memcmp(addr, mapped_loopback, 13) == 0 || memcmp(addr, loopback, 16) == 0;
	int prefix = known_prefix(k, addr, (uint16_t)(port << 8 | port >> 8));
	if (local)
		return prefix >= LOCAL_PREFIX;
	if (prefix > 0 || !full)
		return prefix > 0;
	for (size_t i = 0; i < conf->port_count; i++)
		if (conf->ports[i] == port)
			return true;
	return prefix == 0 || conf->redirect_all;
}

uint32_t kern_agent(const struct kern *k, uint32_t tgid)
{
	struct cg_proc p;
	return bpf_map_lookup_elem(kern_maps_fd(k, "cg_procs"), &tgid, &p) == 0 && p.mark.cls == CG_CLASS_AGENT ? p.mark.root : 0;
}

bool kern_redirected(const struct kern *k, int fd)
{
	struct cg_flow f;
	return bpf_map_lookup_elem(kern_maps_fd(k, "cg_client"), &fd, &f) == 0 || (k->old_client >= 0 && bpf_map_lookup_elem(k->old_client, &fd, &f) == 0);
}

int kern_label(const struct kern *k, int fd, const uint8_t addr[16], uint16_t port)
{
	struct cg_label l = {.cls = CG_CLASS_AGENT, .dst_port = (uint16_t)(port << 8 | port >> 8)};
	memcpy(l.dst, addr, 16);
	/* One that the hooks have given stays. */
	if (bpf_map_update_elem(kern_maps_fd(k, "cg_label"), &fd, &l, BPF_NOEXIST) == 0)
		return 1;
	return errno == EEXIST ? 0 : -errno;
}
