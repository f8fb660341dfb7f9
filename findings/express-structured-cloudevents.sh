#!/usr/bin/env bash
# A CloudEvent in both of its modes, made by the official SDK, at Express' own JSON parser and read by the same SDK.
#
# Guess: `express.json()` parses JSON, of which `application/cloudevents+json` is a kind (`+json`), so that
#        `HTTP.toEvent({ headers, body })`, as the SDK's README calls it, reads both modes.
# Seen:  binary mode works. In structured mode the parser passes the body over without a word: `request.body` is
#        undefined, and the SDK fails as it reads a member of it. A sender that changes its mode turns each 200
#        into a 500. `express.json({ type: ['json', '+json'] })` reads both.
# Versions: cloudevents 10.0.0, express 5.3.0 (npm), Node.js 20.
# Source: https://github.com/cloudevents/sdk-javascript (README, "Receiving Events"); RFC 6839, section 3.1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts cloudevents@10.0.0 express@5.3.0

cat > run.mjs <<'NODE'
import cloudevents from 'cloudevents';
import express from 'express';

const { CloudEvent, HTTP } = cloudevents;
const event = new CloudEvent({ id: '1', source: '/orders', type: 'order.paid', data: { amount: 1500 } });

function read(request, response) {
  try {
    const { data } = HTTP.toEvent({ headers: request.headers, body: request.body });
    response.send(`amount ${data.amount}`);
  } catch (error) {
    response.status(500).send(`body ${typeof request.body}, ${error.name}`);
  }
}

let changed = false;
for (const [name, parser, expected] of [
  ['express.json()', express.json(), ['200 amount 1500', '500 body undefined, TypeError']],
  ["express.json({ type: ['json', '+json'] })", express.json({ type: ['json', '+json'] }),
    ['200 amount 1500', '200 amount 1500']],
]) {
  const server = express().post('/', parser, read).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const seen = [];
  for (const mode of ['binary', 'structured']) {
    const { headers, body } = HTTP[mode](event);
    const url = `http://127.0.0.1:${server.address().port}/`;
    const response = await fetch(url, { method: 'POST', headers, body });
    seen.push(`${response.status} ${await response.text()}`);
    console.log(`${name}, ${mode}: ${seen.at(-1)}`);
  }
  server.close();
  changed ||= String(seen) !== String(expected);
}
process.exit(changed ? 1 : 0);
NODE
node run.mjs
