# Build, test and check; `make help` lists the targets.
#   V=1 shows commands; SAN=address,undefined builds apart, in build-san/; BUILD=dir builds elsewhere.
V	?= 0
SAN	?=
CC	?= cc
CLANG	?= clang
BPFTOOL	?= $(or $(shell command -v bpftool 2>/dev/null),/usr/sbin/bpftool)
BUILD	?= build
B	:= $(BUILD)$(if $(SAN),-san)
ARCH	:= $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')
PREFIX	?= /usr/local

# The architecture.  A floor is a directory, built as one archive; it may use only the floors named here.
FLOORS	:= base codec clients policy ipc io kern vault audit fleet ident fetch admin gate evidence
DEP_base	:=
DEP_codec	:= base
DEP_clients	:= codec base
DEP_policy	:= codec base
DEP_ipc		:= base
DEP_io		:= base
DEP_kern	:= base
DEP_vault	:= ipc base
DEP_audit	:= ipc base
DEP_fleet	:= audit ipc codec base
DEP_ident	:= ipc codec base
DEP_fetch	:= ipc base
DEP_admin	:= audit policy ipc codec base
DEP_gate	:= io ipc policy codec base
DEP_evidence	:= fleet admin audit policy ipc codec base

# The processes.  A link line is a privilege table: what is absent from it, that process cannot do.
PROC		:= user/proc/child.c user/proc/sandbox.c
SERVE		:= $(PROC) user/proc/serve.c
SRC_callgated	:= user/proc/callgated.c $(wildcard user/proc/sup_*.c)
BIN_callgated	:= kern ipc codec base
LD_callgated	:= -lbpf -lelf -lz
SRC_callgate-proxy	:= user/proc/proxy.c user/proc/proxy_limits.c $(PROC)
BIN_callgate-proxy	:= gate io ipc policy codec base
LD_callgate-proxy	:= -luring -ljansson -lpcre2-8 -lssl -lcrypto
SRC_callgate-vault	:= user/proc/vault.c $(SERVE)
BIN_callgate-vault	:= vault ipc base
LD_callgate-vault	:= -ljansson -lcrypto
SRC_callgate-audit	:= user/proc/audit.c user/proc/audit_edges.c user/proc/audit_forward.c user/proc/audit_cover.c user/proc/audit_charges.c $(PROC)
BIN_callgate-audit	:= audit ipc base
LD_callgate-audit	:= -ljansson -lcrypto -lz
SRC_callgate-ident	:= user/proc/ident.c user/proc/ident_dns.c $(SERVE)
BIN_callgate-ident	:= ident ipc codec base
LD_callgate-ident	:= -ljansson -lcrypto
SRC_callgate-fetch	:= user/proc/fetch.c $(SERVE)
BIN_callgate-fetch	:= fetch ipc base
LD_callgate-fetch	:= -lcurl -ljansson
SRC_callgate-admin	:= user/proc/admin.c $(PROC)
BIN_callgate-admin	:= admin audit policy ipc codec base
LD_callgate-admin	:= -ljansson -lpcre2-8 -lcrypto -lz
SRC_callgate	:= $(wildcard tools/*.c)
BIN_callgate	:= evidence admin fleet audit policy ipc clients codec base
LD_callgate	:= -ljansson -lpcre2-8 -lcrypto -lz -lyaml
ALLBINS	:= callgated callgate-proxy callgate-vault callgate-audit callgate-ident callgate-fetch callgate-admin callgate

DIR	= $(if $(filter policy,$(1)),policy,user/$(1))
SRC	= $(wildcard $(DIR)/*.c)
HAVE	:= $(foreach f,$(FLOORS),$(if $(call SRC,$f),$f))
BINS	:= $(foreach b,$(ALLBINS),$(if $(wildcard $(firstword $(SRC_$b))),$(if $(filter-out $(HAVE),$(BIN_$b)),,$b)))
BPF	:= $(patsubst bpf/%.bpf.c,%,$(wildcard bpf/*.bpf.c))
UNIT	:= $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c))
FUZZ	:= $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*_fuzz.c))
AIDS	:= $(patsubst tests/aids/%.c,%,$(wildcard tests/aids/*.c))
HDRS	= $(filter-out %.tbl.h,$(wildcard bpf/abi.h policy/*.h user/*/*.h))

