# client.py URL - urllib alone: the steps of fetchclient.mjs.
import json, os, sys, time, urllib.request

def post(method, params):
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
    request = urllib.request.Request(sys.argv[1], body, {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        "Authorization": "Bearer " + os.environ["PLACEHOLDER"]})
    return urllib.request.urlopen(request, timeout=20).read().decode()

def call(name, arguments):
    return post("tools/call", {"name": name, "arguments": arguments})

def step(name, good):
    if good:
        print(name)

tools = post("tools/list", {})
step("list", '"echo"' in tools and '"fail"' not in tools)
step("allowed", "hello" in call("echo", {"message": "hello"}))
step("denied", "System files are off limits." in call("echo", {"path": "/etc/shadow"}))
step("streamed", call("stream", {}).count("data:") > 1)
time.sleep(3)
step("reconnect", "again" in call("echo", {"message": "again"}))
