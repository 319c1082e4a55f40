/* catalogue_fuzz.c - whatever a server lists gets a class and a hash, and a policy can be compared with it. */
#include <stdlib.h>

#include "codec/json.h"
#include "policy/catalogue.h"
#include "policy/pol_fit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct view text(const struct json_doc *doc, const struct json_node *tool, const char *key, char *out, size_t cap)
{
	const struct json_node *n = json_get(doc, tool, view_str(key));
	int len = n && n->type == JSON_STRING ? json_str(doc, n, out, cap) : -1;

	return view_of(out, len < 0 ? 0 : (size_t)len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char policy[] = "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"get_x\":{\"require\":[{\"conditions\":[{\"path\":\"args.a.b\",\"op\":\"in\",\"value\":[1,\"x\",null,[2]]},"
	                             "{\"path\":\"args.a\",\"op\":\"eq\",\"value\":{\"k\":1}}]}],\"deny_if\":[{\"conditions\":[{\"path\":\"args.sql\",\"op\":\"regex\",\"value\":\"a\"}]}]},\"x\":{}}}";
	static struct json_node node[4096];
	static char name[1024], description[4096];
	struct json_doc doc;
	struct catalogue_class k;
	uint8_t hash[CATALOGUE_HASH];

	if (pol_fit(VIEW_LIT(policy), view_of(data, size), NULL, NULL) < 0 && size > 1 << 16)
		return 0;
	if (json_scan(&doc, view_of(data, size), node, 4096, NULL))
		return 0;
	const struct json_node *list = doc.node[0].type == JSON_ARRAY ? &doc.node[0] : NULL, *t = list ? json_first(&doc, list) : &doc.node[0];
	for (; t; t = list ? json_next(&doc, list, t) : NULL) {
		struct catalogue_tool c = {.server = VIEW_LIT("x"), .name = text(&doc, t, "name", name, sizeof(name)),
		    .description = text(&doc, t, "description", description, sizeof(description)), .doc = &doc, .schema = json_get(&doc, t, VIEW_LIT("inputSchema")),
		    .annotations = json_get(&doc, t, VIEW_LIT("annotations"))};
		catalogue_classify(&c, &k);
		if (k.risk < RISK_READ || k.risk >= RISK_COUNT || !k.evidence[0] || catalogue_hash(&doc, t, hash))
			abort();
		/* Without the rest the class is never higher. */
		enum risk whole = k.risk;
		bool known = k.known;
		c.description = view_of(NULL, 0);
		c.doc = NULL;
		catalogue_classify(&c, &k);
		if (k.known && (k.risk > whole || !known))
			abort();
	}
	return 0;
}
