/* agents.c - see agents.h. */
#include <errno.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "ident/agents.h"

enum list { EXE, PATH, SCRIPT, MODULE, AGENT_PATH, AGENT_ARG, LISTS };
enum { LIST_MAX = 32 };

static const char *const list_names[LISTS] = {"exe", "path", "script", "module", "agent_path", "agent_arg"};

struct pattern {
	char name[NAME_LEN];
	enum cg_class cls;
	const json_t *list[LISTS]; /* borrowed from the document; NULL: empty */
};

struct agents {
	json_t *doc;
	size_t n;
	struct pattern pattern[AGENTS_MAX];
};

/* A list of texts, none of which is empty. */
static bool list_ok(const json_t *list)
{
	const json_t *it;
	size_t i;

	if (!list)
		return true;
	if (!json_is_array(list) || json_array_size(list) > LIST_MAX)
		return false;
	json_array_foreach(list, i, it)
		if (!json_is_string(it) || !*json_string_value(it))
			return false;
	return true;
}

static bool known_keys(json_t *j)
{
	const char *key;
	json_t *value;

	json_object_foreach(j, key, value) {
		bool known = strcmp(key, "name") == 0 || strcmp(key, "class") == 0;
		for (int i = 0; i < LISTS && !known; i++)
			known = strcmp(key, list_names[i]) == 0;
		if (!known)
			return false;
	}
	return true;
}

static const char *read_pattern(json_t *j, struct pattern *p)
{
	const char *name = json_string_value(json_object_get(j, "name")), *cls = json_string_value(json_object_get(j, "class"));

	*p = (struct pattern){.cls = CG_CLASS_AGENT};
	if (!name || !*name || strlen(name) >= NAME_LEN || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-")])
		return "no name of a-z 0-9 . -";
	snprintf(p->name, sizeof(p->name), "%s", name);
	if (cls && strcmp(cls, "editor") == 0)
		p->cls = CG_CLASS_EDITOR;
	else if (!cls || strcmp(cls, "agent"))
		return "\"class\" is \"agent\" or \"editor\"";
	if (!known_keys(j))
		return "an unknown field";
	for (int i = 0; i < LISTS; i++) {
		p->list[i] = json_object_get(j, list_names[i]);
		if (!list_ok(p->list[i]))
			return "a list must hold at most 32 texts";
	}
	if (p->cls != CG_CLASS_EDITOR && (p->list[AGENT_PATH] || p->list[AGENT_ARG]))
		return "\"agent_path\" and \"agent_arg\" are for editors";
	return NULL;
}

int agents_load(const char *conf, char *why, size_t why_len, struct agents **out)
{
	struct agents *a = calloc(1, sizeof(*a));
	json_error_t err;
	json_t *it;
	size_t i;

	*out = NULL;
	snprintf(why, why_len, "%s", "");
	if (!a)
		return -ENOMEM;
	a->doc = json_loads(conf, JSON_REJECT_DUPLICATES, &err);
	const json_t *list = json_object_get(a->doc, "agents");
	if (!json_is_array(list)) {
		snprintf(why, why_len, "%s", a->doc ? "there is no list \"agents\"" : err.text);
		agents_free(&a);
		return -ERR_MALFORMED;
	}
	json_array_foreach(list, i, it) {
		struct pattern p;
		const char *name = json_string_value(json_object_get(it, "name"));
		const char *bad = a->n == AGENTS_MAX ? "there are too many" : read_pattern(it, &p);
		if (bad)
			snprintf(why, why_len, "agent pattern %zu (%.63s) is left out: %s", i + 1, name ? name : "no name", bad);
		else
			a->pattern[a->n++] = p;
	}
	*out = a;
	return 0;
}

void agents_free(struct agents **ap)
{
	if (*ap)
		json_decref((*ap)->doc);
	free(*ap);
	*ap = NULL;
}

const char *agents_name(const struct agents *a, uint32_t label)
{
	return label >= 1 && label <= a->n ? a->pattern[label - 1].name : "";
}

enum cg_class agents_class(const struct agents *a, uint32_t label)
{
	return label >= 1 && label <= a->n ? a->pattern[label - 1].cls : CG_CLASS_NONE;
}

/* FNV-1a.  Two names with one number would only mix up two labels. */
uint32_t agents_tag(const struct agents *a, uint32_t label)
{
	uint32_t h = 2166136261u;

	for (const char *p = agents_name(a, label); *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	return label >= 1 && label <= a->n ? h | !h : 0;
}

uint32_t agents_by_tag(const struct agents *a, uint32_t tag)
{
	for (uint32_t label = 1; tag && label <= a->n; label++)
		if (agents_tag(a, label) == tag)
			return label;
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool in_list(const json_t *list, const char *text, bool glob)
{
	const json_t *it;
	size_t i;

	json_array_foreach(list, i, it) {
		const char *want = json_string_value(it);
		if (glob ? fnmatch(want, text, FNM_NOESCAPE) == 0 : strcmp(want, text) == 0)
			return true;
	}
	return false;
}

/* Nobody's path pattern loses to another's base name: "cursor" may be anything. */
static uint32_t first(const struct agents *a, enum list which, const char *text, bool glob)
{
	for (size_t i = 0; i < a->n; i++)
		if (in_list(a->pattern[i].list[which], text, glob))
			return (uint32_t)i + 1;
	return 0;
}

uint32_t agents_by_exe(const struct agents *a, const char *path, enum agents_how *how)
{
	uint32_t label = first(a, PATH, path, true);

	*how = label ? AGENTS_BY_PATH : AGENTS_NO;
	if (label)
		return label;
	label = first(a, AGENT_PATH, path, true);
	*how = label ? AGENTS_BY_PATH : AGENTS_NO;
	if (label)
		return label;
	label = first(a, EXE, base_name(path), false);
	*how = label ? AGENTS_BY_NAME : AGENTS_NO;
	return label;
}

enum cg_class agents_role(const struct agents *a, uint32_t label, const char *path, const char *args, size_t n)
{
	enum cg_class cls = agents_class(a, label);

	if (cls != CG_CLASS_EDITOR)
		return cls;
	const struct pattern *p = &a->pattern[label - 1];
	if (in_list(p->list[AGENT_PATH], path, true))
		return CG_CLASS_AGENT;
	for (size_t at = 0; at < n; at += strlen(args + at) + 1)
		if (in_list(p->list[AGENT_ARG], args + at, true))
			return CG_CLASS_AGENT;
	return cls;
}

uint32_t agents_by_script(const struct agents *a, const char *path)
{
	return first(a, SCRIPT, path, true);
}

uint32_t agents_by_module(const struct agents *a, const char *name)
{
	return first(a, MODULE, name, false);
}

bool agents_interpreter(const char *path)
{
	/* Exact names, or a name that a version number may follow: python3.11, node22. */
	static const char *const names[] = {"node", "nodejs", "bun", "deno", "python", "pypy", "ruby"};
	const char *base = base_name(path);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i]);
		if (strncmp(base, names[i], n) == 0 && base[n + strspn(base + n, "0123456789.")] == 0)
			return true;
	}
	return false;
}

