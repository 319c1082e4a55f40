#!/bin/sh
# install.sh - install the pinned packages of package.json into the user's cache, once, and print where.
# The directory is named after the list, so that a changed list is a new directory and an unfinished install is never used.
set -eu
kit=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd -P)
sum=$(sha256sum "$kit/package.json" | cut -c1-16)
dir=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/callgate/testkit-$sum
if [ ! -e "$dir/.complete" ]; then
	command -v npm >/dev/null || { echo "install.sh: npm is missing: install the package npm" >&2; exit 77; }
	rm -rf -- "$dir.part"
	mkdir -p -- "$dir.part"
	cp -- "$kit/package.json" "$dir.part/package.json"
	echo "installing the pinned test packages (about 1 GB, once)" >&2
	(cd -- "$dir.part" && npm install --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
	touch "$dir.part/.complete"
	rm -rf -- "$dir"
	mv -- "$dir.part" "$dir"
fi
echo "$dir/node_modules"
