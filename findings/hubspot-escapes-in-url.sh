#!/usr/bin/env bash
# A delivery of HubSpot at a URL with percent escapes, signed in its third version as its documents say, with HubSpot's two
# SDKs.
#
# Guess: the SDKs do what the documents ask of receivers: of the URL that was called, `%40`, `%2F` and ten others are
#        decoded before it is signed, and escapes like `%20` are not.
# Seen:  both SDKs take the URL as they are handed it. With `user=a%40b.example` in the query, or `%2F` in the path, what is
#        signed by the documents is refused as a forgery is, with `%20` it is accepted. A caller who decodes
#        the twelve by hand is told yes; neither SDK says that it is left to the caller.
# Versions: @hubspot/api-client 13.5.0 (npm), hubspot-api-client 12.0.0 (PyPI), Node.js 20, Python 3.
# Source: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation, with a
#         table of the twelve; what HubSpot itself signs was not seen.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @hubspot/api-client@13.5.0
python3 -m venv venv
venv/bin/pip install -q --no-compile --disable-pip-version-check 'hubspot-api-client==12.0.0'

cat > run.cjs <<'NODE'
const { Signature } = require('@hubspot/api-client');

const [clientSecret, requestBody, text] = process.argv.slice(2);
for (const { url, timestamp, signature } of JSON.parse(text)) {
  const isGood = Signature.isValid({
    clientSecret, requestBody, url, timestamp, signature, method: 'POST', signatureVersion: 'v3',
  });
  console.log(isGood ? 'accepted' : 'refused');
}
NODE
cat > run.py <<'PYTHON'
import base64
import hashlib
import hmac
import json
import re
import subprocess
import sys
import time

from hubspot.utils.signature import Signature

SECRET, BODY = "client-secret", '[{"eventId":1}]'
DECODED = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)")
now = int(time.time() * 1000)


def decoded(url):
    return DECODED.sub(lambda escape: chr(int(escape[1], 16)), url)


def delivery(called, given):
    """Signed by the documents; `given` is what the receiver hands to the SDK."""
    signed = f"POST{decoded(called)}{BODY}{now}"
    mac = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()
    return {"url": given, "timestamp": now, "signature": base64.b64encode(mac).decode()}


def pypi(sent):
    good = Signature.is_valid(
        sent["signature"], SECRET, BODY, sent["url"], "POST", "v3", str(sent["timestamp"])
    )
    return "accepted" if good else "refused"


queries = {
    "/hooks?user=a": "accepted",
    "/hooks?user=a%20b": "accepted",
    "/hooks?user=a%40b.example": "refused",
    "/hooks/a%2Fb": "refused",
}
tries = [(f"https://hooks.example{called}", "as it was called", seen) for called, seen in queries.items()]
tries += [(url, "decoded by the caller", "accepted") for url, _, seen in tries if seen == "refused"]
deliveries = [delivery(url, decoded(url) if "decoded" in how else url) for url, how, _ in tries]
npm = subprocess.check_output(["node", "run.cjs", SECRET, BODY, json.dumps(deliveries)], text=True).split()
changed = False
for (url, how, expected), sent, one in zip(tries, deliveries, npm, strict=True):
    other = pypi(sent)
    print(f"{url}, {how}: npm {one}, PyPI {other}")
    changed = changed or (one, other) != (expected, expected)
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
