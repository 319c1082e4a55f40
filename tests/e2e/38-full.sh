#!/bin/bash
# What is full, on the kernel side.  Event rings: callgate-ident stands still while more happens than they hold; nobody waits, and afterwards agents and
# addresses are recognised as before.  No memory for a socket's record, and no room in the table that hands records over: refused.  All is counted under
# its reason in `callgate status`.
. "$(dirname -- "$0")/setup.sh"
printf 'nameserver 203.0.113.53\noptions timeout:1 attempts:1\n' >/etc/resolv.conf
lab_net ip addr add 203.0.113.53/32 dev lo
gate_up '{"users":["alice"],"scope":"agents"}'
lab_server other good
cat >"$LAB/echo.pl" <<'PL'
use Socket; socket(S, PF_INET, SOCK_DGRAM, 0) or die; bind(S, sockaddr_in(53, inet_aton('203.0.113.53'))) or die $!;
while (my $f = recv(S, my $q, 2000, 0)) { send(S, substr($q, 0, 2) . pack('n', 0x8180) . substr($q, 4) . "\0" x 900, 0, $f) }
PL
cat >"$LAB/flood.pl" <<'PL'
use Socket; socket(S, PF_INET, SOCK_DGRAM, 0) or die; connect(S, sockaddr_in(53, inet_aton('203.0.113.53'))); my $n = 0;
for (1 .. 600) { send(S, pack('n6', $_, 0x100, 1, 0, 0, 0) . "\1x\0\0\1\0\1", 0); my $r = ''; vec($r, fileno(S), 1) = 1; if (select($r, undef, undef, 2)) { recv(S, my $a, 2000, 0); $n++ } }
print "$n answers\n";
PL
nsenter -t "$LAB_NET_PID" -n -- perl "$LAB/echo.pl" &
sleep 0.5
lost() { callgate --json status | jq ".service.kernel[\"$1\"]"; }
check "nothing is lost before" test "$(lost exec-event-lost)$(lost dns-answer-lost)" = 00
ident=$(callgate --json status | jq -r '.. | objects | select(.name? == "callgate-ident") | .pid')
kill -STOP "$ident"
out=$(lab_as alice bash -c 'for i in $(seq 900); do /bin/true || exit 1; done; echo all ran')
has "900 programs start and end while nobody listens" "$out" "all ran"
has "600 names are asked for and answered" "$(lab_as alice perl "$LAB/flood.pl")" "600 answers"
kill -CONT "$ident"
check "the lost exec events are counted" lab_wait 10 bash -c "[ \$($BUILD/callgate --json status | jq '.service.kernel[\"exec-event-lost\"]') -gt 100 ]"
check "and the lost answers" bash -c "[ \$($BUILD/callgate --json status | jq '.service.kernel[\"dns-answer-lost\"]') -gt 100 ]"
cp /bin/bash "$LAB/home/alice/claude" && chown alice "$LAB/home/alice/claude"
lab_as alice "$LAB/home/alice/claude" -c "sleep 0.5; curl -sS --max-time 10 https://other.lab.test/ >/dev/null; true"
check "the next agent is recognised" lab_wait 5 lab_has_record '.dst_host=="other.lab.test" and .agent=="claude-code"'
has "and calls go on" "$(call alice echo '{"message":"still here"}')" still

# The kernel charges what BPF keeps with a socket to the socket's option memory, which this namespace now has none of.
settled
before=$(lost denied-no-storage) intercepted=$(lost redirected)
optmem=$(cat /proc/sys/net/core/optmem_max)
echo 1 >/proc/sys/net/core/optmem_max
out=$(call alice echo '{"message":"no memory"}' --max-time 5 -w ' %{time_total}s')
has "without memory for the record a connection is refused at once" "$out" "Couldn't connect"
has "an agent does not get a socket either" "$(lab_as alice "$LAB/home/alice/claude" -c 'sleep 1; exec 3<>/dev/tcp/203.0.113.10/443' 2>&1)" "not permitted"
check "both are counted" test "$(lost denied-no-storage)" -ge $((before + 2))
check "nothing was redirected" test "$(lost redirected)" = "$intercepted"
check "others are not concerned" lab_as carol curl -sS --max-time 10 https://other.lab.test/ -o /dev/null
echo "$optmem" >/proc/sys/net/core/optmem_max
has "with memory calls go on" "$(call alice echo '{"message":"once more"}')" "once more"

handoff=$(echo /sys/fs/bpf/callgate/v*/cg_handoff)
bpftool -j map show pinned "$handoff" | jq -r '[.max_entries,.bytes_key,.bytes_value]|@tsv' >"$LAB/handoff.size"
perl -e 'my ($n, $k, $v) = split " ", <STDIN>; for my $i (1 .. $n) {
	print "map update pinned $ARGV[0] key hex ", join(" ", unpack("(H2)*", pack("N", $i) . "\xff" x ($k - 4))), " value hex ", "00 " x $v, "\n" }' "$handoff" <"$LAB/handoff.size" >"$LAB/handoff.batch"
bpftool batch file "$LAB/handoff.batch" >/dev/null 2>&1
before=$(lost handoff-full) calls=$(lab_records '.kind=="call"' | wc -l)
hasnt "with no room to hand a record over a call gets no answer" "$(call alice echo '{"message":"unowned"}')" unowned
check "and it is counted" test "$(lost handoff-full)" -gt "$before"
settled
check "nor does it become one" test "$(lab_records '.kind=="call"' | wc -l)" = "$calls"
sed 's/map update/map delete/; s/ value hex.*//' "$LAB/handoff.batch" >"$LAB/handoff.undo"
bpftool batch file "$LAB/handoff.undo" >/dev/null 2>&1
has "with room calls go on" "$(call alice echo '{"message":"room again"}')" "room again"
lab_end
