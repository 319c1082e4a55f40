/* as_user.c - see as_user.h. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mtime.h"
#include "tools/as_user.h"
#include "tools/tools.h"

int as_user_find(const char *name, struct as_user *u)
{
	errno = 0;
	const struct passwd *p = name ? getpwnam(name) : getpwuid(geteuid());

	if (!p)
		return tool_fail(EXIT_NO, "there is no account %s", name ? name : "for who calls this");
	if (snprintf(u->name, sizeof(u->name), "%s", p->pw_name) >= (int)sizeof(u->name) || snprintf(u->home, sizeof(u->home), "%s", p->pw_dir) >= (int)sizeof(u->home))
		return tool_fail(EXIT_NO, "the account %s has too long a name or home directory", p->pw_name);
	u->uid = p->pw_uid;
	u->gid = p->pw_gid;
	if (geteuid() != 0 && u->uid != geteuid())
		return tool_fail(EXIT_NO, "only root reads what belongs to another account (%s)", u->name);
	return EXIT_YES;
}

static void tell(void *arg, const struct clients_row *row)
{
	if (fd_write_all(*(const int *)arg, view_of(row, sizeof(*row))))
		_exit(1);
}

static void __attribute__((noreturn)) child(const struct as_user *u, as_user_work *work, const void *what, int out)
{
	struct rlimit cpu = {AS_USER_SECONDS, AS_USER_SECONDS};

	if (geteuid() == 0 && u->uid != 0 && (initgroups(u->name, u->gid) || setresgid(u->gid, u->gid, u->gid) || setresuid(u->uid, u->uid, u->uid)))
		_exit(2);
	/* The account's other programs may neither trace it nor read its memory. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setrlimit(RLIMIT_CPU, &cpu))
		_exit(2);
	work(u, what, tell, &out);
	_exit(0);
}

/* One row; 1, 0 at the end, or negative. */
static int receive(int fd, struct mono until, struct clients_row *row)
{
	size_t n = 0;

	while (n < sizeof(*row)) {
		struct mono now = mono_now();
		struct pollfd p = {fd, POLLIN, 0};
		int ms = until.ns > now.ns ? (int)((until.ns - now.ns) / 1000000) + 1 : 0;
		int ready = poll(&p, 1, ms);
		if (ready <= 0)
			return ready == 0 ? -ETIMEDOUT : errno == EINTR ? -EINTR : -errno;
		ssize_t got = read(fd, (char *)row + n, sizeof(*row) - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 || n ? -EIO : 0;
		n += (size_t)got;
	}
	return clients_row_ok(row) ? 1 : -EBADMSG;
}

/* Killed, it may still hang in a file system of the user's: not waited for long. */
static bool ended_well(pid_t pid, bool kill_it)
{
	int status = 0;

	if (kill_it)
		kill(pid, SIGKILL);
	for (int i = 0; i < 200; i++) {
		pid_t r = waitpid(pid, &status, WNOHANG);
		if (r == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0;
		if (r < 0 && errno != EINTR)
			return false;
		usleep(5000);
	}
	return false;
}

int as_user_rows(const struct as_user *u, as_user_work *work, const void *what, clients_fn *each, void *arg)
{
	static struct clients_row row;
	int fd[2] = {-1, -1}, r = 0, n = 0;

	fflush(NULL);
	if (pipe2(fd, O_CLOEXEC) < 0)
		return tool_fail(EXIT_NO, "no pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid < 0) {
		fd_close(&fd[0]);
		fd_close(&fd[1]);
		return tool_fail(EXIT_NO, "no process: %s", strerror(errno));
	}
	if (pid == 0)
		child(u, work, what, fd[1]);
	fd_close(&fd[1]);
	struct mono until = mono_after_ms(mono_now(), AS_USER_SECONDS * 1000);
	while (n++ < AS_USER_ROWS && (r = receive(fd[0], until, &row)) > 0)
		each(arg, &row);
	explicit_bzero(&row, sizeof(row));
	bool well = ended_well(pid, r != 0);
	fd_close(&fd[0]);
	if (r == 0 && well)
		return EXIT_YES;
	return tool_fail(EXIT_NO, "the files of %s could not be read to their end: %s", u->name,
	    r == -ETIMEDOUT ? "that took too long" : r > 0 ? "they have too many servers" : "the process that read them with that account's rights failed");
}
