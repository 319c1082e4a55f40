/* sheets.tbl.h - X(symbol, path, criterion, columns, what a row is).  Columns may be appended; their names and order stay. */
#define ROSTER_COLUMNS \
	"host,grant_id,identity,uid,agent,narrowed_by,server,tools,policy,policy_hash,credential,requested_by,approved_by,issued_by,issued_at,expires_at,ticket,reason"
#define CALL_COLUMNS \
	"call_id,host,seq,ts_utc,person,uid,agent,agent_instance,grant,server,method,tool,tool_def_hash,risk,arg_keys,verdict,rule,policy_hash,approval_ref," \
	"credential,credential_version,result,duration_us,segment_file,member_offset,line_offset,seal_seq"
X(ROSTER, "artefacts/grant_roster.csv", "-", ROSTER_COLUMNS, "a grant in force at the end of the period, with the tools that its policy names")
X(ISSUANCE, "artefacts/issuance_log.csv", "-", "host,grant_id,identity,scope,issuer,issued_at,requested_by,approved_by,ticket,reason", "a grant that was issued in the period")
X(GRANT_REVIEW, "artefacts/grant_review.csv", "-",
  "identity,host,grant_id,scope,issued_at,age_days,last_use,calls_allowed,calls_denied,last_review,reviewer,decision",
  "a grant in force at the end of the period, by person, with its age and use")
X(REVOCATIONS, "artefacts/revocations.csv", "-", "host,grant_id,identity,scope,ended_at,how,by,reason,ticket", "a grant that ended in the period: revoked, ended by a review, or expired")
X(CALLS, "artefacts/call_log.csv", "-", CALL_COLUMNS, "a judged request of the period, in the order in which they ended")
X(POLICY_HISTORY, "artefacts/policy_history.csv", "-", "host,policy,version,policy_hash,previous_hash,applied_at,applied_by,approved_by,ticket,reason,rollback_to",
  "a version of a policy coming into force on a host in the period")
X(IDENTITIES, "artefacts/inventory_identities.csv", "-",
  "agent,strength,exe,exe_sha256,unit,highest_risk,calls_read,calls_write,calls_execute,calls_destructive,calls_financial,calls_denied,person_hosts,hosts,first_seen,last_seen",
  "a program that made calls, as the kernel saw it, by the gravest class that it was allowed")

X(SERVERS, "criteria/CC6.1/inventory_servers.csv", "CC6.1", "server,registered,registered_at,owner,destination,credential,hosts,calls_allowed,calls_denied,first_seen,last_seen",
  "a server that was registered or called")
X(TOOLS, "criteria/CC6.1/inventory_tools.csv", "CC6.1", "server,tool,tool_def_hash,risk,calls_allowed,calls_denied,first_seen,last_seen", "a tool, by the hash of its definition, that was called")
X(CREDENTIALS, "criteria/CC6.1/inventory_credentials.csv", "CC6.1", "host,credential,type,version,set_at,removed_at,releases,last_release", "a credential of a host's vault; never a value")
X(AGENTS, "criteria/CC6.1/inventory_agents.csv", "CC6.1", "host,agent,exe,exe_sha256,unit,person,calls_allowed,calls_denied,first_seen,last_seen", "a program on a host that made calls")
X(INVENTORY_EXCEPTIONS, "criteria/CC6.1/inventory_exceptions.csv", "CC6.1", "kind,host,subject,since,detail", "something that was used and is not registered, or was used before it was")
X(GRANTS_ISSUED, "criteria/CC6.2/grants_issued.csv", "CC6.2",
  ROSTER_COLUMNS ",first_use,requester_is_approver,has_ticket,has_approval", "a grant that was issued in the period, with what is to be tested on it")
X(GRANTS_START, "criteria/CC6.2/grants_asof_start.csv", "CC6.2", ROSTER_COLUMNS, "a grant in force at the start of the period")
X(GRANTS_END, "criteria/CC6.2/grants_asof_end.csv", "CC6.2", ROSTER_COLUMNS, "a grant in force at the end of the period")
X(LEAVERS, "criteria/CC6.3/leavers_reconciled.csv", "CC6.3",
  "user,event,at,grants_held,grants_ended_in_time,grants_ended_late,grants_in_force_after,grants_reviewed,last_ended_at,calls_allowed_after,first_call_after,result",
  "a person of the HR list, against grants and calls")
X(REVIEWS, "criteria/CC6.3/access_reviews.csv", "CC6.3", "review,from,to,reviewer,grants,kept,revoked,left_out", "-a review campaign: who reviewed which roster, when it was complete")
X(REVIEW_ENTRIES, "criteria/CC6.3/access_review_entries.csv", "CC6.3", "host,grant_id,identity,reviewed_at,decision,reviewer,issuer,reviewer_is_grantee,reviewer_is_issuer,reason",
  "a decision on a grant")
X(UNUSED, "criteria/CC6.3/unused_privileges.csv", "CC6.3", "host,grant_id,identity,server,policy,issued_at,age_days,last_use,calls_allowed,calls_denied",
  "a grant in force at the end of the period with which nothing was called in the period")
