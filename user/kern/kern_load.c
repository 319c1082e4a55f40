/*
 * kern_load.c - the BPF objects that are compiled in: open, place their maps, load.  Sole includer of the skeletons.
 * Floor: kern.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "kern/kern_internal.h"

#include "connect.skel.h"
#include "egress.skel.h"
#include "dns.skel.h"
#include "exec.skel.h"
#include "fmodret.skel.h"
#include "lsm.skel.h"
#include "socket.skel.h"
#include "sockops.skel.h"
#include "udp.skel.h"

static const struct {
	const char *name;
	const void *(*bytes)(size_t *len);
} parts[] = {
    [PART_CONNECT] = {"connect", connect_bpf__elf_bytes},
    [PART_SOCKOPS] = {"sockops", sockops_bpf__elf_bytes},
    [PART_UDP] = {"udp", udp_bpf__elf_bytes},
    [PART_SOCKET] = {"socket", socket_bpf__elf_bytes},
    [PART_EGRESS] = {"egress", egress_bpf__elf_bytes},
    [PART_EXEC] = {"exec", exec_bpf__elf_bytes},
    [PART_DENY] = {"lsm", lsm_bpf__elf_bytes},
    [PART_DENY_FMOD] = {"fmodret", fmodret_bpf__elf_bytes},
    [PART_DNS] = {"dns", dns_bpf__elf_bytes},
};

/* Both may stay as two ABI versions of the programs are attached at once; see maps.bpf.h. */
static const char *const shared_map = "cg_rewritten";

/* libbpf's printer takes no argument, so its last complaint has to live here.  callgated has one thread. */
static char complaint[256];

static int listen_to_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[1024];
	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = 0;
	log_detail("%s", line);
	snprintf(complaint, sizeof(complaint), "%.255s", line);
	return 0;
}

int kern_load_say(char *why, size_t len, int err, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (err == -ERR_NO_FEATURE)
		snprintf(why, len, "%s", text);
	else
		snprintf(why, len, "%s: %s%s%s", text, err > -4096 ? strerror(-err) : err_text(err),
		    complaint[0] ? "; libbpf: " : "", complaint);
	complaint[0] = 0;
	return err;
}

static int place_map(struct bpf_map *map, const struct kern *pins)
{
	char path[PATH_MAX + 32];
	if (bpf_map__is_internal(map))
		return 0; /* constants */
	if (!pins)
		return bpf_map__set_pin_path(map, NULL);
	snprintf(path, sizeof(path), "%s/%s",
	    strcmp(bpf_map__name(map), shared_map) == 0 ? pins->bpffs : pins->dir, bpf_map__name(map));
	return bpf_map__set_pin_path(map, path);
}

static uint32_t mix(uint32_t h, const void *p, size_t n)
{
	for (const uint8_t *b = p; n--; b++)
		h = (h ^ *b) * 16777619u; /* FNV-1a */
	return h;
}

static uint32_t mix_maps(uint32_t h, const struct bpf_object *obj)
{
	struct bpf_map *m;
	bpf_object__for_each_map(m, obj) {
		const char *name = bpf_map__name(m);
		const uint32_t shape[] = {bpf_map__type(m), bpf_map__key_size(m), bpf_map__value_size(m), bpf_map__max_entries(m), bpf_map__map_flags(m)};
		if (bpf_map__is_internal(m) || strcmp(name, shared_map) == 0)
			continue;
		h = mix(mix(h, name, strlen(name) + 1), shape, sizeof(shape));
	}
	return h;
}

int kern_load_layout(uint32_t *out)
{
	uint32_t h = 2166136261u;
	libbpf_set_print(listen_to_libbpf);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = parts[i].name);
		size_t len;
		const void *elf = parts[i].bytes(&len);
		struct bpf_object *obj = bpf_object__open_mem(elf, len, &opts);
		if (!obj)
			return -errno;
		h = mix_maps(h, obj);
		bpf_object__close(obj);
	}
	*out = h;
	return 0;
}

int kern_load_part(enum kern_part part, const struct kern *pins, struct bpf_object **out)
{
	struct bpf_map *map;
	size_t len;
	int r = 0;
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = parts[part].name);
	*out = NULL;
	complaint[0] = 0;
	libbpf_set_print(listen_to_libbpf);
	const void *elf = parts[part].bytes(&len);
	struct bpf_object *obj = bpf_object__open_mem(elf, len, &opts);
	if (!obj)
		return -errno;
	bpf_object__for_each_map(map, obj)
		r = r ? r : place_map(map, pins);
	if (r == 0)
		r = bpf_object__load(obj);
	if (r < 0) {
		bpf_object__close(obj);
		return r;
	}
	*out = obj;
	return 0;
}

ssize_t kern_iterate(const struct kern *k, const char *name)
{
	char buf[64];
	ssize_t n, all = 0;
	struct bpf_program *prog = k->obj[PART_EXEC] ? bpf_object__find_program_by_name(k->obj[PART_EXEC], name) : NULL;
	if (!prog)
		return -ENOENT;
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	if (fd < 0)
		all = -errno;
	/* It does its work while it is read. */
	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n > 0)
			all += n;
		else if (errno != EINTR && errno != EAGAIN) {
			all = -errno;
			break;
		}
	}
	fd_close(&fd);
	bpf_link__destroy(link);
	return all;
}
