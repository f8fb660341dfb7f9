#!/usr/bin/env bash
# A delivery of QStash at a receiver whose clock is 30 seconds off, with `clock_tolerance` of a minute, in QStash's two SDKs.
#
# Guess: both accept it with the tolerance and refuse it without.
# Seen:  npm's does. PyPI's refuses it with the tolerance too: it hands it to PyJWT among `options`, where nothing reads it
#        and nothing complains. What it raises is printed below, and names the signature, not the clock.
# Versions: @upstash/qstash 2.12.0 (npm), qstash 3.4.0, PyJWT 2.15.1 (PyPI), Node.js 20, Python 3.
# Source: qstash 3.4.0, `qstash/receiver.py`; PyJWT's API reference has `leeway` as an argument of `decode`;
#         https://github.com/upstash/qstash-js/issues/21 is of the same setting in the other SDK (closed).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @upstash/qstash@2.12.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'qstash==3.4.0' 'PyJWT==2.15.1'

cat > run.cjs <<'NODE'
const { Receiver } = require('@upstash/qstash');

const [currentSigningKey, nextSigningKey, body, signature, tolerance] = process.argv.slice(2);
new Receiver({ currentSigningKey, nextSigningKey })
  .verify({ signature, body, clockTolerance: Number(tolerance) })
  .then(() => console.log('accepted'), (error) => console.log(`refused (${error.message})`));
NODE
cat > run.py <<'PYTHON'
import base64
import hashlib
import subprocess
import sys
import time

import jwt
from qstash import Receiver
from qstash.errors import SignatureError

CURRENT, NEXT = "sig_current_0123456789_0123456789", "sig_next_0123456789_0123456789__"
BODY = '{"id":"1"}'
receiver = Receiver(current_signing_key=CURRENT, next_signing_key=NEXT)
changed = False


def delivery(ahead):
    """A delivery that was signed by a clock which is that many seconds ahead of ours."""
    moment = int(time.time()) + ahead
    claims = {
        "iss": "Upstash",
        "sub": "https://hooks.example/jobs",
        "iat": moment,
        "nbf": moment,
        "exp": moment + 300,
        "jti": "jwt_1",
        "body": base64.urlsafe_b64encode(hashlib.sha256(BODY.encode()).digest()).decode(),
    }
    return jwt.encode(claims, CURRENT, "HS256")


def pypi(token, tolerance):
    try:
        receiver.verify(signature=token, body=BODY, clock_tolerance=tolerance)
        return "accepted"
    except SignatureError as error:
        return f"refused ({error})"


def npm(token, tolerance):
    command = ["node", "run.cjs", CURRENT, NEXT, BODY, token, str(tolerance)]
    return subprocess.check_output(command, text=True).strip()


for what, ahead, tolerance, expected in (
    ("clocks agree", 0, 0, ["accepted", "accepted"]),
    ("ours is behind", 30, 0, ["refused", "refused"]),
    ("ours is behind", 30, 60, ["refused", "accepted"]),
    ("ours is ahead, and it has expired", -330, 60, ["refused", "accepted"]),
):
    answers = [ask(delivery(ahead), tolerance) for ask in (pypi, npm)]
    print(f"{what}, tolerance {tolerance}: PyPI {answers[0]}, npm {answers[1]}")
    changed = changed or [answer.split()[0] for answer in answers] != expected
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
