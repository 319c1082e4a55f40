/* token.c - see token.h. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "fetch/resolve.h"
#include "fetch/token.h"

enum { CONNECT_MS = 8000, ALL_MS = 12000, REQUEST_MAX = 65536 };

static const char *text(const json_t *o, const char *field)
{
	return json_string_value(json_object_get(o, field));
}

/* ---- the request ---- */

/* application/x-www-form-urlencoded */
static int put_field(struct buf *out, const char *name, const char *value)
{
	char code[4];
	int r = out->len ? buf_put(out, VIEW_LIT("&")) : 0;

	if (!r)
		r = buf_put(out, view_str(name));
	if (!r)
		r = buf_put(out, VIEW_LIT("="));
	for (const char *p = value; !r && *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-._~", *p);
		snprintf(code, sizeof(code), plain ? "%c" : "%%%02X", (unsigned char)*p);
		r = buf_put(out, view_str(code));
	}
	return r;
}

/* The client's secret goes into the body: every endpoint that takes secrets in a header takes them there too, or says so with a 401. */
static int oauth(const json_t *o, struct token_query *q)
{
	static const char *const fields[] = {"client_id", "client_secret", "refresh_token", "scope", "audience", "resource"};
	const char *url = text(o, "token_url");
	int r = url ? buf_put(&q->url, view_str(url)) : -ERR_MALFORMED;

	if (!r)
		r = buf_put(&q->head, VIEW_LIT("Content-Type: application/x-www-form-urlencoded"));
	if (!r)
		r = put_field(&q->body, "grant_type", text(o, "refresh_token") ? "refresh_token" : "client_credentials");
	for (size_t i = 0; !r && i < sizeof(fields) / sizeof(fields[0]); i++)
		if (text(o, fields[i]))
			r = put_field(&q->body, fields[i], text(o, fields[i]));
	return r;
}

static int github(const json_t *o, struct token_query *q)
{
	char line[4096];
	const char *api = text(o, "api_url"), *jwt = text(o, "jwt"), *at = text(o, "installation_id");

	if (!jwt || !at || strspn(at, "0123456789") != strlen(at))
		return -ERR_MALFORMED;
	int n = snprintf(line, sizeof(line), "%s/app/installations/%s/access_tokens", api ? api : "https://api.github.com", at);
	int r = n > 0 && (size_t)n < sizeof(line) ? buf_put(&q->url, view_of(line, (size_t)n)) : -ERR_MALFORMED;
	n = snprintf(line, sizeof(line), "Authorization: Bearer %s", jwt);
	if (!r)
		r = n > 0 && (size_t)n < sizeof(line) ? buf_put(&q->head, view_of(line, (size_t)n)) : -ERR_MALFORMED;
	explicit_bzero(line, sizeof(line));
	return r;
}

static bool https(struct view url)
{
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= 0x20 || url.p[i] >= 0x7f || url.p[i] == '#')
			return false;
	return url.n > 8 && memcmp(url.p, "https://", 8) == 0;
}

int token_query(struct view ask, struct token_query *q)
{
	json_t *o = json_loadb((const char *)ask.p, ask.n, JSON_REJECT_DUPLICATES, NULL);
	const char *type = text(o, "type");

	*q = (struct token_query){.url.max = REQUEST_MAX, .head.max = REQUEST_MAX, .body.max = REQUEST_MAX};
	int r = !type ? -ERR_MALFORMED : strcmp(type, "github-app") == 0 ? github(o, q) : oauth(o, q);
	if (!r && !https(buf_view(&q->url)))
		r = -ERR_MALFORMED;
	json_decref(o);
	if (r)
		token_query_free(q);
	return r;
}

void token_query_free(struct token_query *q)
{
	buf_wipe(&q->url);
	buf_wipe(&q->head);
	buf_wipe(&q->body);
}

/* ---- the answer ---- */

