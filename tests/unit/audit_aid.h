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

/* The keys and checkpoints that a run made: the next one is on its own. */
static void __attribute__((unused)) aid_forget(int dir)
{
	aid_remove(dir, "keys");
	aid_remove(dir, "checkpoints");
	(void)!unlinkat(dir, "checkpoint", 0);
}

#endif
