#!/usr/bin/env bash
# A text message with a letter beyond ASCII, signed in Plivo's third version, with Plivo's two SDKs.
#
# Guess: the HMAC is over the UTF-8 of URL, fields and nonce; both SDKs accept what is signed so, by POST and by GET.
# Seen:  npm's does, and PyPI's by POST. By GET, where the letter stands percent-encoded in the URL, PyPI's raises
#        UnicodeEncodeError: the receiver answers 500 to some people's messages, and to no others.
# Versions: plivo 4.79.0 (npm), plivo 4.63.0 (PyPI), Node.js 20, Python 3.
# Source: https://github.com/plivo/plivo-python/pull/294 (open).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts plivo@4.79.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'plivo==4.63.0'

cat > run.cjs <<'NODE'
const plivo = require('plivo');

for (const { method, url, fields, signature } of JSON.parse(process.argv[2])) {
  console.log(plivo.validateV3Signature(method, url, 'nonce', 'token', signature, fields) ? 'accepted' : 'refused');
}
NODE
cat > run.py <<'PYTHON'
import base64
import hashlib
import hmac
import json
import subprocess
import sys
from urllib.parse import quote

from plivo.utils import validate_v3_signature

URL = "https://hooks.example/sms"


def delivery(method, text):
    by_get = method == "GET"
    signed = f"{URL}?Text={text}" if by_get else f"{URL}?Text{text}"
    mac = hmac.new(b"token", f"{signed}.nonce".encode(), hashlib.sha256).digest()
    return {
        "method": method,
        "url": f"{URL}?Text={quote(text)}" if by_get else URL,
        "fields": {} if by_get else {"Text": text},
        "signature": base64.b64encode(mac).decode(),
        "text": text,
    }


def pypi(sent):
    try:
        good = validate_v3_signature(
            sent["method"], sent["url"], "nonce", "token", sent["signature"], dict(sent["fields"])
        )
        return "accepted" if good else "refused"
    except UnicodeEncodeError:
        return "UnicodeEncodeError"


deliveries = [delivery(method, text) for method in ("POST", "GET") for text in ("hello", "hallü")]
npm = subprocess.check_output(["node", "run.cjs", json.dumps(deliveries)], text=True).split()
answers = [pypi(sent) for sent in deliveries]
for sent, one, other in zip(deliveries, npm, answers):
    print(f"{sent['method']} {sent['text']}: npm {one}, PyPI {other}")
expected = ["accepted", "accepted", "accepted", "UnicodeEncodeError"]
sys.exit(1 if npm != ["accepted"] * 4 or answers != expected else 0)
PYTHON
venv/bin/python run.py
