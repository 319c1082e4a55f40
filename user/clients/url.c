/* url.c - see url.h. */
#include "base/err.h"
#include "clients/url.h"

static size_t until(struct view v, const char *set)
{
	size_t n = 0;

	while (n < v.n && !(v.p[n] && strchr(set, v.p[n])))
		n++;
	return n;
}

static int copy(char *out, size_t cap, struct view v, bool lower)
{
	if (v.n >= cap)
		return -ERR_TOO_LONG;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f)
			return -ERR_MALFORMED;
		out[i] = (char)(lower && v.p[i] >= 'A' && v.p[i] <= 'Z' ? v.p[i] | 0x20 : v.p[i]);
	}
	out[v.n] = '\0';
	return 0;
}

static int port_of(struct view v, uint16_t *port)
{
	uint32_t n = 0;

	if (!v.n || v.n > 5)
		return -ERR_MALFORMED;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return -ERR_MALFORMED;
		n = n * 10 + (uint32_t)(v.p[i] - '0');
	}
	*port = (uint16_t)n;
	return n && n <= 65535 ? 0 : -ERR_MALFORMED;
}

/* What readers of URLs take for a host in different ways is none. */
static bool plain(const char *host, const char *set)
{
	return host[0] && !host[strspn(host, set)];
}

static int authority(struct view v, struct url *out)
{
	const char *set = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
	size_t n;

	/* Browsers read it as '/'. */
	if (until(v, "\\") < v.n)
		return -ERR_MALFORMED;
	/* A user or a password may hold an '@' of its own. */
	while ((n = until(v, "@")) < v.n) {
		out->more = true;
		v = view_skip(v, n + 1);
	}
	if (v.n && v.p[0] == '[') {
		n = until(v, "]");
		if (n == v.n)
			return -ERR_MALFORMED;
		int r = copy(out->host, sizeof(out->host), view_head(view_skip(v, 1), n - 1), true);
		if (r)
			return r;
		v = view_skip(v, n + 1);
		set = "abcdef0123456789:.";
	} else {
		n = until(v, ":");
		size_t end = n > 1 && v.p[n - 1] == '.' ? n - 1 : n;
		int r = copy(out->host, sizeof(out->host), view_head(v, end), true);
		if (r)
			return r;
		v = view_skip(v, n);
	}
	if (!plain(out->host, set))
		return -ERR_MALFORMED;
	return !v.n ? 0 : v.p[0] == ':' ? port_of(view_skip(v, 1), &out->port) : -ERR_MALFORMED;
}

int url_read(struct view v, struct url *out)
{
	*out = (struct url){0};
	if (v.n >= 8 && view_ieq(view_head(v, 8), VIEW_LIT("https://")))
		out->tls = true;
	else if (v.n < 7 || !view_ieq(view_head(v, 7), VIEW_LIT("http://")))
		return -ERR_UNSUPPORTED;
	v = view_skip(v, out->tls ? 8 : 7);
	out->port = out->tls ? 443 : 80;
	size_t n = until(v, "/?#");
	int r = authority(view_head(v, n), out);
	if (r)
		return r;
	v = view_skip(v, n);
	n = until(v, "?#");
	out->more = out->more || n < v.n;
	return n ? copy(out->path, sizeof(out->path), view_head(v, n), false) : copy(out->path, sizeof(out->path), VIEW_LIT("/"), false);
}
