#!/usr/bin/env bash
# A delivery of EasyPost whose signature's header is written in three ways, as adapters do, with EasyPost's two SDKs.
#
# Guess: the name of a header is the same in any case, so that both SDKs find the signature in whichever dict of headers they
#        are handed.
# Seen:  PyPI's looks for `X-Hmac-Signature` and for nothing else. `dict(request.headers)` of Flask has it so; Starlette and
#        FastAPI, and API Gateway's HTTP API, hand out small letters: each delivery raises "does not contain an HMAC
#        signature", which reads as if EasyPost had not signed. npm's takes small letters as well, and no third spelling.
# Versions: easypost 10.7.0, Flask 3.1.3, Starlette 1.10.0, httpx 0.28.1 (PyPI), @easypost/api 8.9.0 (npm), Node.js 20,
#           Python 3.
# Source: `validate_webhook` in `easypost/util.py`; https://github.com/EasyPost/easypost-node/issues/399 (closed), of the same
#         in the other SDK.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @easypost/api@8.9.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
    'easypost==10.7.0' 'Flask==3.1.3' 'starlette==1.10.0' 'httpx==0.28.1'

cat > run.mjs <<'NODE'
import EasyPostClient from '@easypost/api';

const { Utils: utils } = new EasyPostClient('none');
const [body, ...tries] = process.argv.slice(2);
for (const headers of tries) {
  try {
    utils.validateWebhook(Buffer.from(body), JSON.parse(headers), 'secret');
    console.log('accepted');
  } catch (error) {
    console.log(error.message);
  }
}
NODE
cat > run.py <<'PYTHON'
import asyncio
import hashlib
import hmac
import json
import subprocess
import sys

import flask
import httpx
from easypost.errors import SignatureVerificationError
from easypost.util import validate_webhook
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

BODY = '{"description":"tracker.updated"}'
SENT = {
    "X-Hmac-Signature": "hmac-sha256-hex="
    + hmac.new(b"secret", BODY.encode(), hashlib.sha256).hexdigest()
}
flask_app = flask.Flask("app")


@flask_app.post("/")
def headers_of_flask():
    return dict(flask.request.headers)


async def headers_of_starlette(request):
    return JSONResponse(dict(request.headers))


async def asked(app):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://hooks.example") as client:
        return (await client.post("/", headers=SENT)).json()


def pypi(headers):
    try:
        validate_webhook(BODY.encode(), headers, "secret")
        return "accepted"
    except SignatureVerificationError as error:
        return error.message


starlette_app = Starlette(routes=[Route("/", headers_of_starlette, methods=["POST"])])
seen_by = {
    "Flask": flask_app.test_client().post("/", headers=SENT).json,
    "Starlette": asyncio.run(asked(starlette_app)),
    "capitals": {name.upper(): value for name, value in SENT.items()},
}
command = ["node", "run.mjs", BODY, *map(json.dumps, seen_by.values())]
npm = subprocess.check_output(command, text=True).splitlines()
answers = [pypi(headers) for headers in seen_by.values()]
for (where, headers), one, other in zip(seen_by.items(), answers, npm):
    name = next(name for name in headers if name.lower() == "x-hmac-signature")
    print(f"{where}, {name}: PyPI {one}; npm {other}")
accepted = [[answer == "accepted" for answer in all_of] for all_of in (answers, npm)]
missing = "does not contain an HMAC signature" in answers[1]
sys.exit(0 if missing and accepted == [[True, False, False], [True, True, False]] else 1)
PYTHON
venv/bin/python run.py
