/* note.c - see note.h. */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "audit/note.h"
#include "base/err.h"

enum { HASH = 4, TEXT = 128 };
static const char dash[] = "\xe2\x80\x94 "; /* U+2014 and a space */

static void base64(const uint8_t *p, size_t n, char *out)
{
	EVP_EncodeBlock((unsigned char *)out, p, (int)n);
}

/* Exactly ${n} bytes, in the one spelling that base64() gives them. */
static int unbase64(struct view v, uint8_t *out, size_t n)
{
	uint8_t raw[TEXT];
	char again[TEXT + 4];
	size_t want = (n + 2) / 3 * 4;

	if (v.n != want || want >= sizeof(again) || EVP_DecodeBlock(raw, v.p, (int)v.n) < (int)n)
		return -ERR_MALFORMED;
	base64(raw, n, again);
	if (memcmp(again, v.p, want) != 0)
		return -ERR_MALFORMED;
	memcpy(out, raw, n);
	return 0;
}

static int key_hash(const char *name, const uint8_t key[SIGN_PUBLIC], uint8_t out[HASH])
{
	struct chain_sum *s = chain_sum_new();
	uint8_t sum[CHAIN_LEN];

	int r = s ? chain_sum_add(s, view_str(name)) : -ENOMEM;
	if (!r)
		r = chain_sum_add(s, VIEW_LIT("\n\x01"));
	if (!r)
		r = chain_sum_add(s, view_of(key, SIGN_PUBLIC));
	if (!r)
		r = chain_sum_end(s, sum);
	chain_sum_free(&s);
	if (!r)
		memcpy(out, sum, HASH);
	return r;
}

int note_vkey(const char *name, const uint8_t key[SIGN_PUBLIC], char out[NOTE_VKEY])
{
	uint8_t hash[HASH], typed[1 + SIGN_PUBLIC] = {1};
	char hex[2 * HASH + 1], b64[TEXT];

	int r = key_hash(name, key, hash);
	if (r)
		return r;
	memcpy(typed + 1, key, SIGN_PUBLIC);
	chain_hex(hash, HASH, hex);
	base64(typed, sizeof(typed), b64);
	snprintf(out, NOTE_VKEY, "%s+%s+%s", name, hex, b64);
	return 0;
}

int note_key(struct view vkey, char name[NOTE_NAME], uint8_t key[SIGN_PUBLIC])
{
	uint8_t typed[1 + SIGN_PUBLIC], given[HASH], hash[HASH];
	const uint8_t *plus = vkey.n ? memchr(vkey.p, '+', vkey.n) : NULL;
	size_t n = plus ? (size_t)(plus - vkey.p) : 0;
	struct view rest = view_skip(vkey, n + 1);

	name[0] = '\0';
	/* A space or a control character would end the name inside a signature line. */
	for (size_t i = 0; i < n; i++)
		if (vkey.p[i] <= ' ' || vkey.p[i] == 0x7f)
			return -ERR_MALFORMED;
	if (!n || n >= NOTE_NAME || rest.n < 2 * HASH + 1 || rest.p[2 * HASH] != '+' || chain_unhex(view_head(rest, 2 * HASH), given, HASH) ||
	    unbase64(view_skip(rest, 2 * HASH + 1), typed, sizeof(typed)) || typed[0] != 1)
		return -ERR_MALFORMED;
	memcpy(name, vkey.p, n);
	name[n] = '\0';
	memcpy(key, typed + 1, SIGN_PUBLIC);
	int r = key_hash(name, key, hash);
	if (!r && memcmp(hash, given, HASH) != 0)
		r = -ERR_MALFORMED;
	if (r)
		name[0] = '\0';
	return r;
}

int note_sign(const char *name, const uint8_t seed[SIGN_SEED], size_t from, struct buf *out)
{
	uint8_t key[SIGN_PUBLIC], signature[HASH + SIGN_LEN];
	char b64[TEXT];

	int r = sign_public(seed, key);
	if (!r)
		r = key_hash(name, key, signature);
	if (!r)
		r = sign_text(seed, view_skip(buf_view(out), from), signature + HASH);
	if (r)
		return r;
	base64(signature, sizeof(signature), b64);
	return note_signed_by(name, b64, out);
}

