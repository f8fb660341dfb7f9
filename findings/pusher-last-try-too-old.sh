#!/usr/bin/env bash
# A delivery of Pusher Channels that comes late, and one whose content type names a charset, with Pusher's two SDKs.
#
# Guess: the signature is over the body alone, so both SDKs accept what it holds for, and say what is wrong otherwise.
# Seen:  PyPI's compares `time_ms` of the body with its own clock, and beyond five minutes answers None, which is what a
#        wrong signature gets: it is as long as Pusher tries, so the last tries after an outage are thrown away, and a
#        recorded delivery cannot be handled again. npm's has no such rule, but takes `application/json` to the letter:
#        with `; charset=utf-8` behind it a rightly signed delivery is not valid. PyPI's never looks at it.
# Versions: pusher 3.3.4 (PyPI), pusher 5.3.4 (npm), Node.js 20, Python 3.
# Source: `validate_webhook` in pusher 3.3.4's `authentication_client.py`; `lib/webhook.js` of pusher 5.3.4;
#         https://docs.bird.com/pusher/channels/channels/webhooks/channels-webhook-timeouts-and-retries, which has a
#         delivery tried again for five minutes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts pusher@5.3.4
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'pusher==3.3.4'

cat > run.cjs <<'NODE'
const Pusher = require('pusher');

const pusher = new Pusher({ appId: '1', key: 'key', secret: 'secret', cluster: 'eu' });
for (const [rawBody, signature, type] of JSON.parse(process.argv[2])) {
  const headers = { 'x-pusher-key': 'key', 'x-pusher-signature': signature, 'content-type': type };
  console.log(pusher.webhook({ headers, rawBody }).isValid() ? 'valid' : 'refused');
}
NODE
cat > run.py <<'PYTHON'
import hashlib
import hmac
import json
import subprocess
import sys
import time

import pusher

JSON = "application/json"
app = pusher.Pusher(app_id="1", key="key", secret="secret", cluster="eu")


def delivery(age, kind=JSON):
    """What Pusher sends of events that many seconds old."""
    events = [{"name": "channel_occupied", "channel": "orders"}]
    body = json.dumps({"time_ms": int((time.time() - age) * 1000), "events": events})
    return body, hmac.new(b"secret", body.encode(), hashlib.sha256).hexdigest(), kind


deliveries = {
    "at once": (delivery(0), "valid", "valid"),
    "after four minutes": (delivery(240), "valid", "valid"),
    "after five minutes and a second": (delivery(301), "refused", "valid"),
    "at once, with a charset": (delivery(0, f"{JSON}; charset=utf-8"), "valid", "refused"),
}
command = ["node", "run.cjs", json.dumps([sent for sent, _, _ in deliveries.values()])]
npm = subprocess.check_output(command, text=True).split()
changed = False
for (name, ((body, signature, _), *expected)), other in zip(deliveries.items(), npm, strict=True):
    one = "valid" if app.validate_webhook("key", signature, body) else "refused"
    print(f"{name}: PyPI {one}, npm {other}")
    changed = changed or [one, other] != expected
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
