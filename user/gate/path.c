/* path.c - see path.h. */
#include "base/err.h"
#include "gate/path.h"

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* RFC 3986 2.3: an encoded unreserved byte is another spelling of the same path. */
static bool unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

/* A '%' escape at the start of ${v} that servers may decode before they route. */
static bool escape_ambiguous(struct view v)
{
	if (v.n < 3 || hex(v.p[1]) < 0 || hex(v.p[2]) < 0)
		return true;
	int c = hex(v.p[1]) << 4 | hex(v.p[2]);
	return unreserved(c) || c == '/' || c == '\\' || c == '%' || c == ';' || c < 0x20 || c == 0x7f;
}

/* Is the segment that starts at ${v} "." or ".."?  A ";parameter" after the dots counts: some servers cut it off first. */
static bool dot_segment(struct view v)
{
	size_t n = 0;
	while (n < v.n && v.p[n] == '.')
		n++;
	return (n == 1 || n == 2) && (n == v.n || v.p[n] == '/' || v.p[n] == ';' || v.p[n] == '?');
}

int path_of(struct view target, struct view *path)
{
	*path = view_of(NULL, 0);
	if (target.n == 0 || target.p[0] != '/')
		return -ERR_UNSUPPORTED;
	size_t n = 0;
	for (; n < target.n && target.p[n] != '?'; n++) {
		uint8_t c = target.p[n];
		struct view rest = view_skip(target, n + 1);
		if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '#')
			return -ERR_AMBIGUOUS;
		if (c == '%' && escape_ambiguous(view_skip(target, n)))
			return -ERR_AMBIGUOUS;
		if (c != '/')
			continue;
		if ((rest.n && rest.p[0] == '/') || dot_segment(rest))
			return -ERR_AMBIGUOUS;
	}
	*path = view_head(target, n);
	return 0;
}

static bool find_at_segment(struct view path, const char *what)
{
	struct view w = view_str(what);
	for (size_t i = 0; i + w.n <= path.n; i++)
		if (path.p[i] == '/' && view_ieq(view_of(path.p + i, w.n), w))
			return true;
	return false;
}

bool path_is_oauth(struct view path)
{
	static const char *const anywhere[] = {"/.well-known/oauth-", "/.well-known/openid-configuration"};
	static const char *const whole[] = {"/register", "/authorize", "/token"};

	for (size_t i = 0; i < sizeof(anywhere) / sizeof(anywhere[0]); i++)
		if (find_at_segment(path, anywhere[i]))
			return true;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (view_ieq(path, view_str(whole[i])))
			return true;
	return false;
}

static int port_of(struct view v, uint16_t *port)
{
	uint32_t n = 0;
	if (v.n == 0 || v.n > 5)
		return -ERR_MALFORMED;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return -ERR_MALFORMED;
		n = n * 10 + (uint32_t)(v.p[i] - '0');
	}
	if (n == 0 || n > 65535)
		return -ERR_MALFORMED;
	*port = (uint16_t)n;
	return 0;
}

int path_host(struct view host, struct view *name, uint16_t *port)
{
	size_t end;

	*port = 0;
	*name = view_of(NULL, 0);
	if (host.n && host.p[0] == '[') {
		const uint8_t *close = memchr(host.p, ']', host.n);
		if (!close)
			return -ERR_MALFORMED;
		end = (size_t)(close - host.p) + 1;
		*name = view_of(host.p + 1, end - 2);
	} else {
		const uint8_t *colon = host.n ? memchr(host.p, ':', host.n) : NULL;
		end = colon ? (size_t)(colon - host.p) : host.n;
		*name = view_head(host, end);
	}
	if (name->n == 0 || name->n > 255)
		return -ERR_MALFORMED;
	/* A trailing dot names the same host. */
	if (name->n > 1 && name->p[name->n - 1] == '.')
		name->n--;
	if (end == host.n)
		return 0;
	if (host.p[end] != ':')
		return -ERR_MALFORMED;
	return port_of(view_skip(host, end + 1), port);
}

bool path_authority(struct view target, struct view *host)
{
	static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		struct view s = view_str(schemes[i]);
		if (target.n <= s.n || !view_ieq(view_head(target, s.n), s))
			continue;
		struct view v = view_skip(target, s.n);
		size_t n = 0;
		while (n < v.n && v.p[n] != '/' && v.p[n] != '?' && v.p[n] != '#')
			n++;
		v = view_head(v, n);
		/* Behind an '@' stands the host. */
		for (size_t k = v.n; k-- > 0;)
			if (v.p[k] == '@') {
				v = view_skip(v, k + 1);
				break;
			}
		*host = v;
		return true;
	}
	return false;
}
