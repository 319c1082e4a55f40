/* mint.c - see mint.h. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/err.h"
#include "base/log.h"
#include "vault/mint_internal.h"

/* Two days before a leaf ends the next one is made; so a worker may keep one for a day. */
enum { SPARE_S = 2 * 86400, HAND_OUT_S = 86400, MINT_PER_S = 50, MINT_BURST = 500, REFUSE_PER_S = 50, REFUSE_BURST = 200 };
enum { SECURE_HEAP = 65536, SECURE_MIN = 32 };

static const char ca_name[] = "root";

struct leaf {
	char name[HOST_LEN];
	struct wall made, until;
	uint64_t used; /* order of use: the smallest is replaced */
	uint16_t len;
	uint8_t der[MINT_DER_MAX];
};

struct mint {
	EVP_PKEY *root_key, *leaf_key;
	X509 *root;
	uint8_t root_der[MINT_DER_MAX];
	size_t root_len;
	struct buf pem;
	struct keep key; /* the leaf key, PKCS#8 */
	struct leaf *leaf;
	size_t leaves;
	uint64_t uses;
	struct rate rate, refuse;
};

bool mint_memory(void)
{
	return CRYPTO_secure_malloc_initialized() || CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_MIN) == 1;
}

/* ---- the root: at rest it is one item, u32 length of the key, key as PKCS#8, certificate as DER ---- */

/* PKCS#8 of ${key} into ${out} at ${out}->n. */
static bool put_key(EVP_PKEY *key, struct keep *out)
{
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
	int len = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, NULL) : -1;
	bool ok = len > 0 && (size_t)len <= out->cap - out->n;

	if (ok) {
		uint8_t *p = out->mem + out->n;
		ok = i2d_PKCS8_PRIV_KEY_INFO(p8, &p) == len;
		out->n += ok ? (size_t)len : 0;
	}
	PKCS8_PRIV_KEY_INFO_free(p8); /* clears the key */
	return ok;
}

static bool put_cert(X509 *x, struct keep *out)
{
	int len = i2d_X509(x, NULL);

	if (len <= 0 || (size_t)len > out->cap - out->n)
		return false;
	uint8_t *p = out->mem + out->n;
	out->n += (size_t)len;
	return i2d_X509(x, &p) == len;
}

static EVP_PKEY *read_key(struct view der)
{
	const uint8_t *p = der.p;
	PKCS8_PRIV_KEY_INFO *p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
	EVP_PKEY *key = p8 && p == der.p + der.n ? EVP_PKCS82PKEY(p8) : NULL;

	PKCS8_PRIV_KEY_INFO_free(p8);
	return key;
}

static int read_root(struct mint *m, struct view item)
{
	uint32_t key_len;

	if (item.n < sizeof(key_len))
		return -ERR_CORRUPT;
	memcpy(&key_len, item.p, sizeof(key_len));
	item = view_skip(item, sizeof(key_len));
	if (key_len > item.n)
		return -ERR_CORRUPT;
	struct view cert = view_skip(item, key_len);
	const uint8_t *p = cert.p;
	m->root_key = read_key(view_head(item, key_len));
	m->root = d2i_X509(NULL, &p, (long)cert.n);
	if (!m->root_key || !m->root || p != cert.p + cert.n || X509_check_private_key(m->root, m->root_key) != 1)
		return -ERR_CORRUPT;
	return 0;
}

static int make_root(struct mint *m, struct store *s)
{
	struct utsname host;
	struct wrap_head h = {.kind = WRAP_CA};
	struct keep item;
	uint32_t key_len;

	if (uname(&host) < 0)
		return -errno;
	for (char *c = host.nodename; *c; c++)
		if (!wrap_name_ok((char[]){*c, 0}))
			*c = '-';
	int r = keep_open(&item, WRAP_BODY_MAX);
	if (r)
		return r;
	m->root_key = mint_cert_key();
	m->root = m->root_key ? mint_cert_root(m->root_key, host.nodename, wall_now()) : NULL;
	item.n = sizeof(key_len);
	r = m->root && put_key(m->root_key, &item) ? 0 : -ERR_UNAVAILABLE;
	if (!r) {
		key_len = (uint32_t)(item.n - sizeof(key_len));
		memcpy(item.mem, &key_len, sizeof(key_len));
		snprintf(h.name, sizeof(h.name), "%s", ca_name);
		snprintf(h.type, sizeof(h.type), "ca");
		r = put_cert(m->root, &item) ? store_put(s, &h, keep_view(&item)) : -ERR_UNAVAILABLE;
	}
	keep_free(&item);
	return r;
}

