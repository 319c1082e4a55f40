/* op.c - see op.h. */
#include <errno.h>
#include <stdio.h>

#include "base/box.h"
#include "base/err.h"
#include "base/host.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "vault/op.h"

enum { ANSWER_ROOM = 8192 }; /* kept free at the end of a list, for one more entry and the close */

static const char unwritten[] = "the vault's directory could not be written";

struct ask {
	struct op_vault *v;
	json_t *in;
	struct view secret; /* borrowed from the frame, which the caller wipes */
	struct jsonw *w;
	struct op_effect *fx;
	const char *text; /* why not, when err_text() would be too little */
	char why[192]; /* at first empty */
};

static int bad(struct ask *a, int err, const char *text)
{
	a->text = text;
	return err;
}

static const char *name_of(const struct ask *a)
{
	const char *name = json_string_value(json_object_get(a->in, "name"));
	return name && wrap_name_ok(name) ? name : NULL;
}

/*
 * The end of a change, ${r}.  Leases end and a record is made even when it failed half way: after a failed fsync nobody can tell
 * which one holds.
 */
static int changed(struct ask *a, const char *event, const char *name, uint32_t version, int r)
{
	a->fx->revoke = a->fx->record = true;
	snprintf(a->fx->who.credential, NAME_LEN, "%s", name);
	token_drop(a->v->tokens, name);
	a->fx->rec.version = version;
	a->fx->rec.status = r;
	snprintf(a->fx->rec.event, NAME_LEN, "%s", event);
	snprintf(a->fx->rec.credential, NAME_LEN, "%s", name);
	if (r)
		return bad(a, r, unwritten);
	jsonw_str(a->w, "name", name);
	jsonw_uint(a->w, "version", version);
	return 0;
}

static int read_scope(const json_t *hosts, char scope[WRAP_SCOPE])
{
	const json_t *it;
	size_t i, n = 0;
	bool is_ip;

	if (hosts && !json_is_array(hosts))
		return -ERR_MALFORMED;
	json_array_foreach(hosts, i, it) {
		char host[HOST_LEN];
		if (!json_is_string(it) || host_canonical(json_string_value(it), host, &is_ip))
			return -ERR_MALFORMED;
		int len = snprintf(scope + n, WRAP_SCOPE - n, "%s%s", n ? " " : "", host);
		if (len < 0 || (size_t)len >= WRAP_SCOPE - n)
			return -ERR_TOO_LONG;
		n += (size_t)len;
	}
	return 0;
}

/* How long the version before, if there is one, stays.  Both must be what calls carry: a token is made of what is current. */
static int read_overlap(struct ask *a, const char *name, const char *type, uint64_t *out)
{
	const json_t *j = json_object_get(a->in, "overlap");
	const struct store_item *it = store_find(a->v->store, name);
	json_int_t n = j ? json_integer_value(j) : 0;

	if (j && (n < 1 || n > OP_OVERLAP_MAX_S))
		return bad(a, -ERR_RANGE, "an overlap is 1 second to 30 days");
	if (j && (token_made(type) || (it && token_made(it->head.type))))
		return bad(a, -ERR_UNSUPPORTED, "an overlap is for keys that calls carry themselves: bearer, header and basic");
	*out = (uint64_t)n;
	return 0;
}

static void write_hosts(struct ask *a, const char *key, const struct store_item *it, uint32_t refused)
{
	const char *host;

	jsonw_open(a->w, key, '[');
	for (size_t i = 0; i < 8 && (host = lease_host_of(a->v->book, it->head.name, refused, i)); i++)
		jsonw_str(a->w, NULL, host);
	jsonw_close(a->w, ']');
}

static void write_before(struct ask *a, const struct store_item *it)
{
	struct mono now = mono_boot_now();

	if (!it->before || now.ns >= it->until.ns)
		return;
	jsonw_uint(a->w, "previous", it->before);
	jsonw_wall(a->w, "previous_until", (struct wall){wall_now().ns + (int64_t)(it->until.ns - now.ns)});
	write_hosts(a, "refused_by", it, it->head.version);
}

static int do_set(struct ask *a)
{
	struct wrap_head h = {.kind = WRAP_CREDENTIAL};
	const json_t *type = json_object_get(a->in, "type"), *hosts = json_object_get(a->in, "hosts");
	const char *name = name_of(a), *t = type ? json_string_value(type) : "bearer", *why;

	if (!name)
		return bad(a, -ERR_MALFORMED, "a credential's name is 1 to 63 of A-Z a-z 0-9 . _ -");
	if (a->secret.n > WRAP_BODY_MAX)
		return bad(a, -ERR_TOO_LONG, "a secret has at most 16384 bytes");
	if (token_kind_ok(t ? t : "", a->secret, &why))
		return bad(a, -ERR_MALFORMED, why);
	/* An empty list would look like "none" and mean "any". */
	int r = json_is_array(hosts) && json_array_size(hosts) == 0 ? -ERR_MALFORMED : read_scope(hosts, h.scope);
	if (r)
		return bad(a, r, "\"hosts\" is a list of DNS names or addresses");
	if ((r = read_overlap(a, name, t, &h.overlap_s)))
		return r;
	snprintf(h.name, sizeof(h.name), "%s", name);
	snprintf(h.type, sizeof(h.type), "%s", t);
	r = store_put(a->v->store, &h, a->secret);
	r = changed(a, "set", name, h.version, r);
	if (!r)
		write_before(a, store_find(a->v->store, name));
	return r;
}

