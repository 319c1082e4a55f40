/* re2_oracle.h - libre2, for a test in C.  RE2 says what a pattern means: docs/POLICY.md "patterns". */
#ifndef TESTS_RE2_ORACLE_H
#define TESTS_RE2_ORACLE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
/** re2_oracle_new(pattern, n): NULL when RE2 refuses it.  re2_oracle_match(re, text, n): does it occur anywhere? */
void *re2_oracle_new(const char *pattern, size_t n);
int re2_oracle_match(const void *re, const char *text, size_t n);
void re2_oracle_free(void *re);
#ifdef __cplusplus
}
#endif

#endif
