/* vault_mint_test.c - the authority and its leaves, read by OpenSSL's own strict verifier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/host.h"
#include "vault/mint_internal.h"

enum { DAY = 86400 };

struct place {
	char path[64];
	int dir;
	struct wrap_key *key;
	struct store *s;
	struct mint *m;
	struct lease_book *book;
	struct keep out;
};

static const struct mono t0 = {1000000000000};

static struct wall later(int64_t seconds)
{
	return (struct wall){wall_now().ns + seconds * 1000000000};
}

static void reopen(struct place *p, bool want_made)
{
	bool made;

	mint_free(&p->m);
	store_free(&p->s);
	assert_int_equal(store_open(p->dir, p->key, &p->s), 0);
	assert_int_equal(mint_open(p->s, &p->m, &made), 0);
	assert_int_equal(made, want_made);
}

static void hosts(struct place *p, const char *json)
{
	char why[200];
	json_t *j = json_loads(json, 0, NULL);

	assert_true(lease_hosts(p->book, j, why, sizeof(why)) >= 0);
	json_decref(j);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	int fd = fd_sealed("key", VIEW_LIT("0123456789abcdef0123456789abcdef"));

	(void)mint_memory();
	snprintf(p->path, sizeof(p->path), "/tmp/vault_mint_test.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(wrap_key_read(fd, &p->key), 0);
	close(fd);
	p->book = lease_new();
	assert_int_equal(keep_open(&p->out, 32768), 0);
	reopen(p, true);
	hosts(p, "[{\"name\":\"a\",\"match\":[{\"host\":\"mcp.example\"},{\"host\":\"192.0.2.7\"},{\"host\":\"2001:db8::7\"}]}]");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	DIR *d = opendir(p->path);

	for (struct dirent *e; (e = readdir(d));)
		(void)unlinkat(p->dir, e->d_name, 0);
	closedir(d);
	rmdir(p->path);
	mint_free(&p->m);
	store_free(&p->s);
	lease_free(&p->book);
	wrap_key_free(&p->key);
	keep_free(&p->out);
	close(p->dir);
	free(p);
	return 0;
}

static X509 *cert(struct view der)
{
	const uint8_t *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);

	assert_non_null(x);
	assert_ptr_equal(p, der.p + der.n);
	return x;
}

/* The certificate that is shown first, in DER.  Borrowed until the call after the next. */
static struct view root_of(const struct mint *m)
{
	static uint8_t text[2][MINT_DER_MAX];
	static unsigned turn;
	uint8_t *der = text[turn++ % 2], *end = der;
	struct mint_ca ca;

	mint_ca(m, &ca);
	BIO *b = BIO_new_mem_buf(ca.pem.p, (int)ca.pem.n);
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
	assert_non_null(x);
	assert_true(i2d_X509(x, NULL) <= MINT_DER_MAX);
	assert_true(i2d_X509(x, &end) > 0);
	BIO_free(b);
	X509_free(x);
	return view_of(der, (size_t)(end - der));
}