/* The version before becomes a new one, and what was current is gone. */
static int do_revert(struct ask *a)
{
	struct wrap_head h = {0};
	struct keep plain;
	const char *name = name_of(a);
	int r = keep_open(&plain, WRAP_BODY_MAX), put = 0;

	if (!r)
		r = name ? store_before(a->v->store, name, &h, &plain) : -ERR_NOT_FOUND;
	uint32_t from = h.version;
	h.overlap_s = 0;
	if (!r)
		put = store_put(a->v->store, &h, keep_view(&plain));
	keep_free(&plain);
	if (r)
		return bad(a, r, "no version before the current one is kept");
	jsonw_uint(a->w, "from", from);
	jsonw_str(a->w, "type", h.type);
	return changed(a, "revert", name, h.version, put);
}

static int do_remove(struct ask *a)
{
	uint32_t version;
	const char *name = name_of(a);
	int r = name ? store_remove(a->v->store, name, &version) : -ERR_NOT_FOUND;

	return r == -ERR_NOT_FOUND ? bad(a, r, "no such credential") : changed(a, "remove", name, version, r);
}

static void write_scope(struct jsonw *w, const char *scope)
{
	jsonw_open(w, "sealed_for", '[');
	for (const char *p = scope; *p;) {
		size_t n = strcspn(p, " ");
		jsonw_text(w, NULL, view_of(p, n));
		p += n + (p[n] == ' ');
	}
	jsonw_close(w, ']');
}

static void write_item(struct ask *a, const struct store_item *it)
{
	jsonw_open(a->w, NULL, '{');
	jsonw_str(a->w, "name", it->head.name);
	jsonw_uint(a->w, "version", it->head.version);
	if (it->damaged) {
		jsonw_bool(a->w, "damaged", true);
	} else {
		jsonw_str(a->w, "type", it->head.type);
		jsonw_wall(a->w, "created", (struct wall){(int64_t)it->head.created_s * 1000000000});
		if (it->head.scope[0])
			write_scope(a->w, it->head.scope);
	}
	write_hosts(a, "hosts", it, 0);
	write_before(a, it);
	jsonw_close(a->w, '}');
}

static int do_list(struct ask *a)
{
	const char *after = json_string_value(json_object_get(a->in, "after"));
	const struct store_item *it = store_next(a->v->store, after ? after : "");

	jsonw_open(a->w, "credentials", '[');
	for (; it && a->w->out->len < MSG_MAX - ANSWER_ROOM; it = store_next(a->v->store, it->head.name))
		write_item(a, it);
	jsonw_close(a->w, ']');
	jsonw_bool(a->w, "more", it != NULL);
	return 0;
}

static int do_hosts(struct ask *a)
{
	int r = lease_hosts(a->v->book, json_object_get(a->in, "servers"), a->why, sizeof(a->why));

	if (r < 0)
		return bad(a, r, a->why);
	jsonw_bool(a->w, "changed", r == 1);
	if (r == 1) {
		a->fx->revoke = true; /* all: a lease may be for what is permitted no longer */
		if (a->v->mint)
			mint_forget(a->v->mint);
	}
	return 0;
}

static int do_ca(struct ask *a)
{
	struct mint_ca ca;

	if (!a->v->mint)
		return bad(a, -ERR_UNAVAILABLE, "the certificate authority could not be loaded; see the log");
	mint_ca(a->v->mint, &ca);
	jsonw_text(a->w, "pem", ca.pem);
	jsonw_str(a->w, "sha256", ca.sha256);
	if (ca.next_sha256[0])
		jsonw_str(a->w, "next_sha256", ca.next_sha256);
	jsonw_str(a->w, "subject", ca.subject);
	jsonw_wall(a->w, "not_before", ca.not_before);
	jsonw_wall(a->w, "not_after", ca.not_after);
	return 0;
}

static int do_rotate(struct ask *a)
{
	const char *stage = json_string_value(json_object_get(a->in, "stage"));
	bool finish = stage && strcmp(stage, "finish") == 0;

	if (!a->v->mint)
		return bad(a, -ERR_UNAVAILABLE, "the certificate authority could not be loaded; see the log");
	if (!stage || (!finish && strcmp(stage, "begin") != 0))
		return bad(a, -ERR_MALFORMED, "\"stage\" is begin or finish");
	int r = mint_rotate(a->v->mint, finish);
	a->fx->ca = a->fx->record = true;
	a->fx->rec.status = r;
	snprintf(a->fx->rec.event, NAME_LEN, finish ? "ca-rotated" : "ca-rotate");
	if (r == -ERR_EXISTS)
		return bad(a, r, "a rotation has begun already: install the next root everywhere, then finish it");
	if (r == -ERR_NOT_FOUND)
		return bad(a, r, "no rotation has begun");
	return r ? bad(a, r, unwritten) : do_ca(a);
}

