#!/usr/bin/env bash
# A text message delivered by GET, whose signature is over the URL, at Twilio's validator for Python in four frameworks.
#
# Guess: `request.url` (`build_absolute_uri()` in Django) is the URL that was requested; the check that Twilio's tutorial has
#        for Flask, `validator.validate(request.url, request.form, signature)`, holds for any message.
# Seen:  Flask unescapes it for people to read: with an accent, an apostrophe or a question mark in the message the delivery
#        is refused as a forgery is, and `hello there` is accepted: messages go missing by what people wrote.
#        `request.base_url` with `request.query_string` behind it accepts all. Starlette leaves the query alone, and
#        unescapes the path: with a blank in the registered URL it refuses each delivery. Django and aiohttp accept all.
# Versions: twilio 9.13.0, Flask 3.1.3, Werkzeug 3.1.9, Django 5.2.19, starlette 1.10.0, uvicorn 0.54.0, aiohttp 3.14.5
#           (PyPI), Python 3.
# Source: https://www.twilio.com/docs/usage/tutorials/how-to-secure-your-flask-app-by-validating-incoming-twilio-requests,
#         which warns below its code that a framework may unescape the query; https://github.com/pallets/werkzeug/pull/501.
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'twilio==9.13.0' 'Flask==3.1.3' 'Werkzeug==3.1.9' 'Django==5.2.19' \
    'starlette==1.10.0' 'uvicorn==0.54.0' 'aiohttp==3.14.5'

cat > servers.py <<'PYTHON'
import logging
import sys

from twilio.request_validator import RequestValidator

which, port = sys.argv[1], int(sys.argv[2])
logging.disable()


def answer(url, headers):
    return str(RequestValidator("token").validate(url, {}, headers["X-Twilio-Signature"]))


if which.startswith("Flask"):
    from flask import Flask, request
    from werkzeug.serving import run_simple

    app = Flask("app")

    @app.get("/<path:path>")
    def hook(path):
        raw = f"{request.base_url}?{request.query_string.decode()}"
        return answer(request.url if which == "Flask" else raw, request.headers)

    run_simple("127.0.0.1", port, app)
elif which == "Django":
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import re_path
    from werkzeug.serving import run_simple

    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[])
    urlpatterns = [re_path("", lambda request: HttpResponse(answer(request.build_absolute_uri(), request.headers)))]
    run_simple("127.0.0.1", port, get_wsgi_application())
elif which == "Starlette":
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def hook(request):
        return PlainTextResponse(answer(str(request.url), request.headers))

    uvicorn.run(Starlette(routes=[Route("/{path:path}", hook)]), port=port, log_level="critical")
else:
    from aiohttp import web

    async def hook(request):
        return web.Response(text=answer(str(request.url), request.headers))

    app = web.Application()
    app.router.add_get("/{path:.*}", hook)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)
PYTHON
cat > send.py <<'PYTHON'
import http.client
import sys
from urllib.parse import quote_plus

from twilio.request_validator import RequestValidator

TEXTS = ("hello there", "50% + 5", "ready?", "café", "it's")
MESSAGES = {**dict.fromkeys(TEXTS, "/sms"), "hello": "/my%20sms"}
answers = []
for message, path in MESSAGES.items():
    target = f"{path}?From=%2B15550100&Body={quote_plus(message)}"
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
    signature = RequestValidator("token").compute_signature(f"http://hooks.example{target}", {})
    connection.request("GET", target, headers={"Host": "hooks.example", "X-Twilio-Signature": signature})
    answers.append(f"{message} at {path}: {connection.getresponse().read().decode()}")
print("; ".join(answers))
PYTHON

changed=0
# The framework, and what its check is expected to say of each message.
see() {
    local name=$1 port answer
    shift
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    venv/bin/python servers.py "$name" "$port" 2> /dev/null &
    server=$!
    until answer=$(venv/bin/python send.py "$port" 2> /dev/null); do kill -0 "$server"; sleep 0.2; done
    kill "$server"
    wait "$server" 2> /dev/null || true
    server=
    echo "$name: $answer"
    test "$(grep -oE 'True|False' <<< "$answer" | tr '\n' ' ')" = "$* " || changed=1
}

see 'Flask' True True False False False True
see 'Flask, with the raw query' True True True True True True
see 'Starlette' True True True True True False
see 'Django' True True True True True True
see 'aiohttp' True True True True True True
exit "$changed"
