#!/usr/bin/env bash
# A retry under the same Idempotency-Key, by what the handler answered, with an ASGI middleware.
#
# Guess: once a handler has succeeded, a retry gets the stored answer whatever its content type, and once
#        it has failed with 500, a retry runs it again.
# Seen:  the reverse for the most common answers to a webhook. Only answers of JSON are stored, so after an
#        empty 204 or a text `ok` the retry runs the handler a second time; and a 500 in JSON is stored,
#        so the retry of the failed delivery gets 500 without the handler's being run, until it expires.
# Versions: asgi-idempotency-header 0.2.0, starlette 1.10.0, httpx 0.28.1, fastapi 0.165.0 (PyPI), Python 3.
# Source: its README says that only JSON is kept, which shuts out the 204; not that failures are kept too.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check 'asgi-idempotency-header==0.2.0' \
    'starlette==1.10.0' 'httpx==0.28.1' 'fastapi==0.165.0' 'redis==5.3.1'

"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import sys
import uuid

import httpx
from idempotency_header_middleware import IdempotencyHeaderMiddleware
from idempotency_header_middleware.backends import MemoryBackend
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

ANSWERS = {
    "/json": JSONResponse({"received": True}),
    "/text": PlainTextResponse("ok"),
    "/empty": Response(status_code=204),
    "/failed": JSONResponse({"error": "database is down"}, status_code=500),
}
EXPECTED = {"/json": 1, "/text": 2, "/empty": 2, "/failed": 1}
runs = dict.fromkeys(ANSWERS, 0)


async def handle(request):
    runs[request.url.path] += 1
    return ANSWERS[request.url.path]


async def main():
    routes = [Route(path, handle, methods=["POST"]) for path in ANSWERS]
    app = IdempotencyHeaderMiddleware(Starlette(routes=routes), backend=MemoryBackend())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
        for path in ANSWERS:
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            statuses = [(await client.post(path, headers=headers)).status_code for _ in range(2)]
            print(f"{path}: answered {statuses}, handler ran {runs[path]} time(s)")


asyncio.run(main())
sys.exit(1 if runs != EXPECTED else 0)
PYTHON
