/* wrap.c - see wrap.h. */
#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "base/aead.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/le.h"
#include "vault/wrap.h"

enum { KEY = AEAD_KEY, NONCE = AEAD_NONCE, TAG = AEAD_TAG, KEY_TEXT = 2 * KEY + 1 };

static const uint8_t magic[4] = {'C', 'G', 'V', '1'}, magic2[4] = {'C', 'G', 'V', '2'};

struct wrap_key {
	struct keep kek;
	struct keep dek; /* of the item at hand */
};

static int parse_key(struct view v, uint8_t out[KEY])
{
	uint8_t any = 0;

	if (v.n == KEY) {
		memcpy(out, v.p, KEY);
	} else if (v.n == 2 * KEY || (v.n == KEY_TEXT && v.p[2 * KEY] == '\n')) {
		if (hex_bytes(view_head(v, 2 * KEY), out, KEY))
			return -ERR_MALFORMED;
	} else {
		return -ERR_MALFORMED;
	}
	for (size_t i = 0; i < KEY; i++)
		any |= out[i];
	return any ? 0 : -ERR_MALFORMED; /* zeros are a file that was allocated and never written */
}

static int read_key(int fd, uint8_t out[KEY])
{
	struct buf text = {.max = KEY_TEXT};
	/* Room for all of it at once, so that no copy stays behind in memory that grew. */
	int r = buf_reserve(&text, KEY_TEXT) ? fd_read_all(fd, &text) : -ENOMEM;

	if (!r)
		r = parse_key(buf_view(&text), out);
	buf_wipe(&text);
	return r == -ENOBUFS ? -ERR_MALFORMED : r;
}

int wrap_key_read(int fd, struct wrap_key **out)
{
	struct wrap_key *k = calloc(1, sizeof(*k));
	int r;

	*out = NULL;
	if (!k)
		return -ENOMEM;
	if ((r = keep_open(&k->kek, KEY)) || (r = keep_open(&k->dek, KEY)) || (r = read_key(fd, k->kek.mem)))
		wrap_key_free(&k);
	else
		k->kek.n = k->dek.n = KEY;
	*out = k;
	return r;
}

void wrap_key_free(struct wrap_key **kp)
{
	struct wrap_key *k = *kp;

	if (!k)
		return;
	keep_free(&k->kek);
	keep_free(&k->dek);
	free(k);
	*kp = NULL;
}

const struct keep *wrap_key_kept(const struct wrap_key *k)
{
	return &k->kek;
}

bool wrap_name_ok(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
	return n > 0 && n < WRAP_NAME && s[n] == 0;
}

/* ---- the two boxes: nonce, ciphertext, tag; "key" and "body" keep one from standing in for the other ---- */

static int seal(const struct keep *key, const char *use, struct view aad, struct view in, uint8_t *out)
{
	return RAND_bytes(out, NONCE) == 1 ? aead_seal(key->mem, out, use, aad, in, out + NONCE) : -EIO;
}

/* ---- the header ---- */

static int put_head(const struct wrap_head *h, size_t body, struct buf *out)
{
	uint8_t b[WRAP_HEAD + WRAP_MORE] = {0};
	size_t name = strlen(h->name), type = strlen(h->type), scope = strlen(h->scope);

	memcpy(b, h->overlap_s ? magic2 : magic, sizeof(magic));
	le_put(b + 4, h->kind, 1);
	le_put(b + 5, name, 1);
	le_put(b + 6, type, 1);
	le_put(b + 8, h->version, 4);
	le_put(b + 12, scope, 2);
	le_put(b + 16, h->created_s, 8);
	le_put(b + 24, body, 4);
	le_put(b + WRAP_HEAD, h->overlap_s, 4);
	le_put(b + WRAP_HEAD + 4, h->boot_s, 8);
	int r = buf_put(out, view_of(b, h->overlap_s ? sizeof(b) : WRAP_HEAD));
	return r ? r : buf_printf(out, "%s%s%s", h->name, h->type, h->scope);
}

/* Text without NUL into an array of ${cap}: what is compared must be what is shown. */
static bool take_text(struct view *in, size_t n, char *out, size_t cap)
{
	if (n >= cap || n > in->n || (n && memchr(in->p, 0, n)))
		return false;
	if (n)
		memcpy(out, in->p, n);
	out[n] = 0;
	*in = view_skip(*in, n);
	return true;
}

