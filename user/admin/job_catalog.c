/* job_catalog.c - the catalogue: what workers report becomes events, what people say of it does too.  See job.h and catalog.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/catalog.h"
#include "admin/job.h"
#include "base/err.h"
#include "base/log.h"
#include "policy/catalogue.h"

/* A server that never stops changing, or a worker that was taken, must not fill the journal. */
enum { LEARN_MS = 1000, LEARN_HOUR = 600, LEARN_SERVER_HOUR = 60, HOUR_MS = 3600000 };

static const char *arg(const struct job *j, const char *key)
{
	return json_string_value(json_object_get(j->args, key));
}

/* ---- what workers report ---- */

static void learn_later(void *arg);

static void wake(struct admin *a)
{
	if (json_object_size(a->heard) && pump_timer(a->pump, mono_after_ms(mono_now(), LEARN_MS), learn_later, a))
		log_error("no room for a timer");
}

static bool may_learn(struct admin *a, const char *server)
{
	struct mono now = mono_now();

	if (now.ns >= mono_after_ms(a->learn_from, HOUR_MS).ns) {
		a->learn_from = now;
		a->learned = 0;
		json_object_clear(a->learned_of);
	}
	json_int_t n = json_integer_value(json_object_get(a->learned_of, server));
	if (a->learned >= LEARN_HOUR || n >= LEARN_SERVER_HOUR)
		return false;
	a->learned++;
	json_object_set_new(a->learned_of, server, json_integer(n + 1));
	return true;
}

/* One server after the other, and one event at a time: a change of a person goes in between. */
static void learn_later(void *arg)
{
	struct admin *a = arg;
	const char *server;
	json_t *map;

	pump_timer_off(a->pump, learn_later, a);
	if (!a->folded || a->learning) {
		wake(a);
		return;
	}
	json_object_foreach(a->heard, server, map) {
		if (!may_learn(a, server))
			continue;
		json_t *event = catalog_batch(a->heard, server);
		if (event)
			job_internal(a, event);
		break;
	}
	wake(a);
}

void job_catalog_hear(struct admin *a, const struct m_tool *m, struct view schema)
{
	bool idle = json_object_size(a->heard) == 0;

	catalog_hear(&a->roster, m, schema, a->heard);
	if (idle)
		wake(a);
}

void job_catalog_learn(struct job *j)
{
	json_t *event = json_incref(json_object_get(j->args, "event"));

	job_write(j, event);
}

/* What could not be written is tried again: the worker says it only once. */
void job_catalog_end(struct job *j)
{
	const json_t *event = json_object_get(j->args, "event");

	j->a->learning = false;
	if (!j->a->pump)
		return;
	catalog_again(&j->a->roster, event, j->a->heard);
	wake(j->a);
}

/* ---- what people say ---- */

static bool known_server(struct job *j)
{
	if (json_object_get(j->a->roster.servers, arg(j, "server")))
		return true;
	snprintf(j->why, sizeof(j->why), "there is no server %.63s", arg(j, "server"));
	job_fail(j, "not-found", j->why);
	return false;
}

void job_catalog_override(struct job *j)
{
	json_t *class = json_object_get(j->args, "class"), *tool = json_object_get(j->args, "tool");
	const char *said = json_string_value(class), *reason = arg(j, "reason");
	enum risk risk = said ? catalogue_risk(view_str(said)) : RISK_UNKNOWN;

	if (!known_server(j))
		return;
	if (risk == RISK_UNKNOWN && strcmp(said, "none") != 0) {
		job_fail(j, "invalid", "/class: must be Read, Write, Execute, Destructive or Financial, or \"none\" to take back what was said");
		return;
	}
	if (!reason || !*reason) {
		job_fail(j, "invalid", "/reason: an override needs a reason");
		return;
	}
	const json_t *e = catalog_find(&j->a->roster, arg(j, "server"), tool);
	json_t *now = risk == RISK_UNKNOWN ? json_null() : json_string(catalogue_name(risk));
	j->answer = json_pack("{s:O s:O}", "tool", tool, "class", now);
	if (!e)
		json_object_set_new(j->answer, "note", json_string("no list of this server has named that tool yet"));
	job_write(j, json_pack("{s:s s:s s:O s:o s:O*}", "event", "catalog.override", "server", arg(j, "server"), "tool", tool, "class", now, "hash",
	    json_object_get(e, "hash")));
}

