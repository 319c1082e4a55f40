/* mint_root.c - the roots as items of the store.  See mint_internal.h. */
#include <stdio.h>

#include "base/err.h"
#include "vault/mint_internal.h"

static EVP_PKEY *read_key(struct view der)
{
	const uint8_t *p = der.p;
	PKCS8_PRIV_KEY_INFO *p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
	EVP_PKEY *key = p8 && p == der.p + der.n ? EVP_PKCS82PKEY(p8) : NULL;

	PKCS8_PRIV_KEY_INFO_free(p8); /* clears the key */
	return key;
}

static int read_item(struct view item, X509 **cert, EVP_PKEY **key)
{
	uint32_t key_len;

	if (item.n < sizeof(key_len))
		return -ERR_CORRUPT;
	memcpy(&key_len, item.p, sizeof(key_len));
	item = view_skip(item, sizeof(key_len));
	if (key_len > item.n)
		return -ERR_CORRUPT;
	struct view der = view_skip(item, key_len);
	const uint8_t *p = der.p;
	*key = read_key(view_head(item, key_len));
	*cert = d2i_X509(NULL, &p, (long)der.n);
	return *key && *cert && p == der.p + der.n && X509_check_private_key(*cert, *key) == 1 ? 0 : -ERR_CORRUPT;
}

int mint_root_load(struct store *s, const char *item, X509 **cert, EVP_PKEY **key)
{
	struct wrap_head h;
	struct keep plain;
	EVP_PKEY *k = NULL;
	int r = keep_open(&plain, WRAP_BODY_MAX);

	*cert = NULL;
	if (!r)
		r = store_get(s, WRAP_CA, item, &h, &plain);
	if (!r)
		r = read_item(keep_view(&plain), cert, &k);
	keep_free(&plain);
	if (r) {
		X509_free(*cert);
		*cert = NULL;
	}
	if (!r && key)
		*key = k;
	else
		EVP_PKEY_free(k);
	return r;
}

static int put_item(struct store *s, const char *item, struct view plain)
{
	struct wrap_head h = {.kind = WRAP_CA};

	snprintf(h.name, sizeof(h.name), "%s", item);
	snprintf(h.type, sizeof(h.type), "ca");
	return store_put(s, &h, plain);
}

int mint_root_make(struct store *s, const char *item, const char *node, X509 **cert)
{
	struct keep plain;
	uint32_t key_len;

	*cert = NULL;
	int r = keep_open(&plain, WRAP_BODY_MAX);
	if (r)
		return r;
	EVP_PKEY *key = mint_cert_key();
	*cert = key ? mint_cert_root(key, node, wall_now()) : NULL;
	plain.n = sizeof(key_len);
	r = *cert && mint_cert_put_key(key, &plain) ? 0 : -ERR_UNAVAILABLE;
	if (!r) {
		key_len = (uint32_t)(plain.n - sizeof(key_len));
		memcpy(plain.mem, &key_len, sizeof(key_len));
		r = mint_cert_put(*cert, &plain) ? put_item(s, item, keep_view(&plain)) : -ERR_UNAVAILABLE;
	}
	keep_free(&plain);
	EVP_PKEY_free(key);
	if (r) {
		X509_free(*cert);
		*cert = NULL;
	}
	return r;
}

int mint_root_move(struct store *s, const char *from, const char *to)
{
	struct wrap_head h;
	struct keep plain;
	int r = keep_open(&plain, WRAP_BODY_MAX);

	if (!r)
		r = store_get(s, WRAP_CA, from, &h, &plain);
	if (!r)
		r = put_item(s, to, keep_view(&plain));
	keep_free(&plain);
	return r;
}
