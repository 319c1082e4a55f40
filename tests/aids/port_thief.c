/*
 * port_thief.c - a user who wants to be taken for a worker: port_thief FIRST COUNT
 * Until a signal: tries to listen on those ports, at each address that could get a redirected connection.
 * Prints how often it tried, listened, and was called.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SO_REUSEPORT
#define SO_REUSEPORT 15
#endif

static volatile sig_atomic_t ended;

static void on_signal(int s)
{
	(void)s;
	ended = 1;
}

static const char *const places[] = {"127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"};

static int take(const char *text, uint16_t port, int protocol)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int v6 = strchr(text, ':') != NULL, one = 1, zero = 0;
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return -1;
	inet_pton(v6 ? AF_INET6 : AF_INET, text, v6 ? (void *)&a6.sin6_addr : (void *)&a4.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	int r = v6 ? bind(fd, (struct sockaddr *)&a6, sizeof(a6)) : bind(fd, (struct sockaddr *)&a4, sizeof(a4));
	if (r == 0 && listen(fd, 64) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Somebody may come for a moment: then the next place is tried. */
static unsigned wait_for_guests(int fd)
{
	unsigned n = 0;
	struct pollfd p = {fd, POLLIN, 0};
	while (!ended && poll(&p, 1, 50) == 1) {
		int c = accept(fd, NULL, NULL);
		if (c < 0)
			break;
		n++;
		close(c);
	}
	return n;
}

int main(int argc, char **argv)
{
	unsigned long long tried = 0, listened = 0, called = 0;
	struct sigaction act = {.sa_handler = on_signal};
	if (argc != 3)
		return 2;
	sigaction(SIGTERM, &act, NULL);
	int first = atoi(argv[1]), count = atoi(argv[2]);
	for (unsigned i = 0; !ended; i++) {
		int fd = take(places[i % 5], (uint16_t)(first + (int)(i / 5) % count), i / 5 % 3 == 2 ? IPPROTO_MPTCP : 0);
		tried++;
		if (fd >= 0) {
			listened++;
			called += wait_for_guests(fd);
			close(fd);
		} else if (i % 64 == 0) {
			usleep(1000);
		}
	}
	printf("{\"tried\":%llu,\"listened\":%llu,\"called\":%llu}\n", tried, listened, called);
	return 0;
}
