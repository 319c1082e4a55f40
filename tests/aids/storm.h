/* storm.h - what the two ends of a storm of connections say to each other: storm.c, netns_storm.c. */
#ifndef TESTS_AIDS_STORM_H
#define TESTS_AIDS_STORM_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STORM_MAGIC = 0x01474300, STORM_NET = 10 << 24 };

/* Said by the client, answered unchanged.  Neither TLS nor HTTP, so the gate relays it. */
struct storm_word {
	uint32_t magic;
	uint32_t pid;
	uint32_t number; /* of the connection: it goes to 10.0.0.0 + number */
	uint32_t port;   /* of the client's socket */
};

/* What the far side saw. */
struct storm_seen {
	uint32_t number; /* from the address it was called at */
	uint32_t peer;   /* network order */
	struct storm_word word;
};

static inline struct sockaddr_in storm_addr(uint32_t number, uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl((uint32_t)STORM_NET + number)};
}

/* Say the word and hear it back: 0, or an errno. */
static inline int storm_talk(int fd, uint32_t number)
{
	struct sockaddr_in self = {0};
	socklen_t len = sizeof(self);
	struct storm_word w = {.magic = STORM_MAGIC, .pid = (uint32_t)getpid(), .number = number}, back;
	getsockname(fd, (struct sockaddr *)&self, &len);
	w.port = ntohs(self.sin_port);
	if (send(fd, &w, sizeof(w), MSG_NOSIGNAL) != (ssize_t)sizeof(w))
		return errno ? errno : EIO;
	size_t n = 0;
	while (n < sizeof(back)) {
		struct pollfd p = {fd, POLLIN, 0};
		if (poll(&p, 1, 20000) != 1)
			return ETIMEDOUT;
		ssize_t r = recv(fd, (char *)&back + n, sizeof(back) - n, 0);
		if (r <= 0)
			return r ? errno : ECONNRESET;
		n += (size_t)r;
	}
	return memcmp(&w, &back, sizeof(w)) ? EBADMSG : 0;
}

#endif