/* Would a strict client that trusts ${root} alone take ${leaf}, sent with ${issuer}, for ${name} at ${when}? */
static bool client_accepts2(struct view root, struct view leaf, struct view issuer, const char *name, bool is_ip, struct wall when)
{
	X509 *r = cert(root), *l = cert(leaf), *i = cert(issuer);
	STACK_OF(X509) *sent = sk_X509_new_null();
	X509_STORE *st = X509_STORE_new();
	X509_STORE_CTX *c = X509_STORE_CTX_new();

	assert_int_equal(X509_STORE_add_cert(st, r), 1);
	assert_int_equal(sk_X509_push(sent, i), 1);
	assert_int_equal(X509_STORE_CTX_init(c, st, l, sent), 1);
	X509_VERIFY_PARAM *v = X509_STORE_CTX_get0_param(c);
	X509_VERIFY_PARAM_set_flags(v, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
	X509_VERIFY_PARAM_set_purpose(v, X509_PURPOSE_SSL_SERVER);
	X509_VERIFY_PARAM_set_time(v, (time_t)(when.ns / 1000000000));
	X509_VERIFY_PARAM_set_hostflags(v, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	assert_int_equal(is_ip ? X509_VERIFY_PARAM_set1_ip_asc(v, name) : X509_VERIFY_PARAM_set1_host(v, name, 0), 1);
	bool yes = X509_verify_cert(c) == 1;
	X509_STORE_CTX_free(c);
	X509_STORE_free(st);
	sk_X509_pop_free(sent, X509_free);
	X509_free(r);
	X509_free(l);
	return yes;
}

static bool client_accepts(struct view root, const struct mint_chain *c, const char *name, bool is_ip, struct wall when)
{
	return client_accepts2(root, c->leaf, c->issuer, name, is_ip, when);
}

static void test_leaf(void **state)
{
	struct place *p = *state;
	static const struct {
		const char *name, *other;
		bool is_ip;
	} rows[] = {{"mcp.example", "mcp.examplf", false}, {"192.0.2.7", "192.0.2.8", true}, {"2001:db8::7", "2001:db8::8", true}};
	struct mint_chain leaf;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(mint_leaf(p->m, p->book, rows[i].name, rows[i].is_ip, wall_now(), t0, &leaf), 0);
		assert_true(leaf.ttl_s > 0 && leaf.ttl_s <= DAY / 2);
		assert_true(client_accepts(root_of(p->m), &leaf, rows[i].name, rows[i].is_ip, wall_now()));
		assert_false(client_accepts(root_of(p->m), &leaf, rows[i].other, rows[i].is_ip, wall_now()));
		/* a client whose clock is half an hour slow, and one long after */
		assert_true(client_accepts(root_of(p->m), &leaf, rows[i].name, rows[i].is_ip, later(-1800)));
		assert_false(client_accepts(root_of(p->m), &leaf, rows[i].name, rows[i].is_ip, later(3 * DAY)));
		X509 *x = cert(leaf.leaf);
		int days, secs;
		assert_int_equal(ASN1_TIME_diff(&days, &secs, X509_get0_notBefore(x), X509_get0_notAfter(x)), 1);
		assert_true(days < 3 || (days == 3 && secs == 0));
		assert_int_equal(X509_get_extension_flags(x) & (EXFLAG_CA | EXFLAG_INVALID | EXFLAG_SS), 0);
		assert_int_equal(X509_NAME_get_index_by_NID(X509_get_subject_name(x), NID_commonName, -1), -1);
		X509_free(x);
	}
}

static void test_root(void **state)
{
	struct place *p = *state;
	struct mint_ca ca, again;
	X509 *x = cert(root_of(p->m));
	char sum[65];

	assert_int_equal(X509_get_extension_flags(x) & EXFLAG_CA, EXFLAG_CA);
	assert_int_equal(X509_get_pathlen(x), 1);
	assert_int_equal(X509_get_key_usage(x), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_non_null(X509_get0_subject_key_id(x));
	assert_non_null(X509_get0_authority_key_id(x));
	X509_free(x);
	mint_ca(p->m, &ca);
	snprintf(sum, sizeof(sum), "%s", ca.sha256);
	assert_int_equal(strlen(sum), 64);
	assert_true(ca.not_before.ns < wall_now().ns && ca.not_after.ns > later(3000ll * DAY).ns);
	BIO *b = BIO_new_mem_buf(ca.pem.p, (int)ca.pem.n);
	x = PEM_read_bio_X509(b, NULL, NULL, NULL);
	assert_non_null(x);
	X509_free(x);
	BIO_free(b);
	assert_null(memmem(ca.pem.p, ca.pem.n, "PRIVATE", 7));
	/* the same after a restart; leaves of the earlier run still verify */
	struct mint_chain leaf;
	uint8_t kept[MINT_DER_MAX], issuer[MINT_ISSUER_MAX];
	assert_int_equal(mint_leaf(p->m, p->book, "mcp.example", false, wall_now(), t0, &leaf), 0);
	memcpy(kept, leaf.leaf.p, leaf.leaf.n);
	memcpy(issuer, leaf.issuer.p, leaf.issuer.n);
	size_t n = leaf.leaf.n, issuer_n = leaf.issuer.n;
	reopen(p, false);
	mint_ca(p->m, &again);
	assert_string_equal(again.sha256, sum);
	assert_true(client_accepts2(root_of(p->m), view_of(kept, n), view_of(issuer, issuer_n), "mcp.example", false, wall_now()));
}

/* A root that does not open is not replaced by a new one: clients trust the old. */
static void test_damaged_root(void **state)
{
	struct place *p = *state;
	bool made;
	int fd = openat(p->dir, "root.ca", O_WRONLY | O_TRUNC);

	assert_true(fd >= 0);
	close(fd);
	mint_free(&p->m);
	store_free(&p->s);
	assert_int_equal(store_open(p->dir, p->key, &p->s), 0);
	assert_int_equal(mint_open(p->s, &p->m, &made), -ERR_CORRUPT);
	assert_null(p->m);
	assert_false(made);
}

static void test_time(void **state)
{
	struct place *p = *state;
	struct mint_chain leaf;

	/* whatever is handed out outlives its time of use */
	for (int64_t s = 0; s < 5 * DAY; s += 7200) {
		assert_int_equal(mint_leaf(p->m, p->book, "mcp.example", false, later(s), t0, &leaf), 0);
		assert_true(client_accepts(root_of(p->m), &leaf, "mcp.example", false, later(s + leaf.ttl_s)));
	}
	/* the clock went back: what is signed now is good now */
	assert_int_equal(mint_leaf(p->m, p->book, "mcp.example", false, later(3600), t0, &leaf), 0);
	assert_true(client_accepts(root_of(p->m), &leaf, "mcp.example", false, later(3600)));
	/* what is no longer registered is not named */
	hosts(p, "[]");
	mint_forget(p->m);
	assert_int_equal(mint_leaf(p->m, p->book, "mcp.example", false, wall_now(), t0, &leaf), -ERR_DENIED);
}

static void test_rate(void **state)
{
	struct place *p = *state;
	char name[32];
	struct mint_chain leaf;
	int made = 0, refused = 0;
	json_t *match = json_array();

	for (int i = 0; i < 520; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		json_array_append_new(match, json_pack("{s:s}", "host", name));
	}
	json_t *all = json_pack("[{s:s s:o}]", "name", "a", "match", match);
	char *text = json_dumps(all, 0);
	hosts(p, text);
	mint_forget(p->m);
	free(text);
	json_decref(all);
	for (int i = 0; i < 520; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		int r = mint_leaf(p->m, p->book, name, false, wall_now(), t0, &leaf);
		made += r == 0;
		refused += r == -EAGAIN;
	}
	assert_int_equal(made, 500);
	assert_int_equal(refused, 20);
	assert_int_equal(mint_leaf(p->m, p->book, "n501.example", false, wall_now(), mono_after_ms(t0, 1000), &leaf), 0);
}

static int answer(struct place *p, const struct m_mint *q, struct m_release *rec)
{
	struct m_minted head;

	mint_answer(p->m, p->book, q, 2, wall_now(), t0, rec, &p->out);
	assert_true(p->out.n >= sizeof(head));
	memcpy(&head, p->out.mem, sizeof(head));
	assert_int_equal(p->out.n, sizeof(head) + head.leaf_len + head.issuer_len + head.key_len);
	if (head.status) {
		assert_int_equal(p->out.n, sizeof(head));
		return head.status;
	}
	/* leaf and key belong together, and the key is not the root's */
	X509 *x = cert(view_of(p->out.mem + sizeof(head), head.leaf_len));
	const uint8_t *at = p->out.mem + sizeof(head) + head.leaf_len + head.issuer_len;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)head.key_len);
	assert_non_null(key);
	assert_int_equal(X509_check_private_key(x, key), 1);
	X509 *root = cert(root_of(p->m));
	assert_int_equal(X509_check_private_key(root, key), 0);
	X509_free(root);
	X509_free(x);
	EVP_PKEY_free(key);
	return 0;
}

