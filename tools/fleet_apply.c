/* fleet_apply.c - callgate fleet trust, apply: on a workstation, whose bundles count, and putting one in force. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/parcel.h"
#include "base/err.h"
#include "base/fd.h"
#include "tools/fleet.h"

int fleet_trust_file(const char *path, bool replace, json_t **answer)
{
	struct buf b = {0};
	int status = tool_file(path, NOTE_VKEY, &b);

	*answer = NULL;
	if (status) {
		buf_free(&b);
		return status;
	}
	struct view v = buf_view(&b);
	while (v.n && v.p[v.n - 1] == '\n')
		v.n--;
	json_t *args = json_pack("{s:s%}", "signer", v.p ? (const char *)v.p : "", v.n);
	if (args && replace)
		json_object_set_new(args, "replace", json_true());
	if (args)
		status = tool_ask(tool_request("bundle.trust", args), view_of(NULL, 0), answer);
	else
		status = tool_fail(EXIT_NO, "%s: is no text", path);
	if (!status && !tool_opts.json) {
		printf("bundles count here when %s signed them\n", tool_text(json_object_get(*answer, "signer")));
		tool_remark(*answer);
	}
	buf_free(&b);
	return status;
}

int fleet_trust(int argc, char **argv)
{
	const char *file = NULL;
	bool replace = false;
	const struct tool_flag flags[] = {{"--replace", NULL, &replace}, {NULL, NULL, NULL}};
	int n = tool_flags("fleet trust", flags, argc, argv, &file, 1);

	if (n < 0)
		return EXIT_USAGE;
	if (!n)
		return tool_fail(EXIT_USAGE, "fleet trust: whom?  The KEY.pub that callgate fleet bundle-key made");
	json_t *answer;
	int status = fleet_trust_file(file, replace, &answer);
	if (!status && tool_opts.json)
		tool_json(answer);
	json_decref(answer);
	return status;
}

static void print_applied(const json_t *answer)
{
	const json_t *list = json_object_get(answer, "left_out"), *v, *changes = json_object_get(answer, "changes");
	size_t i;

	if (changes)
		printf("bundle %s applied: %s changes\n", tool_text(json_object_get(answer, "version")), tool_text(changes));
	else
		printf("bundle %s is in force\n", tool_text(json_object_get(answer, "version")));
	json_array_foreach(list, i, v)
		printf("left out: %s\n", tool_text(v));
}

/* Whatever fills that directory may put there what it likes, a FIFO as well. */
static int come(const char *path, struct buf *out)
{
	int r = fd_slurp_regular(AT_FDCWD, path, PARCEL_MAX, out);

	return r ? tool_fail(EXIT_NO, "%s: %s; callgate fleet ship fetches it, or name a file", path, r == -ERR_CORRUPT ? "is no regular file" : err_text(r)) : EXIT_YES;
}

int fleet_apply(int argc, char **argv)
{
	const char *file = NULL;
	char path[512];
	struct buf b = {0};
	int n = tool_flags("fleet apply", NULL, argc, argv, &file, 1);

	if (n < 0)
		return EXIT_USAGE;
	snprintf(path, sizeof(path), "%s/fleet/come/bundle", tool_opts.state);
	int status = n ? tool_file(file, PARCEL_MAX, &b) : come(path, &b);
	json_t *args = status ? NULL : json_pack("{s:s%}", "bundle", b.len ? (const char *)buf_view(&b).p : "", b.len);
	if (!status && !args)
		status = tool_fail(EXIT_NO, "%s: is no bundle: it is no text", n ? file : path);
	if (!status)
		status = tool_simple("bundle.apply", args, print_applied);
	buf_free(&b);
	return status;
}