WARN	:= -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	   -Wpointer-arith -Wcast-qual -Wvla -Wimplicit-fallthrough -Wformat=2
HARD	:= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS	?= -O2 -g
override CFLAGS	+= -std=gnu11 -D_GNU_SOURCE $(WARN) \
	   $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all -DCG_SANITIZED,$(HARD))
override CPPFLAGS += -I. -Iuser -isystem $B/gen -MD -MP	# generated skeletons: -isystem, and so -MD
override LDFLAGS	+= $(if $(SAN),-fsanitize=$(SAN),-pie -Wl,-z,relro,-z,now)
LDALL	:= -lbpf -lelf -lz -luring -ljansson -lpcre2-8 -lcurl -lssl -lcrypto
TESTED	:= evidence gate admin ident fetch fleet vault audit kern io policy clients codec ipc base	# in link order
BPFFLAGS := -O2 -g -target bpf -D__TARGET_ARCH_$(ARCH) -Wall -Wextra -Werror -Wno-unused-parameter -I. -I$B/gen

ifneq ($V,1)
Q	:= @
say	= @printf '  %-7s %s\n' $(1) $(patsubst $B/%,%,$@)
endif
sp	:= $(subst ,, )
obj	= $(patsubst %.c,$B/%.o,$(1))
lib	= $(patsubst %,$B/lib%.a,$(filter $(HAVE),$(1)))

all: $(BINS:%=$B/%)	## daemons and CLI
define bin_rule
$B/$(1): $(call obj,$(SRC_$(1))) $(call lib,$(BIN_$(1)))
	$$(call say,LINK)
	$$Q$$(CC) $$(LDFLAGS) -o $$@ $$^ $(LD_$(1))
endef
$(foreach b,$(BINS),$(eval $(call bin_rule,$b)))

define floor_rule
$B/lib$(1).a: $(call obj,$(call SRC,$(1)))
	$$(call say,AR)
	$$Qrm -f $$@ && $(AR) rcs $$@ $$^