static void test_answer(void **state)
{
	struct place *p = *state;
	struct m_release rec;
	static const struct {
		const char *name;
		uint32_t is_ip;
		int status;
	} rows[] = {
	    {"mcp.example", 0, 0}, {"MCP.Example.", 0, 0}, {"192.0.2.7", 1, 0}, {"2001:DB8:0::7", 1, 0},
	    {"mcp.example", 1, -ERR_MALFORMED}, {"192.0.2.7", 0, -ERR_MALFORMED}, {"www.example", 0, -ERR_DENIED},
	    {"*.example", 0, -ERR_MALFORMED}, {"192.0.2.8", 1, -ERR_DENIED}, {"", 0, -ERR_MALFORMED}, {".", 0, -ERR_MALFORMED},
	    {"mcp.example\n", 0, -ERR_MALFORMED},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct m_mint q = {.is_ip = rows[i].is_ip};
		snprintf(q.name, sizeof(q.name), "%s", rows[i].name);
		assert_int_equal(answer(p, &q, &rec), rows[i].status);
		assert_int_equal(rec.status, rows[i].status);
		assert_string_equal(rec.event, rows[i].status ? "refuse" : "mint");
		assert_int_equal(rec.slot, 2);
	}
	struct m_mint endless;
	memset(&endless, 'a', sizeof(endless));
	assert_int_equal(answer(p, &endless, &rec), -ERR_MALFORMED);
	assert_int_equal(rec.host[0], 0);
	struct m_mint q = {.name = "mcp.example"};
	mint_free(&p->m);
	assert_int_equal(answer(p, &q, &rec), -ERR_UNAVAILABLE);
}

