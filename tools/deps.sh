#!/bin/sh
# deps.sh build|test|long - install the Debian packages that are missing; prints nothing when none is.
set -eu
build="gcc make clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev libjansson-dev liburing-dev libssl-dev libpcre2-dev
libcurl4-openssl-dev libyaml-dev"
test="$build python3 libcmocka-dev libfuse3-dev libclang-rt-14-dev iproute2 curl openssl jq util-linux procps git haproxy ca-certificates xz-utils dnsmasq-base openssh-server openssh-client rsync python3-pip
libre2-dev g++ valgrind python3-jsonschema
qemu-system-x86 busybox-static cpio kmod nginx-light libnginx-mod-http-lua libnginx-mod-http-ndk lua-cjson lua-resty-core lua-resty-lrucache"
# Runtimes whose trust in the CA is looked at, and the browser that opens the pages.
long="$test wget gnutls-bin ruby php-cli php-curl python3-requests libio-socket-ssl-perl default-jre-headless ca-certificates-java chromium"
case ${1:-build} in
build) want=$build ;;
test) want=$test ;;
long) want=$long ;;
*) echo "usage: deps.sh build|test|long" >&2; exit 2 ;;
esac
missing=
for p in $want; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
# Node comes with npm on some machines and in a package of its own on Debian.
[ "${1:-build}" = build ] || command -v npm >/dev/null || missing="$missing nodejs npm"
[ -n "$missing" ] || exit 0
echo "installing:$missing" >&2
[ "$(id -u)" = 0 ] || { echo "deps.sh: run this as root, or install the packages above" >&2; exit 1; }
# A server package must not start its service on a machine that only tests with it.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	made=1
fi
trap '[ -z "$made" ] || rm -f $policy' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
	{ apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends $missing >/dev/null; }
