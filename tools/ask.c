/* ask.c - one request over the control socket.  See tools.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "tools/tools.h"

/* Longer than all that callgate-admin waits for itself. */
enum { ANSWER_MAX = 64 << 20, STEP = 64 << 10, WAIT_SECONDS = 40 };

json_t *tool_request(const char *what, json_t *args)
{
	/* "do" stands first: callgate-admin takes long lines only when it sees at once what they are. */
	return args ? json_pack("{s:s s:o}", "do", what, "args", args) : json_pack("{s:s}", "do", what);
}

static int dial(int *fd)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval wait = {.tv_sec = WAIT_SECONDS};

	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s/control.sock", tool_opts.run);
	if (n < 0 || (size_t)n >= sizeof(at.sun_path))
		return tool_fail(EXIT_USAGE, "--run: the path is too long for a socket");
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return tool_fail(EXIT_NO, "no socket: %s", strerror(errno));
	(void)setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(*fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return EXIT_YES;
	int err = errno;
	fd_close(fd);
	if (err == ENOENT || err == ECONNREFUSED)
		return tool_fail(EXIT_DOWN, "Callgate is not running (%s: %s); start it with: systemctl start callgated", at.sun_path, strerror(err));
	return tool_fail(EXIT_NO, "%s: %s", at.sun_path, strerror(err));
}

static int send_request(int fd, json_t *request, struct view secret)
{
	if (secret.n)
		json_object_set_new(request, "secret_bytes", json_integer((json_int_t)secret.n));
	char *text = json_dumps(request, JSON_COMPACT);
	int r = text ? fd_write_all(fd, view_str(text)) : -ENOMEM;

	free(text);
	if (!r)
		r = fd_write_all(fd, VIEW_LIT("\n"));
	if (!r && secret.n)
		r = fd_write_all(fd, secret);
	return r;
}

/* Up to the end of the first line. */
static int receive(int fd, struct buf *in)
{
	in->max = ANSWER_MAX;
	for (;;) {
		uint8_t *room = buf_reserve(in, STEP);
		if (!room)
			return -ERR_TOO_LONG;
		ssize_t n = read(fd, room, STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ERR_CLOSED;
		buf_commit(in, (size_t)n);
		if (memchr(room, '\n', (size_t)n))
			return 0;
	}
}

static int refused(json_t *v)
{
	const char *error = json_string_value(json_object_get(v, "error"));
	const char *text = json_string_value(json_object_get(v, "text"));

	if (tool_opts.json)
		tool_json(v);
	else
		fprintf(stderr, "callgate: %s%s\n", error && strcmp(error, "denied") == 0 ? "refused: " : "", text ? text : "no reason given");
	return EXIT_NO;
}

int tool_ask(json_t *request, struct view secret, json_t **answer)
{
	struct buf in = {0};
	json_error_t err;
	int fd = -1;
	int status = dial(&fd);

	*answer = NULL;
	if (!status) {
		/* An answer may be there although not everything could be sent: a refusal comes early. */
		int sent = send_request(fd, request, secret);
		int r = receive(fd, &in);
		if (r)
			status = tool_fail(EXIT_DOWN, "callgate-admin gave no answer (%s); see callgate status, and look whether a change was made",
			    r == -EAGAIN ? "it took too long" : err_text(sent ? sent : r));
	}
	if (!status) {
		struct view v = buf_view(&in);
		*answer = json_loadb((const char *)v.p, v.n, 0, &err);
		if (!json_is_object(*answer))
			status = tool_fail(EXIT_NO, "the answer is no JSON object");
		else if (!json_is_true(json_object_get(*answer, "ok")))
			status = refused(*answer);
	}
	if (status) {
		json_decref(*answer);
		*answer = NULL;
	}
	json_decref(request);
	buf_free(&in);
	fd_close(&fd);
	return status;
}

void tool_remark(const json_t *answer)
{
	static const char *const key[] = {"note", "warning"};

	for (size_t i = 0; i < 2; i++) {
		const json_t *v = json_object_get(answer, key[i]);
		if (v)
			fprintf(stderr, "callgate: %s: %s\n", key[i], tool_text(v));
	}
}

int tool_simple(const char *what, json_t *args, void (*done)(const json_t *answer))
{
	json_t *answer;
	int status = tool_ask(tool_request(what, args), view_of(NULL, 0), &answer);

	if (status)
		return status;
	if (tool_opts.json) {
		tool_json(answer);
	} else {
		done(answer);
		tool_remark(answer);
	}
	json_decref(answer);
	return EXIT_YES;
}

int tool_file(const char *path, size_t max, struct buf *out)
{
	int r;

	out->max = max;
	if (strcmp(path, "-") == 0)
		r = fd_read_all(STDIN_FILENO, out);
	else
		r = fd_slurp(AT_FDCWD, path, max, out);
	if (r)
		return tool_fail(EXIT_NO, "%s: %s", strcmp(path, "-") == 0 ? "standard input" : path,
		    r == -ENOBUFS ? "is too large" : r == -ELOOP ? "is a link: name the file itself" : r > -4096 ? strerror(-r) : err_text(r));
	return EXIT_YES;
}
