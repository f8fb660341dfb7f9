#!/usr/bin/env bash
# A retry under the same Idempotency-Key, behind a handler that failed or that answers without a body, with
# express-idempotency.
#
# Guess: once a handler has thrown, the retry runs it again; once it has answered 204, the retry is answered 204.
# Seen:  so it is where the answer goes through `response.send`, which the middleware listens to. An error that is thrown is
#        answered by Express, and `status(204).end()` by Node: for the middleware both requests go on for ever, and each
#        retry is 409 "in progress". The event whose handler failed is not handled again, however often it is
#        delivered; with a store that expires its entries until then, with the one in memory until a restart.
# Versions: express-idempotency 1.0.6, express 5.3.0 (npm), Node.js 20.
# Source: https://github.com/VilledeMontreal/express-idempotency/issues/32 (closed); the README has `reportError` for
#         handlers that catch their errors, and nothing on `end`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts express-idempotency@1.0.6 express@5.3.0

cat > run.mjs <<'NODE'
import express from 'express';
import { getSharedIdempotencyService, idempotency } from 'express-idempotency';

const runs = {};
const app = express();
app.set('env', 'test');
app.use(express.json(), idempotency());
function on(name, handler) {
  app.post(`/${name}`, async (request, response) => {
    if (getSharedIdempotencyService().isHit(request)) return;
    runs[name] = (runs[name] ?? 0) + 1;
    await handler(response, runs[name] === 1);
  });
}
on('sends', (response) => response.status(204).send());
on('ends', (response) => response.status(204).end());
on('answers-500', (response, isFirst) => response.sendStatus(isFirst ? 500 : 204));
on('throws', (response, isFirst) => {
  if (isFirst) throw new Error('database is down');
  response.sendStatus(204);
});

const server = app.listen(0, '127.0.0.1', async () => {
  let changed = false;
  for (const [name, expected] of [
    ['sends', '204,204,204 in 1 run'],
    ['ends', '204,409,409 in 1 run'],
    ['answers-500', '500,204,204 in 2 runs'],
    ['throws', '500,409,409 in 1 run'],
  ]) {
    const statuses = [];
    for (let delivery = 0; delivery < 3; delivery += 1) {
      const headers = { 'content-type': 'application/json', 'idempotency-key': name };
      const url = `http://127.0.0.1:${server.address().port}/${name}`;
      const response = await fetch(url, { method: 'POST', headers, body: '{}' });
      statuses.push(response.status);
      await response.text();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const seen = `${statuses} in ${runs[name]} run${runs[name] === 1 ? '' : 's'}`;
    console.log(`${name}: ${seen}`);
    changed ||= seen !== expected;
  }
  process.exit(changed ? 1 : 0);
});
NODE
node run.mjs
