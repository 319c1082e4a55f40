#!/bin/bash
# Connections that were open before the service came: those that the gate would have taken are ended, others live on.
. "$(dirname -- "$0")/../lab/lab.sh"
. "$LAB_TOP/tests/lab/storm.sh"
storm_net
# Speaks every 200 ms, and says how long that went well.
talker='import socket,sys,time,struct
s=socket.create_connection(("10.1.2.3",int(sys.argv[1]))); print("connected",flush=True)
w=struct.pack("=IIII",0x01474300,1,2,3)
try:
    for i in range(1500):
        s.sendall(w)
        if not s.recv(16): raise OSError("end of file")
        print("answered",flush=True)
        time.sleep(0.2)
except OSError as e: print("ended",e,flush=True)'
lab_net "$BUILD/aids/storm" serve 2222 "$LAB/seen2" &
lab_wait 5 lab_net bash -c ': </dev/tcp/10.0.0.1/2222'
lab_as alice python3 -c "$talker" 8080 >"$LAB/taken" 2>&1 &
lab_as alice python3 -c "$talker" 2222 >"$LAB/other" 2>&1 &
lab_as carol python3 -c "$talker" 8080 >"$LAB/stranger" 2>&1 &
for f in taken other stranger; do lab_wait 5 grep -q answered "$LAB/$f" || not_ok "$f: connects before the start"; done
lab_daemon '{"users":["alice"],"scope":"users"}' || exit 1
check "a connection that the gate would have taken is ended" lab_wait 5 grep -q ended "$LAB/taken"
a=$(grep -c answered "$LAB/other") b=$(grep -c answered "$LAB/stranger")
sleep 1
check "one to a port that is not redirected lives on" test "$(grep -c answered "$LAB/other")" -gt "$a"
check "one of a person who is not governed lives on" test "$(grep -c answered "$LAB/stranger")" -gt "$b"
check "it is counted" test "$(storm_status sockets_before_start.ended)" = 1
lab_as alice python3 -c "$talker" 8080 >"$LAB/again" 2>&1 &
check "a new connection is gated" lab_wait 5 grep -q answered "$LAB/again"
sleep 1
check "and not ended" bash -c "! grep ended $LAB/again"
lab_end
