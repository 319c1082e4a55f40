# The ring, streams and TLS on this kernel.
# needs: build/unit/timer_test build/unit/loop_test build/unit/stream_test build/unit/stream_end_test
# needs: build/unit/stream_tls_test build/unit/stream_tls_load_test build/unit/tls_trust_test
bad=0
for t in timer loop stream stream_end stream_tls stream_tls_load tls_trust; do
	if "$BUILD/unit/${t}_test" >/tmp/io.out 2>&1; then
		echo "ok ${t}_test"
	else
		grep -vE 'OK \]|RUN ' /tmp/io.out | head -20
		echo "not ok ${t}_test"
		bad=1
	fi
done
exit $bad
