/*
 * leaf_chain.c - what a thief of the intermediate's key could sign: leaf_chain DIR HOST[,HOST...] NAME...
 * Makes DIR/root.crt, and for each NAME DIR/NAME.crt (leaf, then an intermediate that the HOSTs are registered for) and DIR/NAME.key.
 * The certificates come from the vault's own code; only the question whether NAME is registered is left out.
 */
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/host.h"
#include "vault/mint_internal.h"

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "leaf_chain: %s failed\n", what);
	exit(1);
}

static FILE *file(const char *dir, const char *name, const char *suffix)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix);
	FILE *f = fopen(path, "w");
	if (!f)
		die(path);
	return f;
}

static struct lease_book *book_of(char *hosts)
{
	struct lease_book *b = lease_new();
	json_t *match = json_array();
	char why[200];

	for (char *h = strtok(hosts, ","); h; h = strtok(NULL, ","))
		json_array_append_new(match, json_pack("{s:s}", "host", h));
	json_t *servers = json_pack("[{s:s s:o}]", "name", "a", "match", match);
	if (!b || lease_hosts(b, servers, why, sizeof(why)) < 0)
		die("registering the hosts");
	json_decref(servers);
	return b;
}

int main(int argc, char **argv)
{
	struct wrap_key *key;
	struct store *s;
	struct mint_inters all;
	const struct mint_inter *by;
	X509 *root;
	struct wall until;

	if (argc < 4)
		die("leaf_chain DIR HOST[,HOST...] NAME...");
	int key_fd = fd_sealed("key", VIEW_LIT("0123456789abcdef0123456789abcdef")), dir = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (dir < 0 || key_fd < 0 || lseek(key_fd, 0, SEEK_SET) != 0 || wrap_key_read(key_fd, &key) || store_open(dir, key, &s))
		die(argv[1]);
	char *first = strdup(argv[2]);
	first[strcspn(first, ",")] = 0;
	struct lease_book *b = book_of(argv[2]);
	if (mint_root_make(s, MINT_ROOT, "lab", &root) || mint_inters_open(&all) || mint_inters_for(&all, s, b, first, wall_now(), &by))
		die("the intermediate");
	FILE *f = file(argv[1], "root", ".crt");
	PEM_write_X509(f, root);
	fclose(f);
	for (int i = 3; i < argc; i++) {
		bool is_ip;
		char name[HOST_LEN];
		EVP_PKEY *k = mint_cert_key();
		X509 *x = host_canonical(argv[i], name, &is_ip) ? NULL : mint_cert_leaf(by->cert, all.key, k, name, is_ip, wall_now(), &until);
		if (!x)
			die(argv[i]);
		f = file(argv[1], argv[i], ".crt");
		PEM_write_X509(f, x);
		PEM_write_X509(f, by->cert);
		fclose(f);
		f = file(argv[1], argv[i], ".key");
		PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL);
		fclose(f);
		X509_free(x);
		EVP_PKEY_free(k);
	}
	return 0;
}
