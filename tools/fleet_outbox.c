/* fleet_outbox.c - the directory of `ship --to`, which others fetch from: what the collector has goes from there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "audit/receipt.h"
#include "base/err.h"
#include "base/fd.h"
#include "fleet/inbox.h"
#include "tools/fleet_ship.h"

struct outbox {
	const struct ship *s;
	enum layout_trail t;
	int to;
	uint64_t passed; /* the last line of the segments that went */
};

static bool has_receipt(struct outbox *o, const char *name)
{
	char receipt[NAMES_MAX + 32];
	struct names n;

	snprintf(receipt, sizeof(receipt), "receipts/%s" RECEIPT_SUFFIX, name);
	if (!layout_segment(name, &n) || faccessat(o->s->trail[o->t], receipt, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (n.last > o->passed)
		o->passed = n.last;
	return true;
}

/* It says nothing that the segments behind it do not prove. */
static bool is_passed(struct outbox *o, const char *name)
{
	struct layout_note n;
	return layout_note(name, &n) && n.line <= o->passed;
}

static int remove_those(struct outbox *o, const char *part, bool (*goes)(struct outbox *o, const char *name))
{
	struct inbox_names l = {0};
	char path[LAYOUT_PATH];

	snprintf(path, sizeof(path), "%s/%s/%s", o->s->host, layout_trail(o->t), part);
	/* Whoever else may write there must not lead us elsewhere by a link. */
	int dir = inbox_dir(o->to, path), r = dir < 0 ? dir : inbox_list(dir, &l);
	for (size_t i = 0; !r && i < l.n; i++)
		if (goes(o, l.at[i]))
			r = inbox_remove(dir, l.at[i]);
	inbox_free(&l);
	fd_close(&dir);
	return r == -ENOENT ? 0 : r;
}

int ship_outbox(struct ship *s)
{
	struct outbox o = {.s = s};
	int r = 0;

	if (!s->to)
		return 0;
	o.to = open(s->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o.to < 0)
		return errno == ENOENT ? 0 : -errno;
	for (o.t = 0; !r && o.t < LAYOUT_TRAILS; o.t++) {
		o.passed = 0;
		r = s->trail[o.t] < 0 ? 0 : remove_those(&o, "sealed", has_receipt);
		if (!r && o.passed)
			r = remove_those(&o, "checkpoints", is_passed);
	}
	if (r)
		snprintf(s->said, sizeof(s->said), "%s/%s: what has its receipt cannot be removed there: %s", s->to, s->host, err_text(r));
	fd_close(&o.to);
	return r;
}
