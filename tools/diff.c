/* diff.c - see diff.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "tools/diff.h"
#include "tools/tools.h"

enum { INDENT = 2, DEPTH = 64 };

static int line(struct buf *out, size_t depth)
{
	char pad[INDENT * DEPTH + 1];
	size_t n = (depth < DEPTH ? depth : DEPTH) * INDENT;

	pad[0] = '\n';
	memset(pad + 1, ' ', n);
	return buf_put(out, view_of(pad, n + 1));
}

/* The end of the string that begins at ${i}. */
static size_t string_end(struct view d, size_t i)
{
	for (i++; i < d.n && d.p[i] != '"'; i++)
		i += d.p[i] == '\\';
	return i < d.n ? i + 1 : d.n;
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* An empty list or object stays on its line. */
static size_t empty(struct view d, size_t i)
{
	size_t k = i + 1;

	while (k < d.n && blank(d.p[k]))
		k++;
	return k < d.n && (d.p[k] == ']' || d.p[k] == '}') ? k + 1 : 0;
}

int diff_layout(struct view d, struct buf *out)
{
	size_t depth = 0, i = 0;
	int r = 0;

	while (!r && i < d.n) {
		uint8_t c = d.p[i];
		size_t end = i + 1;
		if (c == '"') {
			end = string_end(d, i);
			r = buf_put(out, view_of(d.p + i, end - i));
		} else if ((c == '{' || c == '[') && empty(d, i)) {
			end = empty(d, i);
			r = buf_puts(out, c == '{' ? "{}" : "[]");
		} else if (c == '{' || c == '[') {
			r = buf_put(out, view_of(&c, 1));
			r = r ? r : line(out, ++depth);
		} else if (c == '}' || c == ']') {
			depth -= depth > 0;
			r = line(out, depth);
			r = r ? r : buf_put(out, view_of(&c, 1));
		} else if (c == ',') {
			r = buf_puts(out, ",");
			r = r ? r : line(out, depth);
		} else if (c == ':') {
			r = buf_puts(out, ": ");
		} else if (!blank(c)) {
			r = buf_put(out, view_of(&c, 1));
		}
		i = end;
	}
	return r ? r : buf_puts(out, "\n");
}

static int memory_file(struct view v)
{
	int fd = memfd_create("policy", 0); /* inherited by diff */

	if (fd >= 0 && (fd_write_all(fd, v) || lseek(fd, 0, SEEK_SET)))
		fd_close(&fd);
	return fd;
}

/* Exit status of diff(1): 0 same, 1 different, 2 trouble. */
static int run(int a, int b, const char *name_a, const char *name_b)
{
	char x[32], y[32];
	int status;

	snprintf(x, sizeof(x), "/dev/fd/%d", a);
	snprintf(y, sizeof(y), "/dev/fd/%d", b);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/usr/bin/diff", "diff", "-u", "--label", name_a, "--label", name_b, x, y, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) < 2 ? WEXITSTATUS(status) : -EIO;
}

int diff_print(struct view old, struct view new, const char *name_old, const char *name_new)
{
	struct buf a = {0}, b = {0};
	int fa = -1, fb = -1;
	int r = diff_layout(old, &a);

	r = r ? r : diff_layout(new, &b);
	if (!r && view_eq(buf_view(&a), buf_view(&b))) {
		if (!view_eq(old, new))
			puts("The documents differ in layout only.");
	} else if (!r) {
		fa = memory_file(buf_view(&a));
		fb = memory_file(buf_view(&b));
		r = fa < 0 || fb < 0 ? -EIO : run(fa, fb, name_old, name_new);
	}
	fd_close(&fa);
	fd_close(&fb);
	buf_free(&a);
	buf_free(&b);
	return r;
}
