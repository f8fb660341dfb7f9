//! Bodies that come compressed, over real sockets. `gzip` and `openssl` make them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request as AxumRequest;
use axum::http::StatusCode;
use axum::{Router, routing::post};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::Budget;
use tower_webhook::signature::{Scheme, Verifier};
use tower_webhook::{
    Encoding, MemoryStore, Name, PathTokens, Provider, Reason, RetriedStatuses, RetrySchedule,
    SenderContract, SignedForm, SigningSecret, Webhook,
};

use crate::support::http::Request;
use crate::support::observer::Recorder;
use crate::support::openssl::hmac_sha256;
use crate::support::server::Server;

const SECRET: &str = "a secret of some length";
const CAP: usize = 1024 * 1024;

/// What the `gzip` program makes of these bytes.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .arg("-9nc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests need the gzip program");
    let mut stdin = gzip.stdin.take().unwrap();
    let content = content.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&content).unwrap());
    let output = gzip.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// What a handler was given: its content, and whether a header still told of another form.
type Given = Arc<Mutex<Vec<(Vec<u8>, bool)>>>;

struct Receiver {
    server: Server,
    recorder: Recorder,
    budget: Budget,
    given: Given,
}

impl Receiver {
    async fn start(provider: Provider) -> Self {
        let (recorder, budget, given) = (Recorder::new(), Budget::default(), Given::default());
        let layer = Webhook::new(provider)
            .store(MemoryStore::new())
            .budget(budget.clone())
            .observer(recorder.clone())
            .build()
            .unwrap();
        let own = Arc::clone(&given);
        let handler = async move |request: AxumRequest<Body>| {
            let (parts, body) = request.into_parts();
            let tells = ["content-encoding", "content-length"]
                .iter()
                .any(|name| parts.headers.contains_key(*name));
            let body = to_bytes(body, usize::MAX).await.unwrap();
            own.lock().unwrap().push((body.to_vec(), tells));
            StatusCode::NO_CONTENT
        };
        let app = Router::new().route("/hooks/{*rest}", post(handler).layer(layer));
        Self {
            server: Server::start(app).await,
            recorder,
            budget,
            given,
        }
    }

    async fn send(&self, request: Request) -> u16 {
        request.send(self.server.address).await.status
    }
}

fn rule() -> EventRule {
    EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap()
}

fn contract() -> SenderContract {
    SenderContract::new(RetrySchedule::Never, RetriedStatuses::None).sends_up_to(CAP)
}

fn signed(contract: SenderContract) -> Provider {
    let scheme = Scheme::builder("x-signature").single("", Encoding::Hex);
    let secret = SigningSecret::from_text(SECRET).unwrap();
    let verifier = Verifier::new(scheme.build().unwrap(), secret);
    Provider::signed(Name::new("acme").unwrap(), verifier, rule(), contract)
}

/// A compressed body beside the signature of these bytes.
fn delivery(body: &[u8], signed: &[u8]) -> Request {
    Request::post("/hooks/a")
        .header("content-encoding", "gzip")
        .header("x-signature", hmac_sha256(SECRET, signed))
        .body(body)
}

#[tokio::test]
async fn the_form_is_signed_that_the_contract_names() {
    let content = br#"{"id":"evt_1"}"#;
    let sent = gzip(content);
    for form in [SignedForm::Compressed, SignedForm::Decoded] {
        let receiver = Receiver::start(signed(contract().gzip(form))).await;
        let (right, other) = match form {
            SignedForm::Decoded => (&content[..], &sent[..]),
            _ => (&sent[..], &content[..]),
        };
        assert_eq!(receiver.send(delivery(&sent, other)).await, 401, "{form:?}");
        let seen = receiver.recorder.next().await;
        let detail = seen.detail.unwrap_or_default();
        assert!(!detail.contains("changed"), "{form:?}: {detail}");
        assert_eq!(receiver.send(delivery(&sent, right)).await, 204, "{form:?}");
        // Plain, it is the same event.
        let plain = delivery(content, content).without("content-encoding");
        assert_eq!(receiver.send(plain).await, 200, "{form:?}");
        let given = receiver.given.lock().unwrap().clone();
        assert_eq!(given, [(content.to_vec(), false)], "{form:?}");
        assert_eq!(receiver.budget.body_bytes(), 0);
    }
}