int note_signed_by(const char *name, const char *signature, struct buf *out)
{
	return buf_printf(out, "\n%s%s %s\n", dash, name, signature);
}

int note_make(const struct note *n, const uint8_t seed[SIGN_SEED], struct buf *out)
{
	char head[TEXT], mac[MAC_HEX];
	size_t from = out->len;

	base64(n->head, CHAIN_LEN, head);
	chain_hex(n->mac, MAC_LEN, mac);
	int r = buf_printf(out, "%s\n%" PRIu64 "\n%s\nseal %" PRIu64 " %s\nepoch %" PRIu64 " key %s\ntime %s\n", n->name, n->size, head, n->seal, mac,
	    n->epoch, n->key_id, n->time);
	return r ? r : note_sign(n->name, seed, from, out);
}

bool note_line(struct view *v, char *out, size_t cap)
{
	const uint8_t *nl = v->n ? memchr(v->p, '\n', v->n) : NULL;
	size_t n = nl ? (size_t)(nl - v->p) : 0;

	if (!nl || n >= cap || memchr(v->p, '\0', n))
		return false;
	memcpy(out, v->p, n);
	out[n] = '\0';
	*v = view_skip(*v, n + 1);
	return true;
}

int note_read(struct view text, struct note *n)
{
	char size[24], head[TEXT], seal[TEXT], epoch[TEXT], when[TEXT], blank[2], mac[MAC_HEX];
	int end = 0;

	*n = (struct note){0};
	if (!note_line(&text, n->name, sizeof(n->name)) || !note_line(&text, size, sizeof(size)) || !note_line(&text, head, sizeof(head)) ||
	    !note_line(&text, seal, sizeof(seal)) || !note_line(&text, epoch, sizeof(epoch)) || !note_line(&text, when, sizeof(when)) ||
	    !note_line(&text, blank, sizeof(blank)) || blank[0])
		return -ERR_MALFORMED;
	if (strncmp(n->name, "callgate/", 9) != 0 || sscanf(size, "%" SCNu64 "%n", &n->size, &end) != 1 || size[end] ||
	    unbase64(view_str(head), n->head, CHAIN_LEN))
		return -ERR_MALFORMED;
	end = 0;
	if (sscanf(seal, "seal %" SCNu64 " %64[0-9a-f]%n", &n->seal, mac, &end) != 2 || seal[end] || chain_unhex(view_str(mac), n->mac, MAC_LEN))
		return -ERR_MALFORMED;
	end = 0;
	if (sscanf(epoch, "epoch %" SCNu64 " key %16[0-9a-f]%n", &n->epoch, n->key_id, &end) != 2 || epoch[end])
		return -ERR_MALFORMED;
	return sscanf(when, "time %39s", n->time) == 1 ? 0 : -ERR_MALFORMED;
}

bool note_signed(struct view text, const char *name, const uint8_t key[SIGN_PUBLIC])
{
	struct view v;
	return note_signature(text, name, key, &v);
}

bool note_signature(struct view text, const char *name, const uint8_t key[SIGN_PUBLIC], struct view *out)
{
	uint8_t hash[HASH], signature[HASH + SIGN_LEN];
	char start[NOTE_NAME + 8];
	const uint8_t *gap = memmem(text.p, text.n, "\n\n", 2);

	if (!gap || key_hash(name, key, hash))
		return false;
	struct view body = view_head(text, (size_t)(gap - text.p) + 1), rest = view_skip(text, body.n + 1);
	size_t n = (size_t)snprintf(start, sizeof(start), "%s%s ", dash, name);
	while (rest.n) {
		const uint8_t *nl = memchr(rest.p, '\n', rest.n);
		struct view l = view_head(rest, nl ? (size_t)(nl - rest.p) : rest.n);
		rest = view_skip(rest, l.n + 1);
		if (n < sizeof(start) && view_starts(l, view_of(start, n)) && !unbase64(view_skip(l, n), signature, sizeof(signature)) &&
		    memcmp(signature, hash, HASH) == 0 && sign_good(key, body, signature + HASH)) {
			*out = view_skip(l, n);
			return true;
		}
	}
	return false;
}
