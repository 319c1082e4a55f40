/*
 * relay_peer.c - a server that speaks first: relay_peer ADDR PORT FILE
 * Sends a banner, then FILE, while it reads until the client half-closes; then sends the number of bytes it read, and closes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

static void serve(int c, struct view blob)
{
	static uint8_t in[65536];
	unsigned long long got = 0, sum = 0;
	struct view left = blob;
	bool eof = false;
	char line[96];

	if (fd_write_all(c, VIEW_LIT("5.7.0-banner\n")))
		return;
	while (!eof || left.n) {
		struct pollfd p = {c, (short)((eof ? 0 : POLLIN) | (left.n ? POLLOUT : 0)), 0};
		if (poll(&p, 1, 20000) <= 0)
			return;
		if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
			ssize_t n = recv(c, in, sizeof(in), 0);
			if (n < 0)
				return;
			eof = n == 0;
			for (ssize_t i = 0; i < n; i++)
				sum = sum * 31 + in[i];
			got += (unsigned long long)n;
		}
		if (p.revents & POLLOUT && left.n) {
			ssize_t n = send(c, left.p, left.n < 65536 ? left.n : 65536, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (n > 0)
				left = view_skip(left, (size_t)n);
		}
	}
	snprintf(line, sizeof(line), "got %llu sum %llu\n", got, sum);
	if (fd_write_all(c, view_str(line)))
		return;
}

int main(int argc, char **argv)
{
	struct buf file = {0};
	int one = 1;

	signal(SIGPIPE, SIG_IGN);
	int in = argc == 4 ? fd_slurp(-100, argv[3], 64 << 20, &file) : -1;
	if (in)
		return 2;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
	inet_pton(AF_INET, argv[1], &a.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16)) {
		perror("relay_peer");
		return 2;
	}
	puts("ready");
	fflush(stdout);
	for (int c; (c = accept(fd, NULL, NULL)) >= 0; close(c))
		serve(c, buf_view(&file));
	return 1;
}
