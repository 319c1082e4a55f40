/* lease.c - see lease.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/host.h"
#include "vault/lease.h"

/*
 * What one worker may ask for in a second.  Far above what an honest one needs, which keeps a lease for its life; it bounds what
 * a taken worker can make the vault decrypt and record.
 */
enum { GIVE_PER_S = 20000, GIVE_BURST = 20000, REFUSE_PER_S = 50, REFUSE_BURST = 200 };

struct row { /* compared whole: unused bytes are zero */
	char host[HOST_LEN];
	char server[NAME_LEN];
	char credential[NAME_LEN]; /* empty: the host may be intercepted, nothing is released for it */
	uint32_t port;
};

struct lease_book {
	struct row *row; /* sorted, each once */
	size_t rows;
	struct rate give[LEASE_SLOTS], refuse[LEASE_SLOTS];
};

struct lease_book *lease_new(void)
{
	struct lease_book *b = calloc(1, sizeof(*b));

	for (size_t i = 0; b && i < LEASE_SLOTS; i++) {
		b->give[i] = (struct rate){.per_s = GIVE_PER_S, .burst = GIVE_BURST};
		b->refuse[i] = (struct rate){.per_s = REFUSE_PER_S, .burst = REFUSE_BURST};
	}
	return b;
}

void lease_free(struct lease_book **bp)
{
	if (*bp)
		free((*bp)->row);
	free(*bp);
	*bp = NULL;
}

/* ---- the permitted set ---- */

struct draft {
	struct row *row;
	size_t n;
	char *why;
	size_t why_len;
};

static int fail(struct draft *d, int err, const char *server, const char *text)
{
	snprintf(d->why, d->why_len, "server %.63s: %s", server, text);
	return err;
}

static int add_row(struct draft *d, const struct row *at, const char *credential)
{
	if (d->n == LEASE_ROWS)
		return fail(d, -ERR_TOO_LONG, at->server, "too many hosts in all");
	struct row *r = &d->row[d->n++];
	*r = *at;
	memcpy(r->credential, credential, strlen(credential)); /* shorter than NAME_LEN: checked; the rest is zero */
	return 0;
}

static int add_match(struct draft *d, const char *server, const json_t *match, const json_t *server_json)
{
	struct row at = {.port = 443};
	const json_t *port = json_object_get(match, "port"), *many = json_object_get(server_json, "credentials"), *it;
	const char *host = json_string_value(json_object_get(match, "host"));
	const char *one = json_string_value(json_object_get(server_json, "credential"));
	bool is_ip;
	size_t i;

	if (!host || host_canonical(host, at.host, &is_ip))
		return fail(d, -ERR_MALFORMED, server, "a match needs a \"host\": a DNS name or an address");
	if (port) {
		json_int_t v = json_is_integer(port) ? json_integer_value(port) : 0;
		if (v < 1 || v > 65535)
			return fail(d, -ERR_MALFORMED, server, "\"port\" is a number from 1 to 65535");
		at.port = (uint32_t)v;
	}
	memcpy(at.server, server, strlen(server));
	int r = add_row(d, &at, one ? one : "");
	json_array_foreach(many, i, it)
		if (!r)
			r = add_row(d, &at, json_string_value(it));
	return r;
}

static bool name_or_absent(const json_t *j)
{
	return !j || json_is_null(j) || (json_is_string(j) && wrap_name_ok(json_string_value(j)));
}

static int add_server(struct draft *d, const json_t *server)
{
	const char *name = json_string_value(json_object_get(server, "name"));
	const json_t *match = json_object_get(server, "match"), *many = json_object_get(server, "credentials"), *it;
	size_t i;

	if (!name || !wrap_name_ok(name))
		return fail(d, -ERR_MALFORMED, "?", "a server needs a \"name\" of A-Z a-z 0-9 . _ -, at most 63");
	if (!name_or_absent(json_object_get(server, "credential")))
		return fail(d, -ERR_MALFORMED, name, "\"credential\" is no name");
	if (many && !json_is_array(many))
		return fail(d, -ERR_MALFORMED, name, "\"credentials\" is an array of names");
	json_array_foreach(many, i, it)
		if (!json_is_string(it) || !wrap_name_ok(json_string_value(it)))
			return fail(d, -ERR_MALFORMED, name, "\"credentials\" is an array of names");
	if (!json_is_array(match))
		return fail(d, -ERR_MALFORMED, name, "\"match\" is an array");
	int r = 0;
	json_array_foreach(match, i, it)
		if (!r)
			r = add_match(d, name, it, server);
	return r;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct row));
}

static size_t unique(struct row *row, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++)
		if (i == 0 || by_bytes(&row[i], &row[to - 1]))
			row[to++] = row[i];
	return to;
}