/* A leaf outside the names, signed with the intermediate's own key as a thief of that key would, is refused; one inside is not. */
static void test_constraints(void **state)
{
	static const struct {
		const char *hosts;    /* registered */
		const char *in[3];    /* accepted */
		const char *out[6];   /* refused */
	} rows[] = {
	    {"[{\"host\":\"mcp.example\"},{\"host\":\"b.example\"}]", {"mcp.example", "b.example", "below.mcp.example"},
	        {"example", "evil.example", "xmcp.example", "192.0.2.7", "2001:db8::7", "callgate.invalid"}},
	    {"[{\"host\":\"192.0.2.7\"},{\"host\":\"2001:db8::7\"}]", {"192.0.2.7", "2001:db8::7"},
	        {"example", "192.0.2.8", "2001:db8::8", "0.0.0.0"}},
	    {"[{\"host\":\"mcp.example\"},{\"host\":\"192.0.2.7\"}]", {"mcp.example", "192.0.2.7"},
	        {"evil.example", "192.0.2.6", "2001:db8::7"}},
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mint_inters all;
		const struct mint_inter *by;
		X509 *root;
		uint8_t a[MINT_DER_MAX], b[MINT_ISSUER_MAX];
		struct wall until;
		char json[256];

		snprintf(json, sizeof(json), "[{\"name\":\"a\",\"match\":%s}]", rows[i].hosts);
		hosts(p, json);
		assert_int_equal(mint_root_load(p->s, MINT_ROOT, &root, NULL), 0);
		assert_int_equal(mint_inters_open(&all), 0);
		assert_int_equal(mint_inters_for(&all, p->s, p->book, rows[i].in[0], wall_now(), &by), 0);
		assert_true((X509_get_extension_flags(by->cert) & EXFLAG_CA) && X509_get_pathlen(by->cert) == 0);
		for (size_t k = 0; k < 9; k++) {
			const char *name = k < 3 ? rows[i].in[k] : rows[i].out[k - 3];
			bool is_ip;
			char canon[HOST_LEN];
			if (!name)
				continue;
			assert_int_equal(host_canonical(name, canon, &is_ip), 0);
			X509 *leaf = mint_cert_leaf(by->cert, all.key, all.key, canon, is_ip, wall_now(), &until);
			assert_non_null(leaf);
			struct keep da = {.mem = a, .cap = sizeof(a)}, db = {.mem = b, .cap = sizeof(b)};
			assert_true(mint_cert_put(leaf, &da) && mint_cert_put(by->cert, &db));
			if (client_accepts2(root_of(p->m), keep_view(&da), keep_view(&db), canon, is_ip, wall_now()) != (k < 3))
				fail_msg("%s %s under %s", name, k < 3 ? "refused" : "accepted", rows[i].hosts);
			X509_free(leaf);
		}
		mint_inters_free(&all);
		X509_free(root);
	}
}

