/*
 * kern_deny.c - the optional denials: programs of the BPF security module, else before the security functions, else none, said aloud.
 * Floor: kern.      Loading proves nothing by itself: where the module is not in use such a program loads, attaches, and is never called.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kern/kern_internal.h"

/* Root outside, for whoever may talk to them. */
static const char *const engines[] = {"docker.sock", "containerd.sock", "podman.sock", "crio.sock", "buildkitd.sock", "unix.socket",
    "libvirt-sock", "lxd.socket", "incus.socket", "nerdctl.sock"};

static bool module_in_use(void)
{
	char text[512] = "";
	int fd = open("/sys/kernel/security/lsm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	const char *at = n > 0 ? strstr(text, "bpf") : NULL;
	return at && (at == text || at[-1] == ',') && (at[3] == 0 || at[3] == ',' || at[3] == '\n');
}

/* Does it attach, too? */
static int try_one(struct bpf_object *obj)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, "cg_family");
	struct bpf_link *link = prog ? bpf_program__attach(prog) : NULL;
	int r = link ? 0 : -errno;
	bpf_link__destroy(link);
	return r;
}

static int take(struct kern *k, enum kern_part part, const char *way)
{
	int r = kern_load_part(part, k, &k->obj[PART_DENY]);
	if (r == 0)
		r = try_one(k->obj[PART_DENY]);
	if (r == 0) {
		k->deny_way = way;
		return 0;
	}
	bpf_object__close(k->obj[PART_DENY]);
	k->obj[PART_DENY] = NULL;
	return r;
}

static void name_engines(const struct kern *k)
{
	uint32_t one = 1;
	int fd = kern_maps_fd(k, "cg_engines");
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		char key[CG_ENGINE] = {0};
		size_t len = strlen(engines[i]);
		memcpy(key + sizeof(key) - len, engines[i], len);
		if (bpf_map_update_elem(fd, key, &one, BPF_ANY) < 0)
			log_warning("agents may call the container engine at %s: %s", engines[i], strerror(errno));
	}
}

void kern_deny_load(struct kern *k)
{
	bool used = module_in_use();
	int lsm = used ? take(k, PART_DENY, "lsm") : -ENOSYS;
	int fmod = lsm ? take(k, PART_DENY_FMOD, "fmod_ret") : 0;
	if (k->deny_way)
		name_engines(k);
	else
		snprintf(k->deny_note, sizeof(k->deny_note), "this kernel takes neither lsm programs (%s) nor fmod_ret (%s)",
		    used ? strerror(-lsm) : "its BPF security module is not in use", strerror(-fmod));
}
