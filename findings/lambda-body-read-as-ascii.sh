#!/usr/bin/env bash
# A delivery with a letter beyond ASCII behind API Gateway, as text and in base64, at the Lambda receivers of Zoom's rivet
# and of Slack's Bolt.
#
# Guess: `isBase64Encoded` says how the bytes travel and no more: the receiver decodes them and verifies what was signed, so
#        that both forms of one delivery have one answer.
# Seen:  both decode base64 into ASCII, where a letter beyond that becomes others. Such a delivery is refused as a forgery, by
#        Zoom's with 400 and by Slack's with 401; the same body as text, and one of plain letters in either form, is
#        answered 200. An API that has `*/*` among its binary types hands each body on in base64, so that a meeting
#        called "Café" goes missing and a test event does not.
# Versions: @zoom/rivet 0.4.0, @slack/bolt 5.1.0 (npm), Node.js 20.
# Source: `buildFromAwsEvent` of @zoom/rivet 0.4.0; `getRawBody` in `receivers/AwsLambdaReceiver.js` of @slack/bolt 5.1.0.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @zoom/rivet@0.4.0 @slack/bolt@5.1.0

cat > run.mjs <<'NODE'
import { createHmac } from 'node:crypto';
import bolt from '@slack/bolt';
import { AwsLambdaReceiver, MeetingsS2SAuthClient } from '@zoom/rivet/meetings';

const SECRET = 'secret';
console.debug = () => {};

const zoom = new AwsLambdaReceiver({ webhooksSecretToken: SECRET });
new MeetingsS2SAuthClient({ clientId: 'none', clientSecret: 'none', accountId: 'none', receiver: zoom });

const slack = new bolt.AwsLambdaReceiver({ signingSecret: SECRET, logLevel: 'error' });
const app = new bolt.App({
  receiver: slack, authorize: async () => ({ botToken: 'none', botId: 'B1', botUserId: 'U1' }), logLevel: 'error',
});
app.event('message', async () => {});

const senders = {
  Zoom: {
    handler: zoom.start(),
    body: (text) => JSON.stringify({ event: 'meeting.started', event_ts: 1, payload: { object: { topic: text } } }),
    headers: { time: 'x-zm-request-timestamp', signature: 'x-zm-signature' },
  },
  Slack: {
    handler: slack.toHandler(),
    body: (text) => JSON.stringify({
      type: 'event_callback', team_id: 'T1', event: { type: 'message', channel: 'C1', user: 'U2', text, ts: '1' },
    }),
    headers: { time: 'X-Slack-Request-Timestamp', signature: 'X-Slack-Signature' },
  },
};

async function status({ handler, body: make, headers }, text, isBase64Encoded) {
  const body = make(text);
  const time = Math.floor(Date.now() / 1000);
  const event = {
    headers: {
      'Content-Type': 'application/json',
      [headers.time]: String(time),
      [headers.signature]: `v0=${createHmac('sha256', SECRET).update(`v0:${time}:${body}`).digest('hex')}`,
    },
    body: isBase64Encoded ? Buffer.from(body).toString('base64') : body,
    isBase64Encoded,
  };
  return (await handler(event, {}, () => {})).statusCode;
}

let changed = false;
for (const [name, expected] of [['Zoom', [200, 200, 200, 400]], ['Slack', [200, 200, 200, 401]]]) {
  const seen = [];
  for (const text of ['Cafe', 'Café']) {
    for (const isBase64Encoded of [false, true]) {
      seen.push(await status(senders[name], text, isBase64Encoded));
      console.log(`${name}, ${text} ${isBase64Encoded ? 'in base64' : 'as text'}: ${seen.at(-1)}`);
    }
  }
  changed ||= seen.join() !== expected.join();
}
process.exit(changed ? 1 : 0);
NODE
node run.mjs
