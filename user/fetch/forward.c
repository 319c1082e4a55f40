/* forward.c - see forward.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "fetch/forward.h"

/* Facility of RFC 5424: security and authorisation messages, private. */
enum { AUTHPRIV = 10, WARNING = 4, NOTICE = 5, INFO = 6, HEAD = 512, WORD = 64 };

static const char journal_path[] = "/run/systemd/journal/socket", log_path[] = "/dev/log";

struct dest {
	int fd; /* borrowed from the forward */
	struct sockaddr_storage addr;
	socklen_t addr_len;
	struct iovec *(*frame)(struct dest *d, struct view line, struct iovec iov[3]);
	bool failing; /* said once, until it works again */
	char name[128], head[HEAD];
};

struct forward {
	int local, udp4, udp6;
	struct dest dest[FORWARD_DESTS];
	size_t n;
	struct forward_count count;
};

static int datagrams(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int forward_new(struct forward **out)
{
	struct forward *f = calloc(1, sizeof(*f));

	*out = NULL;
	if (!f)
		return -ENOMEM;
	f->local = datagrams(AF_UNIX);
	/* A machine may have only one of the two. */
	f->udp4 = datagrams(AF_INET);
	f->udp6 = datagrams(AF_INET6);
	if (f->local < 0) {
		int r = f->local;
		forward_free(&f);
		return r;
	}
	*out = f;
	return 0;
}

void forward_free(struct forward **fp)
{
	struct forward *f = *fp;
	if (!f)
		return;
	fd_close(&f->local);
	fd_close(&f->udp4);
	fd_close(&f->udp6);
	free(f);
	*fp = NULL;
}

void forward_clear(struct forward *f)
{
	f->n = 0;
}

struct forward_count forward_counts(const struct forward *f)
{
	return f->count;
}

/* ---- what a line says about itself: its first members stand in a fixed order, and a quote inside a value is escaped ---- */

static bool has(struct view line, const char *text)
{
	return memmem(line.p, line.n, text, strlen(text)) != NULL;
}

static int severity(struct view line)
{
	static const struct {
		const char *text;
		int severity;
	} table[] = {{"{\"kind\":\"alert\"", WARNING}, {"{\"kind\":\"io_error\"", WARNING}, {"{\"kind\":\"audit_pause\"", WARNING}, {"{\"kind\":\"disk\"", WARNING},
	    {"{\"kind\":\"loss\"", WARNING}, {"{\"kind\":\"abandoned\"", NOTICE}, {"{\"kind\":\"refused\"", NOTICE},
	    {"{\"kind\":\"journal\"", NOTICE}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (view_starts(line, view_str(table[i].text)))
			return table[i].severity;
	return has(line, "\"verdict\":\"deny\"") || has(line, "\"verdict\":\"refuse\"") ? NOTICE : INFO;
}

/* The text of the member ${key}, as it stands, cut; or "-". */
static const char *member(struct view line, const char *key, char out[WORD])
{
	const uint8_t *at = memmem(line.p, line.n, key, strlen(key));

	snprintf(out, WORD, "-");
	if (!at)
		return out;
	struct view v = view_skip(line, (size_t)(at - line.p) + strlen(key));
	size_t n = 0;
	while (n < v.n && n < WORD - 1 && v.p[n] > ' ' && v.p[n] < 0x7f && !strchr("\",\\", v.p[n]))
		n++;
	if (n)
		snprintf(out, WORD, "%.*s", (int)n, (const char *)v.p);
	return out;
}

/* ---- frames ---- */

static struct iovec *three(struct dest *d, int n, struct view line, const char *tail, struct iovec iov[3])
{
	/* sendmsg() does not write through iov_base; its type cannot say so. */
	iov[0] = (struct iovec){d->head, (size_t)n};
	iov[1] = (struct iovec){(void *)(uintptr_t)line.p, line.n};
	iov[2] = (struct iovec){(void *)(uintptr_t)tail, strlen(tail)};
	return iov;
}

static struct iovec *frame_local(struct dest *d, struct view line, struct iovec iov[3])
{
	int n = snprintf(d->head, sizeof(d->head), "<%d>callgate-audit: ", AUTHPRIV * 8 + severity(line));
	return three(d, n, line, "", iov);
}

static struct iovec *frame_udp(struct dest *d, struct view line, struct iovec iov[3])
{
	char ts[WORD], host[WORD], kind[WORD];
	int n = snprintf(d->head, sizeof(d->head), "<%d>1 %s %s callgate-audit - %s - ", AUTHPRIV * 8 + severity(line), member(line, "\"ts\":\"", ts), member(line, "\"host\":\"", host),
	    member(line, "{\"kind\":\"", kind));
	return three(d, n, line, "", iov);
}

static struct iovec *frame_journal(struct dest *d, struct view line, struct iovec iov[3])
{
	char kind[WORD], seq[WORD], verdict[WORD];
	int n = snprintf(d->head, sizeof(d->head),
	    "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=callgate-audit\nCALLGATE_KIND=%s\nCALLGATE_SEQ=%s\nCALLGATE_VERDICT=%s\nMESSAGE=", severity(line), AUTHPRIV,
	    member(line, "{\"kind\":\"", kind), member(line, ",\"seq\":", seq), member(line, "\"verdict\":\"", verdict));
	return three(d, n, line, "\n", iov);
}

/* ---- destinations ---- */

static int local_dest(struct forward *f, struct dest *d, struct view path, const char *other)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&d->addr;

	if (!path.n)
		path = view_str(other);
	if (path.n >= sizeof(un->sun_path) || path.p[0] != '/')
		return -ERR_MALFORMED;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path.p, path.n);
	d->addr_len = sizeof(*un);
	d->fd = f->local;
	return 0;
}

