#!/usr/bin/env bash
# A delivery with its signature header on two lines, as Mollie sends it while a secret is being changed, asked for by
# the plain getter of four frameworks.
#
# Guess: `headers.get("x-mollie-signature")` is both values with a comma between, which is what two lines of one name
#        mean in HTTP; code that splits at commas and takes either works everywhere.
# Seen:  so it is with werkzeug (Flask) and Express. Starlette (FastAPI) and aiohttp hand out the first line alone: where
#        the new secret's signature is on the second, each true delivery is refused as forged, and the value
#        that would do is to be had by `getlist` and `getall` only.
# Versions: starlette 1.10.0, uvicorn 0.54.0, aiohttp 3.14.5, Werkzeug 3.1.9 (PyPI), express 5.3.0 (npm), Python 3, Node.js 20.
# Source: RFC 9110, sections 5.2 and 5.3; Mollie's PHP library has a list of signatures where a header is on several lines.
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts express@5.3.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'starlette==1.10.0' 'uvicorn==0.54.0' 'aiohttp==3.14.5' \
    'Werkzeug==3.1.9'

cat > express.mjs <<'NODE'
import express from 'express';

const app = express();
app.post('/', (request, response) => response.send(request.get('x-mollie-signature')));
app.listen(Number(process.argv[2]), '127.0.0.1');
NODE
cat > servers.py <<'PYTHON'
import sys

NAME = "x-mollie-signature"
which, port = sys.argv[1], int(sys.argv[2])
if which == "starlette":
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def hook(request):
        return PlainTextResponse(request.headers.get(NAME))

    app = Starlette(routes=[Route("/", hook, methods=["POST"])])
    uvicorn.run(app, port=port, log_level="critical")
elif which == "aiohttp":
    from aiohttp import web

    async def hook(request):
        return web.Response(text=request.headers.get(NAME))

    app = web.Application()
    app.router.add_post("/", hook)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)
else:
    import logging

    from werkzeug.serving import run_simple
    from werkzeug.wrappers import Request, Response

    logging.disable()

    @Request.application
    def hook(request):
        return Response(request.headers.get(NAME))

    run_simple("127.0.0.1", port, hook)
PYTHON
cat > send.py <<'PYTHON'
import http.client
import sys

connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
connection.putrequest("POST", "/")
for value in ("sha256=old", "sha256=new"):
    connection.putheader("X-Mollie-Signature", value)
connection.putheader("Content-Length", "0")
connection.endheaders()
print(connection.getresponse().read().decode().replace(" ", ""))
PYTHON

changed=0
# The framework's name, what its getter is expected to say, and the command, to which the port is added.
see() {
    local name=$1 expected=$2 port answer
    shift 2
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$@" "$port" &
    server=$!
    until answer=$(python3 send.py "$port" 2> /dev/null); do kill -0 "$server"; sleep 0.2; done
    kill "$server"
    wait "$server" 2> /dev/null || true
    server=
    echo "$name: $answer"
    test "$answer" = "$expected" || changed=1
}

see 'Express' 'sha256=old,sha256=new' node express.mjs
see 'werkzeug' 'sha256=old,sha256=new' venv/bin/python servers.py werkzeug
see 'Starlette' 'sha256=old' venv/bin/python servers.py starlette
see 'aiohttp' 'sha256=old' venv/bin/python servers.py aiohttp
exit "$changed"
