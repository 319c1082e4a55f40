/* take_notes.c - checkpoints of a trail, and policy documents. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/keys.h"
#include "base/err.h"
#include "base/fd.h"
#include "fleet/put.h"
#include "fleet/take_internal.h"

enum { POLICY_MAX = 1 << 20 };

/* ---- checkpoints that are here ---- */

static int by_size(const void *a, const void *b)
{
	const struct note *x = a, *y = b;
	return x->size < y->size ? -1 : x->size > y->size;
}

static void anchor_dir(struct take *t, enum layout_trail trail, char path[LAYOUT_PATH])
{
	layout_note_path(trail, t->host, "x", path);
	path[strlen(path) - 2] = '\0';
}

static int add_anchor(struct take_anchors *a, struct view text)
{
	void *at = reallocarray(a->at, a->n + 1, sizeof(*a->at));

	if (!at)
		return -ENOMEM;
	a->at = at;
	if (note_read(text, &a->at[a->n]))
		return -ERR_CORRUPT;
	a->n++;
	return 0;
}

int take_anchors(struct take *t, enum layout_trail trail, struct take_anchors *a)
{
	char path[LAYOUT_PATH];
	int r = 0;

	*a = (struct take_anchors){0};
	anchor_dir(t, trail, path);
	int fd = openat(t->conf->store, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		r = errno == ENOENT ? 0 : -errno;
		fd_close(&fd);
		return r;
	}
	for (struct dirent *e; !r && (e = readdir(d));) {
		struct layout_note n;
		struct buf b = {0};
		if (!layout_note(e->d_name, &n) || n.line <= t->state.trail[trail].at.seq)
			continue;
		r = fd_slurp(fd, e->d_name, NOTE_MAX, &b);
		if (!r)
			r = add_anchor(a, buf_view(&b));
		buf_free(&b);
	}
	closedir(d);
	if (a->n)
		qsort(a->at, a->n, sizeof(*a->at), by_size);
	return r;
}

static bool listed(const uint64_t *at, size_t n, uint64_t x)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] == x)
			return true;
	return false;
}

void take_anchors_past(struct take *t, enum layout_trail trail, const struct take_anchors *a, const uint64_t *last, size_t n)
{
	for (size_t i = 0; i < a->n; i++) {
		struct layout_note name = {.epoch = a->at[i].epoch, .line = a->at[i].size};
		char file[NAMES_MAX], path[LAYOUT_PATH];
		if (a->at[i].size > t->state.trail[trail].at.seq || listed(last, n, a->at[i].size))
			continue;
		memcpy(name.host, t->host, strlen(t->host) + 1);
		layout_note_name(&name, file);
		layout_note_path(trail, t->host, file, path);
		unlinkat(t->conf->store, path, 0);
	}
}

/* ---- checkpoints that come ---- */

struct coming {
	struct take *t;
	enum layout_trail trail;
	const char *part;
	int dir;
};

/* 1: by a key of this host and trail; 0: not; -ERR_NOT_FOUND: a key that nobody enrolled. */
static int signed_by(struct coming *c, struct view text, const struct note *n)
{
	struct view keys = buf_view(&c->t->enrol.keys[c->trail]);
	int r = -ERR_NOT_FOUND;

	while (keys.n && r == -ERR_NOT_FOUND) {
		struct keys_export k;
		const uint8_t *nl = memchr(keys.p, '\n', keys.n);
		struct view line = view_head(keys, nl ? (size_t)(nl - keys.p) : keys.n);
		keys = view_skip(keys, line.n + 1);
		if (!keys_parse(line, &k) && strcmp(k.id, n->key_id) == 0)
			r = strcmp(k.name, n->name) == 0 && note_signed(text, k.name, k.public);
		OPENSSL_cleanse(&k, sizeof(k));
	}
	return r;
}

static bool same_claim(const struct note *a, const struct note *b)
{
	return a->size == b->size && a->seal == b->seal && memcmp(a->head, b->head, CHAIN_LEN) == 0 && memcmp(a->mac, b->mac, MAC_LEN) == 0;
}

