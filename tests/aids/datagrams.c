/* datagrams.c - datagrams unix PATH | udp PORT: print every datagram that comes as one line, other control characters than its newlines as they are. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	static char data[1 << 18];
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	if (argc != 3)
		return 2;
	int udp = strcmp(argv[1], "udp") == 0, fd = socket(udp ? AF_INET : AF_UNIX, SOCK_DGRAM, 0);
	in.sin_port = htons((unsigned short)atoi(argv[2]));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", argv[2]);
	if (fd < 0 || bind(fd, udp ? (struct sockaddr *)&in : (struct sockaddr *)&un, udp ? sizeof(in) : sizeof(un)) < 0) {
		perror(argv[2]);
		return 1;
	}
	if (!udp && chmod(argv[2], 0666) < 0)
		return 1;
	fprintf(stderr, "ready\n");
	for (ssize_t n; (n = recv(fd, data, sizeof(data) - 1, 0)) >= 0;) {
		for (ssize_t i = 0; i < n; i++)
			if (data[i] == '\n')
				data[i] = '\t';
		printf("%.*s\n", (int)n, data);
		fflush(stdout);
	}
	return 1;
}
