#!/usr/bin/env bash
# A signed token that was issued a moment ago, with its time as a number with a fraction, on one machine.
#
# Guess: `iat` and `nbf` may have fractions, so that a token issued by `time.time()` is good at once; there is one clock,
#        so nothing is ahead of anything.
# Seen:  joserfc and Authlib compare both with the whole second that the clock is in, and jose and jsonwebtoken `nbf`. The
#        token counts as from the future until the next second begins: whether a delivery is refused goes by where in
#        its second it was signed, and its retry is accepted. The faster the network, the more are refused. PyJWT,
#        jwcrypto and fast-jwt accept both; a leeway of a second mends it.
# Versions: joserfc 1.8.0, Authlib 1.9.10, PyJWT 2.15.1, jwcrypto 1.6.1, cryptography 50.0.2 (PyPI), jose 6.2.18,
#           jsonwebtoken 9.0.3, fast-jwt 6.3.6 (npm), Python 3, Node.js 20.
# Source: RFC 7519, section 2, "NumericDate"; https://github.com/jpadilla/pyjwt/issues/814 is of the same in PyJWT (mended).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts jose@6.2.18 jsonwebtoken@9.0.3 fast-jwt@6.3.6
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'joserfc==1.8.0' 'Authlib==1.9.10' 'PyJWT==2.15.1' 'jwcrypto==1.6.1' \
    'cryptography==50.0.2'

cat > run.mjs <<'NODE'
import readline from 'node:readline';

import { createVerifier } from 'fast-jwt';
import { jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';

const secret = process.argv[2];
const LIBRARIES = {
  jose: (token) => jwtVerify(token, new TextEncoder().encode(secret)),
  jsonwebtoken: async (token) => jsonwebtoken.verify(token, secret),
  'fast-jwt': async (token) => createVerifier({ key: secret })(token),
};
for await (const token of readline.createInterface({ input: process.stdin })) {
  const seen = {};
  for (const [name, read] of Object.entries(LIBRARIES)) {
    seen[name] = await read(token).then(() => 'good', (error) => `refused (${error.message})`);
  }
  console.log(JSON.stringify(seen));
}
NODE
cat > run.py <<'PYTHON'
import base64
import json
import subprocess
import sys
import time
import warnings

import jwt
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

with warnings.catch_warnings(record=True):  # It says that it is to go.
    from authlib.jose import jwt as authlib_jwt

SECRET = "0123456789abcdef0123456789abcdef"
key = base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")


def joserfc(token, **settings):
    read = joserfc_jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"])
    JWTClaimsRegistry(**settings).validate(read.claims)


LIBRARIES = {
    "joserfc": joserfc,
    "joserfc, leeway": lambda token: joserfc(token, leeway=1),
    "Authlib": lambda token: authlib_jwt.decode(token, SECRET).validate(),
    "PyJWT": lambda token: jwt.decode(token, SECRET, algorithms=["HS256"]),
    "jwcrypto": lambda token: JWT(jwt=token, key=JWK(kty="oct", k=key)).claims,
}


def seen(read, token):
    try:
        read(token)
        return "good"
    except Exception as error:
        return f"refused ({error})"


def look(what, token, refused):
    answers = {name: seen(read, token) for name, read in LIBRARIES.items()}
    node.stdin.write(token + "\n")
    node.stdin.flush()
    answers |= json.loads(node.stdout.readline())
    print(f"{what}: {answers}")
    return refused != {name for name, answer in answers.items() if answer != "good"}


node = subprocess.Popen(["node", "run.mjs", SECRET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
changed = False
for claim, refusers in {
    "iat": {"joserfc", "Authlib"},
    "nbf": {"joserfc", "Authlib", "jose", "jsonwebtoken"},
}.items():
    token = jwt.encode({"sub": "evt_1", claim: int(time.time())}, SECRET, algorithm="HS256")
    changed |= look(f"{claim} in whole seconds", token, set())
    # Early in a second, so that all are asked within it.
    while not 0.1 < time.time() % 1 < 0.2:
        time.sleep(0.01)
    token = jwt.encode({"sub": "evt_1", claim: time.time()}, SECRET, algorithm="HS256")
    changed |= look(f"{claim} with a fraction", token, refusers)
    time.sleep(1)
    changed |= look("the same a second later", token, set())
node.stdin.close()
node.wait()
sys.exit(changed)
PYTHON
venv/bin/python run.py