static int load_root(struct mint *m, struct store *s)
{
	struct wrap_head h;
	struct keep item;
	int r = keep_open(&item, WRAP_BODY_MAX);

	if (!r)
		r = store_get(s, WRAP_CA, ca_name, &h, &item);
	if (!r)
		r = read_root(m, keep_view(&item));
	keep_free(&item);
	return r;
}

/* The forms of the root that are handed out. */
static int show_root(struct mint *m)
{
	struct keep der = {.mem = m->root_der, .cap = sizeof(m->root_der)};
	BIO *b = BIO_new(BIO_s_mem());
	char *pem = NULL;
	int r = -ERR_UNAVAILABLE;

	if (b && put_cert(m->root, &der) && PEM_write_bio_X509(b, m->root) == 1) {
		long n = BIO_get_mem_data(b, &pem);
		m->root_len = der.n;
		r = n > 0 ? buf_put(&m->pem, view_of(pem, (size_t)n)) : r;
	}
	BIO_free(b);
	return r;
}

int mint_open(struct store *s, struct mint **out, bool *made)
{
	struct mint *m = calloc(1, sizeof(*m));
	int r = -ENOMEM;

	*out = NULL;
	*made = false;
	if (!m)
		return r;
	m->rate = (struct rate){.per_s = MINT_PER_S, .burst = MINT_BURST};
	m->refuse = (struct rate){.per_s = REFUSE_PER_S, .burst = REFUSE_BURST};
	m->leaf = calloc(MINT_CACHE, sizeof(*m->leaf));
	if (!m->leaf || keep_open(&m->key, MINT_KEY_MAX))
		goto out;
	r = load_root(m, s);
	if (r == -ERR_NOT_FOUND) {
		r = make_root(m, s);
		*made = !r;
	}
	if (!r)
		r = show_root(m);
	m->leaf_key = r ? NULL : mint_cert_key();
	if (!r && (!m->leaf_key || !put_key(m->leaf_key, &m->key)))
		r = -ERR_UNAVAILABLE;
out:
	if (r)
		mint_free(&m);
	*out = m;
	return r;
}

void mint_free(struct mint **mp)
{
	struct mint *m = *mp;

	if (!m)
		return;
	EVP_PKEY_free(m->root_key);
	EVP_PKEY_free(m->leaf_key);
	X509_free(m->root);
	buf_free(&m->pem);
	keep_free(&m->key);
	free(m->leaf);
	free(m);
	*mp = NULL;
}

struct view mint_root(const struct mint *m)
{
	return view_of(m->root_der, m->root_len);
}

void mint_ca(const struct mint *m, struct mint_ca *ca)
{
	uint8_t sum[32];
	unsigned n = 0;

	*ca = (struct mint_ca){.pem = buf_view(&m->pem)};
	if (EVP_Digest(m->root_der, m->root_len, sum, &n, EVP_sha256(), NULL) == 1)
		for (size_t i = 0; i < sizeof(sum); i++)
			snprintf(ca->sha256 + 2 * i, 3, "%02x", sum[i]);
	X509_NAME_get_text_by_NID(X509_get_subject_name(m->root), NID_commonName, ca->subject, sizeof(ca->subject));
	ca->not_before = mint_cert_time(X509_get0_notBefore(m->root));
	ca->not_after = mint_cert_time(X509_get0_notAfter(m->root));
}

/* ---- leaves ---- */

/* Seconds that ${l} may still be used, 0 when it is time for another.  A clock that went back before it was made also ends it. */
static uint32_t usable_s(const struct leaf *l, struct wall now, int64_t spare_s)
{
	int64_t left = (l->until.ns - now.ns) / 1000000000 - spare_s;

	if (now.ns < l->made.ns || left <= 0)
		return 0;
	return left < HAND_OUT_S ? (uint32_t)left : HAND_OUT_S;
}

static struct leaf *cached(struct mint *m, const char *name)
{
	for (size_t i = 0; i < m->leaves; i++)
		if (strcmp(m->leaf[i].name, name) == 0)
			return &m->leaf[i];
	return NULL;
}

