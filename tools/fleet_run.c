/* fleet_run.c - see fleet_run.h. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "tools/fleet_run.h"

enum { SAID_MAX = 1 << 16 };

/* The last line that tells the cause: rsync's own say little more than that its other end is gone. */
static void last_line(struct view v, char out[RUN_SAID])
{
	out[0] = '\0';
	while (v.n) {
		const uint8_t *nl = memchr(v.p, '\n', v.n);
		struct view line = view_head(v, nl ? (size_t)(nl - v.p) : v.n);
		v = view_skip(v, line.n + 1);
		if (line.n && !(out[0] && view_starts(line, VIEW_LIT("rsync"))))
			snprintf(out, RUN_SAID, VIEW_FMT, VIEW_ARG(view_head(line, RUN_SAID - 1)));
	}
}

static void drain(int fd, struct buf *out)
{
	char chunk[4096];
	ssize_t n;

	out->max = SAID_MAX;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			(void)!buf_put(out, view_of(chunk, (size_t)n)); /* the rest is read and dropped, so that it does not hang */
}

int fleet_run(const char *const argv[], struct view in, char said[RUN_SAID])
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", lang[] = "LC_ALL=C", home[] = "HOME=/nonexistent";
	static char *const env[] = {path, lang, home, NULL};
	union {
		const char *const *in;
		char *const *out;
	} words = {argv};
	struct buf out = {0};
	posix_spawn_file_actions_t a;
	int err[2] = {-1, -1}, list = fd_sealed("list", in), status = 0, r;
	pid_t pid = -1;

	said[0] = '\0';
	if (list < 0 || pipe2(err, O_CLOEXEC) < 0) {
		r = list < 0 ? list : -errno;
		fd_close(&list);
		return r;
	}
	lseek(list, 0, SEEK_SET);
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_adddup2(&a, list, 0);
	posix_spawn_file_actions_addopen(&a, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&a, err[1], 2);
	r = -posix_spawnp(&pid, argv[0], &a, NULL, words.out, env);
	posix_spawn_file_actions_destroy(&a);
	fd_close(&list);
	fd_close(&err[1]);
	if (!r) {
		drain(err[0], &out);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		last_line(buf_view(&out), said);
		r = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	}
	fd_close(&err[0]);
	buf_free(&out);
	return r;
}
