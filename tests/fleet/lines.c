/* lines.c - the lines of a host's audit trail, built as callgate-audit builds them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/entry.h"
#include "fleet.h"
#include "ipc/msg.h"

static const char *const agents[AGENTS][3] = {
    {"claude-code", "/usr/bin/node", "claude-code/2.1"}, {"codex", "/usr/local/bin/codex", "codex/0.169"}, {"cursor", "/opt/cursor/cursor", "cursor/1.9"}, {"gemini-cli", "/usr/bin/node", "gemini-cli/0.61"}};

void line_end(struct trail *t)
{
	int r = trail_end(t);

	if (r)
		die("a line: %d", r);
}

/* ---- what is covered ---- */

static const char *const programs[] = {"callgate-admin", "callgate-fetch", "callgate-ident", "callgate-vault", "callgate-audit", "callgated", "callgate-proxy"};
enum { PROGRAMS = sizeof(programs) / sizeof(*programs), PROCESSES = 6, HOOKS = 23 };

static void program_hash(const struct host *h, size_t i, char out[HEX])
{
	char text[96];
	int n = snprintf(text, sizeof(text), "%s of release %u", programs[i], h->release);

	sha_hex(view_of(text, (size_t)n), out);
}

/* As callgate-audit makes it: over "NAME SHA256", in the order of enum party. */
static void binary_hash(struct host *h)
{
	char text[PROGRAMS * 128], hex[HEX];
	int n = 0;

	for (int p = 0; p < P_COUNT; p++)
		for (size_t i = 0; i < PROGRAMS; i++)
			if (strcmp(party_name((enum party)p), programs[i]) == 0) {
				program_hash(h, i, hex);
				n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %s\n", programs[i], hex);
			}
	sha_hex(view_of(text, (size_t)n), h->binary_hash);
}

static struct jsonw *coverage(struct host *h, const char *event)
{
	struct jsonw *w = trail_line(h->audit, "coverage", sim_wall());

	jsonw_str(w, "event", event);
	return w;
}

void line_programs(struct host *h)
{
	char hex[HEX];

	jsonw_str(coverage(h, "settings"), "sha256", h->config_hash);
	line_end(h->audit);
	for (size_t i = 0; i < PROGRAMS; i++) {
		struct jsonw *w = coverage(h, "program");
		program_hash(h, i, hex);
		jsonw_str(w, "name", programs[i]);
		jsonw_str(w, "sha256", hex);
		line_end(h->audit);
	}
	binary_hash(h);
}

