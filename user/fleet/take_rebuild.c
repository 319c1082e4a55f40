/* take_rebuild.c - the state of a host from its segments in the store, when state.json is missing or not whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "fleet/take_internal.h"

/* Lines before ${n} are not here: a hole, as when it was taken. */
static int hole(struct state_trail *st, const struct names *n, const struct verify_at *at)
{
	struct state_gap g = {.from = st->at.seq + 1, .to = n->first - 1, .before = st->at, .after = at->said};

	wall_text(wall_now(), st->received);
	snprintf(g.since, sizeof(g.since), "%s", st->received);
	return state_add_gap(st, &g);
}

static int one(struct take *t, enum layout_trail trail, const struct layout_file *f)
{
	const struct verify_known known = {.keys = buf_view(&t->enrol.keys[trail])};
	struct state_trail *st = &t->state.trail[trail];
	struct state_piece p = {.trail = trail};
	bool next = f->names.first == st->at.seq + 1;
	char name[NAMES_MAX], path[LAYOUT_PATH];
	struct verify_result v = {0};
	struct verify_at at;
	uint8_t sum[CHAIN_LEN];
	uint64_t size;

	names_path(&f->names, name);
	snprintf(p.name, sizeof(p.name), "%s", name + strlen("sealed/"));
	memcpy(p.date, f->date, sizeof(p.date));
	layout_segment_path(trail, t->host, p.date, p.name, path);
	int fd = openat(t->conf->store, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int r = fd < 0 || null < 0 ? -errno : verify_segment(fd, &f->names, &known, next ? &st->at : NULL, &at, &v);
	fd_close(&fd);
	if (!r && v.bad)
		r = -ERR_CORRUPT;
	if (!r && !next)
		r = hole(st, &f->names, &at);
	if (!r)
		r = inbox_copy(t->conf->store, path, null, INBOX_SEGMENT, sum, &size);
	fd_close(&null);
	if (r) {
		take_tell(t, layout_trail(trail), p.name, "damaged", v.bad ? v.why : err_text(r));
		return r;
	}
	memcpy(p.sha256, sum, CHAIN_LEN);
	st->at = at;
	snprintf(st->segment, sizeof(st->segment), "%s", p.name);
	/* Whether each has its receipt is for the log to say: those that do are left alone. */
	return state_add_pending(&t->state, &p);
}

int take_rebuild(struct take *t)
{
	int r = 0;

	for (enum layout_trail trail = 0; !r && trail < LAYOUT_TRAILS; trail++) {
		struct layout_files f;
		r = layout_segments(t->conf->store, trail, t->host, NULL, NULL, &f);
		for (size_t i = 0; !r && i < f.n; i++)
			r = one(t, trail, &f.at[i]);
		layout_files_free(&f);
	}
	t->changed = true;
	return r;
}
