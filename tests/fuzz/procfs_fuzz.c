/* procfs_fuzz.c - the readers of /proc files and of arguments, with any bytes. */
#include <stdlib.h>

#include "ident/agents.h"
#include "ident/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size);
	struct proc_stat st;
	uint32_t uid;
	char cgroup[256], unit[64];
	const char *script, *module;

	if (proc_parse_stat(v, &st) && (st.ppid || st.start_ticks))
		abort();
	if (proc_parse_uid(v, &uid) && uid != ~0u)
		abort();
	int r = proc_parse_cgroup(v, cgroup, sizeof(cgroup));
	if ((r == 0) != (cgroup[0] == '/'))
		abort();
	proc_unit(cgroup, unit, sizeof(unit));
	if (strlen(unit) >= sizeof(unit) || strchr(unit, '/'))
		abort();
	char *args = malloc(size + 1);
	if (!args)
		return 0;
	memcpy(args, data, size);
	args[size] = 0;
	agents_script(args, size, &script, &module);
	const char *got = script ? script : module;
	if (got && (got < args || got > args + size))
		abort();
	free(args);
	return 0;
}
