// re2_oracle.cc - see re2_oracle.h.
#include <re2/re2.h>

#include "re2_oracle.h"

void *re2_oracle_new(const char *pattern, size_t n)
{
	re2::RE2::Options o;
	o.set_log_errors(false);
	o.set_max_mem(256 << 20); // its bounds are not ours
	re2::RE2 *re = new re2::RE2(re2::StringPiece(pattern, n), o);
	if (re->ok())
		return re;
	delete re;
	return nullptr;
}

int re2_oracle_match(const void *re, const char *text, size_t n)
{
	return re2::RE2::PartialMatch(re2::StringPiece(text, n), *static_cast<const re2::RE2 *>(re));
}

void re2_oracle_free(void *re)
{
	delete static_cast<re2::RE2 *>(re);
}
