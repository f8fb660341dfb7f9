#!/usr/bin/env bash
# Recording an event and an effect in one transaction of PostgreSQL, where the effect's error is caught as "had before".
#
# Guess: once a statement has failed, nothing of the transaction can be committed, so `commit()`, or the end of the block
#        that commits, raises; what goes on behind it was written.
# Seen:  the server answers COMMIT with ROLLBACK, which is no error, and psycopg, asyncpg, SQLAlchemy and node-postgres
#        pass it on as success: nothing is written, and the event is acknowledged. Only `postgres` (npm) raises. A
#        savepoint around the statement that may fail keeps the rest.
# Versions: psycopg 3.3.9, asyncpg 0.32.0, SQLAlchemy 2.1.9 (PyPI), pg 8.23.1, postgres 3.4.9 (npm), PostgreSQL
#           15.18 (Debian 12), Python 3, Node.js 20.
# Source: PostgreSQL's documentation, COMMIT; no page of these libraries tells of it.
set -euo pipefail

folder=$(mktemp -d)
database=
trap 'test -z "$database" || { kill -INT "$database" && wait "$database"; } || true; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts pg@8.23.1 postgres@3.4.9
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'psycopg[binary]==3.3.9' 'asyncpg==0.32.0' 'SQLAlchemy==2.1.9'
if ! test -x /usr/lib/postgresql/15/bin/postgres; then
    apt-get install -y -q --no-install-recommends postgresql-15=15.18-0+deb12u1 > /dev/null
fi
PATH=/usr/lib/postgresql/15/bin:$PATH

# The server does not run as root.
as=()
if test "$EUID" = 0; then
    chown postgres "$folder"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"${as[@]}" initdb --pgdata data --auth trust --username postgres --no-sync > initdb.log
"${as[@]}" postgres -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= > /dev/null 2>&1 &
database=$!
until pg_isready -q -h 127.0.0.1 -p "$port"; do kill -0 "$database"; sleep 0.2; done

cat > run.mjs <<'NODE'
import pg from 'pg';
import postgres from 'postgres';

const [which, port] = process.argv.slice(2);
const server = { host: '127.0.0.1', port: Number(port), user: 'postgres', database: 'postgres' };
if (which === 'pg') {
  const client = new pg.Client(server);
  await client.connect();
  await client.query('BEGIN');
  await client.query("INSERT INTO events VALUES ('evt_2')");
  await client.query("INSERT INTO events VALUES ('evt_1')").catch(() => {});
  await client.query('COMMIT');
  await client.end();
} else {
  const sql = postgres(server);
  await sql.begin(async (transaction) => {
    await transaction`INSERT INTO events VALUES ('evt_2')`;
    await transaction`INSERT INTO events VALUES ('evt_1')`.catch(() => {});
  }).finally(() => sql.end());
}
NODE
cat > run.py <<'PYTHON'
import asyncio
import subprocess
import sys

import asyncpg
import psycopg
import sqlalchemy

port = sys.argv[1]
URL = f"postgresql://postgres@127.0.0.1:{port}/postgres"
NEW, HAD_BEFORE = "INSERT INTO events VALUES ('evt_2')", "INSERT INTO events VALUES ('evt_1')"


def with_psycopg():
    with psycopg.connect(URL) as connection:
        connection.execute(NEW)
        try:
            connection.execute(HAD_BEFORE)
        except psycopg.errors.UniqueViolation:
            pass
        connection.commit()


async def with_asyncpg():
    connection = await asyncpg.connect(URL)
    async with connection.transaction():
        await connection.execute(NEW)
        try:
            await connection.execute(HAD_BEFORE)
        except asyncpg.UniqueViolationError:
            pass
    await connection.close()


def with_sqlalchemy():
    engine = sqlalchemy.create_engine(URL.replace("postgresql", "postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(NEW))
        try:
            connection.execute(sqlalchemy.text(HAD_BEFORE))
        except sqlalchemy.exc.IntegrityError:
            pass


def with_npm(which):
    subprocess.run(["node", "run.mjs", which, port], check=True, stderr=subprocess.DEVNULL)


watcher = psycopg.connect(URL, autocommit=True)
watcher.execute("CREATE TABLE events (id text PRIMARY KEY)")
watcher.execute(HAD_BEFORE)
changed = False
for name, commits, raises in (
    ("psycopg", with_psycopg, False),
    ("asyncpg", lambda: asyncio.run(with_asyncpg()), False),
    ("SQLAlchemy", with_sqlalchemy, False),
    ("pg (npm)", lambda: with_npm("pg"), False),
    ("postgres (npm)", lambda: with_npm("postgres"), True),
):
    try:
        commits()
        said = "committed"
    except Exception:
        said = "raised"
    rows = [row for (row,) in watcher.execute("SELECT id FROM events")]
    print(f"{name}: {said}, and there are {rows}")
    changed = changed or (said == "raised") != raises or rows != ["evt_1"]
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py "$port"
