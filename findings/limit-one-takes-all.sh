#!/usr/bin/env bash
# A worker that takes one job of a queue in PostgreSQL: `UPDATE … WHERE id IN (SELECT … LIMIT 1 FOR UPDATE SKIP LOCKED)`.
#
# Guess: the subquery names nothing of the row outside, so it is run once, and the statement takes one row or none,
#        whatever plan is chosen; `fetchone()` is all that comes back.
# Seen:  where ANALYZE has last met one row in the table, the planner takes a nested loop and runs the subquery anew for
#        each row outside. What was just taken is passed over, and the next one is found: one statement with LIMIT 1
#        takes all 100 jobs. A worker that prepared it in such an hour keeps that plan, and takes 2,000 of 2,000
#        later. It handles the first and commits; the others are marked as taken and nobody has them.
#        `= (SELECT …)`, `= ANY (ARRAY(SELECT …))` and a CTE run it once.
# Versions: psycopg 3.3.9 (PyPI), PostgreSQL 15.18 (Debian 12), Python 3.
# Source: https://github.com/saurabhnanda/odd-jobs/issues/115, where a queue met it.
set -euo pipefail

folder=$(mktemp -d)
database=
trap 'test -z "$database" || { kill -INT "$database" && wait "$database"; } || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'psycopg[binary]==3.3.9'
if ! test -x /usr/lib/postgresql/15/bin/postgres; then
    apt-get install -y -q --no-install-recommends postgresql-15=15.18-0+deb12u1 > /dev/null
fi
PATH=/usr/lib/postgresql/15/bin:$PATH

# The server does not run as root, and nothing but the script tells the planner what is in the table.
as=()
if test "$EUID" = 0; then
    chown -R postgres "$folder"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"${as[@]}" initdb --pgdata data --auth trust --username postgres --no-sync > initdb.log
"${as[@]}" postgres -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c autovacuum=off \
    > postgres.log 2>&1 &
database=$!
until pg_isready -q -h 127.0.0.1 -p "$port"; do kill -0 "$database"; sleep 0.2; done

cat > work.py <<'PYTHON'
import sys

import psycopg

NEXT = "SELECT id FROM jobs WHERE taken IS NULL AND queue = %s ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
TAKE = {
    "IN (SELECT …)": f"UPDATE jobs SET taken = now() WHERE id IN ({NEXT}) RETURNING id",
    "= (SELECT …)": f"UPDATE jobs SET taken = now() WHERE id = ({NEXT}) RETURNING id",
    "= ANY (ARRAY(SELECT …))": f"UPDATE jobs SET taken = now() WHERE id = ANY (ARRAY({NEXT})) RETURNING id",
    "FROM a CTE": f"WITH n AS ({NEXT}) UPDATE jobs SET taken = now() FROM n WHERE jobs.id = n.id RETURNING jobs.id",
}


def connect():
    return psycopg.connect(f"host=127.0.0.1 port={sys.argv[1]} user=postgres dbname=postgres", autocommit=True)


def fill(connection, count):
    connection.execute("INSERT INTO jobs (queue) SELECT 'webhooks' FROM generate_series(1, %s)", [count])


def taken(connection, statement):
    return len(connection.execute(statement, ["webhooks"]).fetchall())


def nearly_empty(connection):
    connection.execute("DROP TABLE IF EXISTS jobs")
    connection.execute("CREATE TABLE jobs (id bigserial PRIMARY KEY, queue text NOT NULL, taken timestamptz)")
    fill(connection, 1)
    connection.execute("ANALYZE jobs")


def at_once(statement):
    with connect() as connection:
        nearly_empty(connection)
        fill(connection, 99)
        return taken(connection, statement)


def prepared(statement):
    """By a worker that has polled while there was a job at a time: psycopg prepares from the sixth on."""
    with connect() as connection:
        nearly_empty(connection)
        for _ in range(20):
            taken(connection, statement)
            connection.execute("UPDATE jobs SET taken = NULL")
        fill(connection, 1999)
        return taken(connection, statement)


seen = {}
for name, statement in TAKE.items():
    seen[name] = (at_once(statement), prepared(statement))
    print(f"{name}: takes {seen[name][0]} of 100 at once, {seen[name][1]} of 2000 when prepared before")
with connect() as connection:
    nearly_empty(connection)
    fill(connection, 1999)
    connection.execute("ANALYZE jobs")
    analyzed = taken(connection, TAKE["IN (SELECT …)"])
print("IN (SELECT …), where ANALYZE has met the 2000:", analyzed)
expected = {name: (1, 1) for name in TAKE} | {"IN (SELECT …)": (100, 2000)}
sys.exit(0 if seen == expected and analyzed == 1 else 1)
PYTHON
venv/bin/python work.py "$port"
