#!/usr/bin/env bash
# A worker that listens for news of a queue, through PgBouncer in transaction mode, and a stranger who uses the pooler.
#
# Guess: `LISTEN` is refused, or it is taken and nothing is ever heard, so that trying it once costs nothing.
# Seen:  it is the session of the server that listens, which PgBouncer lends to others once the worker's statement is
#        over. A client that never listened is told of the news: psycopg hands it to whoever asks for notifications,
#        and sqlx takes it for the answer to its COMMIT, and says that this has failed. It has not: the row is there.
#        The worker who listened has gone by then.
# Versions: pgbouncer 1.18.0, postgresql 15.18 (Debian 12), psycopg 3.3.9 (PyPI), sqlx 0.9.0, tokio 1.54.1 (crates.io).
# Source: https://www.pgbouncer.org/features.html has LISTEN as "Never" in this mode, not who hears what follows.
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
postgres = host=127.0.0.1 port=$port user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $pooled
unix_socket_dir =
auth_type = any
pool_mode = transaction
CONFIGURATION
"${as[@]}" pgbouncer --quiet pgbouncer.ini > pgbouncer.log 2>&1 &
bouncer=$!
until pg_isready -q -h 127.0.0.1 -p "$pooled"; do kill -0 "$bouncer"; sleep 0.2; done

# The worker comes, listens and goes.
venv/bin/python - "$port" "$pooled" <<'PYTHON' | tee seen
import sys

import psycopg


def client(port):
    url = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


direct, pooled = sys.argv[1:]
other = client(direct)
other.execute("CREATE TABLE payments (id text)")
with client(pooled) as worker:
    worker.execute("LISTEN jobs")
stranger = client(pooled)
stranger.execute("BEGIN")
other.execute("NOTIFY jobs, 'evt_1'")
stranger.execute("COMMIT")
told = [(news.channel, news.payload) for news in stranger.notifies(timeout=1)]
print("a stranger with psycopg is told", told)
PYTHON

cargo init -q --bin --name stranger --vcs none program
cd program
cargo add -q sqlx@0.9.0 --no-default-features --features postgres,runtime-tokio
cargo add -q tokio@1.54.1 --features macros,rt
cargo update -q -p sqlx --precise 0.9.0
cargo update -q -p tokio --precise 1.54.1
cat > src/main.rs <<'RUST'
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};

/// As sqlx is set for PgBouncer.
async fn client(port: &str) -> PgConnection {
    let options = PgConnectOptions::new().host("127.0.0.1").port(port.parse().unwrap()).username("postgres");
    let options = options.extra_float_digits(None).statement_cache_capacity(0);
    options.connect().await.unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let ports: Vec<_> = std::env::args().skip(1).collect();
    let (mut other, mut stranger) = (client(&ports[0]).await, client(&ports[1]).await);
    let mut transaction = stranger.begin().await.unwrap();
    transaction.execute("INSERT INTO payments VALUES ('pay_1')").await.unwrap();
    other.execute("NOTIFY jobs, 'evt_2'").await.unwrap();
    let committed = transaction.commit().await;
    let said = committed.map_or_else(|error| error.to_string(), |()| "done".to_owned());
    // Without the place in its source.
    println!("a stranger with sqlx commits: {}", said.split(" (").next().unwrap());
    let rows = other.fetch_one("SELECT count(*) FROM payments").await.unwrap();
    println!("rows that are there: {}", rows.get::<i64, _>(0));
}
RUST
cargo run -q --target-dir "$folder/target" -- "$port" "$pooled" | tee -a "$folder/seen"
diff - "$folder/seen" <<'SEEN'
a stranger with psycopg is told [('jobs', 'evt_1')]
a stranger with sqlx commits: encountered unexpected or invalid data: execute: unexpected message: NotificationResponse
rows that are there: 1
SEEN
