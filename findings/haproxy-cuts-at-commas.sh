#!/usr/bin/env bash
# Stripe's signature header, and a guard against doubled ones, in HAProxy.
#
# Guess: `req.hdr(stripe-signature)` is the header's value, and `req.hdr_cnt(stripe-signature)` is 1 where it was sent
#        once; so `deny if { req.hdr_cnt(stripe-signature) gt 1 }` refuses doubled headers alone.
# Seen:  both cut at commas, whatever the header: `t=…,v1=…` counts as two, and its value is `v1=…`, the last.
#        The guard refuses each delivery of Stripe, and a log or a header that is made of the value lacks its time.
#        A date loses its weekday. `req.fhdr` and `req.fhdr_cnt` do not cut.
# Versions: haproxy 2.6.12-1+deb12u4 (Debian 12), stripe 23.1.0 (npm), Node.js 20, Python 3.
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
npm install --silent --no-audit --no-fund --ignore-scripts stripe@23.1.0
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

cat > send.mjs <<'NODE'
import http from 'node:http';
import Stripe from 'stripe';

const BODY = '{"id":"evt_1"}';
const signature = new Stripe('sk_test_1').webhooks.generateTestHeaderString({
  payload: BODY,
  secret: 'whsec_1',
  timestamp: 1777899600,
});
const headers = { 'stripe-signature': signature, date: 'Mon, 04 May 2026 13:00:00 GMT' };

const send = (path) => new Promise((resolve, reject) => {
  const request = http.request({ port: process.argv[2], host: '127.0.0.1', method: 'POST', path, headers }, (answer) => {
    let text = '';
    answer.on('data', (chunk) => { text += chunk; });
    answer.on('end', () => resolve([answer.statusCode, text]));
  });
  request.on('error', reject).end(BODY);
});

let fetched;
for (let tries = 0; !fetched; tries += 1) {
  try {
    fetched = await send('/');
  } catch (error) {
    if (error.code !== 'ECONNREFUSED' || tries === 100) throw error;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}
const [guarded] = await send('/guarded');
console.log('sent:   ', signature);
console.log('fetched:', ...fetched);
console.log('guarded:', guarded);
const last = signature.split(',').at(-1);
const expected = `hdr 2 ${last}; fhdr 1 ${signature}; date 04 May 2026 13:00:00 GMT`;
process.exit(fetched[0] === 200 && fetched[1] === expected && guarded === 403 ? 0 : 1);
NODE
node send.mjs "$port"