X(COVERAGE, "criteria/CC6.6/coverage_hosts.csv", "CC6.6", "host,date,hours_expected,hours_sealed,coverage_percent,hours,enforce,missing_protections",
  "a day of a host: its hours, # sealed, . not, space not expected")
X(BYPASS, "criteria/CC6.6/bypass_attempts.csv", "CC6.6", "host,seq,ts_utc,person,uid,exe,kind,event,destination,server,error,detail,segment_file,member_offset,line_offset,seal_seq,trail",
  "a connection, request or change that was refused before it could become a call")
X(SECRET_SCAN, "criteria/CC6.6/config_secret_scan.csv", "CC6.6", "host,path,owner,kind,found_at,fingerprint", "-a real key found in an agent's configuration file")
X(DENIED, "criteria/CC7.2/denied_calls.csv", "CC7.2", CALL_COLUMNS, "a denied call: a row of call_log.csv")
X(ALERTS, "criteria/CC7.2/alerts.csv", "CC7.2", "host,seq,ts_utc,event,call_id,claimed,detail,segment_file,member_offset,line_offset,seal_seq,uid,exe,server,destination,credential", "an alert")
X(SELFTESTS, "criteria/CC7.2/detector_selftests.csv", "CC7.2", "host,detector,injected_at,alerted_at,passed", "-a detector's weekly test with an injected event")
X(HEARTBEATS, "criteria/CC7.2/heartbeats.csv", "CC7.2", "host,hour,seals,longest_gap_s,intercepted,refused,dropped,queue_dropped,mode", "an hour of a host in which a seal stands")
X(TRIAGE, "criteria/CC7.3/alert_triage.csv", "CC7.3", "alert,host,raised_at,triaged_at,by,disposition,calls", "-who looked at an alert, and what came of it")
X(INCIDENTS, "criteria/CC7.4/incidents.csv", "CC7.4", "incident,declared_at,by,contained_at,closed_at,cause,lessons", "-a declared incident")
X(CONTAINMENT, "criteria/CC7.4/containment_actions.csv", "CC7.4", "incident,at,by,action,subject", "-what was revoked or stopped for an incident")
X(POLICY_VERSIONS, "criteria/CC8.1/policy_versions.csv", "CC8.1",
  "policy_hash,names,first_applied_at,first_applied_on,applied_by,approved_by,approved,ticket,hosts,seen_in_records,calls,document",
  "a policy document that was in force or that a record names")
X(DEPLOYMENTS, "criteria/CC8.1/policy_deployments.csv", "CC8.1", "host,policy,version,policy_hash,applied_at,applied_by,first_call_at", "a policy version coming into force on a host, up to the end of the period")
X(PRIVILEGED, "criteria/CC8.1/privileged_actions.csv", "CC8.1", CALL_COLUMNS, "an allowed call of a tool that is not Read: a row of call_log.csv, with the rule that allowed it")

X(SEGMENTS, "completeness/segments.csv", "-", "host,trail,segment_file,sha256,bytes,lines_proved,seals,first_ts,last_ts,receipt", "a file of the store that was read")
X(EPOCHS, "completeness/epochs.csv", "-", "host,trail,epoch,began_at,cause,after_line,boot_id,repaired,cut_bytes", "a start of the writer")
X(GAPS, "completeness/gaps.csv", "-", "host,trail,from,to,seconds,first_line,last_line,cause,detail", "a time without records, or lines that are not proved")
X(LOSSES, "completeness/losses.csv", "-", "host,seq,count,from,to,cause", "a loss that the writer declared")
X(CLOCK, "completeness/clock.csv", "-", "host,date,seals,synced,largest_offset_us,largest_error_us,largest_drift_ms,jumps", "a day of a host's clock")
X(KERNEL, "completeness/kernel.csv", "-", "host,epoch,from,to,intercepted,refused,dropped,queue_dropped,records_counted,records_found,losses_declared,agree",
  "the counters of the kernel side and of the writer, against the records")
X(HOSTS, "completeness/hosts.csv", "-", "host,in_asset_list,enrolled_at,first_seal,last_seal,hours_expected,hours_sealed,coverage_percent,calls,segments,quarantined,result",
  "a host of the asset list, of the store, or of both")
X(RECEIPTS, "completeness/receipts.csv", "-", "host,trail,segment_file,receipt,received_at,result", "a segment without its receipt, or a receipt without its segment")
X(LOG, "completeness/collector_log.csv", "-", "index,host,trail,segment_file,sha256,first,last,received", "a leaf of the collector's log, from its first: what it ever took")
X(QUARANTINE, "completeness/quarantine.csv", "-", "host,trail,file,reason,time,words", "a file that ingest did not let in")
X(POLICIES, "completeness/policies.csv", "-", "policy_hash,seen_in_records,in_journal,approved,result", "a policy hash, seen against approved")
X(VENDOR, "completeness/vendor.csv", "-", "time,credential,vendor_id,matched_call,matched_host,offset_ms,result", "an entry of the vendor's log, against releases of credentials")
X(FINDINGS, "findings.csv", "-", "kind,file,host,subject,from,to,detail", "something that an auditor should see, and the file that shows it")
