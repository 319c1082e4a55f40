/* sheets.c - see sheets.h. */
#include "evidence/sheets.h"

const struct sheet_info sheets[SHEETS] = {
#define X(symbol, path, criterion, columns, row) {path, criterion, columns, row},
#include "evidence/sheets.tbl.h"
#undef X
};

const struct artefact_info artefacts[ARTEFACTS] = {
    {"grant roster: identity, server, tools", SH_ROSTER, SHEETS},
    {"issuance log: identity, scope, issuer, time", SH_ISSUANCE, SHEETS},
    {"grant review: active grants by person, scope, age", SH_GRANT_REVIEW, SHEETS},
    {"revocations by identity and time", SH_REVOCATIONS, SHEETS},
    {"per-call log", SH_CALLS, SHEETS},
    {"policy history, and the rule that authorised each privileged call", SH_POLICY_HISTORY, SH_PRIVILEGED},
    {"inventory of non-human identities by risk", SH_IDENTITIES, SHEETS},
};
