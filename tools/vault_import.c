/*
 * vault_import.c - callgate vault import: from an environment file, or from clients' configurations (vault_clients.c).
 * Keys go over the control socket; none is printed, none is an argument, and no file is changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/request.h"
#include "base/fd.h"
#include "tools/vault.h"
#include "tools/vault_import.h"

static void import_row(void *arg, const struct clients_row *row)
{
	struct import_keys *keys = arg;
	struct import_key *k = calloc(1, sizeof(*k)), **more = realloc(keys->key, (keys->n + 1) * sizeof(*more));

	keys->key = more ? more : keys->key;
	if (!k || !more) {
		free(k);
		keys->no_memory = true;
		return;
	}
	snprintf(k->user, sizeof(k->user), "%s", keys->user);
	k->row = *row;
	keys->key[keys->n++] = k;
}

int import_rows(const struct as_user *u, as_user_work *work, const void *what, struct import_keys *keys)
{
	keys->user = u->name;
	int status = as_user_rows(u, work, what, import_row, keys);
	return status || !keys->no_memory ? status : tool_fail(EXIT_NO, "no memory");
}

void import_free(struct import_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		explicit_bzero(keys->key[i], sizeof(*keys->key[i]));
		free(keys->key[i]);
	}
	free(keys->key);
	*keys = (struct import_keys){0};
}

void import_name(const char *text, const char *user, char out[64])
{
	size_t n = 0, most = user ? 40 : 63;

	for (; *text && n < most; text++) {
		char c = *text >= 'A' && *text <= 'Z' ? (char)(*text | 0x20) : *text;
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (plain)
			out[n++] = c;
		else if (n && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n && out[n - 1] == '-')
		n--;
	out[n] = '\0';
	if (!n)
		n = (size_t)snprintf(out, 64, "key");
	if (user) {
		char of[64];
		import_name(user, NULL, of);
		snprintf(out + n, 64 - n, "-%.22s", of);
	}
}

int import_store(const char *name, const struct clients_row *row, const struct import_how *how, const char *host, json_t **answer)
{
	char from[256];
	const char *hosts = how->only_for ? how->only_for : host;

	if (row->value_len == 0 || row->value_len > REQUEST_SECRET)
		return tool_fail(EXIT_NO, "%s: %s in %s is empty", name, row->name, row->file);
	snprintf(from, sizeof(from), "imported from %.120s, %.100s", row->file, row->at[0] ? row->at : row->name);
	json_t *args = json_pack("{s:s s:s* s:s s:s*}", "name", name, "type", how->type, "reason", how->reason ? how->reason : from, "ticket", how->ticket);
	if (hosts)
		json_object_set_new(args, "hosts", vault_hosts(hosts));
	return tool_ask(tool_request("vault.set", args), view_of(row->value, row->value_len), answer);
}

/* ---- an environment file ---- */

struct env_work {
	const char *path;
	bool theirs; /* read with another account's rights: it is that account's business who else can write it */
};

