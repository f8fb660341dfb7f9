#!/usr/bin/env bash
# A lock by which one of several workers is to be the one that cleans up, through PgBouncer in transaction mode.
#
# Guess: `pg_try_advisory_lock(1)` is true for the first client and false for the second; or PgBouncer, which has no
#        sessions in this mode, refuses it.
# Seen:  both are told true. The lock is of the server's connection, PgBouncer gives the second client the same one, and
#        a session may take its own lock again. Once the first client has gone, the lock is still held, by a
#        connection in the pool, and a client on another one is told false though no worker is there.
#        `pg_try_advisory_xact_lock` inside a transaction does what was meant.
# Versions: pgbouncer 1.18.0, postgresql 15.18 (Debian 12), psycopg 3.3.9 (PyPI), Python 3.
# Source: https://www.pgbouncer.org/features.html has session locks as "Never" in this mode, not what comes of one.
set -euo pipefail

folder=$(mktemp -d)
bouncer=
database=
trap 'test -z "$bouncer" || kill "$bouncer" || true
test -z "$database" || { kill -INT "$database" && wait "$database"; } || true
rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'psycopg[binary]==3.3.9'
if ! command -v pgbouncer > /dev/null || ! test -x /usr/lib/postgresql/15/bin/postgres; then
    apt-get install -y -q --no-install-recommends postgresql-15=15.18-0+deb12u1 pgbouncer=1.18.0-1+deb12u1 > /dev/null
fi
PATH=/usr/lib/postgresql/15/bin:$PATH

# Neither server runs as root.
as=()
if test "$EUID" = 0; then
    chown -R postgres "$folder"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port)
"${as[@]}" initdb --pgdata data --auth trust --username postgres --no-sync > initdb.log
"${as[@]}" postgres -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= > postgres.log 2>&1 &
database=$!
until pg_isready -q -h 127.0.0.1 -p "$port"; do kill -0 "$database"; sleep 0.2; done

pooled=$(free_port)
cat > pgbouncer.ini <<CONFIGURATION
[databases]
postgres = host=127.0.0.1 port=$port
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $pooled
unix_socket_dir =
auth_type = any
pool_mode = transaction
CONFIGURATION
sed -i "s/^postgres = .*/& user=postgres/" pgbouncer.ini
"${as[@]}" pgbouncer --quiet pgbouncer.ini > pgbouncer.log 2>&1 &
bouncer=$!
until pg_isready -q -h 127.0.0.1 -p "$pooled"; do kill -0 "$bouncer"; sleep 0.2; done

venv/bin/python - "$port" "$pooled" <<'PYTHON'
import sys

import psycopg


def client(port):
    url = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


def takes(connection, function="pg_try_advisory_lock"):
    return connection.execute(f"SELECT {function}(1)").fetchone()[0]


direct, pooled = sys.argv[1:]
first, second = client(direct), client(direct)
directly = [takes(first), takes(second)]
first.close()
second.close()

first, second = client(pooled), client(pooled)
through = [takes(first), takes(second)]
first.close()
second.close()
other = client(direct)
after = takes(other)
in_transactions = []
first, second = client(pooled), client(pooled)
with first.transaction(), second.transaction():
    for connection in (first, second):
        in_transactions.append(connection.execute("SELECT pg_try_advisory_xact_lock(2)").fetchone()[0])
print("directly:", directly)
print("through PgBouncer:", through)
print("once both have gone, a third, directly:", after)
print("through PgBouncer, for a transaction:", in_transactions)
seen = (directly, through, after, in_transactions)
sys.exit(1 if seen != ([True, False], [True, True], False, [True, False]) else 0)
PYTHON
