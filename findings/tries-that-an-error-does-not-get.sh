#!/usr/bin/env bash
# A job with `max_tries=5` whose handler raises an error, with two queues for asyncio on Redis.
#
# Guess: the database is down for a moment, the handler raises, and the job is tried again, four more times.
# Seen:  it is run once and has failed for good, with arq as with streaQ, though streaQ's documents have `max_tries` for
#        a task that fails. What is raised must be their own Retry, and with that there are five runs. So a delivery
#        that was answered 200 and queued is lost by the first error that nobody thought of.
# Versions: arq 0.28.0, streaq 7.2.0, redis 5.3.1 (PyPI), Redis 7.0.15 (Debian 12), Python 3.
# Source: https://arq-docs.helpmanual.io/, "Retrying jobs and cancellation", which has the Retry; `streaq/worker.py` of
#         streaq 7.2.0, `max_tries`.
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'arq==0.28.0' 'streaq==7.2.0' 'redis==5.3.1'
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

import arq
import arq.connections
import streaq

logging.disable()
PORT = int(sys.argv[1])
runs = {"arq, an error": 0, "arq, its Retry": 0, "streaQ, an error": 0, "streaQ, its StreaqRetry": 0}


def handler(name, error):
    async def handle(*_context):
        runs[name] += 1
        raise error

    return handle


async def on_both():
    pool = await arq.create_pool(arq.connections.RedisSettings(port=PORT))
    functions = [
        arq.func(handler("arq, an error", RuntimeError("database is down")), name="error", max_tries=5),
        arq.func(handler("arq, its Retry", arq.Retry(defer=0)), name="retry", max_tries=5),
    ]
    worker = arq.Worker(functions, redis_pool=pool, handle_signals=False, poll_delay=0.05)
    other = streaq.Worker(redis_url=f"redis://127.0.0.1:{PORT}", handle_signals=False)
    tasks = [
        other.task(max_tries=5, name="error")(handler("streaQ, an error", RuntimeError("database is down"))),
        other.task(max_tries=5, name="retry")(handler("streaQ, its StreaqRetry", streaq.StreaqRetry("again", delay=0))),
    ]
    await pool.enqueue_job("error")
    await pool.enqueue_job("retry")
    async with other:
        for task in tasks:
            await task.enqueue()
    both = [asyncio.create_task(worker.main()), asyncio.create_task(other.run_async())]
    # Those that are tried again have had five runs within three seconds or so; then some time for the others.
    for _ in range(100):
        await asyncio.sleep(0.2)
        if min(runs["arq, its Retry"], runs["streaQ, its StreaqRetry"]) == 5:
            break
    await asyncio.sleep(3)
    for running in both:
        running.cancel()
    await asyncio.gather(*both, return_exceptions=True)


asyncio.run(on_both())
for name, count in runs.items():
    print(f"{name}: {count} run(s)")
sys.exit(0 if list(runs.values()) == [1, 5, 1, 5] else 1)
PYTHON
venv/bin/python run.py "$port"
