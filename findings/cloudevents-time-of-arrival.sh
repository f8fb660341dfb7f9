#!/usr/bin/env bash
# Receiving a CloudEvent that has no `time`, or one with nanoseconds, with the official SDKs.
#
# Guess: reading a delivery adds nothing to it: an event without the optional `time` has none, and one that
#        is delivered twice is read as the same event twice.
# Seen:  both SDKs give the event the moment of its reading as `time`, in every mode, and nothing tells it
#        from a sender's. A retry is thus a different event: a key or digest over the event, or "newer than
#        what I have", takes the old state for news. A time that was sent is also changed: npm cuts it
#        to milliseconds and moves it to UTC, PyPI's new interface cuts it to microseconds.
# Versions: cloudevents 10.0.0 (npm), cloudevents 2.2.0 (PyPI), Node.js 20, Python 3.
# Source: https://github.com/cloudevents/sdk-javascript/pull/419 mentions it; the specification has `time` as
#         optional, and lets the producer, not the reader, choose another moment for it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts cloudevents@10.0.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'cloudevents==2.2.0'

cat > run.mjs <<'NODE'
import cloudevents from 'cloudevents';

const ATTRIBUTES = { specversion: '1.0', id: '1', source: '/orders', type: 'order.paid' };
const NANOSECONDS = '2026-01-02T03:04:05.123456789+02:00';

function binary(time) {
  const headers = { 'content-type': 'application/json', ...(time && { 'ce-time': time }) };
  for (const [name, value] of Object.entries(ATTRIBUTES)) headers[`ce-${name}`] = value;
  return { headers, body: '{}' };
}
function structured(time) {
  const headers = { 'content-type': 'application/cloudevents+json' };
  return { headers, body: JSON.stringify({ ...ATTRIBUTES, ...(time && { time }), data: {} }) };
}

let changed = false;
for (const message of [binary, structured]) {
  const first = cloudevents.HTTP.toEvent(message()).time;
  await new Promise((resolve) => setTimeout(resolve, 20));
  const second = cloudevents.HTTP.toEvent(message()).time;
  const kept = cloudevents.HTTP.toEvent(message(NANOSECONDS)).time;
  console.log(`npm, ${message.name}, no time: ${first}, then ${second}; ${NANOSECONDS}: ${kept}`);
  changed ||= !first || !second || first === second || kept !== '2026-01-02T01:04:05.123Z';
}
process.exitCode = changed ? 1 : 0;
NODE
cat > run.py <<'PYTHON'
import sys
import time

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.v1.http import from_http

HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/orders",
    "ce-type": "order.paid",
    "content-type": "application/json",
}
NANOSECONDS = "2026-01-02T03:04:05.123456789Z"
changed = False


def with_new(headers):
    return from_http_event(HTTPMessage(headers, b"{}")).get_time().isoformat()


def with_old(headers):
    return from_http(headers, b"{}")["time"]


for name, read, expected in (
    ("new interface", with_new, "2026-01-02T03:04:05.123456+00:00"),
    ("old interface", with_old, NANOSECONDS),
):
    first = read(HEADERS)
    time.sleep(0.02)
    second = read(HEADERS)
    kept = read({**HEADERS, "ce-time": NANOSECONDS})
    print(f"PyPI, {name}, no time: {first}, then {second}; {NANOSECONDS}: {kept}")
    changed = changed or not first or first == second or kept != expected
sys.exit(1 if changed else 0)
PYTHON
node run.mjs
venv/bin/python run.py
