#!/usr/bin/env bash
# A table that is a queue, looked up by its primary key, by a connection that prepares its statements.
#
# Guess: `WHERE (kind, id) IN (SELECT * FROM unnest($1, $2))` reads one row for each pair by the primary key, whenever it
#        was prepared; the planner looks at how large the table is, or the plan is made anew as it grows.
# Seen:  prepared and run six times while the queue was empty, as vacuum had found it, the statement keeps that plan: it
#        goes through the whole table for each call, and reads 20,000 rows to find one once 20,000 have come. It does so
#        until DISCARD PLANS is said, or ANALYZE has looked at the table; a new connection reads one row at once.
# Versions: psycopg 3.3.9 (PyPI), PostgreSQL 15.18 (Debian 12), Python 3.
# Source: https://www.postgresql.org/docs/15/sql-prepare.html has the choice between generic and custom plans, and
#         replanning "whenever database objects used in the statement have undergone definitional (DDL) changes" or
#         "their planner statistics have been updated", of which the growth of a table is neither.
set -euo pipefail

folder=$(mktemp -d)
database=
trap 'test -z "$database" || { kill -INT "$database" && wait "$database"; } || true
rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'psycopg[binary]==3.3.9'
test -x /usr/lib/postgresql/15/bin/postgres || apt-get install -y -q --no-install-recommends \
    postgresql-15=15.18-0+deb12u1 > /dev/null
PATH=/usr/lib/postgresql/15/bin:$PATH

# The server does not run as root.
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

venv/bin/python - "$port" <<'PYTHON' | tee seen
import sys

import psycopg

address = f"host=127.0.0.1 port={sys.argv[1]} user=postgres dbname=postgres"
LOOK = "SELECT q.id FROM queue q WHERE (q.kind, q.id) IN (SELECT * FROM unnest(%s::text[], %s::bigint[]))"


def connect():
    return psycopg.connect(address, autocommit=True)


def look(connection, entry):
    return connection.execute(LOOK, (["a"], [entry]), prepare=True).fetchall()


def rows_read(connection, entry):
    """How many rows one call reads, of the table or by its key, by the server's own count."""
    of = "pg_stat_get_xact_tuples_returned('{}'::regclass)".format
    count = f"SELECT {of('queue')} + {of('queue_pkey')}"
    with connection.transaction():
        before = connection.execute(count).fetchone()[0]
        assert look(connection, entry) == [(entry,)]
        return connection.execute(count).fetchone()[0] - before


with connect() as worker, connect() as second, connect() as other:
    other.execute("CREATE TABLE queue (kind text, id bigint, PRIMARY KEY (kind, id))")
    other.execute("VACUUM ANALYZE queue")
    for _ in range(6):
        assert look(worker, 1) == [] and look(second, 1) == []
    other.execute("INSERT INTO queue SELECT 'a', n FROM generate_series(1, 20000) n")
    print("the same connection:", rows_read(worker, 7), "rows")
    with connect() as new:
        print("a new connection:", rows_read(new, 7), "rows")
    worker.execute("DISCARD PLANS")
    print("the same, told to plan anew:", rows_read(worker, 7), "rows")
    other.execute("ANALYZE queue")
    print("another one, behind ANALYZE:", rows_read(second, 7), "rows")
PYTHON
cat > expected <<'SEEN'
the same connection: 20000 rows
a new connection: 1 rows
the same, told to plan anew: 1 rows
another one, behind ANALYZE: 1 rows
SEEN
diff expected seen