static struct leaf *oldest(struct mint *m)
{
	struct leaf *l = m->leaf;

	if (m->leaves < MINT_CACHE)
		return &m->leaf[m->leaves++];
	for (size_t i = 1; i < m->leaves; i++)
		if (m->leaf[i].used < l->used)
			l = &m->leaf[i];
	return l;
}

static int make_leaf(struct mint *m, const char *name, bool is_ip, struct wall now, struct leaf *l)
{
	struct keep der = {.mem = l->der, .cap = sizeof(l->der)};
	struct wall until;
	X509 *x = mint_cert_leaf(m->root, m->root_key, m->leaf_key, name, is_ip, now, &until);
	bool ok = x && put_cert(x, &der);

	X509_free(x);
	if (!ok)
		return -ERR_UNAVAILABLE;
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->made = now;
	l->until = until;
	l->len = (uint16_t)der.n;
	return 1;
}

int mint_leaf(struct mint *m, const char *name, bool is_ip, struct wall now, struct mono mono, struct view *leaf, uint32_t *ttl_s)
{
	struct leaf *l = cached(m, name);
	int r = 0;

	*leaf = view_of(NULL, 0);
	*ttl_s = l ? usable_s(l, now, SPARE_S) : 0;
	if (!*ttl_s) {
		if (!rate_take(&m->rate, mono))
			return -EAGAIN;
		if (!l)
			l = oldest(m);
		r = make_leaf(m, name, is_ip, now, l);
		if (r < 0) {
			*l = (struct leaf){0}; /* an empty name matches nobody */
			return r;
		}
		*ttl_s = usable_s(l, now, SPARE_S);
	}
	l->used = ++m->uses;
	*leaf = view_of(l->der, l->len);
	return r;
}

void mint_forget(struct mint *m, const struct lease_book *b)
{
	size_t to = 0;

	for (size_t i = 0; i < m->leaves; i++) {
		if (!lease_host(b, m->leaf[i].name))
			continue;
		if (i != to)
			m->leaf[to] = m->leaf[i];
		to++;
	}
	m->leaves = to;
}

/* ---- the answer ---- */

static int judge(struct mint *m, const struct lease_book *b, const struct m_mint *q, struct wall now, struct mono mono, char *name,
    struct view *leaf, uint32_t *ttl_s)
{
	bool is_ip;

	if (!memchr(q->name, 0, sizeof(q->name)) || lease_canonical(q->name, name, &is_ip) || is_ip != (q->is_ip != 0)) {
		memset(name, 0, HOST_LEN); /* nothing that is no name goes into a record */
		return -ERR_MALFORMED;
	}
	if (!lease_host(b, name))
		return -ERR_DENIED;
	return m ? mint_leaf(m, name, is_ip, now, mono, leaf, ttl_s) : -ERR_UNAVAILABLE;
}

static void append(struct keep *out, struct view v)
{
	memcpy(out->mem + out->n, v.p, v.n);
	out->n += v.n;
}

bool mint_answer(struct mint *m, const struct lease_book *b, const struct m_mint *q, uint32_t slot, struct wall now,
    struct mono mono, struct m_release *rec, struct keep *out)
{
	char name[HOST_LEN] = "";
	struct view leaf = {0};
	uint32_t ttl_s = 0;
	int r = judge(m, b, q, now, mono, name, &leaf, &ttl_s);
	struct view key = r < 0 ? view_of(NULL, 0) : keep_view(&m->key);
	struct m_minted head = {.status = r < 0 ? r : 0, .ttl_s = ttl_s, .leaf_len = (uint32_t)leaf.n, .key_len = (uint32_t)key.n};

	keep_wipe(out);
	append(out, view_of(&head, sizeof(head)));
	if (r >= 0) {
		append(out, leaf);
		append(out, key);
	}
	*rec = (struct m_release){.status = head.status, .slot = slot};
	snprintf(rec->event, sizeof(rec->event), "%s", r < 0 ? "refuse" : "mint");
	memcpy(rec->host, name, sizeof(rec->host));
	/* Without an authority every answer is the same; that there is none was said at start. */
	return r < 0 ? m && rate_take(&m->refuse, mono) : r == 1;
}
