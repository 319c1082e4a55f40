/*
 * control_fuzz.c - bytes of a client of the control socket: each request is whole and of a known kind, or refused with a
 * reason; a stream never stands still, and no line passes its bound.
 */
#include <stdlib.h>

#include "admin/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

static void check(const struct request *r, struct view in, long used)
{
	CHECK(r->kind >= -1 && r->kind < R_COUNT);
	if (r->kind < 0) {
		CHECK(r->error && r->error[0] && r->text[0] && memchr(r->text, 0, sizeof(r->text)));
		return;
	}
	CHECK(json_is_object(r->args));
	CHECK(request_name(r->kind)[0] != '?');
	if (r->secret.n) {
		CHECK(request_flags(r->kind) & REQ_SECRET && r->secret.n <= REQUEST_SECRET);
		CHECK(r->secret.p >= in.p && r->secret.p + r->secret.n <= in.p + used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size);

	while (in.n) {
		struct request r = {0};
		long used = request_take(in, &r);
		if (used > 0) {
			CHECK((size_t)used <= in.n);
			check(&r, in, used);
		} else if (used < 0) {
			CHECK(r.error && r.text[0]);
		} else {
			CHECK(in.n <= request_limit(in) + REQUEST_SECRET + 1);
		}
		request_clear(&r);
		if (used <= 0)
			break;
		in = view_skip(in, (size_t)used);
	}
	return 0;
}
