#!/usr/bin/env bash
# A task that is to wait for no second one like it, and asks to be tried again, with Celery and celery-singleton on Redis.
#
# Guess: `base=Singleton` keeps a second delivery of an event from being queued while the first one is; the task itself,
#        when it calls `self.retry()` or is under `autoretry_for`, is tried again as any task is.
# Seen:  the retry is taken for a duplicate of the task that asks for it, and is not queued. The worker's log says "Retry in
#        1s", and the task is in the state RETRY for good. Its lock stays too and has no end, so that each later
#        delivery of the event is given the old task's id and is never run. The same task without `Singleton` succeeds
#        at its second try, and a singleton that fails without asking for a retry lets go of its lock.
# Versions: celery 5.7.0, kombu 5.7.0, celery-singleton 0.3.1, redis 8.1.0 (PyPI), Redis 7.0.15 (Debian 12), Python 3.
# Source: https://github.com/steinitzu/celery-singleton/issues/20 (open); its README has nothing on retries.
set -euo pipefail

folder=$(mktemp -d)
server=
worker=
trap 'for process in $worker $server; do kill "$process" && wait "$process" || true; done; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'celery[redis]==5.7.0' 'kombu==5.7.0' 'celery-singleton==0.3.1' \
    'redis==8.1.0'
if ! command -v redis-server > /dev/null; then
    apt-get install -y -q redis-server=5:7.0.15-1~deb12u10 > /dev/null
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no > redis.log &
server=$!
until redis-cli -p "$port" ping > /dev/null 2>&1; do kill -0 "$server"; sleep 0.1; done
export URL=redis://127.0.0.1:$port/0

cat > tasks.py <<'PYTHON'
import os
from pathlib import Path

from celery import Celery
from celery_singleton import Singleton

app = Celery("tasks", broker=os.environ["URL"], backend=os.environ["URL"])


def begin(name):
    with Path("runs").open("a") as file:
        file.write(f"{name}\n")
    return Path("runs").read_text().split().count(name)


@app.task(bind=True, default_retry_delay=1)
def plain(self):
    if begin("plain") == 1:
        raise self.retry()


@app.task(bind=True, default_retry_delay=1, base=Singleton)
def asks(self):
    if begin("asks") == 1:
        raise self.retry()


@app.task(autoretry_for=(RuntimeError,), retry_backoff=1, retry_jitter=False, base=Singleton)
def automatic():
    if begin("automatic") == 1:
        raise RuntimeError


@app.task(base=Singleton)
def fails():
    if begin("fails") == 1:
        raise RuntimeError
PYTHON
cat > deliver.py <<'PYTHON'
import os
import sys
import time
from pathlib import Path

import tasks
from redis import Redis

names = ["plain", "asks", "automatic", "fails"]
kinds = [getattr(tasks, name) for name in names]


def wait_for(what):
    end = time.monotonic() + 60
    while not what():
        if time.monotonic() > end:
            sys.exit("nothing has happened for a minute")
        time.sleep(0.2)


firsts = [kind.delay() for kind in kinds]
wait_for(lambda: [first.state for first in firsts] == ["SUCCESS", "RETRY", "RETRY", "FAILURE"])
# Each retry was due a second after its task began; a retry of `plain` has come and gone meanwhile, and more time passes.
time.sleep(5)
client = Redis.from_url(os.environ["URL"])
locks = [client.ttl(key) for key in client.keys("SINGLETON*")]
seconds = [kind.delay() for kind in kinds]
is_same = [first.id == second.id for first, second in zip(firsts, seconds)]
wait_for(lambda: [second.state for second in seconds] == ["SUCCESS", "RETRY", "RETRY", "SUCCESS"])
time.sleep(3)
runs = [Path("runs").read_text().split().count(name) for name in names]
for row in zip(names, runs, is_same, [second.state for second in seconds]):
    print("{}: {} run(s) of two deliveries, the second is the first: {}, {}".format(*row))
print("seconds that the locks are kept, -1 for ever:", locks)
sys.exit(0 if (runs, is_same, locks) == ([3, 1, 1, 2], [False, True, True, False], [-1, -1]) else 1)
PYTHON
venv/bin/celery -A tasks worker --pool solo --loglevel INFO --without-gossip --without-mingle > worker.log 2>&1 &
worker=$!
venv/bin/python deliver.py
announced=$(grep -cF 'retry: Retry in 1s' worker.log || true)
told=$(grep -ci duplicate worker.log || true)
echo "the worker's log: $announced retries announced, $told words on duplicates"
test "$announced $told" = '3 0'
