"""The policy schema beside `callgate policy check`: shipped documents, and each of them with one thing wrong at a time."""
import copy
import glob
import json
import random
import subprocess
import sys
import tempfile

import jsonschema

CALLGATE = sys.argv[1]
COUNT = 260
random.seed(7)

schema = json.load(open("policy/schema/policy.schema.json"))
jsonschema.Draft202012Validator.check_schema(schema)
editor = jsonschema.Draft202012Validator(schema)
failed = False


def ok(good, what):
    global failed
    failed |= not good
    print("ok - " if good else "not ok - ", what, sep="")


def loads(doc):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(doc, f)
        f.flush()
        return subprocess.run([CALLGATE, "policy", "check", f.name], capture_output=True).returncode == 0


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for k, v in items:
        yield from places(v, path + (k,))


def at(doc, path):
    for k in path:
        doc = doc[k]
    return doc


def spoil(doc):
    """One change somewhere: a member gone, a member too many, a value of another type or another word."""
    doc = copy.deepcopy(doc)
    path = random.choice([p for p in places(doc) if p])
    parent, key = at(doc, path[:-1]), path[-1]
    how = random.randrange(4)
    if how == 0:
        del parent[key]
    elif how == 1 and isinstance(parent[key], dict):
        parent[key]["deny_iff"] = []
    elif how == 2:
        parent[key] = random.choice([None, 1, "1", [], {}, True, -1, 1.5, "", "week", ["a", "a"]])
    else:
        parent[key] = [parent[key]]
    return doc


whole = '''{"version":"1","default":"deny","hide":["h"],"all_tools":{"limits":[{"counter":"c","window":"day","max":5,"scope":"grant","on_deny":"no"}]},
"tools":{"t":{"require":[{"conditions":[{"path":"args.a.b","op":"regex","value":"^x"},{"path":"args.c","op":"in","value":[1]},{"path":"args.d","op":"gt","value":1},
{"path":"args.e","op":"exists","value":true}],"on_deny":"no"}],"deny_if":[{"conditions":[{"path":"args.c","op":"contains","value":{"a":1}}]}],
"limits":[{"counter":"c","window":"hour","max":5,"increment_from":"args.d"},{"counter":"d","window":"minute","max":5,"increment":2}]}},
"x-callgate":{"version":1,"methods":{"resources/read":"deny"},"tools":{"t":{"when":{"from":"07:00","to":"19:00","days":["mon"],"until":"2030-01-01T00:00:00Z"},
"approve":{"conditions":[{"path":"args.d","op":"gt","value":5}]},"idempotency":{"seconds":60},"limits":[{"counter":"c","window":"sliding_hour","max":5,"scope":"user"}]}},
"limits":[{"counter":"e","window":"month","max":5,"scope":"server"}]}}'''
shipped = [json.load(open(f)) for f in sorted(glob.glob("policy/packs/*/*.json") + glob.glob("policy/examples/*.json")) if not f.endswith("vectors.json")]
shipped.append(json.loads(whole))
refused = [e.message for d in shipped for e in editor.iter_errors(d)]
ok(len(shipped) > 40 and not refused, f"the schema takes all {len(shipped)} shipped documents {refused[:1] or ''}")
ok(loads(shipped[-1]), "and the loader the one that has every member")
both = stricter = looser = good = 0
for i in range(COUNT):
    doc = spoil(shipped[-1] if i % 4 else random.choice(shipped))
    says, does = editor.is_valid(doc), loads(doc)
    both += not says and not does
    good += says and does
    looser += says and not does
    if not says and does:
        stricter += 1
        print("# the schema alone refuses:", next(editor.iter_errors(doc)).message[:200])
ok(stricter == 0, f"what the schema refuses the loader refuses: {both} by both, {good} by none, {looser} by the loader alone")
ok(both > COUNT // 2 and looser * 10 < COUNT, "and it finds most of what the loader finds")
sys.exit(failed)
