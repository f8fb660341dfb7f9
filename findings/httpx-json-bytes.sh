#!/usr/bin/env bash
# Signing what `json=` sends, with three HTTP clients of Python.
#
# Guess: `post(url, json=event)` sends the bytes of `json.dumps(event)`, so a sender that signs those is
#        accepted, whichever client it uses: httpx follows requests in its interface.
# Seen:  requests and aiohttp do, httpx does not: since 0.28.0 it leaves out the blanks and writes letters
#        beyond ASCII as they are. The same code was right with httpx 0.27.2. After the upgrade each
#        signature is wrong for any event of two members. Sign the bytes and send them with `content=`.
# Versions: httpx 0.27.2 and 0.28.1, requests 2.34.2, aiohttp 3.14.5 (PyPI), Python 3.
# Source: release notes of httpx 0.28.0 ("more compact" JSON bodies).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    'httpx==0.28.1' 'requests==2.34.2' 'aiohttp==3.14.5'
"$folder/venv/bin/pip" install -q --disable-pip-version-check --target "$folder/before" 'httpx==0.27.2'

cat > "$folder/run.py" <<'PYTHON'
import asyncio
import hashlib
import hmac
import http.server
import json
import sys
import threading

EVENT = {"type": "invoice.paid", "amount": 1500}
SECRET = b"secret of the test"
changed = False


def sign(body):
    return hmac.new(SECRET, body, hashlib.sha256).hexdigest()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = hmac.compare_digest(sign(body), self.headers["Signature"])
        self.server.answers.append((good, body.decode()))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
server.answers = []
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
headers = {"Signature": sign(json.dumps(EVENT).encode())}


def seen(client, expected):
    global changed
    good, body = server.answers.pop()
    print(f"{client}: {'accepted' if good else 'refused'}: {body}")
    changed = changed or good != expected


import httpx

httpx.post(url, json=EVENT, headers=headers)
seen(f"httpx {httpx.__version__}", httpx.__version__ == "0.27.2")
if httpx.__version__ != "0.27.2":
    import aiohttp
    import requests

    requests.post(url, json=EVENT, headers=headers)
    seen(f"requests {requests.__version__}", True)

    async def with_aiohttp():
        async with aiohttp.ClientSession() as session:
            await session.post(url, json=EVENT, headers=headers)

    asyncio.run(with_aiohttp())
    seen(f"aiohttp {aiohttp.__version__}", True)
sys.exit(1 if changed else 0)
PYTHON
PYTHONPATH="$folder/before" "$folder/venv/bin/python" "$folder/run.py"
"$folder/venv/bin/python" "$folder/run.py"
