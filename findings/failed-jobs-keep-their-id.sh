#!/usr/bin/env bash
# Using the event's id as the job's id, and adding the event once more, with three queues on Redis.
#
# Guess: one id is one job: what waits is not added twice, and once a job has failed for good, the event that
#        the sender delivers again gets a new try.
# Seen:  with BullMQ and arq the failed job holds its id, so the new delivery is swallowed without an error
#        and never runs: BullMQ returns a job as if it had been added (kept until removed), arq returns
#        None (for an hour). With RQ it is the other way about: the id of a job that still waits is put into
#        the queue a second time, and the event is handled twice.
# Versions: bullmq 6.7.0 and ioredis 6.0.0 (npm), arq 0.28.0, rq 3.0.0, redis 5.3.1 (PyPI), Redis
#           7.0.15 (Debian 12), Node.js 20, Python 3.
# Source: BullMQ's guide "Job Ids" and arq's "Job uniqueness" tell of jobs that are there, not of failed ones.
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } || true; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts bullmq@6.7.0 ioredis@6.0.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'arq==0.28.0' 'rq==3.0.0' 'redis==5.3.1'
if ! command -v redis-server > /dev/null; then
    apt-get install -y -q redis-server=5:7.0.15-1~deb12u10 > /dev/null
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no > redis.log &
server=$!
until redis-cli -p "$port" ping > /dev/null 2>&1; do kill -0 "$server"; sleep 0.1; done

cat > bull.mjs <<'NODE'
import { Queue, Worker } from 'bullmq';

const connection = { host: '127.0.0.1', port: Number(process.argv[2]) };
let runs = 0;
const queue = new Queue('events', { connection });
const worker = new Worker('events', async () => {
  runs += 1;
  if (runs === 1) throw new Error('database is down');
}, { connection });
const failed = new Promise((resolve) => worker.once('failed', resolve));
await queue.add('event', {}, { jobId: 'evt_1' });
await failed;
const again = await queue.add('event', {}, { jobId: 'evt_1' });
await queue.add('event', {}, { jobId: 'evt_2' });
await new Promise((resolve) => worker.once('completed', resolve));
const state = await again.getState();
const expected = again.id === 'evt_1' && state === 'failed' && runs === 2;
console.log(`BullMQ: added again as ${again.id}, which stays ${state}`);
process.exit(expected ? 0 : 1);
NODE
cat > with_arq.py <<'PYTHON'
import asyncio
import logging
import sys

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker

runs = 0


async def handle(_context):
    global runs
    runs += 1
    raise RuntimeError("database is down")


async def main():
    settings = RedisSettings(port=int(sys.argv[1]))
    pool = await create_pool(settings)

    async def work():
        worker = Worker([handle], redis_settings=settings, burst=True, handle_signals=False)
        await worker.main()
        await worker.close()

    await pool.enqueue_job("handle", _job_id="evt_1")
    await work()
    again = await pool.enqueue_job("handle", _job_id="evt_1")
    await work()
    seconds = await pool.ttl("arq:result:evt_1")
    print(f"arq: added again as {again}, ran {runs} time(s), id free in {seconds} s")
    sys.exit(0 if again is None and runs == 1 and seconds > 3000 else 1)


logging.disable()
asyncio.run(main())
PYTHON
cat > job.py <<'PYTHON'
runs = 0


def handle():
    global runs
    runs += 1
PYTHON
cat > with_rq.py <<'PYTHON'
import sys

import job
from redis import Redis
from rq import Queue, SimpleWorker

connection = Redis(port=int(sys.argv[1]))
queue = Queue("rq", connection=connection)
for _ in range(2):
    queue.enqueue(job.handle, job_id="evt_1")
waiting = queue.job_ids
SimpleWorker([queue], connection=connection).work(burst=True, logging_level="CRITICAL")
print(f"RQ: waiting {waiting}, ran {job.runs} time(s)")
sys.exit(0 if waiting == ["evt_1", "evt_1"] and job.runs == 2 else 1)
PYTHON
node bull.mjs "$port"
venv/bin/python with_arq.py "$port"
venv/bin/python with_rq.py "$port"
