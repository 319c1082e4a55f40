/* mint.c - see mint.h. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/err.h"
#include "base/host.h"
#include "base/log.h"
#include "vault/mint_internal.h"

/* A leaf is good for days; a worker keeps it, under the name, for half of one. */
enum { HAND_OUT_S = MINT_DAY / 2, MINT_PER_S = 50, MINT_BURST = 500, REFUSE_PER_S = 50, REFUSE_BURST = 200 };
enum { SECURE_HEAP = 65536, SECURE_MIN = 32 };

static const char next_ca[] = "next"; /* the item of a root that is to come */

struct mint {
	struct store *store; /* borrowed: the root's key is opened there for each signature */
	X509 *root, *next;   /* next: NULL while no rotation is on */
	struct utsname host; /* asked for before the sandbox is on */
	EVP_PKEY *leaf_key;
	struct mint_inters inters;
	struct buf pem;
	struct keep key;          /* the leaf key, PKCS#8 */
	struct keep leaf, issuer; /* DER of what was handed out last */
	struct rate rate, refuse;
};

bool mint_memory(void)
{
	return CRYPTO_secure_malloc_initialized() || CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_MIN) == 1;
}

/* ---- roots ---- */

static int show_cert(X509 *x, struct buf *pem)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *text = NULL;
	int r = -ERR_UNAVAILABLE;

	if (b && PEM_write_bio_X509(b, x) == 1) {
		long n = BIO_get_mem_data(b, &text);
		r = n > 0 ? buf_put(pem, view_of(text, (size_t)n)) : r;
	}
	BIO_free(b);
	return r;
}

/* The roots as they are shown. */
static int show_roots(struct mint *m)
{
	buf_reset(&m->pem);
	int r = show_cert(m->root, &m->pem);
	return r || !m->next ? r : show_cert(m->next, &m->pem);
}

/* A finished rotation leaves the same root in both places. */
static int load_next(struct mint *m)
{
	int r = mint_root_load(m->store, next_ca, &m->next, NULL);

	if (!r && X509_cmp(m->next, m->root) == 0) {
		X509_free(m->next);
		m->next = NULL;
	}
	if (r && r != -ERR_NOT_FOUND)
		log_error("the next root does not open (%s); begin the rotation anew", err_text(r));
	return r == -ENOMEM ? r : 0;
}

int mint_rotate(struct mint *m, bool finish)
{
	int r;

	if (!finish) {
		if (m->next)
			return -ERR_EXISTS;
		r = mint_root_make(m->store, next_ca, m->host.nodename, &m->next);
		return r ? r : show_roots(m);
	}
	if (!m->next)
		return -ERR_NOT_FOUND;
	r = mint_root_move(m->store, next_ca, MINT_ROOT);
	if (r)
		return r;
	X509_free(m->root);
	m->root = m->next;
	m->next = NULL;
	mint_inters_drop(&m->inters); /* leaves stay good: the next intermediates have the same key and name */
	return show_roots(m);
}

static void node_name(struct mint *m)
{
	if (uname(&m->host) < 0)
		snprintf(m->host.nodename, sizeof(m->host.nodename), "unnamed");
	for (char *c = m->host.nodename; *c; c++)
		if (!wrap_name_ok((char[]){*c, 0}))
			*c = '-';
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
	m->store = s;
	node_name(m);
	if (keep_open(&m->key, MINT_KEY_MAX) || keep_open(&m->leaf, MINT_DER_MAX) || keep_open(&m->issuer, MINT_ISSUER_MAX))
		goto out;
	r = mint_root_load(s, MINT_ROOT, &m->root, NULL);
	if (r == -ERR_NOT_FOUND) {
		r = mint_root_make(s, MINT_ROOT, m->host.nodename, &m->root);
		*made = !r;
	}
	if (!r)
		r = load_next(m);
	if (!r)
		r = show_roots(m);
	if (!r)
		r = mint_inters_open(&m->inters);
	m->leaf_key = r ? NULL : mint_cert_key();
	if (!r && (!m->leaf_key || !mint_cert_put_key(m->leaf_key, &m->key)))
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
	mint_inters_free(&m->inters);
	EVP_PKEY_free(m->leaf_key);
	X509_free(m->root);
	X509_free(m->next);
	buf_free(&m->pem);
	keep_free(&m->key);
	keep_free(&m->leaf);
	keep_free(&m->issuer);
	free(m);
	*mp = NULL;
}

