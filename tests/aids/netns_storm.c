/*
 * netns_storm.c - network namespaces come and go: netns_storm PORT BASE COUNT AT_ONCE
 * Each, made without privilege, brings its loopback up and connects: once, which should be refused, and again until it is let through, for two
 * seconds at most.  Prints counts and the longest wait as JSON.
 */
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/aids/storm.h"

struct sum {
	uint32_t made, refused, gated, late, worst_ms;
};

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int attempt(uint32_t number, uint16_t port)
{
	struct sockaddr_in to = storm_addr(number, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), e;
	e = connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : storm_talk(fd, number);
	close(fd);
	return e;
}

static void count(uint32_t *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static void one(struct sum *s, uint32_t number, uint16_t port)
{
	struct ifreq lo = {.ifr_name = "lo"};
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		_exit(1);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	lo.ifr_flags = IFF_UP;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		_exit(1);
	count(&s->made);
	uint64_t start = now_ms();
	if (attempt(number, port) == EPERM)
		count(&s->refused);
	int e = EPERM;
	while (e && now_ms() - start < 2000) {
		usleep(5000);
		e = attempt(number, port);
	}
	uint32_t took = (uint32_t)(now_ms() - start), worst = __atomic_load_n(&s->worst_ms, __ATOMIC_RELAXED);
	count(e ? &s->late : took > 1000 ? &s->late : &s->gated);
	while (took > worst && !__atomic_compare_exchange_n(&s->worst_ms, &worst, took, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	uint16_t port = (uint16_t)atoi(argv[1]);
	uint32_t base = (uint32_t)atoi(argv[2]), n = (uint32_t)atoi(argv[3]), at_once = (uint32_t)atoi(argv[4]), running = 0;
	struct sum *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return 2;
	for (uint32_t i = 0; i < n; i++) {
		if (running == at_once && wait(NULL) > 0)
			running--;
		pid_t pid = fork();
		if (pid == 0)
			one(s, base + i, port);
		running += pid > 0;
	}
	while (wait(NULL) > 0)
		;
	printf("{\"made\":%u,\"first_refused\":%u,\"then_gated\":%u,\"not_within_1s\":%u,\"worst_ms\":%u}\n", s->made, s->refused, s->gated,
	    s->late, s->worst_ms);
	return 0;
}
