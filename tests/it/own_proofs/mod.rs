//! A proof of a user's own, instead of those that are built in and beside them.

mod several;
mod verified;

use crate::support::observer::Recorder;
use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{
    Coverage, NotProved, PeerAddr, Proof, ProofHead, Prove, ProveBody, Proved,
};
use tower_webhook::{
    Allowlist, Authenticated, ManualClock, MemoryStore, Name, Provider, Reason, Rejection,
    RetriedStatuses, RetrySchedule, SenderContract, UnixTime, Webhook,
};

const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);

/// Demands a word in a header, and the same word in the body.
struct SharedWord(Coverage);

/// What the body must hold.
struct Word(String);

impl Prove for SharedWord {
    type Body = Word;

    fn covers(&self) -> Coverage {
        self.0
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        vec![HeaderName::from_static("x-acme-word")]
    }

    fn head(&self, head: &ProofHead<'_>) -> Result<Word, NotProved> {
        assert_eq!(head.now(), NOW);
        let word = head.request().headers().get("x-acme-word");
        match word.and_then(|word| word.to_str().ok()) {
            None => Err(NotProved::because("no word was said")),
            Some("keys are on their way") => Err(NotProved::not_now("the keys are not there yet")),
            Some("panic") => panic!("a proof that fails"),
            Some(word) => Ok(Word(word.to_owned())),
        }
    }
}

impl ProveBody for Word {
    fn body(self, body: &[u8], _: UnixTime) -> Result<Proved, NotProved> {
        let Self(word) = self;
        assert_ne!(word, "panic at the body");
        let text = String::from_utf8_lossy(body);
        match text.contains(&word) {
            true => Ok(Proved::new().id(format!("id-of-{word}"))),
            false => Err(NotProved::because(format!(
                "{} bytes and no word",
                body.len()
            ))),
        }
    }
}

fn contract() -> SenderContract {
    SenderContract::new(
        RetrySchedule::Fixed {
            interval: std::time::Duration::from_secs(30),
            attempts: 5,
        },
        RetriedStatuses::AllButSuccess,
    )
}

fn acme(covers: Coverage, rule: EventRule) -> Provider {
    let name = Name::new("acme").unwrap();
    Provider::proved_by(name, SharedWord(covers), rule, contract())
}

fn by_id() -> EventRule {
    EventRule::members([Shape::new("event", ["/id"])
        .and_then(Shape::own_id)
        .and_then(|shape| shape.fingerprint(["/data"]))
        .unwrap()])
    .unwrap()
}

/// Answers with what was proved.
async fn handler(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let mark = request.extensions().get::<Authenticated>().unwrap();
    let proofs = [
        Proof::Signature,
        Proof::SourceAddress,
        Proof::Custom(Coverage::Connection),
        Proof::Custom(Coverage::Body),
    ];
    let proved = proofs.iter().filter(|proof| mark.proves(**proof));
    let response = Response::builder().header("x-proofs", proved.count());
    Ok(response.body(Full::default()).unwrap())
}

fn service(
    provider: Provider,
    seen: Recorder,
) -> impl tower::Service<
    Request<Full<Bytes>>,
    Response = Response<impl http_body::Body<Data = Bytes>>,
    Error = std::io::Error,
    Future: Send,
> + Clone {
    let webhook = Webhook::new(provider)
        .store(MemoryStore::new())
        .clock(ManualClock::new(NOW))
        .observer(seen);
    webhook.build().unwrap().layer(service_fn(handler))
}

fn delivery(word: Option<&str>, body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::post("/hooks?id=7");
    if let Some(word) = word {
        request = request.header("x-acme-word", word);
    }
    request.body(Full::from(body.to_owned())).unwrap()
}

fn outcome<B>(response: &Response<B>) -> (StatusCode, Option<Reason>) {
    let rejection = response.extensions().get::<Rejection>();
    (response.status(), rejection.map(Rejection::reason))
}

#[tokio::test]
async fn both_steps_are_asked_and_each_says_why_it_refuses() {
    let seen = Recorder::default();
    let service = service(acme(Coverage::Body, by_id()), seen.clone());
    let refused = (StatusCode::UNAUTHORIZED, Some(Reason::ProofRefused));
    let later = (
        StatusCode::SERVICE_UNAVAILABLE,
        Some(Reason::ProofUnavailable),
    );
    let body = r#"{"id":"evt_1","data":"sesame"}"#;
    for (word, expected, detail) in [
        (None, refused, "no word was said"),
        (Some("abracadabra"), refused, "30 bytes and no word"),
        (
            Some("keys are on their way"),
            later,
            "the keys are not there yet",
        ),
        (Some("panic"), later, "the proof panicked"),
        (Some("panic at the body"), later, "the proof panicked"),
    ] {
        let response = service.clone().oneshot(delivery(word, body)).await.unwrap();
        assert_eq!(outcome(&response), expected, "{word:?}");
        let told = seen.next().await.detail.unwrap();
        assert_eq!(told, detail, "{word:?}");
    }

    let response = service
        .clone()
        .oneshot(delivery(Some("sesame"), body))
        .await;
    let response = response.unwrap();
    assert_eq!(outcome(&response), (StatusCode::OK, None));
    assert_eq!(response.headers()["x-proofs"], "1");
    let again = service
        .oneshot(delivery(Some("sesame"), body))
        .await
        .unwrap();
    assert_eq!(outcome(&again).1, Some(Reason::AlreadyDone));
}

