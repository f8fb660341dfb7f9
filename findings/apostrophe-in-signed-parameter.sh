#!/usr/bin/env bash
# A message signature (RFC 9421) that covers a parameter of the query, from the npm library to the PyPI one and back.
#
# Guess: the parameter is decoded and percent-encoded again, in one way; what the one has signed the other verifies,
#        whatever the value is.
# Seen:  npm's encodes as JavaScript does (`encodeURIComponent`), PyPI's as the RFC has it, after the URL Standard: there an
#        apostrophe, an exclamation mark, a parenthesis and a tilde are encoded too. With `O'Hara` or `Paid!` each is
#        refused by the other, either way about; blanks, accents and a plus are of no matter.
# Versions: http-message-signatures 1.0.6 (npm), http-message-signatures 3.0.0, requests 2.34.2 (PyPI), Node.js 20, Python 3.
# Source: RFC 9421, section 2.2.8; https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set;
#         https://github.com/dhensby/node-http-message-signatures/pull/163 foresaw cases at the edge.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts http-message-signatures@1.0.6
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'http-message-signatures==3.0.0' 'requests==2.34.2'

cat > run.mjs <<'NODE'
import crypto from 'node:crypto';
import fs from 'node:fs';

import { httpbis } from 'http-message-signatures';

const mac = (data) => crypto.createHmac('sha256', 'secret').update(data).digest();
const key = { id: 'k', alg: 'hmac-sha256', sign: async (data) => mac(data) };
const keyLookup = async () => ({ ...key, verify: async (data, signature) => mac(data).equals(signature) });
const [what, ...urls] = process.argv.slice(2);
const signed = what === 'verify' ? JSON.parse(fs.readFileSync(0, 'utf8')) : [];
const answers = [];
for (const [index, url] of urls.entries()) {
  const message = { method: 'POST', url, headers: signed[index] ?? {} };
  if (what === 'sign') {
    const fields = ['@method', '@query-param;name="who"'];
    const { headers } = await httpbis.signMessage({ key, fields, name: 'sig' }, message);
    answers.push(headers);
  } else {
    answers.push(await httpbis.verifyMessage({ keyLookup }, message).catch((error) => error.name));
  }
}
console.log(JSON.stringify(answers));
NODE
cat > run.py <<'PYTHON'
import json
import subprocess
import sys
from urllib.parse import quote

import requests
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)

VALUES = {"Ann": True, "Ann Bé+": True, "a*b-c_d.e": True, "O'Hara": False, "Paid!": False, "(Ann)": False, "~ann": False}


class Keys(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id):
        return b"secret"

    resolve_private_key = resolve_public_key


def npm(what, signed=None):
    return json.loads(subprocess.check_output(["node", "run.mjs", what, *urls], input=json.dumps(signed), text=True))


def request(url, headers=None):
    prepared = requests.Request("POST", "https://hooks.example/", headers=headers).prepare()
    prepared.url = url
    return prepared


def verified(url, headers):
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=Keys())
    try:
        return bool(verifier.verify(request(url, headers)))
    except InvalidSignature:
        return False


def sign(url):
    signer = HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=Keys())
    message = request(url)
    signer.sign(message, key_id="k", covered_component_ids=("@method", '"@query-param";name="who"'), label="sig")
    return {name: message.headers[name] for name in ("Signature", "Signature-Input")}


urls = [f"https://hooks.example/?who={quote(value, safe='')}" for value in VALUES]
by_npm, by_pypi = npm("sign"), [sign(url) for url in urls]
back = npm("verify", by_pypi)
changed = npm("verify", by_npm) != [True] * len(urls) or not all(map(verified, urls, by_pypi))
for (value, expected), url, headers, accepted in zip(VALUES.items(), urls, by_npm, back):
    there = verified(url, headers)
    print(f"{value}: npm to PyPI {there}, PyPI to npm {accepted}")
    changed |= there is not expected or accepted is not expected
sys.exit(changed)
PYTHON
venv/bin/python run.py
