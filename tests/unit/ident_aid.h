/* ident_aid.h - the agents that Callgate knows.  After the headers that cmocka wants. */
#ifndef TESTS_IDENT_AID_H
#define TESTS_IDENT_AID_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fd.h"
#include "ident/agents.h"

/* The patterns that are shipped, as callgated sends them. */
static inline struct agents *shipped(void)
{
	struct dirent **names;
	struct buf conf = {0};
	struct agents *a;
	char why[200];
	int n = scandir("policy/agents.d", &names, NULL, alphasort), sent = 0;

	assert_true(n > 2);
	assert_int_equal(buf_puts(&conf, "{\"agents\":["), 0);
	for (int i = 0; i < n; i++) {
		char path[300];
		struct buf text = {0};
		snprintf(path, sizeof(path), "policy/agents.d/%s", names[i]->d_name);
		if (names[i]->d_name[0] != '.') {
			assert_int_equal(fd_slurp(AT_FDCWD, path, 65536, &text), 0);
			assert_int_equal(buf_printf(&conf, "%s" VIEW_FMT, sent++ ? "," : "", VIEW_ARG(buf_view(&text))), 0);
		}
		buf_free(&text);
		free(names[i]);
	}
	free(names);
	assert_int_equal(buf_put(&conf, view_of("]}", 3)), 0);
	assert_int_equal(agents_load((const char *)conf.mem, why, sizeof(why), &a), 0);
	assert_string_equal(why, "");
	assert_int_equal(agents_class(a, (uint32_t)sent) != CG_CLASS_NONE, 1);
	assert_int_equal(agents_class(a, (uint32_t)sent + 1), CG_CLASS_NONE);
	buf_free(&conf);
	return a;
}

#endif
