/* ask.c - one request over the control socket; see tools.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "tools/tools.h"

enum { ANSWER_MAX = 64 << 20, WAIT_SECONDS = 15 };

json_t *tool_request(const char *what, json_t *args)
{
	return json_pack("{s:s s:o}", "do", what, "args", args ? args : json_object());
}

static int dial(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct timeval wait = {.tv_sec = WAIT_SECONDS};

	if ((size_t)snprintf(un.sun_path, sizeof(un.sun_path), "%s/control.sock", tool_opts.run) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		int e = -errno;
		fd_close(&fd);
		return e;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

static int read_line(int fd, struct buf *in)
{
	for (;;) {
		uint8_t *to = buf_reserve(in, 65536);
		ssize_t n = to ? recv(fd, to, 65536, 0) : -1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		buf_commit(in, (size_t)n);
		if (memchr(to, '\n', (size_t)n))
			return 0;
	}
}

static void print_problems(const json_t *answer)
{
	size_t i;
	json_t *p;

	json_array_foreach(json_object_get(answer, "problems"), i, p)
		fprintf(stderr, "  %lld:%lld: %s: %s%s\n", (long long)json_integer_value(json_object_get(p, "line")),
		    (long long)json_integer_value(json_object_get(p, "column")), json_string_value(json_object_get(p, "pointer")),
		    json_is_true(json_object_get(p, "warning")) ? "warning: " : "", json_string_value(json_object_get(p, "text")));
}

static int refused(const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error")), *text = json_string_value(json_object_get(answer, "text"));
	int status = error && strcmp(error, "refused") == 0 ? tool_fail(EXIT_NO, "refused: %s", text ? text : "") : tool_fail(EXIT_NO, "%s", text ? text : "no reason given");

	print_problems(answer);
	return status;
}

int tool_ask(json_t *request, struct view secret, json_t **answer)
{
	struct buf in = {.max = ANSWER_MAX};
	char *line;
	int status = EXIT_DOWN;

	*answer = NULL;
	if (secret.n)
		json_object_set_new(request, "secret_bytes", json_integer((json_int_t)secret.n));
	line = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	int fd = line ? dial() : -ENOMEM;
	if (fd < 0) {
		tool_fail(EXIT_DOWN, "callgated does not answer at %s/control.sock (%s): is it running?", tool_opts.run, strerror(-fd));
		goto out;
	}
	if (fd_write_all(fd, view_str(line)) || fd_write_all(fd, VIEW_LIT("\n")) || fd_write_all(fd, secret) || read_line(fd, &in)) {
		tool_fail(EXIT_DOWN, "callgate-admin closed the connection or did not answer in %d seconds; see callgate status", WAIT_SECONDS);
		goto out;
	}
	*answer = json_loadb((const char *)buf_view(&in).p, in.len, JSON_DISABLE_EOF_CHECK, NULL);
	status = EXIT_YES;
	if (!json_is_true(json_object_get(*answer, "ok"))) {
		status = refused(*answer);
		json_decref(*answer);
		*answer = NULL;
	}
out:
	fd_close(&fd);
	free(line);
	buf_free(&in);
	return status;
}
