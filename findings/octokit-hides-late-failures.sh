#!/usr/bin/env bash
# A handler that fails, once at once and once after eleven seconds, at Octokit's own receiver of GitHub's webhooks.
#
# Guess: GitHub waits ten seconds, so a late failure is an answer that GitHub no longer hears, and its list of deliveries
#        shows a timeout; at the least the receiver logs the error, as it does for a failure in time.
# Seen:  after nine seconds, its default, the middleware answers 202 by itself, "still processing", which GitHub takes for
#        delivered. What the handler throws behind that is dropped: it is not logged, and is no unhandled rejection
#        either. The event is lost on both sides without a trace. A failure in time is 500 and is logged. Only a listener that was
#        given to `onError` hears of both.
# Versions: @octokit/webhooks 14.2.0 (npm), Node.js 20.
# Source: https://github.com/octokit/webhooks.js/issues/185 asked for the 202; the package's README has nothing on it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @octokit/webhooks@14.2.0

cat > receive.mjs <<'NODE'
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhooks, createNodeMiddleware } from '@octokit/webhooks';

/** The answer to a delivery whose handler fails after so long, and who has heard of the failure. */
async function seen(wait, isListened) {
  const heard = [];
  let fails;
  const failed = new Promise((resolve) => { fails = resolve; });
  const log = { debug() {}, info() {}, warn() { heard.push('log'); }, error() { heard.push('log'); } };
  const webhooks = new Webhooks({ secret: 'secret', log });
  webhooks.on('push', async () => {
    await sleep(wait);
    fails();
    throw new Error('database is down');
  });
  if (isListened) webhooks.onError(() => heard.push('onError'));
  const server = http.createServer(createNodeMiddleware(webhooks, { log }));
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const body = '{"ref":"refs/heads/main"}';
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/api/github/webhooks`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      'x-hub-signature-256': await webhooks.sign(body),
    },
  });
  const text = (await answer.text()).trim();
  await failed;
  await sleep(1000);
  server.close();
  return `${answer.status} ${text}, heard by [${heard.sort().join()}]`;
}

let unhandled = 0;
process.on('unhandledRejection', () => { unhandled += 1; });
const all = await Promise.all([seen(0, false), seen(11_000, false), seen(0, true), seen(11_000, true)]);
const [inTime, late, inTimeListened, lateListened] = all;
console.log('fails at once:', inTime);
console.log('fails after 11 s:', late);
console.log('fails at once, onError set:', inTimeListened);
console.log('fails after 11 s, onError set:', lateListened);
console.log('unhandled rejections:', unhandled);
const isAsStated = unhandled === 0
  && inTime.startsWith('500 ') && inTime.endsWith(', heard by [log]')
  && late === '202 still processing, heard by []'
  && inTimeListened.startsWith('500 ') && inTimeListened.endsWith(', heard by [log,onError]')
  && lateListened === '202 still processing, heard by [onError]';
process.exit(isAsStated ? 0 : 1);
NODE
node receive.mjs
