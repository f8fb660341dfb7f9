#!/usr/bin/env bash
# A delivery of Box whose time lies a few seconds ahead of the receiver's clock, with Box's two SDKs.
#
# Guess: the window is ten minutes, so that a clock a few seconds behind is of no matter.
# Seen:  it is ten minutes to one side and nothing to the other. Both SDKs refuse a time that is a few seconds ahead, with
#        the answer that a forgery gets: a machine whose clock is late by more than a delivery is under way
#        refuses every one of them.
# Versions: box-node-sdk 10.12.0 (npm), boxsdk 10.18.0 (PyPI), Node.js 20, Python 3.
# Source: https://developer.box.com/guides/webhooks/v2/signatures-v2/ asks for no more than that a delivery is not
#         older than ten minutes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts box-node-sdk@10.12.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'boxsdk==10.18.0'

cat > run.cjs <<'NODE'
const { WebhooksManager } = require('box-node-sdk/lib/managers/webhooks');

const [key, body, headers] = process.argv.slice(2);
WebhooksManager.validateMessage(body, JSON.parse(headers), key).then((isGood) => console.log(isGood));
NODE
cat > run.py <<'PYTHON'
import base64
import hashlib
import hmac
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone

from box_sdk_gen import WebhooksManager

KEY, BODY = "SamplePrimaryKey", '{"type":"webhook_event"}'
changed = False


def headers(seconds):
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    time = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    mac = hmac.new(KEY.encode(), (BODY + time).encode(), hashlib.sha256).digest()
    return {
        "box-delivery-timestamp": time,
        "box-signature-version": "1",
        "box-signature-algorithm": "HmacSHA256",
        "box-signature-primary": base64.b64encode(mac).decode(),
    }


for seconds, expected in ((-590, True), (0, True), (3, False)):
    told = headers(seconds)
    pypi = WebhooksManager.validate_message(BODY, told, KEY)
    # Node takes a moment to start.
    told = headers(seconds if seconds <= 0 else 20)
    command = ["node", "run.cjs", KEY, BODY, json.dumps(told)]
    npm = subprocess.check_output(command, text=True).strip() == "true"
    print(f"{seconds} s: PyPI {pypi}, npm {npm}")
    changed = changed or [pypi, npm] != [expected, expected]
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
