/* history.c - see history.h. */
#include <stdint.h>

#include "admin/history.h"

/* Older ones lose their document, the oldest their place. */
static void trim(json_t *list)
{
	size_t n = json_array_size(list);

	if (n > HISTORY_KEPT) {
		json_t *old = json_copy(json_array_get(list, n - HISTORY_KEPT - 1));
		json_object_del(old, "document");
		json_array_set_new(list, n - HISTORY_KEPT - 1, old);
	}
	if (n > HISTORY_LISTED)
		json_array_remove(list, 0);
}

json_t *history_next(const json_t *old, const json_t *event, json_t *document)
{
	static const char *const as_said[] = {"hash", "reason", "ticket", "rollback_to"};
	json_int_t version = json_integer_value(json_object_get(old, "version")) + 1;
	const json_t *before = json_object_get(old, "history");
	json_t *v = json_pack("{s:o s:I s:O? s:O?}", "document", document, "version", version, "applied_at", json_object_get(event, "ts"),
	    "applied_by", json_object_get(event, "by"));
	json_t *list = before ? json_copy((json_t *)(uintptr_t)before) : json_array();

	for (size_t i = 0; v && i < sizeof(as_said) / sizeof(*as_said); i++) {
		json_t *m = json_object_get(event, as_said[i]);
		if (m)
			json_object_set(v, as_said[i], m);
	}
	json_t *p = v && list ? json_copy(v) : NULL;
	if (p) {
		json_object_set(p, "name", json_object_get(event, "name"));
		json_array_append(list, v);
		trim(list);
		json_object_set(p, "history", list);
	}
	json_decref(v);
	json_decref(list);
	return p;
}

json_t *history_version(const json_t *p, json_int_t version)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(p, "history"), i, v)
		if (json_integer_value(json_object_get(v, "version")) == version)
			return v;
	return NULL;
}

json_t *history_before(const json_t *p)
{
	const json_t *list = json_object_get(p, "history");

	for (size_t i = json_array_size(list); i-- > 0;) {
		json_t *v = json_array_get(list, i);
		if (!json_equal(json_object_get(v, "hash"), json_object_get(p, "hash")))
			return v;
	}
	return NULL;
}

json_t *history_list(const json_t *p)
{
	json_t *out = json_array(), *v;
	size_t i;

	json_array_foreach(json_object_get(p, "history"), i, v) {
		json_t *row = json_copy(v);
		json_object_set_new(row, "kept", json_boolean(json_object_get(v, "document") != NULL));
		json_object_del(row, "document");
		json_array_append_new(out, row);
	}
	return out;
}

json_t *history_head(const json_t *p)
{
	json_t *row = json_copy((json_t *)(uintptr_t)p);

	json_object_del(row, "document");
	json_object_del(row, "history");
	return row;
}
