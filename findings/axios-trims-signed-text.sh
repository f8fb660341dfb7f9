#!/usr/bin/env bash
# Forwarding a signed delivery as text with axios.
#
# Guess: a body that is given as a string, with its content type, is sent as it is. A relay that hands on
#        the raw text and the signature headers of a SendGrid event therefore passes SendGrid's own check.
# Seen:  under a JSON content type axios parses the string and sends it trimmed. SendGrid ends each of its
#        bodies in CR LF, so every relayed delivery is refused as forged. A Buffer of the same bytes, or
#        the string under `application/cloudevents+json`, arrives whole.
# Versions: axios 1.21.1 and @sendgrid/eventwebhook 8.0.0 (npm), Node.js 20.
# Source: https://github.com/axios/axios/issues/4892 (closed); the relay and the verifier that meet are ours.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts axios@1.21.1 @sendgrid/eventwebhook@8.0.0

cat > run.mjs <<'NODE'
import axios from 'axios';
import crypto from 'node:crypto';
import http from 'node:http';
import sendgrid from '@sendgrid/eventwebhook';

const BODY = '[{"email":"a@b.example","event":"delivered"}]\r\n';
const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const time = String(Math.floor(Date.now() / 1000));
const signature = crypto.sign('sha256', Buffer.from(time + BODY), privateKey).toString('base64');

const verifier = new sendgrid.EventWebhook();
const key = verifier.convertPublicKeyToECDSA(
  publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
);
const server = http.createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const body = Buffer.concat(pieces);
  const isGood = verifier.verifySignature(key, body, request.headers.signature, request.headers.time);
  response.end(`${body.length} bytes, ${isGood ? 'accepted' : 'refused'}`);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

let changed = false;
async function see(what, body, type, expected) {
  const headers = { 'Content-Type': type, signature, time };
  const { data } = await axios.post(`http://127.0.0.1:${server.address().port}/`, body, { headers });
  console.log(`${what}: ${data}`);
  changed ||= data !== expected;
}

const sent = Buffer.byteLength(BODY);
await see('Buffer, application/json', Buffer.from(BODY), 'application/json', `${sent} bytes, accepted`);
await see('string, application/json', BODY, 'application/json', `${sent - 2} bytes, refused`);
await see('string, application/cloudevents+json', BODY, 'application/cloudevents+json',
  `${sent} bytes, accepted`);
server.close();
process.exitCode = changed ? 1 : 0;
NODE
node run.mjs
