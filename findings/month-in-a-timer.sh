#!/usr/bin/env bash
# Remembering the ids of events for thirty days, in the memory of a Node.js process.
#
# Guess: a time to live of 2,592,000,000 ms is thirty days, and one of 24 days differs from it by nothing else.
# Seen:  `memory-cache` and `expiry-map` keep each entry by a timer, and a timer of more than 2^31 - 1 ms (24.8 days)
#        fires after one: the entry is gone at once, and each retry is handled as a new event. No call fails; a
#        warning of Node.js is all that tells. `@isaacs/ttlcache`, `node-cache` and `keyv` keep it.
# Versions: memory-cache 0.2.0, expiry-map 2.0.0, @isaacs/ttlcache 2.1.5, node-cache 5.1.2, keyv 5.6.0 (npm), Node.js 20.
# Source: https://nodejs.org/docs/latest-v20.x/api/timers.html, `setTimeout`: a larger delay "will be set to 1".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts memory-cache@0.2.0 expiry-map@2.0.0 \
    @isaacs/ttlcache@2.1.5 node-cache@5.1.2 keyv@5.6.0

cat > run.mjs <<'NODE'
import { TTLCache } from '@isaacs/ttlcache';
import ExpiryMap from 'expiry-map';
import Keyv from 'keyv';
import memory from 'memory-cache';
import NodeCache from 'node-cache';

const DAY = 86_400_000;
process.removeAllListeners('warning');

/** Each library's way to remember for so many days, which gives the way to ask. */
const LIBRARIES = {
  'memory-cache': (days) => {
    const cache = new memory.Cache();
    cache.put('evt_1', true, days * DAY);
    return () => cache.get('evt_1');
  },
  'expiry-map': (days) => {
    const cache = new ExpiryMap(days * DAY);
    cache.set('evt_1', true);
    return () => cache.get('evt_1');
  },
  '@isaacs/ttlcache': (days) => {
    const cache = new TTLCache({ ttl: days * DAY });
    cache.set('evt_1', true);
    return () => cache.get('evt_1');
  },
  'node-cache': (days) => {
    const cache = new NodeCache({ stdTTL: days * DAY / 1000 });
    cache.set('evt_1', true);
    return () => cache.get('evt_1');
  },
  keyv: (days) => {
    const cache = new Keyv();
    const set = cache.set('evt_1', true, days * DAY);
    return async () => { await set; return cache.get('evt_1'); };
  },
};

const FORGET = ['memory-cache', 'expiry-map'];
let changed = false;
const asked = Object.entries(LIBRARIES).map(([name, keep]) => [name, keep(24), keep(30)]);
await new Promise((resolve) => setTimeout(resolve, 300));
for (const [name, ...asks] of asked) {
  const [short, long] = await Promise.all(asks.map((ask) => ask()));
  console.log(`${name}: after 300 ms, of 24 days ${Boolean(short)}, of 30 days ${Boolean(long)}`);
  changed ||= !short || Boolean(long) === FORGET.includes(name);
}
process.exit(changed ? 1 : 0);
NODE
node run.mjs
