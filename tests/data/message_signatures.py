"""Writes message_signatures.jsonl, with http-message-signatures==3.0.0 and cryptography==49.0.0 of PyPI.

    python3 message_signatures.py > message_signatures.jsonl
"""

import base64
import datetime
import json
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures import HTTPMessageSigner, algorithms
from http_message_signatures.resolvers import MappingKeyResolver

CREATED = datetime.datetime.fromtimestamp(1618884473, datetime.timezone.utc)
BODY = '{"id":"evt_1","type":"order.paid"}'
ALL = ("@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query", "content-type")
WIDE = (
    '"@query-param";name="shop%20id"',
    '"example-dict";key="b"',
    '"content-digest";key="sha-256"',
    '"content-digest";sf',
    '"example-lines";bs',
)
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS = [
    (algorithms.HMAC_SHA256, b"a secret of the other implementation's vectors"),
    (algorithms.ED25519, ed25519.Ed25519PrivateKey.generate()),
    (algorithms.ECDSA_P256_SHA256, ec.generate_private_key(ec.SECP256R1())),
    (algorithms.ECDSA_P384_SHA384, ec.generate_private_key(ec.SECP384R1())),
    (algorithms.RSA_V1_5_SHA256, RSA),
    (algorithms.RSA_PSS_SHA512, RSA),
]

for algorithm, key in KEYS:
    for covered, more in (((), {}), (ALL, {"nonce": "n-1"}), (WIDE, {"tag": "acme", "expires": CREATED})):
        url = "https://shop.example/hooks/acme?shop%20id=a+b~c&empty="
        message = SimpleNamespace(method="POST", url=url, headers={
            "Content-Type": "application/json",
            "Example-Dict": "a=1,   b=2;x=1,c=(a  b)",
            "Example-Lines": "one, two",
        })
        signer = HTTPMessageSigner(
            signature_algorithm=algorithm,
            key_resolver=MappingKeyResolver(public_keys={}, private_keys={"key-1": key}),
        )
        signer.sign(message, key_id="key-1", created=CREATED, covered_component_ids=covered, body=BODY.encode(), **more)
        public = key if isinstance(key, bytes) else key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        print(json.dumps({
            "algorithm": algorithm.algorithm_id,
            "key": base64.b64encode(public).decode(),
            "covering": ["content-digest"],
            "url": url,
            "method": message.method,
            "headers": list(message.headers.items()),
            "body": BODY,
        }))
