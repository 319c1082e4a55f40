# The optional denials, by both kinds of programs: the second where the security module seems not to be in use.
# needs: build/unit/kern_deny_test ip veth.ko
status=0
CG_DENY_WAY=lsm CMOCKA_MESSAGE_OUTPUT=TAP build/unit/kern_deny_test || status=1
echo capability,yama >/tmp/lsm
mount --bind /tmp/lsm /sys/kernel/security/lsm
CG_DENY_WAY=fmod_ret CMOCKA_MESSAGE_OUTPUT=TAP build/unit/kern_deny_test || status=1
umount /sys/kernel/security/lsm
exit $status
