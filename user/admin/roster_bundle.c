/*
 * roster_bundle.c - signed bundles in the journal.  See roster.h.
 * What a bundle changes are events like any other, each with "bundle": {"version","item"}, items counted from 0.  They count when the event
 * "bundle.apply" follows that names how many they are, all of them or none: a writing that broke off leaves events that nothing follows.
 * What is held is dropped when the next bundle begins: with item 0, or with "bundle.apply" alone, when it changes nothing.
 */
#include <errno.h>
#include <stdio.h>

#include "admin/roster_internal.h"
#include "base/err.h"

enum { STALE = 256 };

static const char *event_of(const json_t *e)
{
	const char *s = json_string_value(json_object_get(e, "event"));
	return s ? s : "";
}

bool roster_of_bundle(const json_t *event)
{
	return json_is_object(json_object_get(event, "bundle")) && strncmp(event_of(event), "bundle.", 7) != 0 && strcmp(event_of(event), "policy.part") != 0;
}

static json_int_t number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_integer(v) ? json_integer_value(v) : -1;
}

int roster_hold(struct roster *r, const json_t *event)
{
	const json_t *of = json_object_get(event, "bundle");
	json_int_t item = number(of, "item");
	json_t *e = NULL, *doc = NULL;
	char key[24];
	int ret = 0;

	if (item == 0)
		json_object_clear(r->held);
	if (number(of, "version") < 1 || item < 0 || (size_t)item != json_object_size(r->held))
		return -ERR_MALFORMED;
	/* Its pieces may be those of the next one, too. */
	if (strcmp(event_of(event), "policy.apply") == 0)
		ret = roster_document(r, event, &doc);
	if (!ret && !(e = json_copy((json_t *)(uintptr_t)event))) /* only read */
		ret = -ENOMEM;
	if (!ret && doc && json_object_set(e, "document", doc))
		ret = -ENOMEM;
	snprintf(key, sizeof(key), "%lld", (long long)item);
	if (!ret)
		ret = json_object_set(r->held, key, e) ? -ENOMEM : 0;
	json_decref(doc);
	json_decref(e);
	return ret;
}

/* What the vault holds for this bundle, as the keys of an object. */
static int items(const struct roster *r, json_t *out)
{
	const char *name, *item;
	json_t *c;

	json_object_foreach(r->credentials, name, c)
		if ((item = json_string_value(json_object_get(c, "item"))) && json_object_set_new(out, item, json_true()))
			return -ENOMEM;
	return 0;
}

/* What the vault held for a bundle before, but not now: to be removed there. */
static int put_stale(struct roster *r, json_t *next, json_t *was)
{
	json_t *now = json_object(), *stale = json_array(), *v;
	const char *key;
	size_t i;
	int ret = now && stale ? items(r, now) : -ENOMEM;

	json_array_foreach(json_object_get(r->bundle, "stale"), i, v)
		if (!ret && json_object_set_new(was, json_string_value(v), json_true()))
			ret = -ENOMEM;
	json_object_foreach(was, key, v)
		if (!ret && !json_object_get(now, key) && json_array_size(stale) < STALE && json_array_append_new(stale, json_string(key)))
			ret = -ENOMEM;
	if (!ret)
		ret = json_object_set(next, "stale", stale) ? -ENOMEM : 0;
	json_decref(now);
	json_decref(stale);
	return ret;
}

static int apply_held(struct roster *r, json_int_t version)
{
	size_t n = json_object_size(r->held);
	char key[24];
	int ret = 0;

	for (size_t i = 0; !ret && i < n; i++) {
		snprintf(key, sizeof(key), "%zu", i);
		const json_t *e = json_object_get(r->held, key);
		ret = number(json_object_get(e, "bundle"), "version") == version ? roster_one(r, e) : -ERR_MALFORMED;
	}
	return ret;
}

static int make_bundle(struct roster *r, const json_t *e, json_t *was)
{
	static const char *const as_said[] = {"version", "sha256", "for", "local"};
	json_t *next = json_object();
	int ret = next ? put_stale(r, next, was) : -ENOMEM;

	for (size_t i = 0; !ret && i < sizeof(as_said) / sizeof(*as_said); i++) {
		json_t *v = json_object_get(e, as_said[i]);
		ret = v && json_object_set(next, as_said[i], v) ? -ENOMEM : 0;
	}
	if (!ret && (json_object_set(next, "at", json_object_get(e, "ts")) || json_object_update_missing(next, r->bundle)))
		ret = -ENOMEM;
	if (ret) {
		json_decref(next);
		return ret;
	}
	json_decref(r->bundle);
	r->bundle = next;
	return 0;
}

int roster_bundle_apply(struct roster *r, const json_t *e)
{
	json_int_t version = number(e, "version");
	json_t *was = json_object();
	struct roster t = {0};

	if (number(e, "items") == 0)
		json_object_clear(r->held);
	if (version < 1 || !json_is_string(json_object_get(e, "sha256")) || number(e, "items") != (json_int_t)json_object_size(r->held)) {
		json_decref(was);
		return -ERR_MALFORMED;
	}
	/* On a copy: what cannot be understood in the middle must leave nothing behind. */
	int ret = was ? roster_copy(r, &t) : -ENOMEM;
	if (!ret)
		ret = items(&t, was);
	if (!ret)
		ret = apply_held(&t, version);
	if (!ret)
		ret = make_bundle(&t, e, was);
	json_decref(was);
	if (ret) {
		roster_free(&t);
		return ret;
	}
	json_object_clear(t.held);
	t.parts = r->parts;
	r->parts = NULL;
	roster_free(r);
	*r = t;
	return 0;
}

int roster_bundle_trust(struct roster *r, const json_t *e)
{
	json_t *signer = json_object_get(e, "signer");

	if (!json_is_string(signer))
		return -ERR_MALFORMED;
	return json_object_set(r->bundle, "signer", signer) ? -ENOMEM : 0;
}

const char *roster_item(const struct roster *r, const char *credential)
{
	const char *item = json_string_value(json_object_get(json_object_get(r->credentials, credential), "item"));
	return item ? item : credential;
}

uint64_t roster_bundle(const struct roster *r)
{
	json_int_t n = number(r->bundle, "version");
	return n > 0 ? (uint64_t)n : 0;
}
