#!/usr/bin/env bash
# A connection of sqlx whose cache of statements is off, as it is set for a pooler.
#
# Guess: with `statement_cache_capacity(0)` nothing is kept: a query is prepared without a name, or closed behind its use.
# Seen:  each run of one and the same query prepares it under a new name, and no name is ever closed: after 50 runs the
#        server knows 50 statements, for as long as the session lives. With a capacity of 1 it is one. What keeps none
#        is `persistent(false)` on each query.
# Versions: sqlx 0.9.0, tokio 1.54.1 (crates.io), PostgreSQL 15.18 (Debian 12).
# Source: sqlx 0.9.0, `PgConnectOptions::statement_cache_capacity`, "the connection's statement cache in a number of
#         stored distinct statements"; `Query::persistent` has nothing on a cache that is off.
set -euo pipefail

folder=$(mktemp -d)
database=
trap 'test -z "$database" || { kill -INT "$database" && wait "$database"; } || true
rm -rf "$folder"' EXIT
cd "$folder"
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
"${as[@]}" postgres -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= > postgres.log 2>&1 &
database=$!
until pg_isready -q -h 127.0.0.1 -p "$port"; do kill -0 "$database"; sleep 0.2; done

cargo init -q --bin --name names --vcs none program
cd program
cargo add -q sqlx@0.9.0 --no-default-features --features postgres,runtime-tokio
cargo add -q tokio@1.54.1 --features macros,rt
cargo update -q -p sqlx --precise 0.9.0
cargo update -q -p tokio --precise 1.54.1
cat > src/main.rs <<'RUST'
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Row};

/// How many statements the server knows by name once one query has run 50 times.
async fn names(port: u16, capacity: usize, persistent: bool) -> i64 {
    let options = PgConnectOptions::new().host("127.0.0.1").port(port).username("postgres");
    let mut conn = options.statement_cache_capacity(capacity).connect().await.unwrap();
    for number in 0..50_i32 {
        let query = sqlx::query("SELECT $1 + 1").bind(number).persistent(persistent);
        let sum: i32 = query.fetch_one(&mut conn).await.unwrap().get(0);
        assert_eq!(sum, number + 1);
    }
    let known = sqlx::raw_sql("SELECT count(*) FROM pg_prepared_statements");
    known.fetch_one(&mut conn).await.unwrap().get(0)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port = std::env::args().nth(1).unwrap().parse().unwrap();
    println!("capacity 0: {} names", names(port, 0, true).await);
    println!("capacity 1: {} names", names(port, 1, true).await);
    println!("capacity 0, persistent(false): {} names", names(port, 0, false).await);
}
RUST
cargo run -q --target-dir "$folder/target" -- "$port" > "$folder/seen"
cat > "$folder/expected" <<'SEEN'
capacity 0: 50 names
capacity 1: 1 names
capacity 0, persistent(false): 0 names
SEEN
cat "$folder/seen"
diff "$folder/expected" "$folder/seen"
