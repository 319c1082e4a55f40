/* audit_verify.c - callgate audit verify: is a stream whole, and if not, where and how much of it is not proved. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "audit/verify.h"
#include "base/err.h"
#include "base/fd.h"
#include "tools/audit_tail.h"
#include "tools/audit_verify.h"
#include "tools/tools.h"

enum { FILE_MAX = 1 << 20, AGAIN = 8 };

static json_t *num(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *as_json(const struct verify_result *v)
{
	json_t *o = json_pack("{s:b s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "ok", !v->bad, "files", num(v->files), "lines", num(v->lines), "seals",
	    num(v->seals), "last_seal", num(v->last_seal), "macs_checked", num(v->macs), "checkpoints", num(v->notes), "signatures_checked",
	    num(v->signatures), "raw_bytes", num(v->raw), "first", num(v->first), "last", num(v->last), "open_lines", num(v->open_lines));

	json_object_set_new(o, "held_elsewhere_to", num(v->held_to));
	json_object_set_new(o, "receipts_checked", num(v->receipts));
	if (!v->bad)
		return o;
	json_t *bad = json_pack("{s:s s:o s:o s:s s:o s:o}", "file", v->file, "line", num(v->at), "seal", num(v->seal), "why", v->why, "places", num(v->bad),
	    "lines_not_proved", num(v->damaged));
	if (v->from <= v->to) {
		json_object_set_new(bad, "from", num(v->from));
		json_object_set_new(bad, "to", num(v->to));
	}
	json_object_set_new(o, "bad", bad);
	return o;
}

static void say_bad(const struct verify_result *v)
{
	tool_fail(EXIT_NO, "%s, after line %llu, seal %llu: %s", *v->file ? v->file : "the directory", (unsigned long long)v->at,
	    (unsigned long long)v->seal, v->why);
	if (v->from <= v->to)
		tool_fail(EXIT_NO, "not proved there: lines %llu to %llu; in all %llu lines in %llu places; %llu seals are good", (unsigned long long)v->from,
		    (unsigned long long)v->to, (unsigned long long)v->damaged, (unsigned long long)v->bad, (unsigned long long)v->seals);
}

static void say_good(const struct verify_result *v)
{
	printf("good: %llu files, %llu lines (%llu to %llu), %llu seals; %llu lines not sealed yet\n", (unsigned long long)v->files,
	    (unsigned long long)v->lines, (unsigned long long)v->first, (unsigned long long)v->last, (unsigned long long)v->seals,
	    (unsigned long long)v->open_lines);
	if (v->held_to)
		printf("      lines 1 to %llu were collected and removed: ask the collector; %s\n", (unsigned long long)v->held_to,
		    v->receipts ? "the receipts that are here were checked" : "by the word of the records (--collector FILE checks their receipts)");
	if (v->macs)
		printf("      %llu seals proved with the key", (unsigned long long)v->macs);
	else
		printf("      no key: that the seals were made on this machine is not proved");
	printf("; %llu checkpoints agree, %llu of them with a signature that was checked\n", (unsigned long long)v->notes, (unsigned long long)v->signatures);
}

static int read_file(const char *path, struct buf *out)
{
	int r = path ? fd_slurp(AT_FDCWD, path, FILE_MAX, out) : 0;

	if (r)
		tool_fail(EXIT_USAGE, "%s: %s", path, err_text(r));
	return r;
}

int audit_verify(int argc, char **argv)
{
	struct verify_result v = {0};
	struct verify_opts opts = {0};
	struct buf keys = {0}, anchor = {0}, collectors = {0};
	const char *rest[1], *key_file = NULL, *anchor_file = NULL, *collector_file = NULL;
	const struct tool_flag flags[] = {{"--key", &key_file, NULL}, {"--anchor", &anchor_file, NULL}, {"--collector", &collector_file, NULL}, {"--partial", NULL, &opts.partial}, {NULL, NULL, NULL}};
	int status = EXIT_NO, n = tool_flags("audit verify", flags, argc, argv, rest, 1);

	if (n < 0 || read_file(key_file, &keys) || read_file(anchor_file, &anchor) || read_file(collector_file, &collectors))
		return EXIT_USAGE;
	int dir = audit_dir(n ? rest[0] : NULL);
	if (dir < 0)
		goto out;
	opts.keys = buf_view(&keys);
	opts.anchor = buf_view(&anchor);
	opts.collectors = buf_view(&collectors);
	opts.second = audit_second(dir);
	/* A file that its writer seals, or that retention takes away, between the list of files and its turn is not there under that name: look again. */
	int r = verify_dir(dir, &opts, &v);
	for (int i = 0; r == -ENOENT && i < AGAIN; i++)
		r = verify_dir(dir, &opts, &v);
	if (r == -ERR_MALFORMED) {
		tool_fail(EXIT_NO, "the key or the checkpoint: %s", err_text(r));
		goto out;
	}
	if (r) {
		tool_fail(EXIT_NO, "%s%s cannot be read: %s", n ? rest[0] : tool_opts.log, n ? "" : "/audit", err_text(r));
		goto out;
	}
	/* Also what is left when somebody took all of it away. */
	if (!v.files) {
		tool_fail(EXIT_NO, "%s%s holds no file of a trail, so there is nothing that could be whole; the audit is in /var/log/callgate/audit, the journal in /var/lib/callgate/journal", n ? rest[0] : tool_opts.log, n ? "" : "/audit");
		goto out;
	}
	if (tool_opts.json) {
		json_t *o = as_json(&v);
		tool_json(o);
		json_decref(o);
	} else if (v.bad) {
		say_bad(&v);
	} else {
		say_good(&v);
	}
	status = v.bad ? EXIT_NO : EXIT_YES;
out:
	fd_close(&dir);
	buf_wipe(&keys);
	buf_free(&keys);
	buf_free(&anchor);
	buf_free(&collectors);
	return status;
}
