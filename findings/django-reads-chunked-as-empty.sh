#!/usr/bin/env bash
# A signed delivery whose body is sent in chunks, without a length, at Django and Flask on four servers.
#
# Guess: a body is a body: `request.body` is the bytes that were sent, however HTTP carried them, or the request is refused
#        with 411; it is the server that takes chunks apart.
# Seen:  on gunicorn and cheroot Django reads nothing, with no error: it reads as much as `CONTENT_LENGTH` says, which a
#        chunked request has not. An empty body has another signature, so that each true delivery of such a sender, or
#        through a proxy that hands bodies on as they come, is refused as a forgery is. Flask on the same servers
#        reads it all, and so does Django on waitress, which waits for the end and writes a length, and on ASGI.
# Versions: Django 5.2.19, Flask 3.1.3, gunicorn 27.0.1, cheroot 11.1.2, waitress 3.0.2, uvicorn 0.54.0 (PyPI), Python 3.
# Source: https://code.djangoproject.com/ticket/35838; https://github.com/benoitc/gunicorn/issues/2947 (closed: as meant).
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'Django==5.2.19' 'Flask==3.1.3' 'gunicorn==27.0.1' 'cheroot==11.1.2' \
    'waitress==3.0.2' 'uvicorn==0.54.0'

cat > proof.py <<'PYTHON'
import hashlib
import hmac


def answer(body, signature):
    mac = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    return f"{'accepted' if mac == signature else 'refused'}, {len(body)} bytes"
PYTHON
cat > with_django.py <<'PYTHON'
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from proof import answer

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[])
urlpatterns = [path("", lambda request: HttpResponse(answer(request.body, request.headers["X-Signature"])))]
application, asgi = get_wsgi_application(), get_asgi_application()
PYTHON
cat > with_flask.py <<'PYTHON'
from flask import Flask, request
from proof import answer

application = Flask(__name__)
application.post("/")(lambda: answer(request.get_data(), request.headers["X-Signature"]))
PYTHON
cat > serve.py <<'PYTHON'
import importlib
import sys

which, module, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
application = importlib.import_module(module).application
if which == "cheroot":
    from cheroot.wsgi import Server

    Server(("127.0.0.1", port), application).start()
else:
    from waitress import serve

    serve(application, listen=f"127.0.0.1:{port}", _quiet=True)
PYTHON
cat > send.py <<'PYTHON'
import hashlib
import hmac
import http.client
import sys

BODY = b'{"id":"evt_1"}'
headers = {"X-Signature": hmac.new(b"secret", BODY, hashlib.sha256).hexdigest(), "Content-Type": "application/json"}
answers = []
for body in (BODY, iter([BODY[:6], BODY[6:]])):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
    connection.request("POST", "/", body=body, headers=headers, encode_chunked=body is not BODY)
    answers.append(connection.getresponse().read().decode())
print("; ".join(answers))
PYTHON

changed=0
whole='accepted, 14 bytes'
# What runs, what is expected of chunks, and the command, to which the port is added.
see() {
    local name=$1 expected=$2 port answer
    shift 2
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "${@//PORT/$port}" > server.log 2>&1 &
    server=$!
    until answer=$(python3 send.py "$port" 2> /dev/null); do kill -0 "$server"; sleep 0.2; done
    kill "$server"
    wait "$server" 2> /dev/null || true
    server=
    echo "$name, with a length; in chunks: $answer"
    test "$answer" = "$whole; $expected" || changed=1
}

empty='refused, 0 bytes'
see 'Django on gunicorn' "$empty" venv/bin/gunicorn -b 127.0.0.1:PORT with_django:application
see 'Django on cheroot' "$empty" venv/bin/python serve.py cheroot with_django PORT
see 'Django on waitress' "$whole" venv/bin/python serve.py waitress with_django PORT
see 'Django on uvicorn' "$whole" venv/bin/uvicorn --port PORT with_django:asgi
see 'Flask on gunicorn' "$whole" venv/bin/gunicorn -b 127.0.0.1:PORT with_flask:application
see 'Flask on cheroot' "$whole" venv/bin/python serve.py cheroot with_flask PORT
exit "$changed"
