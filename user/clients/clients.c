/* clients.c - see clients.h.  Which members hold servers, URLs and keys is as the clients write them today; what is not known is not looked at. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "clients/clients_internal.h"
#include "clients/dotenv.h"
#include "clients/jsonc.h"
#include "clients/toml.h"
#include "codec/json.h"

enum { NODES_FIRST = 1 << 12, NODES_MAX = 1 << 20 };

static const struct clients_file files[] = {
    {"claude-code", ".claude.json", false, false, "mcpServers"},
    {"codex", ".codex/config.toml", false, true, "mcp_servers"},
    {"cursor", ".cursor/mcp.json", false, false, "mcpServers"},
    {"gemini", ".gemini/settings.json", false, false, "mcpServers"},
    {"vscode", ".config/Code/User/mcp.json", false, false, "servers"},
    {"opencode", ".config/opencode/opencode.json", false, false, "mcp"},
    {"opencode", ".config/opencode/opencode.jsonc", false, false, "mcp"},
    {"claude-code", ".mcp.json", true, false, "mcpServers"},
    {"codex", ".codex/config.toml", true, true, "mcp_servers"},
    {"cursor", ".cursor/mcp.json", true, false, "mcpServers"},
    {"gemini", ".gemini/settings.json", true, false, "mcpServers"},
    {"vscode", ".vscode/mcp.json", true, false, "servers"},
    {"opencode", "opencode.json", true, false, "mcp"},
    {"opencode", "opencode.jsonc", true, false, "mcp"},
};

const struct clients_file *clients_file(size_t i)
{
	return i < sizeof(files) / sizeof(files[0]) ? &files[i] : NULL;
}

void clients_note(const char *client, const char *shown, const char *text, clients_fn *fn, void *arg)
{
	static struct clients_row row;

	row = (struct clients_row){.state = CLIENTS_NOTE};
	clients_text(row.client, sizeof(row.client), view_str(client));
	clients_text(row.file, sizeof(row.file), view_str(shown));
	clients_text(row.ref, sizeof(row.ref), view_str(text));
	fn(arg, &row);
}

/* ---- TOML ---- */

struct toml_servers {
	struct clients_found *found;
	const char *member;
};

static void on_toml(void *arg, const struct view *path, size_t n, struct view value)
{
	const struct toml_servers *t = arg;

	if (n < 3 || n > 4 || !view_is(path[0], t->member))
		return;
	clients_leaf(t->found, path[1], path[2], n == 4 ? path[3] : view_of(NULL, 0), value);
}

static int read_toml(const struct clients_file *f, struct view text, struct clients_found *found, size_t *line)
{
	struct toml_servers t = {found, f->member};

	snprintf(found->under, sizeof(found->under), "%s", f->member);
	return toml_read(text, on_toml, &t, line);
}

/* ---- JSON ---- */

struct scratch {
	char name[1024], first[256], second[256], value[CLIENTS_VALUE + 1];
};

static struct view key_of(const struct json_doc *doc, const struct json_node *n, char *out, size_t cap)
{
	int len = json_key(doc, n, out, cap);

	return len < 0 ? VIEW_LIT("?") : view_of(out, (size_t)len);
}

static void leaf(const struct json_doc *doc, const struct json_node *n, struct scratch *s, struct clients_found *found, struct view name, struct view first, struct view second)
{
	int len = n->type == JSON_STRING ? json_str(doc, n, s->value, sizeof(s->value)) : -1;

	if (len >= 0)
		clients_leaf(found, name, first, second, view_of(s->value, (size_t)len));
}

static void json_servers(const struct json_doc *doc, const struct json_node *list, struct clients_found *found)
{
	struct scratch *s = calloc(1, sizeof(*s));

	if (!list || list->type != JSON_OBJECT || !s) {
		found->lost = found->lost || !s;
		free(s);
		return;
	}
	for (const struct json_node *n = json_first(doc, list); n; n = json_next(doc, list, n)) {
		struct view name = key_of(doc, n, s->name, sizeof(s->name));
		if (n->type != JSON_OBJECT)
			continue;
		for (const struct json_node *m = json_first(doc, n); m; m = json_next(doc, n, m)) {
			struct view first = key_of(doc, m, s->first, sizeof(s->first));
			leaf(doc, m, s, found, name, first, view_of(NULL, 0));
			if (m->type != JSON_OBJECT)
				continue;
			for (const struct json_node *k = json_first(doc, m); k; k = json_next(doc, m, k))
				leaf(doc, k, s, found, name, first, key_of(doc, k, s->second, sizeof(s->second)));
		}
	}
	explicit_bzero(s, sizeof(*s));
	free(s);
}

