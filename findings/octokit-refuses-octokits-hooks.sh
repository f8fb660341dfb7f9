#!/usr/bin/env bash
# A hook of GitHub in the content type that its API gives a hook by default, at Octokit's own receiver.
#
# Guess: Octokit's middleware takes both content types that a hook of GitHub can have, `form` and `json`. A
#        hook made through Octokit's client without naming one is `form`, the default of the API.
# Seen:  a rightly signed form delivery is answered 415 before the signature is looked at, and no handler
#        runs. GitHub does not retry, so the events are gone until somebody changes the hook's setting.
# Versions: @octokit/webhooks 14.2.0 (npm), Node.js 20.
# Source: https://github.com/octokit/webhooks.js/issues/158, settled by a clearer refusal; the default is in
#         GitHub's page "Repository webhooks", field `config.content_type`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @octokit/webhooks@14.2.0

cat > run.mjs <<'NODE'
import { createNodeMiddleware, Webhooks } from '@octokit/webhooks';
import { createHmac } from 'node:crypto';
import http from 'node:http';

const SECRET = 'secret of the test';
const EVENT = JSON.stringify({ zen: 'Design for failure.' });
let handled = 0;
const webhooks = new Webhooks({ secret: SECRET });
webhooks.onAny(() => { handled += 1; });
const server = http.createServer(createNodeMiddleware(webhooks, { path: '/' }));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

let changed = false;
async function see(type, body, expectedStatus, expectedHandled) {
  const mac = createHmac('sha256', SECRET).update(body).digest('hex');
  const { status } = await fetch(`http://127.0.0.1:${server.address().port}/`, {
    method: 'POST',
    body,
    headers: {
      'content-type': type,
      'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      'x-github-event': 'ping',
      'x-hub-signature-256': `sha256=${mac}`,
    },
  });
  console.log(`${type}: ${status}, ${handled} handled so far`);
  changed ||= status !== expectedStatus || handled !== expectedHandled;
}

await see('application/json', EVENT, 200, 1);
await see('application/x-www-form-urlencoded', String(new URLSearchParams({ payload: EVENT })), 415, 1);
server.close();
process.exitCode = changed ? 1 : 0;
NODE
node run.mjs
