#!/bin/bash
# Full event rings: callgate-ident stands still while more happens than the rings hold.  What is lost is counted under its reason in
# `callgate status`, nobody waits, and afterwards agents and addresses are recognised as before.
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
lab_end
