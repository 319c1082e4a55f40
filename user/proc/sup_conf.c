/*
 * sup_conf.c - read callgate.json: every field known, every value in range, or a message with file, line and field.
 * The file is root's; it is read with the strict scanner all the same, because that one knows lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "codec/json.h"
#include "proc/sup.h"

enum { FILE_MAX = 1 << 20, NODES = 8192 };

struct reading {
	const char *file;
	struct json_doc doc;
	struct sup_conf *out;
	char *why;
	size_t why_len;
};

static int bad(struct reading *r, const struct json_node *n, const char *field, const char *text)
{
	struct json_error at = json_where(r->doc.in, n ? n->off : 0);
	snprintf(r->why, r->why_len, "%s:%u:%u: %s: %s", r->file, at.line, at.column, field, text);
	return -EINVAL;
}

static int number(struct reading *r, const struct json_node *n, const char *field, uint64_t min, uint64_t max, uint64_t *out)
{
	char text[32], *end;
	struct view v = json_raw(&r->doc, n);

	if (n->type == JSON_NUMBER && v.n < sizeof(text)) {
		memcpy(text, v.p, v.n);
		text[v.n] = '\0';
		*out = strtoull(text, &end, 10);
		if (!*end && text[0] != '-' && *out >= min && *out <= max)
			return 0;
	}
	char say[96];
	snprintf(say, sizeof(say), "must be a whole number from %llu to %llu", (unsigned long long)min, (unsigned long long)max);
	return bad(r, n, field, say);
}

static int word(struct reading *r, const struct json_node *n, const char *field, const char *const *words, char *out, size_t cap)
{
	char say[128];
	int used = snprintf(say, sizeof(say), "must be one of");

	for (size_t i = 0; words[i]; i++) {
		if (json_str_eq(&r->doc, n, view_str(words[i]))) {
			snprintf(out, cap, "%s", words[i]);
			return 0;
		}
		used += snprintf(say + used, sizeof(say) - (size_t)used, " \"%s\"", words[i]);
	}
	return bad(r, n, field, say);
}

static int read_user(struct reading *r, const struct json_node *n)
{
	struct sup_conf *c = r->out;
	uint64_t uid;
	char name[64];

	if (c->user_count == SUP_USERS)
		return bad(r, n, "/users", "too many users");
	if (n->type == JSON_STRING) {
		int len = json_str(&r->doc, n, name, sizeof(name) - 1);
		if (len <= 0)
			return bad(r, n, "/users", "a user name is empty or too long");
		name[len] = '\0';
		struct passwd *pw = getpwnam(name);
		if (!pw)
			return bad(r, n, "/users", "no such user on this machine");
		uid = pw->pw_uid;
	} else if (number(r, n, "/users", 0, UINT32_MAX - 1, &uid)) {
		return -EINVAL;
	}
	if (uid == 0)
		return bad(r, n, "/users", "root cannot be governed: it could detach the gate");
	c->users[c->user_count++] = (uint32_t)uid;
	return 0;
}

static int read_users(struct reading *r, const struct json_node *n)
{
	if (n->type != JSON_ARRAY)
		return bad(r, n, "/users", "must be a list of user names or numbers");
	int e = 0;
	for (const struct json_node *u = json_first(&r->doc, n); u && !e; u = json_next(&r->doc, n, u))
		e = read_user(r, u);
	return e;
}

static int read_ports(struct reading *r, const struct json_node *n)
{
	struct sup_conf *c = r->out;
	uint64_t port;

	if (n->type != JSON_ARRAY)
		return bad(r, n, "/redirect/ports", "must be a list of port numbers");
	c->port_count = 0;
	for (const struct json_node *p = json_first(&r->doc, n); p; p = json_next(&r->doc, n, p)) {
		if (c->port_count == SUP_PORTS)
			return bad(r, p, "/redirect/ports", "too many ports");
		if (number(r, p, "/redirect/ports", 1, 65535, &port))
			return -EINVAL;
		c->ports[c->port_count++] = (uint16_t)port;
	}
	return 0;
}

static int read_all(struct reading *r, const struct json_node *n)
{
	if (n->type != JSON_TRUE && n->type != JSON_FALSE)
		return bad(r, n, "/redirect/all", "must be true or false");
	r->out->redirect_all = n->type == JSON_TRUE;
	return 0;
}

static int read_workers(struct reading *r, const struct json_node *n)
{
	uint64_t v;
	int e = number(r, n, "/workers", 1, SUP_SLOTS / 2, &v);
	if (!e)
		r->out->workers = (uint32_t)v;
	return e;
}

static int read_connections(struct reading *r, const struct json_node *n)
{
	uint64_t v;
	int e = number(r, n, "/connections", 64, 131072, &v);
	if (!e)
		r->out->connections = (uint32_t)v;
	return e;
}

static int read_held(struct reading *r, const struct json_node *n)
{
	return number(r, n, "/held_bytes", 8 << 20, 1ull << 40, &r->out->held_bytes);
}

static int read_port_base(struct reading *r, const struct json_node *n)
{
	uint64_t v;
	/* Below the ephemeral range and below what an ordinary user may bind. */
	int e = number(r, n, "/port_base", 1, 1023 - SUP_SLOTS, &v);
	if (!e)
		r->out->port_base = (uint16_t)v;
	return e;
}