static const char *env_open(const struct env_work *w, int *fd, struct stat *st)
{
	static char why[96];

	*fd = open(w->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (w->theirs ? 0 : O_NOFOLLOW));
	if (*fd < 0 && errno == ELOOP)
		return "is a link: name the file itself";
	if (*fd < 0 || fstat(*fd, st) < 0) {
		snprintf(why, sizeof(why), "cannot be opened: %s", strerror(errno));
		return why;
	}
	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (!w->theirs && st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to another account: say which, with --user";
	if (!w->theirs && (st->st_mode & 022))
		return "can be written by others, who would choose the key: chmod go-w";
	return NULL;
}

static void env_work(const struct as_user *u, const void *what, clients_fn *fn, void *arg)
{
	const struct env_work *w = what;
	struct buf text = {.max = CLIENTS_FILE_MAX};
	struct stat st;
	int fd;

	(void)u;
	const char *bad = env_open(w, &fd, &st);
	if (!bad && fd_read_all(fd, &text))
		bad = "cannot be read, or is too large";
	if (!bad && (st.st_mode & 044))
		clients_note("env", w->path, "can be read by others: chmod 600, and think of new keys", fn, arg);
	if (bad)
		clients_note("env", w->path, bad, fn, arg);
	else
		clients_env(w->path, buf_view(&text), fn, arg);
	buf_wipe(&text);
	fd_close(&fd);
}

static void env_list(const struct import_keys *keys)
{
	static const struct tool_column column[] = {{"VARIABLE", "variable"}, {"AS", "credential"}, {"CANNOT BE TAKEN", "problem"}};
	json_t *rows = json_array();

	for (size_t i = 0; i < keys->n; i++) {
		const struct clients_row *r = &keys->key[i]->row;
		char name[64];
		if (r->state == CLIENTS_NOTE)
			continue;
		import_name(r->name, NULL, name);
		json_array_append_new(rows, json_pack("{s:s s:s s:s*}", "variable", r->name, "credential", name, "problem", r->state == CLIENTS_BAD ? r->ref : NULL));
	}
	if (tool_opts.json)
		tool_json(rows);
	else
		tool_table(column, sizeof(column) / sizeof(*column), rows);
	json_decref(rows);
}

/* The last one counts, as for all readers. */
static const struct clients_row *variable(const struct import_keys *keys, const char *name)
{
	for (size_t i = keys->n; i-- > 0;)
		if (keys->key[i]->row.state != CLIENTS_NOTE && strcmp(keys->key[i]->row.name, name) == 0)
			return &keys->key[i]->row;
	return NULL;
}

/* "NAME=VARIABLE", or a variable whose credential has the name that --env alone shows. */
static int env_one(const struct import_keys *keys, const char *word, const struct import_how *how, json_t *done)
{
	const char *eq = strchr(word, '=');
	const struct clients_row *row = variable(keys, eq ? eq + 1 : word);
	char name[64];
	json_t *answer;

	if (eq)
		snprintf(name, sizeof(name), "%.*s", (int)(eq - word), word);
	else
		import_name(word, NULL, name);
	if (!row)
		return tool_fail(EXIT_NO, "the file has no variable %s", eq ? eq + 1 : word);
	if (row->state != CLIENTS_VAR)
		return tool_fail(EXIT_NO, "%s %s", row->name, row->ref);
	int status = import_store(name, row, how, NULL, &answer);
	if (status)
		return status;
	json_array_append_new(done, json_pack("{s:s s:O* s:s}", "name", name, "version", json_object_get(answer, "version"), "variable", row->name));
	if (!tool_opts.json)
		printf("credential %s is stored, version %s\n", name, tool_text(json_object_get(answer, "version")));
	json_decref(answer);
	return EXIT_YES;
}

static int import_env(const char *path, const char *user, const char *const *word, int words, const struct import_how *how)
{
	struct env_work w = {path, user != NULL};
	struct as_user u;
	struct import_keys keys = {0};
	int status = as_user_find(user, &u);

	if (status)
		return status;
	status = import_rows(&u, env_work, &w, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (keys.key[i]->row.state == CLIENTS_NOTE)
			fprintf(stderr, "callgate: %s %s\n", keys.key[i]->row.file, keys.key[i]->row.ref);
	if (!status && keys.n && keys.key[keys.n - 1]->row.state == CLIENTS_NOTE)
		status = EXIT_NO; /* it was not read, or not to its end */
	json_t *done = json_array();
	if (!status && !words)
		env_list(&keys);
	for (int i = 0; !status && i < words; i++)
		status = env_one(&keys, word[i], how, done);
	if (words && tool_opts.json && !status)
		tool_json(done);
	json_decref(done);
	import_free(&keys);
	return status;
}

int vault_import(int argc, char **argv)
{
	enum { WORDS = 64 };
	const char *env = NULL, *user = NULL, *project = NULL, *server = NULL, *as = NULL, *word[WORDS];
	struct import_how how = {0};
	bool clients = false, all = false;
	const struct tool_flag flags[] = {{"--env", &env, NULL}, {"--clients", NULL, &clients}, {"--user", &user, NULL}, {"--project", &project, NULL}, {"--server", &server, NULL},
	    {"--as", &as, NULL}, {"--all", NULL, &all}, {"--type", &how.type, NULL}, {"--only-for", &how.only_for, NULL}, {"--reason", &how.reason, NULL}, {"--ticket", &how.ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("vault import", flags, argc, argv, word, WORDS);

	if (n < 0)
		return EXIT_USAGE;
	if (!env == !clients)
		return tool_fail(EXIT_USAGE, "vault import: from where?  --env FILE, or --clients");
	if (env && (project || server || as || all))
		return tool_fail(EXIT_USAGE, "vault import --env takes [NAME=]VARIABLE, not --project, --server, --as or --all");
	if (clients && (n || how.type || how.only_for))
		return tool_fail(EXIT_USAGE, "vault import --clients takes --server URL or --all; the type and the host of a key are what the file says");
	if (clients && ((server && all) || (as && !server)))
		return tool_fail(EXIT_USAGE, "vault import --clients: --server URL or --all; --as NAME goes with --server");
	return env ? import_env(env, user, word, n, &how) : import_clients(user, project, server, as, all, &how);
}
