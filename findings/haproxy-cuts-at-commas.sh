#!/usr/bin/env bash
# Stripe's signature header, and a guard against doubled ones, in HAProxy.
#
# Guess: `req.hdr(stripe-signature)` is the header's value, and `req.hdr_cnt(stripe-signature)` is 1 where it was sent
#        once; so `deny if { req.hdr_cnt(stripe-signature) gt 1 }` refuses doubled headers alone.
# Seen:  both cut at commas, whatever the header: `t=…,v1=…,v0=…` counts as three, and its value is `v0=…`, the last.
#        The guard refuses each delivery of Stripe, and a log or a header that is made of the value lacks its time
#        and its signature. A date loses its weekday. `req.fhdr` and `req.fhdr_cnt` do not cut.
# Versions: haproxy 2.6.12 (Debian 12), Python 3.
# Source: HAProxy's configuration manual, section 7.3.6, `req.hdr` and `req.fhdr`.
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
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > haproxy.cfg <<CONFIGURATION
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend hooks
    bind 127.0.0.1:$port
    http-request deny deny_status 403 if { path /guarded } { req.hdr_cnt(stripe-signature) gt 1 }
    http-request return status 200 content-type text/plain lf-string "hdr %[req.hdr_cnt(stripe-signature)] %[req.hdr(stripe-signature)]; fhdr %[req.fhdr_cnt(stripe-signature)] %[req.fhdr(stripe-signature)]; date %[req.hdr(date)]"
CONFIGURATION
haproxy -f haproxy.cfg &
server=$!

cat > send.py <<'PYTHON'
import http.client
import sys
import time

HEADERS = {"Stripe-Signature": "t=1777899600,v1=aa,v0=bb", "Date": "Mon, 04 May 2026 13:00:00 GMT"}


def send(path):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
    connection.request("POST", path, "{}", HEADERS)
    response = connection.getresponse()
    return response.status, response.read().decode()


for _ in range(100):
    try:
        plain, guarded = send("/"), send("/guarded")
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
print("fetched:", plain)
print("guarded:", guarded[0])
value = HEADERS["Stripe-Signature"]
expected = f"hdr 3 v0=bb; fhdr 1 {value}; date 04 May 2026 13:00:00 GMT"
sys.exit(1 if plain != (200, expected) or guarded[0] != 403 else 0)
PYTHON
python3 send.py "$port"