/* A host that is added, and the leaf made before: both work with the intermediate of now, under the same root. */
static void test_added(void **state)
{
	struct place *p = *state;
	struct mint_chain leaf;

	assert_int_equal(mint_leaf(p->m, p->book, "new.example", false, wall_now(), t0, &leaf), -ERR_DENIED);
	assert_int_equal(mint_leaf(p->m, p->book, "mcp.example", false, wall_now(), t0, &leaf), 0);
	hosts(p, "[{\"name\":\"a\",\"match\":[{\"host\":\"mcp.example\"},{\"host\":\"new.example\"}]}]");
	mint_forget(p->m);
	assert_int_equal(mint_leaf(p->m, p->book, "new.example", false, wall_now(), t0, &leaf), 0);
	assert_true(client_accepts(root_of(p->m), &leaf, "new.example", false, wall_now()));
	assert_int_equal(mint_leaf(p->m, p->book, "mcp.example", false, wall_now(), t0, &leaf), 0);
	assert_true(client_accepts(root_of(p->m), &leaf, "mcp.example", false, wall_now()));
}

static void test_rotation(void **state)
{
	struct place *p = *state;
	struct mint_ca ca;
	struct mint_chain leaf;
	char old[65], next[65];
	uint8_t first[MINT_DER_MAX];

	mint_ca(p->m, &ca);
	memcpy(old, ca.sha256, sizeof(old));
	assert_string_equal(ca.next_sha256, "");
	struct view v = root_of(p->m);
	size_t n = v.n;
	memcpy(first, v.p, n);
	assert_int_equal(mint_rotate(p->m, true), -ERR_NOT_FOUND);
	assert_int_equal(mint_rotate(p->m, false), 0);
	assert_int_equal(mint_rotate(p->m, false), -ERR_EXISTS);
	for (int again = 0; again < 2; again++) { /* the second time after a restart */
		mint_ca(p->m, &ca);
		assert_string_equal(ca.sha256, old);
		assert_int_equal(strlen(ca.next_sha256), 64);
		memcpy(next, ca.next_sha256, sizeof(next));
		const uint8_t *second = memmem(ca.pem.p + 10, ca.pem.n - 10, "-----BEGIN", 10);
		assert_non_null(second);
		assert_int_equal(mint_leaf(p->m, p->book, "mcp.example", false, wall_now(), t0, &leaf), 0);
		assert_true(client_accepts(view_of(first, n), &leaf, "mcp.example", false, wall_now()));
		reopen(p, false);
	}
	assert_int_equal(mint_leaf(p->m, p->book, "mcp.example", false, wall_now(), t0, &leaf), 0);
	assert_int_equal(mint_rotate(p->m, true), 0);
	for (int again = 0; again < 2; again++) {
		mint_ca(p->m, &ca);
		assert_string_equal(ca.sha256, next);
		assert_string_equal(ca.next_sha256, "");
		/* its issuer is signed by the new root now */
		assert_int_equal(mint_leaf(p->m, p->book, "mcp.example", false, wall_now(), t0, &leaf), 0);
		assert_true(client_accepts(root_of(p->m), &leaf, "mcp.example", false, wall_now()));
		assert_false(client_accepts(view_of(first, n), &leaf, "mcp.example", false, wall_now()));
		reopen(p, false);
	}
	assert_int_equal(mint_rotate(p->m, false), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_leaf), T(test_root), T(test_damaged_root), T(test_time), T(test_rate), T(test_answer), T(test_constraints), T(test_added), T(test_rotation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
