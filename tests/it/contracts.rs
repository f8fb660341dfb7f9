//! Senders that take something else for success than any 2xx: what a layer tells them, by the
//! simulated sender that follows the same contract.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::Verdict;
use tower_webhook::signature::{Scheme, Verifier};
use tower_webhook::testing::{Sender, TestDelivery, TokioClock};
use tower_webhook::{
    Encoding, MemoryStore, Name, Provider, Reason, Rejection, RejectionResponse, RetriedStatuses,
    RetrySchedule, RouterExt, SenderContract, SigningSecret, SuccessAnswer, Webhook,
};

use crate::support::observer::Recorder;

fn contract() -> SenderContract {
    let schedule = RetrySchedule::Fixed {
        interval: Duration::from_secs(30),
        attempts: 5,
    };
    SenderContract::new(schedule, RetriedStatuses::AllButSuccess)
}

fn acme(contract: SenderContract) -> Provider {
    let scheme = Scheme::builder("x-acme-signature")
        .single("", Encoding::Hex)
        .build()
        .unwrap();
    let secret = SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap();
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
    let name = Name::new("acme").unwrap();
    Provider::signed(name, Verifier::new(scheme, secret), rule, contract)
}

/// A receiver of that sender, whose handler answers with what is said now.
struct Stage {
    provider: Provider,
    app: Router,
    answered: Arc<AtomicU16>,
    runs: Arc<AtomicUsize>,
    sender: Sender,
    seen: Recorder,
}

impl Stage {
    fn new(contract: SenderContract) -> Self {
        Self::shaped(contract, |rejection: &Rejection| rejection.response())
    }

    fn shaped(contract: SenderContract, shape: impl RejectionResponse) -> Self {
        let (answered, runs) = (Arc::new(AtomicU16::new(204)), Arc::new(AtomicUsize::new(0)));
        let (provider, clock) = (acme(contract), TokioClock::default());
        let seen = Recorder::new();
        let webhook = Webhook::new(provider.clone())
            .store(MemoryStore::new())
            .clock(clock.clone())
            .observer(seen.clone())
            .rejection_response(shape);
        let (says, ran) = (Arc::clone(&answered), Arc::clone(&runs));
        let handler = move || {
            ran.fetch_add(1, Ordering::Relaxed);
            let status = StatusCode::from_u16(says.load(Ordering::Relaxed)).unwrap();
            std::future::ready(match status.as_u16() {
                204 => status.into_response(),
                _ => (status, "what the handler says").into_response(),
            })
        };
        Self {
            app: Router::new().webhook("/", webhook.build().unwrap(), handler),
            sender: Sender::new(provider.contract().clone()).clock(clock),
            provider,
            answered,
            runs,
            seen,
        }
    }

