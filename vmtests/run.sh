#!/bin/bash
# run.sh [KERNEL [CASE...]] - boot a distribution's kernel under qemu and run cases in it.
# KERNEL: a version that Debian has as linux-image-VERSION.*-cloud-amd64 (5.10, 6.1, 6.12), or a path to a vmlinuz.  CASE: a file of
# cases/, all without one.  A case with a line "# kernels: ..." runs on those only, one without on all that are supported; it says what
# it needs in lines "# needs: ..." ("# wants: ..." for what may be absent):
#   build/X       from the build directory ($BUILD)         NAME      a command of this machine
#   NAME.ko       a module of that kernel                   /PATH     a file or directory, at the same place
#   anything that exists in the repository, at the same place below /w
# Programs bring their shared libraries.  The repository's files are at /w inside, the case runs there as root.
# Needs qemu and busybox-static; no root, no KVM.  A few seconds to boot.  77: cannot run here.
set -eu
top=$(CDPATH="" cd -- "$(dirname -- "$0")/.." && pwd -P)
BUILD=${BUILD:-$top/build}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/callgate/vm
limit=${VM_SECONDS:-300}
kernel=${1:-6.1}
[ $# = 0 ] || shift
[ $# != 0 ] || set -- "$top"/vmtests/cases/*.sh

skip() { echo "# $*"; exit 77; }

# Debian's releases that have these kernels, beside the machine's own sources and without touching them.
sources() {
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg suite
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
	for suite in bullseye bookworm bookworm-backports; do
		echo "deb [signed-by=$keys] ${VM_MIRROR:-http://deb.debian.org/debian} $suite main"
	done >"$cache/apt/sources.list"
	apt=(-o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$cache/apt/lists"
		-o Dir::Cache="$cache/apt" -o Dir::Cache::archives="$cache/apt/archives" -o Acquire::Languages=none -o APT::Sandbox::User=)
	[ -n "$(find "$cache/apt/fresh" -mmin -1440 2>/dev/null)" ] || { apt-get -qq "${apt[@]}" update && touch "$cache/apt/fresh"; }
}

# Download, do not install; a kernel that was fetched once is used again.
fetch() {
	local package apt=()
	sources || return 1
	package=$(apt-cache "${apt[@]}" search --names-only "^linux-image-${1/./\\.}\.[0-9]+[-+.a-z0-9]*-cloud-amd64$" | cut -d' ' -f1 | sort -V | tail -1)
	[ -n "$package" ] || return 1
	rm -rf "$cache/new" && mkdir -p "$cache/new"
	(cd "$cache/new" && apt-get -qq "${apt[@]}" download "$package" 2>/dev/null && dpkg-deb -x ./*.deb . && rm -f ./*.deb) || return 1
	mv "$cache/new/boot"/vmlinuz-* "$cache/new/vmlinuz"
	PATH=$PATH:/usr/sbin depmod -b "$cache/new" "$(ls "$cache/new/lib/modules")"
	rm -rf "${cache:?}/$1" && mv "$cache/new" "$cache/$1"
}

kernel_file=
if [ -f "$kernel" ]; then
	image=$kernel modules= kernel_file=$kernel
else
	[ -f "$cache/$kernel/vmlinuz" ] || { echo "# fetching a $kernel kernel"; fetch "$kernel"; } || skip "no $kernel kernel can be had from apt"
	image=$cache/$kernel/vmlinuz
	modules=$(echo "$cache/$kernel"/lib/modules/*)
fi
command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
busybox=$(command -v busybox) || skip "no busybox"

work=$(mktemp -d)
root=$work/root
trap 'rm -rf "$work"' EXIT
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,tmp,run,etc,root,var/tmp,w/cases}
: >"$work/modules"

libraries() { # of an ELF file: "name => /path (address)" and "/lib64/ld-linux... (address)"
	ldd "$1" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }'
}

put() { # SOURCE TARGET
	local f lib
	mkdir -p "$root$(dirname "$2")"
	cp -rL "$1" "$root$2" || return 1
	while IFS= read -r f; do
		for lib in $(libraries "$f"); do
			[ -e "$root$lib" ] || put "$lib" "$lib"
		done
	done < <(find -L "$1" -type f \( -perm -u+x -o -name '*.so*' \))
}

add() {
	case $1 in
	*.ko) echo "${1%.ko}" >>"$work/modules" ;;
	build/*) put "$BUILD/${1#build/}" "/w/$1" ;;
	/*) put "$1" "$1" ;;
	*) if [ -e "$top/$1" ]; then put "$top/$1" "/w/$1"; else put "$(PATH=$PATH:/usr/sbin:/sbin command -v "$1")" "/usr/bin/$1"; fi ;;
	esac
}

for c in "$@"; do
	on=$(sed -n 's/^# kernels: *//p' "$c")
	case " ${on:-6.1 6.12 $kernel_file} " in *" $kernel "*) ;; *) continue ;; esac
	cp "$c" "$root/w/cases/"
	for want in $(sed -n 's/^# wants: *//p' "$c"); do
		add "$want" 2>/dev/null || echo "# $(basename "$c"): no $want"
	done
	for need in $(sed -n 's/^# needs: *//p' "$c"); do
		add "$need" || { echo "not ok $(basename "$c") needs $need"; exit 1; }
	done
done
cp "$busybox" "$root/bin/busybox"
put "$(readlink -f /bin/sh)" /bin/sh # busybox's own shell prefers its applets to the programs brought along
cp "$top/vmtests/init" "$root/init"
chmod 755 "$root/init"
if [ -n "$modules" ]; then
	to=$root/lib/modules/${modules##*/}
	mkdir -p "$to" && cp "$modules/modules.dep" "$to/"
	for m in $(sort -u "$work/modules"); do
		for f in $(sed -n "s,^\(.*/$m\.ko[a-z.]*\):,\1,p" "$modules/modules.dep"); do
			mkdir -p "$to/$(dirname "$f")" && cp "$modules/$f" "$to/$f"
		done
	done
	sort -u "$work/modules" >"$root/etc/modules"
fi
(cd "$root" && find . -print0 | cpio --null -o -H newc --quiet) | gzip -1 >"$work/initramfs"
echo "# $(du -h "$work/initramfs" | cut -f1) of files, booting ${image#"$HOME"/}"

# Without cx16: qemu 7.2's emulation of cmpxchg16b spoils the flags now and then, and kernels from 6.12 on use it in their allocator.
# shellcheck disable=SC2086 # words
timeout -k 5 "$limit" qemu-system-x86_64 -M q35 ${VM_QEMU:--accel tcg,thread=multi -cpu Nehalem,-cx16 -smp 2} -m 1024 -kernel "$image" -initrd "$work/initramfs" \
	-append "console=ttyS0 panic=-1 loglevel=${VM_LOGLEVEL:-4} ${VM_APPEND:-}" -no-reboot -nic none -display none -serial stdio -monitor none </dev/null 2>&1 |
	tr -d '\r' | tee "${VM_CONSOLE:-/dev/null}" | sed -un '/^VM: /s///p; /^\[.*\(WARNING\|BUG\|Oops\|panic\)/p' | tee "$work/out"
grep -q '^# done$' "$work/out" || { echo "not ok the machine did not end properly"; exit 1; }
! grep -q '^not ok' "$work/out"
