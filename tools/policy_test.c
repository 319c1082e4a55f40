/* policy_test.c - see policy_test.h. */
#include "policy/pol_vectors.h"
#include "tools/policy_test.h"

int policy_test(struct view file, bool keep, void (*line)(void *arg, const char *text), void *arg)
{
	return pol_vectors_run(file, keep ? POL_VECTORS_KEEP_ON_ERROR : 0, line, arg);
}
