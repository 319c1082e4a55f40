/*
 * cost.c - cost COMMAND...: run it, and say on standard error what it and its children used:
 *   {"status":0,"seconds":1.23,"cpu":1.20,"rss_max_kb":5120}      rss_max_kb: of the largest of them
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mtime.h"

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct rusage u;
	int status = 0;

	if (argc < 2) {
		fputs("usage: cost COMMAND...\n", stderr);
		return 2;
	}
	struct mono began = mono_now();
	pid_t pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		fprintf(stderr, "cost: %s: %s\n", argv[1], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) != pid)
		return 1;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	fprintf(stderr, "{\"status\":%d,\"seconds\":%.3f,\"cpu\":%.3f,\"rss_max_kb\":%ld}\n", code, (double)(mono_now().ns - began.ns) / 1e9, seconds(u.ru_utime) + seconds(u.ru_stime), u.ru_maxrss);
	return code;
}
