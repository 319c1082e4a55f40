#!/usr/bin/env python3
"""readers.py RPC_READS CASES.jsonl [SEED [COUNT]] - does anybody read another tool out of a body that the gate takes?

Bodies: the cases of JSONTestSuite in each place of a call, calls with look-alike and doubled keys, and COUNT seeded mutations of all of these.  Each is read by
the gate and by jansson (RPC_READS, tests/aids/rpc_reads.c) and by Python's json.  Whoever takes a body that the gate takes must read the same method and name
out of it.  Prints what differs; the last line counts."""
import json, random, struct, subprocess, sys

program, cases = sys.argv[1:3]
seed, count = int(sys.argv[3]) if len(sys.argv) > 3 else 1, int(sys.argv[4]) if len(sys.argv) > 4 else 20000
rng = random.Random(seed)

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%s","arguments":%s}}'
SAFE, DANGER = (CALL % (name, b'{}') for name in (b'safe', b'danger'))
inputs = [json.loads(line)['input'].encode('utf-8', 'surrogatepass') for line in open(cases)]
inputs += [b'[' * 100000, b'[{"":' * 50000, b'["\xff"]', b'["\xc0\xaf"]', b'["\xed\xa0\x80"]', b'["\xf4\x90\x80\x80"]', b'{"\xff":1}', b'"\xe9"', b'\xff\xfe[\0]\0']
bodies = list(inputs)
for text in inputs:
    if len(text) > 10000:
        bodies.append(CALL % (b'danger', b'{"x":' + text + b'}'))
        continue
    for name in (b'safe', b'danger'):
        bodies.append(CALL % (name, b'{"x":' + text + b'}'))
        bodies.append(CALL % (name, text))
    bodies += [SAFE.replace(b'"safe"', text), SAFE.replace(b'"tools/call"', text), SAFE.replace(b'"id":1', b'"id":' + text),
               SAFE.replace(b'{"name"', b'{"x":' + text + b',"name"'), SAFE.replace(b'{"name"', b'{"_meta":' + text + b',"name"'), text + SAFE, SAFE + text]
keys = [b'name', b'method', b'params', b'arguments', b'jsonrpc', b'id', b'_meta']
pieces = [b'"name":"danger",', b'"Name":"danger",', b'"name\\u0000":"danger",', b'"n\\u0061me":"danger",', b'"\\u006eame":"danger",', b'"name":"dan\\u0067er",', b'"params":{"name":"danger"},',
          b'"method":"ping",', b'"method\\u0000":"x",', b'"m\xc3\xa9thod":1,', b'"param\xc5\xbf":{},', b'"to\xe2\x84\xaaen":1,', b'"\xef\xbb\xbfname":"danger",', b'\xef\xbb\xbf', b'/**/', b'//\n',
          b'\0', b'\x0b', b'\x0c', b'\xc2\xa0', b'\xe2\x80\xa8', b'"__proto__":{"name":"danger"},', b'NaN', b'Infinity', b'-', b'1e999', b'"\\ud800"', b"'", b',', b'}', b'{', b']', b'[', b'"', b'\\']
bodies += [base.replace(b'{', b'{' + piece, at) if at == 1 else base.replace(b'{"name"', b'{' + piece + b'"name"') for base in (SAFE, DANGER) for piece in pieces for at in (1, 2)]
bodies += [base[:at] + piece + base[at:] for base in (SAFE, DANGER) for piece in pieces for at in range(len(base) + 1)]
short = [body for body in bodies if len(body) < 2000]
for _ in range(count):
    body = bytearray(rng.choice(short))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body) + 1)
        what = rng.randrange(6)
        if what == 0:
            body[at:at] = rng.choice(pieces)
        elif what == 1:
            body[at:at + rng.randint(1, 8)] = b''
        elif what == 2 and at < len(body):
            body[at] ^= 1 << rng.randrange(8)
        elif what == 3:
            other = rng.choice(short)
            body = body[:at] + other[rng.randrange(len(other) + 1):]
        elif what == 4:
            body[at:at] = body[at:at + rng.randint(1, 40)]
        else:
            body[at:at] = rng.choice(keys)
    bodies.append(bytes(body))

feed = b''.join(struct.pack('<I', len(body)) + body for body in bodies)
lines = subprocess.run([program], input=feed, stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
assert len(lines) == len(bodies)


def python(body):
    try:
        said = json.loads(body)
        method = said['method']
        params = said.get('params')
        name = params.get('name') if isinstance(params, dict) else None
        if not isinstance(method, str):
            return '-'
        return ':'.join(text.encode('utf-8', 'surrogatepass').hex() for text in (method, name if isinstance(name, str) else ''))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return '-'


taken = differ = danger = 0
for body, line in zip(bodies, lines):
    gate, jansson = line.split(' ')
    py = python(body)
    danger += '64616e676572' in (py.split(':')[-1], jansson.split(':')[-1])
    if gate == '-':
        continue
    taken += 1
    method, name = gate.split(':')
    for who, said in (('python', py), ('jansson', jansson)):
        # A name that is beside the point for the gate (no tools/call) is not read by it.
        if said != '-' and (said if name or bytes.fromhex(method) == b'tools/call' else said.split(':')[0] + ':') != gate:
            differ += 1
            print(f'{who} reads {said}, the gate {gate}, out of {body[:300]!r}')
print(f'{len(bodies)} bodies, {taken} taken by the gate, {danger} in which another reader finds the tool danger; {differ} differences (seed {seed})')
sys.exit(1 if differ or not taken or not danger else 0)
