#!/usr/bin/env bash
# A call that Plivo tells of at a URL with a user and a password, and at one with a semicolon, with Plivo's two SDKs.
#
# Guess: what Plivo's third version signs is the URL as it was given, with its query sorted; both SDKs build the same text of
#        it, so that a receiver in either language accepts the same delivery.
# Seen:  npm's leaves `user:password@` out, which PyPI's keeps; PyPI's leaves `;a=1` of the path out, which npm's keeps. So
#        for either URL one of the two SDKs refuses whatever Plivo signs, and with it every delivery, by POST as by GET;
#        signed below is the URL as it was given. Both agree on one without them.
# Versions: plivo 4.79.0 (npm), plivo 4.63.0 (PyPI), Node.js 20, Python 3.
# Source: `utils/v3Security.js` of plivo 4.79.0, `utils/signature_v3.py` of plivo 4.63.0.
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

from plivo.utils import validate_v3_signature

FIELDS = {"Event": "Hangup", "To": "12025551234"}


def delivery(method, url):
    """Signed over the URL as it was given; its query is sorted already."""
    fields = FIELDS if method == "POST" else {}
    between = "" if not fields else "." if "?" in url else "?"
    signed = url + between + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.new(b"token", f"{signed}.nonce".encode(), hashlib.sha256).digest()
    return {"method": method, "url": url, "fields": fields, "signature": base64.b64encode(mac).decode()}


def pypi(sent):
    good = validate_v3_signature(
        sent["method"], sent["url"], "nonce", "token", sent["signature"], dict(sent["fields"])
    )
    return "accepted" if good else "refused"


urls = {
    "https://hooks.example/calls?a=1": ("accepted", "accepted"),
    "https://user:password@hooks.example/calls?a=1": ("refused", "accepted"),
    "https://hooks.example/calls;a=1?a=1": ("accepted", "refused"),
}
deliveries = [delivery(method, url) for url in urls for method in ("POST", "GET")]
npm = subprocess.check_output(["node", "run.cjs", json.dumps(deliveries)], text=True).split()
changed = False
for sent, one in zip(deliveries, npm, strict=True):
    other = pypi(sent)
    print(f"{sent['method']} {sent['url']}: npm {one}, PyPI {other}")
    changed = changed or (one, other) != urls[sent["url"]]
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