/* ---- what is sealed to this vault ---- */

/* The secret after its JSON, with a NUL between; NULL: no JSON. */
static json_t *split(struct view body, struct view *secret)
{
	const uint8_t *nul = body.n ? memchr(body.p, 0, body.n) : NULL;
	json_error_t err;

	*secret = nul ? view_skip(body, (size_t)(nul - body.p) + 1) : view_of(NULL, 0);
	return json_loadb((const char *)body.p, nul ? (size_t)(nul - body.p) : body.n, JSON_REJECT_DUPLICATES, &err);
}

/* Made when it is first asked for.  ${key} is the caller's to free in any case. */
static int box_key(struct ask *a, struct keep *key)
{
	struct wrap_head h = {.kind = WRAP_CA, .name = "box", .type = "x25519"};
	uint8_t public[BOX_KEY];
	int r = keep_open(key, WRAP_BODY_MAX);

	if (!r)
		r = store_get(a->v->store, WRAP_CA, h.name, &h, key);
	if (r == -ERR_NOT_FOUND && !(r = box_new(key->mem, public))) {
		key->n = BOX_KEY;
		r = store_put(a->v->store, &h, keep_view(key));
	}
	return r || key->n != BOX_KEY ? bad(a, r ? r : -ERR_CORRUPT, "the key that bundles are sealed to cannot be opened or made") : 0;
}

static int do_box(struct ask *a)
{
	struct keep key = {0};
	uint8_t public[BOX_KEY];
	int r = box_key(a, &key);

	if (!r)
		r = box_public(key.mem, public);
	keep_free(&key);
	if (!r)
		jsonw_hex(a->w, "public", view_of(public, BOX_KEY));
	return r;
}

/* In the box is what "set" takes: nobody on the way can give the secret another type or more hosts. */
static int do_unseal(struct ask *a)
{
	const char *what = json_string_value(json_object_get(a->in, "what"));
	struct buf plain = {.max = BOX_MAX};
	struct keep key = {0};
	struct ask inner = *a;
	int r = box_key(a, &key);

	if (!r)
		r = box_open(key.mem, what ? what : "", a->secret, &plain);
	keep_free(&key);
	inner.in = r ? NULL : split(buf_view(&plain), &inner.secret);
	if (inner.in && json_object_set(inner.in, "name", json_object_get(a->in, "name")) == 0)
		r = do_set(&inner);
	else if (!a->text)
		r = bad(a, r ? r : -ERR_CORRUPT, "it was not sealed to this vault for this, or was changed");
	a->text = a->text ? a->text : inner.text;
	json_decref(inner.in);
	buf_wipe(&plain);
	return r;
}

static const struct {
	const char *op;
	int (*fn)(struct ask *a);
} ops[] = {{"set", do_set}, {"revert", do_revert}, {"list", do_list}, {"remove", do_remove}, {"hosts", do_hosts}, {"ca", do_ca}, {"ca-rotate", do_rotate}, {"box", do_box},
    {"unseal", do_unseal}};

static int run(struct ask *a)
{
	const char *op = json_string_value(json_object_get(a->in, "op"));

	for (size_t i = 0; op && i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(ops[i].op, op) == 0)
			return ops[i].fn(a);
	return bad(a, -ERR_UNSUPPORTED, "no such operation");
}

int op_do(struct op_vault *v, struct view body, struct buf *answer, struct op_effect *fx)
{
	size_t start = answer->len;
	struct jsonw w = jsonw_on(answer);
	struct ask a = {.v = v, .w = &w, .fx = fx};
	json_t *in = split(body, &a.secret);

	a.in = in;
	*fx = (struct op_effect){0};
	jsonw_open(&w, NULL, '{');
	jsonw_bool(&w, "ok", true);
	int r = json_is_object(in) ? run(&a) : bad(&a, -ERR_MALFORMED, "the request is no JSON object");
	if (r) {
		buf_truncate(answer, start);
		w = jsonw_on(answer);
		jsonw_open(&w, NULL, '{');
		jsonw_bool(&w, "ok", false);
		jsonw_str(&w, "error", err_name(r));
		jsonw_str(&w, "text", a.text ? a.text : err_text(r));
		if (r != -ERR_NOT_FOUND)
			log_notice("vault: refused a request of callgate-admin: %s", a.text ? a.text : err_text(r));
	}
	jsonw_close(&w, '}');
	json_decref(in);
	return jsonw_end(&w);
}
