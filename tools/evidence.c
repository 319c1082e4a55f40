/* evidence.c - callgate evidence: a bundle for an auditor.  It needs no daemon and reads a store as files. */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/mac.h"
#include "base/err.h"
#include "base/fd.h"
#include "evidence/examine.h"
#include "evidence/export.h"
#include "evidence/sample.h"
#include "tools/tools.h"

enum { LIST_MAX = 128 << 20, KEY_MAX = 256, LEAVER_HOURS = 24, VENDOR_MS = 120000, GAP_S = 300, QUIET_DAYS = 3, COMMAND = 1024, SAMPLES = 25 };

/* A day is its first moment. */
static int time_of(const char *name, const char *text, struct wall *t)
{
	char day[64];

	if (!text)
		return tool_fail(EXIT_USAGE, "evidence export needs %s, a day or a time such as 2026-11-30T00:00:00Z", name);
	snprintf(day, sizeof(day), "%.30s%s", text, strlen(text) == 10 ? "T00:00:00Z" : "");
	return wall_parse(day, t) ? tool_fail(EXIT_USAGE, "%s: \"%s\" is no day and no time", name, text) : EXIT_YES;
}

static int list_of(const char *path, struct buf *b, struct view *v)
{
	if (!path)
		return EXIT_YES;
	int r = fd_slurp(AT_FDCWD, path, LIST_MAX, b);
	*v = buf_view(b);
	if (!v->p)
		*v = VIEW_LIT("");
	return r ? tool_fail(EXIT_NO, "%s: %s", path, err_text(r)) : EXIT_YES;
}

/* The seed of an Ed25519 key, 64 digits: from a file, never an argument. */
static int seed_of(const char *path, uint8_t seed[SIGN_SEED])
{
	struct buf b = {0};
	int r = fd_slurp(AT_FDCWD, path, KEY_MAX, &b);
	struct view v = buf_view(&b);

	while (v.n && (v.p[v.n - 1] == '\n' || v.p[v.n - 1] == '\r'))
		v.n--;
	if (!r)
		r = chain_unhex(v, seed, SIGN_SEED);
	buf_wipe(&b);
	buf_free(&b);
	return r ? tool_fail(EXIT_NO, "%s: %s; it holds 64 hexadecimal digits, the seed of an Ed25519 key", path, err_text(r)) : EXIT_YES;
}

static int number(const char *name, const char *text, unsigned other, unsigned *out)
{
	char *end = NULL;
	unsigned long n = text ? strtoul(text, &end, 10) : other;

	*out = (unsigned)n;
	return text && (!*text || *end || *text == '-' || n > 1000000) ? tool_fail(EXIT_USAGE, "%s: \"%s\" is no number", name, text) : EXIT_YES;
}

static void done(const struct export_opts *o, const struct export_result *x)
{
	if (tool_opts.json) {
		json_t *j = json_pack("{s:b s:s s:I s:I s:I s:I s:I}", "ok", 1, "out", o->out, "hosts", (json_int_t)x->hosts, "lines", (json_int_t)x->lines, "calls",
		    (json_int_t)x->calls, "findings", (json_int_t)x->findings, "files", (json_int_t)x->files);
		tool_json(j);
		json_decref(j);
		return;
	}
	printf("%s: %llu hosts, %llu proved lines, %llu calls, %llu files; %llu findings, see findings.csv\n", o->out, (unsigned long long)x->hosts, (unsigned long long)x->lines,
	    (unsigned long long)x->calls, (unsigned long long)x->files, (unsigned long long)x->findings);
	if (!o->seed)
		puts("the manifest is not signed: give --key FILE");
}