/* The tools that the request names, or all; NULL after a failure. */
static json_t *chosen(struct job *j)
{
	json_t *names = json_object_get(j->args, "tools"), *all = json_object_get(j->a->roster.catalog, arg(j, "server")), *out = json_array(), *v;
	const char *tool;
	size_t i;

	json_array_foreach(names, i, v) {
		if (json_is_string(v) && json_object_get(all, json_string_value(v))) {
			json_array_append(out, json_object_get(all, json_string_value(v)));
			continue;
		}
		snprintf(j->why, sizeof(j->why), "no list of server %.63s has named the tool %.128s", arg(j, "server"), json_is_string(v) ? json_string_value(v) : "?");
		job_fail(j, "not-found", j->why);
		json_decref(out);
		return NULL;
	}
	if (!names)
		json_object_foreach(all, tool, v)
			json_array_append(out, v);
	if (json_array_size(out))
		return out;
	json_decref(out);
	snprintf(j->why, sizeof(j->why), "nothing is known of the tools of server %.63s yet: they are learned when an agent lists them", arg(j, "server"));
	job_fail(j, "not-found", j->why);
	return NULL;
}

void job_catalog_approve(struct job *j)
{
	const char *prefix = arg(j, "hash");
	json_t *list = known_server(j) ? chosen(j) : NULL, *tools = json_array(), *e; /* NULL: the job has ended */
	bool ok = list != NULL;
	size_t i;

	json_array_foreach(list, i, e) {
		const char *hash = json_string_value(json_object_get(e, "hash"));
		/* Somebody who has read one definition must not approve another that came meanwhile. */
		if (ok && prefix && (!hash || strlen(prefix) < 8 || strncmp(hash, prefix, strlen(prefix)) != 0)) {
			job_fail(j, "invalid", "/hash: the definition is another one now (or the hash has fewer than 8 digits); see catalog show");
			ok = false;
		}
		if (hash)
			json_array_append_new(tools, json_pack("{s:O s:s}", "tool", json_object_get(e, "tool"), "hash", hash));
	}
	if (ok) {
		j->answer = json_pack("{s:i}", "approved", (int)json_array_size(tools));
		job_write(j, json_pack("{s:s s:s s:O}", "event", "catalog.approve", "server", arg(j, "server"), "tools", tools));
	}
	json_decref(list);
	json_decref(tools);
}

void job_catalog_forget(struct job *j)
{
	json_t *list = known_server(j) ? chosen(j) : NULL, *tools = json_array(), *e;
	size_t i;

	json_array_foreach(list, i, e)
		json_array_append(tools, json_object_get(e, "tool"));
	if (list) {
		j->answer = json_pack("{s:i}", "forgotten", (int)json_array_size(tools));
		job_write(j, json_pack("{s:s s:s s:O}", "event", "catalog.forget", "server", arg(j, "server"), "tools", tools));
	}
	json_decref(list);
	json_decref(tools);
}

void job_catalog_list(struct job *j)
{
	const char *server, *tool, *wanted = arg(j, "server");
	json_t *out = json_array(), *map, *e;

	json_object_foreach(j->a->roster.catalog, server, map) {
		if (wanted && strcmp(server, wanted) != 0)
			continue;
		json_object_foreach(map, tool, e)
			json_array_append_new(out, catalog_row(e));
	}
	job_done(j, json_pack("{s:o s:s}", "tools", out, "method", CATALOGUE_METHOD));
}

void job_catalog_show(struct job *j)
{
	const json_t *e = catalog_find(&j->a->roster, arg(j, "server"), json_object_get(j->args, "tool"));

	if (e) {
		job_done(j, json_pack("{s:o}", "tool", catalog_row(e)));
		return;
	}
	snprintf(j->why, sizeof(j->why), "server %.63s: nothing is known of a tool %.128s", arg(j, "server"), arg(j, "tool"));
	job_fail(j, "not-found", j->why);
}
