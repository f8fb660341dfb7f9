#!/usr/bin/env bash
# A retry scheduled for a moment at which the process is down, with APScheduler and a job store on disk.
#
# Guess: the job is in the database, so it runs when the process is up again, late; that is what a
#        persistent job store is for.
# Seen:  a one-shot job that is more than one second late (`misfire_grace_time`) is not run but deleted, with
#        a warning in the log alone. A restart of a few seconds loses each retry that was due in it.
#        `misfire_grace_time=None` on the job keeps it.
# Versions: APScheduler 3.11.3, SQLAlchemy 2.1.9 (PyPI), Python 3.
# Source: the library's user guide, "Missed job executions and coalescing", does not say that the job is gone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'APScheduler==3.11.3' 'SQLAlchemy==2.1.9'

cat > retries.py <<'PYTHON'
ran = []


def retry(event):
    ran.append(event)
PYTHON
cat > process.py <<'PYTHON'
import logging
import sys
import time
from datetime import datetime, timedelta, timezone

import retries
from apscheduler.schedulers.background import BackgroundScheduler

logging.basicConfig(level=logging.CRITICAL)
scheduler = BackgroundScheduler(timezone=timezone.utc)
scheduler.add_jobstore("sqlalchemy", url="sqlite:///jobs.sqlite")

if sys.argv[1] == "schedule":
    scheduler.start(paused=True)
    due = datetime.now(timezone.utc) + timedelta(seconds=1)
    scheduler.add_job(retries.retry, "date", run_date=due, args=["evt_1"])
    scheduler.add_job(retries.retry, "date", run_date=due, args=["evt_2"], misfire_grace_time=None)
    print("scheduled:", [job.args[0] for job in scheduler.get_jobs()])
    scheduler.shutdown()
    sys.exit(0)

scheduler.start()
time.sleep(2)
kept = [job.args[0] for job in scheduler.get_jobs()]
scheduler.shutdown()
print(f"after the restart: ran {retries.ran}, still scheduled {kept}")
sys.exit(1 if retries.ran != ["evt_2"] or kept else 0)
PYTHON
venv/bin/python process.py schedule
sleep 4
venv/bin/python process.py run
