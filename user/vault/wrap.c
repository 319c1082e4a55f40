/* wrap.c - see wrap.h. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/le.h"
#include "vault/wrap.h"

enum { KEY = 32, NONCE = 12, TAG = 16, KEY_TEXT = 2 * KEY + 1 };

static const uint8_t magic[4] = {'C', 'G', 'V', '1'};

struct wrap_key {
	struct keep kek;
	struct keep dek; /* of the item at hand */
	EVP_CIPHER *gcm; /* fetched once: a look-up by name costs more than the cipher */
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
	uint8_t text[KEY_TEXT + 1];
	size_t n = 0;
	ssize_t got = 1;

	while (n < sizeof(text) && got > 0) {
		got = read(fd, text + n, sizeof(text) - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
	}
	int r = got < 0 ? -errno : parse_key(view_of(text, n), out);
	explicit_bzero(text, sizeof(text));
	return r;
}

int wrap_key_read(int fd, struct wrap_key **out)
{
	struct wrap_key *k = calloc(1, sizeof(*k));
	int r;

	*out = NULL;
	if (!k)
		return -ENOMEM;
	if ((r = keep_open(&k->kek, KEY)) || (r = keep_open(&k->dek, KEY)) || (r = read_key(fd, k->kek.mem)))
		goto out;
	k->kek.n = k->dek.n = KEY;
	k->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (!k->gcm)
		r = -ENOMEM;
out:
	if (r)
		wrap_key_free(&k);
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
	EVP_CIPHER_free(k->gcm);
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

/* ---- the two boxes ---- */

static int box_start(EVP_CIPHER_CTX *c, const struct wrap_key *k, const uint8_t *key, const uint8_t *nonce, struct view aad,
    const char *use, int enc)
{
	int n;
	/* "key" and "body" keep one box from standing in for the other. */
	return EVP_CipherInit_ex2(c, k->gcm, key, nonce, enc, NULL) == 1 &&
	       EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)use, (int)strlen(use)) == 1 &&
	       EVP_CipherUpdate(c, NULL, &n, aad.p, (int)aad.n) == 1;
}

/* out: nonce, ciphertext, tag */
static int box_seal(const struct wrap_key *k, const uint8_t *key, struct view aad, const char *use, struct view in, uint8_t *out)
{
	uint8_t tail[TAG], *tag = out + NONCE + in.n;
	int n = 0, r = -EIO;

	if (RAND_bytes(out, NONCE) != 1)
		return -EIO;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	if (c && box_start(c, k, key, out, aad, use, 1) &&
	    (in.n == 0 || EVP_CipherUpdate(c, out + NONCE, &n, in.p, (int)in.n) == 1) &&
	    EVP_CipherFinal_ex(c, tail, &n) == 1 && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1)
		r = 0;
	EVP_CIPHER_CTX_free(c); /* wipes the key schedule */
	return r;
}

static int box_open(const struct wrap_key *k, const uint8_t *key, struct view aad, const char *use, struct view in, uint8_t *out)
{
	size_t len = in.n - NONCE - TAG;
	uint8_t tail[TAG], tag[TAG];
	int n = 0, r = -ERR_CORRUPT;

	memcpy(tag, in.p + NONCE + len, TAG);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	if (c && box_start(c, k, key, in.p, aad, use, 0) &&
	    (len == 0 || EVP_CipherUpdate(c, out, &n, in.p + NONCE, (int)len) == 1) &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 && EVP_CipherFinal_ex(c, tail, &n) == 1)
		r = 0;
	EVP_CIPHER_CTX_free(c);
	if (r)
		explicit_bzero(out, len);
	return r;
}

/* ---- the header ---- */

static int put_head(const struct wrap_head *h, size_t body, struct buf *out)
{
	uint8_t b[WRAP_HEAD] = {0};
	size_t name = strlen(h->name), type = strlen(h->type), scope = strlen(h->scope);

	memcpy(b, magic, sizeof(magic));
	le_put(b + 4, h->kind, 1);
	le_put(b + 5, name, 1);
	le_put(b + 6, type, 1);
	le_put(b + 8, h->version, 4);
	le_put(b + 12, scope, 2);
	le_put(b + 16, h->created_s, 8);
	le_put(b + 24, body, 4);
	int r = buf_put(out, view_of(b, sizeof(b)));
	if (!r)
		r = buf_put(out, view_of(h->name, name));
	if (!r)
		r = buf_put(out, view_of(h->type, type));
	if (!r)
		r = buf_put(out, view_of(h->scope, scope));
	return r;
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

/* The header of ${file}, and what follows it: both boxes. */
static int read_head(struct view file, struct wrap_head *h, struct view *aad, struct view *boxes)
{
	*h = (struct wrap_head){0};
	if (file.n < WRAP_HEAD || file.n > WRAP_FILE_MAX || memcmp(file.p, magic, sizeof(magic)))
		return -ERR_CORRUPT;
	const uint8_t *b = file.p;
	uint64_t kind = b[4], body = le_get(b + 24, 4);
	struct view rest = view_skip(file, WRAP_HEAD);
	if (kind < WRAP_CREDENTIAL || kind > WRAP_GONE || b[7] || le_get(b + 14, 2) || body > WRAP_BODY_MAX)
		return -ERR_CORRUPT;
	h->kind = (enum wrap_kind)kind;
	h->version = (uint32_t)le_get(b + 8, 4);
	h->created_s = le_get(b + 16, 8);
	if (!take_text(&rest, b[5], h->name, sizeof(h->name)) || !take_text(&rest, b[6], h->type, sizeof(h->type)) ||
	    !take_text(&rest, le_get(b + 12, 2), h->scope, sizeof(h->scope)))
		return -ERR_CORRUPT;
	if (!wrap_name_ok(h->name) || rest.n != WRAP_EXTRA + body)
		return -ERR_CORRUPT;
	*aad = view_head(file, file.n - rest.n);
	*boxes = rest;
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
	if (RAND_priv_bytes(k->dek.mem, KEY) != 1)
		r = -EIO;
	if (!r)
		r = box_seal(k, k->kek.mem, aad, "key", keep_view(&k->dek), box);
	if (!r)
		r = box_seal(k, k->dek.mem, aad, "body", plain, box + NONCE + KEY + TAG);
	explicit_bzero(k->dek.mem, KEY);
	if (r)
		buf_truncate(out, start);
	else
		buf_commit(out, WRAP_EXTRA + plain.n);
	return r;
}

int wrap_peek(struct view file, struct wrap_head *h)
{
	struct view aad, boxes;
	return read_head(file, h, &aad, &boxes);
}

int wrap_open(const struct wrap_key *k, struct view file, struct wrap_head *h, struct keep *plain)
{
	struct view aad, boxes;

	keep_wipe(plain);
	int r = read_head(file, h, &aad, &boxes);
	if (r)
		return r;
	struct view key = view_head(boxes, NONCE + KEY + TAG), body = view_skip(boxes, NONCE + KEY + TAG);
	if (body.n - NONCE - TAG > plain->cap)
		return -ERR_CORRUPT;
	r = box_open(k, k->kek.mem, aad, "key", key, k->dek.mem);
	if (!r)
		r = box_open(k, k->dek.mem, aad, "body", body, plain->mem);
	explicit_bzero(k->dek.mem, KEY);
	if (!r)
		plain->n = body.n - NONCE - TAG;
	return r;
}
