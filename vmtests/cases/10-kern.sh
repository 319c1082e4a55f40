# The BPF side on this kernel: the unit tests, which load and attach it.
# needs: build/unit/kern_test ip veth.ko
CMOCKA_MESSAGE_OUTPUT=TAP exec build/unit/kern_test