bool agents_shell(const char *path)
{
	static const char *const names[] = {"sh", "bash", "dash", "zsh", "ksh", "fish", "busybox", "perl", "php", "lua"};
	const char *base = base_name(path);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(base, names[i]) == 0)
			return true;
	return false;
}

/* Options of the interpreters whose value is a word of its own. */
static bool takes_value(const char *opt)
{
	static const char *const opts[] = {"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions",
	    "--env-file", "--title", "-W", "-X", "--cwd", "--preload", "--config"};

	for (size_t i = 0; i < sizeof(opts) / sizeof(opts[0]); i++)
		if (strcmp(opts[i], opt) == 0)
			return true;
	return false;
}

void agents_script(const char *args, size_t n, const char **script, const char **module)
{
	bool value = false, is_module = false;

	*script = *module = NULL;
	for (size_t at = strlen(args) + 1; at < n; at += strlen(args + at) + 1) { /* not argv[0] */
		const char *word = args + at;
		if (is_module) {
			*module = word;
			return;
		}
		if (value) {
			value = false;
			continue;
		}
		if (strcmp(word, "-m") == 0) {
			is_module = true;
		} else if (strcmp(word, "-e") == 0 || strcmp(word, "-c") == 0 || strcmp(word, "-p") == 0) {
			return; /* a program in an argument */
		} else if (word[0] == '-' && word[1]) {
			value = takes_value(word);
		} else if (word[0] && strcmp(word, "run")) { /* bun run, deno run */
			*script = word;
			return;
		}
	}
}
