/* fleet_come.c - the signed bundle, as it comes; and receipts: those that the collector signed are filed with their trail, and the seal keys that it has go from here. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/receipt.h"
#include "base/err.h"
#include "base/fd.h"
#include "fleet/put.h"
#include "tools/fleet_ship.h"
#include "tools/tools.h"

/* The collector has shown that it can verify this trail: its first key need not lie here any longer. */
static void drop_keys(struct ship *s, enum layout_trail t)
{
	const char *ids = json_string_value(json_object_get(s->enrolled, layout_trail(t)));
	char path[64], id[MAC_ID];
	int n;

	while (ids && sscanf(ids, " %16[0-9a-f]%n", id, &n) == 1) {
		ids += n;
		snprintf(path, sizeof(path), "keys/%s.json", id);
		unlinkat(s->trail[t], path, 0);
	}
}

static int one(struct ship *s, int dir, enum layout_trail t, const char *name)
{
	struct buf b = {0};
	struct receipt rec;
	char path[NAMES_MAX + 32];
	int r = fd_slurp(dir, name, RECEIPT_MAX, &b);

	if (!r)
		r = receipt_verify(buf_view(&b), view_str(s->c.vkey), &rec);
	snprintf(path, sizeof(path), "receipts/%s" RECEIPT_SUFFIX, rec.segment);
	if (r || strcmp(rec.trail, layout_trail(t)) != 0 || strcmp(rec.names.host, s->host) != 0 || strcmp(path + strlen("receipts/"), name) != 0) {
		tool_fail(EXIT_NO, "%s is no receipt of %s for this machine; it is not believed", name, s->c.org);
		r = 0;
	} else {
		r = put_dirs(s->trail[t], path, 0755);
		if (!r)
			r = put_file(s->trail[t], path, buf_view(&b), 0444);
		if (!r) {
			s->came++;
			drop_keys(s, t);
		}
	}
	buf_free(&b);
	if (!r)
		unlinkat(dir, name, 0);
	return r;
}

static int take(struct ship *s, enum layout_trail t)
{
	char path[64];
	int r = 0;

	snprintf(path, sizeof(path), "come/%s", layout_trail(t));
	int fd = openat(s->home, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return 0;
	}
	for (struct dirent *e; !r && (e = readdir(d));) {
		size_t n = strlen(e->d_name), w = strlen(RECEIPT_SUFFIX);
		if (e->d_name[0] != '.' && n > w && n < NAMES_MAX && strcmp(e->d_name + n - w, RECEIPT_SUFFIX) == 0)
			r = one(s, fd, t, e->d_name);
	}
	closedir(d);
	return r;
}

int ship_come(struct ship *s)
{
	struct buf list = {0};
	char prefix[32], to[512];
	uint64_t n = 0;
	int r = put_dirs(s->home, "come/x", 0700);

	for (enum layout_trail t = 0; !r && t < LAYOUT_TRAILS; t++) {
		snprintf(prefix, sizeof(prefix), "%s/", layout_trail(t));
		r = ship_unreceipted(s, t, prefix, RECEIPT_SUFFIX, &list, &n);
	}
	snprintf(to, sizeof(to), "%s/fleet/come/", tool_opts.state);
	if (!r)
		r = ship_fetch(s, buf_view(&list), to, false);
	/* Signed, and looked at by callgate-admin alone: callgate fleet apply. */
	if (!r)
		r = ship_fetch(s, VIEW_LIT("bundle\n"), to, true);
	buf_free(&list);
	for (enum layout_trail t = 0; !r && t < LAYOUT_TRAILS; t++)
		r = take(s, t);
	s->waiting = 0;
	for (enum layout_trail t = 0; !r && t < LAYOUT_TRAILS; t++) {
		struct buf none = {0};
		r = ship_unreceipted(s, t, "", "", &none, &s->waiting);
		buf_free(&none);
	}
	return r;
}
