/* lease.c - see lease.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/host.h"
#include "base/log.h"
#include "vault/lease.h"

/*
 * What one worker may ask for in a second, and what may be released of one credential for one server.  Far above what honest workers need,
 * which keep a lease for its life; it bounds what taken ones can make the vault decrypt and record.
 */
enum { GIVE_PER_S = 20000, GIVE_BURST = 20000, CAP_PER_S = 1000, CAP_BURST = 4000, REFUSE_PER_S = 50, REFUSE_BURST = 200 };

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
	struct rate cap[LEASE_ROWS]; /* of each row, whoever asks */
	uint32_t refused[LEASE_ROWS]; /* the current version, when the server of the row did not take it; 0: nobody says so */
};

struct lease_book *lease_new(void)
{
	struct lease_book *b = calloc(1, sizeof(*b));

	for (size_t i = 0; b && i < LEASE_SLOTS; i++) {
		b->give[i] = (struct rate){.per_s = GIVE_PER_S, .burst = GIVE_BURST};
		b->refuse[i] = (struct rate){.per_s = REFUSE_PER_S, .burst = REFUSE_BURST};
	}
	for (size_t i = 0; b && i < LEASE_ROWS; i++)
		b->cap[i] = (struct rate){.per_s = CAP_PER_S, .burst = CAP_BURST};
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
};

/* ${credential} NULL or null: none. */
static int add_row(struct draft *d, const struct row *at, const json_t *credential)
{
	const char *name = credential && !json_is_null(credential) ? json_string_value(credential) : "";

	if (!name || (*name && !wrap_name_ok(name)) || (!*name && json_is_string(credential)))
		return -ERR_MALFORMED;
	if (d->n == LEASE_ROWS)
		return -ERR_TOO_LONG;
	struct row *r = &d->row[d->n++];
	*r = *at;
	memcpy(r->credential, name, strlen(name)); /* shorter than NAME_LEN: checked; the rest is zero */
	return 0;
}

static int add_match(struct draft *d, const json_t *server, const char *name, const json_t *match)
{
	struct row at = {.port = 443};
	const json_t *port = json_object_get(match, "port"), *many = json_object_get(server, "credentials"), *it;
	const char *host = json_string_value(json_object_get(match, "host"));
	bool is_ip;
	size_t i;

	json_int_t n = port ? json_integer_value(port) : 443;
	if (!host || host_canonical(host, at.host, &is_ip) || n < 1 || n > 65535)
		return -ERR_MALFORMED;
	at.port = (uint32_t)n;
	memcpy(at.server, name, strlen(name));
	int r = add_row(d, &at, json_object_get(server, "credential"));
	json_array_foreach(many, i, it)
		if (!r)
			r = json_is_null(it) ? -ERR_MALFORMED : add_row(d, &at, it);
	return r;
}

static int add_server(struct draft *d, const json_t *server)
{
	const char *name = json_string_value(json_object_get(server, "name"));
	const json_t *match = json_object_get(server, "match"), *many = json_object_get(server, "credentials"), *it;
	int r = name && wrap_name_ok(name) && json_is_array(match) && (!many || json_is_array(many)) ? 0 : -ERR_MALFORMED;
	size_t i;

	json_array_foreach(match, i, it)
		if (!r)
			r = add_match(d, server, name, it);
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
	struct draft d = {.row = calloc(LEASE_ROWS, sizeof(struct row))};
	const json_t *it;
	size_t i;
	int r = !d.row ? -ENOMEM : json_is_array(servers) ? 0 : -ERR_MALFORMED;

	json_array_foreach(servers, i, it) {
		if (r)
			break;
		r = add_server(&d, it);
		const char *name = json_string_value(json_object_get(it, "name"));
		if (r)
			snprintf(why, why_len, "server %zu, %.63s: not {name, match: [{host, port}], credential, credentials}, or too many", i, name ? name : "?");
	}
	if (r)
		goto out;
	qsort(d.row, d.n, sizeof(struct row), by_bytes);
	d.n = unique(d.row, d.n);
	if (d.n == b->rows && (d.n == 0 || memcmp(d.row, b->row, d.n * sizeof(struct row)) == 0))
		goto out;
	struct row *old = b->row;
	b->row = d.row;
	b->rows = d.n;
	memset(b->refused, 0, sizeof(b->refused));
	d.row = old;
	r = 1;
out:
	free(d.row);
	return r;
}

