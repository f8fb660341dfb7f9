#!/usr/bin/env bash
# A deployment that adds a task: the new web process queues an event for it while an old worker is still there, with five
# queues on Redis; then the old worker is gone and the new one comes.
#
# Guess: a worker that does not know the task leaves it to one who does, or puts it where failed ones are seen, to be sent
#        again; the work is not thrown away.
# Seen:  Celery, taskiq and huey throw it away: a line in the old worker's log, and the message is acknowledged, though
#        taskiq's is a stream with acknowledgements and huey's task has `retries=3`. The new worker finds nothing, and
#        the event was answered 200. RQ has it among the failed jobs, dramatiq in its list of dead letters. Start the
#        new workers before the web processes, or let the old ones finish first.
# Versions: celery 5.7.0, taskiq 0.13.0, taskiq-redis 1.2.4, huey 3.5.4, dramatiq 2.2.1, rq 3.0.0, redis 8.1.0 (PyPI), Redis
#           7.0.15 (Debian 12), Python 3.
# Source: https://github.com/taskiq-python/taskiq/issues/569, by which taskiq acknowledges what it does not know.
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'celery==5.7.0' 'taskiq==0.13.0' 'taskiq-redis==1.2.4' 'huey==3.5.4' \
    'dramatiq==2.2.1' 'rq==3.0.0' 'redis==8.1.0' 'packaging==26.4'
if ! command -v redis-server > /dev/null; then
    apt-get install -y -q redis-server=5:7.0.15-1~deb12u10 > /dev/null
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no > redis.log &
server=$!
until redis-cli -p "$port" ping > /dev/null 2>&1; do kill -0 "$server"; sleep 0.1; done
export URL=redis://127.0.0.1:$port PYTHONPATH=.

# Each module is of the version that `VERSION` says: the new one has a task that the old one lacks.
cat > body.py <<'PYTHON'
import os

import redis

URL = os.environ["URL"]
IS_NEW = os.environ["VERSION"] == "new"


def ran(queue, task):
    redis.Redis.from_url(URL).sadd(f"ran:{queue}", task)
PYTHON
cat > with_celery.py <<'PYTHON'
import body
from celery import Celery

app = Celery("app", broker=body.URL + "/1")


@app.task(name="pay", max_retries=3)
def pay():
    body.ran("celery", "pay")


if body.IS_NEW:

    @app.task(name="refund", max_retries=3)
    def refund():
        body.ran("celery", "refund")
PYTHON
cat > with_taskiq.py <<'PYTHON'
import asyncio

import body
from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(url=body.URL + "/2")


@broker.task(task_name="pay")
async def pay():
    body.ran("taskiq", "pay")


if body.IS_NEW:

    @broker.task(task_name="refund")
    async def refund():
        body.ran("taskiq", "refund")


if __name__ == "__main__":
    asyncio.run(run_receiver_task(broker, run_startup=True))
PYTHON
cat > with_huey.py <<'PYTHON'
import body
from huey import RedisHuey

huey = RedisHuey(url=body.URL + "/3")


@huey.task(retries=3)
def pay():
    body.ran("huey", "pay")


if body.IS_NEW:

    @huey.task(retries=3)
    def refund():
        body.ran("huey", "refund")
PYTHON
cat > with_dramatiq.py <<'PYTHON'
import body
import dramatiq
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=body.URL + "/4")
dramatiq.set_broker(broker)


@dramatiq.actor
def pay():
    body.ran("dramatiq", "pay")


if body.IS_NEW:

    @dramatiq.actor
    def refund():
        body.ran("dramatiq", "refund")
PYTHON
cat > jobs.py <<'PYTHON'
import body


def pay():
    body.ran("rq", "pay")


if body.IS_NEW:

    def refund():
        body.ran("rq", "refund")
PYTHON
cat > enqueue.py <<'PYTHON'
import asyncio
import os
import sys

import jobs
import redis
import with_celery
import with_dramatiq
import with_huey
import with_taskiq
from rq import Queue, Retry


async def with_broker():
    await with_taskiq.broker.startup()
    for task in sys.argv[1:]:
        await getattr(with_taskiq, task).kiq()
    await with_taskiq.broker.shutdown()


rq = Queue("events", connection=redis.Redis.from_url(os.environ["URL"] + "/5"))
for task in sys.argv[1:]:
    getattr(with_celery, task).delay()
    getattr(with_huey, task)()
    getattr(with_dramatiq, task).send()
    rq.enqueue(getattr(jobs, task), retry=Retry(max=3))
asyncio.run(with_broker())
PYTHON
cat > left.py <<'PYTHON'
import os
import sys

import jobs
import redis
from rq import Queue
from rq.registry import FailedJobRegistry

url = os.environ["URL"]
ran = {name: redis.Redis.from_url(url, decode_responses=True).smembers(f"ran:{name}") for name in sys.argv[1:]}
left = {
    "celery": redis.Redis.from_url(url + "/1").llen("celery") + redis.Redis.from_url(url + "/1").hlen("unacked"),
    "taskiq": redis.Redis.from_url(url + "/2").xpending("taskiq", "taskiq")["pending"],
    "huey": len([key for key in redis.Redis.from_url(url + "/3").keys("*")]),
    "dramatiq": redis.Redis.from_url(url + "/4").zcard("dramatiq:default.XQ"),
    "rq": len(FailedJobRegistry(queue=Queue("events", connection=redis.Redis.from_url(url + "/5"))).get_job_ids()),
}
changed = False
for name, count in left.items():
    print(f"{name}: has run the refund: {'refund' in ran[name]}; waiting, under way, dead or failed: {count}")
    changed |= "refund" in ran[name] or count != (1 if name in ("dramatiq", "rq") else 0)
sys.exit(changed)
PYTHON

NAMES=(celery taskiq huey dramatiq rq)
# Workers of a version, until each queue has run `pay`, which was queued last.
work() {
    local workers=() worker dramatiq name
    VERSION=$1 venv/bin/celery -A with_celery worker --pool solo --loglevel CRITICAL > /dev/null 2>&1 &
    workers+=("$!")
    VERSION=$1 venv/bin/python with_taskiq.py > /dev/null 2>&1 &
    workers+=("$!")
    VERSION=$1 venv/bin/huey_consumer with_huey.huey --workers 1 --quiet > /dev/null 2>&1 &
    workers+=("$!")
    VERSION=$1 venv/bin/dramatiq with_dramatiq --processes 1 --threads 1 > /dev/null 2>&1 &
    dramatiq=$!
    workers+=("$dramatiq")
    VERSION=$1 venv/bin/rq worker --worker-class rq.SimpleWorker --url "$URL/5" --quiet events > /dev/null 2>&1 &
    workers+=("$!")
    for name in "${NAMES[@]}"; do
        until test "$(redis-cli -p "$port" srem "ran:$name" pay)" = 1; do sleep 0.2; done
    done
    # dramatiq has processes below it, which it ends itself; the others have nothing left to do.
    for worker in "${workers[@]}"; do
        test "$worker" = "$dramatiq" || kill -KILL "$worker"
    done
    kill -TERM "$dramatiq"
    for worker in "${workers[@]}"; do wait "$worker" 2> /dev/null || true; done
}

VERSION=new venv/bin/python enqueue.py refund pay
work old
# What the old workers have left is ahead of this one.
VERSION=new venv/bin/python enqueue.py pay
work new
VERSION=new venv/bin/python left.py "${NAMES[@]}"
