#!/usr/bin/env python3
"""tokens.py ADDRESS PORT CERT KEY LOG APP_PUBLIC_KEY - a token endpoint and an MCP server that takes its tokens alone.

POST /token: client credentials (app-1, s3cret-client) and refresh tokens, each of which is good once; GET /revoke: no token is good any more;
GET /accept/KEY: that one is good; GET /refuse: from now on the endpoint refuses.  POST /app/installations/42/access_tokens: a JWT signed with the app's key.
POST /mcp: a tools/call comes back.  LOG has a line a request.
"""
import base64, http.server, json, ssl, subprocess, sys, tempfile, threading, time, urllib.parse

address, port, cert, key, log, public = sys.argv[1:7]
good, refresh, state, lock = set(), {"refresh-0"}, {"n": 0, "refuse": False}, threading.Lock()
out = open(log, "a", buffering=1)


def issue(kind):
    state["n"] += 1
    token = "token-%s-%d" % (kind, state["n"])
    good.add(token)
    return token


def part(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwt_ok(token):
    head, claims, signature = token.split(".")
    with tempfile.NamedTemporaryFile() as f:
        f.write(part(signature))
        f.flush()
        ok = subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", f.name],
                            input=(head + "." + claims).encode(), capture_output=True).returncode == 0
    c = json.loads(part(claims))
    return ok and json.loads(part(head)) == {"alg": "RS256", "typ": "JWT"} and c["iss"] == "7" and c["iat"] < time.time() < c["exp"] <= c["iat"] + 600


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, **head):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in head.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        with lock:
            if self.path == "/revoke":
                good.clear()
            if self.path.startswith("/accept/"):
                good.add(self.path[8:])
            state["refuse"] = self.path == "/refuse"
        self.answer(200, {})

    def token(self, form):
        if state["refuse"] or form.get("client_id") != "app-1":
            return self.answer(400, {"error": "invalid_client"})
        if form["grant_type"] == "client_credentials" and form.get("client_secret") == "s3cret-client":
            return self.answer(200, {"access_token": issue("client"), "token_type": "Bearer", "expires_in": 3600})
        if form["grant_type"] == "refresh_token" and form.get("refresh_token") in refresh:
            fresh = "refresh-%d" % (state["n"] + 1)
            refresh.clear()
            refresh.add(fresh)
            return self.answer(200, {"access_token": issue("refresh"), "token_type": "bearer", "expires_in": "3600", "refresh_token": fresh})
        return self.answer(400, {"error": "invalid_grant"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        auth = self.headers.get("Authorization", "")
        print(json.dumps({"path": self.path, "auth": auth, "body": body}), file=out)
        with lock:
            if self.path == "/token":
                return self.token(dict(urllib.parse.parse_qsl(body)))
            if self.path == "/app/installations/42/access_tokens":
                if not jwt_ok(auth.removeprefix("Bearer ")):
                    return self.answer(401, {"message": "bad JWT"})
                end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
                return self.answer(201, {"token": issue("app"), "expires_at": end})
            if auth.removeprefix("Bearer ") not in good:
                return self.answer(401, {"error": "invalid_token"}, WWW_Authenticate="Bearer")
        m = json.loads(body)
        print(json.dumps({"ran": m["params"]["name"], "with": auth}), file=out)
        self.answer(200, {"jsonrpc": "2.0", "id": m["id"], "result": {"content": [{"type": "text", "text": "ran with a token"}]}})


server = http.server.ThreadingHTTPServer((address, int(port)), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
