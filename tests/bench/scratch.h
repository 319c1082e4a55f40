/*
 * scratch.h - a directory for one run, gone when the process is, however it ends.
 * A child waits for the other end of a pipe to close, which the kernel does also after kill -9, and then removes it.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

/* ${path} ends in XXXXXX.  The open directory, or -1. */
static inline int scratch_dir(char *path)
{
	int end[2];
	char c;

	if (pipe2(end, O_CLOEXEC) < 0)
		return -1;
	if (!mkdtemp(path))
		return -1;
	pid_t child = fork();
	if (child == 0) {
		/* What ends the others of the terminal must not end this one. */
		setsid();
		close(end[1]);
		while (read(end[0], &c, 1) < 0 && errno == EINTR)
			;
		execlp("rm", "rm", "-rf", "--", path, (char *)NULL);
		_exit(1);
	}
	close(end[0]);
	if (child < 0) {
		rmdir(path);
		return -1;
	}
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

#endif
