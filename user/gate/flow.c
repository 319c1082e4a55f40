/* flow.c - see flow.h. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "gate/flow.h"

static long lookup(int map_fd, int fd, struct cg_flow *out)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_fd = (uint32_t)map_fd;
	a.key = (uint64_t)(uintptr_t)&fd;
	a.value = (uint64_t)(uintptr_t)out;
	return syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &a, sizeof(a));
}

int flow_lookup(int map_fd, int fd, struct cg_flow *out)
{
	memset(out, 0, sizeof(*out));
	if (lookup(map_fd, fd, out) < 0) {
		/* The record is there before accept() returns; if that argument ever fails, it is a matter of one moment. */
		sched_yield();
		if (lookup(map_fd, fd, out) < 0)
			return -ERR_NO_RECORD;
	}
	return out->abi == CG_ABI_VERSION && out->verdict == CG_REDIRECT ? 0 : -ERR_NO_RECORD;
}

static bool mapped(const uint8_t addr[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(addr, prefix, sizeof(prefix)) == 0;
}

socklen_t flow_addr(const uint8_t addr[16], __be16 port_be, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (mapped(addr)) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
		v4->sin_family = AF_INET;
		v4->sin_port = port_be;
		memcpy(&v4->sin_addr, addr + 12, 4);
		return sizeof(*v4);
	}
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = port_be;
	memcpy(&v6->sin6_addr, addr, 16);
	return sizeof(*v6);
}

unsigned short flow_port(const struct cg_flow *f)
{
	return ntohs(f->dst_port);
}

void flow_addr_text(const uint8_t addr[16], char *out, size_t n)
{
	const char *ok = mapped(addr) ? inet_ntop(AF_INET, addr + 12, out, (socklen_t)n) : inet_ntop(AF_INET6, addr, out, (socklen_t)n);
	if (!ok && n)
		out[0] = '\0';
}
