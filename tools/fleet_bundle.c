/*
 * fleet_bundle.c - callgate fleet bundle-key, bundle: the key that signs, and one signed bundle for each workstation.
 *
 *	servers.json       [what server.add takes, and "for"?:[HOST,...]]        grants.json   [what grant.add takes, "user" instead of "uid", "for"?]
 *	policies/NAME.json                                                      local.json    ["servers","grants","policies","credentials"]
 *	credentials.json   [{"name","type"?,"hosts"?,"for"?}]                   credentials/NAME   the secret, a file that nobody else may read
 * What is missing is empty; without "for" it is for all.  Secrets are read from files alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/bundle_plan.h"
#include "admin/credential.h"
#include "admin/request.h"
#include "base/err.h"
#include "base/fd.h"
#include "fleet/collector.h"
#include "fleet/enrol.h"
#include "fleet/put.h"
#include "tools/fleet.h"

enum { HOSTS = 4096, SOURCE_MAX = 4 << 20, VERSION_MAX = 1 << 30 };

struct making {
	const char *from; /* the directory, as named */
	int dir, store, out; /* out: -1: to where workstations fetch their receipts */
	char signer[NOTE_NAME];
	uint8_t seed[SIGN_SEED];
	json_int_t version;
	json_t *servers, *grants, *policies, *credentials, *local;
};

/* ---- the key ---- */

