/* policy_test.c - see policy_test.h. */
#include <stdio.h>

#include "policy/pol_vectors.h"
#include "tools/policy_test.h"

static void print(void *arg, const char *line)
{
	(void)arg;
	puts(line);
}

int policy_test(struct view file)
{
	return pol_vectors_run(file, 0, print, NULL);
}
