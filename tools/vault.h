/* vault.h - verbs of callgate vault that have files of their own. */
#ifndef TOOLS_VAULT_H
#define TOOLS_VAULT_H

/** callgate vault placeholder */
int vault_placeholder(int argc, char **argv);

#endif
