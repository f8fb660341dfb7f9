#!/usr/bin/env bash
# The three kinds of message that Amazon SNS sends to a URL, signed as AWS documents it, with AWS' validator for Node.js.
#
# Guess: it accepts all three.
# Seen:  Notification and SubscriptionConfirmation are accepted, UnsubscribeConfirmation never: AWS' documents sign
#        its `Token`, as for the other confirmation, and the validator leaves it out. An endpoint that nobody
#        sends events to any more hears of that as of a forgery.
# Versions: sns-validator 0.3.5 (npm), Node.js 20, openssl. Its download of the certificate is answered here.
# Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html;
#         https://github.com/aws/aws-js-sns-message-validator/pull/4, which quotes both lists of members.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts sns-validator@0.3.5
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 \
    -subj /CN=sns.amazonaws.com 2> /dev/null

cat > run.cjs <<'NODE'
const crypto = require('node:crypto');
const { readFileSync } = require('node:fs');
const https = require('node:https');
const { Readable } = require('node:stream');

const [key, certificate] = ['key.pem', 'certificate.pem'].map((file) => readFileSync(file));
https.get = (_, onResponse) => {
  setImmediate(() => onResponse(Object.assign(Readable.from([certificate]), { statusCode: 200 })));
  return { on() { return this; } };
};
const Validator = require('sns-validator');

const BASE = {
  MessageId: '165545c9-2a5c-472c-8df2-7ff2be2b3b1b',
  TopicArn: 'arn:aws:sns:us-east-1:000000000000:orders',
  Message: 'paid',
  Timestamp: '2026-05-04T13:00:00.000Z',
  SignatureVersion: '2',
  SigningCertURL: 'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem',
};
const CONFIRMATION = { Token: '2336412f', SubscribeURL: 'https://sns.us-east-1.amazonaws.com/?Action=Confirm' };
const CONFIRMATION_NAMES = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
const validator = new Validator();

function validate(type, members, names) {
  const message = { ...BASE, ...members, Type: type };
  const signed = names.map((name) => `${name}\n${message[name]}\n`).join('');
  message.Signature = crypto.sign('sha256', Buffer.from(signed), key).toString('base64');
  return new Promise((resolve) => {
    validator.validate(message, (error) => resolve(error ? `refused (${error.message})` : 'accepted'));
  });
}

(async () => {
  const seen = [
    ['Notification', await validate('Notification', { UnsubscribeURL: 'https://sns.us-east-1.amazonaws.com/' },
      ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type'])],
    ['SubscriptionConfirmation', await validate('SubscriptionConfirmation', CONFIRMATION, CONFIRMATION_NAMES)],
    ['UnsubscribeConfirmation', await validate('UnsubscribeConfirmation', CONFIRMATION, CONFIRMATION_NAMES)],
  ];
  for (const [what, answer] of seen) console.log(`${what}: ${answer}`);
  const accepted = seen.map(([, answer]) => answer === 'accepted');
  process.exitCode = String(accepted) === 'true,true,false' ? 0 : 1;
})();
NODE
node run.cjs