/* Seconds, 0: not said; "expires_at" is 2026-11-27T04:00:00Z. */
static int64_t life_of(const json_t *o, int64_t now_s)
{
	struct tm tm = {0};
	const json_t *in = json_object_get(o, "expires_in");
	const char *at = text(o, "expires_at");

	if (json_is_integer(in))
		return json_integer_value(in);
	if (json_is_string(in))
		return atoll(json_string_value(in)); /* some say it as a text */
	const char *end = at ? strptime(at, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	return end && strcmp(end, "Z") == 0 ? timegm(&tm) - now_s : 0;
}

int token_answer(unsigned http, struct view body, int64_t now_s, struct buf *out)
{
	json_t *o = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	const char *token = text(o, "access_token"), *type = text(o, "token_type"), *fresh = text(o, "refresh_token");
	int64_t life = life_of(o, now_s);
	struct m_token m = {.http = http};

	if (!token)
		token = text(o, "token"); /* GitHub's */
	if (http < 200 || http > 299)
		m.status = -ERR_DENIED;
	else if (!token || !*token || (type && strcasecmp(type, "bearer") != 0) || life < 0)
		m.status = -ERR_MALFORMED;
	m.life_s = m.status ? 0 : life > UINT32_MAX ? UINT32_MAX : (uint32_t)life;
	m.token_len = m.status ? 0 : (uint32_t)strlen(token);
	int r = buf_put(out, view_of(&m, sizeof(m)));
	if (!r && !m.status)
		r = buf_put(out, view_str(token));
	if (!r && !m.status && fresh)
		r = buf_put(out, view_str(fresh));
	json_decref(o);
	return r;
}

/* ---- the errand ---- */

static size_t take(char *at, size_t size, size_t n, void *arg)
{
	(void)size;
	return buf_put(arg, view_of(at, n)) ? 0 : n; /* beyond its ceiling the transfer ends */
}

/* curl would resolve in a thread, for which the sandbox has no room: "HOST:PORT:ADDRESS,ADDRESS" is what it takes instead. */
static struct curl_slist *addresses(const char *url)
{
	struct curl_slist *list = NULL;
	struct buf found = {.max = TOKEN_ANSWER}, line = {.max = TOKEN_ANSWER};
	char *host = NULL, *port = NULL, text[INET6_ADDRSTRLEN];
	CURLU *u = curl_url();
	bool ok = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	          curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK && resolve_kind.run(view_str(host), &found) == 0 &&
	          found.len > 0 && buf_printf(&line, "%s:%s:", host, port) == 0;

	for (size_t i = 0; ok && i + 16 <= found.len; i += 16)
		ok = inet_ntop(AF_INET6, found.mem + i, text, sizeof(text)) &&
		     buf_printf(&line, "%s%s", i ? "," : "", strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text) == 0;
	if (ok && buf_put(&line, view_of("", 1)) == 0)
		list = curl_slist_append(NULL, (const char *)line.mem);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	buf_free(&found);
	buf_free(&line);
	return list;
}

static bool prepare(CURL *c, const char *url, struct curl_slist *head, struct curl_slist *at, const struct token_query *q, struct buf *got)
{
	const struct {
		CURLoption option;
		long value;
	} longs[] = {{CURLOPT_FOLLOWLOCATION, 0}, {CURLOPT_NOSIGNAL, 1}, {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS}, {CURLOPT_TIMEOUT_MS, ALL_MS},
	    {CURLOPT_POST, 1}, {CURLOPT_POSTFIELDSIZE, (long)q->body.len}};
	bool ok = true;

	for (size_t i = 0; i < sizeof(longs) / sizeof(longs[0]); i++)
		ok = ok && curl_easy_setopt(c, longs[i].option, longs[i].value) == CURLE_OK;
	return ok && curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK && curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK && curl_easy_setopt(c, CURLOPT_RESOLVE, at) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTPHEADER, head) == CURLE_OK && curl_easy_setopt(c, CURLOPT_USERAGENT, "callgate") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.len ? (const char *)q->body.mem : "") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK && curl_easy_setopt(c, CURLOPT_WRITEDATA, got) == CURLE_OK;
}

static CURLcode exchange(const struct token_query *q, struct buf *got, long *http)
{
	struct curl_slist *head = curl_slist_append(NULL, "Accept: application/json"), *at = NULL;
	struct buf line = {.max = REQUEST_MAX}, url = {.max = REQUEST_MAX};
	CURL *c = curl_easy_init();
	CURLcode r = CURLE_OUT_OF_MEMORY;

	/* With their NUL. */
	if (c && head && !buf_put(&line, buf_view(&q->head)) && !buf_put(&line, view_of("", 1)) && !buf_put(&url, buf_view(&q->url)) &&
	    !buf_put(&url, view_of("", 1)) && curl_slist_append(head, (const char *)line.mem)) {
		at = addresses((const char *)url.mem);
		r = !at ? CURLE_COULDNT_RESOLVE_HOST : prepare(c, (const char *)url.mem, head, at, q, got) ? curl_easy_perform(c) : r;
	}
	if (r == CURLE_OK)
		r = curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, http);
	curl_easy_cleanup(c);
	curl_slist_free_all(head);
	curl_slist_free_all(at);
	buf_wipe(&line);
	buf_wipe(&url);
	return r;
}

static int run(struct view ask, struct buf *answer)
{
	struct token_query q;
	struct buf got = {.max = TOKEN_ANSWER / 2};
	long http = 0;
	int r = token_query(ask, &q);

	if (r)
		return r;
	CURLcode did = exchange(&q, &got, &http);
	if (did != CURLE_OK) {
		log_warning("a token endpoint was not reached: %s", curl_easy_strerror(did));
		r = -ERR_UNAVAILABLE;
	}
	token_query_free(&q);
	if (!r)
		r = token_answer((unsigned)http, buf_view(&got), (int64_t)time(NULL), answer);
	buf_wipe(&got);
	return r;
}

const struct errand_kind token_kind = {"token", TOKEN_MS, TOKEN_ANSWER, run};
