#!/usr/bin/env bash
# A delivery of WhatsApp with two messages in it, in each of the three lists that it has, with two libraries.
#
# Guess: the handler is called for each message: `entry`, `changes` and `messages` are lists, and Meta puts several events
#        into one delivery when there are many.
# Seen:  both read the first of the first of the first. The second message is lost without an error, wherever it stands; pywa
#        answers 200. A test with one message at a time never shows it.
# Versions: pywa 4.5.0, httpx 0.28.1 (PyPI), whatsapp-api-js 6.3.0 (npm), Node.js 20, Python 3.
# Source: https://github.com/david-lev/pywa/issues/229 (open); https://github.com/netflie/whatsapp-cloud-api/pull/132, of
#         the same in PHP, tells of such deliveries in production.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts whatsapp-api-js@6.3.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'pywa==4.5.0' 'httpx==0.28.1'

cat > run.mjs <<'NODE'
import { WhatsAppAPI } from 'whatsapp-api-js';

const api = new WhatsAppAPI({ token: 'token', secure: false, v: 'v24.0' });
const told = [];
api.on.message = ({ message }) => { told.push(message.text.body); };
for (const delivery of JSON.parse(process.argv[2])) {
  told.length = 0;
  await api.post(delivery);
  console.log(told.join(' '));
}
NODE
cat > run.py <<'PYTHON'
import json
import subprocess
import sys

import httpx
from pywa import WhatsApp

nowhere = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
client = WhatsApp(
    phone_id="106540352242922",
    token="token",
    server=None,
    verify_token="verify",
    validate_updates=False,
    session=httpx.Client(transport=nowhere),
)
told = []


@client.on_message
def on_message(_, message):
    told.append(message.text)


def change(*texts):
    messages = [
        {
            "from": "16505551234",
            "id": f"wamid.{text}",
            "timestamp": "1777899600",
            "type": "text",
            "text": {"body": text},
        }
        for text in texts
    ]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
        "contacts": [{"profile": {"name": "A"}, "wa_id": "16505551234", "user_id": "US.1"}],
        "messages": messages,
    }
    return {"field": "messages", "value": value}


def delivery(*entries):
    entry = [{"id": "102290129340398", "changes": changes} for changes in entries]
    return {"object": "whatsapp_business_account", "entry": entry}


deliveries = {
    "one message": delivery([change("first")]),
    "two messages": delivery([change("first", "second")]),
    "two changes": delivery([change("first"), change("second")]),
    "two entries": delivery([change("first")], [change("second")]),
}
command = ["node", "run.mjs", json.dumps([*deliveries.values()])]
npm = subprocess.check_output(command, text=True).splitlines()
changed = False
for (what, sent), other in zip(deliveries.items(), npm, strict=True):
    told.clear()
    _, status = client.webhook_update_handler(update=json.dumps(sent).encode())
    print(f"{what}: pywa handled {' '.join(told)} and answered {status}, whatsapp-api-js handled {other}")
    changed = changed or (told, status, other) != (["first"], 200, "first")
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