/* The header of the first item of ${file}, and what follows it: both boxes, and whatever is behind them. */
static int read_head(struct view file, struct wrap_head *h, struct view *aad, struct view *boxes)
{
	*h = (struct wrap_head){0};
	if (file.n < WRAP_HEAD + WRAP_MORE || file.n > WRAP_FILE_MAX)
		return -ERR_CORRUPT;
	const uint8_t *b = file.p;
	bool more = memcmp(b, magic2, sizeof(magic)) == 0;
	uint64_t kind = b[4], body = le_get(b + 24, 4);
	struct view rest = view_skip(file, more ? WRAP_HEAD + WRAP_MORE : WRAP_HEAD);
	h->overlap_s = more ? le_get(b + WRAP_HEAD, 4) : 0;
	h->boot_s = more ? le_get(b + WRAP_HEAD + 4, 8) : 0;
	if (more ? !h->overlap_s : memcmp(b, magic, sizeof(magic)) != 0)
		return -ERR_CORRUPT;
	if (kind < WRAP_CREDENTIAL || kind > WRAP_GONE || b[7] || le_get(b + 14, 2) || body > WRAP_BODY_MAX)
		return -ERR_CORRUPT;
	h->kind = (enum wrap_kind)kind;
	h->version = (uint32_t)le_get(b + 8, 4);
	h->created_s = le_get(b + 16, 8);
	if (!take_text(&rest, b[5], h->name, sizeof(h->name)) || !take_text(&rest, b[6], h->type, sizeof(h->type)) ||
	    !take_text(&rest, le_get(b + 12, 2), h->scope, sizeof(h->scope)))
		return -ERR_CORRUPT;
	if (!wrap_name_ok(h->name) || rest.n < WRAP_EXTRA + body)
		return -ERR_CORRUPT;
	*aad = view_head(file, file.n - rest.n);
	*boxes = view_head(rest, WRAP_EXTRA + body);
	return 0;
}

/* ---- whole items ---- */

int wrap_seal(const struct wrap_key *k, const struct wrap_head *h, struct view plain, struct buf *out)
{
	size_t start = out->len;

	if (plain.n > WRAP_BODY_MAX)
		return -ERR_TOO_LONG;
	if (!wrap_name_ok(h->name))
		return -ERR_MALFORMED;
	int r = put_head(h, plain.n, out);
	size_t head = out->len - start;
	/* One reservation, so that the header does not move while it is read as associated data. */
	uint8_t *box = r ? NULL : buf_reserve(out, WRAP_EXTRA + plain.n);
	if (!box) {
		buf_truncate(out, start);
		return r ? r : -ENOMEM;
	}
	struct view aad = view_of(box - head, head);
	r = RAND_priv_bytes(k->dek.mem, KEY) == 1 ? seal(&k->kek, "key", aad, keep_view(&k->dek), box) : -EIO;
	if (!r)
		r = seal(&k->dek, "body", aad, plain, box + NONCE + KEY + TAG);
	explicit_bzero(k->dek.mem, KEY);
	if (r)
		buf_truncate(out, start);
	else
		buf_commit(out, WRAP_EXTRA + plain.n);
	return r;
}

struct view wrap_first(struct view file)
{
	struct wrap_head h;
	struct view aad, boxes;

	return read_head(file, &h, &aad, &boxes) || !h.overlap_s ? file : view_head(file, aad.n + boxes.n);
}

int wrap_open(const struct wrap_key *k, struct view item, struct wrap_head *h, struct keep *plain)
{
	struct view aad, boxes;

	keep_wipe(plain);
	int r = read_head(item, h, &aad, &boxes);
	if (r || item.n != aad.n + boxes.n)
		return -ERR_CORRUPT;
	struct view key = view_head(boxes, NONCE + KEY + TAG), body = view_skip(boxes, NONCE + KEY + TAG);
	if (body.n - NONCE - TAG > plain->cap)
		return -ERR_CORRUPT;
	r = aead_open(k->kek.mem, key.p, "key", aad, view_skip(key, NONCE), k->dek.mem);
	if (!r)
		r = aead_open(k->dek.mem, body.p, "body", aad, view_skip(body, NONCE), plain->mem);
	explicit_bzero(k->dek.mem, KEY);
	plain->n = r ? 0 : body.n - NONCE - TAG;
	return r;
}
