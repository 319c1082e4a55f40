/*
 * doctor.c - callgate doctor: what is wrong on this machine, and what to do about it.
 * A row of checks; each prints what it found.  Reads over the control socket, the CA's files and the audit directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/read.h"
#include "base/fd.h"
#include "base/mtime.h"
#include "tools/audit_tail.h"
#include "tools/ca_vars.h"
#include "tools/tools.h"

enum { LOOK_BACK_LINES = 200000, BUNDLE_MAX = 8 << 20 };

struct visit {
	json_t *found;  /* [{"check","state","text","remedy"?}] */
	unsigned wrong; /* how many are not "ok" */
	int down;       /* the exit status, when there is nobody to ask */
	const char *since;
};

static void say(struct visit *v, const char *check, bool ok, const char *remedy, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void say(struct visit *v, const char *check, bool ok, const char *remedy, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->wrong += !ok;
	json_array_append_new(v->found, json_pack("{s:s s:s s:s s:s*}", "check", check, "state", ok ? "ok" : "wrong", "text", text,
	    "remedy", ok ? NULL : remedy));
}

/* ---- the service ---- */

static void service(struct visit *v)
{
	json_t *answer, *p;
	size_t i;

	if (tool_ask(tool_request("status", NULL), view_of(NULL, 0), &answer)) {
		v->down = EXIT_DOWN;
		return;
	}
	json_array_foreach(json_object_get(json_object_get(answer, "service"), "processes"), i, p) {
		const char *note = json_string_value(json_object_get(p, "note"));
		if (!note || !*note)
			continue;
		say(v, "service", true, NULL, "%s says: %s", tool_text(json_object_get(p, "name")), note);
	}
	const char *warning = json_string_value(json_object_get(answer, "warning"));
	if (warning)
		say(v, "service", false, "see callgate audit verify", "%s", warning);
	else
		say(v, "service", true, NULL, "it answers");
	json_decref(answer);
}

/* ---- trust ---- */

static bool file_has(const char *path, const char *text)
{
	struct buf file = {0};
	bool yes = false;

	if (fd_slurp(AT_FDCWD, path, BUNDLE_MAX, &file) == 0) {
		struct view have = buf_view(&file);
		yes = have.n && memmem(have.p, have.n, text, strlen(text));
	}
	buf_free(&file);
	return yes;
}

static void trust(struct visit *v)
{
	static const char *const files[] = {CA_FILE, CA_BUNDLE};
	json_t *answer;
	unsigned missing = 0;

	if (tool_ask(tool_request("ca.show", NULL), view_of(NULL, 0), &answer))
		return; /* said above */
	char *pem = strdup(json_string_value(json_object_get(answer, "pem")) ? json_string_value(json_object_get(answer, "pem")) : "");
	char *second = pem && *pem ? strstr(pem + 1, "-----BEGIN") : NULL;
	if (second)
		*second = '\0'; /* the bundle has them apart */
	for (size_t i = 0; pem && *pem && i < 2; i++) {
		if (file_has(files[i], pem))
			continue;
		missing++;
		say(v, "trust", false, "callgate ca install", "%s lacks this machine's CA: programs refuse registered servers", files[i]);
	}
	if (!missing)
		say(v, "trust", true, NULL, "the CA is in %s and %s", CA_FILE, CA_BUNDLE);
	free(pem);
	json_decref(answer);
}

/* ---- credentials of which there are two versions ---- */

static void rotations(struct visit *v)
{
	json_t *answer, *row;
	size_t i;

	if (tool_ask(tool_request("vault.list", NULL), view_of(NULL, 0), &answer))
		return; /* said above */
	json_array_foreach(json_object_get(answer, "credentials"), i, row) {
		const json_t *by = json_object_get(row, "refused_by");
		const char *name = tool_text(json_object_get(row, "name")), *version = tool_text(json_object_get(row, "version"));
		const char *until = json_string_value(json_object_get(row, "previous_until"));
		int before = (int)json_integer_value(json_object_get(row, "previous"));
		if (!until)
			continue;
		if (json_array_size(by))
			say(v, "vault", false, "make the new key valid at the server, or: callgate vault revert NAME",
			    "version %s of %s was refused by %s; version %d is used there until %s", version, name, tool_text(by), before, until);
		else
			say(v, "vault", true, NULL, "version %s of %s is used; version %d stays until %s", version, name, before, until);
	}
	json_decref(answer);
}

/* ---- clients that did not take our certificate ---- */

static const char new_login[] = "start it anew from a new login, so that it has the environment that callgate ca install made";

/* By the last part of the executable's path. */
static const struct {
	const char *exe, *remedy;
} remedies[] = {
    {"node", "start it anew from a new login: it reads NODE_EXTRA_CA_CERTS=" CA_FILE " when it starts"},
    {"deno", "start it anew from a new login: it needs DENO_TLS_CA_STORE=system,mozilla"},
    {"python", "start it anew from a new login: requests needs REQUESTS_CA_BUNDLE, httpx SSL_CERT_FILE, both " CA_BUNDLE},
    {"java", "start it with -Djavax.net.ssl.trustStore=/etc/ssl/certs/java/cacerts, or install ca-certificates-java"},
    {"uv", "start it anew from a new login: it needs UV_SYSTEM_CERTS=true"},
    {"chrome", "put " CA_FILE " into the user's certificate database: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n callgate -i " CA_FILE},
    {"curl", "it was given roots of its own (--cacert, CURL_CA_BUNDLE); let it use " CA_BUNDLE},
};

static const char *remedy_of(const char *exe)
{
	const char *name = strrchr(exe, '/') ? strrchr(exe, '/') + 1 : exe;

	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (strncmp(name, remedies[i].exe, strlen(remedies[i].exe)) == 0)
			return remedies[i].remedy;
	return new_login;
}

static const char *text_of(const json_t *o, const char *key, const char *none)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s && *s ? s : none;
}

