/* receipt.c - see receipt.h. */
#include <inttypes.h>
#include <stdio.h>

#include "audit/receipt.h"
#include "base/err.h"
#include "base/mtime.h"

static const char version[] = "callgate-receipt/v1";

/* Does everything say the same?  Fills in r->names. */
static int agree(struct receipt *r)
{
	char hex[CHAIN_HEX], host[NAMES_HOST], path[NAMES_MAX];
	struct wall t;
	bool trail = strcmp(r->trail, "audit") == 0 || strcmp(r->trail, "journal") == 0;

	chain_hex(r->sha256, CHAIN_LEN, hex);
	if (!trail || !names_parse(r->segment, true, &r->names))
		return -ERR_MALFORMED;
	/* A name as a writer makes it: no slash, no other spelling of a number. */
	names_host(r->names.host, host);
	names_path(&r->names, path);
	if (strcmp(host, r->names.host) != 0 || strcmp(path + strlen("sealed/"), r->segment) != 0)
		return -ERR_MALFORMED;
	if (strncmp(hex, r->names.sha, NAMES_SHA - 1) != 0 || r->names.last < r->names.first ||
	    wall_parse(r->received, &t))
		return -ERR_MALFORMED;
	return 0;
}

static int put_body(const struct receipt *r, struct buf *out)
{
	char hex[CHAIN_HEX];

	chain_hex(r->sha256, CHAIN_LEN, hex);
	return buf_printf(out, "%s\nhost %s\ntrail %s\nsegment %s\nsha256 %s\nfirst %" PRIu64 "\nlast %" PRIu64 "\nreceived %s\n", version,
	    r->names.host, r->trail, r->segment, hex, r->names.first, r->names.last, r->received);
}

int receipt_make(const struct receipt *given, const char *name, const uint8_t seed[SIGN_SEED], struct buf *out)
{
	struct receipt r = *given;
	size_t from = out->len;

	int e = agree(&r);
	if (!e)
		e = put_body(&r, out);
	return e ? e : note_sign(name, seed, from, out);
}

/* The next line, which is "${key} VALUE". */
static bool value(struct view *text, const char *key, char *out, size_t cap)
{
	char line[NAMES_MAX + 16];
	size_t n = strlen(key);

	if (!note_line(text, line, sizeof(line)) || strncmp(line, key, n) != 0 || line[n] != ' ' || strlen(line + n + 1) >= cap)
		return false;
	snprintf(out, cap, "%s", line + n + 1);
	return true;
}

int receipt_read(struct view text, struct receipt *r)
{
	char head[32], host[NAMES_HOST], hex[CHAIN_HEX], first[24], last[24], blank[2];
	struct buf again = {.max = RECEIPT_MAX};
	struct view rest = text;

	*r = (struct receipt){0};
	bool good = text.n <= RECEIPT_MAX && note_line(&rest, head, sizeof(head)) && strcmp(head, version) == 0 &&
		    value(&rest, "host", host, sizeof(host)) && value(&rest, "trail", r->trail, sizeof(r->trail)) &&
		    value(&rest, "segment", r->segment, sizeof(r->segment)) && value(&rest, "sha256", hex, sizeof(hex)) &&
		    value(&rest, "first", first, sizeof(first)) && value(&rest, "last", last, sizeof(last)) &&
		    value(&rest, "received", r->received, sizeof(r->received));
	struct view body = view_head(text, text.n - rest.n);

	good = good && note_line(&rest, blank, sizeof(blank)) && !blank[0] && !chain_unhex(view_str(hex), r->sha256, CHAIN_LEN) && !agree(r);
	/* One text for one meaning: what the fields say, written again, is what was read. */
	good = good && !put_body(r, &again) && view_eq(buf_view(&again), body);
	buf_free(&again);
	if (!good)
		*r = (struct receipt){0};
	return good ? 0 : -ERR_MALFORMED;
}

int receipt_verify(struct view text, struct view vkey, struct receipt *r)
{
	char name[NOTE_NAME];
	uint8_t key[SIGN_PUBLIC];
	struct view signature;

	*r = (struct receipt){0};
	if (note_key(vkey, name, key))
		return -ERR_MALFORMED;
	int e = receipt_read(text, r);
	if (!e && (!note_signature(text, name, key, &signature) || signature.n >= sizeof(r->signature))) {
		*r = (struct receipt){0};
		e = -ERR_CORRUPT;
	}
	if (!e) {
		snprintf(r->collector, sizeof(r->collector), "%s", name);
		snprintf(r->signature, sizeof(r->signature), "%.*s", (int)signature.n, (const char *)signature.p);
	}
	return e;
}

int receipt_again(const struct receipt *given, struct buf *out)
{
	struct receipt r = *given;

	int e = agree(&r);
	if (!e)
		e = put_body(&r, out);
	return e ? e : note_signed_by(r.collector, r.signature, out);
}
