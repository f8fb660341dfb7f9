#!/usr/bin/env bash
# A delivery at a handler that is given a `Request` of the web, as in Next.js or a worker, with Hookdeck's and Webflow's SDKs.
#
# Guess: the examples of Hookdeck's SDK pass `request.headers` beside `await request.text()`, so that it takes a `Headers`, and
#        Webflow's does the same; or a `Headers` is refused as a wrong type.
# Seen:  both read the headers as members of an object, and a `Headers` has none. Hookdeck's raises that the signature's
#        header is missing, called as its example calls it; Webflow's hashes the text "undefined" for the time and says
#        `false`, as to a forgery: each delivery is lost. With `Object.fromEntries(request.headers)` both accept it. Their
#        types ask for such an object, which Hookdeck's own examples do not pass.
# Versions: @hookdeck/sdk 0.4.0, webflow-api 3.3.4 (npm), Node.js 20.
# Source: the examples at `verifyWebhookSignature` in `webhooks/helpers.d.ts` of @hookdeck/sdk 0.4.0.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @hookdeck/sdk@0.4.0 webflow-api@3.3.4

cat > run.cjs <<'NODE'
const { createHmac } = require('node:crypto');
const { verifyWebhookSignature } = require('@hookdeck/sdk/webhooks/helpers');
const { WebflowClient } = require('webflow-api');

const SECRET = 'secret';
const BODY = '{"triggerType":"form_submission"}';
const webflow = new WebflowClient({ accessToken: 'none' });
const now = String(Date.now());

function signed(text, encoding) {
  return createHmac('sha256', SECRET).update(text).digest(encoding);
}

const sdks = {
  Hookdeck: {
    sent: { 'X-Hookdeck-Signature': signed(BODY, 'base64') },
    accepts: async (headers, rawBody) => (
      (await verifyWebhookSignature({ headers, rawBody, signingSecret: SECRET })).isValidSignature
    ),
    answers: ['true', 'The "x-hookdeck-signature" header is missing.'],
  },
  Webflow: {
    sent: { 'X-Webflow-Timestamp': now, 'X-Webflow-Signature': signed(`${now}:${BODY}`, 'hex') },
    accepts: (headers, body) => webflow.webhooks.verifySignature({ headers, body, secret: SECRET }),
    answers: ['true', 'false'],
  },
};

(async () => {
  let changed = false;
  for (const [name, { sent, accepts, answers }] of Object.entries(sdks)) {
    const request = new Request('https://hooks.example/', { method: 'POST', headers: sent, body: BODY });
    const body = await request.text();
    const seen = [];
    for (const [what, headers] of [['a plain object', Object.fromEntries(request.headers)], ['Headers', request.headers]]) {
      seen.push(String(await accepts(headers, body).catch((error) => error.message)));
      console.log(`${name}, ${what}: ${seen.at(-1)}`);
    }
    changed ||= seen.join() !== answers.join();
  }
  process.exit(changed ? 1 : 0);
})();
NODE
node run.cjs
