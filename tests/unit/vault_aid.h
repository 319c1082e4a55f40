/* vault_aid.h - a vault in a directory of its own, as callgate-vault has it.  After the headers that cmocka wants. */
#ifndef TESTS_VAULT_AID_H
#define TESTS_VAULT_AID_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "vault/op.h"

struct aid_vault {
	char path[64];
	int dir;
	struct wrap_key *key;
	struct op_vault v;
};

static inline void aid_vault_open(struct aid_vault *a)
{
	int fd = fd_sealed("key", VIEW_LIT("0123456789abcdef0123456789abcdef"));

	*a = (struct aid_vault){.path = "/tmp/callgate-vault-XXXXXX"};
	assert_non_null(mkdtemp(a->path));
	a->dir = open(a->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(wrap_key_read(fd, &a->key), 0);
	close(fd);
	assert_int_equal(store_open(a->dir, a->key, &a->v.store), 0);
	a->v.book = lease_new();
	a->v.tokens = token_new();
}

static inline void aid_vault_close(struct aid_vault *a)
{
	DIR *d = opendir(a->path);

	for (struct dirent *e; (e = readdir(d));)
		(void)unlinkat(a->dir, e->d_name, 0);
	closedir(d);
	rmdir(a->path);
	store_free(&a->v.store);
	lease_free(&a->v.book);
	free(a->v.tokens);
	wrap_key_free(&a->key);
	close(a->dir);
}

#endif