static int udp_dest(struct forward *f, struct dest *d, struct view v)
{
	char text[64], *end;
	struct sockaddr_in *in = (struct sockaddr_in *)&d->addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&d->addr;

	if (!v.n || v.n >= sizeof(text))
		return -ERR_MALFORMED;
	snprintf(text, sizeof(text), "%.*s", (int)v.n, (const char *)v.p);
	char *colon = strrchr(text, ':');
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!colon || !port || port > 65535 || *end || colon[1] < '0' || colon[1] > '9')
		return -ERR_MALFORMED;
	*colon = '\0';
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		d->addr_len = sizeof(*in);
		d->fd = f->udp4;
		return 0;
	}
	if (text[0] != '[' || colon - text < 3 || colon[-1] != ']')
		return -ERR_MALFORMED;
	colon[-1] = '\0';
	if (inet_pton(AF_INET6, text + 1, &in6->sin6_addr) != 1)
		return -ERR_MALFORMED;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	d->addr_len = sizeof(*in6);
	d->fd = f->udp6;
	return 0;
}

int forward_add(struct forward *f, struct view dest)
{
	const uint8_t *colon = dest.n ? memchr(dest.p, ':', dest.n) : NULL;
	struct view word = view_head(dest, colon ? (size_t)(colon - dest.p) : dest.n), rest = view_skip(dest, word.n + 1);
	int r = -ERR_MALFORMED;

	if (f->n == FORWARD_DESTS)
		return -ENOSPC;
	struct dest *d = &f->dest[f->n];
	*d = (struct dest){.fd = -1};
	snprintf(d->name, sizeof(d->name), "%.*s", (int)(dest.n < 120 ? dest.n : 120), (const char *)dest.p);
	if (view_is(word, "journald")) {
		d->frame = frame_journal;
		r = local_dest(f, d, rest, journal_path);
	} else if (view_is(word, "syslog")) {
		d->frame = frame_local;
		r = local_dest(f, d, rest, log_path);
	} else if (view_is(word, "syslog-udp")) {
		d->frame = frame_udp;
		r = udp_dest(f, d, rest);
	}
	if (!r)
		f->n++;
	return r;
}

/* ---- sending ---- */

static void send_line(struct forward *f, struct dest *d, struct view line)
{
	struct iovec iov[3];
	struct msghdr m = {.msg_name = &d->addr, .msg_namelen = d->addr_len, .msg_iov = d->frame(d, line, iov), .msg_iovlen = 3};

	if (sendmsg(d->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
		f->count.sent++;
		d->failing = false;
		return;
	}
	f->count.lost++;
	/* A full queue is a busy receiver; anything else is worth a word. */
	if (!d->failing && errno != EAGAIN)
		log_warning("copies of audit lines do not reach %s: %s; they are counted", d->name, err_text(-errno));
	d->failing = d->failing || errno != EAGAIN;
}

void forward_lines(struct forward *f, struct view v)
{
	while (v.n) {
		const uint8_t *nl = memchr(v.p, '\n', v.n);
		struct view line = view_head(v, nl ? (size_t)(nl - v.p) : v.n);
		for (size_t i = 0; i < f->n && line.n; i++)
			send_line(f, &f->dest[i], line);
		v = view_skip(v, line.n + 1);
	}
}
