/*
 * clients_fuzz.c - configurations of MCP clients, which users write.  The first byte chooses the reader.
 * Whatever the text: rows that another process may look at, a bounded number of them, keys that a header can carry.
 */
#include <assert.h>
#include <stdlib.h>

#include "clients/clients.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = CLIENTS_SERVERS * (CLIENTS_KEYS + 1) * 1024 };

static void on_row(void *arg, const struct clients_row *row)
{
	size_t *n = arg;

	assert(clients_row_ok(row));
	assert(++*n < ROWS_MAX);
	assert((row->state == CLIENTS_LIVE || row->state == CLIENTS_VAR) || !row->value_len);
	assert(row->value[row->value_len] == '\0');
	if (row->state != CLIENTS_LIVE)
		return;
	assert(row->value_len && row->header[0] && strstr(row->format, "{secret}") && row->url.host[0] && row->url.port);
	for (uint32_t i = 0; i < row->value_len; i++)
		assert(row->value[i] >= 0x20 && row->value[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t rows = 0, n = 0;
	struct url url;

	if (!size)
		return 0;
	while (clients_file(n))
		n++;
	if (data[0] == 'e') {
		clients_env("file", view_of(data + 1, size - 1), on_row, &rows);
	} else if (data[0] == 'u') {
		int r = url_read(view_of(data + 1, size - 1), &url);
		assert(r || (url.host[0] && url.port && url.path[0] == '/'));
	} else {
		struct buf text = {0};
		assert(buf_put(&text, view_of(data + 1, size - 1)) == 0);
		clients_read(clients_file(data[0] % n), "file", &text, on_row, &rows);
		assert(!text.mem);
	}
	return 0;
}
