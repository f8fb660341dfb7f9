//! Real servers for tests: each on free loopback ports with its own folder, killed by its process
//! id when dropped.

#![allow(dead_code, reason = "each test binary uses its share")]

mod certificates;
pub(crate) mod clock;
#[path = "../../src/store/redis/code.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "the tests within the crate have it already"
)]
mod code;
pub(crate) mod dice;
pub(crate) mod proxy;
mod server;
mod several;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[allow(unused_imports, reason = "each test binary uses its share")]
pub(crate) use {
    certificates::Certificates,
    server::Server,
    several::{Cluster, Sentinel},
};

/// Nothing here takes this long unless it never happens.
const LIMIT: Duration = Duration::from_secs(60);

/// The server programs to test with: Redis, and Valkey if it is installed.
pub(crate) fn programs() -> Vec<&'static str> {
    let mut programs = vec!["redis-server"];
    programs.extend(valkey());
    programs
}

/// Valkey's server program. If there is none, this is reported past the test harness's output
/// capture.
pub(crate) fn valkey() -> Option<&'static str> {
    let program = "valkey-server";
    let mut version = Command::new(program);
    let found = version.arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    let _ = writeln!(
        std::io::stderr(),
        "NOT TESTED ON VALKEY: {program} is not on PATH"
    );
    None
}

/// Polls until the condition holds.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        sleep(Duration::from_millis(10));
    }
}

fn exchange(reader: &mut BufReader<TcpStream>, words: &[&str]) -> Option<String> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request += &format!("${}\r\n{word}\r\n", word.len());
    }
    reader.get_mut().write_all(request.as_bytes()).ok()?;
    answer(reader)
}

fn answer(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.trim_end();
    let rest = line.get(1..)?;
    match line.as_bytes()[0] {
        b'$' => {
            let Ok(length) = rest.parse::<usize>() else {
                return Some(String::new());
            };
            let mut bytes = vec![0; length + 2];
            reader.read_exact(&mut bytes).ok()?;
            bytes.truncate(length);
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        b'*' => {
            let elements: Option<Vec<_>> = (0..rest.parse::<usize>().ok()?)
                .map(|_| answer(reader))
                .collect();
            Some(elements?.join("\n"))
        }
        _ => Some(rest.to_owned()),
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("tower-webhook-redis-{}-{number}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}
