/* export_json.c - OCSF, ECS and OpenTelemetry.  See export.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/export_internal.h"

static int finish(json_t *root, struct buf *out)
{
	int r = root ? export_json(root, out) : -ENOMEM;
	json_decref(root);
	return r ? r : buf_puts(out, "\n");
}

static bool is(const json_t *rec, const char *key, const char *word)
{
	return strcmp(export_text(rec, key), word) == 0;
}

static void set(json_t *root, const char *path, json_t *value)
{
	/* Out of memory shows when the whole is printed. */
	export_set(root, path, value);
	json_decref(value);
}

static void keep(json_t *root, const char *field, const json_t *value)
{
	json_t *rest = json_object_get(root, "unmapped");

	if (!rest) {
		rest = json_object();
		json_object_set_new(root, "unmapped", rest);
	}
	json_object_set_new(rest, field, json_deep_copy(value));
}

/* ---- OCSF ---- */

enum class { BASE_EVENT = 0, NETWORK_ACTIVITY = 4001, API_ACTIVITY = 6003 };

/* A class has a place for some attributes only. */
static bool has_place(enum class class, const char *path)
{
	static const struct {
		const char *root;
		enum class class; /* 0: in the three of them */
	} roots[] = {{"metadata.", BASE_EVENT}, {"status_detail", BASE_EVENT}, {"api.", API_ACTIVITY}, {"resources", API_ACTIVITY}, {"ai_agent.", API_ACTIVITY},
	    {"http_request.", API_ACTIVITY}};
	const char *p = path + (strchr("$#%", *path) != NULL);

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		if (strncmp(p, roots[i].root, strlen(roots[i].root)) == 0)
			return roots[i].class == BASE_EVENT || roots[i].class == class;
	return class != BASE_EVENT;
}

static enum class class_of(const json_t *rec)
{
	/* Both classes need an actor. */
	if (!json_object_get(rec, "uid"))
		return BASE_EVENT;
	if (is(rec, "kind", "connection"))
		return NETWORK_ACTIVITY;
	return is(rec, "kind", "call") || is(rec, "kind", "result") || is(rec, "kind", "refused") ? API_ACTIVITY : BASE_EVENT;
}

static int activity(enum class class, const json_t *rec)
{
	if (class == NETWORK_ACTIVITY)
		return is(rec, "verdict", "relay") ? 6 : is(rec, "verdict", "refuse") || is(rec, "verdict", "deny") ? 5 : 99;
	if (class == API_ACTIVITY && is(rec, "risk", "read"))
		return 2;
	return 99;
}

/* What an object cannot be without. */
static void complete(json_t *root, enum class class, const json_t *rec)
{
	const char *exe = export_text(rec, "exe");

	if (*exe) {
		const char *slash = strrchr(exe, '/');
		set(root, "actor.process.file.name", json_string(slash && slash[1] ? slash + 1 : exe));
		set(root, "actor.process.file.type_id", json_integer(1));
	}
	if (class != API_ACTIVITY)
		return;
	if (!*export_text(rec, "method"))
		set(root, "api.operation", json_string(export_text(rec, "kind")));
	if (*export_text(rec, "agent"))
		set(root, "ai_agent.name", json_string(export_text(rec, "agent")));
}

static void ocsf_frame(json_t *root, enum class class, const json_t *rec)
{
	const char *verdict = export_text(rec, "verdict"), *outcome = export_outcome(rec);
	int act = activity(class, rec), severity = export_severity(rec);
	bool allowed = strcmp(verdict, "allow") == 0 || strcmp(verdict, "relay") == 0;

	set(root, "class_uid", json_integer(class));
	set(root, "category_uid", json_integer(class / 1000));
	set(root, "activity_id", json_integer(act));
	set(root, "type_uid", json_integer((json_int_t)class * 100 + act));
	if (act == 99)
		set(root, "activity_name", json_string(*export_text(rec, "method") ? export_text(rec, "method") : export_text(rec, "kind")));
	set(root, "time", json_integer(export_ns(rec) / 1000000));
	set(root, "severity_id", json_integer(severity));
	set(root, "status_id", json_integer(*outcome == 's' ? 1 : *outcome == 'f' ? 2 : 0));
	set(root, "metadata.version", json_string("1.9.0-dev"));
	set(root, "metadata.product.vendor_name", json_string("Callgate"));
	set(root, "metadata.product.name", json_string("callgate"));
	if (class == BASE_EVENT)
		return;
	set(root, "metadata.profiles", class == API_ACTIVITY ? json_pack("[s,s]", "ai_operation", "security_control") : json_pack("[s,s]", "host", "security_control"));
	if (*verdict) {
		set(root, "action_id", json_integer(allowed ? 1 : 2));
		set(root, "disposition_id", json_integer(allowed ? 1 : 2));
	}
	const json_t *us = json_object_get(rec, "dur_us");
	if (json_is_integer(us))
		set(root, "duration", json_integer(json_integer_value(us) / 1000));
}

int export_ocsf(const json_t *rec, struct buf *out)
{
	enum class class = class_of(rec);
	json_t *root = json_object(), *v;
	const char *key;

	ocsf_frame(root, class, rec);
	json_object_foreach((json_t *)(uintptr_t)rec, key, v) {
		const struct export_row *row = export_row(key);
		if (!row || !row->ocsf || !has_place(class, row->ocsf) || !export_put(root, row->ocsf, v))
			keep(root, key, v);
	}
	if (class != BASE_EVENT)
		complete(root, class, rec);
	return finish(root, out);
}

/* ---- ECS ---- */