#[tokio::test]
async fn what_the_contract_does_not_name_is_refused_before_it_is_read() {
    let content = br#"{"id":"evt_1"}"#;
    let sent = gzip(content);
    let silent = Receiver::start(signed(contract())).await;
    assert_eq!(silent.send(delivery(&sent, &sent)).await, 415);
    assert_eq!(silent.send(delivery(&sent, content)).await, 415);
    let receiver = Receiver::start(signed(contract().gzip(SignedForm::Decoded))).await;
    for (coding, status) in [
        ("br", 415),
        ("gzip, gzip", 415),
        ("deflate, gzip", 415),
        ("gzip;q=1", 415),
        ("identity, X-GZip", 204),
        (" gzip , utf-8", 200),
    ] {
        let request = delivery(&sent, content).without("content-encoding");
        let request = request.header("content-encoding", coding);
        assert_eq!(receiver.send(request).await, status, "{coding}");
    }
}

#[tokio::test]
async fn a_body_that_grows_beyond_the_cap_is_refused() {
    let most = [
        br#"{"id":"evt_1","pad":""#,
        &vec![b' '; CAP - 23][..],
        br#""}"#,
    ]
    .concat();
    assert_eq!(most.len(), CAP);
    let more = [&most[..], b" "].concat();
    let huge = vec![b' '; 64 * CAP];
    for form in [SignedForm::Compressed, SignedForm::Decoded] {
        let receiver = Receiver::start(signed(contract().gzip(form))).await;
        let right = |content: &[u8]| {
            let sent = gzip(content);
            match form {
                SignedForm::Decoded => delivery(&sent, content),
                _ => delivery(&sent, &sent),
            }
        };
        assert_eq!(receiver.send(right(&most)).await, 204, "{form:?}");
        for content in [&more, &huge] {
            assert_eq!(receiver.send(right(content)).await, 413, "{form:?}");
        }
        // Nothing of it is read where the bytes that came are proved first.
        let forged = delivery(&gzip(&huge), b"something else");
        let status = receiver.send(forged).await;
        let expected = match form {
            SignedForm::Decoded => 413,
            _ => 401,
        };
        assert_eq!(status, expected, "{form:?}");
        drop(receiver.given.lock().unwrap().drain(..));
        assert_eq!(receiver.budget.body_bytes(), 0, "{form:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_none_is_told_so() {
    let content = br#"{"id":"evt_1"}"#;
    let sent = gzip(content);
    let receiver = Receiver::start(signed(contract().gzip(SignedForm::Compressed))).await;
    let cut = &sent[..sent.len() - 1];
    for broken in [content, cut] {
        assert_eq!(receiver.send(delivery(broken, broken)).await, 415);
        let seen = receiver.recorder.next().await;
        assert_eq!(seen.reason, Some(Reason::ContentEncoding));
        let detail = seen.detail.unwrap();
        assert!(detail.contains("no gzip"), "{detail}");
    }
}

/// Where nothing is signed, the form makes no difference.
#[tokio::test]
async fn a_sender_that_is_known_by_its_path_may_compress_too() {
    let provider = Provider::by_secret_path(
        Name::new("acme").unwrap(),
        PathTokens::parse(["a-token-of-some-length"]).unwrap(),
        rule(),
        contract().gzip(SignedForm::Compressed),
    );
    let receiver = Receiver::start(provider).await;
    let content = br#"{"id":"evt_1"}"#;
    let request = Request::post("/hooks/a-token-of-some-length")
        .header("content-encoding", "gzip")
        .body(gzip(content));
    assert_eq!(receiver.send(request).await, 204);
    assert_eq!(*receiver.given.lock().unwrap(), [(content.to_vec(), false)]);
}
