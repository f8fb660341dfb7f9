#!/usr/bin/env bash
# A detached JWS over a body, of both kinds that there are, at PyJWT's `detached_payload` and at three other
# libraries.
#
# Guess: `detached_payload` is for tokens without their payload, `header..signature`, as Fireblocks and others put them
#        into a header: one hands in the body, and the signature is checked over it.
# Seen:  PyJWT takes it for the rare kind alone, whose header has `b64` as false (RFC 7797). The common one (RFC 7515,
#        appendix F), whose body is signed in base64, it refuses with DecodeError, by whatever it was signed; and what
#        it makes itself with `is_payload_detached` is of the rare kind. joserfc, jwcrypto and npm's jose take both. The
#        way round is to put the body into the token, in base64, and to verify that one.
# Versions: PyJWT 2.15.1, joserfc 1.8.0, jwcrypto 1.6.1, cryptography 50.0.2 (PyPI), jose 6.2.18 (npm), Node.js 20,
#           Python 3.
# Source: RFC 7515, appendix F; RFC 7797, section 3; `jwt/api_jws.py` of PyJWT 2.15.1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts jose@6.2.18
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'PyJWT==2.15.1' 'joserfc==1.8.0' 'jwcrypto==1.6.1' \
    'cryptography==50.0.2'

cat > run.mjs <<'NODE'
import { FlattenedSign, flattenedVerify } from 'jose';

const [secret, body] = process.argv.slice(2);
const [key, payload] = [secret, body].map((text) => new TextEncoder().encode(text));
for (const header of [{ alg: 'HS256' }, { alg: 'HS256', b64: false, crit: ['b64'] }]) {
  const signed = await new FlattenedSign(payload).setProtectedHeader(header).sign(key);
  // Of the encoded kind jose wants the body in base64, and of the other one as it is.
  const handedIn = header.crit ? payload : Buffer.from(payload).toString('base64url');
  await flattenedVerify({ ...signed, payload: handedIn }, key);
  console.log(`${signed.protected}..${signed.signature}`);
}
NODE
cat > run.py <<'PYTHON'
import base64
import subprocess
import sys

import jwt
from joserfc import jwk as joserfc_jwk
from joserfc import jws as joserfc_jws
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws

SECRET = "0123456789abcdef0123456789abcdef"
BODY = '{"id":"evt_1"}'


def base64url(text):
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def pyjwt(token):
    jwt.PyJWS().decode(token, SECRET.encode(), algorithms=["HS256"], detached_payload=BODY.encode())


def attached(token):
    jwt.PyJWS().decode(token.replace("..", f".{base64url(BODY)}."), SECRET.encode(), algorithms=["HS256"])


def joserfc(token):
    joserfc_jws.deserialize_compact(token, joserfc_jwk.OctKey.import_key(SECRET), ["HS256"], payload=BODY.encode())


def jwcrypto(token):
    read = jwcrypto_jws.JWS()
    read.deserialize(token)
    read.verify(jwcrypto_jwk.JWK(kty="oct", k=base64url(SECRET)), detached_payload=BODY)


def said(work, token):
    try:
        work(token)
        return "verified"
    except Exception as error:
        return type(error).__name__


encoded, unencoded = subprocess.check_output(["node", "run.mjs", SECRET, BODY], text=True).split()
changed = False
for name, token, refuses in (("encoded", encoded, "DecodeError"), ("unencoded", unencoded, "verified")):
    for work in (pyjwt, joserfc, jwcrypto):
        answer = said(work, token)
        print(f"{name}, {work.__name__}: {answer}")
        changed = changed or answer != (refuses if work is pyjwt else "verified")
print(f"encoded, pyjwt, with the body put into the token: {said(attached, encoded)}")
sys.exit(1 if changed or said(attached, encoded) != "verified" else 0)
PYTHON
venv/bin/python run.py
