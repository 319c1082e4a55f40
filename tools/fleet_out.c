/* fleet_out.c - what a workstation hands over: segments without a receipt, checkpoints, documents of policies. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/note.h"
#include "audit/read.h"
#include "audit/receipt.h"
#include "base/err.h"
#include "base/fd.h"
#include "fleet/put.h"
#include "tools/fleet_ship.h"
#include "tools/tools.h"

int ship_unreceipted(const struct ship *s, enum layout_trail t, const char *prefix, const char *suffix, struct buf *list, uint64_t *n)
{
	struct names_list l;
	int r = s->trail[t] < 0 ? -ENOENT : names_read(s->trail[t], NAMES_SEALED, &l);

	if (r)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; !r && i < l.n; i++) {
		char path[NAMES_MAX], receipt[NAMES_MAX + 32];
		names_path(&l.at[i], path);
		const char *name = path + strlen("sealed/");
		snprintf(receipt, sizeof(receipt), "receipts/%s" RECEIPT_SUFFIX, name);
		if (faccessat(s->trail[t], receipt, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		r = buf_printf(list, "%s%s%s\n", prefix, name, suffix);
		++*n;
	}
	names_free(&l);
	return r;
}

/* ---- checkpoints ---- */

static const char *const last_note[LAYOUT_TRAILS] = {"note_audit", "note_journal"};