static void count(struct visit *v, json_t *seen, struct view line)
{
	if (!memmem(line.p, line.n, "tls-client-refused", 18))
		return;
	json_t *o = json_loadb((const char *)line.p, line.n, JSON_ALLOW_NUL, NULL);
	if (strcmp(text_of(o, "err", ""), "tls-client-refused") == 0 && strcmp(text_of(o, "ts", ""), v->since) >= 0) {
		char key[768];
		snprintf(key, sizeof(key), "%.255s\n%.255s", text_of(o, "exe", text_of(o, "comm", "an unknown program")),
		    text_of(o, "dst_host", text_of(o, "dst_addr", "?")));
		json_t *row = json_object_get(seen, key);
		json_object_set_new(seen, key, json_pack("{s:I s:s}", "n", json_integer_value(json_object_get(row, "n")) + 1, "last",
		    text_of(o, "ts", "?")));
	}
	json_decref(o);
}

static void refusals(struct visit *v)
{
	char path[PATH_MAX];
	json_t *seen = json_object(), *row;
	const char *key;
	struct read *in = NULL;
	struct view line;
	int r, dir;

	snprintf(path, sizeof(path), "%s/audit", tool_opts.log);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? -errno : audit_lines(dir, &in);
	if (!r) {
		read_tail(in, LOOK_BACK_LINES);
		while ((r = read_line(in, &line)) > 0)
			count(v, seen, line);
	}
	read_free(&in);
	fd_close(&dir);
	if (r)
		say(v, "clients", false, "run it as root, or as a member of the group that may read the audit", "%s cannot be read whole", path);
	json_object_foreach(seen, key, row) {
		int n = (int)strcspn(key, "\n");
		say(v, "clients", false, remedy_of(strndupa(key, (size_t)n)), "%.*s does not trust this machine's CA: %lld refused handshakes for %s, last %s",
		    n, key, (long long)json_integer_value(json_object_get(row, "n")), key + n + 1, tool_text(json_object_get(row, "last")));
	}
	if (!r && !json_object_size(seen))
		say(v, "clients", true, NULL, "no program refused this machine's CA since %s", v->since);
	json_decref(seen);
}

int cmd_doctor(int argc, char **argv)
{
	static void (*const checks[])(struct visit *) = {service, trust, rotations, refusals};
	char day_ago[WALL_TEXT];
	struct visit v = {.found = json_array(), .since = NULL};
	const struct tool_flag flags[] = {{"--since", &v.since, NULL}, {NULL, NULL, NULL}};
	json_t *row;
	size_t i;

	wall_text((struct wall){wall_now().ns - 86400 * 1000000000ll}, day_ago);
	if (tool_flags("doctor", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	if (!v.since)
		v.since = day_ago;
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]) && !v.down; i++)
		checks[i](&v);
	if (v.down) {
		json_decref(v.found);
		return v.down; /* the reason was printed */
	}
	if (tool_opts.json)
		tool_json(v.found);
	json_array_foreach(v.found, i, row) {
		if (tool_opts.json)
			break;
		printf("%-6s %-8s %s\n", tool_text(json_object_get(row, "state")), tool_text(json_object_get(row, "check")),
		    tool_text(json_object_get(row, "text")));
		if (json_object_get(row, "remedy"))
			printf("                do: %s\n", tool_text(json_object_get(row, "remedy")));
	}
	json_decref(v.found);
	return v.wrong ? EXIT_NO : EXIT_YES;
}
