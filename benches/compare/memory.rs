//! The program for `scripts/compare memory`: a receiver with one sender and records in memory,
//! under a load that pauses while the receiver's resident memory is read. It is also built against
//! other commits, so it uses only what both have; `first_edition` selects the names of 1aef3e6.
//!
//! | argument | load |
//! | --- | --- |
//! | `slow N` | N deliveries of 2 KiB, half of whose bodies have arrived |
//! | `duplicates N` | N duplicates of a delivery whose handler is running |
//! | `running N` | N deliveries whose handlers are running |
//! | `bare N` | N requests to a handler without a layer, which has read the body and waits |
//! | `idle N` | N connections that are kept alive after an answer |
//!
//! Prints the resident bytes before and under the load.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tower_webhook::provider::{self, github};
use tower_webhook::{Delivery, MemoryStore, Webhook};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
const WAIT: Duration = Duration::from_secs(60);

async fn on_event(_: Delivery) -> StatusCode {
    tokio::time::sleep(WAIT).await;
    StatusCode::OK
}

async fn bare(_: Bytes) {
    tokio::time::sleep(WAIT).await;
}

async fn serve() -> Result<()> {
    let keys = github::keys([SECRET])?;
    #[cfg(first_edition)]
    let webhook = Webhook::new(provider::github(keys)?)
        .dedupe(MemoryStore::new())
        .layer()?;
    #[cfg(not(first_edition))]
    let webhook = Webhook::new(provider::github(keys))
        .store(MemoryStore::new())
        .build()?;
    let app = Router::new()
        .route("/webhooks/github", post(on_event).layer(webhook))
        .route("/bare", post(bare));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// A delivery as GitHub sends it, with a body of this length.
fn delivery(number: usize, len: usize) -> String {
    let head = format!(r#"{{"action":"opened","number":{number},"note":""#);
    let body = format!(
        "{head}{}\"}}",
        "n".repeat(len.saturating_sub(head.len() + 2))
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes any key");
    mac.update(body.as_bytes());
    let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
    format!(
        "POST /webhooks/github HTTP/1.1\r\nHost: hooks.example.com\r\nUser-Agent: GitHub-Hookshot/044aadd\r\n\
         Accept: */*\r\nContent-Type: application/json\r\nContent-Length: {}\r\nX-GitHub-Hook-ID: 292430182\r\n\
         X-GitHub-Event: issues\r\nX-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-{number:012}\r\n\
         X-GitHub-Hook-Installation-Target-ID: 79929171\r\n\
         X-GitHub-Hook-Installation-Target-Type: repository\r\nX-Hub-Signature-256: sha256={signature}\r\n\
         X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Request-Id: 5f0f1c2d{number:08}\r\n\r\n{body}",
        body.len(),
    )
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut address)?;
        let address = address.trim().to_owned();
        Ok(Self { child, address })
    }

    fn open(&self, bytes: &[u8]) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.write_all(bytes)?;
        Ok(stream)
    }

    fn of(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!(
            "/proc/{}/{file}",
            self.child.id()
        ))?)
    }

    /// How long all its threads have run, in clock ticks.
    fn spent(&self) -> Result<u64> {
        let stat = self.of("stat")?;
        let (_, rest) = stat.rsplit_once(')').ok_or("no name")?;
        let mut words = rest.split_ascii_whitespace().skip(11);
        let mut next = || words.next().unwrap_or_default().parse::<u64>();
        Ok(next()? + next()?)
    }

    /// The resident bytes once it is idle: its threads have not run for a while.
    fn resident(&self) -> Result<u64> {
        let begun = Instant::now();
        let (mut spent, mut still) = (self.spent()?, 0);
        while still < 5 {
            if begun.elapsed() > WAIT {
                return Err("the receiver does not come to rest".into());
            }
            sleep(Duration::from_millis(100));
            let now = self.spent()?;
            still = if now == spent { still + 1 } else { 0 };
            spent = now;
        }
        let status = self.of("status")?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .ok_or("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a connection has received an answer by now.
fn is_answered(stream: &TcpStream) -> Result<bool> {
    stream.set_nonblocking(true)?;
    Ok(stream.peek(&mut [0]).is_ok())
}

fn measure(kind: &str, count: usize) -> Result<()> {
    let server = Server::start()?;
    let mut streams = Vec::new();
    // A process's first delivery makes one-time allocations, so it comes before the measurement.
    let mut first = server.open(delivery(0, 1024).replace("sha256=", "sha256=0").as_bytes())?;
    first.read_exact(&mut [0; 64])?;
    let before = server.resident()?;
    for number in 1..=count {
        streams.push(match kind {
            "slow" => {
                let whole = delivery(number, 2 * 1024);
                let half = whole.len() - 1024;
                server.open(&whole.as_bytes()[..half])?
            }
            "duplicates" => server.open(delivery(1, 1024).as_bytes())?,
            "bare" => {
                let delivery = delivery(number, 1024).replacen("/webhooks/github", "/bare", 1);
                server.open(delivery.as_bytes())?
            }
            "running" => server.open(delivery(number, 1024).as_bytes())?,
            "idle" => {
                let mut stream =
                    server.open(b"GET / HTTP/1.1\r\nHost: hooks.example.com\r\n\r\n")?;
                let _ = stream.read(&mut [0; 1024])?;
                stream
            }
            other => return Err(format!("there is no load {other:?}").into()),
        });
    }
    let under = server.resident()?;
    if kind != "idle" {
        for stream in &streams {
            if is_answered(stream)? {
                return Err("a delivery was answered before the memory was read".into());
            }
        }
    }
    println!("{before} {under}");
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [serve_] if serve_ == "serve" => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            runtime.block_on(serve())
        }
        [kind, count] => measure(kind, count.parse()?),
        _ => Err("usage: program KIND COUNT".into()),
    }
}
