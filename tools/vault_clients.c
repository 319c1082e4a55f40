/* vault_clients.c - callgate vault import --clients: which keys lie in the configurations of users' MCP clients, and which of them the vault takes. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/placeholder.h"
#include "tools/vault_import.h"

enum { WINDOWS = 512 };

/* ---- reading: in a child with the user's rights ---- */

static void read_one(const struct clients_file *f, const char *dir, clients_fn *fn, void *arg)
{
	char path[1024];
	struct buf text = {.max = CLIENTS_FILE_MAX};
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s", dir, f->path);
	int fd = n > 0 && (size_t)n < sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;

	if (fd < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			clients_note(f->client, path, strerror(errno), fn, arg);
		return;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		clients_note(f->client, path, "is no regular file", fn, arg);
	else if (fd_read_all(fd, &text))
		clients_note(f->client, path, "cannot be read, or is larger than 8 MiB", fn, arg);
	else
		clients_read(f, path, &text, fn, arg);
	buf_wipe(&text);
	fd_close(&fd);
}

struct files_work {
	const char *project; /* or NULL */
	struct import_keys *before; /* of other users */
};

static void read_files(const struct as_user *u, const void *what, clients_fn *fn, void *arg)
{
	const struct files_work *w = what;
	const struct clients_file *f;

	/* Not in a process that reads this user's files. */
	import_free(w->before);
	for (size_t i = 0; (f = clients_file(i)); i++)
		if (!f->project || w->project)
			read_one(f, f->project ? w->project : u->home, fn, arg);
}

/* ---- what is known of a key ---- */

/* Is it a placeholder?  Then its id. */
static const char *placeholder_in(const struct clients_row *r, const json_t *list)
{
	uint8_t sum[PLACEHOLDER_SHA256];
	char hex[2 * sizeof(sum) + 1];
	unsigned len = 0;
	json_t *p;
	size_t k;

	for (size_t i = 0; i + PLACEHOLDER_LEN <= r->value_len && i < WINDOWS; i++) {
		if (EVP_Digest(r->value + i, PLACEHOLDER_LEN, sum, &len, EVP_sha256(), NULL) != 1)
			return NULL;
		for (size_t b = 0; b < sizeof(sum); b++)
			snprintf(hex + 2 * b, 3, "%02x", sum[b]);
		json_array_foreach(list, k, p) {
			const char *have = json_string_value(json_object_get(p, "sha256"));
			if (have && strcmp(have, hex) == 0)
				return json_string_value(json_object_get(p, "id"));
		}
	}
	return NULL;
}

static void url_text(const struct url *u, char out[600])
{
	bool v6 = strchr(u->host, ':');
	char port[8] = "";

	if (u->port != (u->tls ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", u->port);
	snprintf(out, 600, "http%s://%s%s%s%s%s", u->tls ? "s" : "", v6 ? "[" : "", u->host, v6 ? "]" : "", port, u->path);
}

static json_t *state_text(const struct import_key *k)
{
	static const char *const text[CLIENTS_STATES] = {[CLIENTS_NONE] = "none", [CLIENTS_LIVE] = "a live key", [CLIENTS_URL] = "perhaps in the URL", [CLIENTS_BAD] = "not a key that a header carries"};

	if (k->placeholder[0])
		return json_sprintf("placeholder %s", k->placeholder);
	return k->row.state == CLIENTS_REF ? json_sprintf("elsewhere: %s", k->row.ref) : json_string(text[k->row.state] ? text[k->row.state] : "?");
}

static bool live(const struct import_key *k)
{
	return k->row.state == CLIENTS_LIVE && !k->placeholder[0];
}

/* Text of a configuration in a command to be copied: only what no shell reads otherwise. */
static bool tame(const char *s)
{
	return s[0] != '-' && s[0] && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+-") == strlen(s);
}

/* How keys of its kind begin, which is public; never more of it than that. */
static const char *kind_of(const struct clients_row *r)
{
	static const char *const known[] = {"github_pat_", "ghp_", "gho_", "ghu_", "ghs_", "glpat-", "sk-ant-", "sk-proj-", "sk-", "xoxb-", "xoxp-", "npm_", "hf_", "lin_api_", "ntn_", "figd_", "dop_v1_", "AIza"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(r->value, known[i], strlen(known[i])) == 0)
			return known[i];
	return NULL;
}

static void advise(const struct import_key *k, const char *credential)
{
	const char *kind = kind_of(&k->row);

	fprintf(stderr, "callgate: %s still holds the live key, at %s; put a placeholder in its place: callgate vault placeholder %s%s%s\n", k->row.file, k->row.at, credential, kind ? " --prefix " : "", kind ? kind : "");
}

/* ---- listing ---- */

static void show(const struct import_keys *keys)
{
	static const struct tool_column column[] = {{"USER", "user"}, {"CLIENT", "client"}, {"SERVER", "server"}, {"URL", "url"}, {"KEY", "key"}, {"AS", "credential"}, {"FILE", "file"}, {"AT", "at"}};
	json_t *rows = json_array();
	char url[600];

	for (size_t i = 0; i < keys->n; i++) {
		const struct import_key *k = keys->key[i];
		if (k->row.state == CLIENTS_NOTE)
			continue;
		url_text(&k->row.url, url);
		json_array_append_new(rows, json_pack("{s:s s:s s:s s:s s:o s:s* s:s s:s*}", "user", k->user, "client", k->row.client, "server", k->row.name, "url", url, "key", state_text(k),
		    "credential", live(k) ? k->name : NULL, "file", k->row.file, "at", k->row.at[0] ? k->row.at : NULL));
	}
	if (tool_opts.json)
		tool_json(rows);
	else
		tool_table(column, sizeof(column) / sizeof(*column), rows);
	for (size_t i = 0; !tool_opts.json && i < keys->n; i++) {
		const struct import_key *k = keys->key[i];
		if (!live(k))
			continue;
		url_text(&k->row.url, url);
		fprintf(stderr, "callgate: %s holds a live key, at %s; to take it: callgate vault import --clients --user %s --server %s\n", k->row.file, k->row.at, k->user, tame(url) ? url : "URL");
	}
	json_decref(rows);
}

/* ---- taking ---- */

/* Basic is kept as what it says. */
static int decoded(const struct import_key *k, struct clients_row *out)
{
	uint32_t len = k->row.value_len, pad = 0;

	*out = k->row;
	if (strncasecmp(k->row.format, "Basic ", 6) != 0)
		return EXIT_YES;
	while (pad < len && k->row.value[len - 1 - pad] == '=')
		pad++;
	int n = len % 4 || pad > 2 ? -1 : EVP_DecodeBlock((uint8_t *)out->value, (const uint8_t *)k->row.value, (int)len);
	if (n < 0)
		return tool_fail(EXIT_NO, "%s, %s: the password of Basic is no base64", k->row.file, k->row.at);
	out->value_len = (uint32_t)n - pad;
	return EXIT_YES;
}

static void explain(const struct import_key *k, const char *name, const json_t *answer)
{
	const struct url *u = &k->row.url;
	char host[300];

	printf("credential %s is stored, version %s, for %s alone\n", name, tool_text(json_object_get(answer, "version")), u->host);
	snprintf(host, sizeof(host), "%s", u->host);
	if (!u->tls)
		fprintf(stderr, "callgate: warning: %s is spoken to over http; with the gate its credential goes over TLS only\n", u->host);
	else if (tame(u->host) && tame(u->path) && tame(k->row.header))
		fprintf(stderr, "callgate: if the server is not registered: callgate server add NAME --host %s --port %u --path %s --credential %s --header %s --format '%s'\n", host, u->port, u->path, name,
		    k->row.header, k->row.format);
	advise(k, name);
}

static int take(const struct import_key *k, const char *name, const struct import_how *how, json_t *done)
{
	static struct clients_row row;
	struct import_how h = *how;
	json_t *answer = NULL;

	h.type = strncasecmp(k->row.format, "Bearer ", 7) == 0 ? "bearer" : strncasecmp(k->row.format, "Basic ", 6) == 0 ? "basic" : "header";
	int status = decoded(k, &row);
	status = status ? status : import_store(name, &row, &h, k->row.url.host, &answer);
	explicit_bzero(&row, sizeof(row));
	if (status)
		return status;
	json_array_append_new(done, json_pack("{s:s s:O* s:s s:s s:s}", "name", name, "version", json_object_get(answer, "version"), "host", k->row.url.host, "file", k->row.file, "at", k->row.at));
	if (!tool_opts.json)
		explain(k, name, answer);
	json_decref(answer);
	return EXIT_YES;
}

static bool exists(const json_t *credentials, const char *name)
{
	const json_t *c;
	size_t i;

	json_array_foreach(credentials, i, c) {
		const char *have = json_string_value(json_object_get(c, "name"));
		if (have && strcmp(have, name) == 0)
			return true;
	}
	return false;
}

static bool same_key(const struct import_key *a, const struct import_key *b)
{
	return a->row.value_len == b->row.value_len && memcmp(a->row.value, b->row.value, a->row.value_len) == 0 && strcmp(a->row.format, b->row.format) == 0 && strcmp(a->row.header, b->row.header) == 0;
}

/* What a user wrote into a file never becomes a new version of what is there. */
static int taken(const char *name, bool all)
{
	char text[256];

	snprintf(text, sizeof(text), "a credential %s is there already, and stays: import the key under another name (--server URL --as NAME), or set it by callgate vault set", name);
	if (!all)
		return tool_fail(EXIT_NO, "%s", text);
	fprintf(stderr, "callgate: %s\n", text);
	return EXIT_YES;
}

static int take_all(const struct import_keys *keys, json_t *credentials, const struct import_how *how, json_t *done)
{
	int status = EXIT_YES;

	for (size_t i = 0; !status && i < keys->n; i++) {
		const struct import_key *k = keys->key[i];
		if (!live(k))
			continue;
		if (exists(credentials, k->name)) {
			status = taken(k->name, true);
			continue;
		}
		status = take(k, k->name, how, done);
		json_array_append_new(credentials, json_pack("{s:s}", "name", k->name));
	}
	return status;
}

static int take_server(const struct import_keys *keys, const char *server, const char *as, const json_t *credentials, const struct import_how *how, json_t *done)
{
	const struct import_key *one = NULL;
	struct url want;
	unsigned there = 0;

	if (url_read(view_str(server), &want))
		return tool_fail(EXIT_USAGE, "vault import: --server wants a URL, as the list shows it");
	for (size_t i = 0; i < keys->n; i++) {
		const struct import_key *k = keys->key[i];
		const struct url *u = &k->row.url;
		if (k->row.state == CLIENTS_NOTE || u->tls != want.tls || u->port != want.port || strcmp(u->host, want.host) != 0 || strcmp(u->path, want.path) != 0)
			continue;
		there++;
		if (!live(k))
			continue;
		if (one && !same_key(one, k))
			return tool_fail(EXIT_NO, "there are different keys for %s: in %s and in %s; say which user's, with --user", server, one->row.file, k->row.file);
		one = one ? one : k;
	}
	if (!one)
		return tool_fail(EXIT_NO, there ? "no file holds a live key for %s; the list says where it is" : "no configuration names %s", server);
	const char *name = as ? as : one->name;
	return exists(credentials, name) ? taken(name, false) : take(one, name, how, done);
}

static int find(const char *users, const char *project, struct import_keys *keys)
{
	struct files_work work = {project, keys};
	int status = EXIT_YES;
	struct as_user u;

	do {
		char name[64];
		size_t n = users ? strcspn(users, ",") : 0;
		snprintf(name, sizeof(name), "%.*s", n < sizeof(name) ? (int)n : 0, users ? users : "");
		status = as_user_find(users ? name : NULL, &u);
		status = status ? status : import_rows(&u, read_files, &work, keys);
		users = users && users[n] == ',' ? users + n + 1 : NULL;
	} while (!status && users);
	return status;
}

int import_clients(const char *users, const char *project, const char *server, const char *as, bool all, const struct import_how *how)
{
	struct import_keys keys = {0};
	json_t *fakes = NULL, *vault = NULL, *done = json_array();
	int status = project && project[0] != '/' ? tool_fail(EXIT_USAGE, "vault import: --project wants a path from /") : find(users, project, &keys);

	status = status ? status : tool_ask(tool_request("placeholder.list", NULL), view_of(NULL, 0), &fakes);
	status = status ? status : tool_ask(tool_request("vault.list", NULL), view_of(NULL, 0), &vault);
	for (size_t i = 0; !status && i < keys.n; i++) {
		struct import_key *k = keys.key[i];
		const char *fake = k->row.state == CLIENTS_LIVE ? placeholder_in(&k->row, json_object_get(fakes, "placeholders")) : NULL;
		import_name(k->row.name, k->user, k->name);
		snprintf(k->placeholder, sizeof(k->placeholder), "%s", fake ? fake : "");
		if (k->row.state == CLIENTS_NOTE)
			fprintf(stderr, "callgate: %s: %s\n", k->row.file, k->row.ref);
	}
	json_t *credentials = json_object_get(vault, "credentials");
	if (!status && server)
		status = take_server(&keys, server, as, credentials, how, done);
	else if (!status && all)
		status = take_all(&keys, credentials, how, done);
	else if (!status)
		show(&keys);
	if ((server || all) && tool_opts.json && !status)
		tool_json(done);
	json_decref(done);
	json_decref(fakes);
	json_decref(vault);
	import_free(&keys);
	return status;
}
