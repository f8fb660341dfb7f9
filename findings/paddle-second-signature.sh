#!/usr/bin/env bash
# A delivery of Paddle while its secret is being changed, which lists two signatures, with Paddle's two SDKs.
#
# Guess: `ts=…;h1=…;h1=…` is accepted where one `h1` is of the secret at hand, whichever of them it is, as the header
#        lists them for just that.
# Seen:  PyPI's SDK accepts both orders. npm's keeps the last `h1` alone: where the right one stands first, every true
#        delivery is refused until the change is over.
# Versions: @paddle/paddle-node-sdk 3.10.0 (npm), paddle-python-sdk 1.16.1 (PyPI), Node.js 20, Python 3.
# Source: https://developer.paddle.com/webhooks/signature-verification, which has "at least one" `h1`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @paddle/paddle-node-sdk@3.10.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'paddle-python-sdk==1.16.1'

cat > run.mjs <<'NODE'
import { Paddle } from '@paddle/paddle-node-sdk';

const [secret, body, ...headers] = process.argv.slice(2);
const { webhooks } = new Paddle('none');
for (const header of headers) console.log(await webhooks.isSignatureValid(body, secret, header));
NODE
cat > run.py <<'PYTHON'
import hashlib
import hmac
import logging
import subprocess
import sys
import time
from types import SimpleNamespace

from paddle_billing.Notifications import Secret, Verifier

logging.disable()
NEW, OLD = "pdl_ntfset_new_0123456789", "pdl_ntfset_old_0123456789"
BODY = '{"event_id":"evt_1"}'
now = int(time.time())


def h1(secret):
    return "h1=" + hmac.new(secret.encode(), f"{now}:{BODY}".encode(), hashlib.sha256).hexdigest()


headers = {
    "one": f"ts={now};{h1(NEW)}",
    "right one last": f"ts={now};{h1(OLD)};{h1(NEW)}",
    "right one first": f"ts={now};{h1(NEW)};{h1(OLD)}",
}
npm = subprocess.check_output(["node", "run.mjs", NEW, BODY, *headers.values()], text=True).split()
changed = npm != ["true", "true", "false"]
for (what, header), answer in zip(headers.items(), npm):
    request = SimpleNamespace(headers={"Paddle-Signature": header}, body=BODY.encode())
    accepted = Verifier().verify(request, Secret(NEW))
    print(f"{what}: npm {answer}, PyPI {accepted}")
    changed = changed or not accepted
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
