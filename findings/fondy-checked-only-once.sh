#!/usr/bin/env bash
# A payment that Fondy calls back about, in each of its two protocols, rightly signed, with Fondy's two SDKs.
#
# Guess: both SDKs have both protocols, so each accepts each callback; and a check may be asked twice, as one that asks
#        `is_valid` first and `is_approved` then does.
# Seen:  npm's does so. PyPI's takes "2.0" as the protocol, signs requests by it, and raises a TypeError on each
#        callback of it, for it joins the secret with the whole dictionary. In the first protocol it takes the signature
#        out of the caller's dictionary while it checks: the second question is answered by ValueError "Incorrect data",
#        as it is for a handler that logs the callback's signature behind the check.
# Versions: cloudipsp 1.0.4 (PyPI), cloudipsp-node-js-sdk 1.0.8 (npm), Node.js 20, Python 3.
# Source: `cloudipsp/helpers.py` of cloudipsp 1.0.4, `lib/util.js` of cloudipsp-node-js-sdk 1.0.8.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts cloudipsp-node-js-sdk@1.0.8
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'cloudipsp==1.0.4'

cat > run.cjs <<'NODE'
const CloudIpsp = require('cloudipsp-node-js-sdk');

const fondy = new CloudIpsp({ merchantId: 1, secretKey: 'secret' });
for (const sent of JSON.parse(process.argv[2])) {
  console.log([fondy.isValidResponse(sent), fondy.isValidResponse(sent)].join(' '));
}
NODE
cat > run.py <<'PYTHON'
import base64
import hashlib
import json
import subprocess
import sys

from cloudipsp import helpers

ORDER = {"amount": "1050", "currency": "EUR", "merchant_id": "1", "order_id": "order_1", "order_status": "approved"}


def signed(*parts):
    return hashlib.sha1("|".join(("secret", *parts)).encode()).hexdigest()


def said(work):
    try:
        return str(work())
    except Exception as error:
        return type(error).__name__


first = ORDER | {"signature": signed(*(ORDER[name] for name in sorted(ORDER)))}
data = base64.b64encode(json.dumps({"order": ORDER}).encode()).decode()
second = {"version": "2.0", "data": data, "signature": signed(data)}
npm = subprocess.check_output(["node", "run.cjs", json.dumps([first, second])], text=True).splitlines()
pypi = []
for sent, protocol in ((first, "1.0"), (second, "2.0")):
    sent = dict(sent)
    answers = [said(lambda: check(sent, "secret", protocol)) for check in (helpers.is_valid, helpers.is_approved)]
    pypi.append(" ".join(answers))
for protocol, one, other in zip(("1.0", "2.0"), pypi, npm, strict=True):
    print(f"protocol {protocol}, asked twice: PyPI {one}, npm {other}")
sys.exit(0 if pypi == ["True ValueError", "TypeError ValueError"] and npm == ["true true"] * 2 else 1)
PYTHON
venv/bin/python run.py