/* traceparent: 00-TRACE-SPAN-FLAGS, of the client's making. */
static bool trace_of(const json_t *rec, char trace[33], char span[17])
{
	const char *s = export_text(rec, "traceparent");

	if (strlen(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || strspn(s + 3, "0123456789abcdef") != 32 || strspn(s + 36, "0123456789abcdef") != 16)
		return false;
	snprintf(trace, 33, "%.32s", s + 3);
	snprintf(span, 17, "%.16s", s + 36);
	return true;
}

static void ecs_frame(json_t *root, const json_t *rec)
{
	static const char *const allowed[] = {"call", "connection"};
	char trace[33], span[17];
	const char *verdict = export_text(rec, "verdict");
	bool network = false;

	for (size_t i = 0; i < 2; i++)
		network |= is(rec, "kind", allowed[i]);
	set(root, "ecs.version", json_string("9.4.0"));
	set(root, "event.kind", json_string(export_severity(rec) == 4 ? "alert" : "event"));
	set(root, "event.module", json_string("callgate"));
	set(root, "event.dataset", json_string("callgate.audit"));
	set(root, "event.outcome", json_string(export_outcome(rec)));
	set(root, "event.severity", json_integer(export_severity(rec)));
	if (network && *verdict) {
		bool yes = strcmp(verdict, "allow") == 0 || strcmp(verdict, "relay") == 0;
		set(root, "event.category", json_pack("[s]", "network"));
		set(root, "event.type", json_pack("[s,s]", is(rec, "kind", "call") ? "access" : "connection", yes ? "allowed" : "denied"));
	}
	if (trace_of(rec, trace, span)) {
		set(root, "trace.id", json_string(trace));
		set(root, "span.id", json_string(span));
	}
	const json_t *us = json_object_get(rec, "dur_us");
	if (json_is_integer(us) && json_integer_value(us) >= 0 && json_integer_value(us) < INT64_MAX / 1000)
		set(root, "event.duration", json_integer(json_integer_value(us) * 1000));
}

int export_ecs(const json_t *rec, struct buf *out)
{
	json_t *root = json_object(), *v;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)rec, key, v) {
		const struct export_row *row = export_row(key);
		if (!row || !export_put(root, row->ecs, v))
			keep(root, key, v);
	}
	ecs_frame(root, rec);
	return finish(root, out);
}

/* ---- OpenTelemetry: one LogsData a line, as the OTLP file exporter writes them ---- */

static json_t *any_value(const json_t *v)
{
	char number[32];

	if (json_is_string(v))
		return json_pack("{s:O}", "stringValue", v);
	if (json_is_boolean(v))
		return json_pack("{s:O}", "boolValue", v);
	if (json_is_real(v))
		return json_pack("{s:O}", "doubleValue", v);
	if (json_is_integer(v)) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		return json_pack("{s:s}", "intValue", number);
	}
	json_t *list = json_array(), *item;
	const char *key;
	size_t i;
	if (json_is_array(v)) {
		json_array_foreach(v, i, item)
			json_array_append_new(list, any_value(item));
		return json_pack("{s:{s:o}}", "arrayValue", "values", list);
	}
	if (json_is_object(v)) {
		json_object_foreach((json_t *)(uintptr_t)v, key, item)
			json_array_append_new(list, json_pack("{s:s,s:o}", "key", key, "value", any_value(item)));
		return json_pack("{s:{s:o}}", "kvlistValue", "values", list);
	}
	json_decref(list);
	return json_object(); /* null */
}

/* ${value} is taken over. */
static void attribute(json_t *list, const char *key, json_t *value)
{
	json_array_append_new(list, json_pack("{s:s,s:o}", "key", key, "value", any_value(value)));
	json_decref(value);
}

static json_t *otel_record(const json_t *rec, json_t *attributes)
{
	static const struct {
		int number;
		const char *text;
	} severity[] = {{0, ""}, {9, "INFO"}, {13, "WARN"}, {15, "WARN3"}, {17, "ERROR"}};
	char ns[32], trace[33], span[17], event[96];
	int s = export_severity(rec);

	snprintf(ns, sizeof(ns), "%lld", (long long)export_ns(rec));
	snprintf(event, sizeof(event), "callgate.%.80s", export_text(rec, "kind"));
	json_t *o = json_pack("{s:s,s:s,s:i,s:s,s:s,s:o}", "timeUnixNano", ns, "observedTimeUnixNano", ns, "severityNumber", severity[s].number, "severityText", severity[s].text, "eventName", event,
	    "attributes", attributes);
	if (o && trace_of(rec, trace, span)) {
		json_object_set_new(o, "traceId", json_string(trace));
		json_object_set_new(o, "spanId", json_string(span));
	}
	return o;
}

int export_otel(const json_t *rec, struct buf *out)
{
	json_t *attributes = json_array(), *resource = json_array(), *v;
	const char *key;
	char own[96];

	json_object_foreach((json_t *)(uintptr_t)rec, key, v) {
		const struct export_row *row = export_row(key);
		const char *name = export_place(row ? row->otel : NULL, v);
		snprintf(own, sizeof(own), "callgate.%.80s", key);
		if (name)
			attribute(strcmp(name, "host.name") == 0 ? resource : attributes, name, export_value(row->otel, v));
		else
			attribute(attributes, own, json_deep_copy(v));
	}
	attribute(resource, "service.name", json_string("callgate"));
	if (is(rec, "kind", "call") && is(rec, "method", "tools/call"))
		attribute(attributes, "gen_ai.operation.name", json_string("execute_tool"));
	return finish(json_pack("{s:[{s:{s:o},s:[{s:{s:s},s:[o]}]}]}", "resourceLogs", "resource", "attributes", resource, "scopeLogs", "scope", "name", "callgate", "logRecords",
			      otel_record(rec, attributes)),
	    out);
}
