//! What the senders' own libraries sign: it is accepted, and again it is a duplicate.
//!
//! Signed once by the libraries named in `BY`, at 1777899600, and kept here.

use axum::Router;
use axum::routing::post;
use tower_webhook::provider::{self, github, shopify, slack, standard_webhooks, stripe};
use tower_webhook::{ConfigError, MemoryStore, Name, Provider, Webhook};

use crate::support::http::Request;
use crate::support::presets::{NOW, SECRET, clock};
use crate::support::server::Server;
use crate::support::stage::Stage;

/// As it is printed, indented with a line break at the end, and with a BOM, other line breaks and
/// half a surrogate pair.
const BODIES: [&str; 3] = [
    r#"{"id":"evt_1","object":"event","type":"charge.succeeded","created":1777899600,"data":{"object":{"amount":1500}}}"#,
    "{\n  \"id\": \"evt_2\",\n  \"data\": {\"text\": \"na\u{ef}ve \u{2028} \u{1f600}\"}\n}\n",
    "\u{feff}{\"id\":\"evt_3\",\r\n\"data\":{\"cut\":\"\\ud83d\"}}\r\n",
];

/// Who signed, how, where, and its signatures of the three.
const BY: [(&str, &str, &str, [&str; 3]); 5] = [
    (
        "stripe 23.1.0 (npm) webhooks.generateTestHeaderString, stripe 16.1.0 (PyPI) generate_signature_header",
        "/stripe",
        "stripe-signature",
        [
            "t=1777899600,v1=b41451b785bb8b16775103093f13d43741fd7302c3935e6b81fc511d0cfb4881",
            "t=1777899600,v1=7e5ec577b1c5a5547f812d6465ca314958b186554f8f172705f87357cf68e0fa",
            "t=1777899600,v1=dfaaf24b7b0fdc523ed756934819fcfd74bfd1c35d04e920bf6385ea4434a26a",
        ],
    ),
    (
        "svix 1.99.1, standardwebhooks 1.1.1 (npm), svix 2.9.1, standardwebhooks 1.1.0 (PyPI) sign",
        "/standard",
        "webhook-signature",
        [
            "v1,mCW2ltyr78JcywernJfj7F1uq4OISctsRiSc+6oNAEQ=",
            "v1,IrI7KJAtnkQR5wePB+byVBz6Dcx6VoIBaGT1U8MRPuA=",
            "v1,tvkTK8CKtbLxJaIVujfqAVdtfcsaXLm9xnupfBoyR+E=",
        ],
    ),
    (
        "@octokit/webhooks-methods 6.0.0 and @octokit/webhooks 14.2.0 (npm) sign",
        "/github",
        "x-hub-signature-256",
        [
            "sha256=f0c37cd908a93bbe43828bb784e7c9b5d1d00e84f44aaa7c6035cf6d2f9cbdc3",
            "sha256=980d31f3bec039771ed2e4cee8e468c0a9c0210debadb216f5cd8aa6a939be33",
            "sha256=904f62e20fe1c0e37e45d37c22f032d5c3dfaec7cfd2e5e87f23b0e71122e2ea",
        ],
    ),
    (
        "checked by @slack/bolt 5.1.0 (npm) verifySlackRequest",
        "/slack",
        "x-slack-signature",
        [
            "v0=98542731e22053ffe7ca7bed48f5818665e89baeea079f3ca80a77fd000885bc",
            "v0=37aa34de0b5bb50fc32c78e4e59ab12370030112f5b83db8279ea4be401232fc",
            "v0=8500d5c33d2cae5006197c5716d0ba5e3f2a83211da5afe47d9f1b7f479541ed",
        ],
    ),
    (
        "@shopify/shopify-api 13.1.0 (npm) test-helpers getHmac",
        "/shopify",
        "x-shopify-hmac-sha256",
        [
            "iYGNUCFhn64/wiC1d5NwR+FCHdpYYlbk1fLgFWv7ems=",
            "0i9l3sDE19s/UD+n+LHlEpTGw18L5JfZO3kKc2KojcE=",
            "ZYiytVybmICMy869zKR09Z7o37Hx8XhsCwA1rpaKVec=",
        ],
    ),
];

fn senders() -> Result<[(&'static str, Provider); 5], ConfigError> {
    let standard = standard_webhooks::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?;
    Ok([
        ("/stripe", provider::stripe(stripe::keys([SECRET])?)),
        (
            "/standard",
            provider::standard_webhooks(Name::new("acme")?, standard),
        ),
        (
            "/github",
            provider::github(github::keys(["It's a Secret to Everybody"])?),
        ),
        (
            "/slack",
            provider::slack(slack::keys(["8f742231b10e8888abcd99yyyzzz85a5"])?),
        ),
        (
            "/shopify",
            provider::shopify(shopify::keys(["hush-hush-hush"])?),
        ),
    ])
}

/// What each sends beside its signature.
fn beside(path: &str, body: usize, attempt: usize) -> Request {
    let (request, time) = (Request::post(path), NOW.to_string());
    let id = format!("{body}{attempt}c3b1a0-ceea-467f-a830-5e3e3c7e2b8a");
    match path {
        "/standard" => {
            let family = if attempt == 0 { "webhook" } else { "svix" };
            let id = ["msg_plain", "msg_pretty", "msg_crlf"][body];
            request
                .header(&format!("{family}-id"), id)
                .header(&format!("{family}-timestamp"), time)
        }
        "/slack" => request
            .header("x-slack-request-timestamp", time)
            .header("x-slack-retry-num", attempt.to_string()),
        "/github" => request
            .header("x-github-event", "push")
            .header("x-github-delivery", id),
        "/shopify" => request.header("x-shopify-webhook-id", id),
        _ => request,
    }
}

#[tokio::test]
async fn what_their_own_libraries_sign_runs_once_and_again_is_a_duplicate() {
    let stage = Stage::new();
    let mut app = Router::new();
    for (path, sender) in senders().unwrap() {
        let webhook = Webhook::new(sender)
            .clock(clock())
            .store(MemoryStore::new());
        app = app.route(path, post(stage.counter()).layer(webhook.build().unwrap()));
    }
    let server = Server::start(app).await;
    let mut runs = 0;
    for (who, path, header, signatures) in BY {
        for (at, (body, signature)) in BODIES.iter().zip(signatures).enumerate() {
            for attempt in 0..3 {
                let header = match (path, attempt) {
                    ("/standard", 1..) => "svix-signature",
                    _ => header,
                };
                let sent = beside(path, at, attempt)
                    .header(header, signature)
                    .body(body);
                let answer = sent.send(server.address).await;
                assert!(answer.is_success(), "{who}, {body}: {answer:?}");
                assert_eq!(answer.is_replayed(), attempt > 0, "{who}, {body}");
                // One byte more, and it is nobody's.
                let forged = sent.body(format!("{body} ")).send(server.address).await;
                assert_eq!(forged.status, 401, "{who}, {body}");
            }
            runs += 1;
            assert_eq!(stage.runs(), runs, "{who}, {body}");
        }
    }
}
