/* wipe.c - see wipe.h. */
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

void wipe_free(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void wipe_json(void)
{
	json_set_alloc_funcs(malloc, wipe_free);
}
