#!/usr/bin/env bash
# A message signature (RFC 9421) over one member of a dictionary whose members are all flags, from PyPI's library to
# npm's.
#
# Guess: `"x-hints";key="urgent"` is the member `urgent` of the dictionary, and so it is in `urgent, retry` as in
#        `urgent, n=1`: the parameter `key` itself says that the field is a dictionary.
# Seen:  npm's library asks the field's text of which type it is, and takes the first that reads it, a list before a
#        dictionary. Where no member has a value the field can be read as a list of tokens, and the signature, rightly
#        made, is met by an error. With `retry=?1`, which means the same, or one more member with a value, it holds. So
#        a delivery is refused by what else the sender happens to hint at.
# Versions: http-message-signatures 3.0.0, requests 2.34.2 (PyPI), http-message-signatures 1.0.6 (npm), Node.js 20,
#           Python 3.
# Source: RFC 9421, section 2.1.2; `parseHeader` in `lib/structured-header.js` of http-message-signatures 1.0.6.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts http-message-signatures@1.0.6
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'http-message-signatures==3.0.0' 'requests==2.34.2'

cat > run.mjs <<'NODE'
import { createHmac } from 'node:crypto';
import { httpbis } from 'http-message-signatures';

const key = {
  id: 'key',
  algs: ['hmac-sha256'],
  verify: async (data, signature) => createHmac('sha256', 'secret').update(data).digest().equals(signature),
};
for (const headers of JSON.parse(process.argv[2])) {
  try {
    const request = { method: 'POST', url: 'https://hooks.example/', headers };
    console.log(await httpbis.verifyMessage({ keyLookup: async () => key }, request) ? 'verified' : 'refused');
  } catch (error) {
    console.log(error.message);
  }
}
NODE
cat > run.py <<'PYTHON'
import json
import subprocess
import sys

import requests
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, MappingKeyResolver, algorithms

KEYS = MappingKeyResolver(public_keys={"key": b"secret"}, private_keys={"key": b"secret"})
LIBRARY = {"signature_algorithm": algorithms.HMAC_SHA256, "key_resolver": KEYS}
ERROR = "Unable to parse header as dictionary"
FIELDS = {
    "urgent, n=1": "verified",
    "urgent, retry=?1": "verified",
    "urgent, retry=?0": "verified",
    "urgent, retry": ERROR,
    "urgent": ERROR,
}

signed = []
for field in FIELDS:
    request = requests.Request("POST", "https://hooks.example/", headers={"X-Hints": field}).prepare()
    HTTPMessageSigner(**LIBRARY).sign(request, key_id="key", covered_component_ids=['"x-hints";key="urgent"'])
    # Raises an error if it does not hold.
    HTTPMessageVerifier(**LIBRARY).verify(request)
    signed.append({name: request.headers[name] for name in ("X-Hints", "Signature-Input", "Signature")})
npm = subprocess.check_output(["node", "run.mjs", json.dumps(signed)], text=True).splitlines()
for field, answer in zip(FIELDS, npm, strict=True):
    print(f"{field}: PyPI verified, npm {answer}")
sys.exit(0 if npm == list(FIELDS.values()) else 1)
PYTHON
venv/bin/python run.py
