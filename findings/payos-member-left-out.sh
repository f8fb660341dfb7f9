#!/usr/bin/env bash
# A payment that payOS tells of without an optional member, or with one that the SDK does not know, with payOS' two SDKs.
#
# Guess: the signature is over the members that are there, so both SDKs accept what is signed so; both have the name and
#        the bank of the payer as optional.
# Seen:  npm's accepts all three. PyPI's writes the members anew from its model, where what was left out is `null` and is
#        signed as empty: without them each true delivery is refused as a forgery is. One member more than
#        the model has, and it is refused before the signature is looked at.
# Versions: @payos/node 2.0.5 (npm), payos 1.1.0 (PyPI), Node.js 20, Python 3.
# Source: payos 1.1.0, `types/webhooks/webhook.py` and `resources/webhooks/webhooks.py`; @payos/node 2.0.5, type
#         `WebhookData`, `counterAccountName?`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @payos/node@2.0.5
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'payos==1.1.0'

cat > run.cjs <<'NODE'
const { PayOS } = require('@payos/node');

const client = new PayOS({ clientId: 'client', apiKey: 'key', checksumKey: 'checksum' });
(async () => {
  for (const text of process.argv.slice(2)) {
    await client.webhooks.verify(JSON.parse(text)).then(
      () => console.log('accepted'),
      (error) => console.log(`refused (${error.message})`),
    );
  }
})();
NODE
cat > run.py <<'PYTHON'
import hashlib
import hmac
import json
import subprocess
import sys

from payos import PayOS, WebhookError

NEEDED = {
    "orderCode": 123,
    "amount": 3000,
    "description": "order 123",
    "accountNumber": "12345678",
    "reference": "TF230204212323",
    "transactionDateTime": "2026-02-04 18:25:00",
    "currency": "VND",
    "paymentLinkId": "124c33293c43417ab7879e14c8d9eb18",
    "code": "00",
    "desc": "success",
}
OPTIONAL = {
    "counterAccountBankId": None,
    "counterAccountBankName": None,
    "counterAccountName": None,
    "counterAccountNumber": None,
    "virtualAccountName": None,
    "virtualAccountNumber": None,
}


def delivery(data):
    signed = "&".join(f"{name}={'' if data[name] is None else data[name]}" for name in sorted(data))
    mac = hmac.new(b"checksum", signed.encode(), hashlib.sha256).hexdigest()
    return {"code": "00", "desc": "success", "success": True, "data": data, "signature": mac}


def pypi(sent):
    try:
        client.webhooks.verify(sent)
        return "accepted"
    except WebhookError as error:
        return f"refused ({str(error).splitlines()[0]})"


client = PayOS(client_id="client", api_key="key", checksum_key="checksum")
deliveries = {
    "all optional members null": delivery({**NEEDED, **OPTIONAL}),
    "without them": delivery(NEEDED),
    "with one more": delivery({**NEEDED, **OPTIONAL, "channel": "qr"}),
}
command = ["node", "run.cjs", *map(json.dumps, deliveries.values())]
npm = subprocess.check_output(command, text=True).splitlines()
seen = [pypi(sent) for sent in deliveries.values()]
for what, one, other in zip(deliveries, npm, seen):
    print(f"{what}: npm {one}, PyPI {other}")
accepted = [answer == "accepted" for answer in seen]
sys.exit(1 if npm != ["accepted"] * 3 or accepted != [True, False, False] else 0)
PYTHON
venv/bin/python run.py