/* Does the stored segment that holds line n->size agree?  1 yes; 0 no; -ENOENT: no segment has it. */
static int stored_agrees(struct coming *c, const struct note *n)
{
	const struct verify_known known = {.keys = buf_view(&c->t->enrol.keys[c->trail]), .notes = n, .nnotes = 1};
	struct layout_files f;
	struct verify_result v;
	struct verify_at at;
	char name[NAMES_MAX], path[LAYOUT_PATH];
	int r = layout_segments(c->t->conf->store, c->trail, c->t->host, NULL, NULL, &f);
	size_t i = 0;

	while (!r && i < f.n && (n->size < f.at[i].names.first || n->size > f.at[i].names.last))
		i++;
	if (!r && i == f.n)
		r = -ENOENT;
	if (!r) {
		names_path(&f.at[i].names, name);
		layout_segment_path(c->trail, c->t->host, f.at[i].date, name + strlen("sealed/"), path);
		int fd = openat(c->t->conf->store, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		r = fd < 0 ? -errno : verify_segment(fd, &f.at[i].names, &known, NULL, &at, &v);
		fd_close(&fd);
		if (!r)
			r = v.bad && v.cause == VERIFY_NOTE ? 0 : v.bad ? -ERR_CORRUPT : 1;
	}
	layout_files_free(&f);
	explicit_bzero(&at, sizeof(at));
	return r;
}

/* 1: it agrees with what is here, or is ahead of it; 0: another history; negative. */
static int agrees(struct coming *c, const struct note *n, const char *name)
{
	const struct verify_at *at = &c->t->state.trail[c->trail].at;
	char path[LAYOUT_PATH];
	struct buf b = {0};
	struct note have;

	layout_note_path(c->trail, c->t->host, name, path);
	int r = fd_slurp(c->t->conf->store, path, NOTE_MAX, &b);
	if (!r)
		r = note_read(buf_view(&b), &have) ? -ERR_CORRUPT : same_claim(&have, n);
	else if (r == -ENOENT)
		r = 1;
	buf_free(&b);
	if (r != 1 || n->size > at->seq)
		return r;
	if (n->size == at->seq)
		return n->seal == at->seal && memcmp(n->head, at->head, CHAIN_LEN) == 0 && memcmp(n->mac, at->mac, MAC_LEN) == 0;
	r = stored_agrees(c, n);
	return r == -ENOENT ? 1 : r;
}

static int keep(struct coming *c, const struct note *n, const char *name, struct view text)
{
	const struct verify_at *at = &c->t->state.trail[c->trail].at;
	char path[LAYOUT_PATH];

	/* Of what the trail has passed, the ends of segments are enough. */
	if (n->size < at->seq)
		return 0;
	layout_note_path(c->trail, c->t->host, name, path);
	int r = put_dirs(c->t->conf->store, path, 0750);
	return r ? r : put_file(c->t->conf->store, path, text, 0440);
}

static int note_judge(struct coming *c, const char *name, struct view text, const uint8_t *sum)
{
	struct take *t = c->t;
	struct state_trail *st = &t->state.trail[c->trail];
	struct layout_note file;
	struct note n;
	char want[NOTE_NAME];

	snprintf(want, sizeof(want), "callgate/%s/%s", t->host, c->part);
	if (!layout_note(name, &file))
		return take_refuse(t, c->dir, c->part, name, sum, QUARANTINE_BAD_NAME, "it has not the name of a checkpoint");
	if (strcmp(file.host, t->host) != 0)
		return take_refuse(t, c->dir, c->part, name, sum, QUARANTINE_OTHER_HOST, "it is named after another host");
	if (note_read(text, &n) || n.size != file.line || n.epoch != file.epoch)
		return take_refuse(t, c->dir, c->part, name, sum, QUARANTINE_BAD_CHECKPOINT, "it is not whole, or not the one that its name says");
	if (strcmp(n.name, want) != 0)
		return take_refuse(t, c->dir, c->part, name, sum, QUARANTINE_OTHER_HOST, "it is a checkpoint of another host or trail");
	int r = signed_by(c, text, &n);
	if (r == -ERR_NOT_FOUND) {
		take_tell(t, c->part, name, "waiting", "it is signed with a key that is not enrolled");
		t->res->waiting++;
		return 0;
	}
	if (!r)
		return take_refuse(t, c->dir, c->part, name, sum, QUARANTINE_BAD_CHECKPOINT, "its signature is not that of this host's key");
	r = agrees(c, &n, name);
	if (r < 0)
		return r;
	if (!r) {
		snprintf(st->fork, sizeof(st->fork), "%s", name);
		t->changed = true;
		return take_refuse(t, c->dir, c->part, name, sum, QUARANTINE_ROLLED_BACK, "it names another chain at that line than the one that is here");
	}
	r = keep(c, &n, name, text);
	if (!r) {
		t->res->notes++;
		take_tell(t, c->part, name, "note", "");
		(void)!inbox_remove(c->dir, name);
	}
	return r;
}

static int note_one(struct coming *c, const char *name)
{
	char temp[LAYOUT_PATH];
	uint8_t sum[CHAIN_LEN];
	uint64_t size;
	struct buf b = {0};
	int fd = take_copy(c->t, c->dir, c->part, name, NOTE_MAX, sum, &size), r;

	if (fd < 0)
		return take_passing(fd) ? 0 : fd;
	fd_close(&fd);
	take_temp(c->t->host, c->part, name, temp);
	r = fd_slurp(c->t->conf->store, temp, NOTE_MAX, &b);
	if (!r)
		r = note_judge(c, name, buf_view(&b), sum);
	unlinkat(c->t->conf->store, temp, 0);
	buf_free(&b);
	return r;
}

int take_notes(struct take *t, enum layout_trail trail)
{
	struct coming c = {.t = t, .trail = trail, .part = layout_trail(trail)};
	struct inbox_names l = {0};
	char path[LAYOUT_PATH];

	snprintf(path, sizeof(path), "%s/checkpoints", c.part);
	c.dir = inbox_dir(t->dir, path);
	if (c.dir < 0)
		return c.dir == -ENOENT || c.dir == -ELOOP || c.dir == -ENOTDIR ? 0 : c.dir;
	int r = inbox_list(c.dir, &l);
	for (size_t i = 0; !r && i < l.n; i++)
		r = note_one(&c, l.at[i]);
	inbox_free(&l);
	fd_close(&c.dir);
	return r;
}

/* ---- policy documents ---- */

static int policy_one(struct take *t, int dir, const char *name)
{
	char temp[LAYOUT_PATH], path[LAYOUT_PATH], hex[CHAIN_HEX];
	uint8_t sum[CHAIN_LEN];
	uint64_t size;
	int fd = take_copy(t, dir, "policies", name, POLICY_MAX, sum, &size);

	if (fd < 0)
		return take_passing(fd) ? 0 : fd;
	int r = fsync(fd) < 0 ? -errno : 0;
	fd_close(&fd);
	chain_hex(sum, CHAIN_LEN, hex);
	if (!r && (!layout_policy(name) || strncmp(hex, name, 64) != 0))
		return take_refuse(t, dir, "policies", name, sum, QUARANTINE_BAD_POLICY, "it is not the document that its name says");
	take_temp(t->host, "policies", name, temp);
	snprintf(path, sizeof(path), "policies/%.80s", name);
	if (!r)
		r = put_dirs(t->conf->store, path, 0750);
	if (!r)
		r = put_name(t->conf->store, temp, path);
	if (!r) {
		t->res->policies++;
		take_tell(t, "policies", name, "policy", "");
		(void)!inbox_remove(dir, name);
	}
	return r;
}

int take_policies(struct take *t)
{
	struct inbox_names l = {0};
	int dir = inbox_dir(t->dir, "policies");

	if (dir < 0)
		return dir == -ENOENT || dir == -ELOOP || dir == -ENOTDIR ? 0 : dir;
	int r = inbox_list(dir, &l);
	for (size_t i = 0; !r && i < l.n; i++)
		r = policy_one(t, dir, l.at[i]);
	inbox_free(&l);
	fd_close(&dir);
	return r;
}
