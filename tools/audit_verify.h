/* audit_verify.h - callgate audit verify. */
#ifndef TOOLS_AUDIT_VERIFY_H
#define TOOLS_AUDIT_VERIFY_H

/** audit_verify(argc, argv): Exit status: 0 whole, 1 not, 2 usage. */
int audit_verify(int argc, char **argv);

#endif
