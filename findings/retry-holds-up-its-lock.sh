#!/usr/bin/env bash
# Events of one order under one lock, of which the first fails and is to be tried again in an hour, with Procrastinate.
#
# Guess: a lock is held by a job that runs; one that waits for its time holds nothing, so that a later event of the order
#        is handled meanwhile, or fails by itself.
# Seen:  the job that waits keeps all that were queued behind it under its lock from running, until its hour is over:
#        they are `todo` and due, none has failed, and the worker is idle. So does a reminder that is deferred under the
#        lock for a month ahead: nothing of that order is handled for a month. Jobs under other locks run.
# Versions: procrastinate 3.10.0, psycopg 3.3.9 (PyPI), PostgreSQL 15.18 (Debian 12), Python 3.
# Source: https://github.com/procrastinate-org/procrastinate/issues/1599 (open), which has the documents that say otherwise.
set -euo pipefail

folder=$(mktemp -d)
database=
trap 'test -z "$database" || { kill "$database" && wait "$database"; } 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'procrastinate==3.10.0' 'psycopg[binary,pool]==3.3.9'
if ! test -x /usr/lib/postgresql/15/bin/postgres; then
    apt-get install -y -q --no-install-recommends postgresql-15=15.18-0+deb12u1 > /dev/null
fi
PATH=/usr/lib/postgresql/15/bin:$PATH

# The server does not run as root.
as=()
if test "$EUID" = 0; then
    chown -R postgres "$folder"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"${as[@]}" initdb --pgdata data --auth trust --username postgres --no-sync > initdb.log
"${as[@]}" postgres -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= > postgres.log 2>&1 &
database=$!
until pg_isready -q -h 127.0.0.1 -p "$port"; do kill -0 "$database"; sleep 0.2; done

cat > run.py <<'PYTHON'
import asyncio
import logging
import sys

import procrastinate

logging.disable()
app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=f"host=127.0.0.1 port={sys.argv[1]} user=postgres dbname=postgres")
)
begun = []


@app.task(name="handle", retry=procrastinate.RetryStrategy(max_attempts=5, wait=3600))
async def handle(event):
    begun.append(event)
    if event == "order 1, paid":
        raise RuntimeError("database is down")


@app.task(name="remind")
async def remind(order):
    begun.append(f"{order}, reminder")


async def main():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await remind.configure(lock="order 2", schedule_in={"days": 30}).defer_async(order="order 2")
        for event in ("order 1, paid", "order 1, refunded", "order 2, paid", "order 3, paid"):
            await handle.configure(lock=event.split(",")[0]).defer_async(event=event)
        # Until nothing is left that it would take.
        await app.run_worker_async(wait=False, install_signal_handlers=False)
        jobs = [dict(job) for job in await app.connector.execute_query_all_async(
            "SELECT args->>'event' AS event, status::text AS status, coalesce(scheduled_at <= now(), true) AS due "
            "FROM procrastinate_jobs ORDER BY id"
        )]
    print("begun:", begun)
    for job in jobs:
        print(job)
    left = [job["event"] for job in jobs if job["status"] == "todo" and job["due"]]
    print("due and not begun:", left)
    return begun != ["order 1, paid", "order 3, paid"] or left != ["order 1, refunded", "order 2, paid"]


sys.exit(asyncio.run(main()))
PYTHON
venv/bin/python run.py "$port"
