/*
 * report_html.c - report.html: the page beside this file, with report.json in it.
 * The page is one file that loads nothing; its script draws what lies in its element "data".
 */
#include <errno.h>
#include <stdlib.h>

#include "evidence/run.h"

#define MARK "@DATA@"

/* The page, as it lies beside this file. */
__asm__(".section .rodata\n"
	"report_page: .incbin \"user/evidence/report.html\"\n"
	"report_page_end: .byte 0\n"
	".previous\n");
extern const uint8_t report_page[], report_page_end[];

/* JSON in an element of HTML: no '<' may be seen there, which would end the element or begin a comment. */
static int put_json(struct buf *out, const char *text)
{
	int r = 0;

	while (!r && *text) {
		size_t n = strcspn(text, "<");
		r = buf_put(out, view_of(text, n));
		text += n;
		if (!r && *text == '<') {
			r = buf_puts(out, "\\u003c");
			text++;
		}
	}
	return r;
}

void report_html(struct run *r, const json_t *report)
{
	struct view page = view_of(report_page, (size_t)(report_page_end - report_page));
	const uint8_t *mark = memmem(page.p, page.n, MARK, sizeof(MARK) - 1);
	char *text = json_dumps(report, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	struct buf b = {0};
	size_t before = mark ? (size_t)(mark - page.p) : 0;
	int e = !mark || !text ? -ENOMEM : buf_put(&b, view_of(page.p, before));

	if (!e)
		e = put_json(&b, text);
	if (!e)
		e = buf_put(&b, view_skip(page, before + sizeof(MARK) - 1));
	if (e)
		bundle_fail(r->b, e, "report.html");
	else
		bundle_put(r->b, "report.html", buf_view(&b));
	buf_free(&b);
	free(text);
}
