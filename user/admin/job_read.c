/* job_read.c - requests that change nothing.  Those that need other processes gather their answers; one that is missing is said. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/job.h"
#include "admin/tryout.h"
#include "base/err.h"
#include "base/log.h"

static json_t *values(const json_t *map)
{
	json_t *out = json_array(), *v;
	const char *key;

	/* The map is only read. */
	json_object_foreach((json_t *)(uintptr_t)map, key, v)
		json_array_append(out, v);
	return out;
}

static const char *arg(const struct job *j, const char *key)
{
	return json_string_value(json_object_get(j->args, key));
}

static void list_servers(struct job *j)
{
	job_done(j, json_pack("{s:o}", "servers", values(j->a->roster.servers)));
}

static void show(struct job *j, const json_t *map, const char *key, const char *member, const char *noun)
{
	char text[192];
	const char *name = arg(j, key);
	json_t *v = json_object_get(map, name);

	if (v) {
		job_done(j, json_pack("{s:O}", member, v));
		return;
	}
	snprintf(text, sizeof(text), "no %s is named %.64s; see: callgate %s list", noun, name, noun);
	job_fail(j, "not-found", text);
}

static void show_server(struct job *j)
{
	show(j, j->a->roster.servers, "name", "server", "server");
}

static void list_grants(struct job *j)
{
	const json_t *uid = json_object_get(j->args, "uid");
	const char *server = arg(j, "server"), *id;
	json_t *out = json_array(), *g;

	json_object_foreach(j->a->roster.grants, id, g) {
		const char *of = json_string_value(json_object_get(g, "server"));
		if ((!server || (of && strcmp(of, server) == 0)) && (!uid || json_equal(uid, json_object_get(g, "uid"))))
			json_array_append(out, g);
	}
	job_done(j, json_pack("{s:o}", "grants", out));
}

static void show_grant(struct job *j)
{
	show(j, j->a->roster.grants, "id", "grant", "grant");
}

static void list_policies(struct job *j)
{
	json_t *out = json_array(), *p;
	const char *name;

	json_object_foreach(j->a->roster.policies, name, p) {
		json_t *copy = json_copy(p);
		json_object_del(copy, "document");
		json_array_append_new(out, copy);
	}
	job_done(j, json_pack("{s:o}", "policies", out));
}

static void show_policy(struct job *j)
{
	show(j, j->a->roster.policies, "name", "policy", "policy");
}

static void check_policy(struct job *j)
{
	struct buf problems = {0};
	char hash[TRYOUT_HASH];
	const char *doc = arg(j, "document");
	int r = tryout_policy(view_str(doc), &problems, hash);
	json_t *list = json_loadb((const char *)buf_view(&problems).p, problems.len, 0, NULL);

	buf_free(&problems);
	json_t *answer = json_pack("{s:b s:s s:o?}", "good", r == 0, "hash", hash, "problems", list);
	job_done(j, answer);
}

/* ---- those that ask ---- */

static void ask(struct job *j, struct edge *e, enum msg type, struct view body, enum party peer)
{
	uint64_t tag = j->tag;

	if (!tag)
		tag = j->tag = ++j->a->last_tag;
	j->stage = JOB_ASKED;
	j->deadline = mono_after_ms(mono_now(), ADMIN_STATUS_MS);
	if (edge_send(e, type, tag, body, -1) == 0)
		j->pending |= MSG_P(peer);
	admin_wake_at(j->a);
}

static void asked_nobody(struct job *j)
{
	if (!j->pending)
		job_read_late(j);
}

static void own_status(struct job *j)
{
	const struct admin *a = j->a;
	size_t workers = 0, current = 0;

	for (size_t i = 0; i < ADMIN_WORKERS; i++) {
		workers += a->worker[i].edge.fd >= 0;
		current += a->worker[i].edge.fd >= 0 && a->worker[i].acked >= a->generation;
	}
	j->answer = json_pack("{s:{s:I s:s s:i s:i s:i s:i s:i s:i s:s*}}", "in_force", "generation", (json_int_t)a->generation, "mode", a->mode,
	    "servers", (int)json_object_size(a->roster.servers), "grants", (int)json_object_size(a->roster.grants), "policies",
	    (int)json_object_size(a->roster.policies), "credentials", (int)json_object_size(a->roster.credentials), "workers", (int)workers,
	    "workers_current", (int)current, "damage", a->roster.damage[0] ? a->roster.damage : NULL);
}

static void status(struct job *j)
{
	own_status(j);
	ask(j, &j->a->sup, M_STATUS_GET, view_of(NULL, 0), P_SUP);
	ask(j, &j->a->audit, M_AUDIT_GET, view_of(NULL, 0), P_AUDIT);
	asked_nobody(j);
}

static void audit_status(struct job *j)
{
	ask(j, &j->a->audit, M_AUDIT_GET, view_of(NULL, 0), P_AUDIT);
	asked_nobody(j);
}

static void ca_show(struct job *j)
{
	ask(j, &j->a->vault, M_VAULT_DO, VIEW_LIT("{\"op\":\"ca\"}"), P_VAULT);
	asked_nobody(j);
}

static void list_credentials(struct job *j)
{
	ask(j, &j->a->vault, M_VAULT_DO, VIEW_LIT("{\"op\":\"list\"}"), P_VAULT);
	asked_nobody(j);
}

void job_read(struct job *j)
{
	static void (*const fn[R_COUNT])(struct job *) = {
	    [R_STATUS] = status,
	    [R_AUDIT_STATUS] = audit_status,
	    [R_CA_SHOW] = ca_show,
	    [R_SERVER_LIST] = list_servers,
	    [R_SERVER_SHOW] = show_server,
	    [R_GRANT_LIST] = list_grants,
	    [R_GRANT_SHOW] = show_grant,
	    [R_POLICY_CHECK] = check_policy,
	    [R_POLICY_LIST] = list_policies,
	    [R_POLICY_SHOW] = show_policy,
	    [R_VAULT_LIST] = list_credentials,
	};
	if (fn[j->kind])
		fn[j->kind](j);
	else
		job_fail(j, "unsupported", "this request is not known here");
}

void job_read_reply(struct job *j, enum party from, const struct frame *f)
{
	json_t *v = json_loadb((const char *)f->body.p, f->body.n, JSON_REJECT_DUPLICATES, NULL);
	const char *member = f->type == M_STATUS ? "service" : f->type == M_AUDIT ? "audit" : NULL;

	if (!(j->pending & MSG_P(from)) || !json_is_object(v)) {
		json_decref(v);
		return;
	}
	j->pending &= ~MSG_P(from);
	if (!j->answer)
		j->answer = json_object();
	if (member) {
		json_object_set_new(j->answer, member, v);
	} else {
		json_object_del(v, "ok");
		json_object_update(j->answer, v);
		json_decref(v);
	}
	if (!j->pending)
		job_done(j, json_incref(j->answer));
}

void job_read_late(struct job *j)
{
	/* Status shows what there is: that somebody does not answer is part of it. */
	if (j->kind == R_STATUS) {
		json_object_set_new(j->answer, "silent", json_pack("[s*, s*]", j->pending & MSG_P(P_SUP) ? "callgated" : NULL,
		    j->pending & MSG_P(P_AUDIT) || !j->pending ? "callgate-audit" : NULL));
		job_done(j, json_incref(j->answer));
		return;
	}
	job_fail(j, "unavailable", "the process that knows does not answer; see callgate status");
}
