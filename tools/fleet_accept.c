/* fleet_accept.c - callgate fleet accept, keys: which workstations a collector takes from, and by which ssh keys. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/box.h"
#include "fleet/collector.h"
#include "fleet/enrol.h"
#include "fleet/put.h"
#include "tools/fleet.h"

enum { FILES = 4096 };

struct accept {
	int store, inbox;
	bool again;
	uint8_t box[BOX_KEY];
};

/* The file's own name is the host that whoever fetched it believes it to be from. */
static bool named_after(const char *path, const char *host)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t n = strlen(host);

	return strncmp(base, host, n) == 0 && strcmp(base + n, ".enrol") == 0;
}

static bool has_line(struct view all, struct view line)
{
	while (all.n) {
		const uint8_t *nl = memchr(all.p, '\n', all.n);
		struct view l = view_head(all, nl ? (size_t)(nl - all.p) : all.n);
		if (view_eq(l, line))
			return true;
		all = view_skip(all, l.n + 1);
	}
	return false;
}

/* Earlier seal keys stay: what was sealed with them may still come. */
static int keep_keys(const struct enrol *old, struct enrol *e)
{
	int r = 0;

	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++) {
		struct view v = buf_view(&old->keys[t]);
		while (!r && v.n) {
			const uint8_t *nl = memchr(v.p, '\n', v.n);
			struct view line = view_head(v, nl ? (size_t)(nl - v.p) : v.n);
			v = view_skip(v, line.n + 1);
			if (line.n && !has_line(buf_view(&e->keys[t]), line) && !(r = buf_put(&e->keys[t], line)))
				r = buf_puts(&e->keys[t], "\n");
		}
	}
	return r;
}

