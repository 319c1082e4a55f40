/* store.c - see store.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mtime.h"
#include "vault/store.h"

/* NAME.cred, NAME.ca, and either with .tmp while it is written.  A name may hold dots; the last suffix decides. */
enum { FILE_NAME = WRAP_NAME + 16 };

struct slot {
	struct store_item item;
	struct buf file; /* as on disk */
};

struct store {
	int dir;
	const struct wrap_key *key;
	struct slot *slot; /* sorted by name, then kind of file */
	size_t n;
	struct keep check; /* plaintext of the item that is being looked at */
};

static const char *suffix(enum wrap_kind kind)
{
	return kind == WRAP_CA ? ".ca" : ".cred";
}

static bool same_file(enum wrap_kind a, enum wrap_kind b)
{
	return (a == WRAP_CA) == (b == WRAP_CA);
}

static int order(const struct slot *s, enum wrap_kind kind, const char *name)
{
	int c = strcmp(s->item.head.name, name);
	return c ? c : (s->item.head.kind == WRAP_CA) - (kind == WRAP_CA);
}

/* The first slot that does not sort before (name, kind). */
static size_t place(const struct store *s, enum wrap_kind kind, const char *name)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (order(&s->slot[mid], kind, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct slot *find(const struct store *s, enum wrap_kind kind, const char *name)
{
	size_t i = place(s, kind, name);
	return i < s->n && order(&s->slot[i], kind, name) == 0 ? &s->slot[i] : NULL;
}

/* The slot of (name, kind), made when there is none; NULL when the store is full. */
static struct slot *claim(struct store *s, enum wrap_kind kind, const char *name)
{
	struct slot *have = find(s, kind, name);
	if (have)
		return have;
	if (s->n == STORE_MAX)
		return NULL;
	size_t i = place(s, kind, name);
	memmove(&s->slot[i + 1], &s->slot[i], (s->n - i) * sizeof(*s->slot));
	s->n++;
	s->slot[i] = (struct slot){0};
	s->slot[i].item.head.kind = kind;
	snprintf(s->slot[i].item.head.name, WRAP_NAME, "%s", name);
	return &s->slot[i];
}

/* ---- reading ---- */

static int open_as(struct store *s, enum wrap_kind kind, const char *name, struct view file, struct wrap_head *h, struct keep *plain)
{
	int r = wrap_open(s->key, file, h, plain);
	if (!r && (strcmp(h->name, name) || !same_file(h->kind, kind)))
		r = -ERR_CORRUPT;
	if (r)
		keep_wipe(plain);
	return r;
}

/* Until when the version before ${h} is to be used: not longer than its overlap by any clock, and no more when the wall clock was set back before it. */
static struct mono until(const struct wrap_head *h)
{
	uint64_t boot = mono_boot_now().ns, began = h->boot_s * 1000000000, span = h->overlap_s * 1000000000;
	uint64_t end = (boot < began ? 0 : began) + span; /* of another boot: this one alone may not last so long */
	int64_t gone = wall_now().ns - (int64_t)h->created_s * 1000000000;

	if (gone < 0 || (uint64_t)gone >= span)
		return (struct mono){0};
	return (struct mono){boot + span - (uint64_t)gone < end ? boot + span - (uint64_t)gone : end};
}

static struct view behind_first(const struct buf *file)
{
	return view_skip(buf_view(file), wrap_first(buf_view(file)).n);
}

/* The version before, behind its successor ${item}.  One that does not open, or is another, is not to be used, and forgotten. */
static void load_before(struct store *s, struct store_item *item, const struct buf *file, const char *as)
{
	struct wrap_head h;

	if (!behind_first(file).n)
		return;
	item->before = item->head.version - 1;
	int r = open_as(s, WRAP_CREDENTIAL, item->head.name, behind_first(file), &h, &s->check);
	keep_wipe(&s->check);
	if (!r && h.kind == WRAP_CREDENTIAL && h.version == item->before)
		item->until = until(&item->head);
	else
		log_error("vault: the version before in %s does not open: it cannot be used", as);
}

static int load(struct store *s, enum wrap_kind kind, const char *name, const char *file)
{
	struct buf bytes = {0};
	struct wrap_head h = {0};

	struct slot *slot = claim(s, kind, name);
	if (!slot) {
		log_error("vault: more than %d items; %s is left out", STORE_MAX, file);
		return -ENOSPC;
	}
	int r = fd_slurp_regular(s->dir, file, WRAP_FILE_MAX, &bytes);
	if (!r)
		r = open_as(s, kind, name, wrap_first(buf_view(&bytes)), &h, &s->check);
	keep_wipe(&s->check);
	if (r) {
		log_error("vault: %s does not open (%s): this item cannot be used", file, err_name(r));
		slot->item.damaged = true;
		slot->item.head.version = h.version;
	} else {
		slot->item.head = h;
		load_before(s, &slot->item, &bytes, file);
	}
	buf_free(&slot->file);
	slot->file = bytes;
	return 0;
}

/* Which item a file of the directory is: its kind, and ${name}; 0 for none. */
static int file_kind(const char *file, char name[WRAP_NAME])
{
	static const enum wrap_kind kinds[] = {WRAP_CREDENTIAL, WRAP_CA};
	size_t n = strlen(file);

	for (size_t i = 0; i < 2; i++) {
		size_t tail = strlen(suffix(kinds[i]));
		if (n <= tail || n - tail >= WRAP_NAME || strcmp(file + n - tail, suffix(kinds[i])))
			continue;
		memcpy(name, file, n - tail);
		name[n - tail] = 0;
		return wrap_name_ok(name) ? (int)kinds[i] : 0;
	}
	return 0;
}

static int load_entry(void *arg, int dir, const char *file)
{
	char name[WRAP_NAME];
	size_t n = strlen(file);
	int kind = file_kind(file, name);

	if (n > 4 && strcmp(file + n - 4, ".tmp") == 0)
		(void)unlinkat(dir, file, 0); /* a write that a crash cut short */
	else if (kind)
		return load(arg, (enum wrap_kind)kind, name, file);
	return 0;
}

int store_open(int dir, const struct wrap_key *key, struct store **out)
{
	struct stat st;
	struct store *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	*out = NULL;
	if (!s)
		return r;
	s->dir = -1;
	s->key = key;
	s->slot = calloc(STORE_MAX, sizeof(*s->slot));
	if (!s->slot || keep_open(&s->check, WRAP_BODY_MAX))
		goto out;
	s->dir = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = s->dir < 0 || fstat(s->dir, &st) < 0 ? -errno : 0;
	if (!r && (st.st_mode & 077))
		log_warning("vault: the directory is open to others (mode %o); 0700 is meant", st.st_mode & 07777);
	if (!r)
		r = fd_each(s->dir, ".", load_entry, s);
out:
	if (r)
		store_free(&s);
	*out = s;
	return r;
}

void store_free(struct store **sp)
{
	struct store *s = *sp;

	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		buf_free(&s->slot[i].file);
	free(s->slot);
	keep_free(&s->check);
	fd_close(&s->dir);
	free(s);
	*sp = NULL;
}

/* ---- writing ---- */

/* The file of ${item} becomes ${file}, which is taken. */
static int replace(struct store *s, const struct store_item *item, struct buf *file)
{
	char name[FILE_NAME];
	bool placed;

	snprintf(name, sizeof(name), "%s%s", item->head.name, suffix(item->head.kind));
	int r = fd_replace(s->dir, name, 0600, buf_view(file), &placed);
	struct slot *slot = placed ? claim(s, item->head.kind, item->head.name) : NULL;
	if (slot) {
		buf_free(&slot->file);
		slot->file = *file;
		slot->item = *item;
	} else {
		buf_free(file);
	}
	return r;
}

int store_put(struct store *s, struct wrap_head *h, struct view plain)
{
	struct buf file = {.max = WRAP_FILE_MAX};
	struct mono boot = mono_boot_now();
	const struct slot *old = find(s, h->kind, h->name);

	if (!old && s->n == STORE_MAX)
		return -ENOSPC;
	uint32_t last = old ? old->item.head.version : 0;
	if (last == UINT32_MAX) {
		/* Only a damaged header can say so: no real item was written four thousand million times. */
		if (!old->item.damaged)
			return -ERR_RANGE;
		last = 0;
	}
	h->version = last + 1;
	h->created_s = (uint64_t)(wall_now().ns / 1000000000);
	if (!old || old->item.damaged || old->item.head.kind != WRAP_CREDENTIAL)
		h->overlap_s = 0;
	h->boot_s = h->overlap_s ? boot.ns / 1000000000 : 0;
	int r = wrap_seal(s->key, h, plain, &file);
	if (!r && h->overlap_s)
		r = buf_put(&file, wrap_first(buf_view(&old->file)));
	struct store_item item = {.head = *h, .before = h->overlap_s ? last : 0, .until = mono_after_ms(boot, h->overlap_s * 1000)};
	if (!r)
		return replace(s, &item, &file);
	buf_free(&file);
	return r;
}

int store_get(struct store *s, enum wrap_kind kind, const char *name, struct wrap_head *h, struct keep *plain)
{
	const struct slot *slot = find(s, kind, name);

	keep_wipe(plain);
	if (!slot || (slot->item.head.kind != kind && !slot->item.damaged))
		return -ERR_NOT_FOUND;
	return slot->item.damaged ? -ERR_CORRUPT : open_as(s, kind, name, wrap_first(buf_view(&slot->file)), h, plain);
}

int store_before(struct store *s, const char *name, struct wrap_head *h, struct keep *plain)
{
	const struct slot *slot = find(s, WRAP_CREDENTIAL, name);

	keep_wipe(plain);
	if (!slot || !slot->item.before || mono_boot_now().ns >= slot->item.until.ns)
		return -ERR_NOT_FOUND;
	return open_as(s, WRAP_CREDENTIAL, name, behind_first(&slot->file), h, plain);
}

int store_forget(struct store *s, const char *name)
{
	const struct slot *slot = find(s, WRAP_CREDENTIAL, name);
	struct buf file = {0};
	int r = slot ? buf_put(&file, wrap_first(buf_view(&slot->file))) : -ERR_NOT_FOUND;

	return r ? r : replace(s, &(struct store_item){.head = slot->item.head}, &file);
}

int store_remove(struct store *s, const char *name, uint32_t *version)
{
	const struct store_item *it = store_find(s, name);
	struct wrap_head h = {.kind = WRAP_GONE};

	if (!it)
		return -ERR_NOT_FOUND;
	*version = it->head.version;
	snprintf(h.name, sizeof(h.name), "%s", name);
	return store_put(s, &h, view_of(NULL, 0));
}

const struct store_item *store_find(const struct store *s, const char *name)
{
	const struct slot *slot = find(s, WRAP_CREDENTIAL, name);
	return slot && (slot->item.damaged || slot->item.head.kind == WRAP_CREDENTIAL) ? &slot->item : NULL;
}

const struct store_item *store_next(const struct store *s, const char *after)
{
	size_t i = place(s, WRAP_CREDENTIAL, after);

	for (; i < s->n; i++) {
		const struct store_item *it = &s->slot[i].item;
		if (it->head.kind == WRAP_CREDENTIAL && strcmp(it->head.name, after) > 0)
			return it;
	}
	return NULL;
}