int lease_hosts(struct lease_book *b, const json_t *servers, char *why, size_t why_len)
{
	struct draft d = {.row = calloc(LEASE_ROWS, sizeof(struct row)), .why = why, .why_len = why_len};
	const json_t *it;
	size_t i;
	int r = 0;

	snprintf(why, why_len, "%s", "");
	if (!d.row)
		return -ENOMEM;
	if (!json_is_array(servers)) {
		snprintf(why, why_len, "\"servers\" is an array");
		r = -ERR_MALFORMED;
	}
	json_array_foreach(servers, i, it)
		if (!r)
			r = add_server(&d, it);
	if (r)
		goto out;
	qsort(d.row, d.n, sizeof(struct row), by_bytes);
	d.n = unique(d.row, d.n);
	if (d.n == b->rows && (d.n == 0 || memcmp(d.row, b->row, d.n * sizeof(struct row)) == 0))
		goto out;
	struct row *old = b->row;
	b->row = d.row;
	b->rows = d.n;
	d.row = old;
	r = 1;
out:
	free(d.row);
	return r;
}

static bool permitted(const struct lease_book *b, const struct row *want)
{
	return b->rows && bsearch(want, b->row, b->rows, sizeof(*want), by_bytes);
}

/* The first row whose host sorts behind ${host}, or is it when ${or_same}.  Host is the first member, zero-padded: rows are sorted by it. */
static size_t row_from(const struct lease_book *b, const char *host, bool or_same)
{
	size_t lo = 0, hi = b->rows;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(b->row[mid].host, host);
		if (c < 0 || (c == 0 && !or_same))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool lease_host(const struct lease_book *b, const char *host)
{
	size_t i = row_from(b, host, true);

	return i < b->rows && strcmp(b->row[i].host, host) == 0;
}

const char *lease_next_host(const struct lease_book *b, const char *after)
{
	size_t i = row_from(b, after, false);

	return i < b->rows ? b->row[i].host : NULL;
}

const char *lease_host_of(const struct lease_book *b, const char *credential, size_t i)
{
	const char *last = "";

	for (size_t k = 0; k < b->rows; k++) {
		const struct row *r = &b->row[k];
		if (strcmp(r->credential, credential) || strcmp(r->host, last) == 0)
			continue;
		last = r->host;
		if (i-- == 0)
			return r->host;
	}
	return NULL;
}

/* ---- the answer ---- */

static bool text_ok(const char *s, size_t cap)
{
	return memchr(s, 0, cap) != NULL;
}

/* Copies a text that may lack its end, without what a log or a record cannot show. */
static void show(char *out, const char *in, size_t cap)
{
	size_t n = 0;

	for (; n + 1 < cap && in[n]; n++)
		out[n] = in[n] > 0x20 && in[n] < 0x7f ? in[n] : '?';
	memset(out + n, 0, cap - n);
}

static bool in_scope(const char *scope, const char *host)
{
	size_t n = strlen(host);

	if (!*scope)
		return true;
	for (const char *p = scope; *p;) {
		size_t len = strcspn(p, " ");
		if (len == n && memcmp(p, host, n) == 0)
			return true;
		p += len + (p[len] == ' ');
	}
	return false;
}

static int judge(struct lease_book *b, struct store *s, const struct m_lease_get *q, uint32_t slot, struct mono now,
    uint32_t *version, struct keep *secret)
{
	struct row want = {.port = q->port};
	struct wrap_head h;
	bool is_ip;

	if (slot >= LEASE_SLOTS)
		return -ERR_DENIED;
	if (!text_ok(q->credential, NAME_LEN) || !text_ok(q->server, NAME_LEN) || !text_ok(q->host, HOST_LEN) ||
	    !wrap_name_ok(q->credential) || !wrap_name_ok(q->server))
		return -ERR_MALFORMED;
	if (host_canonical(q->host, want.host, &is_ip))
		return -ERR_MALFORMED;
	memcpy(want.server, q->server, strlen(q->server));
	memcpy(want.credential, q->credential, strlen(q->credential));
	if (!permitted(b, &want))
		return -ERR_DENIED;
	if (!rate_take(&b->give[slot], now))
		return -EAGAIN;
	int r = store_get(s, WRAP_CREDENTIAL, q->credential, &h, secret);
	if (r)
		return r;
	*version = h.version;
	return in_scope(h.scope, want.host) ? 0 : -ERR_DENIED;
}

bool lease_answer(struct lease_book *b, struct store *s, const struct m_lease_get *q, uint32_t slot, struct mono now,
    struct m_release *rec, struct m_lease *head, struct keep *secret)
{
	uint32_t version = 0;

	keep_wipe(secret);
	int r = judge(b, s, q, slot, now, &version, secret);
	if (r)
		keep_wipe(secret);
	*rec = (struct m_release){.ring = q->ring, .call = q->call, .version = version, .status = r, .port = q->port, .slot = slot};
	snprintf(rec->event, sizeof(rec->event), "%s", r ? "refuse" : "release");
	show(rec->credential, q->credential, NAME_LEN);
	show(rec->server, q->server, NAME_LEN);
	show(rec->host, q->host, HOST_LEN);
	*head = (struct m_lease){.status = r, .version = version};
	if (r)
		return slot < LEASE_SLOTS && rate_take(&b->refuse[slot], now);
	head->ttl_ms = LEASE_TTL_MS;
	head->len = (uint32_t)secret->n;
	return true;
}