int fleet_bundle_key(int argc, char **argv)
{
	const char *rest[1], *org = NULL, *key = NULL;
	const struct tool_flag flags[] = {{"--org", &org, NULL}, {"--key", &key, NULL}, {NULL, NULL, NULL}};
	char name[NOTE_NAME], vkey[NOTE_VKEY + 1], hex[2 * SIGN_SEED + 2], path[4096];
	uint8_t seed[SIGN_SEED], public[SIGN_PUBLIC];

	if (tool_flags("fleet bundle-key", flags, argc, argv, rest, 0) < 0)
		return EXIT_USAGE;
	if (!org || !key || !collector_org(org) || strlen(key) + 5 > sizeof(path))
		return tool_fail(EXIT_USAGE, "fleet bundle-key needs --org NAME (letters, digits and . _ -) and --key FILE");
	snprintf(name, sizeof(name), PARCEL_SIGNER "%s", org);
	snprintf(path, sizeof(path), "%s.pub", key);
	if (faccessat(AT_FDCWD, key, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return tool_fail(EXIT_NO, "%s is there already; a new key would have to be brought to every workstation", key);
	int r = getrandom(seed, sizeof(seed), 0) == (ssize_t)sizeof(seed) ? 0 : -EIO;
	if (!r)
		r = sign_public(seed, public);
	if (!r)
		r = note_vkey(name, public, vkey);
	chain_hex(seed, SIGN_SEED, hex);
	memcpy(hex + 2 * SIGN_SEED, "\n", 2);
	if (!r)
		r = put_file(AT_FDCWD, key, view_str(hex), 0400);
	OPENSSL_cleanse(seed, sizeof(seed));
	OPENSSL_cleanse(hex, sizeof(hex));
	strcat(vkey, "\n");
	if (!r)
		r = put_file(AT_FDCWD, path, view_str(vkey), 0444);
	if (r)
		return tool_fail(EXIT_NO, "%s: %s", key, err_text(r));
	if (!tool_opts.json)
		printf("%s signs bundles of %s: keep it where nobody else reads; %s goes to the workstations: callgate fleet enroll --signer, or fleet trust\n", key, org, path);
	return EXIT_YES;
}

/* KEY, and the name that it signs under from KEY.pub. */
static int take_key(const char *key, struct making *m)
{
	struct buf b = {0}, pub = {0};
	char path[4096];
	uint8_t public[SIGN_PUBLIC], mine[SIGN_PUBLIC];
	int r = fd_slurp(AT_FDCWD, key, 4 * SIGN_SEED, &b);

	snprintf(path, sizeof(path), "%s.pub", key);
	if (!r)
		r = chain_unhex(view_head(buf_view(&b), 2 * SIGN_SEED), m->seed, SIGN_SEED);
	if (!r)
		r = fd_slurp(AT_FDCWD, path, NOTE_VKEY, &pub);
	if (!r)
		r = note_key(view_head(buf_view(&pub), pub.len ? pub.len - 1 : 0), m->signer, public);
	if (!r)
		r = sign_public(m->seed, mine);
	if (!r && (memcmp(mine, public, SIGN_PUBLIC) != 0 || !parcel_signer(m->signer)))
		r = -ERR_MALFORMED;
	buf_wipe(&b);
	buf_free(&pub);
	return r ? tool_fail(EXIT_NO, "%s: %s; it is made by callgate fleet bundle-key, with %s.pub beside it", key, err_text(r), key) : EXIT_YES;
}

/* ---- what is in it ---- */

/* "for" is a list of workstations: another spelling must not leave somebody out unseen. */
static bool for_ok(const struct making *m, const char *name, const json_t *list)
{
	const json_t *v, *hosts, *h;
	size_t i, k;

	json_array_foreach(list, i, v) {
		bool ok = !(hosts = json_object_get(v, "for")) || json_is_array(hosts);
		json_array_foreach(hosts, k, h)
			ok = ok && json_is_string(h) && layout_host(json_string_value(h));
		if (!ok) {
			tool_fail(EXIT_NO, "%s/%s: /%zu/for: must be a list of workstations", m->from, name, i);
			return false;
		}
	}
	return true;
}

/* A list of the directory, empty when it is not there.  NULL after a message. */
static json_t *source(const struct making *m, const char *name)
{
	struct buf b = {0};
	json_error_t err;
	int r = fd_slurp(m->dir, name, SOURCE_MAX, &b);
	json_t *v = r == -ENOENT ? json_array() : r ? NULL : json_loadb((const char *)buf_view(&b).p, b.len, JSON_REJECT_DUPLICATES, &err);

	if (r && r != -ENOENT)
		tool_fail(EXIT_NO, "%s/%s: %s", m->from, name, err_text(r));
	else if (!v)
		tool_fail(EXIT_NO, "%s/%s: line %d, column %d: %s", m->from, name, err.line, err.column, err.text);
	else if (!json_is_array(v))
		tool_fail(EXIT_NO, "%s/%s: must be a list", m->from, name);
	buf_free(&b);
	if (!json_is_array(v) || !for_ok(m, name, v)) {
		json_decref(v);
		return NULL;
	}
	return v;
}

static int one_policy(struct making *m, int dir, const char *file)
{
	char name[256];
	struct buf b = {0};
	size_t n = strlen(file);

	snprintf(name, sizeof(name), "%.*s", (int)(n - strlen(".json")), file);
	int r = check_name(name) ? fd_slurp(dir, file, SOURCE_MAX, &b) : -ERR_MALFORMED;
	json_t *text = r ? NULL : json_stringn((const char *)buf_view(&b).p, b.len);
	if (!text || json_object_set(m->policies, name, text))
		r = tool_fail(EXIT_NO, "%s/policies/%s: %s", m->from, file, r ? err_text(r) : "is no text");
	json_decref(text);
	buf_free(&b);
	return r;
}

static int take_policies(struct making *m)
{
	int fd = openat(m->dir, "policies", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		fd_close(&fd);
		return errno == ENOENT ? 0 : tool_fail(EXIT_NO, "%s/policies: %s", m->from, strerror(errno));
	}
	for (struct dirent *e; !r && (e = readdir(d));) {
		size_t n = strlen(e->d_name);
		if (e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".json") == 0)
			r = one_policy(m, dirfd(d), e->d_name);
	}
	closedir(d);
	return r;
}

static int take_sources(struct making *m)
{
	m->policies = json_object();
	m->servers = source(m, "servers.json");
	m->grants = m->servers ? source(m, "grants.json") : NULL;
	m->credentials = m->grants ? source(m, "credentials.json") : NULL;
	m->local = m->credentials ? source(m, "local.json") : NULL;
	return m->local ? take_policies(m) : EXIT_NO;
}

/* Those of ${list} that are for ${host}, without saying so. */
static json_t *those_for(const json_t *list, const char *host)
{
	json_t *out = json_array(), *v, *h;
	size_t i, k;

	json_array_foreach(list, i, v) {
		const json_t *hosts = json_object_get(v, "for");
		bool mine = !hosts;
		json_array_foreach(hosts, k, h)
			mine = mine || (json_is_string(h) && strcmp(json_string_value(h), host) == 0);
		if (!mine)
			continue;
		json_t *bare = json_is_object(v) ? json_copy(v) : json_incref(v);
		json_object_del(bare, "for");
		json_array_append_new(out, bare);
	}
	return out;
}

/* ---- credentials ---- */

static int secret_of(const struct making *m, const char *name, struct buf *out)
{
	char path[128];
	struct stat st;
	int r;

	snprintf(path, sizeof(path), "credentials/%s", name);
	r = fstatat(m->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	if (!r && (st.st_mode & 077))
		return tool_fail(EXIT_NO, "%s/%s: others may read it (mode %o); chmod 600", m->from, path, st.st_mode & 07777);
	/* All of it at once, so that no copy stays behind in memory that grew. */
	if (!r && !buf_reserve(out, REQUEST_SECRET + 2))
		r = -ENOMEM;
	if (!r)
		r = fd_slurp_regular(m->dir, path, REQUEST_SECRET + 2, out);
	if (!r && out->len && buf_view(out).p[out->len - 1] == '\n')
		buf_truncate(out, out->len - 1);
	if (!r && (!out->len || out->len > REQUEST_SECRET))
		r = -ERR_TOO_LONG;
	return r ? tool_fail(EXIT_NO, "%s/%s: %s", m->from, path, !out->len && r == -ERR_TOO_LONG ? "is empty" : err_text(r)) : EXIT_YES;
}

/* What "set" takes, for one vault alone. */
static int seal_one(const struct making *m, const json_t *c, const char *host, const uint8_t vault[BOX_KEY], struct buf *box)
{
	const char *name = json_string_value(json_object_get(c, "name")), *type = json_string_value(json_object_get(c, "type"));
	struct buf secret = {0}, plain = {.max = BOX_MAX};
	char what[BOX_WHAT], why[160];
	int status;

	if (!json_is_object(c) || !name || !check_name(name))
		return tool_fail(EXIT_NO, "%s/credentials.json: a credential needs a \"name\" of a-z 0-9 . _ -", m->from);
	status = secret_of(m, name, &secret);
	if (!status && !credential_ok(type, buf_view(&secret), why))
		status = tool_fail(EXIT_NO, "%s/credentials/%s: %s", m->from, name, why);
	json_t *head = json_pack("{s:s s:O*}", "type", type ? type : "bearer", "hosts", json_object_get(c, "hosts"));
	char *text = head ? json_dumps(head, JSON_COMPACT) : NULL;
	parcel_what((uint64_t)m->version, host, name, what);
	if (!status && (!text || !buf_reserve(&plain, strlen(text) + 1 + secret.len) || buf_put(&plain, view_of(text, strlen(text) + 1)) || buf_put(&plain, buf_view(&secret)) ||
	    box_seal(vault, what, buf_view(&plain), box)))
		status = tool_fail(EXIT_NO, "credential %s cannot be sealed to %s", name, host);
	buf_wipe(&secret);
	buf_wipe(&plain);
	free(text);
	json_decref(head);
	return status;
}

/* The manifest's rows, with the boxes beside them. */
static int seal_all(const struct making *m, const char *host, const char *vault, json_t *rows, struct buf box[PARCEL_CREDENTIALS])
{
	json_t *list = those_for(m->credentials, host), *c;
	uint8_t key[BOX_KEY];
	size_t i;
	int status = EXIT_YES;

	if (json_array_size(list) > PARCEL_CREDENTIALS)
		status = tool_fail(EXIT_NO, "more than %d credentials for %s", PARCEL_CREDENTIALS, host);
	else if (json_array_size(list) && chain_unhex(view_str(vault), key, BOX_KEY))
		status = tool_fail(EXIT_NO, "%s was enrolled without the key of its vault: enrol it again while its service runs, then fleet accept --again", host);
	json_array_foreach(list, i, c) {
		const char *type = json_string_value(json_object_get(c, "type"));
		if (!status)
			status = seal_one(m, c, host, key, &box[i]);
		if (!status)
			json_array_append_new(rows, json_pack("{s:O s:s}", "name", json_object_get(c, "name"), "type", type ? type : "bearer"));
	}
	json_decref(list);
	return status;
}

/* ---- one file ---- */

/* As a workstation will look at it that has nothing, and every account that is named. */
static int try_it(const struct making *m, struct view file, const char *host)
{
	uint8_t public[SIGN_PUBLIC];
	char vkey[NOTE_VKEY], why[PARCEL_WHY] = "", key[24];
	struct bundle_plan plan = {0};
	struct parcel p = {0};
	struct roster none;
	json_t *names = json_object(), *g;
	size_t i;
	int r = sign_public(m->seed, public);

	json_array_foreach(m->grants, i, g) {
		snprintf(key, sizeof(key), "%zu", i + 100000);
		if (json_is_string(json_object_get(g, "user")))
			json_object_set(names, key, json_object_get(g, "user"));
	}
	if (!r)
		r = note_vkey(m->signer, public, vkey);
	if (!r)
		r = parcel_open(file, vkey, &p, why);
	if (!r)
		r = roster_init(&none);
	if (!r) {
		r = bundle_plan(&p, &none, m->signer, names, wall_now(), &plan, why);
		roster_free(&none);
	}
	for (i = 0; !r && i < json_array_size(plan.left_out); i++)
		fprintf(stderr, "callgate: %s: left out: %s\n", host, json_string_value(json_array_get(plan.left_out, i)));
	bundle_plan_free(&plan);
	parcel_free(&p);
	json_decref(names);
	return r ? tool_fail(EXIT_NO, "%s would not take it: %s", host, why[0] ? why : err_text(r)) : EXIT_YES;
}

static int make(const struct making *m, const char *host, struct buf *out)
{
	static struct buf box[PARCEL_CREDENTIALS];
	struct enrol e;
	json_t *rows = json_array();
	char now[WALL_TEXT];
	int r = enrol_read(m->store, host, &e), status;

	if (r) {
		json_decref(rows);
		return tool_fail(EXIT_NO, "%s: %s", host, r == -ENOENT ? "it is not enrolled" : err_text(r));
	}
	wall_text(wall_now(), now);
	status = seal_all(m, host, e.vault, rows, box);
	json_t *manifest = json_pack("{s:O s:o s:s s:O s:s s:O s:o s:s s:I}", "credentials", rows, "grants", those_for(m->grants, host), "host", host, "local", m->local, "made", now,
	    "policies", m->policies, "servers", those_for(m->servers, host), "vault", e.vault, "version", m->version);
	if (!status) {
		r = manifest ? parcel_make(manifest, box, json_array_size(rows), m->signer, m->seed, out) : -ENOMEM;
		status = r ? tool_fail(EXIT_NO, "%s: a bundle cannot be made of this: %s", host, err_text(r)) : try_it(m, buf_view(out), host);
	}
	for (size_t i = 0; i < PARCEL_CREDENTIALS; i++)
		buf_free(&box[i]);
	json_decref(manifest);
	json_decref(rows);
	enrol_free(&e);
	return status;
}

static int put(const struct making *m, const char *host, struct view file)
{
	char path[LAYOUT_PATH];
	int r;

	if (m->out >= 0)
		snprintf(path, sizeof(path), "%s.bundle", host);
	else
		snprintf(path, sizeof(path), "receipts/host=%s/bundle", host);
	r = put_dirs(m->out >= 0 ? m->out : m->store, path, 0755);
	if (!r)
		r = put_file(m->out >= 0 ? m->out : m->store, path, file, 0444);
	return r ? tool_fail(EXIT_NO, "%s: %s", path, err_text(r)) : EXIT_YES;
}

/* ---- all of them ---- */

/* The last version that was given out: of no two bundles is it the same, also when this run breaks off. */
static int take_version(struct making *m, long asked)
{
	struct buf b = {0};
	char text[64];
	int r = fd_slurp(m->store, "bundle.json", sizeof(text), &b);
	json_t *o = r ? NULL : json_loadb((const char *)buf_view(&b).p, b.len, 0, NULL);
	json_int_t last = json_integer_value(json_object_get(o, "version"));

	json_decref(o);
	buf_free(&b);
	if (r ? r != -ENOENT : last < 1)
		return tool_fail(EXIT_NO, "bundle.json of the store cannot be read: %s", r ? err_text(r) : "it holds no version");
	if (asked && asked <= last)
		return tool_fail(EXIT_NO, "--version: bundle %lld was made before; workstations take only higher ones", (long long)last);
	m->version = asked ? asked : last + 1;
	snprintf(text, sizeof(text), "{\"callgate_bundles\":1,\"version\":%lld}\n", (long long)m->version);
	r = put_file(m->store, "bundle.json", view_str(text), 0444);
	return r ? tool_fail(EXIT_NO, "bundle.json of the store: %s", err_text(r)) : EXIT_YES;
}

/* Every file is made before the first one is put where a workstation can get it. */
static int make_all(struct making *m, long version, const char *const *hosts, size_t n)
{
	struct buf *file = calloc(n ? n : 1, sizeof(*file));
	int status = !file ? tool_fail(EXIT_NO, "no memory") : take_sources(m);

	if (!status)
		status = take_version(m, version);
	for (size_t i = 0; !status && i < n; i++)
		status = make(m, hosts[i], &file[i]);
	for (size_t i = 0; !status && i < n; i++)
		status = put(m, hosts[i], buf_view(&file[i]));
	for (size_t i = 0; file && i < n; i++)
		buf_free(&file[i]);
	free(file);
	if (!status && tool_opts.json)
		printf("{\"ok\":true,\"version\":%lld,\"hosts\":%zu}\n", (long long)m->version, n);
	else if (!status)
		printf("bundle %lld is made for %zu workstation%s\n", (long long)m->version, n, n == 1 ? "" : "s");
	return status;
}

int fleet_bundle(int argc, char **argv)
{
	static const char *rest[HOSTS];
	const char *store = NULL, *key = NULL, *version = NULL, *out = NULL;
	struct making m = {.dir = -1, .store = -1, .out = -1};
	const struct tool_flag flags[] = {{"--store", &store, NULL}, {"--key", &key, NULL}, {"--from", &m.from, NULL}, {"--version", &version, NULL}, {"--out", &out, NULL},
	    {NULL, NULL, NULL}};
	struct layout_hosts all = {0};
	long asked = 0;
	int n = tool_flags("fleet bundle", flags, argc, argv, rest, HOSTS), lock = -1, status = EXIT_NO;

	if (n < 0 || !fleet_number("fleet bundle", "--version", version, VERSION_MAX, &asked))
		return EXIT_USAGE;
	if (!store || !key || !m.from)
		return tool_fail(EXIT_USAGE, "fleet bundle needs --store DIR, --key FILE (callgate fleet bundle-key) and --from DIR");
	umask(022);
	m.store = fleet_dir("--store", store);
	m.dir = m.store < 0 ? -1 : fleet_dir("--from", m.from);
	m.out = m.dir < 0 || !out ? -1 : fleet_dir("--out", out);
	if (m.dir >= 0 && (!out || m.out >= 0) && take_key(key, &m) == EXIT_YES) {
		int r = lock = collector_lock(m.store);
		if (r >= 0 && !n)
			r = layout_hosts(m.store, &all);
		for (size_t i = 0; r >= 0 && !n && i < all.n && i < HOSTS; i++)
			rest[i] = all.at[i];
		status = r < 0 ? tool_fail(EXIT_NO, "%s: %s", store, r == -EAGAIN ? "somebody else changes it; try again" : err_text(r))
		               : make_all(&m, asked, rest, n ? (size_t)n : all.n < HOSTS ? all.n : HOSTS);
	}
	OPENSSL_cleanse(m.seed, sizeof(m.seed));
	sign_forget();
	json_decref(m.servers);
	json_decref(m.grants);
	json_decref(m.policies);
	json_decref(m.credentials);
	json_decref(m.local);
	layout_hosts_free(&all);
	fd_close(&lock);
	fd_close(&m.out);
	fd_close(&m.dir);
	fd_close(&m.store);
	return status;
}
