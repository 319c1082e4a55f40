/*
 * marked.c - how long after its start a process is taken for an agent.
 *   marked PROGRAM COUNT PAUSE_MS [fresh]   start PROGRAM, a copy of this file under an agent's name, COUNT times, one after the other; fresh: its
 *                                           change time is new each time, so that its digest is not known.  Prints microseconds as JSON
 *   marked execs SECONDS [PROGRAM]          start PROGRAM (/bin/true), one after the other, as fast as it goes; prints how many
 *   marked busy SECONDS                     use a processor
 * As an agent (any name but marked): asks for leave to send a datagram to an address that nobody has, which agents are refused, until it is refused;
 * prints how many microseconds after its exec (the argument, CLOCK_MONOTONIC) that was.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GIVE_UP_MS = 5000, LOOK_US = 50, COUNT_MAX = 100000 };

extern char **environ;

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The hook comes before the route: without one the answer is another errno. */
static int refused(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xc0000201)}; /* 192.0.2.1 */
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = fd < 0 || (sendto(fd, "", 0, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EPERM);
	close(fd);
	return r;
}

static int agent(uint64_t began)
{
	uint64_t took = 0;
	while (!refused() && (took = now_us() - began) < GIVE_UP_MS * 1000)
		usleep(LOOK_US);
	printf("%llu\n", took < GIVE_UP_MS * 1000 ? (unsigned long long)(now_us() - began) : 0ull);
	return 0;
}

static uint64_t start_one(const char *program)
{
	char text[32] = "";
	int out[2], status;
	if (pipe2(out, O_CLOEXEC) < 0)
		return 0;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		char began[32];
		snprintf(began, sizeof(began), "%llu", (unsigned long long)now_us());
		execl(program, program, began, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	ssize_t n = read(out[0], text, sizeof(text) - 1);
	close(out[0]);
	waitpid(pid, &status, 0);
	return n > 0 ? strtoull(text, NULL, 10) : 0;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static int measure(const char *program, long count, long pause_ms, int fresh)
{
	static uint64_t us[COUNT_MAX];
	long n = 0, never = 0;
	for (long i = 0; i < count && i < COUNT_MAX; i++) {
		if (fresh && utimensat(AT_FDCWD, program, NULL, 0) < 0)
			return 1;
		uint64_t t = start_one(program);
		if (t)
			us[n++] = t;
		else
			never++;
		usleep((useconds_t)pause_ms * 1000);
	}
	qsort(us, (size_t)n, sizeof(us[0]), by_size);
	if (n)
		printf("{\"n\":%ld,\"never\":%ld,\"median\":%llu,\"p90\":%llu,\"p99\":%llu,\"max\":%llu}\n", n, never, (unsigned long long)us[n / 2],
		    (unsigned long long)us[n * 9 / 10], (unsigned long long)us[n * 99 / 100], (unsigned long long)us[n - 1]);
	else
		printf("{\"n\":0,\"never\":%ld}\n", never);
	return 0;
}

static int execs(long seconds, char *program)
{
	char *argv[] = {program, NULL};
	uint64_t end = now_us() + (uint64_t)seconds * 1000000, n = 0;
	int status;
	pid_t pid;
	for (; now_us() < end && posix_spawn(&pid, program, NULL, NULL, argv, environ) == 0; n++)
		waitpid(pid, &status, 0);
	printf("%llu\n", (unsigned long long)n);
	return 0;
}

static int busy(long seconds)
{
	uint64_t end = now_us() + (uint64_t)seconds * 1000000;
	while (now_us() < end)
		;
	return 0;
}

int main(int argc, char **argv)
{
	static char none[] = "/bin/true";
	const char *slash = strrchr(argv[0], '/');
	if (strcmp(slash ? slash + 1 : argv[0], "marked"))
		return agent(argc > 1 ? strtoull(argv[1], NULL, 10) : now_us());
	if (argc >= 3 && strcmp(argv[1], "execs") == 0)
		return execs(atol(argv[2]), argc > 3 ? argv[3] : none);
	if (argc == 3 && strcmp(argv[1], "busy") == 0)
		return busy(atol(argv[2]));
	if (argc < 4) {
		fprintf(stderr, "usage: marked PROGRAM COUNT PAUSE_MS [fresh] | execs SECONDS [PROGRAM] | busy SECONDS\n");
		return 2;
	}
	return measure(argv[1], atol(argv[2]), atol(argv[3]), argc > 4);
}
