# A kernel that is too old is refused in words that say what it lacks.
# kernels: 5.10
# needs: build/callgated policy/agents.d
mkdir -p /etc/callgate
echo '{"users":[12001]}' >/etc/callgate/callgate.json
/w/build/callgated --uids 12100 --trust /etc/passwd >/tmp/log 2>&1
status=$?
sed 's/^/#   /' /tmp/log
[ $status = 1 ] && echo "ok - callgated does not start" || echo "not ok - status $status"
grep -q "Linux $(uname -r)" /tmp/log && echo "ok - the kernel is named" || echo "not ok - the kernel is not named"
grep -q "6\.1" /tmp/log && echo "ok - what is needed is named" || echo "not ok - what is needed is not named"
ls /sys/fs/bpf/callgate >/dev/null 2>&1 && echo "not ok - something stays pinned" || echo "ok - nothing is left"
