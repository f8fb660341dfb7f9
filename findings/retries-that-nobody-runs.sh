#!/usr/bin/env bash
# A job that fails once and is to be tried again a moment later, with two queues on Redis and a plain worker.
#
# Guess: `Retry(max=2, interval=1)` (RQ) and `.retries(2).backoff('fixed', 500)` (bee-queue) are on the job, so that the
#        worker which saw it fail tries it again; without a wait between, both do.
# Seen:  with a wait the job is put aside and nobody brings it back: RQ has it as scheduled, bee-queue as delayed, for
#        good, with no error and in no list of failed ones. RQ's worker must be started `with_scheduler`, and a
#        queue of bee-queue somewhere with `activateDelayedJobs`.
# Versions: rq 3.0.0, redis 5.3.1 (PyPI), bee-queue 2.0.0 (npm), Redis 7.0.15 (Debian 12), Python 3, Node.js 20.
# Source: RQ's "Exceptions & Retries" and bee-queue's README name the settings; neither says what becomes of the job.
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } || true; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts bee-queue@2.0.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'rq==3.0.0' 'redis==5.3.1'
if ! command -v redis-server > /dev/null; then
    apt-get install -y -q redis-server=5:7.0.15-1~deb12u10 > /dev/null
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no > redis.log &
server=$!
until redis-cli -p "$port" ping > /dev/null 2>&1; do kill -0 "$server"; sleep 0.1; done

cat > bee.mjs <<'NODE'
import Queue from 'bee-queue';

const port = Number(process.argv[2]);

/** Its runs, and where it is a while after the first one, in a queue of this name. */
async function seen(name, wait, settings) {
  const queue = new Queue(name, { redis: { port }, ...settings });
  let runs = 0;
  queue.on('error', () => {});
  queue.process(async () => {
    runs += 1;
    if (runs === 1) throw new Error('database is down');
  });
  const job = queue.createJob({}).retries(2);
  await (wait ? job.backoff('fixed', wait) : job).save();
  await new Promise((resolve) => setTimeout(resolve, 4000));
  const { delayed, failed, succeeded } = await queue.checkHealth();
  return { runs, delayed, failed, succeeded };
}

const [atOnce, waits, activated] = await Promise.all([
  seen('at-once', 0),
  seen('waits', 500),
  seen('activated', 500, { activateDelayedJobs: true }),
]);
console.log('bee-queue, no wait:', atOnce);
console.log('bee-queue, a wait of 0.5 s:', waits);
console.log('bee-queue, the same, activateDelayedJobs:', activated);
const changed = atOnce.runs !== 2 || activated.runs !== 2 || waits.runs !== 1 || waits.delayed !== 1 || waits.failed !== 0;
process.exit(changed ? 1 : 0);
NODE
cat > job.py <<'PYTHON'
runs = []


def handle(name):
    runs.append(name)
    if runs.count(name) == 1:
        raise RuntimeError("database is down")
PYTHON
cat > with_rq.py <<'PYTHON'
import logging
import sys
import time

import job
from redis import Redis
from rq import Queue, Retry, SimpleWorker

logging.disable()
connection = Redis(port=int(sys.argv[1]))
queue = Queue("events", connection=connection)
queue.enqueue(job.handle, "at once", retry=Retry(max=2))
waits = queue.enqueue(job.handle, "waits", retry=Retry(max=2, interval=1))
for _ in range(2):
    SimpleWorker([queue], connection=connection).work(burst=True, logging_level="CRITICAL")
    time.sleep(2)
status = waits.get_status().value
failed = queue.failed_job_registry.count
print(f"RQ: runs {job.runs}; the one that waits is {status}, {failed} failed")
sys.exit(0 if job.runs.count("at once") == 2 and job.runs.count("waits") == 1 and (status, failed) == ("scheduled", 0) else 1)
PYTHON
venv/bin/python with_rq.py "$port"
node bee.mjs "$port"
