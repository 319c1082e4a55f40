/*
 * msg.tbl.h - X(symbol, number, from, to, min payload, max payload, descriptors, flags).
 * Numbers are never used twice.  Tag 0 is a notice; a reply carries the tag of its request.
 */
#define S MSG_P(P_SUP)
#define A MSG_P(P_ADMIN)
#define I MSG_P(P_IDENT)
#define W MSG_P(P_PROXY)
#define V MSG_P(P_VAULT)
#define L MSG_P(P_AUDIT)
#define F MSG_P(P_FETCH)
/* start-up and life */
X(M_EDGE, 1, S, MSG_ALL, sizeof(struct m_edge), sizeof(struct m_edge), 1, MSG_ANY_TIME)
X(M_FD, 2, S, MSG_ALL, sizeof(struct m_fd), sizeof(struct m_fd), 1, MSG_ANY_TIME)
X(M_CONF, 3, S, MSG_ALL, 2, MSG_MAX, 0, MSG_ANY_TIME)            /* JSON object: settings of this process */
X(M_GO, 4, S, MSG_ALL, 0, 0, 0, MSG_ONCE)                         /* all descriptors sent: close the door, start */
X(M_READY, 5, MSG_ALL & ~S, S, sizeof(struct m_ready), sizeof(struct m_ready), 0, MSG_ONCE)
X(M_STOP, 6, S, MSG_ALL, 0, 0, 0, MSG_ANY_TIME)                   /* finish what is accepted, then exit 0 */
/* proxy and vault */
X(M_LEASE_GET, 20, W, V, sizeof(struct m_lease_get), sizeof(struct m_lease_get), 0, MSG_ANY_TIME)
X(M_LEASE, 21, V, W, sizeof(struct m_lease), MSG_MAX, 0, MSG_ANY_TIME)
X(M_TOKEN_GET, 27, V, F, 2, MSG_MAX, 0, MSG_ANY_TIME)              /* JSON with a secret: a token for it, please */
X(M_TOKEN, 28, F, V, sizeof(struct m_token), MSG_MAX, 0, MSG_ANY_TIME)
X(M_MINT, 22, W, V, sizeof(struct m_mint), sizeof(struct m_mint), 0, MSG_ANY_TIME)
X(M_MINTED, 23, V, W, sizeof(struct m_minted), MSG_MAX, 0, MSG_ANY_TIME)
X(M_REVOKE, 24, V, W, sizeof(struct m_revoke), sizeof(struct m_revoke), 0, MSG_ANY_TIME)
X(M_CA_GET, 25, W | A, V, 0, 0, 0, MSG_ANY_TIME)
X(M_CA, 26, V, W | A, 0, MSG_MAX, 0, MSG_ANY_TIME)                /* PEM of the root, empty: none */
/* admin and vault.  JSON requests {"op":"set|list|remove|hosts", ...}; a secret follows the JSON after one NUL byte. */
X(M_VAULT_DO, 30, A, V, 2, MSG_MAX, 0, MSG_ANY_TIME)
X(M_VAULT_DID, 31, V, A, 2, MSG_MAX, 0, MSG_ANY_TIME)             /* {"ok":true,...} or {"ok":false,"error":"...","text":"..."} */
/* admin and proxy */
X(M_WORLD, 40, A, W, 0, 0, 1, MSG_ANY_TIME)                       /* sealed file: policy/world.h */
X(M_WORLD_ACK, 41, W, A, sizeof(struct m_world_ack), sizeof(struct m_world_ack), 0, MSG_ANY_TIME)
X(M_TOOL, 42, W, A, sizeof(struct m_tool), sizeof(struct m_tool) + TOOL_SCHEMA_MAX, 0, MSG_ANY_TIME)
X(M_APPROVAL_ASK, 43, W, A, sizeof(struct m_approval_ask), sizeof(struct m_approval_ask) + APPROVAL_KEYS_MAX + APPROVAL_ARGS_MAX, 0, MSG_ANY_TIME)
X(M_APPROVAL, 44, A, W, sizeof(struct m_approval), sizeof(struct m_approval), 0, MSG_ANY_TIME)
X(M_APPROVAL_NEWS, 45, A, W, sizeof(struct m_approval_news), sizeof(struct m_approval_news), 0, MSG_ANY_TIME)
/* admin and audit.  The body is a JSON object without seq, ts, host: audit adds them. */
X(M_JOURNAL_ADD, 50, A, L, 2, MSG_MAX, 0, MSG_ANY_TIME)
X(M_JOURNAL_ACK, 51, L, A, sizeof(struct m_journal_ack), sizeof(struct m_journal_ack), 0, MSG_ANY_TIME)
X(M_JOURNAL_GET, 52, A, L, sizeof(struct m_journal_get), sizeof(struct m_journal_get), 0, MSG_ANY_TIME)
X(M_JOURNAL, 53, L, A, sizeof(struct m_journal), sizeof(struct m_journal), 1, MSG_ANY_TIME) /* sealed file: journal lines, oldest first */
X(M_KEEP, 49, A, L, sizeof(struct m_keep), sizeof(struct m_keep), 1, MSG_ANY_TIME) /* sealed file: admin/state.h */
X(M_AUDIT_GET, 54, A, L, 0, 0, 0, MSG_ANY_TIME)
X(M_AUDIT, 55, L, A, 2, MSG_MAX, 0, MSG_ANY_TIME)                 /* JSON: state of the writer */
X(M_AUDIT_NOTE, 56, A | S, L, 2, MSG_MAX, 0, MSG_ANY_TIME)        /* JSON object for the audit stream: refused administration, coverage */
X(M_COVER, 59, S, L, 2, MSG_MAX, 0, MSG_ANY_TIME)                 /* JSON object: counters and state for the seals, each second */
/* copies of audit lines, which may be lost */
X(M_FORWARD, 57, L, F, 2, MSG_MAX, 0, MSG_ANY_TIME)               /* whole lines, newlines included */
X(M_FORWARDED, 58, F, L, sizeof(struct m_forwarded), sizeof(struct m_forwarded), 0, MSG_ANY_TIME)
/* vault and audit */
X(M_RELEASE, 60, V, L, sizeof(struct m_release), sizeof(struct m_release), 0, MSG_ANY_TIME)
/* limits */
X(M_CHARGES, 61, L, S, sizeof(struct m_charges), sizeof(struct m_charges), 1, MSG_ANY_TIME) /* sealed file: ipc/charge_row.h */
/* identity */
X(M_DESCRIBE, 70, W | A, I, sizeof(struct m_describe), sizeof(struct m_describe), 0, MSG_ANY_TIME)
X(M_DESCRIBED, 71, I, W | A, sizeof(struct m_described), sizeof(struct m_described), 0, MSG_ANY_TIME)
X(M_DIGEST_GET, 73, W, I, sizeof(struct m_describe), sizeof(struct m_describe), 0, MSG_ANY_TIME)
X(M_DIGEST, 74, I, W, sizeof(struct m_digest), sizeof(struct m_digest), 0, MSG_ANY_TIME)
X(M_MARK, 72, I, S, sizeof(struct m_mark), sizeof(struct m_mark), 0, MSG_ANY_TIME)
/* admin and callgated */
X(M_WORKER, 75, W, S, sizeof(struct m_worker), sizeof(struct m_worker), 0, MSG_ANY_TIME)
X(M_DESTS, 80, A, S, 0, MSG_MAX, 0, MSG_ANY_TIME)
X(M_STATUS_GET, 81, A, S, 0, 0, 0, MSG_ANY_TIME)
X(M_STATUS, 82, S, A, 2, MSG_MAX, 0, MSG_ANY_TIME)                /* JSON: processes, hooks, downgrades, counters */
X(M_RELOAD, 83, S | A, S | A, 0, MSG_MAX, 0, MSG_ANY_TIME)        /* the configuration was read again; JSON for admin */
/* known addresses */
X(M_HOSTS, 90, A, F | I, 0, MSG_MAX, 0, MSG_ANY_TIME)               /* "PORT NAME", NUL: the hosts of registered servers; replaces the list */
X(M_KNOWN, 91, F | I, S, sizeof(struct m_known_head), MSG_MAX, 0, MSG_ANY_TIME)
X(M_ADDRS_GET, 92, W, F, sizeof(struct m_addrs_get), sizeof(struct m_addrs_get), 0, MSG_ANY_TIME)
X(M_ADDRS, 93, F, W, sizeof(struct m_addrs), sizeof(struct m_addrs), 0, MSG_ANY_TIME)
#undef S
#undef A
#undef I
#undef W
#undef V
#undef L
#undef F
