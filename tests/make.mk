# tests/make.mk - what `make demo`, `make check` and their parts run.  Included by the Makefile.
RUN	:= tests/run.sh
# How many tests run at once: they wait for most of their time.
JOBS	?= 3
COUNTS	:= $B/counts
UNITS	= $(UNIT:%=$B/unit/%)
REPLAYS	= $(FUZZ:%=$B/replay/%)
E2E	= $(wildcard tests/e2e/[0-9]*.sh)
# The scripts that the sanitized daemons run as well.
SAN_E2E	= $(addprefix tests/e2e/,10-call.sh 20-relay.sh 30-identity.sh 40-changes-refused.sh 42-four-eyes.sh 50-kill-worker.sh 60-upstream-certificate.sh)

deps:	## install the packages that a build needs
	$Qtools/deps.sh build
deps-test:
	$Qtools/deps.sh test
deps-long:
	$Qtools/deps.sh long
testkit: deps-test	## install the pinned SDKs and agents into the user's cache
	$Qmkdir -p $B && tests/testkit/install.sh > $B/testkit-path.new && mv $B/testkit-path.new $B/testkit-path
	$Qtests/testkit/install.sh schemas > $B/testkit-path-schemas.new && mv $B/testkit-path-schemas.new $B/testkit-path-schemas
	$Qtests/testkit/install.sh duckdb > $B/testkit-path-duckdb.new && mv $B/testkit-path-duckdb.new $B/testkit-path-duckdb
testkit-all: deps-test	## the same with the clients and runtimes of the long tests
	$Qmkdir -p $B && tests/testkit/install.sh all > $B/testkit-path-all.new && mv $B/testkit-path-all.new $B/testkit-path-all
conformance: deps-test	## the MCP conformance suite, servers and clients, direct and through the gate: the checks must be the same
	$Q$(MAKE) -s -j2 all aids testkit
	$Qfor t in 30-conformance 32-conformance-client; do BUILD=$(abspath $B) bash tests/long/$$t.sh || echo "not ok - $$t"; done 2>&1 | tee $B/conformance.log; \
	awk '/^# [0-9]+ checks compared/ { n += $$2; d += $$5 } /^not ok/ { bad = 1 } END { print n " checks compared, " d " differences"; exit bad || !n }' $B/conformance.log
e2e-matrix: deps-test	## every client that can be had offline; the table of docs/CLIENTS.md
	$Q$(MAKE) -s -j2 all aids testkit-all
	BUILD=$(abspath $B) bash tests/long/50-clients.sh
bypass: deps-test	## the 48 ways around the gate, a row each: on this kernel, then on Debian's 6.1 under qemu
	$Q$(MAKE) -s -j2 all aids
	BUILD=$(abspath $B) bash tests/e2e/38-bypass.sh
	BUILD=$(abspath $B) VM_SECONDS=560 vmtests/run.sh 6.1 vmtests/cases/60-bypass.sh || [ $$? = 77 ]
demo: deps-test	## the gate in two minutes; KEEP=DIR leaves audit and state in DIR
	$Q$(MAKE) -s -j2 all aids
	$Q! command -v npm >/dev/null || $(MAKE) -s testkit || echo "demo: going on without the SDK"
	$QBUILD=$(abspath $B) KEEP='$(KEEP)' tests/demo.sh

demo-evidence: deps-test	## two workstations, a collector and a generated fleet in which things went wrong; the bundle is left in OUT
	$Q$(MAKE) -s -j2 all aids $B/fleet/fleetgen
	$QBUILD=$(abspath $B) OUT='$(OUT)' tests/evidence-demo.sh
.PHONY: demo-evidence

check: deps-test	## every test that a change must pass
	$Q rm -f $(COUNTS); mkdir -p $B
	$Q$(MAKE) -s -j2 all aids $(UNITS) $(REPLAYS) $B/power/powercut $B/power/ingestcut $B/fleet/fleetgen
	$Q$(MAKE) -s testkit
	$Qok=1; COUNTS=$(COUNTS); export COUNTS; \
	$(MAKE) -s check-house || ok=0; \
	$(MAKE) -s check-unit || ok=0; \
	$(MAKE) -s check-e2e || ok=0; \
	$(MAKE) -s check-san || ok=0; \
	read -r p f s < $(COUNTS); \
	if [ "$$s" = 0 ]; then echo "$$p passed, $$f failed"; else echo "$$p passed, $$f failed, $$s skipped"; fi; \
	[ $$ok = 1 ] && [ "$$f" = 0 ]
