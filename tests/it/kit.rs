//! The testing kit from outside: signatures against openssl, and deliveries over real sockets.

use std::error::Error;
use std::time::Duration;

use crate::support::openssl::hmac_sha256;
use crate::support::server::Server;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower_webhook::provider::{self, github, shopify, slack, standard_webhooks, stripe};
use tower_webhook::testing::{End, Sample, SendErrorKind, Sender, TestDelivery};
use tower_webhook::{
    Allowlist, Delivery, MemoryStore, Name, PathTokens, Provider, RetriedStatuses, RetrySchedule,
    SenderContract, SigningSecret, UnixTime, Webhook,
};

const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);
const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4";

fn blendfi() -> Provider {
    provider::blendfi(provider::blendfi::keys([SECRET]).unwrap())
}

fn bytes_of(mac: &str) -> Vec<u8> {
    HEXLOWER.decode(mac.as_bytes()).unwrap()
}

/// Each sender that signs: its sample, its signature header, and what openssl makes of the body.
#[test]
fn every_sample_is_signed_as_openssl_signs_it() {
    type Expected = fn(&str) -> String;
    let text = || SigningSecret::from_text(SECRET).unwrap();
    let standard = || {
        let keys = standard_webhooks::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        provider::standard_webhooks(Name::new("acme").unwrap(), keys.unwrap())
    };
    let senders: [(Sample, Provider, &str, Expected); 7] = [
        (Sample::BlendFi, blendfi(), "x-blendfi-signature", |body| {
            let mac = hmac_sha256(SECRET, format!("1777899600.{body}"));
            format!("t=1777899600,v1={mac}")
        }),
        (
            Sample::BloquePayment,
            provider::bloque_payments(text()),
            "x-bloque-signature",
            |body| hmac_sha256(SECRET, body),
        ),
        (
            Sample::GitHub,
            provider::github(github::keys([SECRET]).unwrap()),
            "x-hub-signature-256",
            |body| format!("sha256={}", hmac_sha256(SECRET, body)),
        ),
        (
            Sample::Shopify,
            provider::shopify(shopify::keys([SECRET]).unwrap()),
            "x-shopify-hmac-sha256",
            |body| BASE64.encode(&bytes_of(&hmac_sha256(SECRET, body))),
        ),
        (
            Sample::Slack,
            provider::slack(slack::keys([SECRET]).unwrap()),
            "x-slack-signature",
            |body| {
                let mac = hmac_sha256(SECRET, format!("v0:1777899600:{body}"));
                format!("v0={mac}")
            },
        ),
        (
            Sample::StandardWebhooks,
            standard(),
            "webhook-signature",
            |body| {
                let secret = BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
                let mac = hmac_sha256(secret, format!("msg_1.1777899600.{body}"));
                format!("v1,{}", BASE64.encode(&bytes_of(&mac)))
            },
        ),
        (
            Sample::Stripe,
            provider::stripe(stripe::keys([SECRET]).unwrap()),
            "stripe-signature",
            |body| {
                let mac = hmac_sha256(SECRET, format!("1777899600.{body}"));
                format!("t=1777899600,v1={mac}")
            },
        ),
    ];
    for (sample, provider, header, expected) in senders {
        let body = sample.body_at(1, NOW);
        let mut delivery = TestDelivery::new(&provider, body.clone()).at(NOW);
        if sample == Sample::StandardWebhooks {
            delivery = delivery.id("msg_1");
        }
        let request = delivery.request::<Bytes>().unwrap();
        let expected = expected(std::str::from_utf8(&body).unwrap());
        assert_eq!(request.headers()[header], expected, "{sample:?}");
    }
}

/// Fails at the first attempt at each event.
async fn on_event(delivery: Delivery) -> StatusCode {
    match delivery.attempt() {
        1 => StatusCode::BAD_GATEWAY,
        _ => StatusCode::CREATED,
    }
}

async fn serve(provider: &Provider, route: &str) -> Server {
    let webhook = Webhook::new(provider.clone()).store(MemoryStore::new());
    Server::start(Router::new().route(route, post(on_event).layer(webhook.build().unwrap()))).await
}

#[tokio::test]
async fn a_delivery_goes_to_a_url_with_everything_it_has() {
    let tokens = || PathTokens::parse([TOKEN]).unwrap();
    let blox = provider::blox(tokens()).without_status_check();
    let server = serve(&blox, "/hooks/{token}").await;
    let url = format!("http://{}/hooks", server.address);
    let right = TestDelivery::new(&blox, Sample::Blox.body(1)).token(TOKEN);
    let status = async |delivery: &TestDelivery| delivery.send_to(&url).await.unwrap().status();
    // BLOX retries nothing: a failure is a plain 500.
    assert_eq!(status(&right).await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(status(&right).await, StatusCode::CREATED);
    let duplicate = right.send_to(&url).await.unwrap();
    assert_eq!(duplicate.headers()["idempotent-replayed"], "true");
    let wrong = right.wrong_token();
    assert_eq!(status(&wrong).await, StatusCode::NOT_FOUND);

    // An address of this machine is the one that the receiver sees.
    let bloquo = provider::bloquo(Allowlist::parse(["127.0.0.7"]).unwrap());
    let server = serve(&bloquo, "/").await;
    let url = format!("http://{}/", server.address);
    let right = TestDelivery::new(&bloquo, Sample::Bloquo.body(1));
    let from = async |peer: [u8; 4]| {
        let delivery = right.clone().from(peer.into());
        delivery.send_to(&url).await.unwrap().status()
    };
    assert_eq!(from([127, 0, 0, 7]).await, StatusCode::BAD_GATEWAY);
    assert_eq!(from([127, 0, 0, 8]).await, StatusCode::FORBIDDEN);
    assert_eq!(from([127, 0, 0, 7]).await, StatusCode::CREATED);
}

/// Takes connections, reads what comes and answers with these bytes, or never.
async fn answering(answer: Option<&'static str>) -> (String, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks?a=1", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"}") {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
        }
        match answer {
            Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            None => std::future::pending().await,
        }
        seen
    });
    (url, task)
}

