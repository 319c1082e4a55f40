#!/bin/bash
# Keys that lie in files: what an environment file and clients' configurations hold is listed without a key, and what is named goes into the vault.
# The files belong to users, who may have put anything in their place; none of them is changed.
. "$(dirname -- "$0")/setup.sh"
gate_up
A=$LAB/home/alice
key() { printf 'ghp_live%s' "$1"; } # so that no check finds itself
as_alice() { lab_as alice bash -c "cd $A; $1"; }
as_alice "mkdir -p .codex .cursor .gemini .config/opencode .config/Code/User p/.vscode"
cat >"$A/.claude.json" <<-J
	{"mcpServers": {"Git Hub": {"type": "http", "url": "https://mcp.lab.test/mcp", "headers": {"Authorization": "Bearer $(key A)"}},
	 "local": {"command": "npx", "env": {"TOKEN": "$(key L)"}}}, "projects": {"/p": {"mcpServers": {"x": {"url": "https://other.lab.test/mcp?k=$(key Q)"}}}}}
J
cat >"$A/.codex/config.toml" <<-T
	[mcp_servers.shared]
	url = "https://shared.lab.test/mcp"
	http_headers = { "X-Api-Key" = "$(key B)" }
	[mcp_servers.env]
	url = "https://everything.lab.test/mcp"
	bearer_token_env_var = "EVERYTHING"
T
printf '// %s\n{"servers": {"basic": {"url": "https://other.lab.test/basic", "headers": {"Authorization": "Basic %s",},},}}' note "$(printf 'u:%s' "$(key C)" | base64 -w0)" >"$A/p/.vscode/mcp.json"
# What must not be read: root's file behind a link, a FIFO, a directory, more than there is room for.
printf '{"mcp": {"r": {"url": "https://root.test/", "headers": {"Authorization": "Bearer %s"}}}}' "$(key R)" >"$LAB/roots.json" && chmod 640 "$LAB/roots.json" # not for a group of root's either
ln -s "$LAB/roots.json" "$A/.config/opencode/opencode.json"
mkfifo "$A/.gemini/settings.json"
mkdir "$A/.config/Code/User/mcp.json"
truncate -s 9M "$A/.cursor/mcp.json"
chown -R 12001:12001 "$A"
echo devs:x:12050:alice >>/etc/group
chown 0:12050 "$A/p/.vscode/mcp.json" && chmod 640 "$A/p/.vscode/mcp.json" # alice may read it as one of that group
find "$A" -type f -exec sha256sum {} + -exec stat -c '%n %Y %Z %a' {} + | sort >"$LAB/before"

out=$(callgate vault import --clients --user alice --project "$A/p" 2>"$LAB/err")
err=$(cat "$LAB/err")
row() { echo "$out" | grep -E "$1" | head -1; }
has "a live key is listed: where it is for" "$(row 'Git Hub')" "https://mcp.lab.test/mcp"
has "and that it is one" "$(row 'Git Hub')" "a live key"
has "where it stands" "$(row 'Git Hub')" "mcpServers.Git Hub.headers.Authorization"
has "and what it would be called" "$(row 'Git Hub')" "git-hub-alice"
has "a key in the environment is not in the file" "$(row everything)" "elsewhere: EVERYTHING"
has "one in a URL is not shown" "$(row 'other.lab.test/mcp')" "perhaps in the URL"
has "a project's file is read when it is named" "$(row basic)" "https://other.lab.test/basic"
hasnt "no key is shown" "$out$err" ghp_live
hasnt "nor one in base64" "$out$err" "$(printf 'u:%s' "$(key C)" | base64 -w0)"
hasnt "a program of the user's own is no server" "$out" npx
has "root's file behind a link is not read for alice" "$err" "opencode.json: Permission denied"
hasnt "and nothing of it is shown" "$out" root.test
has "a FIFO does not hold it up" "$err" "settings.json: is no regular file"
has "nor a directory" "$err" "User/mcp.json: is no regular file"
has "nor a file without end" "$err" "is larger than 8 MiB"
has "it says which file still holds a key, and what to do" "$err" ".claude.json holds a live key, at mcpServers.Git Hub.headers.Authorization; to take it: callgate vault import --clients --user alice --server https://mcp.lab.test/mcp"

