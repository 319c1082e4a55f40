/* audit_aid.h - directories of streams in tests. */
#ifndef AUDIT_AID_H
#define AUDIT_AID_H

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Everything below ${name}, and ${name} itself. */
static void __attribute__((unused)) aid_remove(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *e; d && (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlinkat(fd, e->d_name, 0) < 0)
			aid_remove(fd, e->d_name);
	if (d)
		closedir(d);
	(void)!unlinkat(at, name, AT_REMOVEDIR);
}

/* For the tests alone, which have cmocka. */
#ifdef assert_int_equal

#include "audit/names.h"
#include "base/fd.h"

/* No file in ${sub} any more. */
static void __attribute__((unused)) aid_clear(int dir, const char *sub)
{
	int fd = openat(dir, sub, O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			assert_int_equal(unlinkat(fd, e->d_name, 0), 0);
	closedir(d);
}

/* Name and bytes of the one file that is written. */
static void __attribute__((unused)) aid_open_file(int dir, char name[NAMES_MAX], struct buf *bytes)
{
	struct names_list l;

	assert_int_equal(names_read(dir, NAMES_OPEN, &l), 0);
	assert_int_equal(l.n, 1);
	names_path(&l.at[0], name);
	names_free(&l);
	buf_reset(bytes);
	assert_int_equal(fd_slurp(dir, name, 1 << 20, bytes), 0);
}

#endif

/* The keys and checkpoints that a run made: the next one is on its own. */
static void __attribute__((unused)) aid_forget(int dir)
{
	aid_remove(dir, "keys");
	aid_remove(dir, "checkpoints");
	(void)!unlinkat(dir, "checkpoint", 0);
}

#endif
