/* words.c - see words.h. */
#include <inttypes.h>
#include <stdio.h>

#include "base/jsonw.h"
#include "gate/words.h"

void words_call_id(uint64_t ring, uint64_t call, char out[WORDS_CALL_ID])
{
	snprintf(out, WORDS_CALL_ID, "%012" PRIx64 "-%" PRIx64, ring, call);
}

static void open_message(struct jsonw *w, struct view id)
{
	jsonw_open(w, NULL, '{');
	jsonw_str(w, "jsonrpc", "2.0");
	jsonw_raw(w, "id", id.n ? id : VIEW_LIT("null"));
}

int words_error(struct buf *out, struct view id, int code, const char *text)
{
	struct jsonw w = jsonw_on(out);

	open_message(&w, id);
	jsonw_open(&w, "error", '{');
	jsonw_int(&w, "code", code);
	jsonw_str(&w, "message", text);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	return jsonw_end(&w);
}

static void open_result(struct jsonw *w, struct view id, bool new_era, const char *text)
{
	open_message(w, id);
	jsonw_open(w, "result", '{');
	if (new_era)
		jsonw_str(w, "resultType", "complete");
	jsonw_open(w, "content", '[');
	jsonw_open(w, NULL, '{');
	jsonw_str(w, "type", "text");
	jsonw_str(w, "text", text);
	jsonw_close(w, '}');
	jsonw_close(w, ']');
	jsonw_bool(w, "isError", true);
}

int words_result(struct buf *out, struct view id, bool new_era, const char *text)
{
	struct jsonw w = jsonw_on(out);

	open_result(&w, id, new_era, text);
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	return jsonw_end(&w);
}

void words_denial(char *out, size_t cap, const struct pol_decision *d, const char *call_id, const struct words_approval *a)
{
	snprintf(out, cap, "%s: %s (rule %s, audit id %s)", a && a->waiting ? "Not yet" : "Denied by policy", d->text[0] ? d->text : "not permitted",
	    d->rule[0] ? d->rule : "(none)", call_id);
}

int words_denied(struct buf *out, struct view id, bool new_era, const struct pol_decision *d, const char *call_id, const struct words_approval *a)
{
	char text[POL_TEXT_MAX + POL_RULE_MAX + 128];
	struct jsonw w = jsonw_on(out);

	words_denial(text, sizeof(text), d, call_id, a);
	open_result(&w, id, new_era, text);
	jsonw_open(&w, "_meta", '{');
	jsonw_open(&w, "callgate/denial", '{');
	jsonw_str(&w, "rule", d->rule);
	jsonw_str(&w, "audit_id", call_id);
	if (a) {
		jsonw_str(&w, "approval", a->id);
		jsonw_bool(&w, "waiting", a->waiting);
	}
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	return jsonw_end(&w);
}
