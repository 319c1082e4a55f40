#!/usr/bin/env python3
"""connectproxy.py ADDRESS PORT LOG [USER:PASSWORD] - an HTTP proxy as companies have them: CONNECT only, with a password when one is given.  The log has what it can
see: each head, and whether the first bytes of a tunnel are TLS."""
import base64, socket, sys, threading

address, port, log = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], 'a', buffering=1)
wanted = 'basic ' + base64.b64encode(sys.argv[4].encode()).decode() if len(sys.argv) > 4 else None


def pump(source, sink, note):
    try:
        while data := source.recv(65536):
            if note:
                print('first byte', data[0], file=log)
                note = False
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client):
    held = b''
    while True:
        while b'\r\n\r\n' not in held:
            data = client.recv(65536)
            if not data:
                return client.close()
            held += data
        head, _, held = held.partition(b'\r\n\r\n')
        lines = head.decode('latin-1').split('\r\n')
        print(' | '.join(lines), file=log)
        fields = dict(line.lower().split(': ', 1) for line in lines[1:])
        if wanted and fields.get('proxy-authorization', '')[:6] + lines_value(lines) != wanted:
            client.sendall(b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="lab"\r\nContent-Length: 0\r\n\r\n')
            continue
        host, _, at = lines[0].split(' ')[1].rpartition(':')
        try:
            server = socket.create_connection((host, int(at)), 5)
        except OSError:
            client.sendall(b'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
            continue
        client.sendall(b'HTTP/1.1 200 Connection established\r\nVia: 1.1 lab\r\n\r\n')
        threading.Thread(target=pump, args=(server, client, False), daemon=True).start()
        return pump(client, server, True)


def lines_value(lines):
    """The password as it was sent: letters count there."""
    return next((line.split(' ')[-1] for line in lines if line.lower().startswith('proxy-authorization:')), '')


door = socket.create_server((address, port))
while True:
    threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()
