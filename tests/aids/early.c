/*
 * early.c - an agent that has opened something before anybody knows it: early tcp|udp PORT plain|thread|orphan
 * Connects to 10.1.2.3 and speaks every 100 ms: "went" each time that went well, then "ended ERRNO" (0: end of file).
 *   thread   a thread opens the socket, which has a table of files of its own
 *   orphan   the same, and the first thread has ended
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TURNS = 600, PAUSE_US = 100000, ANSWER_S = 30 };

static int tcp, port;
static const char *how;

/* What `storm serve` answers. */
static int speak(int fd)
{
	unsigned word[4] = {0x01474300, 1, 2, 3};
	char answer[16];
	if (send(fd, word, sizeof(word), MSG_NOSIGNAL) < 0)
		return errno == ECONNREFUSED && !tcp ? 0 : errno; /* nobody listens there; the datagram before this one arrived */
	if (!tcp)
		return 0;
	ssize_t n = recv(fd, answer, sizeof(answer), 0);
	return n > 0 ? 0 : n < 0 ? errno : -1;
}

static void *talk(void *arg)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(0x0a010203)};
	struct timeval wait = {.tv_sec = ANSWER_S};
	int e = 0;
	if (arg && unshare(CLONE_FILES) < 0)
		exit(1);
	int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		e = errno;
	for (int i = 0; i < TURNS && !e; i++) {
		e = speak(fd);
		if (!e)
			puts("went");
		usleep(PAUSE_US);
	}
	printf("ended %d\n", e);
	exit(0);
}

int main(int argc, char **argv)
{
	pthread_t t;
	if (argc != 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcp = strcmp(argv[1], "tcp") == 0;
	port = atoi(argv[2]);
	how = argv[3];
	if (strcmp(how, "plain") == 0)
		talk(NULL);
	if (pthread_create(&t, NULL, talk, argv) != 0)
		return 1;
	if (strcmp(how, "orphan") == 0)
		pthread_exit(NULL);
	pthread_join(t, NULL);
	return 0;
}
