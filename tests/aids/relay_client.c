/*
 * relay_client.c - the other end of relay_peer: relay_client ADDR PORT FILE
 * Waits for the banner before it sends a byte, sends FILE while it reads FILE, half-closes, and compares what the server counted.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

static int expect_banner(int fd)
{
	static const char want[] = "5.7.0-banner\n";
	char got[sizeof(want)];
	size_t n = 0;

	while (n < sizeof(want) - 1) {
		struct pollfd p = {fd, POLLIN, 0};
		if (poll(&p, 1, 5000) != 1)
			return -1;
		ssize_t r = recv(fd, got + n, sizeof(want) - 1 - n, 0);
		if (r <= 0)
			return -1;
		n += (size_t)r;
	}
	return memcmp(got, want, n);
}

int main(int argc, char **argv)
{
	struct buf file = {0}, in = {0};

	if (argc != 4 || fd_slurp(-100, argv[3], 64 << 20, &file))
		return 2;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
	inet_pton(AF_INET, argv[1], &a.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		perror("connect");
		return 1;
	}
	if (expect_banner(fd)) {
		puts("no banner");
		return 1;
	}
	puts("banner ok");
	struct view out = buf_view(&file);
	unsigned long long sum = 0;
	for (size_t i = 0; i < out.n; i++)
		sum = sum * 31 + out.p[i];
	size_t want = out.n;
	bool shut = false;
	for (;;) {
		struct pollfd p = {fd, (short)(POLLIN | (out.n ? POLLOUT : 0)), 0};
		if (poll(&p, 1, 20000) <= 0) {
			puts("stalled");
			return 1;
		}
		if (out.n && (p.revents & POLLOUT)) {
			ssize_t n = send(fd, out.p, out.n < 65536 ? out.n : 65536, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (n > 0)
				out = view_skip(out, (size_t)n);
		}
		if (!out.n && !shut) {
			shutdown(fd, SHUT_WR);
			shut = true;
		}
		if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
			uint8_t *to = buf_reserve(&in, 65536);
			ssize_t n = to ? recv(fd, to, 65536, 0) : -1;
			if (n < 0) {
				perror("recv");
				return 1;
			}
			if (n == 0)
				break;
			buf_commit(&in, (size_t)n);
		}
	}
	char tail[96];
	snprintf(tail, sizeof(tail), "got %zu sum %llu\n", want, sum);
	struct view got = buf_view(&in);
	puts(got.n >= want && view_eq(view_head(got, want), buf_view(&file)) ? "bytes ok" : "bytes differ");
	puts(view_is(view_skip(got, want), tail) ? "half-close ok" : "the server's count differs");
	return 0;
}
