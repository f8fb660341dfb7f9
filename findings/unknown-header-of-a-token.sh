#!/usr/bin/env bash
# A signed token whose header has one parameter more than the standards name, as some senders put their version there.
#
# Guess: a parameter that the reader does not know is ignored, as RFC 7515 asks of readers; what must not be ignored is
#        listed in `crit`, and this is not.
# Seen:  so it is with six libraries. joserfc refuses the token, in `jwt` and in `jws`, whatever the parameter is, though the
#        signature is right: once a sender adds one, each of its deliveries is refused. Authlib, where the token is good,
#        sends its users to joserfc by a notice. `JWSRegistry(strict_check_header=False)` mends it.
# Versions: joserfc 1.8.0, Authlib 1.9.10, PyJWT 2.15.1, jwcrypto 1.6.1, cryptography 50.0.2 (PyPI), jose 6.2.18,
#           jsonwebtoken 9.0.3, fast-jwt 6.3.6 (npm), Python 3, Node.js 20.
# Source: RFC 7515, section 4, on what is not understood; TrueLayer's signatures have a `tl_version` in their header.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts jose@6.2.18 jsonwebtoken@9.0.3 fast-jwt@6.3.6
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'joserfc==1.8.0' 'Authlib==1.9.10' 'PyJWT==2.15.1' 'jwcrypto==1.6.1' \
    'cryptography==50.0.2'

cat > run.mjs <<'NODE'
import { createVerifier } from 'fast-jwt';
import { jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';

const [secret, token] = process.argv.slice(2);
const seen = {};
for (const [name, read] of Object.entries({
  jose: () => jwtVerify(token, new TextEncoder().encode(secret)),
  jsonwebtoken: async () => jsonwebtoken.verify(token, secret),
  'fast-jwt': async () => createVerifier({ key: secret })(token),
})) seen[name] = await read().then(() => 'good', (error) => error.message);
console.log(JSON.stringify(seen));
NODE
cat > run.py <<'PYTHON'
import base64
import json
import subprocess
import sys
import warnings

import jwt
from joserfc import jws
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

with warnings.catch_warnings(record=True) as notices:
    warnings.simplefilter("always")
    from authlib.jose import jwt as authlib_jwt

SECRET = "0123456789abcdef0123456789abcdef"
key = OctKey.import_key(SECRET)
encoded = base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")
lax = JWSRegistry(strict_check_header=False)
LIBRARIES = {
    "joserfc, jwt": lambda token: joserfc_jwt.decode(token, key),
    "joserfc, jws": lambda token: jws.deserialize_compact(token, key),
    "joserfc, not strict": lambda token: joserfc_jwt.decode(token, key, registry=lax),
    "Authlib": lambda token: authlib_jwt.decode(token, SECRET),
    "PyJWT": lambda token: jwt.decode(token, SECRET, algorithms=["HS256"]),
    "jwcrypto": lambda token: JWT(jwt=token, key=JWK(kty="oct", k=encoded)).claims,
}
print("Authlib:", *{str(notice.message).splitlines()[0] for notice in notices if "joserfc" in str(notice.message)})


def seen(read, token):
    try:
        read(token)
        return "good"
    except Exception as error:
        return f"refused ({error})"


changed = False
for header, refused in (({"kid": "1"}, set()), ({"kid": "1", "version": "2"}, {"joserfc, jwt", "joserfc, jws"})):
    token = jwt.encode({"sub": "evt_1"}, SECRET, algorithm="HS256", headers=header)
    answers = {name: seen(read, token) for name, read in LIBRARIES.items()}
    answers |= json.loads(subprocess.check_output(["node", "run.mjs", SECRET, token]))
    print(f"{header}: {answers}")
    changed |= refused != {name for name, answer in answers.items() if answer != "good"}
sys.exit(changed)
PYTHON
venv/bin/python run.py