layer-$(1): $(call lib,$(1) $(DEP_$(1)))
	$$Q! grep -n '#include "[a-z]*/' $(wildcard $(call DIR,$(1))/*.[ch]) | \
	  grep -vE '"($(subst $(sp),|,$(strip $(1) $(DEP_$(1)) bpf)))/'
	$$Qecho 'int main(void){return 0;}' | $$(CC) $$(LDFLAGS) -o /dev/null -x c - -x none \
	  -Wl,--whole-archive $B/lib$(1).a -Wl,--no-whole-archive $(call lib,$(DEP_$(1))) $(LDALL)
endef
$(foreach f,$(HAVE),$(eval $(call floor_rule,$f)))

$B/%.o: %.c | $(BPF:%=$B/gen/%.skel.h)
	$(call say,CC)
	$Q mkdir -p $(@D)
	$Q$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$B/gen/vmlinux.h:
	$(call say,BTF)
	$Q mkdir -p $(@D)
	$Q$(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c > $@
$B/gen/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h bpf/lib/*.h) $B/gen/vmlinux.h
	$(call say,BPF)
	$Q$(CLANG) $(BPFFLAGS) -c -o $@ $<
$B/gen/%.skel.h: $B/gen/%.bpf.o
	$(call say,SKEL)
	$Q$(BPFTOOL) gen skeleton $< name $*_bpf > $@
$B/unit/%: $B/tests/unit/%.o $(call lib,$(TESTED))
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ $(LDALL) -lcmocka
$B/unit/pol_property_test: $B/tests/unit/pol_property_gen.o $B/tests/unit/pol_property_model.o
$B/replay/%: $B/tests/fuzz/%.o $B/tests/fuzz/replay.o $(call lib,$(TESTED))
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ $(LDALL)
$B/aids/%: $B/tests/aids/%.o $(call lib,vault ipc codec base)
	$(call say,LINK)
	$Q mkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ -ljansson -lssl -lcrypto -luring -lpthread

$B/user/evidence/manifest.o: user/evidence/verify.sh	# which lies in it as it is
$B/user/evidence/report_html.o: user/evidence/report.html
aids: $(AIDS:%=$B/aids/%)	## the programs that tests use: servers, load generator, probes
unit: $(UNIT:%=$B/unit/%)	## unit tests
	$Qfor t in $^; do CMOCKA_MESSAGE_OUTPUT=TAP $$t || exit 1; done
replay: $(FUZZ:%=$B/replay/%)	## fuzz targets over their committed corpus
	$Qfor t in $^; do n=$${t##*/}; $$t tests/data/$${n%_fuzz}/* || exit 1; done
layers: $(HAVE:%=layer-%) layer-of-vault	## no floor reaches one it does not name
layer-of-vault: $B/callgate-vault	# no HTTP, no TLS connections, no ring, no network: nothing to speak them with
	$Q! readelf -d $< | grep -E 'NEEDED.*(libssl|libcurl|liburing|libnghttp)'
	$Q! nm -D --undefined-only $< | grep -wE 'connect|bind|listen|accept4?|getaddrinfo'
headers: | $(BPF:%=$B/gen/%.skel.h)	## every header compiles alone
	$Qfor h in $(HDRS); do \
	  $(CC) -I. -Iuser -std=gnu11 -D_GNU_SOURCE -fsyntax-only -x c -include $$h /dev/null || exit 1; done
budget:	## no file over 500 lines, the vault below 3,000
	$Qwc -l $(wildcard bpf/*.[ch] bpf/lib/*.h policy/*.[ch] user/*/*.[ch] tools/*.[ch]) | \
	  awk '$$2 != "total" && $$1 > 500 { print "budget: " $$2 " has " $$1 " lines"; bad = 1 } END { exit bad }'
	$Qcat user/vault/*.[ch] user/proc/vault.c | awk 'END { if (NR > 3000) { print "budget: the vault has " NR " lines, of 3000"; exit 1 } }'
fuzz-%: | $(BPF:%=$B/gen/%.skel.h)	## libFuzzer on tests/fuzz/%_fuzz.c for T seconds (60)
	$Q mkdir -p $B/corpus-$*
	$(CLANG) -I. -Iuser -isystem $B/gen -std=gnu11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined \
	  -o $B/$@ tests/fuzz/$*_fuzz.c $(foreach f,base codec clients policy ipc audit fleet vault ident fetch admin evidence,$(call SRC,$f)) $(LDALL)
	$B/$@ -max_total_time=$${T:-60} -artifact_prefix=$B/ $B/corpus-$* tests/data/$*
install: all	## below PREFIX (/usr/local), under DESTDIR; a systemd unit and system users
	$QPREFIX=$(PREFIX) DESTDIR=$(DESTDIR) tools/install.sh install $B
uninstall:	## what install made; records, credentials and settings stay
	$QPREFIX=$(PREFIX) DESTDIR=$(DESTDIR) tools/install.sh uninstall $B
format:	## rewrite with clang-format
	clang-format -i $(wildcard bpf/*.[ch] bpf/lib/*.h policy/*.[ch] user/*/*.[ch] tools/*.[ch] tests/*/*.c)
clean:	## remove build directories
	rm -rf build build-san
help:	## this list
	@sed -n 's/^\([a-z%-]*\):.*## /  \1	/p' Makefile tests/make.mk

include tests/make.mk

.PHONY: all aids unit replay layers layer-of-vault headers budget install uninstall format clean help $(HAVE:%=layer-%)
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
