/* fleet.c - callgate fleet: many workstations, one collector.  The verbs, and the making of a store. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "fleet/collector.h"
#include "tools/fleet.h"

int fleet_dir(const char *what, const char *path)
{
	int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (!path)
		tool_fail(EXIT_USAGE, "%s DIR is missing", what);
	else if (fd < 0)
		tool_fail(EXIT_NO, "%s: %s", path, strerror(errno));
	return fd;
}

bool fleet_number(const char *verb, const char *option, const char *text, long most, long *out)
{
	char *end;

	if (!text)
		return true;
	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 0 || n > most) {
		tool_fail(EXIT_USAGE, "%s: %s needs a number from 0 to %ld", verb, option, most);
		return false;
	}
	*out = n;
	return true;
}

/* The first two words of a file as ssh-keygen makes it. */
static int host_key(const char *path, char *out, size_t cap)
{
	struct buf b = {0};
	int r = fd_slurp(AT_FDCWD, path, COLLECTOR_HOST_KEY, &b);

	if (!r && buf_put(&b, view_of("", 1)))
		r = -ERR_TOO_LONG;
	char *text = r ? NULL : (char *)b.mem + b.off, *blob = text ? strchr(text, ' ') : NULL, *end = blob ? blob + 1 + strcspn(blob + 1, " \n") : NULL;
	if (!r && (!blob || (size_t)(end - text) >= cap))
		r = -ERR_MALFORMED;
	if (!r)
		snprintf(out, cap, "%.*s", (int)(end - text), text);
	buf_free(&b);
	return r;
}

int fleet_init(int argc, char **argv)
{
	const char *rest[1], *dir = NULL, *org = NULL, *ssh = NULL, *port = NULL, *key = NULL;
	const struct tool_flag flags[] = {{"--store", &dir, NULL}, {"--org", &org, NULL}, {"--ssh", &ssh, NULL}, {"--port", &port, NULL},
	    {"--host-key", &key, NULL}, {NULL, NULL, NULL}};
	struct collector c = {0};
	long n = 22;

	if (tool_flags("fleet init", flags, argc, argv, rest, 0) < 0 || !fleet_number("fleet init", "--port", port, 65535, &n))
		return EXIT_USAGE;
	if (!dir || !org || !ssh != !key || strlen(org) >= sizeof(c.org) || (ssh && strlen(ssh) >= sizeof(c.ssh)))
		return tool_fail(EXIT_USAGE, "fleet init needs --store DIR and --org NAME, and --ssh USER@HOST only together with --host-key FILE");
	strcpy(c.org, org);
	strcpy(c.ssh, ssh ? ssh : "");
	c.port = (unsigned)n;
	int r = key ? host_key(key, c.host_key, sizeof(c.host_key)) : 0;
	if (r)
		return tool_fail(EXIT_NO, "%s: %s; name the collector's ssh_host_ed25519_key.pub", key, err_text(r));
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return tool_fail(EXIT_NO, "%s: %s", dir, strerror(errno));
	int store = fleet_dir("--store", dir);
	if (store < 0)
		return EXIT_NO;
	r = collector_init(store, &c);
	fd_close(&store);
	if (r == -EEXIST)
		return tool_fail(EXIT_NO, "%s is a store already", dir);
	if (r)
		return tool_fail(EXIT_NO, "%s: %s", dir, r == -ERR_MALFORMED ? "the name, the ssh destination or its host key is not one" : err_text(r));
	if (!tool_opts.json)
		printf("%s is the store of %s; give %s/collector.json to the workstations\n", dir, org, dir);
	return EXIT_YES;
}

int cmd_fleet(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"init", fleet_init, "--store DIR --org NAME [--ssh USER@HOST --host-key FILE [--port N]]",
	        "at the collector: make a store, its keys, and the collector.json that workstations need"},
	    {"accept", fleet_accept, "--store DIR --inbox DIR [--again] FILE...",
	        "at the collector: enrol the workstations whose enrolment files (HOST.enrol) these are"},
	    {"revoke", fleet_revoke, "--store DIR HOST", "at the collector: forget the ssh keys of a workstation"},
	    {"keys", fleet_keys, "--store DIR --inbox DIR [HOST...]", "at the collector: lines of authorized_keys for the transfer account"},
	    {"ingest", fleet_ingest, "--store DIR --inbox DIR [--jobs N] [--gap-wait SECONDS] [--quiet]",
	        "at the collector: verify what came, move it into the store, log it, give receipts"},
	    {"bundle-key", fleet_bundle_key, "--org NAME --key FILE", "where bundles are signed: make the key, and FILE.pub for the workstations"},
	    {"bundle", fleet_bundle, "--store DIR --key FILE --from DIR [--version N] [--out DIR] [HOST...]",
	        "at the collector: sign a bundle of servers, policies, grants and sealed credentials for each workstation"},
	    {"enroll", fleet_enroll, "--collector FILE [--signer FILE.pub] [--out FILE]",
	        "on a workstation, as root: make its ssh keys and write the enrolment file that only this collector can read"},
	    {"ship", fleet_ship, "[--now] [--bwlimit KIBS] [--to DIR [--receipts DIR]]", "on a workstation, as root: hand over what is sealed, fetch receipts"},
	    {"trust", fleet_trust, "FILE.pub [--replace]", "on a workstation, as root: whose bundles count here"},
	    {"apply", fleet_apply, "[FILE]", "on a workstation, as root: put a signed bundle in force, the one that ship fetched unless a file is named"},
	    {"status", fleet_status, "--store DIR [--from DAY] [--to DAY|TIME] [--lag HOURS] [--silent HOURS] [--html FILE]",
	        "at the collector: every host, what is covered, what is not and why"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("fleet", verbs, argc, argv);
}
