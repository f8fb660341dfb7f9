#!/usr/bin/env bash
# A paid order whose subject has a percent sign, with Alipay's SDK for Node.js.
#
# Guess: `checkNotifySign` takes the fields of the form as the framework has parsed them, whatever they say.
# Seen:  it decodes each value once more. `50% off` raises URIError, so that the receiver answers 500 to each try;
#        `tea%20pot` is refused as a forgery. The same notifications are accepted by `checkNotifySignV2`, which
#        leaves the values alone, and which the README has for those whose check fails. Orders go missing by what
#        they are called.
# Versions: alipay-sdk 4.14.0 (npm), Node.js 20.
# Source: https://github.com/alipay/alipay-sdk-nodejs-all/issues/45, which the README names.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts alipay-sdk@4.14.0

cat > run.cjs <<'NODE'
const crypto = require('node:crypto');
const { AlipaySdk } = require('alipay-sdk');

const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const sdk = new AlipaySdk({
  appId: '2016123456789012',
  privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }),
  alipayPublicKey: publicKey.export({ type: 'spki', format: 'pem' }),
});

function form(subject) {
  const fields = { out_trade_no: '1', subject, total_amount: '10.00', trade_status: 'TRADE_SUCCESS' };
  const signed = Object.keys(fields).sort().map((name) => `${name}=${fields[name]}`).join('&');
  const sign = crypto.sign('sha256', Buffer.from(signed), privateKey).toString('base64');
  return new URLSearchParams({ ...fields, sign, sign_type: 'RSA2' }).toString();
}

function answer(check) {
  try {
    return String(check());
  } catch (error) {
    return error.name;
  }
}

let changed = false;
for (const [subject, expected] of [
  ['tea pot', 'true'],
  ['茶壶', 'true'],
  ['50% off', 'URIError'],
  ['tea%20pot', 'false'],
]) {
  const fields = () => Object.fromEntries(new URLSearchParams(form(subject)));
  const first = answer(() => sdk.checkNotifySign(fields()));
  const second = answer(() => sdk.checkNotifySignV2(fields()));
  console.log(`${subject}: checkNotifySign ${first}, checkNotifySignV2 ${second}`);
  changed ||= first !== expected || second !== 'true';
}
process.exitCode = changed ? 1 : 0;
NODE
node run.cjs