static int read_mode(struct reading *r, const struct json_node *n)
{
	static const char *const words[] = {"enforce", "observe", NULL};
	return word(r, n, "/mode", words, r->out->mode, sizeof(r->out->mode));
}

static const char *const scopes[] = {"agents", "users", "all", NULL}; /* in the order of enum cg_scope */

static int read_scope(struct reading *r, const struct json_node *n)
{
	char name[16];
	int e = word(r, n, "/scope", scopes, name, sizeof(name));

	for (uint32_t i = 0; !e && scopes[i]; i++)
		if (strcmp(scopes[i], name) == 0)
			r->out->scope = i;
	return e;
}

static int read_strict(struct reading *r, const struct json_node *n)
{
	static const char *const words[] = {"async", "class", "all", NULL};
	return word(r, n, "/audit/strict", words, r->out->strict, sizeof(r->out->strict));
}

static int read_level(struct reading *r, const struct json_node *n)
{
	uint64_t v;
	int e = number(r, n, "/audit/level", 1, 9, &v);
	if (!e)
		r->out->level = (uint32_t)v;
	return e;
}

static int read_segment_bytes(struct reading *r, const struct json_node *n)
{
	return number(r, n, "/audit/segment_bytes", 4096, 1ull << 32, &r->out->segment_bytes);
}

static int read_segment_seconds(struct reading *r, const struct json_node *n)
{
	uint64_t v;
	int e = number(r, n, "/audit/segment_seconds", 1, 86400, &v);
	if (!e)
		r->out->segment_seconds = (uint32_t)v;
	return e;
}

static int read_reserve(struct reading *r, const struct json_node *n)
{
	return number(r, n, "/audit/reserve_bytes", 0, 1 << 30, &r->out->reserve_bytes);
}

static int read_space_left(struct reading *r, const struct json_node *n)
{
	return number(r, n, "/audit/space_left_bytes", 0, 1ull << 50, &r->out->space_left_bytes);
}

static int read_admin_space_left(struct reading *r, const struct json_node *n)
{
	return number(r, n, "/audit/admin_space_left_bytes", 0, 1ull << 50, &r->out->admin_space_left_bytes);
}

static int read_retention(struct reading *r, const struct json_node *n)
{
	uint64_t v;
	int e = number(r, n, "/audit/retention_days", 0, 36500, &v);
	if (!e)
		r->out->retention_days = (uint32_t)v;
	return e;
}

static int read_arg_mac(struct reading *r, const struct json_node *n)
{
	if (n->type != JSON_TRUE && n->type != JSON_FALSE)
		return bad(r, n, "/audit/arg_mac", "must be true or false");
	r->out->arg_mac = n->type == JSON_TRUE;
	return 0;
}

/* The shape only; callgate-audit takes it apart, and removes nothing with one that is none. */
static int read_collector(struct reading *r, const struct json_node *n)
{
	int len = n->type == JSON_STRING ? json_str(&r->doc, n, r->out->collector, sizeof(r->out->collector) - 1) : -1;

	if (len < 0)
		return bad(r, n, "/audit/collector", "must be the key that a collector's receipts are signed with, as its .vkey file has it: NAME+HASH+BASE64");
	r->out->collector[len] = '\0';
	return 0;
}

