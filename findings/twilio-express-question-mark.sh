#!/usr/bin/env bash
# A text message that asks something, delivered by GET to Twilio's Express middleware.
#
# Guess: `twilio.webhook()` accepts what `validateRequest` accepts for the URL that was requested.
# Seen:  the middleware builds the URL anew and turns every `%3F` back into `?`, those within values too. A
#        message of one word and a question mark still passes, by the library's second try with the query
#        written anew; one of two words does not, as that writes the blank as `%20` where Twilio has `+`.
#        `Are+you+there%3F` is answered 403 while `Are+you+there` and `there%3F` are answered 200, so
#        messages go missing by what people wrote in them. Give the middleware `url`, or use POST.
# Versions: twilio 6.3.1, express 5.3.0 (npm), Node.js 20.
# Source: https://github.com/twilio/twilio-node/pull/311, which brought the replacement in.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts twilio@6.3.1 express@5.3.0

cat > run.mjs <<'NODE'
import express from 'express';
import http from 'node:http';
import twilio from 'twilio';

const TOKEN = '12345';
const app = express();
app.set('trust proxy', true);
app.get('/sms', twilio.webhook({ validate: true }, TOKEN), (_, response) => response.send('handled'));
const server = app.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));

function status(path, signature) {
  const headers = { host: 'hooks.example', 'x-forwarded-proto': 'https', 'x-twilio-signature': signature };
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port: server.address().port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}

let changed = false;
for (const [body, expected] of [['Are+you+there', 200], ['there%3F', 200], ['Are+you+there%3F', 403]]) {
  const path = `/sms?Body=${body}`;
  const url = `https://hooks.example${path}`;
  const signature = twilio.getExpectedTwilioSignature(TOKEN, url, {});
  const isValid = twilio.validateRequest(TOKEN, signature, url, {});
  const answer = await status(path, signature);
  console.log(`Body=${body}: validateRequest ${isValid}, middleware ${answer}`);
  changed ||= !isValid || answer !== expected;
}
server.close();
process.exitCode = changed ? 1 : 0;
NODE
node run.mjs
