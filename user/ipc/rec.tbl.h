/* rec.tbl.h - X(symbol, number, type, name in the audit line, max bytes).  Append only; numbers 1..63. */
X(F_UID, 1, REC_U32, "uid", 4)
X(F_LOGINUID, 2, REC_U32, "auid", 4)
X(F_GID, 3, REC_U32, "gid", 4)
X(F_PID, 4, REC_U32, "pid", 4)
X(F_START, 5, REC_U64, "pid_start", 8)
X(F_EXE, 6, REC_TEXT, "exe", 256)
X(F_EXE_INO, 7, REC_U64, "exe_ino", 8)
X(F_EXE_DEV, 8, REC_U32, "exe_dev", 4)
X(F_CGROUP, 9, REC_TEXT, "cgroup", 256)
X(F_CGROUP_ID, 10, REC_U64, "cgroup_id", 8)
X(F_UNIT, 11, REC_TEXT, "unit", 64)
X(F_NETNS, 12, REC_U64, "netns", 8)
X(F_COMM, 13, REC_TEXT, "comm", 16)
X(F_AGENT, 14, REC_TEXT, "agent", 64)
X(F_AGENT_STRENGTH, 15, REC_TEXT, "agent_strength", 16)
X(F_AGENT_CLAIM, 16, REC_TEXT, "client", 128) /* clientInfo or User-Agent: a claim */
X(F_GENERATION, 17, REC_U64, "generation", 8) /* of the world in force */
X(F_SERVER, 18, REC_TEXT, "server", 64)
X(F_HOST, 19, REC_TEXT, "dst_host", 256)
X(F_ADDR, 20, REC_TEXT, "dst_addr", 64)
X(F_PORT, 21, REC_U32, "dst_port", 4)
X(F_METHOD, 22, REC_TEXT, "method", 64)
X(F_TOOL, 23, REC_TEXT, "tool", 512)
X(F_ARG_KEYS, 24, REC_LIST, "arg_keys", 4096)
X(F_VERDICT, 25, REC_TEXT, "verdict", 16) /* allow deny relay refuse */
X(F_RULE, 26, REC_TEXT, "rule", 1024)
X(F_AUTHORISED_BY, 27, REC_TEXT, "authorised_by", 1024)
X(F_POLICY, 28, REC_TEXT, "policy", 64) /* sha256 in hex */
X(F_POLICY_NAME, 29, REC_TEXT, "policy_name", 64)
X(F_GRANT, 30, REC_TEXT, "grant", 64)
X(F_CHARGES, 31, REC_LIST, "charges", 2048) /* counter=amount@window-id */
X(F_CREDENTIAL, 32, REC_TEXT, "cred", 64)
X(F_CRED_VERSION, 33, REC_U32, "cred_ver", 4)
X(F_SESSION, 34, REC_TEXT, "sess", 128)
X(F_PROTO, 35, REC_TEXT, "proto", 32)
X(F_STATUS, 36, REC_TEXT, "status", 32) /* ok tool_error rpc_error upstream_error aborted */
X(F_HTTP, 37, REC_U32, "http", 4)
X(F_ERROR, 38, REC_TEXT, "err", 64) /* err_name() */
X(F_RPC_CODE, 39, REC_TEXT, "rpc_code", 24)
X(F_DUR_US, 40, REC_U64, "dur_us", 8)
X(F_BYTES_IN, 41, REC_U64, "in", 8)  /* from the client */
X(F_BYTES_OUT, 42, REC_U64, "out", 8) /* to the client */
X(F_MODE, 43, REC_TEXT, "mode", 16)  /* enforce observe */
X(F_TRACE, 44, REC_TEXT, "traceparent", 64)
X(F_RPC_ID, 45, REC_TEXT, "rpc_id", 64)
X(F_DETAIL, 46, REC_TEXT, "detail", 256) /* fixed words of ours, never what a peer sent */
X(F_RULE_INDEX, 47, REC_U32, "rule_index", 4)
X(F_RISK, 48, REC_TEXT, "risk", 16)
X(F_CONNECT_NS, 49, REC_U64, "connect_ns", 8)
X(F_SLOT, 50, REC_U32, "slot", 4)
X(F_PATH, 51, REC_TEXT, "path", 256)
X(F_APPROVAL, 52, REC_TEXT, "approval", 64)
X(F_TOOL_HASH, 53, REC_TEXT, "tool_hash", 64) /* of the definition that the server last listed; absent: none seen */
X(F_EXE_SHA256, 54, REC_TEXT, "exe_sha256", 64) /* or "unknown" */
X(F_SCRIPT, 55, REC_TEXT, "script", 256)
X(F_CONTAINER, 56, REC_TEXT, "container", 64)
X(F_TTY, 57, REC_TEXT, "tty", 24)
X(F_AGENT_ROOT, 58, REC_U32, "agent_pid", 4)
X(F_CHAIN, 59, REC_LIST, "chain", 256)
X(F_TRACESTATE, 60, REC_TEXT, "tracestate", 512)
X(F_COUNT, 61, REC_U64, "count", 8)
X(F_ARG_MACS, 62, REC_LIST, "arg_macs", 4096) /* name of the key, then a keyed digest of each value, as arg_keys stand */
X(F_SERVER_ADDR, 63, REC_TEXT, "server_addr", 64) /* where the server was reached, when that is not dst_addr */