/* Where it leads is looked at when it is made. */
static int read_second(struct reading *r, const struct json_node *n)
{
	struct view v;

	r->out->second[0] = '\0';
	if (n->type != JSON_STRING || !json_plain(&r->doc, n, &v) || v.n >= SUP_SECOND || (v.n && v.p[0] != '/'))
		return bad(r, n, "/audit/second", "must be the path of a directory on another file system, from / on; or \"\"");
	snprintf(r->out->second, SUP_SECOND, "%.*s", (int)v.n, (const char *)v.p);
	return 0;
}

/* The shape only; callgate-fetch callgate-fetch reads the rest of it, and says what it cannot take. */
static int read_forward(struct reading *r, const struct json_node *n)
{
	static const char *const kinds[] = {"journald", "syslog", "syslog-udp"};

	r->out->forwards = 0;
	if (n->type != JSON_ARRAY)
		return bad(r, n, "/audit/forward", "must be a list");
	for (const struct json_node *m = json_first(&r->doc, n); m; m = json_next(&r->doc, n, m)) {
		struct view v;
		bool good = m->type == JSON_STRING && json_plain(&r->doc, m, &v) && v.n < SUP_FORWARD_LEN, known = false;
		const uint8_t *colon = good && v.n ? memchr(v.p, ':', v.n) : NULL;
		struct view word = good ? view_head(v, colon ? (size_t)(colon - v.p) : v.n) : view_of(NULL, 0);
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			known = known || view_is(word, kinds[i]);
		if (!known || r->out->forwards == SUP_FORWARDS)
			return bad(r, m, "/audit/forward", "must hold at most 4 of \"journald\", \"syslog\", \"journald:/PATH\", \"syslog:/PATH\", \"syslog-udp:ADDRESS:PORT\"");
		snprintf(r->out->forward[r->out->forwards++], SUP_FORWARD_LEN, "%.*s", (int)v.n, (const char *)v.p);
	}
	return 0;
}

static int read_root(struct reading *r, const struct json_node *n)
{
	if (n->type != JSON_TRUE && n->type != JSON_FALSE)
		return bad(r, n, "/roles/root", "must be true (root may do everything) or false (root needs the group of a role as well)");
	r->out->root_by_role = n->type == JSON_FALSE;
	return 0;
}

static int read_four_eyes(struct reading *r, const struct json_node *n)
{
	struct sup_conf *c = r->out;
	bool list = n->type == JSON_ARRAY;

	c->four_eyes_grants = c->four_eyes_policy = false;
	for (const struct json_node *m = list ? json_first(&r->doc, n) : NULL; m; m = json_next(&r->doc, n, m)) {
		bool *flag = json_str_eq(&r->doc, m, VIEW_LIT("grants")) ? &c->four_eyes_grants : json_str_eq(&r->doc, m, VIEW_LIT("policy")) ? &c->four_eyes_policy : NULL;
		list = list && flag;
		if (flag)
			*flag = true;
	}
	return list ? 0 : bad(r, n, "/roles/four_eyes", "must be a list of \"grants\" and \"policy\"");
}

const char *sup_conf_role(size_t i)
{
	static const char *const name[SUP_ROLES] = {"admin", "policy", "secret", "auditor", "approver"};

	return name[i];
}

/* A machine need not have the groups: then nobody but root has that role. */
static void find_roles(struct sup_conf *c)
{
	for (size_t i = 0; i < SUP_ROLES; i++) {
		char name[64];
		snprintf(name, sizeof(name), "callgate-%s", sup_conf_role(i));
		const struct group *g = getgrnam(name);
		c->role[i].there = g && g->gr_gid != 0;
		c->role[i].gid = g ? g->gr_gid : 0;
	}
}

struct field {
	const char *path; /* of the object, then the member */
	const char *key;
	int (*read)(struct reading *r, const struct json_node *n);
};
static int read_redirect(struct reading *r, const struct json_node *n);
static int read_audit(struct reading *r, const struct json_node *n);
static int read_roles(struct reading *r, const struct json_node *n);