static void digest(X509 *x, char out[65])
{
	uint8_t sum[32];
	unsigned n = 0;

	if (X509_digest(x, EVP_sha256(), sum, &n) == 1)
		for (size_t i = 0; i < sizeof(sum); i++)
			snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

void mint_ca(const struct mint *m, struct mint_ca *ca)
{
	*ca = (struct mint_ca){.pem = buf_view(&m->pem)};
	digest(m->root, ca->sha256);
	if (m->next)
		digest(m->next, ca->next_sha256);
	X509_NAME_get_text_by_NID(X509_get_subject_name(m->root), NID_commonName, ca->subject, sizeof(ca->subject));
	ca->not_before = mint_cert_time(X509_get0_notBefore(m->root));
	ca->not_after = mint_cert_time(X509_get0_notAfter(m->root));
}

/* ---- leaves ---- */

int mint_leaf(struct mint *m, const struct lease_book *b, const char *name, bool is_ip, struct wall now, struct mono mono,
    struct mint_chain *out)
{
	const struct mint_inter *issuer;
	struct wall until;

	*out = (struct mint_chain){.ttl_s = HAND_OUT_S};
	if (!rate_take(&m->rate, mono))
		return -EAGAIN;
	int r = mint_inters_for(&m->inters, m->store, b, name, now, &issuer);
	if (r)
		return r;
	X509 *x = mint_cert_leaf(issuer->cert, m->inters.key, m->leaf_key, name, is_ip, now, &until);
	keep_wipe(&m->leaf);
	keep_wipe(&m->issuer);
	r = x && mint_cert_put(x, &m->leaf) && mint_cert_put(issuer->cert, &m->issuer) ? 0 : -ERR_UNAVAILABLE;
	X509_free(x);
	out->leaf = keep_view(&m->leaf);
	out->issuer = keep_view(&m->issuer);
	return r;
}

void mint_forget(struct mint *m)
{
	mint_inters_drop(&m->inters);
}

/* ---- the answer ---- */

static int judge(struct mint *m, const struct lease_book *b, const struct m_mint *q, struct wall now, struct mono mono, char *name,
    struct mint_chain *chain)
{
	bool is_ip;

	if (!memchr(q->name, 0, sizeof(q->name)) || host_canonical(q->name, name, &is_ip) || is_ip != (q->is_ip != 0)) {
		memset(name, 0, HOST_LEN); /* nothing that is no name goes into a record */
		return -ERR_MALFORMED;
	}
	if (!lease_host(b, name))
		return -ERR_DENIED;
	return m ? mint_leaf(m, b, name, is_ip, now, mono, chain) : -ERR_UNAVAILABLE;
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
	struct mint_chain chain = {0};
	int r = judge(m, b, q, now, mono, name, &chain);
	struct view key = r ? view_of(NULL, 0) : keep_view(&m->key);
	struct m_minted head = {.status = r};

	if (!r)
		head = (struct m_minted){.ttl_s = chain.ttl_s, .leaf_len = (uint32_t)chain.leaf.n,
		    .issuer_len = (uint32_t)chain.issuer.n, .key_len = (uint32_t)key.n};

	keep_wipe(out);
	append(out, view_of(&head, sizeof(head)));
	if (!r) {
		append(out, chain.leaf);
		append(out, chain.issuer);
		append(out, key);
	}
	*rec = (struct m_release){.status = r, .slot = slot};
	snprintf(rec->event, sizeof(rec->event), "%s", r ? "refuse" : "mint");
	memcpy(rec->host, name, sizeof(rec->host));
	/* Without an authority every answer is the same; that there is none was said at start. */
	return r ? m && rate_take(&m->refuse, mono) : true;
}