static int export(int argc, char **argv)
{
	const char *from = NULL, *to = NULL, *store = NULL, *as_of = NULL, *hr = NULL, *assets = NULL, *vendor = NULL, *out = NULL, *key = NULL, *hours = NULL, *slack = NULL,
	           *gap = NULL, *quiet = NULL;
	struct export_opts o = {0};
	const struct tool_flag flags[] = {{"--from", &from, NULL}, {"--to", &to, NULL}, {"--store", &store, NULL}, {"--as-of", &as_of, NULL}, {"--hr", &hr, NULL},
	    {"--assets", &assets, NULL}, {"--vendor", &vendor, NULL}, {"--out", &out, NULL}, {"--key", &key, NULL}, {"--leaver-hours", &hours, NULL},
	    {"--vendor-ms", &slack, NULL}, {"--gap-seconds", &gap, NULL}, {"--quiet-days", &quiet, NULL}, {"--no-segments", NULL, &o.no_segments}, {NULL, NULL, NULL}};
	struct buf list[3] = {{0}};
	struct export_result x;
	uint8_t seed[SIGN_SEED];
	char command[COMMAND] = "callgate evidence";

	for (int i = 0; i < argc; i++) {
		size_t n = strlen(command);
		snprintf(command + n, sizeof(command) - n, " %s", argv[i]);
	}
	if (tool_flags("evidence export", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	int s = !store || !out ? tool_fail(EXIT_USAGE, "evidence export needs --store DIR and --out DIR") : EXIT_YES;
	s = s ? s : time_of("--from", from, &o.from);
	s = s ? s : time_of("--to", to, &o.to);
	s = s ? s : time_of("--as-of", as_of ? as_of : to, &o.as_of);
	s = s ? s : number("--leaver-hours", hours, LEAVER_HOURS, &o.leaver_hours);
	s = s ? s : number("--vendor-ms", slack, VENDOR_MS, &o.vendor_ms);
	s = s ? s : number("--gap-seconds", gap, GAP_S, &o.gap_s);
	s = s ? s : number("--quiet-days", quiet, QUIET_DAYS, &o.quiet_days);
	s = s ? s : list_of(hr, &list[0], &o.hr);
	s = s ? s : list_of(assets, &list[1], &o.assets);
	s = s ? s : list_of(vendor, &list[2], &o.vendor);
	s = s || !key ? s : seed_of(key, seed);
	if (!s) {
		const struct passwd *who = getpwuid(getuid());
		o.store = store;
		o.out = out;
		o.seed = key ? seed : NULL;
		o.command = command;
		o.operator = who ? who->pw_name : "";
		s = export_bundle(&o, &x) ? tool_fail(EXIT_NO, "%s", x.why) : EXIT_YES;
		if (!s)
			done(&o, &x);
	}
	OPENSSL_cleanse(seed, sizeof(seed));
	for (size_t i = 0; i < 3; i++)
		buf_free(&list[i]);
	return s;
}

/* ---- verify ---- */

static void say(void *arg, bool good, const char *text)
{
	json_t *list = arg;
	char clean[1024];

	/* A file's name need not be UTF-8, and what is bad must not be left out for that. */
	snprintf(clean, sizeof(clean), "%s", text);
	tool_clean(clean);
	if (list)
		json_array_append_new(list, json_pack("{s:b s:s}", "ok", good, "text", clean));
	else if (good)
		printf("%s\n", clean);
	else
		tool_fail(EXIT_NO, "%s", clean);
}

static int verify(int argc, char **argv)
{
	const char *rest[1] = {NULL}, *key = NULL, *store = NULL;
	const struct tool_flag flags[] = {{"--key", &key, NULL}, {"--store", &store, NULL}, {NULL, NULL, NULL}};
	struct buf pem = {0};
	struct examine_result x;
	int n = tool_flags("evidence verify", flags, argc, argv, rest, 1);

	if (n < 0)
		return EXIT_USAGE;
	if (!n)
		return tool_fail(EXIT_USAGE, "evidence verify needs the directory of a bundle");
	int r = key ? fd_slurp(AT_FDCWD, key, KEY_MAX, &pem) : 0;
	if (r)
		return tool_fail(EXIT_NO, "%s: %s", key, err_text(r));
	json_t *said = tool_opts.json ? json_array() : NULL;
	const struct examine_opts o = {.bundle = rest[0], .signer = buf_view(&pem), .store = store, .say = say, .arg = said};
	r = examine_bundle(&o, &x);
	buf_free(&pem);
	int status = r ? tool_fail(EXIT_NO, "%s: %s", rest[0], err_text(r)) : x.bad ? EXIT_NO : EXIT_YES;
	if (!r && said)
		tool_json(json_pack("{s:b s:b s:b s:I s:I s:I s:I s:O}", "ok", !x.bad, "signed", x.is_signed, "key_given", !x.own_key, "files", (json_int_t)x.files, "lines", (json_int_t)x.lines,
		    "calls", (json_int_t)x.calls, "bad", (json_int_t)x.bad, "said", said));
	else if (!r && x.bad)
		tool_fail(EXIT_NO, "the bundle is not whole: %llu reasons", (unsigned long long)x.bad);
	else if (!r)
		printf("the bundle is whole%s\n", x.own_key ? "; whose it is only a key from another place can tell: give --key" : "");
	json_decref(said);
	return status;
}

/* ---- sample ---- */

static int sample(int argc, char **argv)
{
	const char *rest[1] = {NULL}, *nonce = NULL, *size = NULL, *store = NULL;
	const struct tool_flag flags[] = {{"--nonce", &nonce, NULL}, {"--size", &size, NULL}, {"--store", &store, NULL}, {NULL, NULL, NULL}};
	struct sample_result x;
	unsigned n;
	int got = tool_flags("evidence sample", flags, argc, argv, rest, 1);

	if (got < 0 || number("--size", size, SAMPLES, &n))
		return EXIT_USAGE;
	if (!got || !nonce || !*nonce || strlen(nonce) > SAMPLE_NONCE || !n || n > SAMPLE_MAX)
		return tool_fail(EXIT_USAGE, "evidence sample needs the directory of a bundle and --nonce, the auditor's word; --size is 1 to %d", SAMPLE_MAX);
	const struct sample_opts o = {.bundle = rest[0], .store = store, .nonce = view_str(nonce), .size = n};
	if (sample_draw(&o, &x))
		return tool_fail(EXIT_NO, "%s", x.why);
	if (tool_opts.json) {
		json_t *j = json_pack("{s:b s:s s:I s:I s:I}", "ok", 1, "seed", x.seed, "population", (json_int_t)x.population, "strata", (json_int_t)x.strata, "drawn", (json_int_t)x.drawn);
		tool_json(j);
		json_decref(j);
	} else {
		printf("%s/samples: %zu of %llu calls, %llu strata; seed %s\n", rest[0], x.drawn, (unsigned long long)x.population, (unsigned long long)x.strata, x.seed);
	}
	return EXIT_YES;
}

int cmd_evidence(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"export", export, "--from T --to T --store DIR --out DIR [--as-of T] [--hr CSV] [--assets CSV] [--vendor CSV] [--key FILE] [--no-segments]",
	        "a bundle for an auditor: tables, findings, the records, and what checks them"},
	    {"sample", sample, "BUNDLE --nonce WORD [--size N] [--store DIR]", "draw calls by the auditor's word, and put together what belongs to each"},
	    {"verify", verify, "BUNDLE [--key SIGNER.pem] [--store DIR]", "is a bundle whole, and do its tables say what the records say?"},
	    {NULL, NULL, NULL, NULL},
	};

	return tool_verbs("evidence", verbs, argc, argv);
}
