#!/usr/bin/env bash
# A notification of eBay that holds an amount like 10.50, rightly signed, with eBay's SDK for Node.js.
#
# Guess: the signature is over the payload as it came, so that a true notification is accepted however its JSON is spelled.
# Seen:  the SDK is handed the parsed message, and verifies the text that JavaScript writes of it: `10.50` becomes `10.5`,
#        `\/` becomes `/`, and members whose names are numbers come first. Each of them is answered with 412, as a
#        forgery is; the same notification without them is accepted.
# Versions: event-notification-nodejs-sdk 1.0.3 (npm), Node.js 20.
# Source: https://developer.ebay.com/api-docs/commerce/notification/overview.html, on verifying the payload's integrity.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts event-notification-nodejs-sdk@1.0.3

cat > run.cjs <<'NODE'
const { generateKeyPairSync, sign } = require('node:crypto');
const client = require('event-notification-nodejs-sdk/lib/client');
const { process: receive } = require('event-notification-nodejs-sdk');

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
// The API that answers with the key is not asked.
client.getPublicKey = async () => ({ key: `-----BEGIN PUBLIC KEY-----${spki}-----END PUBLIC KEY-----` });
const config = { PRODUCTION: { clientId: 'none', clientSecret: 'none' }, SANDBOX: {} };
const { log } = console;
console.log = () => {};

async function status(data) {
  const body = `{"metadata":{"topic":"MARKETPLACE_ACCOUNT_DELETION"},"notification":{"notificationId":"1","data":${data}}}`;
  const signature = sign('sha1', Buffer.from(body), privateKey).toString('base64');
  const header = Buffer.from(JSON.stringify({ alg: 'ecdsa', kid: '1', signature, digest: 'SHA1' })).toString('base64');
  return receive(JSON.parse(body), header, config, 'PRODUCTION');
}

(async () => {
  const seen = {};
  for (const data of ['{"username":"a"}', '{"amount":10.50}', '{"url":"https:\\/\\/example.com"}', '{"b":1,"7":2}']) {
    seen[data] = await status(data);
    log(`${data}: ${seen[data]}`);
  }
  process.exit(Object.values(seen).join() === '204,412,412,412' ? 0 : 1);
})();
NODE
node run.cjs
