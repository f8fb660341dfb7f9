#!/usr/bin/env bash
# A task that is under way when its process is killed, with huey and its queue in an SQLite file.
#
# Guess: the queue is on disk and the task has `retries=3`, so that it runs again once a consumer is up; at the least it
#        is still to be seen somewhere.
# Seen:  a task leaves the queue when it is taken, before it runs. After the kill it is not queued, not scheduled and
#        has no result: nothing tells that it was ever there. `retries` are for errors alone. A delivery that
#        was answered 200 and queued is lost by a deployment that kills, so record it elsewhere first.
# Versions: huey 3.5.4 (PyPI), Python 3.
# Source: https://huey.readthedocs.io/en/latest/guide.html, which tells of retries, and not of a consumer that dies.
set -euo pipefail

folder=$(mktemp -d)
consumer=
trap 'test -z "$consumer" || { kill "$consumer" && wait "$consumer"; } 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'huey==3.5.4'

cat > tasks.py <<'PYTHON'
import time
from pathlib import Path

from huey import SqliteHuey

huey = SqliteHuey(filename="queue.sqlite")


@huey.task(retries=3)
def handle(event):
    with Path("begun").open("a") as file:
        file.write(f"{event} ")
    if event == "evt_1":
        time.sleep(30)
PYTHON
consume() {
    venv/bin/huey_consumer tasks.huey --workers 1 --quiet &
    consumer=$!
}
wait_for() { until grep -qs "$1" begun; do kill -0 "$consumer"; sleep 0.1; done; }

venv/bin/python -c 'import tasks; tasks.handle("evt_1")'
consume
wait_for evt_1
kill -KILL "$consumer"
wait "$consumer" 2> /dev/null || true

# Tasks are taken in their order: once this one has run, the first one would have.
venv/bin/python -c 'import tasks; tasks.handle("evt_2")'
consume
wait_for evt_2
begun=$(cat begun)
left=$(venv/bin/python -c '
from tasks import huey
print(huey.pending_count(), huey.scheduled_count(), huey.result_count())')
echo "begun: $begun"
echo "queued, scheduled, results: $left"
test "$begun" = 'evt_1 evt_2 ' && test "$left" = '0 0 0'