out=$(callgate vault import --clients --user alice --server https://shared.lab.test/mcp --as shared-key 2>"$LAB/err")
has "a key is taken" "$out" "credential shared-key is stored, version 1, for shared.lab.test alone"
has "the file still holds it" "$(cat "$LAB/err")" "config.toml still holds the live key, at mcp_servers.shared.http_headers.X-Api-Key; put a placeholder in its place: callgate vault placeholder shared-key --prefix ghp_"
has "how to use it" "$(cat "$LAB/err")" "callgate server add NAME --host shared.lab.test --port 443 --path /mcp --credential shared-key --header X-Api-Key --format '{secret}'"
has "it does not become a new version of what is there" "$(callgate vault import --clients --user alice --server https://shared.lab.test/mcp --as shared-key 2>&1)" "shared-key is there already, and stays"
has "nor is the key that has no name but its server's" "$(callgate vault import --clients --user alice --server https://everything.lab.test/mcp 2>&1)" "no file holds a live key"
has "what is in no file" "$(callgate vault import --clients --user alice --server https://mcp.lab.test/none 2>&1)" "no configuration names"
lab_server shared good
callgate server add shared --host shared.lab.test --path /mcp --credential shared-key >/dev/null
callgate grant add --user alice --server shared --policy lab >/dev/null
has "a call carries it" "$(MCP=https://shared.lab.test/mcp call alice echo '{"message":"carried"}')" carried
has "to its server" "$(cat "$LAB/shared.log")" "Bearer $(key B)"

out=$(callgate vault import --clients --user alice --project "$A/p" --all 2>&1)
has "all others at once" "$out" "credential git-hub-alice is stored"
has "Basic is kept as what it says" "$(callgate --json vault list | jq -c '.credentials[] | select(.name == "basic-alice") | [.type, .hosts]')" '["basic",'
n=$(callgate --json vault list | jq '.credentials | length')
callgate vault import --clients --user alice --project "$A/p" --all >/dev/null 2>&1
check "a second time nothing is new" test "$(callgate --json vault list | jq -c '[(.credentials | length), ([.credentials[].version] | max)]')" = "[$n,1]"
fake=$(callgate vault placeholder git-hub-alice --prefix ghp_ 2>/dev/null)
find "$A" -type f -exec sha256sum {} + -exec stat -c '%n %Y %Z %a' {} + | sort >"$LAB/after"
check "no file was changed" cmp "$LAB/before" "$LAB/after"
sed -i "s/$(key A)/$fake/" "$A/.claude.json"
has "a placeholder is known again" "$(callgate vault import --clients --user alice 2>/dev/null | grep 'Git Hub')" "placeholder p-"
has "and not taken for a key" "$(callgate vault import --clients --user alice --server https://mcp.lab.test/mcp 2>&1)" "no file holds a live key"
has "who is governed imports nothing" "$(lab_as alice "$BUILD/callgate" vault import --clients 2>&1)" "refused"
has "nor reads another's" "$(lab_as alice "$BUILD/callgate" vault import --clients --user bob 2>&1)" "only root reads"

# ---- an environment file ----
E=$LAB/env
printf 'export ONE_KEY=%s\nTWO="%s"\nBAD=$ONE_KEY\nTWO=%s\n# end\n' "$(key 1)" "$(key old)" "'$(key 2)'" >"$E" && chmod 600 "$E"
out=$(callgate vault import --env "$E" 2>&1)
has "its variables are listed" "$out" "ONE_KEY"
has "with a name each" "$out" "one-key"
has "and what cannot be read in one way only" "$(echo "$out" | grep BAD)" "single quotes"
hasnt "no value is" "$out" ghp_live
has "by its own name" "$(callgate vault import --env "$E" ONE_KEY second=TWO 2>&1)" "credential one-key is stored, version 1"
check "or by another" test "$(callgate --json vault list | jq -c '[.credentials[] | select(.name == "one-key" or .name == "second") | .version]')" = "[1,1]"
has "a value in doubt is not taken" "$(callgate vault import --env "$E" BAD 2>&1)" "single quotes"
has "nor what is not there" "$(callgate vault import --env "$E" NONE 2>&1)" "no variable NONE"
callgate server add everything --host everything.lab.test --path /mcp --credential second >/dev/null
callgate grant add --user alice --server everything --policy lab >/dev/null
lab_server everything good
MCP=https://everything.lab.test/mcp call alice echo '{"message":"two"}' >/dev/null
has "the last of two counts" "$(cat "$LAB/everything.log")" "Bearer $(key 2)"
chmod 666 "$E"
has "a file that others can write is not believed" "$(callgate vault import --env "$E" ONE_KEY 2>&1)" "can be written by others"
chmod 644 "$E"
has "of one that others can read it is said" "$(callgate vault import --env "$E" 2>&1)" "can be read by others"
ln -s "$E" "$LAB/link"
has "a link is not followed" "$(callgate vault import --env "$LAB/link" ONE_KEY 2>&1)" "is a link"
mkfifo "$LAB/fifo"
has "a FIFO is none" "$(callgate vault import --env "$LAB/fifo" ONE_KEY 2>&1)" "is no regular file"
cp "$E" "$A/env" && chown 12001 "$A/env" && chmod 600 "$A/env"
has "another account's file is named as such" "$(callgate vault import --env "$A/env" ONE_KEY 2>&1)" "belongs to another account"
has "and read with that account's rights" "$(callgate vault import --env "$A/env" --user alice from-alice=TWO 2>&1)" "credential from-alice is stored"
chmod 600 "$E"
has "which are not root's" "$(callgate vault import --env "$E" --user alice ONE_KEY 2>&1)" "ermission denied"
printf 'A=1\nnot an assignment\n' >"$E"
has "a file that is none is not taken in part" "$(callgate vault import --env "$E" A 2>&1)" "line 2 is no NAME=VALUE"

has "the journal says where a key came from" "$(lab_journal)" "imported from $A/.codex/config.toml, mcp_servers.shared.http_headers.X-Api-Key"
hasnt "and holds none" "$(lab_journal; lab_audit)" ghp_live
hasnt "nor does a log" "$(cat "$LAB/callgated.log")" ghp_live
lab_end