    fn event(&self, id: &str) -> TestDelivery {
        TestDelivery::new(&self.provider, format!(r#"{{"id":"{id}"}}"#))
    }

    /// Delivers an event whose handler answers so, and tells the statuses that the sender saw.
    async fn deliver(&self, id: &str, answered: u16) -> Vec<u16> {
        self.answered.store(answered, Ordering::Relaxed);
        let mut histories = (self.sender)
            .deliver(self.app.clone(), [self.event(id)])
            .await
            .unwrap();
        let history = histories.remove(0);
        history.statuses().map(|status| status.as_u16()).collect()
    }

    async fn answer(&self, request: Request<Body>) -> (StatusCode, String, Option<String>) {
        let (parts, body) = self
            .app
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let content_type = parts.headers.get("content-type");
        let content_type = content_type.map(|it| it.to_str().unwrap().to_owned());
        (
            parts.status,
            String::from_utf8(body.to_vec()).unwrap(),
            content_type,
        )
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_counts_200_alone_is_told_200() {
    let stage = Stage::new(contract().counts_as_success(SuccessAnswer::exactly(200)));
    assert_eq!(stage.deliver("evt_1", 204).await, [200]);
    assert_eq!(stage.deliver("evt_1", 204).await, [200], "a duplicate");
    assert_eq!(stage.deliver("evt_2", 201).await, [200]);
    assert_eq!(stage.runs.load(Ordering::Relaxed), 2);
    assert_eq!(stage.deliver("evt_3", 500).await, [500; 5]);
    // Without the translation it would have come five times.
    let usual = Stage::new(contract());
    assert_eq!(usual.deliver("evt_1", 204).await, [204]);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_counts_204_alone_is_told_204_without_a_body() {
    let stage = Stage::new(contract().counts_as_success(SuccessAnswer::exactly(204)));
    assert_eq!(stage.deliver("evt_1", 200).await, [204]);
    assert_eq!(stage.deliver("evt_1", 200).await, [204], "a duplicate");
    let request = stage.event("evt_2").request::<Body>().unwrap();
    let (status, body, content_type) = stage.answer(request).await;
    assert_eq!((status.as_u16(), &*body, content_type), (204, "", None));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_wants_a_word_gets_it() {
    let stage = Stage::new(contract().counts_as_success(SuccessAnswer::text("[accepted]")));
    for (id, status) in [
        ("evt_1", 204),
        ("evt_1", 204),
        ("evt_2", 201),
        ("evt_3", 200),
    ] {
        assert_eq!(stage.deliver(id, status).await, [200], "{id}, {status}");
    }
    let request = stage.event("evt_4").request::<Body>().unwrap();
    let (status, body, content_type) = stage.answer(request).await;
    assert_eq!((status.as_u16(), &*body), (200, "[accepted]"));
    assert_eq!(content_type.as_deref(), Some("text/plain; charset=utf-8"));
    // A failure says what it said.
    stage.answered.store(503, Ordering::Relaxed);
    let request = stage.event("evt_5").request::<Body>().unwrap();
    let (status, body, _) = stage.answer(request).await;
    assert_eq!((status.as_u16(), &*body), (503, "what the handler says"));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_tests_its_receivers_gets_an_empty_401() {
    let with_text = |rejection: &Rejection| {
        let mut response = rejection.response().map(|_| Bytes::from_static(b"go away"));
        let text = "text/plain".parse().unwrap();
        response.headers_mut().insert("content-type", text);
        response
    };
    let stage = Stage::shaped(contract().wants_empty_401(), with_text);
    let (sender, app) = (&stage.sender, &stage.app);
    assert!(
        sender
            .is_refused_forgery(app.clone(), stage.event("evt_1"))
            .await
            .unwrap()
    );
    let forged = stage
        .event("evt_1")
        .wrong_secret()
        .request::<Body>()
        .unwrap();
    let (status, body, content_type) = stage.answer(forged).await;
    assert_eq!((status.as_u16(), &*body, content_type), (401, "", None));
    assert_eq!(stage.deliver("evt_1", 200).await, [200]);

    // The kit sees what the sender would.
    let talks = Stage::shaped(contract(), with_text);
    let strict = Sender::new(contract().wants_empty_401());
    assert!(
        !strict
            .is_refused_forgery(talks.app.clone(), talks.event("evt_1"))
            .await
            .unwrap()
    );
    // Every other refusal keeps its shape.
    let get = Request::get("/").body(Body::empty()).unwrap();
    let (status, body, _) = stage.answer(get).await;
    assert_eq!((status.as_u16(), &*body), (405, "go away"));
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_answered_and_runs_nothing() {
    let stage = Stage::new(contract().probes_with([Method::HEAD]));
    let event = stage.event("evt_1");
    assert!(
        stage
            .sender
            .finds_receiver(stage.app.clone(), event)
            .await
            .unwrap()
    );
    assert_eq!(stage.runs.load(Ordering::Relaxed), 0);
    assert_eq!(stage.seen.count(Verdict::Probed, Some(Reason::Probe)), 1);
    let put = Request::put("/").body(Body::empty()).unwrap();
    let refused = stage.app.clone().oneshot(put).await.unwrap();
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()["allow"], "POST, HEAD");
    let usual = Stage::new(contract());
    let event = usual.event("evt_1");
    assert!(
        !stage
            .sender
            .finds_receiver(usual.app.clone(), event)
            .await
            .unwrap()
    );
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_retries_one_status_alone_gets_that_one() {
    let retried = RetriedStatuses::only(&[429]);
    let stage = Stage::new(SenderContract::new(contract().schedule().clone(), retried));
    assert_eq!(stage.deliver("evt_1", 500).await, [429; 5]);
}
