"""start.py - see start.sh.
probe: for each line of standard input one call after the other until one passes; then the time of that, in ns of the monotonic clock.
rounds GRANTS PID ROUNDS GO PASSED: ends callgate-admin and the worker of service PID; one line of JSON with medians in ms: from the kill until the next
callgate-admin is there (the old one's memory is given back first), from then until a call passes, and the CPU that both had taken by then.
"""
import json
import os
import signal
import socket
import ssl
import sys
import time

BODY = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}'
REQUEST = (b"POST /mcp HTTP/1.1\r\nHost: mcp.lab.test\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
           b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY)) + BODY


def passes(context):
    """One call: did it come back from the server?"""
    try:
        with socket.create_connection(("mcp.lab.test", 443), 5) as s, context.wrap_socket(s, server_hostname="mcp.lab.test") as t:
            t.sendall(REQUEST)
            answer = b""
            while piece := t.recv(65536):
                answer += piece
    except OSError:
        return False
    return b'"result"' in answer and b'"isError":true' not in answer


def probe():
    context = ssl.create_default_context()
    for _ in sys.stdin:
        while not passes(context):
            time.sleep(0.001)
        print(time.monotonic_ns(), flush=True)


def children(pid):
    """Of the service: its processes by name."""
    out = {}
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        for child in f.read().split():
            try:
                with open(f"/proc/{child}/comm", encoding="ascii") as comm:
                    out[comm.read().strip()] = int(child)
            except OSError:
                pass
    return out


def ran_ms(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e6


def median(values):
    return sorted(values)[len(values) // 2]


def rounds(grants, pid, count, go, passed):
    ends = {"callgate-admin", "callgate-proxy"}
    end, start, cpu = [], [], {name: [] for name in sorted(ends)}
    go.write("once\n")
    go.flush()
    passed.readline()
    for _ in range(count):
        time.sleep(3)  # the journal is read whole, and a process that lived longer is started again at once
        now = children(pid)
        began = time.monotonic_ns()
        for name in ends:
            os.kill(now[name], signal.SIGKILL)
        go.write("go\n")
        go.flush()
        while set(children(pid).values()) <= set(now.values()):
            time.sleep(0.0005)
        forked = time.monotonic_ns()
        done = int(passed.readline())
        end.append((forked - began) / 1e6)
        start.append((done - forked) / 1e6)
        later = children(pid)
        for name, list_ in cpu.items():
            list_.append(ran_ms(later[name]))
    print(json.dumps({"grants": grants, "rounds": count, "killed_to_forked_ms": round(median(end), 1), "forked_to_passed_ms": round(median(start), 1),
                      "least_ms": round(min(start), 1), "most_ms": round(max(start), 1), "cpu_ms": {name: round(median(v), 1) for name, v in cpu.items()}}), flush=True)


if sys.argv[1] == "probe":
    probe()
else:
    # Opened in this order by both sides.
    with open(sys.argv[5], "w", encoding="ascii") as to, open(sys.argv[6], encoding="ascii") as back:
        rounds(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), to, back)
