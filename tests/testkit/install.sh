#!/bin/sh
# install.sh [all|schemas|duckdb] - install the pinned packages of package.json into the user's cache, once, and print where.
# Without "all" the development dependencies stay out: more clients and runtimes, which only the long tests need.
# Two lists of their own: schemas/package.json, a validator and published schemas, and duckdb/package.json, an engine for SQL.
# The directory is named after the list, so that a changed list is a new directory and an unfinished install is never used.
set -eu
kit=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd -P)
case ${1:-} in schemas | duckdb) kit=$kit/$1 ;; esac
sum=$(sha256sum "$kit/package.json" | cut -c1-16)
small=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/callgate/testkit-$sum
case ${1:-} in
all) dir=$small-all size="2 GB" omit= ;;
schemas) dir=$small-schemas small=$small-schemas size="30 MB" omit= ;;
duckdb) dir=$small-duckdb small=$small-duckdb size="70 MB" omit= ;;
"") dir=$small size="1 GB" omit=--omit=dev ;;
*) echo "usage: install.sh [all|schemas|duckdb]" >&2; exit 2 ;;
esac
if [ ! -e "$dir/.complete" ]; then
	command -v npm >/dev/null || { echo "install.sh: npm is missing: install the package npm" >&2; exit 77; }
	rm -rf -- "$dir.part"
	mkdir -p -- "$dir.part"
	# What the short list brought already is not fetched again.
	[ "$dir" = "$small" ] || [ ! -e "$small/.complete" ] || cp -al -- "$small/node_modules" "$small/package-lock.json" "$dir.part/"
	cp -- "$kit/package.json" "$dir.part/package.json"
	echo "installing the pinned test packages (about $size, once)" >&2
	# shellcheck disable=SC2086 # one word or none
	(cd -- "$dir.part" && npm install --ignore-scripts --no-audit --no-fund --loglevel=error $omit >&2)
	touch "$dir.part/.complete"
	rm -rf -- "$dir"
	mv -- "$dir.part" "$dir"
fi
echo "$dir/node_modules"
