//! What a stranger writes into a request that is refused, and what becomes of it in the log.

use axum::http::StatusCode;
use tower_webhook::provider::{self, github};
use tower_webhook::{MemoryStore, Webhook};

use crate::support::http::{Connection, Request};
use crate::support::log::Log;
use crate::support::presets::{Preset, clock};

/// Text that ends a line, colours it, turns it around, or looks like a field or a line of ours, as
/// far as HTTP lets it through.
const HOSTILE: [&[u8]; 9] = [
    "a\u{2028}2026-11-29T00:00:00Z INFO tower_webhook: delivery handled".as_bytes(),
    "a\u{2029}\u{85}b".as_bytes(),
    "a\u{202e}gro.elpmaxe\u{2066}".as_bytes(),
    "a\u{200b}\u{feff}\u{e0041}".as_bytes(),
    b"a\tb  c",
    b"a\" status=200 reason=\"none\" key=evt_1",
    b"a\\n\\x1b[31m${jndi:ldap://x}%0d%0a",
    b"\xff\xfe\x80\x9b31m",
    b"a\x85b\xa0",
];

#[tokio::test]
async fn nothing_that_a_refused_stranger_wrote_makes_or_changes_a_line() {
    let log = Log::default();
    let guard = log.capture(false);
    let signed = Webhook::new(Preset::BlendFi.provider())
        .clock(clock())
        .store(MemoryStore::new());
    let hub = provider::github(github::keys(["It's a Secret to Everybody"]).unwrap());
    let hub = Webhook::new(hub).clock(clock()).store(MemoryStore::new());
    let from = Webhook::new(Preset::Bloquo.provider()).store(MemoryStore::new());
    let handler = || async { StatusCode::NO_CONTENT };
    let servers = [
        Preset::BlendFi.serve(&signed, handler).await,
        Preset::BlendFi.serve(&hub, handler).await,
        Preset::Bloquo.serve(&from, handler).await,
    ];
    let names = [
        "x-blendfi-signature",
        "x-blendfi-event-id",
        "x-blendfi-event-type",
        "x-hub-signature-256",
        "x-github-delivery",
        "x-github-event",
        "x-forwarded-for",
        "forwarded",
        "content-type",
        "content-encoding",
        "user-agent",
        "idempotency-key",
        "x-request-id",
    ];
    let unsigned = Preset::BlendFi.delivery(1).without("x-blendfi-signature");
    let mut sent = 0;
    for server in &servers {
        for hostile in HOSTILE {
            for name in names {
                let request = unsigned.clone();
                let mac = format!("sha256={}", "0".repeat(64));
                let request = match name {
                    "x-hub-signature-256" => request,
                    _ => request.header("x-hub-signature-256", mac),
                };
                let answer = request
                    .without(name)
                    .header(name, hostile)
                    .send(server.address)
                    .await;
                assert!(answer.status < 504, "{name}: {answer:?}");
                sent += 1;
            }
            // In the query, where a server takes it.
            let mut connection = Connection::open(server.address).await;
            let target: String = hostile.iter().map(|byte| format!("%{byte:02X}")).collect();
            let request = Request::post(&format!("/hooks?{target}")).body(hostile);
            let _ = connection.exchange(&request).await;
            sent += 1;
        }
    }
    drop(guard);
    let text = log.text();
    let ours: Vec<_> = text
        .split('\n')
        .filter(|line| line.contains("tower_webhook"))
        .collect();
    let deliveries = ours
        .iter()
        .filter(|line| line.contains("delivery "))
        .count();
    assert!(deliveries >= sent, "{deliveries} lines for {sent} requests");
    for line in ours {
        // Each line is ours from its beginning, and plain.
        assert!(line.starts_with("20"), "{line}");
        assert!(
            line.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{line:?}"
        );
        for field in [" reason=", " status=", " key=", " provider="] {
            assert!(line.matches(field).count() <= 1, "{line}");
        }
    }
}
