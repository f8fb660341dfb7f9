#!/usr/bin/env bash
# What HAProxy tells the server behind it of a client that has shown no certificate.
#
# Guess: with `verify optional`, `ssl_c_verify` is not 0 where nothing was verified, and a header that is made of the
#        certificate (`Client-Cert :%[ssl_c_der,base64]:`, as RFC 9440 spells it) is empty or not there.
# Seen:  `ssl_c_verify` is 0, as for a certificate that is right, and the header is `::`, which RFC 8941 reads as a byte
#        sequence of no bytes. `ssl_c_used` alone tells: 0 without a certificate, 1 with one.
# Versions: haproxy 2.6.12 (Debian 12), trustme 1.2.1 (PyPI), Python 3.
# Source: HAProxy's configuration manual, section 7.3.4: `ssl_c_verify` is "otherwise zero".
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } || true; rm -rf "$folder"' EXIT
cd "$folder"
# Into this folder, whatever is installed, with the libraries that few other packages bring.
apt-get download -q haproxy=2.6.12-1+deb12u4 liblua5.3-0=5.3.6-2 \
    libopentracing-c-wrapper0=1.1.3-3+b1 libopentracing1=1.6.0-4 > /dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" .; done
export LD_LIBRARY_PATH=$folder/usr/lib/x86_64-linux-gnu
PATH=$folder/usr/sbin:$PATH
haproxy -v | sed -n 1p
python3 -m venv venv
venv/bin/pip install -q --no-cache-dir --disable-pip-version-check trustme==1.2.1
venv/bin/python - <<'PYTHON'
import trustme

authority = trustme.CA()
authority.cert_pem.write_to_path("ca.pem")
authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path("server.pem")
authority.issue_cert("sender.example").private_key_and_cert_chain_pem.write_to_path("client.pem")
PYTHON
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > haproxy.cfg <<CONFIGURATION
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend hooks
    bind 127.0.0.1:$port ssl crt $folder/server.pem ca-file $folder/ca.pem verify optional
    http-request return status 200 content-type text/plain lf-string "verify %[ssl_c_verify] used %[ssl_c_used] header :%[ssl_c_der,base64]:"
CONFIGURATION
haproxy -f haproxy.cfg &
server=$!

cat > ask.py <<'PYTHON'
import http.client
import ssl
import sys
import time


def ask(certificate):
    context = ssl.create_default_context(cafile="ca.pem")
    if certificate:
        context.load_cert_chain(certificate)
    connection = http.client.HTTPSConnection("localhost", int(sys.argv[1]), timeout=10, context=context)
    connection.request("GET", "/")
    return connection.getresponse().read().decode()


for _ in range(100):
    try:
        shown, none = ask("client.pem"), ask(None)
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
print("with a certificate:   ", shown[:60], "…")
print("without a certificate:", none)
right = shown.startswith("verify 0 used 1 header :MII") and none == "verify 0 used 0 header ::"
sys.exit(0 if right else 1)
PYTHON
python3 ask.py "$port"
