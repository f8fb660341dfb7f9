#!/usr/bin/env bash
# A delivery that succeeded and comes again under its Idempotency-Key, and two equal ones without a key, with two
# middlewares.
#
# Guess: the second one with the key gets the first one's answer, and the handler is not run again; without a key each
#        runs, for a middleware for Idempotency-Key has nothing to go by.
# Seen:  django-idempotency-key does not run the handler, and answers 409 with the body of the first: a sender whose
#        first answer was lost takes that for a failure, and goes on until it gives up or turns the endpoint off. The
#        same key under a new Authorization, as a token that is made for each try, runs the handler again.
#        fastapi-idempotency replays 200 as one would guess, and holds back the second of two equal bodies without a key
#        too, for ten seconds: the second of two pings gets the first one's answer, and the handler never learns of it.
# Versions: django-idempotency-key 1.3.0, Django 5.2.19, djangorestframework 3.17.1, fastapi-idempotency 0.1.1,
#           starlette 1.10.0, httpx 0.28.1, fastapi 0.165.0 (PyPI), Python 3.
# Source: README of django-idempotency-key 1.3.0, `CONFLICT_STATUS_CODE`, and its `encoders.py`; README of
#         fastapi-idempotency 0.1.1, `automatic_window`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'django-idempotency-key==1.3.0' 'Django==5.2.19' \
    'djangorestframework==3.17.1' 'fastapi-idempotency==0.1.1' 'starlette==1.10.0' 'httpx==0.28.1' 'fastapi==0.165.0'

cat > run.py <<'PYTHON'
import asyncio
import sys

import django
import django.conf
import django.http
import django.test
import django.urls
import httpx
from fastapi_idempotency import IdempotencyMiddleware
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

BODY = b'{"type":"ping"}'
KEY = {"Idempotency-Key": "evt_1"}
runs = {"Django": 0, "FastAPI": 0}


def with_django(_request):
    runs["Django"] += 1
    return django.http.JsonResponse({"run": runs["Django"]})


async def with_fastapi(_request):
    runs["FastAPI"] += 1
    return JSONResponse({"run": runs["FastAPI"]})


urlpatterns = [django.urls.path("hook", with_django)]
django.conf.settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["idempotency_key.middleware.IdempotencyKeyMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="for this run only",
)
django.setup()


async def main():
    client = django.test.Client()
    seen = []
    for headers in (KEY, KEY, KEY | {"Authorization": "Bearer 2"}):
        answer = client.post("/hook", BODY, content_type="application/json", headers=headers)
        seen.append(("Django", ", ".join(headers), answer.status_code, answer.json()["run"]))
    app = IdempotencyMiddleware(Starlette(routes=[Route("/hook", with_fastapi, methods=["POST"])]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://receiver") as client:
        for headers in (KEY, KEY, {}, {}):
            answer = await client.post("/hook", content=BODY, headers=headers)
            seen.append(("FastAPI", ", ".join(headers), answer.status_code, answer.json()["run"]))
    for name, headers, status, run in seen:
        print(f"{name}, with {headers or 'no key'}: answered {status} by run {run}")
    outcome = [(status, run) for _, _, status, run in seen]
    expected = [(200, 1), (409, 1), (200, 2), (200, 1), (200, 1), (200, 2), (200, 2)]
    return outcome == expected and runs == {"Django": 2, "FastAPI": 2}


sys.exit(0 if asyncio.run(main()) else 1)
PYTHON
venv/bin/python run.py
