/* fleet_enroll.c - callgate fleet enroll: the seal keys and the public ssh keys of this workstation, for its collector alone to read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/keys.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/box.h"
#include "fleet/collector.h"
#include "fleet/enrol.h"
#include "fleet/put.h"
#include "tools/fleet.h"
#include "tools/fleet_home.h"
#include "tools/fleet_run.h"

int fleet_home(void)
{
	char path[512];

	if (mkdir(tool_opts.state, 0755) < 0 && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/fleet", tool_opts.state);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int fleet_trail(enum layout_trail t)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", t == LAYOUT_AUDIT ? tool_opts.log : tool_opts.state, layout_trail(t));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int fleet_collector(int home, struct collector *c)
{
	struct buf b = {0};
	int r = fd_slurp(home, "collector.json", COLLECTOR_MAX, &b);

	if (!r)
		r = collector_parse(buf_view(&b), c);
	buf_free(&b);
	return r;
}

/* ---- the seal keys that wait ---- */

static int one_key(int dir, const char *name, enum layout_trail t, struct enrol *e, struct buf *ids)
{
	struct buf b = {0};
	struct keys_export k = {0};
	char host[NAMES_HOST];
	int r = fd_slurp(dir, name, 4096, &b);
	struct view line = buf_view(&b);

	while (line.n && line.p[line.n - 1] == '\n')
		line.n--;
	if (!r)
		r = keys_parse(line, &k);
	/* "callgate/HOST/TRAIL" */
	if (!r && (sscanf(k.name, "callgate/%63[^/]", host) != 1 || (*e->host && strcmp(e->host, host) != 0)))
		r = -ERR_AMBIGUOUS;
	if (!r) {
		snprintf(e->host, sizeof(e->host), "%s", host);
		r = buf_put(&e->keys[t], line);
	}
	if (!r)
		r = buf_puts(&e->keys[t], "\n");
	if (!r)
		r = buf_printf(ids, "%s%s", ids->len ? " " : "", k.id);
	OPENSSL_cleanse(&k, sizeof(k));
	buf_wipe(&b);
	buf_free(&b);
	return r;
}

static int waiting_keys(enum layout_trail t, struct enrol *e, struct buf *ids)
{
	int trail = fleet_trail(t), keys = trail < 0 ? -1 : openat(trail, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), r = 0;
	DIR *d = keys < 0 ? NULL : fdopendir(keys);

	fd_close(&trail);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *at; !r && (at = readdir(d));) {
		size_t n = strlen(at->d_name);
		if (n == MAC_ID - 1 + strlen(".json") && strcmp(at->d_name + n - 5, ".json") == 0)
			r = one_key(keys, at->d_name, t, e, ids);
	}
	closedir(d);
	return r;
}

/* A host that was enrolled before may have nothing new but ssh keys: the collector keeps its seal keys. */
static int host_before(int home, char host[NAMES_HOST])
{
	struct buf b = {0};
	int r = fd_slurp(home, "enrolled.json", 1 << 16, &b);
	json_t *o = r ? NULL : json_loadb((const char *)buf_view(&b).p, b.len, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(o, "host"));

	if (!r)
		r = name && layout_host(name) ? 0 : -ENOENT;
	if (!r)
		snprintf(host, NAMES_HOST, "%s", name);
	json_decref(o);
	buf_free(&b);
	return r;
}

/* ---- the ssh keys ---- */

/* Make ${name} and ${name}.pub unless they are there, and read the public half. */
static int ssh_key(int home, const char *name, const char *host, char out[ENROL_SSH])
{
	char path[512], file[64], comment[NAMES_HOST + 16], said[RUN_SAID];
	struct buf b = {0};
	int r = 0;

	snprintf(path, sizeof(path), "%s/fleet/%s", tool_opts.state, name);
	snprintf(comment, sizeof(comment), "%s-%s", host, name);
	snprintf(file, sizeof(file), "%s.pub", name);
	if (faccessat(home, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 || faccessat(home, file, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		const char *const argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path, NULL};
		unlinkat(home, name, 0);
		unlinkat(home, file, 0);
		r = fleet_run(argv, view_of(NULL, 0), said);
		if (r) {
			tool_fail(EXIT_NO, "ssh-keygen: %s", r > 0 ? said : err_text(r));
			return -ERR_UNAVAILABLE;
		}
	}
	r = fd_slurp(home, file, 1024, &b);
	const uint8_t *type = r ? NULL : memchr(buf_view(&b).p, ' ', b.len);
	const uint8_t *end = type ? memchr(type + 1, ' ', b.len - (size_t)(type + 1 - buf_view(&b).p)) : NULL;
	if (!r && (!end || end - buf_view(&b).p >= ENROL_SSH))
		r = -ERR_MALFORMED;
	if (!r)
		snprintf(out, ENROL_SSH, "%.*s", (int)(end - buf_view(&b).p), (const char *)buf_view(&b).p);
	buf_free(&b);
	return r;
}

static int put_known_hosts(int home, const struct collector *c)
{
	char line[COLLECTOR_SSH + COLLECTOR_HOST_KEY + 16];
	const char *host = strchr(c->ssh, '@') + 1;

	if (c->port == 22)
		snprintf(line, sizeof(line), "%s %s\n", host, c->host_key);
	else
		snprintf(line, sizeof(line), "[%s]:%u %s\n", host, c->port, c->host_key);
	return put_file(home, "known_hosts", view_str(line), 0600);
}

/* What was handed over: these keys are taken away here once a receipt says that they work. */
static int put_enrolled(int home, const struct enrol *e, const struct buf ids[LAYOUT_TRAILS])
{
	struct buf out = {0};
	struct jsonw w = jsonw_on(&out);

	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "callgate_enrolled", 1);
	jsonw_str(&w, "host", e->host);
	jsonw_str(&w, "at", e->at);
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++)
		jsonw_text(&w, layout_trail(t), buf_view(&ids[t]));
	jsonw_close(&w, '}');
	int r = jsonw_end(&w);
	if (!r)
		r = put_file(home, "enrolled.json", buf_view(&out), 0600);
	buf_free(&out);
	return r;
}