#[tokio::test]
async fn what_goes_over_the_wire_is_plain_http() {
    let (url, server) = answering(Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")).await;
    let delivery = TestDelivery::new(&blendfi(), r#"{"id":"evt_1"}"#).at(NOW);
    let answer = delivery.send_to(&url).await.unwrap();
    assert_eq!(answer.body(), "ok");
    let seen = String::from_utf8(server.await.unwrap()).unwrap();
    let host = url.strip_prefix("http://").unwrap().split('/').next();
    let mac = hmac_sha256(SECRET, r#"1777899600.{"id":"evt_1"}"#);
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    assert_eq!(lines.next(), Some("POST /hooks?a=1 HTTP/1.1"));
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "content-length: 14",
            "content-type: application/json",
            &*format!("host: {}", host.unwrap()),
            "x-blendfi-event-id: evt_1",
            &*format!("x-blendfi-signature: t=1777899600,v1={mac}"),
        ]
    );
    assert_eq!(body, r#"{"id":"evt_1"}"#);
}

#[tokio::test]
async fn what_gets_no_answer_says_why() {
    async fn refused(delivery: &TestDelivery, url: &str, kind: SendErrorKind, text: &str) {
        let error = delivery.send_to(url).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        let source = error.source().unwrap().to_string();
        let said = format!("{error}: {source}");
        assert!(said.starts_with(text), "{said}");
        assert!(!format!("{error:?}").contains(TOKEN));
    }
    let delivery = TestDelivery::new(&blendfi(), Sample::BlendFi.body(1)).token(TOKEN);
    let made = SendErrorKind::Delivery;
    for (url, text) in [
        (
            "/hooks",
            "no such delivery can be sent: test delivery: it is sent only to a URL that \
             begins with http://",
        ),
        (
            "https://127.0.0.1/hooks",
            "no such delivery can be sent: test delivery: it is sent only to a URL that \
             begins with http://",
        ),
        (
            "http://a b/",
            "no such delivery can be sent: test delivery: its path and token make no URI",
        ),
    ] {
        refused(&delivery, url, made, text).await;
    }
    // Bound and not listening, so that nobody else gets the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = format!("http://{}", socket.local_addr().unwrap());
    let unreachable = SendErrorKind::Unreachable;
    let text = "no connection to the receiver: ";
    refused(&delivery, &closed, unreachable, text).await;
    // An address of the documentation (RFC 5737) is nobody's.
    let foreign = delivery.clone().from([192, 0, 2, 7].into());
    refused(&foreign, &closed, unreachable, text).await;

    let (url, server) = answering(Some("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok")).await;
    let text = "the connection broke before the answer: ";
    refused(&delivery, &url, SendErrorKind::Unanswered, text).await;
    server.await.unwrap();

    let contract = blendfi().contract().clone();
    let hasty = contract.waits(Duration::from_millis(50));
    let hasty = TestDelivery::new(&blendfi().replace_contract(hasty), Sample::BlendFi.body(1));
    let (url, server) = answering(None).await;
    let text = "no answer within the sender's time: ";
    refused(&hasty, &url, SendErrorKind::TimedOut, text).await;
    server.abort();
}

#[tokio::test]
async fn a_sender_retries_over_http_as_its_profile_says() {
    let blendfi = blendfi();
    let server = serve(&blendfi, "/hooks").await;
    let url = format!("http://{}/hooks", server.address);
    let sender = Sender::new(blendfi.contract().clone()).hurry(1_000);
    let event = |number| TestDelivery::new(&blendfi, Sample::BlendFi.body(number));
    let events = (1..=20).map(event);
    let histories = sender.deliver_to(&url, events).await.unwrap();
    assert_eq!(histories.len(), 20);
    for history in histories {
        let statuses: Vec<_> = history.statuses().map(|status| status.as_u16()).collect();
        assert_eq!(statuses, [502, 201]);
        assert_eq!(history.end(), End::Acknowledged);
    }
    let forged = [event(21).wrong_secret()];
    let refused = sender.deliver_to(&url, forged).await.unwrap().remove(0);
    assert_eq!(refused.statuses().count(), 1);
    assert_eq!(refused.end(), End::Final);

    // Nobody there, and somebody who never answers: attempts without a status.
    drop(server);
    let gone = sender
        .deliver_to(&url, [event(22)])
        .await
        .unwrap()
        .remove(0);
    assert_eq!((gone.attempts().len(), gone.end()), (5, End::UsedUp));
    let (silent, task) = answering(None).await;
    let once = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    let hasty = Sender::new(once).time_to_answer(Duration::from_millis(50));
    let lost = hasty.deliver_to(&silent, [event(23)]).await.unwrap();
    assert_eq!(lost[0].attempts()[0].status, None);
    task.abort();

    let error = sender.deliver_to("/hooks", [event(24)]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "test delivery: it is sent only to a URL that begins with http://"
    );
}
