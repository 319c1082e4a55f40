/*
 * world.h - what is in force: servers, grants, policies.  Built by callgate-admin, read by the workers.
 * Floor: policy.      Immutable once loaded; reference counted by its user.
 *
 * The file (sealed memory): JSON, and behind it, when there is no "grants" in it, a NUL byte and the grants as a table (grant_table.h).
 * A grant of the table has the document of the policy it names: "policy_names":{NAME: SHA256HEX}.  By hand and in tests:
 *   {"generation":N,"mode":"enforce|observe",
 *    "servers":[{"name","match":[{"host","port","path"?}],"credential"?,"inject"?:{"header","format"},"mode"?}],
 *    "grants":[{"id","uid"|null,"user"?,"login_uid"?,"via"?,"gid"?,"agent"?,"exe_sha256"?,
 *              "unit"?,"cgroup"?,"token_sha256"?,"server","policy"?:SHA256HEX,"policy_name"?,"credential"?,"expires_at"?}],
 *    "credential_items"?:{NAME: what the vault calls it},"policies":{SHA256HEX: "document text"},"tools"?:[see world_tools.h],
 *    "placeholders"?:[see placeholder.h]}
 * port defaults to 443; path is a prefix ending at a '/' boundary, or absent: every path.  format holds "{secret}" once.
 * uid null: every governed user.  A server without a mode has the mode of the file. 
 */
#ifndef POLICY_WORLD_H
#define POLICY_WORLD_H

#include "base/mtime.h"
#include "policy/placeholder.h"
#include "policy/pol.h"
#include "policy/world_tools.h"

struct world;

struct world_match {
	const char *host; /* lower case */
	uint16_t port;
	const char *path; /* NULL: every path of this host */
};

struct world_server {
	const char *name;
	const struct world_match *match;
	size_t matches;
	const char *credential; /* NULL: none injected */
	const char *inject_header, *inject_format;
	bool observe;
};

struct world_grant {
	const char *id, *server, *credential, *policy_name, *policy_hash, *agent;
	const char *unit, *cgroup; /* patterns, NULL: any */
	const char *token_sha256;  /* of the bearer token that must come with the request, NULL: none */
	bool su;                   /* "via":"su": the login may be another user's */
	bool has_gid;
	uint32_t gid;
	bool any_uid;
	uint32_t uid;
	bool has_login_uid;
	const char *exe_sha256; /* NULL: any */
	uint32_t login_uid;
	struct wall expires; /* ns 0: never */
	const struct pol *policy; /* NULL: (no policy) */
};

/** world_load(file, why, why_len, out): 0, or negative with one line in ${why}. */
int world_load(struct view file, char *why, size_t why_len, struct world **out) __attribute__((warn_unused_result));
struct world *world_ref(struct world *w);
void world_unref(struct world **w);
uint64_t world_generation(const struct world *w);

/** world_host(w, host, port): Is any server registered at this name (any case) and port?  Path is not looked at. */
bool world_host(const struct world *w, struct view host, uint16_t port);

/** world_brokered(w, host, port): Does any server at this name and port get a credential of ours?  Then its log-in is not the client's. */
bool world_brokered(const struct world *w, struct view host, uint16_t port);

/** world_server(w, host, port, path): The server whose longest path prefix matches, or NULL: not an MCP path of that host. */
const struct world_server *world_server(const struct world *w, struct view host, uint16_t port, struct view path);

/** world_server_named(w, name): By its name, or NULL. */
const struct world_server *world_server_named(const struct world *w, struct view name);

/** world_tool(w, server, name): What the catalogue knows of the tool, or NULL. */
const struct world_tool *world_tool(const struct world *w, const struct world_server *server, struct view name);

/** world_baited(w): Are there placeholders at all?  If not, nothing has to be looked at for them. */
bool world_baited(const struct world *w);

/**
 * world_stray(w, text, server, host, port):
 * A placeholder in ${text} that does not belong there, or NULL.  It belongs to ${server} when that, or a grant for it, uses its credential; without
 * ${server}, to every server at ${host} and ${port}; with neither (host empty), nowhere.
 */
const struct placeholder *world_stray(const struct world *w, struct view text, const struct world_server *server, struct view host, uint16_t port);

/** world_blank(w, p, n): No placeholder in these bytes any more: placeholder_blank(). */
void world_blank(const struct world *w, uint8_t *p, size_t n);

struct subject { /* what the kernel says; agent is what callgate-ident says */
	uint32_t uid, login_uid; /* login_uid 0xffffffff: unset */
	const char *agent;       /* "" none */
	const char *exe_sha256;  /* of the executable, lower case hexadecimal; "" or NULL: unknown, which no grant with a digest fits */
	const char *unit, *cgroup, *token_sha256; /* NULL or "": unknown, none */
	uint32_t gid;
	const uint32_t *group; /* supplementary groups, borrowed */
	size_t groups;
};

/** world_grant(w, who, server, now, why): The most specific live grant; it looks at those of this user and at those without a user for this server.  Or NULL with the rule string in *${why}: "(no grant)", "(expired)", "(identity mismatch)". */
const struct world_grant *world_grant(const struct world *w, const struct subject *who, const struct world_server *server,
    struct wall now, const char **why);

/* subject.c.  Authority comes from the real uid, or for grants to a group from it and the process's groups; everything else narrows. */
bool subject_addressed(const struct world_grant *g, const struct subject *who);
/** subject_fits(g, who): Does everything that narrows ${g} fit?  Else it is an identity mismatch. */
bool subject_fits(const struct world_grant *g, const struct subject *who);
/** subject_weight(g): How specific it is: different sets of narrowing members have different weights, a user more than a group, that more than the rest. */
int subject_weight(const struct world_grant *g);
/** subject_glob(pattern, text): '*' is any run without '/', '**' any run. */
bool subject_glob(const char *pattern, const char *text);

#endif
