#!/usr/bin/env bash
# A job that always fails and has a budget of three, in the words of four queues.
#
# Guess: `retries=3` and `max_retries=3` are three runs behind the first one, four in all, and `max_attempts=3` is three
#        in all.
# Seen:  the words tell nothing. Procrastinate's `max_attempts=3` is four runs, SAQ's `retries=3` and taskiq's
#        `max_retries=3` are three; with `retries=1` SAQ does not try again at all. huey means what it says. So a budget
#        that is carried from one queue to the next is one run more or less, without an error.
# Versions: procrastinate 3.10.0, saq 0.26.4, taskiq 0.13.0, huey 3.5.4, redis 5.3.1 (PyPI), Redis 7.0.15 (Debian 12),
#           Python 3. Procrastinate runs on the connector that it has for tests, which counts as its SQL does.
# Source: `get_retry_decision` of procrastinate 3.10.0; `retryable` of saq 0.26.4, whose documents call `retries` the
#         number of attempts; `SimpleRetryMiddleware` of taskiq 0.13.0.
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'procrastinate==3.10.0' 'saq==0.26.4' 'taskiq==0.13.0' 'huey==3.5.4' \
    'redis==5.3.1'
if ! command -v redis-server > /dev/null; then
    apt-get install -y -q redis-server=5:7.0.15-1~deb12u10 > /dev/null
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no > redis.log &
server=$!
until redis-cli -p "$port" ping > /dev/null 2>&1; do kill -0 "$server"; sleep 0.1; done

cat > run.py <<'PYTHON'
import asyncio
import logging
import sys

import huey
import procrastinate
import procrastinate.testing
import saq
import taskiq

logging.disable()
NAMES = ["Procrastinate, max_attempts=3", "SAQ, retries=3", "SAQ, retries=1", "taskiq, max_retries=3", "huey, retries=3"]
runs = dict.fromkeys(NAMES, 0)


def fail(name):
    runs[name] += 1
    raise RuntimeError("database is down")


async def with_procrastinate(name):
    app = procrastinate.App(connector=procrastinate.testing.InMemoryConnector())
    task = app.task(name="handle", retry=procrastinate.RetryStrategy(max_attempts=3))(lambda: fail(name))
    async with app.open_async():
        await task.defer_async()
        for _ in range(8):
            await app.run_worker_async(wait=False, install_signal_handlers=False)


async def with_saq(name, retries):
    async def handle(_context):
        fail(name)

    queue = saq.Queue.from_url(f"redis://127.0.0.1:{sys.argv[1]}", name=name)
    worker = saq.Worker(queue, functions=[("handle", handle)])
    job = await queue.enqueue("handle", retries=retries)
    while job.status != saq.Status.FAILED:
        await worker.process()
        await job.refresh()
    await queue.disconnect()


async def with_taskiq(name):
    broker = taskiq.InMemoryBroker(await_inplace=True).with_middlewares(taskiq.SimpleRetryMiddleware())
    await broker.startup()
    await broker.register_task(lambda: fail(name), "handle", retry_on_error=True, max_retries=3).kiq()
    await broker.wait_all()


first, second, third, fourth, fifth = NAMES
asyncio.run(with_procrastinate(first))
asyncio.run(with_saq(second, 3))
asyncio.run(with_saq(third, 1))
asyncio.run(with_taskiq(fourth))
huey.MemoryHuey(immediate=True).task(retries=3)(lambda: fail(fifth))()
for name, count in runs.items():
    print(f"{name}: {count} run(s)")
sys.exit(0 if list(runs.values()) == [4, 3, 1, 3, 4] else 1)
PYTHON
venv/bin/python run.py "$port"
