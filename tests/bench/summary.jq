# summary.jq - from lines of loadgen to one figure per scenario: medians over rounds of figures paired within a round.
def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def r2: if . == null then null else (. * 100 | round) / 100 end;
def rounds($c): [.[] | select(.clients == $c)] | group_by(.round) | map(map({key: .target, value: .}) | from_entries);
# per target, the median over rounds of f(target) - f(direct), or of f(target)
def added($rs; f): reduce ("callgate", "callgate-again", "haproxy", "nginx-lua") as $t ({}; .[$t] = ([$rs[] | (.[$t] | f) - (.direct | f)] | median));
def plain($rs; f): reduce ("direct", "callgate", "callgate-again", "haproxy", "nginx-lua") as $t ({}; .[$t] = ([$rs[] | .[$t] | f] | median));
def spread($rs; f): [$rs[] | ((.callgate | f) - (.["callgate-again"] | f)) | fabs] | median;
def scenario($name; $unit; $v; $spread; $higher; $direct):
  ([$v.haproxy, $v["nginx-lua"]] | if $higher then max else min end) as $best |
  {scenario: $name, unit: $unit, ours: ($v.callgate | r2), peers: {haproxy: ($v.haproxy | r2), "nginx-lua": ($v["nginx-lua"] | r2)},
   ratio_best_peer: ($v.callgate / $best | r2), ratio_direct: ($direct | r2), resolution: ($spread / $best | fabs | r2)};
. as $all | ($all | rounds(1)) as $one | ($all | rounds(8)) as $eight |
plain($one; .p50_us) as $p50 | plain($eight; .calls_s) as $rate |
{kernel: $kernel, audit: $strict, seed: $seed, rounds: ($one | length), failed: ([$all[].failed] | add),
 scenarios: [
  scenario("warm allowed call, added median"; "us"; added($one; .p50_us); spread($one; .p50_us); false; $p50.callgate / $p50.direct),
  scenario("warm allowed call, added p99"; "us"; added($one; .p99_us); spread($one; .p99_us); false; ($one | map(.callgate.p99_us / .direct.p99_us) | median)),
  scenario("CPU of the proxy per warm call"; "us"; plain($one; .cpu_us); spread($one; .cpu_us); false; null),
  scenario("calls per second, 8 clients"; "1/s"; $rate; spread($eight; .calls_s); true; $rate.callgate / $rate.direct),
  scenario("CPU of the proxy per call, 8 clients"; "us"; plain($eight; .cpu_us); spread($eight; .cpu_us); false; null)]}
