/*
 * jsonc.h - JSON as editors write it, made into JSON: comments, a comma behind the last value, a byte order mark.
 * Floor: clients.      Any input is legal to pass; what is no JSON stays none.
 */
#ifndef CLIENTS_JSONC_H
#define CLIENTS_JSONC_H

#include <stddef.h>
#include <stdint.h>

/** jsonc_plain(p, n): Write blanks over all that JSON does not have; line ends stay. */
void jsonc_plain(uint8_t *p, size_t n);

#endif
