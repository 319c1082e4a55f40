/* keys.c - see keys.h. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/keys.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/log.h"

struct state {
	char magic[8];
	uint8_t next_le[8];
	char id[MAC_ID - 1];
	uint8_t key[MAC_LEN];
	uint8_t sum[CHAIN_LEN];
};
_Static_assert(sizeof(struct state) == 96, "on disk");

struct keys {
	int dir, fd; /* keys/, state */
	bool dirty, behind; /* behind: the file has an older key than this */
	char id[MAC_ID], name[NOTE_NAME];
	uint64_t next;
	uint8_t key[MAC_LEN], seed[SIGN_SEED];
};

static int sum_of(const struct state *s, uint8_t out[CHAIN_LEN])
{
	struct chain_sum *c = chain_sum_new();
	int r = c ? chain_sum_add(c, view_of(s, offsetof(struct state, sum))) : -ENOMEM;

	if (!r)
		r = chain_sum_end(c, out);
	chain_sum_free(&c);
	return r;
}

static int fill(struct state *s, const struct keys *k)
{
	*s = (struct state){.magic = {'C', 'G', 'S', 'E', 'A', 'L', 'K', '1'}};
	for (int i = 0; i < 8; i++)
		s->next_le[i] = (uint8_t)(k->next >> (8 * i));
	memcpy(s->id, k->id, sizeof(s->id));
	memcpy(s->key, k->key, MAC_LEN);
	return sum_of(s, s->sum);
}

int keys_save(struct keys *k, uint64_t next, const uint8_t key[MAC_LEN])
{
	struct state s;

	memcpy(k->key, key, MAC_LEN);
	k->next = next;
	int r = fill(&s, k);
	ssize_t n = r ? 0 : pwrite(k->fd, &s, sizeof(s), 0);
	/* Opened while the file system could only be read: can it be written now? */
	if (n < 0 && errno == EBADF) {
		int fd = openat(k->dir, "state", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0) {
			fd_close(&k->fd);
			k->fd = fd;
			n = pwrite(fd, &s, sizeof(s), 0);
		}
	}
	if (!r && n != (ssize_t)sizeof(s))
		r = n < 0 ? -errno : -EIO;
	k->dirty = true;
	k->behind = r != 0;
	OPENSSL_cleanse(&s, sizeof(s));
	return r;
}

int keys_sync(struct keys *k)
{
	if (!k->dirty)
		return 0;
	k->dirty = false;
	return fdatasync(k->fd) < 0 ? -errno : 0;
}

