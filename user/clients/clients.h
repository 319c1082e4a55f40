/*
 * clients.h - what configurations of MCP clients say: which servers, and where a key for them is.
 * Floor: clients (uses codec, base).      The files belong to users, so any input is legal to pass.
 * Owns: nothing; a row is a value, without pointers, that a process can hand to another.  Texts but ${value} are printable ASCII.
 */
#ifndef CLIENTS_CLIENTS_H
#define CLIENTS_CLIENTS_H

#include "base/buf.h"
#include "clients/url.h"

enum { CLIENTS_FILE_MAX = 8 << 20, CLIENTS_SERVERS = 64, CLIENTS_KEYS = 8, CLIENTS_VALUE = 16384 };

enum clients_state {
	CLIENTS_NONE,  /* no key in the file */
	CLIENTS_LIVE,  /* ${value} */
	CLIENTS_REF,   /* ${ref} is a variable of the environment, a file or a question to the user */
	CLIENTS_URL,   /* the URL has a part in which a key may be */
	CLIENTS_BAD,   /* something that no header can carry */
	CLIENTS_VAR,   /* of an environment file: ${name} has ${value} */
	CLIENTS_NOTE,  /* no server: ${ref} is a remark on the file */
	CLIENTS_STATES
};

struct clients_row {
	uint32_t state;     /* enum clients_state */
	uint32_t value_len;
	char client[16];
	char file[256];     /* as the reader was told */
	char name[64];      /* of the server, the variable */
	struct url url;
	char at[256];       /* members that lead to the key, with dots */
	char header[64], format[64]; /* format holds "{secret}" */
	char ref[160];
	char value[CLIENTS_VALUE + 1];
};

typedef void clients_fn(void *arg, const struct clients_row *row);

struct clients_file {
	const char *client, *path; /* below the home directory, or the project's */
	bool project, toml;
	const char *member; /* that holds the servers */
};

/** clients_file(i): The ${i}th file that a client reads, or NULL. */
const struct clients_file *clients_file(size_t i);

/** clients_read(f, shown, text, fn, arg): The servers in ${text}, which is changed and wiped; ${shown} is the file's name.  A row for each key, or for each server that has none; or one remark. */
void clients_read(const struct clients_file *f, const char *shown, struct buf *text, clients_fn *fn, void *arg);

/** clients_env(shown, text, fn, arg): The variables of an environment file. */
void clients_env(const char *shown, struct view text, clients_fn *fn, void *arg);

/** clients_note(client, shown, text, fn, arg): A row that is a remark. */
void clients_note(const char *client, const char *shown, const char *text, clients_fn *fn, void *arg);

/** clients_row_ok(row): May a row that another process sent be looked at: known state, texts that end and are printable? */
bool clients_row_ok(const struct clients_row *row);

#endif