static const struct field fields[] = {
    {"", "users", read_users},
    {"", "redirect", read_redirect},
    {"", "workers", read_workers},
    {"", "connections", read_connections},
    {"", "held_bytes", read_held},
    {"", "port_base", read_port_base},
    {"", "mode", read_mode},
    {"", "scope", read_scope},
    {"", "audit", read_audit},
    {"", "roles", read_roles},
    {"/redirect", "ports", read_ports},
    {"/redirect", "all", read_all},
    {"/audit", "strict", read_strict},
    {"/audit", "level", read_level},
    {"/audit", "segment_bytes", read_segment_bytes},
    {"/audit", "segment_seconds", read_segment_seconds},
    {"/audit", "reserve_bytes", read_reserve},
    {"/audit", "space_left_bytes", read_space_left},
    {"/audit", "admin_space_left_bytes", read_admin_space_left},
    {"/audit", "retention_days", read_retention},
    {"/audit", "collector", read_collector},
    {"/audit", "second", read_second},
    {"/audit", "arg_mac", read_arg_mac},
    {"/audit", "forward", read_forward},
    {"/roles", "root", read_root},
    {"/roles", "four_eyes", read_four_eyes},
};

static int read_object(struct reading *r, const struct json_node *obj, const char *path)
{
	if (obj->type != JSON_OBJECT)
		return bad(r, obj, *path ? path : "/", "must be an object");
	for (const struct json_node *m = json_first(&r->doc, obj); m; m = json_next(&r->doc, obj, m)) {
		size_t i = 0, n = sizeof(fields) / sizeof(fields[0]);
		while (i < n && (strcmp(fields[i].path, path) != 0 || !json_key_eq(&r->doc, m, view_str(fields[i].key))))
			i++;
		if (i == n) {
			char name[128];
			snprintf(name, sizeof(name), "%s/%.*s", path, (int)(m->key_len < 64 ? m->key_len : 64),
			    (const char *)r->doc.in.p + m->key_off);
			return bad(r, m, name, "unknown field");
		}
		int e = fields[i].read(r, m);
		if (e)
			return e;
	}
	return 0;
}

static int read_redirect(struct reading *r, const struct json_node *n)
{
	return read_object(r, n, "/redirect");
}

static int read_audit(struct reading *r, const struct json_node *n)
{
	return read_object(r, n, "/audit");
}

static int read_roles(struct reading *r, const struct json_node *n)
{
	return read_object(r, n, "/roles");
}

const char *sup_conf_scope(const struct sup_conf *c)
{
	return scopes[c->scope];
}

static void defaults(struct sup_conf *c)
{
	static const uint16_t ports[] = {80, 443, 8080, 8443};

	*c = (struct sup_conf){.workers = 1, .connections = 16384, .held_bytes = 256 << 20, .port_base = 940, .mode = "enforce", .strict = "class", .level = 6,
	    .segment_seconds = 3600, .segment_bytes = 16 << 20, .reserve_bytes = 8 << 20, .space_left_bytes = 256 << 20,
	    .admin_space_left_bytes = 64 << 20, .port_count = 4};
	memcpy(c->ports, ports, sizeof(ports));
	find_roles(c);
}

/* Settings decide who is governed: only root may have written them. */
static int owned_by_root(const char *file, char *why, size_t why_len)
{
	struct stat st;

	if (stat(file, &st) < 0) {
		snprintf(why, why_len, "%s: %s: write it (see docs/ARCHITECTURE.md) or name its directory with --etc", file, strerror(errno));
		return -errno;
	}
	if (st.st_uid != 0 || (st.st_mode & 022)) {
		snprintf(why, why_len, "%s: must belong to root and be writable by root alone: chown root, chmod 644", file);
		return -EPERM;
	}
	return 0;
}

int sup_conf_load(const char *file, struct sup_conf *out, char *why, size_t why_len)
{
	static struct json_node nodes[NODES];
	struct reading r = {.file = file, .out = out, .why = why, .why_len = why_len};
	struct json_error at;
	struct buf text = {0};

	defaults(out);
	int e = owned_by_root(file, why, why_len);
	if (e)
		return e;
	e = fd_slurp(AT_FDCWD, file, FILE_MAX, &text);
	if (e) {
		snprintf(why, why_len, "%s: %s", file, err_text(e));
		return e;
	}
	e = json_scan(&r.doc, buf_view(&text), nodes, NODES, &at);
	if (e)
		snprintf(why, why_len, "%s:%u:%u: %s", file, at.line, at.column, err_text(e));
	else
		e = read_object(&r, &r.doc.node[0], "");
	buf_free(&text);
	return e;
}
