#!/usr/bin/env bash
# A client without a certificate connects to a server that demands one, as Efí's probe does when a webhook is registered.
#
# Guess: the handshake fails on both sides, so that `wrap_socket` of Python and `secureConnect` of Node tell whether a
#        server refuses strangers: a probe need send nothing.
# Seen:  so it is with TLS 1.2. With TLS 1.3 the client has finished before the server looks at what it has not sent:
#        `wrap_socket` returns, Node emits `secureConnect` with `authorized` true, and the refusal comes with a write or
#        a read later on. A probe that stops after the handshake takes every server for one that lets strangers in.
# Versions: trustme 1.2.1 (PyPI), CPython 3.11, Node 18 or later, OpenSSL 3.
# Source: RFC 8446, section 2 (figure 1) and section 4.4.2.4; Python's documentation of `ssl`, "TLS 1.3".
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --no-cache-dir --disable-pip-version-check trustme==1.2.1

cat > server.py <<'PYTHON'
import socket
import ssl
import threading

import trustme

authority = trustme.CA()
authority.cert_pem.write_to_path("ca.pem")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
authority.issue_cert("localhost").configure_cert(context)
context.verify_mode = ssl.CERT_REQUIRED
authority.configure_trust(context)
listener = socket.create_server(("127.0.0.1", 0))


def serve(stream):
    try:
        with context.wrap_socket(stream, server_side=True) as tls:
            tls.sendall(b"let in" if tls.recv(100) else b"")
    except OSError:
        stream.close()


open("port.new", "w").write(str(listener.getsockname()[1]))
__import__("os").rename("port.new", "port")
while True:
    stream, _ = listener.accept()
    threading.Thread(target=serve, args=(stream,), daemon=True).start()
PYTHON

cat > client.py <<'PYTHON'
import socket
import ssl
import sys

seen = []
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context(cafile="ca.pem")
    context.minimum_version = context.maximum_version = version
    step = "connect"
    try:
        plain = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30)
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            step = "connected, then it"
            tls.sendall(b"POST / HTTP/1.1\r\n\r\n")
            step = f"answered {tls.recv(100)!r}"
    except ssl.SSLError as error:
        step += " fails"
    seen.append(f"Python {version.name}: {step}")
print(*seen, sep="\n")
sys.exit(seen != ["Python TLSv1_2: connect fails", "Python TLSv1_3: connected, then it fails"])
PYTHON

cat > client.mjs <<'NODE'
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

const [, , port] = process.argv;
const connect = (version) => new Promise((resolve) => {
  const events = [];
  const socket = tls.connect({
    host: '127.0.0.1', port, servername: 'localhost', ca: readFileSync('ca.pem'), minVersion: version, maxVersion: version,
  });
  socket.on('secureConnect', () => {
    events.push(`secureConnect ${socket.authorized}`);
    socket.write('POST / HTTP/1.1\r\n\r\n');
  });
  socket.on('data', () => events.push('data'));
  socket.on('error', () => events.push('error'));
  socket.on('close', () => resolve(events.join(', ')));
});
const older = await connect('TLSv1.2');
const newer = await connect('TLSv1.3');
console.log(`Node TLSv1.2: ${older}\nNode TLSv1.3: ${newer}`);
process.exit(older === 'error' && newer === 'secureConnect true, error' ? 0 : 1);
NODE

venv/bin/python server.py &
server=$!
for _ in $(seq 300); do
    test ! -e port || break
    sleep 0.1
done
status=0
python3 client.py "$(cat port)" || status=1
node client.mjs "$(cat port)" || status=1
exit "$status"