static const struct row *permitted(const struct lease_book *b, const struct row *want)
{
	return b->rows ? bsearch(want, b->row, b->rows, sizeof(*want), by_bytes) : NULL;
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

const char *lease_host_of(const struct lease_book *b, const char *credential, uint32_t refused, size_t i)
{
	const char *last = "";

	for (size_t k = 0; k < b->rows; k++) {
		const struct row *r = &b->row[k];
		if (strcmp(r->credential, credential) || strcmp(r->host, last) == 0 || (refused && b->refused[k] != refused))
			continue;
		last = r->host;
		if (i-- == 0)
			return r->host;
	}
	return NULL;
}

/* ---- the answer ---- */

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
	const char *p = scope;

	for (size_t n; *p; p += n + (p[n] == ' '))
		if (view_is(view_of(p, n = strcspn(p, " ")), host))
			return true;
	return !*scope;
}

/* Where the server did not take the current version: the one before, while it is to be used. */
static bool before(struct store *s, const struct m_lease_get *q, uint32_t *refused, const char *host, struct wrap_head *h, struct keep *secret)
{
	const struct store_item *it = store_find(s, q->credential);
	bool news = it && q->refused == it->head.version && *refused != q->refused;

	*refused = it && q->refused == it->head.version ? q->refused : 0;
	if (!*refused || store_before(s, q->credential, h, secret) || !in_scope(h->scope, host))
		return false;
	if (news)
		log_warning("%s refused version %u of %s: version %u is used there", host, q->refused, q->credential, h->version);
	return true;
}

static int judge(struct lease_book *b, struct store *s, const struct m_lease_get *q, uint32_t slot, struct mono now,
    struct wrap_head *h, struct keep *secret)
{
	struct row want = {.port = q->port};
	bool is_ip;

	if (slot >= LEASE_SLOTS)
		return -ERR_DENIED;
	if (!memchr(q->credential, 0, NAME_LEN) || !memchr(q->server, 0, NAME_LEN) || !memchr(q->host, 0, HOST_LEN) ||
	    !wrap_name_ok(q->credential) || !wrap_name_ok(q->server))
		return -ERR_MALFORMED;
	if (host_canonical(q->host, want.host, &is_ip))
		return -ERR_MALFORMED;
	memcpy(want.server, q->server, strlen(q->server));
	memcpy(want.credential, q->credential, strlen(q->credential));
	const struct row *row = permitted(b, &want);
	if (!row)
		return -ERR_DENIED;
	if (!rate_take(&b->give[slot], now) || !rate_take(&b->cap[row - b->row], now))
		return -EAGAIN;
	if (before(s, q, &b->refused[row - b->row], want.host, h, secret))
		return 0;
	int r = store_get(s, WRAP_CREDENTIAL, q->credential, h, secret);
	return r ? r : in_scope(h->scope, want.host) ? 0 : -ERR_DENIED;
}

bool lease_answer(struct lease_book *b, struct store *s, struct token_book *t, const struct m_lease_get *q, uint32_t slot,
    struct mono now, struct m_release *rec, struct m_lease *head, struct keep *secret)
{
	struct wrap_head h = {0};

	keep_wipe(secret);
	*head = (struct m_lease){.ttl_ms = LEASE_TTL_MS};
	int r = judge(b, s, q, slot, now, &h, secret);
	head->again = !r && (token_made(h.type) || store_find(s, h.name)->before);
	if (!r && token_made(h.type))
		r = token_get(t, h.name, q->refused != 0, now, secret, &head->ttl_ms);
	else if (!r)
		token_plain(h.type, secret);
	if (r && r != -EINPROGRESS)
		keep_wipe(secret);
	*rec = (struct m_release){.ring = q->ring, .call = q->call, .version = h.version, .status = r, .port = q->port, .slot = slot};
	snprintf(rec->event, sizeof(rec->event), "%s", r ? "refuse" : "release");
	show(rec->credential, q->credential, NAME_LEN);
	show(rec->server, q->server, NAME_LEN);
	show(rec->host, q->host, HOST_LEN);
	head->status = r;
	head->version = h.version;
	if (r == -EINPROGRESS)
		return false;
	if (r)
		return slot < LEASE_SLOTS && rate_take(&b->refuse[slot], now);
	head->len = (uint32_t)secret->n;
	return true;
}