#[tokio::test]
async fn what_a_proof_covers_decides_what_other_content_under_an_own_id_is() {
    for (covers, other) in [
        (Coverage::Body, Reason::AlreadyDone),
        (Coverage::Request, Reason::AlreadyDone),
        (Coverage::Connection, Reason::Conflict),
    ] {
        let service = service(acme(covers, by_id()), Recorder::default());
        let deliver = |data: &str| {
            let body = format!(r#"{{"id":"evt_1","data":"sesame {data}"}}"#);
            service.clone().oneshot(delivery(Some("sesame"), &body))
        };
        assert_eq!(outcome(&deliver("one").await.unwrap()).1, None);
        let second = deliver("two").await.unwrap();
        assert_eq!(outcome(&second).1, Some(other), "{covers:?}");
    }
}

#[tokio::test]
async fn what_a_proof_covers_decides_whether_the_query_can_be_a_key() {
    let by_query = || EventRule::members([Shape::new("notice", ["?id"]).unwrap()]).unwrap();
    let build = |covers| {
        Webhook::new(acme(covers, by_query()))
            .store(MemoryStore::new())
            .build()
            .map(drop)
    };
    assert!(build(Coverage::Request).is_ok());
    assert!(build(Coverage::Connection).is_ok());
    let refused = build(Coverage::Body).unwrap_err().to_string();
    assert!(
        refused.starts_with("acme: event rule: a parameter of the query"),
        "{refused}"
    );
}

#[tokio::test]
async fn an_id_that_was_proved_can_be_the_key() {
    let seen = Recorder::default();
    let service = service(acme(Coverage::Body, EventRule::signed_id()), seen.clone());
    let response = service
        .oneshot(delivery(Some("sesame"), "open sesame"))
        .await;
    assert_eq!(outcome(&response.unwrap()), (StatusCode::OK, None));
    assert_eq!(seen.next().await.key.as_deref(), Some("id-of-sesame"));
}

#[tokio::test]
async fn a_proof_stands_beside_those_that_are_built_in() {
    let list = Allowlist::parse(["192.0.2.7"]).unwrap();
    let both = Provider::from_source(Name::new("acme").unwrap(), list, by_id(), contract())
        .and_proved_by(SharedWord(Coverage::Connection));
    let service = service(both, Recorder::default());
    let from = |peer: &str, word| {
        let mut request = delivery(word, r#"{"id":"evt_1","data":"sesame"}"#);
        let peer = PeerAddr(peer.parse().unwrap());
        request.extensions_mut().insert(peer);
        service.clone().oneshot(request)
    };
    let elsewhere = from("192.0.2.8:4711", Some("sesame")).await.unwrap();
    assert_eq!(outcome(&elsewhere).1, Some(Reason::SourceRefused));
    let silent = from("192.0.2.7:4711", None).await.unwrap();
    assert_eq!(outcome(&silent).1, Some(Reason::ProofRefused));
    let both = from("192.0.2.7:4711", Some("sesame")).await.unwrap();
    assert_eq!(
        (outcome(&both).1, &both.headers()["x-proofs"]),
        (None, &"2".parse().unwrap())
    );
}

/// A request from this address.
fn from(peer: &str, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let peer = PeerAddr(format!("{peer}:4711").parse().unwrap());
    request.extensions_mut().insert(peer);
    request
}

#[tokio::test]
async fn who_guesses_at_a_proof_leaves_an_address() {
    let seen = Recorder::default();
    let service = service(acme(Coverage::Body, by_id()), seen.clone());
    let body = r#"{"id":"evt_1","data":"sesame"}"#;
    for word in [None, Some("abracadabra")] {
        let guess = from("192.0.2.9", delivery(word, body));
        let response = service.clone().oneshot(guess).await.unwrap();
        assert_eq!(outcome(&response).1, Some(Reason::ProofRefused));
        let client = seen.next().await.client;
        assert_eq!(client.as_deref(), Some("192.0.2.9"), "{word:?}");
    }
}

/// Panics where it is dropped unasked.
struct Grudge;

impl Drop for Grudge {
    fn drop(&mut self) {
        panic!("nobody has asked");
    }
}

impl ProveBody for Grudge {
    fn body(self, _: &[u8], _: UnixTime) -> Result<Proved, NotProved> {
        std::mem::forget(self);
        Ok(Proved::new())
    }
}

struct Grudging;

impl Prove for Grudging {
    type Body = Grudge;

    fn covers(&self) -> Coverage {
        Coverage::Body
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    fn head(&self, _: &ProofHead<'_>) -> Result<Grudge, NotProved> {
        Ok(Grudge)
    }
}

#[tokio::test]
async fn a_second_step_that_panics_being_dropped_costs_no_answer() {
    let name = Name::new("acme").unwrap();
    let both = Provider::proved_by(name, Grudging, by_id(), contract())
        .and_proved_by(SharedWord(Coverage::Body));
    let webhook = Webhook::new(both)
        .store(MemoryStore::new())
        .clock(ManualClock::new(NOW))
        .max_body_bytes(40);
    let service = webhook.build().unwrap().layer(service_fn(handler));
    let deliver = |word, body: &str| service.clone().oneshot(delivery(word, body));
    let right = r#"{"id":"evt_1","data":"sesame"}"#;
    let long = format!("{right}{}", " ".repeat(20));
    for (word, body, refused) in [
        (Some("sesame"), &*long, Some(Reason::BodyTooLarge)),
        (None, right, Some(Reason::ProofRefused)),
        (Some("sesame"), right, None),
    ] {
        assert_eq!(outcome(&deliver(word, body).await.unwrap()).1, refused);
    }
}
