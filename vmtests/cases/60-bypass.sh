# The ways around the gate on this kernel: the table of tests/e2e/38-bypass.sh, by that script, in its lab.
# kernels: 6.1
# needs: build/callgated build/callgate build/callgate-admin build/callgate-fetch build/callgate-audit build/callgate-ident build/callgate-proxy build/callgate-vault
# needs: build/aids/bypass build/aids/mock_mcp build/aids/storm build/lab-certs policy/agents.d tests/e2e/38-bypass.sh tests/lab/lab.sh tests/lab/certs.sh tests/lab/storm.sh
# needs: /bin/bash /etc/ssl/certs/ca-certificates.crt setpriv unshare nsenter ip jq openssl find flock
# needs: overlay.ko veth.ko sctp.ko dccp_ipv4.ko smc.ko vsock_loopback.ko
# What earlier cases left.
build/callgated --detach
rm -rf /etc/callgate /var/lib/callgate /var/log/callgate
mkdir -p /usr/local && touch build/lab-certs/done /etc/environment # the certificates are of today, whatever the copy says
bash tests/e2e/38-bypass.sh
