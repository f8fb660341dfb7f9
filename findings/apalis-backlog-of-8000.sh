#!/usr/bin/env bash
# A worker of apalis on Redis that begins behind a backlog.
#
# Guess: it fetches a few tasks at a time, so that a backlog of any length is worked off, the longer the later.
# Seen:  7,900 waiting tasks are all done; with 8,100 the first fetch fails, none is done, and `run` returns the
#        error. Its script moves all tasks that are due from the sorted set to the list in one call, by Lua's
#        `unpack`, which gives 8,000 values at most; a worker that is started again meets the same.
# Versions: apalis 1.0.0, apalis-redis 1.0.0, tokio 1.54.1 (crates.io), Redis 7.0.15 (Debian 12).
# Source: apalis-redis 1.0.0, lua/fetch_next.lua, "Promote any due scheduled jobs"; Lua 5.1, LUAI_MAXCSTACK.
set -euo pipefail

command -v redis-server >/dev/null || apt-get install -q -y --no-install-recommends \
    redis-server=5:7.0.15-1~deb12u10 >&2
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --save '' --dir "$folder" >"$folder/redis.log" &
server=$!
trap 'kill "$server"; wait "$server" || true; rm -rf "$folder"' EXIT
until redis-cli -p "$port" ping >/dev/null 2>&1; do sleep 0.1; done
cd "$folder"
cargo init -q --bin --name backlog --vcs none
cargo add -q apalis@1.0.0 apalis-redis@1.0.0
cargo add -q tokio@1.54.1 --features full
cargo update -q -p apalis --precise 1.0.0
cargo update -q -p apalis-redis --precise 1.0.0
cargo update -q -p tokio --precise 1.54.1
cat > src/main.rs <<'RUST'
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage};

type Done = Arc<AtomicU32>;

async fn work(_: String, done: Data<Done>) {
    done.fetch_add(1, Ordering::Relaxed);
}

/// How many of so many waiting tasks are done, and what ended the worker.
async fn work_off(url: &str, queue: &str, tasks: u32) -> (u32, Option<String>) {
    let conn = apalis_redis::connect(url).await.unwrap();
    let mut storage = RedisStorage::new(conn).with_config(Config::default().queue(queue));
    for number in 0..tasks {
        storage.push(format!("task {number}")).await.unwrap();
    }
    let done = Done::default();
    let storage = storage.poll_with_interval(Duration::from_millis(1));
    let worker = WorkerBuilder::new(queue).backend(storage).data(done.clone()).build(work);
    let all = async {
        while done.load(Ordering::Relaxed) < tasks {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let error = tokio::select! {
        ended = worker.run() => ended.err().map(|error| format!("{error:?}")),
        () = all => None,
    };
    (done.load(Ordering::Relaxed), error)
}

#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    let (done, error) = work_off(&url, "fewer", 7_900).await;
    println!("7,900 waiting: {done} done, {error:?}");
    assert_eq!((done, error), (7_900, None));
    let (done, error) = work_off(&url, "more", 8_100).await;
    let error = error.unwrap_or_default();
    println!("8,100 waiting: {done} done, {error}");
    assert_eq!(done, 0);
    assert!(error.contains("too many results to unpack"));
}
RUST
CARGO_TARGET_DIR="$folder/target" cargo run --quiet --jobs 1 -- "redis://127.0.0.1:$port"
