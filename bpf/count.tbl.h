/*
 * count.tbl.h - why the kernel side did what it did: one per-CPU counter per row, in this order.  Append only.
 * X(symbol, name)
 */
X(REDIRECTED, "redirected")                   /* sent to a worker */
X(ACCEPTED, "accepted")                       /* a worker's socket got its record */
X(DIRECT_OWN, "direct-own-service")           /* the caller is the service itself */
X(DIRECT_LOOPBACK, "direct-loopback")         /* a local server that nobody registered */
X(DIRECT_DEST, "direct-destination")          /* neither port nor address is wanted */
X(DIRECT_NETNS, "direct-foreign-netns")       /* a user's process in a namespace without our listeners */
X(DENIED_WORKER_PORT, "denied-worker-port")   /* somebody dialled a worker himself */
X(DENIED_NO_WORKER, "denied-no-live-worker")  /* every heartbeat is stale */
X(DENIED_NETNS, "denied-foreign-netns")       /* an agent in a namespace without our listeners */
X(DENIED_NO_STORAGE, "denied-no-storage")     /* no memory for the record */
X(DENIED_DEVICE, "denied-bound-device")       /* the socket could not be unbound from its device */
X(HANDOFF_FULL, "handoff-full")               /* the worker will find no record, and reset */
X(HANDOFF_MISSING, "handoff-missing")         /* a worker was reached without a record */
X(HANDOFF_CLEANED, "handoff-cleaned")         /* the client closed before the worker accepted */
X(PROC_FULL, "process-table-full")            /* a child process could not be entered */
X(EXEC_LOST, "exec-event-lost")               /* the ring of exec events was full */
X(ASK_LOST, "namespace-event-lost")          /* the ring of namespaces that want a listener was full */
X(DIRECT_SCOPE, "direct-out-of-scope")        /* no known address, and the scope does not cover this process */
X(DENIED_FAMILY, "denied-socket-family")      /* an agent asked for a family that no other hook sees */
X(DENIED_PTRACE, "denied-ptrace")             /* an agent would debug a process outside its tree */
X(DENIED_ENGINE, "denied-container-engine")   /* an agent called a container engine, which is root */
X(DENIED_KIND, "denied-socket-kind")          /* an agent asked for a socket that is neither TCP nor UDP */
X(DENIED_UDP, "denied-udp")                   /* a datagram that could have been QUIC to a registered server */
X(DENIED_PORT_TAKEN, "denied-port-theft")     /* somebody wanted to listen on a worker's port */
X(DENIED_OPTION, "denied-source-route")       /* an agent wanted to set a route of its own */
X(DROPPED_EGRESS, "dropped-unapproved")       /* a packet of an agent's socket that no hook had let pass */
X(DNS_LOST, "dns-answer-lost")               /* the ring of DNS answers was full */
X(DENIED_NO_NET, "denied-no-egress-hook")     /* an agent's socket in a cgroup at which the egress hook does not sit yet */