static int write_box(const struct collector *c, const struct enrol *e, const char *out)
{
	struct buf text = {.max = ENROL_MAX}, box = {0};
	int r = enrol_text(e, &text);

	if (!r)
		r = box_seal(c->box, "enrol", buf_view(&text), &box);
	if (!r)
		r = put_file(AT_FDCWD, out, buf_view(&box), 0600);
	buf_wipe(&text);
	buf_free(&text);
	buf_free(&box);
	return r;
}

/* What credentials of bundles are sealed to; without the service there is none, and bundles can bring no credentials until it is enrolled again. */
static void vault_key(struct enrol *e)
{
	json_t *answer = NULL;
	bool json = tool_opts.json;

	tool_opts.json = false; /* a remark: the answer of the command is that the enrolment was made */
	if (tool_ask(tool_request("bundle.key", NULL), view_of(NULL, 0), &answer) == EXIT_YES)
		snprintf(e->vault, sizeof(e->vault), "%.64s", tool_text(json_object_get(answer, "public")));
	else
		fprintf(stderr, "callgate: the enrolment holds no key of the vault: no bundle can bring credentials here until it is made again\n");
	tool_opts.json = json;
	json_decref(answer);
}

static void print_enrolled(const struct enrol *e, const struct collector *c, const char *file, const char *signer)
{
	if (tool_opts.json) {
		json_t *o = json_pack("{s:b s:s s:s s:b s:s*}", "ok", 1, "host", e->host, "file", file, "vault_key", *e->vault != 0, "signer", signer);
		tool_json(o);
		json_decref(o);
		return;
	}
	printf("%s holds the keys of %s, for %s alone; take it there: callgate fleet accept\n", file, e->host, c->org);
}

static int enroll(int home, const char *collector_file, const char *out, const char *signer)
{
	struct enrol e = {0};
	struct collector c;
	struct buf file = {0}, ids[LAYOUT_TRAILS] = {0};
	char now[WALL_TEXT], name[NAMES_HOST + 8];
	int r = fd_slurp(AT_FDCWD, collector_file, COLLECTOR_MAX, &file);

	if (!r)
		r = collector_parse(buf_view(&file), &c);
	if (r) {
		tool_fail(EXIT_NO, "%s: %s; it is the collector.json of a store", collector_file, err_text(r));
		goto out;
	}
	wall_text(wall_now(), now);
	snprintf(e.at, sizeof(e.at), "%s", now);
	for (enum layout_trail t = 0; !r && t < LAYOUT_TRAILS; t++)
		r = waiting_keys(t, &e, &ids[t]);
	if (!r && !*e.host && host_before(home, e.host))
		r = tool_fail(EXIT_NO, "no seal key waits in %s/audit/keys or %s/journal/keys: has the service run?", tool_opts.log, tool_opts.state);
	if (!r)
		vault_key(&e);
	if (!r && *c.ssh) {
		r = ssh_key(home, "push", e.host, e.push);
		if (!r)
			r = ssh_key(home, "fetch", e.host, e.fetch);
		if (!r)
			r = put_known_hosts(home, &c);
	}
	if (!r)
		r = put_file(home, "collector.json", buf_view(&file), 0644);
	snprintf(name, sizeof(name), "%s.enrol", e.host);
	if (!r)
		r = put_enrolled(home, &e, ids);
	if (!r)
		r = write_box(&c, &e, out ? out : name);
	if (r < 0)
		tool_fail(EXIT_NO, "the enrolment cannot be made: %s", r == -ERR_AMBIGUOUS ? "the waiting keys are of different hosts" : err_text(r));
	if (!r)
		print_enrolled(&e, &c, out ? out : name, signer);
out:
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++)
		buf_free(&ids[t]);
	buf_free(&file);
	enrol_free(&e);
	return r ? EXIT_NO : EXIT_YES;
}

int fleet_enroll(int argc, char **argv)
{
	const char *rest[1], *collector = NULL, *out = NULL, *signer = NULL;
	const struct tool_flag flags[] = {{"--collector", &collector, NULL}, {"--out", &out, NULL}, {"--signer", &signer, NULL}, {NULL, NULL, NULL}};

	if (tool_flags("fleet enroll", flags, argc, argv, rest, 0) < 0)
		return EXIT_USAGE;
	if (!collector)
		return tool_fail(EXIT_USAGE, "fleet enroll needs --collector FILE, the collector.json of the collector's store");
	umask(077);
	int home = fleet_home();
	if (home < 0)
		return tool_fail(EXIT_NO, "%s/fleet: %s", tool_opts.state, err_text(home));
	json_t *trusted = NULL;
	int status = signer ? fleet_trust_file(signer, false, &trusted) : EXIT_YES;
	if (!status)
		status = enroll(home, collector, out, json_string_value(json_object_get(trusted, "signer")));
	json_decref(trusted);
	fd_close(&home);
	return status;
}