static void json_all(const struct clients_file *f, const struct json_doc *doc, struct clients_found *found)
{
	const struct json_node *root = &doc->node[0], *projects = json_get(doc, root, VIEW_LIT("projects"));
	char name[160];

	snprintf(found->under, sizeof(found->under), "%s", f->member);
	json_servers(doc, json_get(doc, root, view_str(f->member)), found);
	clients_tell(found);
	/* Claude Code keeps what belongs to one directory in the same file. */
	if (!projects || projects->type != JSON_OBJECT)
		return;
	for (const struct json_node *n = json_first(doc, projects); n; n = json_next(doc, projects, n)) {
		const struct json_node *list = json_get(doc, n, view_str(f->member));
		if (!list)
			continue;
		clients_text(name, sizeof(name), key_of(doc, n, name, sizeof(name)));
		snprintf(found->under, sizeof(found->under), "projects.%s.%s", name, f->member);
		json_servers(doc, list, found);
		clients_tell(found);
	}
}

static int read_json(const struct clients_file *f, struct buf *text, struct clients_found *found, size_t *line)
{
	struct json_node *nodes = NULL;
	struct json_doc doc;
	struct json_error err = {0};
	int r = -ERR_TOO_LONG;

	jsonc_plain(text->mem + text->off, text->len);
	for (uint32_t max = NODES_FIRST; r == -ERR_TOO_LONG && max <= NODES_MAX; max *= 4) {
		free(nodes);
		nodes = calloc(max, sizeof(*nodes));
		r = nodes ? json_scan(&doc, buf_view(text), nodes, max, &err) : -ENOMEM;
	}
	*line = err.line;
	if (!r && doc.node[0].type == JSON_OBJECT)
		json_all(f, &doc, found);
	free(nodes);
	return r;
}

void clients_read(const struct clients_file *f, const char *shown, struct buf *text, clients_fn *fn, void *arg)
{
	struct clients_found *found = calloc(1, sizeof(*found));
	char why[160];
	size_t line = 0;
	int r = -ENOMEM;

	if (found) {
		*found = (struct clients_found){.client = f->client, .shown = shown, .fn = fn, .arg = arg};
		r = f->toml ? read_toml(f, buf_view(text), found, &line) : read_json(f, text, found, &line);
	}
	if (r) {
		snprintf(why, sizeof(why), line ? "cannot be read: %s, line %zu" : "cannot be read: %s", r == -ENOMEM ? "no memory" : err_text(r), line);
		clients_note(f->client, shown, why, fn, arg);
	} else {
		clients_tell(found);
		if (found->lost)
			clients_note(f->client, shown, "has more servers, or more keys for one, than are looked at", fn, arg);
	}
	if (found)
		clients_forget(found);
	free(found);
	buf_wipe(text);
}

/* ---- environment files ---- */

struct variables {
	const char *shown;
	clients_fn *fn;
	void *arg;
};

static void on_variable(void *arg, struct view name, struct view value, const char *bad)
{
	static struct clients_row row;
	const struct variables *v = arg;

	row = (struct clients_row){.state = bad ? CLIENTS_BAD : CLIENTS_VAR, .client = "env"};
	clients_text(row.file, sizeof(row.file), view_str(v->shown));
	if (name.n >= sizeof(row.name)) /* a part of it would be another name */
		bad = "has a name of more than 63 letters";
	clients_text(row.name, sizeof(row.name), name);
	if (bad) {
		row.state = CLIENTS_BAD;
		clients_text(row.ref, sizeof(row.ref), view_str(bad));
	} else if (value.n) {
		memcpy(row.value, value.p, value.n);
		row.value_len = (uint32_t)value.n;
	}
	v->fn(v->arg, &row);
	explicit_bzero(&row, sizeof(row));
}

void clients_env(const char *shown, struct view text, clients_fn *fn, void *arg)
{
	struct variables v = {shown, fn, arg};
	char why[96];
	size_t line;

	if (dotenv_read(text, on_variable, &v, &line) == 0)
		return;
	snprintf(why, sizeof(why), "line %zu is no NAME=VALUE; what stands behind it was not read", line);
	clients_note("env", shown, why, fn, arg);
}
