//! Bodies of many megabytes, over real sockets: they are handled one after the other inside a budget,
//! and nobody else notices.

mod caps;
mod crowd;
#[cfg(feature = "gzip")]
mod gzip;
mod kept;
mod let_go;
mod strangers;

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::http::Request;
use crate::support::presets::answering_in;
use crate::support::server::Server;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::{Router, routing::post};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tower_webhook::layer::Budget;
use tower_webhook::provider::{self, github};
use tower_webhook::{MemoryStore, Webhook};

const MIB: usize = 1024 * 1024;
/// The largest payload that GitHub delivers.
const CAP: usize = 25 * MIB;
const SECRET: &str = "It's a Secret to Everybody";

/// A webhook of GitHub whose senders wait as long as this machine needs, not 10 s.
fn webhook(budget: &Budget) -> Webhook {
    let provider = provider::github(github::keys([SECRET]).unwrap());
    Webhook::new(answering_in(Duration::from_secs(600), provider))
        .store(MemoryStore::new())
        .budget(budget.clone())
}

async fn serve<H, T>(webhook: &Webhook, handler: H) -> Server
where
    H: Handler<T, ()>,
    T: 'static,
{
    let route = post(handler).layer(webhook.build().unwrap());
    Server::start(Router::new().route("/github", route)).await
}

async fn handled() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// A filling that bodies share, and the state of the MAC behind it. What `hmac` makes of a body is
/// compared with `openssl` in `caps`.
struct Filling {
    start: Vec<u8>,
    behind: Hmac<Sha256>,
}

impl Filling {
    /// For bodies of this length.
    fn of(length: usize) -> Self {
        Self::with(length, b'x')
    }

    /// The same, filled with this byte.
    fn with(length: usize, byte: u8) -> Self {
        let mut start = br#"{"pad":""#.to_vec();
        start.resize(length - Self::end(0).len(), byte);
        let mut behind = Hmac::new_from_slice(SECRET.as_bytes()).unwrap();
        behind.update(&start);
        Self { start, behind }
    }

    fn end(n: usize) -> String {
        format!(r#"","n":"{n:06}"}}"#)
    }

    /// A right delivery of body number `n`, without it.
    fn head(&self, n: usize) -> Request {
        let mac = self.behind.clone().chain_update(Self::end(n)).finalize();
        let mac: String = (mac.into_bytes().iter())
            .map(|byte| format!("{byte:02x}"))
            .collect();
        signed(&mac)
    }

    fn length(&self) -> usize {
        self.start.len() + Self::end(0).len()
    }

    /// Sends body number `n`, reading the answer meanwhile, and tells its status.
    async fn send(&self, n: usize, to: SocketAddr) -> u16 {
        let head = self.head(n).head_announcing(self.length());
        let (mut reads, mut writes) = TcpStream::connect(to).await.unwrap().into_split();
        let write = async {
            for part in [&head[..], &self.start[..], Self::end(n).as_bytes()] {
                // A server that has answered may hang up.
                if writes.write_all(part).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            status = status(&mut reads) => status,
            () = write => unreachable!(),
        }
    }
}

/// The status of an answer, as soon as that has come.
async fn status(reads: &mut OwnedReadHalf) -> u16 {
    let mut answer = [0; 12];
    reads.read_exact(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[9..]).parse().unwrap()
}

fn signed(mac: &str) -> Request {
    Request::post("/github")
        .header("content-type", "application/json")
        .header("x-github-event", "push")
        .header("x-hub-signature-256", format!("sha256={mac}"))
}

/// A right delivery of any body.
fn delivery(body: impl AsRef<[u8]>) -> Request {
    signed(&crate::support::openssl::hmac_sha256(SECRET, body.as_ref())).body(body)
}
