//! What becomes of the connection of a sender that is refused.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use tower_webhook::layer::Budget;
use tower_webhook::{Provider, Webhook};

use super::{delivery_of, elsewhere};
use crate::support::http::{Connection, Request};
use crate::support::presets::{Preset, WRONG_TOKEN};
use crate::support::receiver::Receiver;
use crate::support::wait::LIMIT;

/// Writes all of it before it reads anything, as `urllib` does.
fn write_then_read(to: SocketAddr, bytes: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(bytes)?;
    let mut read = Vec::new();
    let mut buffer = [0; 512];
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => read.extend_from_slice(&buffer[..n]),
        }
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_writes_a_large_body_to_a_refused_route_gets_its_answer() {
    const LARGE: usize = 1_500_000;
    const TIMES: usize = 20;
    let preset = Preset::BlendFi;
    let cap = |webhook: Webhook| webhook.max_body_bytes(4 * LARGE);
    let roomy = Receiver::start_with(preset, |p| p, cap).await;
    let capped = Receiver::start(preset).await;
    let refused = |provider: Provider| provider.and_from_source(elsewhere());
    let closed = Receiver::start_with(preset, refused, cap).await;
    let path = Receiver::start_with(Preset::BloqueAccounts, |p| p, |w| w).await;
    let tiny =
        Receiver::start_with(preset, |p| p, |w| cap(w).budget(Budget::new(100_000, 8))).await;

    let large = delivery_of(preset, LARGE);
    let unsigned = large.clone().without("x-blendfi-signature");
    let forged = large.clone().body("x".repeat(LARGE));
    let account = delivery_of(Preset::BloqueAccounts, LARGE);
    let gzip = |request: &Request| request.clone().header("content-encoding", "gzip").bytes();
    for (status, receiver, bytes) in [
        (405, &roomy, large.clone().method("PUT").bytes()),
        (403, &closed, large.bytes()),
        (415, &roomy, gzip(&large)),
        (415, &path, gzip(&account)),
        (401, &roomy, unsigned.bytes()),
        (401, &roomy, unsigned.bytes_chunked(8_192)),
        (401, &roomy, forged.bytes()),
        (413, &capped, large.bytes()),
        (413, &capped, large.bytes_chunked(8_192)),
        (413, &path, account.bytes()),
        (503, &tiny, large.bytes()),
    ] {
        let address = receiver.server.address;
        for time in 1..=TIMES {
            let bytes = bytes.clone();
            let answer = tokio::task::spawn_blocking(move || write_then_read(address, &bytes));
            let answer = answer.await.unwrap();
            let answer = answer.unwrap_or_else(|error| panic!("{status}, {time}: {error}"));
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
            assert!(!answer.to_lowercase().contains("connection:"), "{answer}");
        }
        receiver.assert_untouched("large").await;
    }
}

#[tokio::test]
async fn a_connection_lives_on_after_a_refusal() {
    for preset in Preset::ALL {
        let receiver = Receiver::start_with(preset, |p| p, |w| w.max_body_bytes(1_000)).await;
        let right = preset.delivery(1);
        let mut wrong = vec![
            (405, right.clone().method("PUT").bytes()),
            (
                415,
                right.clone().header("content-encoding", "gzip").bytes(),
            ),
            (413, delivery_of(preset, 5_000).bytes()),
            (413, delivery_of(preset, 5_000).bytes_chunked(100)),
            (400, preset.deliver("not json").bytes()),
        ];
        if let Some(name) = preset.signature_header() {
            wrong.push((401, right.clone().without(name).bytes()));
            wrong.push((401, right.clone().body("{}").bytes()));
        }
        let mut connection = Connection::open(receiver.server.address).await;
        for (status, bytes) in &wrong {
            connection.send(bytes).await;
            let response = connection.response().await.unwrap();
            assert_eq!(response.status, *status, "{preset:?}: {response:?}");
        }
        receiver.assert_untouched("one connection").await;
        assert_eq!(connection.exchange(&right).await.status, 204, "{preset:?}");
    }
}

#[tokio::test]
async fn no_refusal_by_headers_is_preceded_by_leave_to_send_the_body() {
    for preset in Preset::ALL {
        let refused = |provider: Provider| provider.and_from_source(elsewhere());
        let closed = Receiver::start_with(preset, refused, |w| w).await;
        let open = Receiver::start(preset).await;
        let expecting = preset.delivery(1).header("expect", "100-continue");
        let mut cases = vec![
            (405, &open, expecting.clone().method("PUT").head()),
            (403, &closed, expecting.head()),
            (
                415,
                &open,
                expecting.clone().header("content-encoding", "gzip").head(),
            ),
            (413, &open, expecting.head_announcing(2_000_000)),
        ];
        if preset.has_path_token() {
            let path = preset.route().replace("{token}", WRONG_TOKEN);
            cases.push((404, &open, expecting.clone().target(&path).head()));
        }
        if let Some(name) = preset.signature_header() {
            cases.push((401, &open, expecting.clone().without(name).head()));
        }
        for (status, receiver, head) in cases {
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&head).await;
            let response = connection.response().await.unwrap();
            assert_eq!(response.status, status, "{preset:?}: {response:?}");
            connection.finish().await;
            assert!(connection.is_closed().await, "{preset:?}, {status}: more");
            receiver.assert_untouched("expecting").await;
        }
        let mut connection = Connection::open(open.server.address).await;
        connection.send(&expecting.head()).await;
        assert_eq!(connection.response().await.unwrap().status, 100);
        connection.send(preset.body(1).as_bytes()).await;
        assert_eq!(
            connection.response().await.unwrap().status,
            204,
            "{preset:?}"
        );
    }
}
