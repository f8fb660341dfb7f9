#!/usr/bin/env bash
# A CloudEvent whose `time` has an offset from UTC, as RFC 3339 allows it, at Azure's SDKs of two languages.
#
# Guess: both read the same moment out of it, whatever offset the sender writes: an offset is the commonest thing about
#        a time, and events with `Z` come out right.
# Seen:  npm's does. PyPI's takes the first digit of the hours alone: `+02:00` is read as UTC and `+10:00` as one hour,
#        while the minutes of `+05:30` count. Nothing complains: the event is hours off. So what orders events by this
#        time, or refuses old ones, does so by the wrong moment.
# Versions: azure-core 1.41.0, azure-eventgrid 4.22.1 (PyPI), @azure/eventgrid 5.12.0 (npm), Node.js 20, Python 3.
# Source: azure-core 1.41.0, `azure/core/utils/_utils.py`; RFC 3339, section 5.6; CloudEvents 1.0.2, `time`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @azure/eventgrid@5.12.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'azure-core==1.41.0' 'azure-eventgrid==4.22.1'

cat > run.cjs <<'NODE'
const { EventGridDeserializer } = require('@azure/eventgrid');

(async () => {
  for (const event of JSON.parse(process.argv[2])) {
    const [read] = await new EventGridDeserializer().deserializeCloudEvents(event);
    console.log(read.time.toISOString());
  }
})();
NODE
cat > run.py <<'PYTHON'
import datetime
import json
import subprocess
import sys

from azure.core.messaging import CloudEvent

NOON = datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.timezone.utc)
# One moment in six zones, and how many minutes PyPI's is off.
TIMES = {
    "2024-07-01T12:00:00Z": 0,
    "2024-07-01T12:00:00+00:00": 0,
    "2024-07-01T14:00:00+02:00": 120,
    "2024-07-01T07:00:00-05:00": -300,
    "2024-07-01T17:30:00+05:30": 300,
    "2024-07-01T22:00:00+10:00": 540,
}


def event(time):
    return {"specversion": "1.0", "id": "evt_1", "source": "/orders", "type": "order.paid", "time": time}


npm = subprocess.check_output(["node", "run.cjs", json.dumps([event(time) for time in TIMES])], text=True).split()
changed = False
for (time, expected), other in zip(TIMES.items(), npm, strict=True):
    read = CloudEvent.from_dict(event(time)).time
    off = int((read - NOON).total_seconds() // 60)
    print(f"{time}: PyPI {read.isoformat()}, {off} minutes off; npm {other}")
    changed = changed or off != expected or other != "2024-07-01T12:00:00.000Z"
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