check-house:
	$Q$(RUN) layers $(MAKE) -s layers -- headers $(MAKE) -s headers -- budget $(MAKE) -s budget
check-unit:
	$Q$(RUN) -j $(JOBS) $(foreach t,$(UNITS),$(notdir $t) env CMOCKA_MESSAGE_OUTPUT=TAP $t --) $(foreach t,$(REPLAYS),$(notdir $t) sh -c '$t tests/data/$(patsubst %_fuzz,%,$(notdir $t))/*' --) json-readers python3 tests/testkit/readers.py $B/aids/rpc_reads tests/data/third-party/json-test-suite/cases.jsonl 1 20000 -- power-cuts $B/power/powercut cuts 1 8 3 -- power-faults $B/power/powercut faults
check-e2e:	# the machine of the 6.1 kernel boots beside the scripts
	$QBUILD=$(abspath $B) bash tests/lab/certs.sh
	$QBUILD=$(abspath $B) VM_SECONDS=880 $(RUN) -j $(JOBS) -s 900 vm-6.1 vmtests/run.sh 6.1 vmtests/cases/10-kern.sh vmtests/cases/20-gate.sh vmtests/cases/20-io.sh -- \
	  $(foreach t,$(E2E),$(notdir $t) bash $t --)
vmcheck: deps-test	## boot Debian's 5.10, 6.1 and 6.12 kernels under qemu
	$Q$(MAKE) -s -j2 all aids $(UNITS)
	$QBUILD=$(abspath $B) bash tests/lab/certs.sh
	$QBUILD=$(abspath $B) VM_SECONDS=280 $(RUN) -s 300 vm-6.1 vmtests/run.sh 6.1 $(filter-out %/60-bypass.sh,$(wildcard vmtests/cases/*.sh)) -- vm-6.1-bypass vmtests/run.sh 6.1 vmtests/cases/60-bypass.sh -- vm-6.12 vmtests/run.sh 6.12 -- vm-5.10 vmtests/run.sh 5.10
check-san:
	$Q$(MAKE) -s -j2 SAN=address,undefined all $(UNIT:%=build-san/unit/%) $(FUZZ:%=build-san/replay/%)
	$Q mkdir -p build-san && ln -sfn $(abspath $B)/aids build-san/aids
	$Q$(RUN) -j $(JOBS) -s 600 $(foreach t,$(UNIT),san-$t env CMOCKA_MESSAGE_OUTPUT=TAP build-san/unit/$t --) $(foreach t,$(FUZZ),san-$t sh -c 'build-san/replay/$t tests/data/$(patsubst %_fuzz,%,$t)/*' --)
	$QBUILD=$(abspath build-san) $(RUN) -j $(JOBS) -s 400 $(foreach t,$(SAN_E2E),san-$(notdir $t) bash $t --)
check-long: deps-long	## the longer ones
	$Q rm -f $(COUNTS)-long; mkdir -p $B
	$Q$(MAKE) -s -j2 all aids $B/bench/audit_load $B/unit/pol_property_test $B/power/ingestcut $B/fleet/fleetgen
	$Q$(MAKE) -s -j2 $B/unit/limits_crash_test
	$Q$(MAKE) -s testkit testkit-all
	$Qok=1; COUNTS=$(COUNTS)-long; export COUNTS; \
	BUILD=$(abspath $B) $(RUN) -s 900 $(foreach t,$(wildcard tests/long/*.sh),$(notdir $t) bash $t --) || ok=0; \
	$(MAKE) -s COUNTS=$(COUNTS)-long vmcheck || ok=0; \
	read -r p f s < $(COUNTS)-long; \
	if [ "$$s" = 0 ]; then echo "$$p passed, $$f failed"; else echo "$$p passed, $$f failed, $$s skipped"; fi; \
	[ $$ok = 1 ] && [ "$$f" = 0 ]
.PHONY: bypass e2e-matrix deps deps-test deps-long testkit testkit-all conformance demo check check-house check-unit check-e2e check-san check-long
bench: deps-test	## a warm call against HAProxy and nginx with Lua in one run; build/bench/summary.json
	$Q$(MAKE) -s -j2 all aids
	$QBUILD=$(abspath $B) tests/bench/bench.sh
.PHONY: bench
bench-audit: deps-test	## what the audit costs, beside write and gzip of the same lines; build/bench/audit.json
	$Q$(MAKE) -s -j2 all $B/bench/audit_load
	$QBUILD=$(abspath $B) bash tests/bench/audit.sh
bench-evidence: deps-test	## an export of 1, 3 and 10 million records; build/bench/evidence.json; SIZES in thousands
	$Q$(MAKE) -s -j2 all $B/fleet/fleetgen
	$QBUILD=$(abspath $B) bash tests/bench/evidence.sh
.PHONY: bench-evidence
bench-kernel: deps-test	## what the BPF programs cost a process that is not governed, attached against detached; ROUNDS
	$Q$(MAKE) -s -j2 all aids $B/bench/kernel
	$QBUILD=$(abspath $B) bash tests/bench/kernel.sh | tee $B/bench/kernel.txt
.PHONY: bench-kernel bench-marks
bench-marks: deps-test	## how long after its start an agent is marked, beside hashes, busy processors, execs; COUNT
	$Q$(MAKE) -s -j2 all aids
	$Qmkdir -p $B/bench; BUILD=$(abspath $B) bash tests/bench/marks.sh | tee $B/bench/marks.json
# Clang's own build of the floors, with the fuzzer's instrumentation; it warns of other things than the compiler of the product, and would count an
# empty view's NULL + 0.
FUZZLIBS := $(patsubst %,lib%.a,admin ident fetch vault audit policy clients codec ipc base)
FUZZSAN := address,undefined -fno-sanitize=pointer-overflow
campaign-fuzz: deps-test	## 20 million executions of each fuzz target; RUNS, SEED, TARGETS, TIME, MAX_LEN
	$Q$(MAKE) -s -j2 CC='$(CLANG)' WARN= SAN='fuzzer-no-link,$(FUZZSAN)' BUILD=build-fuzz-search $(FUZZLIBS:%=build-fuzz-search-san/%)
	$Q$(MAKE) -s -j2 CC='$(CLANG)' WARN= SAN='$(FUZZSAN) -fsanitize-coverage=inline-8bit-counters,pc-table' BUILD=build-fuzz-run $(FUZZLIBS:%=build-fuzz-run-san/%)
	$Qbash tests/fuzz/campaign.sh '$(CLANG)' build-fuzz-search-san build-fuzz-run-san $(LDALL)
.PHONY: campaign-fuzz
campaign-policy: deps-test	## 1,000,000 calls under random policies, against a second evaluator; CALLS, SEED
	$Q$(MAKE) -s -j2 $B/unit/pol_property_test
	SEED=$${SEED:-1} CALLS=$${CALLS:-1000000} $B/unit/pol_property_test
bench-policy: deps-test	## what a decision and a load cost: time, allocations, instructions under callgrind
	$Q$(MAKE) -s -j2 $B/bench/policy
	$Q$B/bench/policy | tee $B/bench/policy.txt
	$Qfor n in 2 102; do valgrind --tool=callgrind --callgrind-out-file=/dev/null $B/bench/policy --decide $$n 2>&1 | awk '/Collected/ { print $$4 }'; done | \
	  awk 'NR == 1 { a = $$1 } END { printf "instructions per decision: %d\n", ($$1 - a) / 100 }' | tee -a $B/bench/policy.txt
.PHONY: bench-policy
$B/bench/policy: $B/tests/bench/policy.o $(call lib,policy codec base)
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc -o $@ $^ -lpcre2-8 -lcrypto
bench-charges: deps-test	## how long limits stay closed after a power cut; RECORDS
	$Q$(MAKE) -s -j2 $B/bench/charges
	$Q$B/bench/charges $${RECORDS:-1000000} | tee $B/bench/charges.txt
.PHONY: bench-charges
$B/bench/charges: $B/tests/bench/charges.o $(call lib,audit ipc base)
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ -ljansson -lcrypto -lz
# Patterns against libre2, which speaks C++.
CXX	?= g++
$B/tests/unit/%.o: tests/unit/%.cc
	$(call say,CXX)
	$Q mkdir -p $(@D)
	$Q$(CXX) -std=gnu++17 -O2 -g -Wall -Wextra -Werror -fPIE $(if $(SAN),-fsanitize=$(SAN)) -MD -MP -c -o $@ $<
$B/unit/regex_re2_test: $B/tests/unit/re2_oracle.o
$B/unit/regex_re2_test: LDALL += -lre2 -lstdc++
campaign-regex: deps-test	## 1,000,000 random patterns, 24 texts each, against libre2; PATTERNS, SEED
	$Q$(MAKE) -s -j2 $B/unit/regex_re2_test
	SEED=$${SEED:-1} PATTERNS=$${PATTERNS:-1000000} $B/unit/regex_re2_test
.PHONY: campaign-regex
.PHONY: campaign-limits
campaign-limits: deps-test	## 8 processes x 100,000 reservations each, kills and a power cut; CALLS, SEED, ROUNDS
	$Q$(MAKE) -s -j2 $B/unit/limits_crash_test
	SEED=$${SEED:-1} CALLS=$${CALLS:-100000} ROUNDS=$${ROUNDS:-20} $B/unit/limits_crash_test
campaign-volume: deps-test	## 10 million records through rotation, sealing and verify; RECORDS, SEED
	$Q$(MAKE) -s -j2 all $B/bench/audit_load
	$QBUILD=$(abspath $B) RECORDS=$${RECORDS:-10000000} SEGMENT=$${SEGMENT:-8388608} bash tests/long/60-audit-volume.sh
campaign-connect: deps-test	## 1,000,000 connections, each with its record; COUNT
	$Q$(MAKE) -s -j2 all aids
	$QBUILD=$(abspath $B) FEW=0 MANY=$${COUNT:-1000000} bash tests/long/30-connects.sh
campaign-restart: deps-test	## 500 ends of the service under load; TIMES
	$Q$(MAKE) -s -j2 all aids
	$QBUILD=$(abspath $B) TIMES=$${TIMES:-500} bash tests/long/40-restarts.sh
campaign-streams: deps-test	## 10,000 event streams at once, one event a second each; STREAMS, SECONDS_OPEN
	$Q$(MAKE) -s -j2 all aids
	$QBUILD=$(abspath $B) STREAMS=$${STREAMS:-10000} SECONDS_OPEN=$${SECONDS_OPEN:-15} bash tests/long/55-streams.sh
.PHONY: campaign-streams
campaign-parsers: deps-test	## 1,000,000 bodies to three readers of JSON, 11,000 requests with JSONTestSuite and 1,700 of doubtful HTTP to both SDKs; COUNT, SEED
	$Q$(MAKE) -s -j2 all aids testkit
	$Qpython3 tests/testkit/readers.py $B/aids/rpc_reads tests/data/third-party/json-test-suite/cases.jsonl $${SEED:-1} $${COUNT:-1000000}
	$QBUILD=$(abspath $B) EVERY=1 bash tests/long/72-parser-corpora.sh
.PHONY: campaign-parsers
campaign-namespaces: deps-test	## 1,000 network namespaces come and go; COUNT
	$Q$(MAKE) -s -j2 all aids
	$QBUILD=$(abspath $B) COUNT=$${COUNT:-1000} bash tests/e2e/35-namespaces.sh
campaign-revoke: deps-test	## 1,000 revocations under load: from the command to the last accepted call; TIMES
	$Q$(MAKE) -s -j2 all aids
	$QBUILD=$(abspath $B) TIMES=$${TIMES:-1000} bash tests/long/70-revoke.sh
.PHONY: campaign-revoke
.PHONY: vmcheck campaign-connect campaign-restart campaign-namespaces
.PHONY: bench-audit campaign-volume campaign-policy
$B/bench/audit_load: $B/tests/bench/audit_load.o $(call lib,audit ipc base)
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ -ljansson -lcrypto -lz
# The audit library on a file system of the tests, over FUSE.
$B/power/powercut: $(patsubst %,$B/tests/power/%.o,cutfs cutstate powercut) $(call lib,audit ipc base)
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ -lfuse3 -ljansson -lcrypto -lz -lpthread
$B/tests/power/cutfs.o: override CPPFLAGS += -isystem /usr/include/fuse3
$B/power/ingestcut: $(patsubst %,$B/tests/power/%.o,cutfs cutstate ingestcut) $(call lib,fleet audit ipc codec base)
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ -lfuse3 -ljansson -lcrypto -lz -lpthread
campaign-power: deps-test	## the audit library through power cuts and failing calls over FUSE; SEED, RUNS, EACH
	$Q$(MAKE) -s -j2 $B/power/powercut
	$Q$B/power/powercut faults
	$Q$B/power/powercut cuts $${SEED:-1} $${RUNS:-400} $${EACH:-8}
.PHONY: campaign-power
campaign-ingest: deps-test	## a collector's ingest through kill -9 and power cuts; KILLS (200), CUTS (200), SEED
	$Q$(MAKE) -s -j2 all $B/power/ingestcut $B/fleet/fleetgen
	BUILD=$(abspath $B) KILLS=$${KILLS:-200} CUTS=$${CUTS:-200} SEED=$${SEED:-1} bash tests/e2e/47-fleet-crash.sh
.PHONY: campaign-ingest
campaign-crash: deps-test	## kill -9 of random processes of the whole service under load, and of callgate-audit alone; KILLS (10000), SEED
	$Q$(MAKE) -s -j2 all aids $B/unit/audit_proc_test
	KILLS=$${KILLS:-10000} SEED=$${SEED:-1} $B/unit/audit_proc_test 2>/dev/null
	BUILD=$(abspath $B) KILLS=$${KILLS:-10000} SEED=$${SEED:-1} bash tests/long/65-kill-random.sh
.PHONY: campaign-crash
$B/bench/kernel: $B/tests/bench/kernel.o $(call lib,kern base)
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lelf -lz -lm
# A generator of trails for a fleet: the audit code under clocks of its own.
$B/fleet/fleetgen: $(patsubst tests/fleet/%.c,$B/tests/fleet/%.o,$(wildcard tests/fleet/*.c)) $(call lib,fleet admin audit policy ipc codec base)
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ -ljansson -lpcre2-8 -lcrypto -lz
$B/bench/roster: $(patsubst %,$B/tests/bench/%.o,roster lookup) $(call lib,admin audit policy ipc codec base)
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ -ljansson -lpcre2-8 -lcrypto -lz
bench-roster: deps-test	## from the journal to what is in force, by the number of grants; GRANTS (100,000), ROUNDS
	$Q$(MAKE) -s -j2 $B/bench/roster
	$Q$B/bench/roster --grants $${GRANTS:-100000} --rounds $${ROUNDS:-11}
.PHONY: bench-roster
bench-start: deps-test	## the same of the real service: from the fork of callgate-admin and a worker until a call passes; GRANTS (100,000), ROUNDS, ALONE=1: before all other work
	$Q$(MAKE) -s -j2 all aids $B/bench/roster
	$QBUILD=$(abspath $B) bash tests/bench/start.sh
.PHONY: bench-start
$B/bench/cost: $B/tests/bench/cost.o
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^
bench-fleet: deps-test	## verify, ingest and status of 1,000,000 generated records, a core; SIZES; build/bench/fleet.json
	$Q$(MAKE) -s -j2 all $B/fleet/fleetgen $B/bench/cost
	$QBUILD=$(abspath $B) bash tests/bench/fleet.sh
campaign-fleet: deps-test	## the same at 1 and 10 million, and twenty hosts, two of them real, with a week of faults
	$Q$(MAKE) -s -j2 all aids $B/fleet/fleetgen $B/bench/cost
	$QBUILD=$(abspath $B) SIZES="$${SIZES:-1000000 10000000}" bash tests/bench/fleet.sh
	$QBUILD=$(abspath $B) bash tests/long/80-fleet-week.sh
.PHONY: bench-fleet campaign-fleet
