#!/usr/bin/env bash
# A set of keys (JWKS) to which its publisher has added one of a kind that the reader does not know, with seven libraries.
#
# Guess: that key is passed over, as RFC 7517 asks of readers, and tokens of the others are good as before.
# Seen:  so it is with PyJWT, joserfc and jwcrypto (PyPI), and jose and jwks-rsa (npm). For `authlib.jose` and for Rust's
#        `jsonwebtoken` the whole set is gone: KeyError, and an error of serde. `jsonwebtoken` fails on each kind that it
#        has no algorithm for, so also on X25519 (for encryption) and secp256k1. A publisher that gets ready for another
#        algorithm cuts off receivers of the old one, though nobody has signed with the new one yet.
# Versions: PyJWT 2.15.1, cryptography 50.0.2, joserfc 1.8.0, jwcrypto 1.6.1, Authlib 1.9.10 (PyPI), jose 6.2.18, jwks-rsa
#           4.1.0 (npm), jsonwebtoken 10.4.0, serde_json 1.0.154 (crates.io), Python 3, Node.js 20.
# Source: RFC 7517, section 5; https://github.com/Keats/jsonwebtoken/issues/529 (closed, to be mended behind 10.4.0).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts jose@6.2.18 jwks-rsa@4.1.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'PyJWT==2.15.1' 'cryptography==50.0.2' 'joserfc==1.8.0' \
    'jwcrypto==1.6.1' 'Authlib==1.9.10'

cat > run.py <<'PYTHON'
import base64
import contextlib
import io
import json
import sys
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet
from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT

with contextlib.redirect_stderr(io.StringIO()):  # It says that it is to go.
    from authlib.jose import JsonWebKey
    from authlib.jose import jwt as authlib_jwt

private = ec.generate_private_key(ec.SECP256R1())
known = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": "a", "alg": "ES256", "use": "sig"}
some = lambda length: base64.urlsafe_b64encode(bytes(range(1, length + 1))).decode().rstrip("=")
post_quantum = base64.urlsafe_b64encode(b"p" * 1312).decode().rstrip("=")
strange = {
    "AKP": {"kty": "AKP", "alg": "ML-DSA-44", "pub": post_quantum, "kid": "b", "use": "sig"},
    "X25519": {"kty": "OKP", "crv": "X25519", "x": some(32), "kid": "b", "use": "enc"},
    "secp256k1": {
        "kty": "EC",
        "crv": "secp256k1",
        "x": "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g",
        "y": "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg",
        "kid": "b",
    },
}
token = jwt.encode({"sub": "evt_1"}, private, algorithm="ES256", headers={"kid": "a"})
sets = {name: {"keys": [known, key]} for name, key in strange.items()}
Path("sets.json").write_text(json.dumps({"token": token, "sets": sets}))

readers = {
    "PyJWT": lambda keys: jwt.decode(token, jwt.PyJWKSet.from_dict(keys)["a"], algorithms=["ES256"]),
    "joserfc": lambda keys: joserfc_jwt.decode(token, KeySet.import_key_set(keys)).claims,
    "jwcrypto": lambda keys: JWT(jwt=token, key=JWKSet.from_json(json.dumps(keys))).claims,
    "Authlib": lambda keys: authlib_jwt.decode(token, JsonWebKey.import_key_set(keys)),
}
changed = False
for reader, read in readers.items():
    seen = []
    for keys in sets.values():
        try:
            read(keys)
            seen.append("good")
        except Exception as error:
            seen.append(type(error).__name__)
    print(f"{reader}: {dict(zip(sets, seen))}")
    changed |= seen != (["KeyError", "good", "good"] if reader == "Authlib" else ["good"] * 3)
sys.exit(changed)
PYTHON
cat > run.mjs <<'NODE'
import fs from 'node:fs';

import { createLocalJWKSet, importSPKI, jwtVerify } from 'jose';
import { JwksClient } from 'jwks-rsa';

const { token, sets } = JSON.parse(fs.readFileSync('sets.json', 'utf8'));
let changed = false;
for (const [name, read] of Object.entries({
  jose: (keys) => jwtVerify(token, createLocalJWKSet(keys)),
  'jwks-rsa': async (keys) => {
    const client = new JwksClient({ jwksUri: 'https://keys.example/', fetcher: async () => keys });
    const key = (await client.getSigningKey('a')).getPublicKey();
    return jwtVerify(token, await importSPKI(key, 'ES256'));
  },
})) {
  const seen = {};
  for (const [strange, keys] of Object.entries(sets)) {
    seen[strange] = await read(keys).then(() => 'good', (error) => error.name);
    changed ||= seen[strange] !== 'good';
  }
  console.log(`${name}: ${JSON.stringify(seen)}`);
}
process.exitCode = changed ? 1 : 0;
NODE
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "keys"
version = "0.0.0"
edition = "2021"

[dependencies]
jsonwebtoken = { version = "=10.4.0", default-features = false }
serde_json = "=1.0.154"
TOML
cat > src/main.rs <<'RUST'
use jsonwebtoken::jwk::JwkSet;
use serde_json::Value;

fn main() {
    let read: Value = serde_json::from_str(&std::fs::read_to_string("sets.json").unwrap()).unwrap();
    for (name, keys) in read["sets"].as_object().unwrap() {
        let alone = serde_json::json!({ "keys": [keys["keys"][0]] });
        assert_eq!(serde_json::from_value::<JwkSet>(alone).unwrap().keys.len(), 1);
        let error = serde_json::from_value::<JwkSet>(keys.clone()).expect_err("it is passed over");
        println!("jsonwebtoken, {name}: {error}");
    }
}
RUST
venv/bin/python run.py
node run.mjs
CARGO_TARGET_DIR="$folder/target" cargo run --quiet --jobs 1
