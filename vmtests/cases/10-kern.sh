# The BPF side on this kernel: the unit tests, which load and attach it.
# needs: build/unit/kern_test build/unit/kern_rule_test build/unit/kern_tree_test build/unit/kern_exec_test build/unit/kern_beside_test build/unit/kern_net_test ip veth.ko
status=0
for t in kern_test kern_rule_test kern_tree_test kern_exec_test kern_beside_test kern_net_test; do
	CMOCKA_MESSAGE_OUTPUT=TAP build/unit/$t || status=1
done
exit $status
