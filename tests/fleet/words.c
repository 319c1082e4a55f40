/* words.c - who and what there is in a generated fleet. */
#include <stdio.h>
#include <string.h>

#include "fleet.h"

#define K "\x1f"

const struct service services[SERVICES] = {
    {"github", "mcp.github.example", "203.0.113.10", "developers", "platform",
        {{"list_issues", "Read", "owner" K "repo" K "state", ALLOWED, NULL, 30},
            {"get_file_contents", "Read", "owner" K "path" K "ref" K "repo", ALLOWED, NULL, 40},
            {"create_issue", "Write", "body" K "labels" K "owner" K "repo" K "title", ALLOWED, NULL, 8},
            {"merge_pull_request", "Write", "owner" K "pull_number" K "repo", ALLOWED, NULL, 3},
            {"run_workflow", "Execute", "owner" K "ref" K "repo" K "workflow", DEFAULT_DENY, NULL, 2},
            {"delete_repository", "Destructive", "owner" K "repo", HIDDEN, NULL, 1}}},
    {"builds", "builds.example", "203.0.113.11", "developers", "platform",
        {{"read_log", "Read", "build", ALLOWED, NULL, 30},
            {"start_build", "Execute", "branch" K "project", ALLOWED, NULL, 10},
            {"delete_artifact", "Destructive", "name" K "project", DEFAULT_DENY, NULL, 2}}},
    {"warehouse", "warehouse.example", "203.0.113.12", "analysts", "data",
        {{"list_tables", "Read", "schema", ALLOWED, NULL, 20},
            {"run_query", "Read", "limit" K "sql", ALLOWED, NULL, 30},
            {"run_statement", "Execute", "sql", RULE_DENY, "/tools/run_statement/deny_if/args.sql-regex", 4},
            {"drop_table", "Destructive", "schema" K "table", DEFAULT_DENY, NULL, 1}}},
    {"mail", "mail.example", "203.0.113.13", "office", "office",
        {{"search_mail", "Read", "query", ALLOWED, NULL, 20},
            {"send_message", "Write", "body" K "subject" K "to", ALLOWED, NULL, 6},
            {"delete_message", "Destructive", "id", DEFAULT_DENY, NULL, 1}}},
    {"payments", "payments.example", "203.0.113.14", "payments", "finance",
        {{"list_refunds", "Read", "from" K "to", ALLOWED, NULL, 12},
            {"create_refund", "Financial", "amount" K "charge" K "reason", ALLOWED, NULL, 5},
            {"create_payout", "Financial", "account" K "amount", DEFAULT_DENY, NULL, 1}}},
};

const struct policy_text policies[POLICIES] = {
    {"developers",
        "{\"version\":\"1\",\"default\":\"deny\",\"hide\":[\"delete_repository\"],\"tools\":{\"list_issues\":{},\"get_file_contents\":{},\"create_issue\":{},"
        "\"merge_pull_request\":{},\"read_log\":{},\"start_build\":{}}}\n",
        "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"list_issues\":{},\"get_file_contents\":{},\"create_issue\":{},"
        "\"merge_pull_request\":{},\"read_log\":{},\"start_build\":{},\"run_workflow\":{}}}\n"},
    {"analysts",
        "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"list_tables\":{},\"run_query\":{},\"run_statement\":{\"deny_if\":[{\"conditions\":"
        "[{\"path\":\"args.sql\",\"op\":\"regex\",\"value\":\"(?i)drop|delete|truncate\"}],\"on_deny\":\"Read only.\"}]}}}\n",
        "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"list_tables\":{},\"run_query\":{},\"run_statement\":{}}}\n"},
    {"office", "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"search_mail\":{},\"send_message\":{}}}\n",
        "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"search_mail\":{},\"send_message\":{},\"delete_message\":{}}}\n"},
    {"payments", "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"list_refunds\":{},\"create_refund\":{}}}\n",
        "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"list_refunds\":{},\"create_refund\":{},\"create_payout\":{}}}\n"},
};

size_t policy_index(const char *name)
{
	for (size_t i = 0; i < POLICIES; i++)
		if (strcmp(policies[i].name, name) == 0)
			return i;
	die("no policy %s", name);
}

const char *user_name(int host, char out[NAME])
{
	static const char *const names[] = {"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim", "lee", "mallory", "niaj", "olivia", "pat", "quinn",
	    "rupert", "sybil", "trent"};
	int n = (int)(sizeof(names) / sizeof(*names));

	if (host <= n)
		snprintf(out, NAME, "%s", names[host - 1]);
	else
		snprintf(out, NAME, "user%03d", host);
	return out;
}
