/*
 * job_placeholder.c - fake keys for clients' configurations, which the workers know again (policy/placeholder.h).  See job.h.
 * The key is in the answer, once.  The journal keeps its digest and the mark, which all keys of this machine have in common.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/random.h>

#include "admin/job.h"
#include "audit/chain.h"
#include "policy/placeholder.h"

enum { PREFIX_MAX = 24, KEY_MAX = 256, MOST = 1000 };

static const char *arg(const struct job *j, const char *key)
{
	return json_string_value(json_object_get(j->args, key));
}

static void invalid(struct job *j, const char *why)
{
	job_fail(j, "invalid", why);
}

/* ${n} letters and digits, each as likely as any other. */
static bool draw(char *out, size_t n)
{
	static const char set[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint8_t rnd[64];

	for (size_t i = 0; i < n;) {
		if (getrandom(rnd, sizeof(rnd), 0) != (ssize_t)sizeof(rnd))
			return false;
		for (size_t k = 0; k < sizeof(rnd) && i < n; k++)
			if ((rnd[k] & 63) < sizeof(set) - 1)
				out[i++] = set[rnd[k] & 63];
	}
	explicit_bzero(rnd, sizeof(rnd));
	return true;
}

static bool prefix_ok(const char *s)
{
	static const char set[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-.";

	return strlen(s) <= PREFIX_MAX && strspn(s, set) == strlen(s);
}

/* That of the others, so that workers look for one. */
static bool mark_of(const struct job *j, char mark[PLACEHOLDER_MARK + 1])
{
	const char *id;
	json_t *p;

	mark[PLACEHOLDER_MARK] = '\0';
	json_object_foreach(j->a->roster.placeholders, id, p) {
		const char *have = json_string_value(json_object_get(p, "mark"));
		if (!have || strlen(have) != PLACEHOLDER_MARK)
			continue;
		memcpy(mark, have, PLACEHOLDER_MARK);
		return true;
	}
	return draw(mark, PLACEHOLDER_MARK);
}

static bool digest(const char *key, char hex[2 * PLACEHOLDER_SHA256 + 1])
{
	uint8_t sum[PLACEHOLDER_SHA256];
	unsigned n = 0;

	if (EVP_Digest(key, PLACEHOLDER_LEN, sum, &n, EVP_sha256(), NULL) != 1)
		return false;
	chain_hex(sum, sizeof(sum), hex);
	return true;
}

static bool request_ok(struct job *j, json_int_t *length)
{
	const char *name = arg(j, "credential"), *prefix = arg(j, "prefix") ? arg(j, "prefix") : "";
	const json_t *n = json_object_get(j->args, "length");
	json_int_t least = (json_int_t)strlen(prefix) + PLACEHOLDER_LEN;

	*length = json_is_integer(n) ? json_integer_value(n) : least;
	if (!json_object_get(j->a->roster.credentials, name))
		invalid(j, "/credential: there is no such credential; a placeholder stands for one that the vault has (callgate vault list)");
	else if (!prefix_ok(prefix))
		invalid(j, "/prefix: must be at most 24 of A-Z a-z 0-9 _ - .");
	else if (arg(j, "for") && !check_line(arg(j, "for")))
		invalid(j, "/for: must be one line of at most 256 bytes");
	else if (*length < least || *length > KEY_MAX)
		invalid(j, "/length: must be from the length of the prefix and 36 up to 256");
	else if (json_object_size(j->a->roster.placeholders) >= MOST)
		invalid(j, "there are 1000 placeholders already; remove some (callgate vault placeholder --list)");
	else
		return true;
	return false;
}

void job_placeholder_add(struct job *j)
{
	char key[KEY_MAX + 1] = "", mark[PLACEHOLDER_MARK + 1], hex[2 * PLACEHOLDER_SHA256 + 1], id[16], at[WALL_TEXT];
	const char *prefix = arg(j, "prefix");
	json_int_t length;

	if (!request_ok(j, &length))
		return;
	size_t n = prefix ? strlen(prefix) : 0;
	char *core = key + n;
	memcpy(key, prefix ? prefix : "", n);
	if (!mark_of(j, mark) || !draw(core, (size_t)length - n) || check_id(j->a->roster.placeholders, id)) {
		job_fail(j, "unavailable", "no randomness for a placeholder");
		return;
	}
	memcpy(core, mark, PLACEHOLDER_MARK);
	key[length] = '\0';
	bool ok = digest(core, hex);
	wall_text(wall_now(), at);
	json_t *p = !ok ? NULL : json_pack("{s:s s:s s:s s:s s:s* s:s* s:o s:s}", "id", id, "credential", arg(j, "credential"), "mark", mark, "sha256", hex,
	    "prefix", prefix, "for", arg(j, "for"), "issued_by", job_person_json(j), "issued_at", at);
	j->answer = p ? json_pack("{s:s s:s s:s}", "id", id, "credential", arg(j, "credential"), "placeholder", key) : NULL;
	explicit_bzero(key, sizeof(key));
	if (!j->answer) {
		json_decref(p);
		job_fail(j, "unavailable", "no memory for a placeholder");
		return;
	}
	job_write(j, json_pack("{s:s s:s s:o}", "event", "placeholder.add", "id", id, "placeholder", p));
}

void job_placeholder_list(struct job *j)
{
	job_list(j, "placeholders", j->a->roster.placeholders, "mark");
}

void job_placeholder_remove(struct job *j)
{
	if (job_named(j, j->a->roster.placeholders, "placeholder", "callgate vault placeholder --list"))
		job_write(j, json_pack("{s:s s:s}", "event", "placeholder.remove", "id", arg(j, "id")));
}