static int load(struct keys *k)
{
	struct state s;
	uint8_t sum[CHAIN_LEN];
	char path[MAC_ID + 8];
	struct buf seed = {.max = SIGN_SEED + 1};

	k->fd = openat(k->dir, "state", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (k->fd < 0 && errno == EROFS)
		k->fd = openat(k->dir, "state", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (k->fd < 0)
		return -errno;
	int r = pread(k->fd, &s, sizeof(s), 0) == (ssize_t)sizeof(s) ? sum_of(&s, sum) : -ERR_CORRUPT;
	if (!r && (memcmp(s.magic, "CGSEALK1", 8) != 0 || memcmp(sum, s.sum, CHAIN_LEN) != 0))
		r = -ERR_CORRUPT;
	if (!r) {
		memcpy(k->id, s.id, sizeof(s.id));
		memcpy(k->key, s.key, MAC_LEN);
		k->next = 0;
		for (int i = 0; i < 8; i++)
			k->next |= (uint64_t)s.next_le[i] << (8 * i);
		snprintf(path, sizeof(path), "%s.sign", k->id);
		r = strchr(path, '/') ? -ERR_CORRUPT : fd_slurp(k->dir, path, SIGN_SEED, &seed);
		if (!r && seed.len != SIGN_SEED)
			r = -ERR_CORRUPT;
	}
	if (!r)
		memcpy(k->seed, buf_view(&seed).p, SIGN_SEED);
	buf_wipe(&seed);
	OPENSSL_cleanse(&s, sizeof(s));
	return r;
}

/* A file that is complete before it has its name. */
static int put_file(int dir, const char *name, mode_t mode, struct view v)
{
	unlinkat(dir, "new", 0);
	int fd = openat(dir, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, v);
	if (!r && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || renameat(dir, "new", dir, name) < 0))
		r = -errno;
	fd_close(&fd);
	return r;
}

static int put_export(struct keys *k, const char *host)
{
	uint8_t public[SIGN_PUBLIC];
	char vkey[NOTE_VKEY], path[MAC_ID + 8];
	struct buf b = {.max = 4096};
	struct jsonw w = jsonw_on(&b);

	int r = sign_public(k->seed, public);
	if (!r)
		r = note_vkey(k->name, public, vkey);
	jsonw_open(&w, NULL, '{');
	jsonw_uint(&w, "callgate_seal_key", 1);
	jsonw_str(&w, "host", host);
	jsonw_str(&w, "name", k->name);
	jsonw_str(&w, "id", k->id);
	jsonw_uint(&w, "first_seal", k->next);
	jsonw_hex(&w, "key", view_of(k->key, MAC_LEN));
	jsonw_hex(&w, "public", view_of(public, SIGN_PUBLIC));
	jsonw_str(&w, "vkey", vkey);
	jsonw_close(&w, '}');
	if (!r)
		r = jsonw_end(&w);
	if (!r)
		r = buf_puts(&b, "\n");
	snprintf(path, sizeof(path), "%s.json", k->id);
	if (!r)
		r = put_file(k->dir, path, 0400, buf_view(&b));
	buf_wipe(&b);
	buf_free(&b);
	snprintf(path, sizeof(path), "%s.sign", k->id);
	if (!r)
		r = put_file(k->dir, path, 0400, view_of(k->seed, SIGN_SEED));
	snprintf(path, sizeof(path), "%s.vkey", k->id);
	if (!r)
		r = buf_printf(&b, "%s\n", vkey);
	if (!r)
		r = put_file(k->dir, path, 0444, buf_view(&b));
	buf_free(&b);
	return r;
}

/* The state comes last: without it the other files are of no use and of no harm. */
static int make(struct keys *k, int dir, const char *host, uint64_t next)
{
	struct state s = {0};

	fd_close(&k->fd);
	k->next = next;
	if (getrandom(k->key, MAC_LEN, 0) != MAC_LEN || getrandom(k->seed, SIGN_SEED, 0) != SIGN_SEED)
		return -EIO;
	int r = mac_id(k->key, k->id);
	if (!r)
		r = put_export(k, host);
	if (!r)
		r = fill(&s, k);
	if (!r)
		r = put_file(k->dir, "state", 0600, view_of(&s, sizeof(s)));
	OPENSSL_cleanse(&s, sizeof(s));
	if (!r && (k->fd = openat(k->dir, "state", O_RDWR | O_CLOEXEC | O_NOFOLLOW)) < 0)
		r = -errno;
	if (!r && (fsync(k->dir) < 0 || fsync(dir) < 0))
		r = -errno;
	return r;
}

int keys_open(int dir, const char *host, const char *stream, uint64_t next, struct keys **out)
{
	struct keys *k = calloc(1, sizeof(*k));
	int r = 0;

	*out = NULL;
	if (!k)
		return -ENOMEM;
	k->dir = k->fd = -1;
	snprintf(k->name, sizeof(k->name), "callgate/%.80s/%.30s", host, stream);
	if (mkdirat(dir, "keys", 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (!r && (k->dir = openat(dir, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		r = -errno;
	if (!r) {
		r = load(k);
		if (r == -ERR_CORRUPT || r == -ENOENT) {
			if (r == -ERR_CORRUPT)
				log_error("the seal keys of %s cannot be read: new ones are made; collect keys/*.json again", k->name);
			r = make(k, dir, host, next);
		}
	}
	/* Killed between a seal and the key after it: the seal is on disk. */
	if (!r && k->next < next) {
		r = mac_evolve(k->key, next - k->next);
		k->next = next;
		k->behind = true;
	}
	if (r)
		keys_free(&k);
	*out = k;
	return r;
}

void keys_free(struct keys **kp)
{
	struct keys *k = *kp;

	if (!k)
		return;
	fd_close(&k->fd);
	fd_close(&k->dir);
	sign_forget();
	OPENSSL_cleanse(k, sizeof(*k));
	free(k);
	*kp = NULL;
}

bool keys_behind(const struct keys *k)
{
	return k->behind;
}

uint64_t keys_next(const struct keys *k, uint8_t key[MAC_LEN])
{
	memcpy(key, k->key, MAC_LEN);
	return k->next;
}

const char *keys_id(const struct keys *k)
{
	return k->id;
}

const char *keys_name(const struct keys *k)
{
	return k->name;
}

bool keys_waiting(const struct keys *k)
{
	char path[MAC_ID + 8];
	struct stat st;

	snprintf(path, sizeof(path), "%s.json", k->id);
	return fstatat(k->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int keys_sign(const struct keys *k, struct note *n, struct buf *out)
{
	memcpy(n->name, k->name, sizeof(n->name));
	memcpy(n->key_id, k->id, sizeof(n->key_id));
	return note_make(n, k->seed, out);
}

int keys_sign_text(const struct keys *k, struct buf *out)
{
	return note_sign(k->name, k->seed, 0, out);
}

bool keys_signed(const struct keys *k, struct view text)
{
	uint8_t public[SIGN_PUBLIC];

	return sign_public(k->seed, public) == 0 && note_signed(text, k->name, public);
}

int keys_parse(struct view line, struct keys_export *out)
{
	json_t *o = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	const char *id = json_string_value(json_object_get(o, "id")), *name = json_string_value(json_object_get(o, "name"));
	const char *key = json_string_value(json_object_get(o, "key")), *public = json_string_value(json_object_get(o, "public"));
	json_int_t first = json_integer_value(json_object_get(o, "first_seal"));
	char again[MAC_ID];
	int r = -ERR_MALFORMED;

	*out = (struct keys_export){0};
	if (json_integer_value(json_object_get(o, "callgate_seal_key")) == 1 && id && name && key && public && first > 0 &&
	    strlen(id) == MAC_ID - 1 && strlen(name) < NOTE_NAME && !chain_unhex(view_str(key), out->key, MAC_LEN) &&
	    !chain_unhex(view_str(public), out->public, SIGN_PUBLIC) && !mac_id(out->key, again) && strcmp(again, id) == 0) {
		snprintf(out->id, sizeof(out->id), "%s", id);
		snprintf(out->name, sizeof(out->name), "%s", name);
		out->first = (uint64_t)first;
		r = 0;
	}
	json_decref(o);
	return r;
}
