/* dns.c - see dns.h. */
#include <stdio.h>

#include "base/err.h"
#include "ident/dns.h"

enum { HEAD = 12, RR_HEAD = 10, LABEL_MAX = 63, NAME_WIRE_MAX = 255 };
enum { T_A = 1, T_CNAME = 5, T_AAAA = 28, T_HTTPS = 65, C_IN = 1, SVC_V4 = 4, SVC_V6 = 6 };

struct rr {
	size_t owner; /* offset of its name */
	uint16_t type;
	uint32_t ttl;
	size_t at, len; /* of its data */
};

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static uint16_t u16(struct view v, size_t at)
{
	return (uint16_t)(v.p[at] << 8 | v.p[at + 1]);
}

static uint32_t u32(struct view v, size_t at)
{
	return (uint32_t)u16(v, at) << 16 | u16(v, at + 2);
}

/* Bytes of the name at ${at} where it stands, without following it; 0: broken. */
static size_t name_size(struct view v, size_t at)
{
	for (size_t n = at; n < v.n && n - at <= NAME_WIRE_MAX;) {
		uint8_t len = v.p[n];
		if (len == 0)
			return n + 1 - at;
		if (len >= 0xc0)
			return n + 2 <= v.n ? n + 2 - at : 0;
		if (len > LABEL_MAX)
			return 0;
		n += 1u + len;
	}
	return 0;
}

static bool letter(uint8_t *c)
{
	if (*c >= 'A' && *c <= 'Z')
		*c |= 0x20;
	return (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';
}

static bool add_label(struct view v, size_t at, size_t len, char out[DNS_NAME], size_t *used)
{
	if (*used + len + 1 >= DNS_NAME)
		return false;
	if (*used)
		out[(*used)++] = '.';
	for (size_t i = 0; i < len; i++) {
		uint8_t c = v.p[at + i];
		if (!letter(&c))
			return false; /* no host is called so; and a dot inside a label would make it look like another */
		out[(*used)++] = (char)c;
	}
	return true;
}

/* The name at ${at}, pointers followed, which lead backwards only.  False: broken, or no name of a host. */
static bool name_text(struct view v, size_t at, char out[DNS_NAME])
{
	size_t used = 0, limit = at;

	for (int steps = 0; at < v.n && steps < 2 * DNS_NAME; steps++) {
		uint8_t len = v.p[at];
		if (len == 0) {
			out[used] = 0;
			return true;
		}
		if (len >= 0xc0) {
			if (at + 1 >= v.n)
				return false;
			size_t to = (size_t)(len & 0x3f) << 8 | v.p[at + 1];
			if (to >= limit)
				return false;
			limit = at = to;
			continue;
		}
		if (len > LABEL_MAX || at + 1 + len > v.n || !add_label(v, at + 1, len, out, &used))
			return false;
		at += 1u + len;
	}
	return false;
}

/* The records of the answer, as far as they are whole. */
static size_t records(struct view v, size_t at, unsigned count, struct rr out[DNS_RECORDS])
{
	size_t n = 0;

	for (; count-- && n < DNS_RECORDS; n++) {
		size_t name = name_size(v, at);
		if (!name || at + name + RR_HEAD > v.n)
			break;
		size_t h = at + name;
		struct rr r = {.owner = at, .type = u16(v, h), .ttl = u32(v, h + 4), .at = h + RR_HEAD, .len = u16(v, h + 8)};
		if (r.at + r.len > v.n)
			break;
		if (u16(v, h + 2) != C_IN)
			r.type = 0;
		out[n] = r;
		at = r.at + r.len;
	}
	return n;
}

static void add_addr(struct dns_answer *out, const uint8_t *p, size_t n, uint32_t ttl)
{
	struct dns_addr a = {.ttl = ttl};

	if (n == 4) {
		memcpy(a.addr, mapped, sizeof(mapped));
		memcpy(a.addr + 12, p, 4);
	} else {
		memcpy(a.addr, p, 16);
	}
	for (size_t i = 0; i < out->addrs; i++)
		if (memcmp(out->addr[i].addr, a.addr, 16) == 0)
			return;
	if (out->addrs < DNS_ADDRS)
		out->addr[out->addrs++] = a;
}

/* Address hints of an HTTPS record for this very name. */
static void add_hints(struct view v, const struct rr *r, uint32_t ttl, struct dns_answer *out)
{
	size_t end = r->at + r->len, at = r->at + 2;
	size_t name = r->len > 2 ? name_size(view_head(v, end), at) : 0;

	if (name != 1 || v.p[at]) /* "." : the owner itself */
		return;
	for (at += name; at + 4 <= end;) {
		uint16_t key = u16(v, at), len = u16(v, at + 2);
		at += 4;
		if (at + len > end)
			return;
		size_t size = key == SVC_V4 ? 4 : key == SVC_V6 ? 16 : 0;
		for (size_t i = 0; size && i + size <= len; i += size)
			add_addr(out, v.p + at + i, size, ttl);
		at += len;
	}
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Everything that stands under ${name}; the name that it is another name of goes to ${next}. */
static bool take(struct view v, const struct rr *rr, size_t n, const char *name, uint32_t ttl, struct dns_answer *out,
    char next[DNS_NAME], uint32_t *next_ttl)
{
	char owner[DNS_NAME];
	bool alias = false;

	for (size_t i = 0; i < n; i++) {
		if (!name_text(v, rr[i].owner, owner) || strcmp(owner, name) != 0)
			continue;
		uint32_t t = least(ttl, rr[i].ttl);
		if ((rr[i].type == T_A && rr[i].len == 4) || (rr[i].type == T_AAAA && rr[i].len == 16))
			add_addr(out, v.p + rr[i].at, rr[i].len, t);
		else if (rr[i].type == T_HTTPS)
			add_hints(v, &rr[i], t, out);
		else if (rr[i].type == T_CNAME && !alias && name_text(view_head(v, rr[i].at + rr[i].len), rr[i].at, next)) {
			alias = true;
			*next_ttl = t;
		}
	}
	return alias;
}

int dns_read(struct view in, struct dns_answer *out)
{
	struct rr rr[DNS_RECORDS];
	char name[DNS_NAME], next[DNS_NAME];
	uint32_t ttl = UINT32_MAX;

	*out = (struct dns_answer){0};
	if (in.n < HEAD)
		return -ERR_MALFORMED;
	uint16_t flags = u16(in, 2), questions = u16(in, 4), answers = u16(in, 6);
	if (!(flags & 0x8000) || (flags & 0x780f) || questions != 1)
		return -ERR_UNSUPPORTED;
	size_t asked = name_size(in, HEAD);
	if (!asked || HEAD + asked + 4 > in.n)
		return -ERR_MALFORMED;
	uint16_t type = u16(in, HEAD + asked), class = u16(in, HEAD + asked + 2);
	if ((type != T_A && type != T_AAAA && type != T_HTTPS) || class != C_IN || !name_text(in, HEAD, out->name))
		return -ERR_UNSUPPORTED;
	size_t n = records(in, HEAD + asked + 4, answers, rr);
	snprintf(name, sizeof(name), "%s", out->name);
	for (int hop = 0; hop < DNS_CHAIN && take(in, rr, n, name, ttl, out, next, &ttl); hop++)
		snprintf(name, sizeof(name), "%s", next);
	return 0;
}