/* Those that were filed since the last time. */
static int filed_notes(struct ship *s, enum layout_trail t, struct buf *list, uint64_t *most, uint64_t *n)
{
	int fd = openat(s->trail[t], "checkpoints", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t since = ship_number(s, last_note[t]);

	if (!d) {
		r = errno == ENOENT ? 0 : -errno;
		fd_close(&fd);
		return r;
	}
	for (struct dirent *e; !r && (e = readdir(d));) {
		struct layout_note note;
		if (!layout_note(e->d_name, &note) || note.line <= since)
			continue;
		if (note.line > *most)
			*most = note.line;
		r = buf_printf(list, "checkpoints/%s\n", e->d_name);
		++*n;
	}
	closedir(d);
	return r;
}

/* The newest one, under the name that it would have if it were filed: what comes before it cannot be cut off unseen any more. */
static int newest_note(struct ship *s, enum layout_trail t, struct buf *list, uint64_t *most, uint64_t *n)
{
	struct buf b = {0};
	struct note note;
	struct layout_note name = {0};
	char file[NAMES_MAX], path[LAYOUT_PATH];
	int r = fd_slurp(s->trail[t], "checkpoint", NOTE_MAX, &b);

	if (!r)
		r = note_read(buf_view(&b), &note);
	if (!r && note.size > *most && note.size > ship_number(s, last_note[t])) {
		snprintf(name.host, sizeof(name.host), "%s", s->host);
		name.epoch = note.epoch;
		name.line = *most = note.size;
		layout_note_name(&name, file);
		snprintf(path, sizeof(path), "out/%s/checkpoints/%s", layout_trail(t), file);
		r = put_dirs(s->home, path, 0700);
		if (!r)
			r = put_file(s->home, path, buf_view(&b), 0440);
		if (!r)
			r = buf_printf(list, "%s\n", path + strlen("out/"));
		++*n;
	}
	buf_free(&b);
	return r == -ENOENT ? 0 : r;
}

/* ---- policies ---- */

static int put_policy(struct ship *s, const char *hash, const char *text, struct buf *list)
{
	struct chain_sum *sum = chain_sum_new();
	uint8_t digest[CHAIN_LEN];
	char hex[CHAIN_HEX], path[LAYOUT_PATH];
	int r = sum ? chain_sum_add(sum, view_str(text)) : -ENOMEM;

	if (!r)
		r = chain_sum_end(sum, digest);
	chain_sum_free(&sum);
	if (r)
		return r;
	chain_hex(digest, CHAIN_LEN, hex);
	if (strcmp(hex, hash) != 0)
		return 0; /* not what it says; the journal tells whoever wants to know */
	snprintf(path, sizeof(path), "out/policies/%s.json", hex);
	r = put_dirs(s->home, path, 0700);
	if (!r)
		r = put_file(s->home, path, view_str(text), 0440);
	s->policies += !r;
	return r ? r : buf_printf(list, "%s\n", path + strlen("out/"));
}

/* One event of the journal; ${parts} collects a document that is longer than a line. */
static int policy_event(struct ship *s, const json_t *e, struct buf *parts, struct buf *list)
{
	const char *event = json_string_value(json_object_get(e, "event")), *hash = json_string_value(json_object_get(e, "hash"));
	const char *text = json_string_value(json_object_get(e, "text")), *document = json_string_value(json_object_get(e, "document"));

	if (!event || !hash)
		return 0;
	if (strcmp(event, "policy.part") == 0 && text) {
		if (json_integer_value(json_object_get(e, "part")) == 0)
			buf_reset(parts);
		return buf_puts(parts, text);
	}
	if (strcmp(event, "policy.apply") != 0)
		return 0;
	if (document)
		return put_policy(s, hash, document, list);
	int r = buf_put(parts, view_of("", 1));
	if (!r)
		r = put_policy(s, hash, (const char *)buf_view(parts).p, list);
	buf_reset(parts);
	return r;
}

static int policies(struct ship *s, struct buf *list, uint64_t *last)
{
	uint64_t since = ship_number(s, "journal_line");
	struct buf parts = {.max = 1 << 20};
	struct view line;
	struct read *rd;
	int r = s->trail[LAYOUT_JOURNAL] < 0 ? -ENOENT : read_new(s->trail[LAYOUT_JOURNAL], &rd);

	if (r)
		return r == -ENOENT ? 0 : r;
	read_from(rd, since + 1);
	while ((r = read_line(rd, &line)) > 0) {
		if (!memmem(line.p, line.n, "\"policy.", 8) && !memmem(line.p, line.n, "\"seq\":", 6))
			continue;
		json_t *e = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
		uint64_t seq = (uint64_t)json_integer_value(json_object_get(e, "seq"));
		int bad = seq > since ? policy_event(s, e, &parts, list) : 0;
		json_decref(e);
		if (bad < 0) {
			r = bad;
			break;
		}
		if (seq > *last)
			*last = seq;
	}
	read_free(&rd);
	buf_free(&parts);
	/* A damaged file is the verifier's to tell; what was read counts. */
	return r == -ERR_CORRUPT ? 0 : r;
}

/* ---- all of it ---- */

static int trail_out(struct ship *s, enum layout_trail t, struct buf *made, uint64_t *most)
{
	struct buf list = {0};
	char from[512], to[32];
	int r = 0;

	if (s->trail[t] < 0)
		return 0;
	r = filed_notes(s, t, &list, most, &s->notes);
	if (!r)
		r = ship_unreceipted(s, t, "sealed/", "", &list, &s->segments);
	if (!r)
		r = newest_note(s, t, made, most, &s->notes);
	snprintf(from, sizeof(from), "%s/%s/", t == LAYOUT_AUDIT ? tool_opts.log : tool_opts.state, layout_trail(t));
	snprintf(to, sizeof(to), "%s/", layout_trail(t));
	if (!r)
		r = ship_rsync(s, from, buf_view(&list), to);
	buf_free(&list);
	return r;
}

static void clear_out(struct ship *s, struct view list)
{
	char path[LAYOUT_PATH];

	while (list.n) {
		const uint8_t *nl = memchr(list.p, '\n', list.n);
		struct view line = view_head(list, nl ? (size_t)(nl - list.p) : list.n);
		list = view_skip(list, line.n + 1);
		snprintf(path, sizeof(path), "out/" VIEW_FMT, VIEW_ARG(line));
		unlinkat(s->home, path, 0);
	}
}

int ship_out(struct ship *s)
{
	uint64_t most[LAYOUT_TRAILS] = {0}, line = ship_number(s, "journal_line");
	struct buf made = {0};
	char from[512];
	int r = chain_ready();

	for (enum layout_trail t = 0; !r && t < LAYOUT_TRAILS; t++)
		r = trail_out(s, t, &made, &most[t]);
	if (!r)
		r = policies(s, &made, &line);
	snprintf(from, sizeof(from), "%s/fleet/out/", tool_opts.state);
	if (!r)
		r = ship_rsync(s, from, buf_view(&made), "");
	clear_out(s, buf_view(&made));
	buf_free(&made);
	if (r)
		return r;
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++)
		if (most[t] > ship_number(s, last_note[t]))
			ship_set(s, last_note[t], most[t]);
	ship_set(s, "journal_line", line);
	return 0;
}
