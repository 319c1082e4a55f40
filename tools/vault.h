/* vault.h - verbs of callgate vault that have files of their own. */
#ifndef TOOLS_VAULT_H
#define TOOLS_VAULT_H

#include <jansson.h>

/** vault_hosts(list): The array that "A,B" names. */
json_t *vault_hosts(const char *list);

/** callgate vault placeholder */
int vault_placeholder(int argc, char **argv);

/** callgate vault import */
int vault_import(int argc, char **argv);

#endif
