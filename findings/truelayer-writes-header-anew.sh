#!/usr/bin/env bash
# The header of a token that signs a delivery of TrueLayer, written in other ways, with TrueLayer's two libraries.
#
# Guess: as with any JWS, what is verified is the header's text as it was sent: the order of its members, blanks, and members
#        that a reader does not know are the signer's choice.
# Seen:  so it is with npm's. PyPI's reads the header into a record and signs what it writes of that: in another order or
#        with blanks each true delivery is refused as a forgery is ("Invalid Signature"), and one member more raises
#        TypeError, which is none of the library's own errors: the receiver answers 500. The day on which
#        TrueLayer adds a member, or another serializer, all is lost.
# Versions: truelayer-signing 0.4.0 (PyPI), truelayer-signing 0.2.3 (npm), Node.js 20, Python 3.
# Source: RFC 7515, sections 4 and 5.2: what is verified is the encoded header as received, and unknown members are ignored.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts truelayer-signing@0.2.3
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'truelayer-signing==0.4.0'

cat > run.cjs <<'NODE'
const { verify } = require('truelayer-signing');

const [publicKeyPem, path, body, ...signatures] = process.argv.slice(2);
for (const signature of signatures) {
  try {
    verify({ publicKeyPem, signature, method: 'POST', path, body });
    console.log('accepted');
  } catch (error) {
    console.log(`refused (${error.message})`);
  }
}
NODE
cat > run.py <<'PYTHON'
import base64
import json
import subprocess
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from truelayer_signing import HttpMethod, verify_with_pem

PATH, BODY = "/hooks/truelayer", '{"event_type":"payment_executed"}'
PLAIN = {"alg": "ES512", "kid": "key-1", "tl_version": "2", "tl_headers": ""}
key = ec.generate_private_key(ec.SECP521R1())
public = key.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signature(header):
    first, payload = encoded(header.encode()), encoded(f"POST {PATH}\n{BODY}".encode())
    der = key.sign(f"{first}.{payload}".encode(), ec.ECDSA(hashes.SHA512()))
    parts = [part.to_bytes(66, "big") for part in decode_dss_signature(der)]
    return f"{first}..{encoded(b''.join(parts))}"


def pypi(told):
    try:
        verifier = verify_with_pem(public.decode()).set_method(HttpMethod.POST)
        verifier.set_path(PATH).set_body(BODY).verify(told)
        return "accepted"
    except Exception as error:
        return f"{type(error).__name__} ({error})"


headers = {
    "as the library writes it": json.dumps(PLAIN, separators=(",", ":")),
    "in another order": json.dumps(dict(reversed(PLAIN.items())), separators=(",", ":")),
    "with blanks": json.dumps(PLAIN),
    "with one member more": json.dumps({**PLAIN, "typ": "JOSE"}, separators=(",", ":")),
}
signatures = [signature(header) for header in headers.values()]
command = ["node", "run.cjs", public.decode(), PATH, BODY, *signatures]
npm = subprocess.check_output(command, text=True).splitlines()
answers = [pypi(told) for told in signatures]
for what, one, other in zip(headers, answers, npm):
    print(f"{what}: PyPI {one}, npm {other}")
expected = ["accepted", "TlSigningException", "TlSigningException", "TypeError"]
sys.exit(0 if npm == ["accepted"] * 4 and [one.split()[0] for one in answers] == expected else 1)
PYTHON
venv/bin/python run.py
