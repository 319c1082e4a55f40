/* mint_inter.c - the online intermediates: who may be named, and when the root signs again.  See mint_internal.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "vault/mint_internal.h"

int mint_inters_open(struct mint_inters *all)
{
	*all = (struct mint_inters){.key = mint_cert_key()};
	return all->key && mint_cert_tag(all->tag) ? 0 : -ERR_UNAVAILABLE;
}

void mint_inters_drop(struct mint_inters *all)
{
	for (size_t i = 0; i < all->n; i++) {
		X509_free(all->row[i]->cert);
		free(all->row[i]);
	}
	all->n = 0;
}

void mint_inters_free(struct mint_inters *all)
{
	mint_inters_drop(all);
	EVP_PKEY_free(all->key);
	all->key = NULL;
}

/* A leaf that is made now must end before its issuer does; a clock that went back needs another one too. */
static bool fresh(const struct mint_inter *i, struct wall now)
{
	return now.ns >= i->made.ns && i->until.ns - now.ns > (int64_t)MINT_LEAF_S * 1000000000;
}

static struct mint_inter *covering(struct mint_inters *all, const char *host)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->row[i]->first, host) <= 0 && strcmp(host, all->row[i]->last) <= 0)
			return all->row[i];
	return NULL;
}

/* The run of MINT_CHUNK registered hosts that ${host} falls into. */
static size_t run_of(const struct lease_book *b, const char *host, const char *run[MINT_CHUNK])
{
	bool here = false;
	size_t n = 0;

	for (const char *h = lease_next_host(b, ""); h; h = lease_next_host(b, h)) {
		if (n == MINT_CHUNK) {
			if (here)
				break;
			n = 0;
		}
		here = here || strcmp(h, host) == 0;
		run[n++] = h;
	}
	return here ? n : 0;
}

static int sign(struct mint_inters *all, struct store *s, const struct lease_book *b, const char *host, struct wall now,
    struct mint_inter *i)
{
	const char *run[MINT_CHUNK];
	size_t n = run_of(b, host, run);
	EVP_PKEY *root_key = NULL;
	X509 *root = NULL;

	if (!n)
		return -ERR_DENIED;
	int r = mint_root_load(s, MINT_ROOT, &root, &root_key);
	X509 *cert = r ? NULL : mint_cert_inter(root, root_key, all->key, all->tag, run, n, now);
	EVP_PKEY_free(root_key);
	X509_free(root);
	if (!cert)
		return r ? r : -ERR_UNAVAILABLE;
	X509_free(i->cert);
	i->cert = cert;
	i->made = now;
	i->until = mint_cert_time(X509_get0_notAfter(cert));
	snprintf(i->first, sizeof(i->first), "%s", run[0]);
	snprintf(i->last, sizeof(i->last), "%s", run[n - 1]);
	return 0;
}

int mint_inters_for(struct mint_inters *all, struct store *s, const struct lease_book *b, const char *host, struct wall now,
    const struct mint_inter **out)
{
	struct mint_inter *have = covering(all, host), *i = have;

	*out = NULL;
	if (!lease_host(b, host))
		return -ERR_DENIED;
	if (!i && all->n == MINT_CHUNKS)
		return -ERR_UNAVAILABLE;
	if (!i && !(i = calloc(1, sizeof(*i))))
		return -ENOMEM;
	int r = have && fresh(have, now) ? 0 : sign(all, s, b, host, now, i);
	if (!have && r)
		free(i);
	else if (!have)
		all->row[all->n++] = i;
	if (!r)
		*out = i;
	return r;
}