static void put_processes(struct host *h, struct jsonw *w)
{
	static const char *const order[PROCESSES] = {"callgate-audit", "callgate-vault", "callgate-ident", "callgate-fetch", "callgate-admin", "callgate-proxy"};

	jsonw_open(w, "processes", '[');
	for (size_t i = 0; i < PROCESSES; i++) {
		bool fetch = i == 3;
		jsonw_open(w, NULL, '{');
		jsonw_str(w, "name", order[i]);
		if (i == PROCESSES - 1)
			jsonw_uint(w, "slot", 0);
		jsonw_uint(w, "pid", 900 + i + h->ring % 4000);
		jsonw_str(w, "state", "ready");
		jsonw_uint(w, "restarts", 0);
		jsonw_uint(w, "sandbox_tried", fetch ? 6 : 7);
		jsonw_uint(w, "sandbox_refused", fetch ? 6 : 7);
		jsonw_uint(w, "sandbox_set", fetch ? 249 : i == PROCESSES - 1 ? 251 : 253);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void put_hooks(struct jsonw *w)
{
	static const char *const hooks[HOOKS] = {"sockops", "cgroup/getpeername4", "cgroup/getpeername6", "cgroup/connect6", "cgroup/connect4", "cgroup/sendmsg6", "cgroup/sendmsg4",
	    "cgroup/sock_create", "cgroup/bind4", "cgroup/bind6", "cgroup/setsockopt", "cgroup_skb/egress", "cgroup_skb/ingress", "cgroup/connect4 dns", "cgroup/connect6 dns",
	    "cgroup/sendmsg4 dns", "cgroup/sendmsg6 dns", "tp_btf/sched_process_exit", "tp_btf/sched_process_fork", "tp_btf/sched_process_exec", "deny/socket_create",
	    "deny/ptrace_access_check", "deny/unix_stream_connect"};

	jsonw_open(w, "hooks", '[');
	for (size_t i = 0; i < HOOKS; i++) {
		jsonw_open(w, NULL, '{');
		jsonw_str(w, "hook", hooks[i]);
		jsonw_bool(w, "attached", true);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void put_kernel(const struct host *h, struct jsonw *w)
{
	static const char *const zero[] = {"direct-own-service", "direct-loopback", "direct-destination", "direct-foreign-netns", "denied-worker-port", "denied-no-live-worker", "denied-foreign-netns",
	    "denied-no-storage", "denied-bound-device", "handoff-full", "handoff-missing", "handoff-cleaned", "process-table-full", "exec-event-lost", "namespace-event-lost",
	    "direct-out-of-scope", "denied-socket-family", "denied-ptrace", "denied-container-engine", "denied-socket-kind", "denied-udp", "denied-port-theft", "denied-source-route",
	    "dropped-unapproved", "dns-answer-lost"};

	jsonw_open(w, "kernel", '{');
	jsonw_uint(w, "redirected", h->intercepted);
	jsonw_uint(w, "accepted", h->intercepted);
	for (size_t i = 0; i < sizeof(zero) / sizeof(*zero); i++)
		jsonw_uint(w, zero[i], 0);
	jsonw_close(w, '}');
}

void line_start(struct host *h, const char *event)
{
	struct jsonw *w = coverage(h, event);

	jsonw_str(w, "mode", "enforce");
	jsonw_str(w, "strict", "class");
	jsonw_uint(w, "generation", 1);
	jsonw_open(w, "governed", '[');
	jsonw_uint(w, NULL, h->uid);
	jsonw_close(w, ']');
	put_processes(h, w);
	put_hooks(w);
	put_kernel(h, w);
	line_end(h->audit);
}

void line_policy(struct host *h)
{
	struct jsonw *w = coverage(h, "policy");

	jsonw_uint(w, "generation", h->generation);
	jsonw_str(w, "sha256", h->world_hash);
	jsonw_uint(w, "servers", json_object_size(h->roster.servers));
	jsonw_uint(w, "grants", grants_count(&h->roster.grants));
	jsonw_uint(w, "policies", json_object_size(h->roster.policies));
	line_end(h->audit);
}

void lines_seal(void *arg, struct jsonw *w)
{
	const struct host *h = arg;

	jsonw_open(w, "kernel", '{');
	jsonw_uint(w, "intercepted", h->intercepted);
	jsonw_uint(w, "refused", h->refused);
	jsonw_uint(w, "dropped", 0);
	jsonw_close(w, '}');
	jsonw_open(w, "enforcement_state", '{');
	jsonw_str(w, "mode", "enforce");
	jsonw_open(w, "missing", '[');
	jsonw_close(w, ']');
	jsonw_uint(w, "hooks", HOOKS);
	jsonw_uint(w, "processes", PROCESSES);
	jsonw_uint(w, "restarts", 0);
	jsonw_uint(w, "generation", 1);
	jsonw_close(w, '}');
	jsonw_uint(w, "queue_dropped", 0);
	jsonw_uint(w, "records", h->records);
	jsonw_str(w, "policy_hash", h->world_hash[0] ? h->world_hash : NULL);
	jsonw_str(w, "config_hash", h->config_hash);
	jsonw_str(w, "binary_hash", h->binary_hash);
}

/* Which calls are open, as the first line of each file says it. */
void lines_first(void *arg, struct jsonw *w)
{
	const struct host *h = arg;
	char id[24];

	jsonw_open(w, "rings", '[');
	if (h->ring) {
		snprintf(id, sizeof(id), "%012" PRIx64, h->ring);
		jsonw_open(w, NULL, '{');
		jsonw_str(w, "ring", id);
		jsonw_uint(w, "last", h->call);
		jsonw_open(w, "open", '[');
		for (size_t i = 0; i < h->opens; i++)
			jsonw_uint(w, NULL, h->open[i].call);
		jsonw_close(w, ']');
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

/* ---- calls ---- */

static void text(struct rec *r, enum rec_field f, const char *s)
{
	rec_text(r, f, view_str(s));
}

/* From a worker's record to a line, as feed.c does it. */
static void put_record(struct host *h, struct wall ts)
{
	static struct rec_seen seen;
	struct view v = rec_end(&h->rec);

	if (rec_parse(v, &seen))
		die("a record that cannot be read");
	struct jsonw *w = trail_line(h->audit, entry_kind(seen.head.kind), ts);
	entry_id(w, h->ring, seen.head.call);
	entry_fields(w, &seen);
	line_end(h->audit);
	h->records++;
}

static void who(struct host *h, uint64_t session, uint32_t pid)
{
	struct rec *r = &h->rec;
	const char *const *agent = agents[(h->number + session) % AGENTS];
	char t[128], exe[HEX];

	rec_u32(r, F_UID, h->uid);
	rec_u32(r, F_LOGINUID, h->uid);
	rec_u32(r, F_GID, h->uid);
	rec_u32(r, F_PID, pid);
	rec_u64(r, F_START, 60000000000u + session * 7919000000u);
	text(r, F_EXE, agent[1]);
	rec_u64(r, F_EXE_INO, 1048612 + (uint64_t)(agent - agents[0]));
	rec_u32(r, F_EXE_DEV, 64769);
	snprintf(t, sizeof(t), "/user.slice/user-%u.slice/session-3.scope", h->uid);
	text(r, F_CGROUP, t);
	rec_u64(r, F_CGROUP_ID, 5120);
	rec_u64(r, F_NETNS, 4026531840u);
	text(r, F_COMM, strrchr(agent[1], '/') + 1);
	text(r, F_AGENT, agent[0]);
	text(r, F_AGENT_STRENGTH, "strong");
	text(r, F_AGENT_CLAIM, agent[2]);
	rec_u64(r, F_CONNECT_NS, 61000000000u + session * 104729000u);
	rec_u32(r, F_AGENT_ROOT, pid);
	static char known[AGENTS][HEX];
	size_t a = (size_t)(agent - agents[0]) / 3;
	if (!known[a][0]) {
		sha_hex(view_str(agent[2]), exe);
		memcpy(known[a], exe, HEX);
	}
	text(r, F_EXE_SHA256, known[a]);
	rec_u32(r, F_SLOT, 0);
}

static void where(struct host *h, const struct service *s)
{
	rec_u64(&h->rec, F_GENERATION, h->generation);
	text(&h->rec, F_HOST, s->host);
	text(&h->rec, F_ADDR, s->addr);
	rec_u32(&h->rec, F_PORT, 443);
}

static bool in_next(const struct host *h, const struct service *s, const char *tool)
{
	size_t p = policy_index(s->policy);
	char key[80];

	snprintf(key, sizeof(key), "\"%s\":{}", tool);
	return h->changed[p] && strstr(policies[p].next, key);
}

static bool judge(struct host *h, const struct service *s, const struct tool *t, bool granted)
{
	struct rec *r = &h->rec;
	char rule[128];
	enum outcome o = in_next(h, s, t->name) ? ALLOWED : h->changed[policy_index(s->policy)] && t->outcome == HIDDEN ? DEFAULT_DENY : t->outcome;

	if (granted && o == ALLOWED) {
		text(r, F_VERDICT, "allow");
		snprintf(rule, sizeof(rule), "/tools/%s", t->name);
		text(r, F_AUTHORISED_BY, rule);
		return true;
	}
	text(r, F_VERDICT, "deny");
	text(r, F_RULE, !granted ? "(no grant)" : o == HIDDEN ? "(hidden)" : o == RULE_DENY ? t->rule : "(default deny)");
	if (granted && o == RULE_DENY)
		rec_u32(r, F_RULE_INDEX, 0);
	return false;
}

static const struct tool *pick_tool(struct host *h, const struct service *s)
{
	unsigned all = 0;

	for (size_t i = 0; s->tool[i].name; i++)
		all += s->tool[i].weight;
	unsigned n = (unsigned)(chance(&h->rnd) % all);
	for (size_t i = 0;; i++) {
		if (n < s->tool[i].weight)
			return &s->tool[i];
		n -= s->tool[i].weight;
	}
}

/* The first calls use every grant once, so that none is unused but those that shall be; after that as it comes. */
static const struct grant *pick_grant(struct host *h)
{
	for (size_t tries = 0; tries < 4 * GRANTS && h->grants; tries++) {
		const struct grant *g = &h->grant[h->calls < h->grants ? (h->calls + tries) % h->grants : chance(&h->rnd) % h->grants];
		if (g->live && !g->unused)
			return g;
	}
	return NULL;
}

/* A server for which this host holds nothing: now and then somebody tries. */
static const struct service *pick_foreign(struct host *h)
{
	for (size_t i = 0; i < SERVICES; i++) {
		bool granted = false;
		for (size_t k = 0; k < h->grants; k++)
			granted |= h->grant[k].service == i && h->grant[k].live;
		if (!granted)
			return &services[i];
	}
	return NULL;
}

static void put_call(struct host *h, const struct service *s, const struct tool *t, const struct grant *g, uint64_t session, uint32_t pid)
{
	struct rec *r = &h->rec;
	char id[24];

	text(r, F_SERVER, s->name);
	text(r, F_METHOD, "tools/call");
	text(r, F_TOOL, t->name);
	text(r, F_RISK, t->risk);
	text(r, F_ARG_KEYS, t->keys);
	snprintf(id, sizeof(id), "%" PRIu64, h->call);
	text(r, F_RPC_ID, id);
	if (g) {
		size_t p = policy_index(s->policy);
		text(r, F_GRANT, g->id);
		text(r, F_POLICY, h->policy_hash[p]);
		text(r, F_POLICY_NAME, s->policy);
		text(r, F_CREDENTIAL, s->name);
	}
	text(r, F_MODE, "enforce");
	who(h, session, pid);
	where(h, s);
	char sess[40];
	uint64_t salt = h->ring + session;
	snprintf(sess, sizeof(sess), "%016" PRIx64 "%016" PRIx64, chance(&salt), chance(&salt));
	text(r, F_SESSION, sess);
	text(r, F_PROTO, "2025-11-25");
}

void line_call(struct host *h, int64_t at)
{
	uint64_t a = chance(&h->rnd), session = h->calls / 24;
	const struct service *foreign = a % 97 == 0 && h->calls > h->grants ? pick_foreign(h) : NULL;
	const struct grant *g = foreign ? NULL : pick_grant(h);
	const struct service *s = foreign ? foreign : g ? &services[g->service] : pick_foreign(h);
	const struct tool *t = h->calls < h->grants ? &s->tool[0] : pick_tool(h, s);
	uint32_t pid = 3000 + (uint32_t)(session % 20000);

	if (h->calls % 24 == 0)
		h->intercepted++;
	h->calls++;
	h->call++;
	rec_begin(&h->rec, REC_CALL, h->call, sim_mono().ns);
	bool allowed = judge(h, s, t, g != NULL);
	put_call(h, s, t, g, session, pid);
	put_record(h, sim_wall());
	h->allowed += allowed;
	h->denied += !allowed;
	if (!allowed)
		return;
	line_release(h, h->call, "release", s->name, 1, s);
	struct call_open *c = &h->open[h->opens++];
	*c = (struct call_open){.call = h->call, .cred_version = 1, .began = at, .ends = at + (int64_t)(20000 + (a >> 32) % 900000) * 1000, .service = (size_t)(s - services), .pid = pid};
}

void line_result(struct host *h, const struct call_open *c)
{
	struct rec *r = &h->rec;
	uint64_t a = chance(&h->rnd);
	bool failed = a % 53 == 0;

	rec_begin(r, REC_RESULT, c->call, sim_mono().ns);
	rec_u32(r, F_UID, h->uid);
	rec_u32(r, F_PID, c->pid);
	text(r, F_SERVER, services[c->service].name);
	text(r, F_STATUS, failed ? "tool_error" : "ok");
	rec_u32(r, F_HTTP, 200);
	rec_u32(r, F_CRED_VERSION, (uint32_t)c->cred_version);
	rec_u64(r, F_DUR_US, (uint64_t)(c->ends - c->began) / 1000);
	rec_u64(r, F_BYTES_IN, 200 + (a >> 16) % 800);
	rec_u64(r, F_BYTES_OUT, 500 + (a >> 20) % 30000);
	rec_u32(r, F_SLOT, 0);
	put_record(h, sim_wall());
	h->results++;
}

/* A connection to a host that is no server of ours. */
void line_relayed(struct host *h)
{
	static const struct service other = {"", "registry.example", "203.0.113.99", "", "", {{0}}};
	struct rec *r = &h->rec;
	uint64_t a = chance(&h->rnd);

	h->intercepted++;
	rec_begin(r, REC_CONNECTION, 0, sim_mono().ns);
	who(h, h->calls / 24 + 100000 + a % 1000, 4000 + (uint32_t)(a % 20000));
	where(h, &other);
	text(r, F_VERDICT, "relay");
	rec_u64(r, F_DUR_US, 1000 + (a >> 32) % 9000000);
	rec_u64(r, F_BYTES_IN, 500 + (a >> 16) % 3000);
	rec_u64(r, F_BYTES_OUT, 5000 + (a >> 20) % 300000);
	put_record(h, sim_wall());
}

void line_abandoned(struct host *h, const struct call_open *c, const char *why)
{
	struct jsonw *w = trail_line(h->audit, "abandoned", sim_wall());

	entry_id(w, h->ring, c->call);
	jsonw_str(w, "detail", why);
	line_end(h->audit);
	h->abandoned++;
}

void line_release(struct host *h, uint64_t call, const char *event, const char *cred, uint32_t version, const struct service *s)
{
	struct m_release m = {.ring = call ? h->ring : 0, .call = call, .version = version};

	snprintf(m.event, sizeof(m.event), "%s", event);
	snprintf(m.credential, sizeof(m.credential), "%s", cred);
	if (s) {
		snprintf(m.server, sizeof(m.server), "%s", s->name);
		snprintf(m.host, sizeof(m.host), "%s", s->host);
		m.port = 443;
	}
	struct jsonw *w = trail_line(h->audit, "release", sim_wall());
	entry_release(w, &m);
	line_end(h->audit);
}