/* The transfer account writes by its group and owns no directory: it can neither remove nor rename. */
static int make_inbox(int inbox, const char *host)
{
	static const char *const subs[] = {"", "/audit", "/audit/sealed", "/audit/checkpoints", "/journal", "/journal/sealed", "/journal/checkpoints", "/policies"};
	struct stat st;
	int r = fstat(inbox, &st) < 0 ? -errno : 0;

	for (size_t i = 0; !r && i < sizeof(subs) / sizeof(*subs); i++) {
		char path[LAYOUT_PATH];
		snprintf(path, sizeof(path), "%s%s", host, subs[i]);
		/* Sticky: who writes there by the group cannot remove what another account owns. */
		mode_t mode = strstr(subs[i], "sealed") || strstr(subs[i], "checkpoints") || strstr(subs[i], "policies") ? 03770 : 02750;
		if ((mkdirat(inbox, path, 0700) < 0 && errno != EEXIST) || fchownat(inbox, path, (uid_t)-1, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		    fchmodat(inbox, path, mode, 0) < 0)
			r = -errno;
	}
	return r;
}

static int put(const struct accept *a, const struct enrol *e)
{
	struct buf text = {.max = ENROL_MAX};
	char path[LAYOUT_PATH];
	int r = enrol_text(e, &text);

	snprintf(path, sizeof(path), "hosts/%s/enrol.json", e->host);
	if (!r)
		r = put_dirs(a->store, path, 0700);
	if (!r)
		r = put_file(a->store, path, buf_view(&text), 0400);
	for (enum layout_trail t = 0; !r && t < LAYOUT_TRAILS; t++) {
		layout_receipt_path(t, e->host, "x", path);
		r = put_dirs(a->store, path, 0755);
	}
	buf_wipe(&text);
	buf_free(&text);
	return r ? r : make_inbox(a->inbox, e->host);
}

static int judge(const struct accept *a, const char *path, struct enrol *e)
{
	struct enrol old;
	int r = enrol_read(a->store, e->host, &old);

	if (!named_after(path, e->host))
		return tool_fail(EXIT_NO, "%s: it is the enrolment of %s; a file is named HOST.enrol after the workstation that it came from", path, e->host);
	if (r == 0 && !a->again) {
		enrol_free(&old);
		return tool_fail(EXIT_NO, "%s: %s is enrolled since %s; --again replaces its ssh keys and adds its seal keys", path, e->host, old.at);
	}
	if (r == 0) {
		r = keep_keys(&old, e);
		enrol_free(&old);
	} else if (r == -ENOENT) {
		r = 0;
	}
	if (!r)
		r = put(a, e);
	if (r)
		return tool_fail(EXIT_NO, "%s: %s", path, err_text(r));
	if (!tool_opts.json)
		printf("%s is enrolled\n", e->host);
	return EXIT_YES;
}

static int one(const struct accept *a, const char *path)
{
	struct buf file = {0}, text = {.max = ENROL_MAX};
	struct enrol e;
	int r = fd_slurp(AT_FDCWD, path, BOX_MAX, &file), status;

	if (!r)
		r = box_open(a->box, "enrol", buf_view(&file), &text);
	if (!r)
		r = enrol_parse(buf_view(&text), &e);
	if (r)
		status = tool_fail(EXIT_NO, "%s: %s", path, r == -ERR_CORRUPT ? "it was not made for this collector, or was changed" : err_text(r));
	else
		status = judge(a, path, &e);
	if (!r)
		enrol_free(&e);
	buf_wipe(&text);
	buf_free(&text);
	buf_free(&file);
	return status;
}

int fleet_accept(int argc, char **argv)
{
	static const char *rest[FILES];
	const char *store = NULL, *inbox = NULL;
	struct accept a = {.store = -1, .inbox = -1};
	const struct tool_flag flags[] = {{"--store", &store, NULL}, {"--inbox", &inbox, NULL}, {"--again", NULL, &a.again}, {NULL, NULL, NULL}};
	int n = tool_flags("fleet accept", flags, argc, argv, rest, FILES), status = EXIT_NO, lock = -1;

	if (n < 0)
		return EXIT_USAGE;
	if (!n || !store || !inbox)
		return tool_fail(EXIT_USAGE, "fleet accept needs --store DIR, --inbox DIR and enrolment files");
	a.store = fleet_dir("--store", store);
	a.inbox = a.store < 0 ? -1 : fleet_dir("--inbox", inbox);
	if (a.inbox >= 0) {
		int r = lock = collector_lock(a.store);
		if (r >= 0)
			r = collector_box(a.store, a.box);
		status = r < 0 ? tool_fail(EXIT_NO, "%s: %s", store, r == -EAGAIN ? "somebody else changes it; try again" : err_text(r)) : EXIT_YES;
		for (int i = 0; r >= 0 && i < n; i++)
			if (one(&a, rest[i]) != EXIT_YES)
				status = EXIT_NO;
	}
	OPENSSL_cleanse(a.box, sizeof(a.box));
	fd_close(&lock);
	fd_close(&a.inbox);
	fd_close(&a.store);
	return status;
}

/* ---- revoke ---- */

int fleet_revoke(int argc, char **argv)
{
	const char *rest[1], *store = NULL;
	const struct tool_flag flags[] = {{"--store", &store, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("fleet revoke", flags, argc, argv, rest, 1), lock = -1, r;
	struct buf text = {.max = ENROL_MAX};
	struct enrol e = {0};
	char path[LAYOUT_PATH];

	if (n < 0)
		return EXIT_USAGE;
	if (!n || !store)
		return tool_fail(EXIT_USAGE, "fleet revoke needs --store DIR and a host");
	int dir = fleet_dir("--store", store);
	if (dir < 0)
		return EXIT_NO;
	r = lock = collector_lock(dir);
	if (r >= 0)
		r = enrol_read(dir, rest[0], &e);
	if (!r) {
		/* Its seal keys stay: what it sealed before must still be read. */
		e.push[0] = e.fetch[0] = '\0';
		snprintf(path, sizeof(path), "hosts/%s/enrol.json", e.host);
		r = enrol_text(&e, &text);
	}
	if (!r)
		r = put_file(dir, path, buf_view(&text), 0400);
	enrol_free(&e);
	buf_wipe(&text);
	buf_free(&text);
	fd_close(&lock);
	fd_close(&dir);
	if (r)
		return tool_fail(EXIT_NO, "%s: %s", rest[0], r == -EAGAIN ? "somebody else changes the store; try again" : r == -ENOENT ? "it is not enrolled" : err_text(r));
	if (!tool_opts.json)
		printf("%s has no ssh keys any more; write the account's keys anew: callgate fleet keys\n", rest[0]);
	return EXIT_YES;
}

/* ---- keys ---- */

static bool plain(const char *path)
{
	return path[0] == '/' && strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/=") == strlen(path);
}

static int put_lines(int store, const char *store_path, const char *inbox, const char *host)
{
	struct enrol e;
	int r = enrol_read(store, host, &e);

	if (r)
		return tool_fail(EXIT_NO, "%s: %s", host, r == -ENOENT ? "it is not enrolled" : err_text(r));
	if (*e.push)
		printf("restrict,command=\"rrsync -wo -no-del -no-overwrite -munge %s/%s\" %s %s-push\n", inbox, host, e.push, host);
	if (*e.fetch)
		printf("restrict,command=\"rrsync -ro %s/receipts/host=%s\" %s %s-fetch\n", store_path, host, e.fetch, host);
	enrol_free(&e);
	return EXIT_YES;
}

int fleet_keys(int argc, char **argv)
{
	static const char *rest[FILES];
	const char *store = NULL, *inbox = NULL;
	const struct tool_flag flags[] = {{"--store", &store, NULL}, {"--inbox", &inbox, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("fleet keys", flags, argc, argv, rest, FILES), status = EXIT_YES;
	struct layout_hosts all = {0};

	if (n < 0)
		return EXIT_USAGE;
	if (!store || !inbox || !plain(store) || !plain(inbox))
		return tool_fail(EXIT_USAGE, "fleet keys needs --store DIR and --inbox DIR, as absolute paths of letters, digits and . _ - =");
	int dir = fleet_dir("--store", store);
	if (dir < 0)
		return EXIT_NO;
	int r = n ? 0 : layout_hosts(dir, &all);
	if (r)
		status = tool_fail(EXIT_NO, "%s: %s", store, err_text(r));
	for (size_t i = 0; i < (n ? (size_t)n : all.n); i++)
		if (put_lines(dir, store, inbox, n ? rest[i] : all.at[i]) != EXIT_YES)
			status = EXIT_NO;
	layout_hosts_free(&all);
	fd_close(&dir);
	return status;
}
