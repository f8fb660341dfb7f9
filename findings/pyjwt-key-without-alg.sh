#!/usr/bin/env bash
# An RS512 or PS256 token and a key set whose RSA keys name no `alg`, with PyJWT.
#
# Guess: `jwt.decode(token, key, algorithms=["RS512"])` takes the algorithm from the list and the token, as
#        `alg` is optional in a JWK and an RSA key serves several algorithms.
# Seen:  a `PyJWK` (what `PyJWKClient` hands out) without `alg` is taken for RS256 and nothing else: every
#        true token of the sender is refused, as if the caller had allowed a wrong algorithm. The same
#        key is good when `.key` is passed, and so it is with `jose` (npm).
# Versions: PyJWT 2.15.1, cryptography 50.0.2 (PyPI), jose 6.2.18 (npm), Python 3, Node.js 20.
# Source: RFC 7517, section 4.4 ("Use of this member is OPTIONAL"); https://github.com/jpadilla/pyjwt/pull/624,
#         where the algorithm began to be guessed from the key's type.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts jose@6.2.18
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'PyJWT==2.15.1' 'cryptography==50.0.2'

cat > run.py <<'PYTHON'
import json
import sys

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
public = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
jwk = {"kty": "RSA", "kid": "1", "use": "sig", "n": public["n"], "e": public["e"]}
key = jwt.PyJWK(jwk)
changed = False
tokens = {}


def decode(token, with_key, algorithm):
    try:
        jwt.decode(token, with_key, algorithms=[algorithm])
        return "accepted"
    except jwt.InvalidTokenError as error:
        return f"refused ({type(error).__name__}: {error})"


for algorithm in ("RS256", "RS512", "PS256"):
    token = jwt.encode({"request_body_sha256": "00"}, private, algorithm, headers={"kid": "1"})
    tokens[algorithm] = token
    with_jwk, with_key = decode(token, key, algorithm), decode(token, key.key, algorithm)
    print(f"PyJWT, {algorithm}: PyJWK {with_jwk}, its .key {with_key}")
    changed = changed or with_key != "accepted"
    changed = changed or (with_jwk == "accepted") != (algorithm == "RS256")

with open("tokens.json", "w") as file:
    json.dump({"jwk": jwk, "tokens": tokens}, file)
sys.exit(1 if changed else 0)
PYTHON
cat > run.mjs <<'NODE'
import { readFileSync } from 'node:fs';
import { createLocalJWKSet, jwtVerify } from 'jose';

const { jwk, tokens } = JSON.parse(readFileSync('tokens.json', 'utf8'));
const keys = createLocalJWKSet({ keys: [jwk] });
for (const [algorithm, token] of Object.entries(tokens)) {
  await jwtVerify(token, keys, { algorithms: [algorithm] });
  console.log(`jose, ${algorithm}: accepted`);
}
NODE
venv/bin/python run.py
node run.mjs
