//! Stores that fail, hang, lose replies and forget.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::blendfi::{self, event, key};
use crate::support::faults::{Fault, FaultyStore, Op};
use crate::support::observer::Recorder;
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::{done, done_with, is_claimed, record, released, until};
use axum::http::StatusCode;
use tower_webhook::layer::Verdict;
use tower_webhook::store::StoreErrorKind;
use tower_webhook::{DedupeConfig, Delivery, MemoryStore, Observation, Observer, Reason, Webhook};

const SECOND: Duration = Duration::from_secs(1);

/// A receiver whose store can be made to fail, and what is seen of it.
struct Receiver {
    server: Server,
    store: FaultyStore,
    runs: Stage,
    recorder: Recorder,
}

/// Its handler tells which attempt it is, fails those of `failing`, and answers in time.
async fn receiver(
    time_to_answer: Duration,
    failing: &'static [u32],
    set: impl FnOnce(Webhook) -> Webhook,
) -> Receiver {
    let (store, runs) = (FaultyStore::new(MemoryStore::new()), Stage::new());
    let recorder = Recorder::new();
    let webhook = blendfi::webhook_answering_in(time_to_answer, store.clone());
    let handler = {
        let runs = runs.clone();
        move |delivery: Delivery| async move {
            runs.enter();
            // A handler that is not ready at once, as real ones are not.
            tokio::task::yield_now().await;
            let status = match failing.contains(&delivery.attempt()) {
                true => StatusCode::BAD_GATEWAY,
                false => StatusCode::OK,
            };
            let text = format!(
                "attempt {}, unchecked {}",
                delivery.attempt(),
                delivery.is_unchecked()
            );
            (status, text)
        }
    };
    let server = blendfi::serve(&set(webhook.observer(recorder.clone())), handler).await;
    Receiver {
        server,
        store,
        runs,
        recorder,
    }
}

impl Receiver {
    async fn deliver(&self, id: &str) -> crate::support::http::Response {
        event(id, "{}").send(self.server.address).await
    }

    async fn handles(&self, id: &str, attempt: u32) {
        let answer = self.deliver(id).await;
        let expected = format!("attempt {attempt}, unchecked false");
        assert_eq!(
            (answer.status, answer.body),
            (200, expected.into_bytes()),
            "{id}"
        );
        let view = record(&self.store.inner, &key(id)).await.unwrap();
        assert_eq!((done_with(&view), view.attempt), (Some(200), attempt));
        let duplicate = self.deliver(id).await;
        assert_eq!((duplicate.status, duplicate.is_replayed()), (200, true));
    }
}

#[tokio::test]
async fn a_claim_that_fails_runs_nothing() {
    let it = receiver(5 * SECOND, &[], |webhook| webhook).await;
    for (kind, reason) in [
        (StoreErrorKind::Unavailable, Reason::StoreUnavailable),
        (StoreErrorKind::TimedOut, Reason::StoreTooSlow),
        (StoreErrorKind::Refused, Reason::StoreUnavailable),
        (StoreErrorKind::Corrupt, Reason::StoreUnavailable),
        (StoreErrorKind::Full, Reason::StoreFull),
    ] {
        let before = it.recorder.count(Verdict::Refused, Some(reason));
        it.store.next(Op::Claim, [Fault::Fails(kind)]);
        let answer = it.deliver("evt_1").await;
        assert!(answer.is_not_now(), "{kind:?}: {answer:?}");
        assert_eq!(
            it.recorder.count(Verdict::Refused, Some(reason)),
            before + 1
        );
        assert_eq!(record(&it.store.inner, &key("evt_1")).await, None);
    }
    assert_eq!(it.runs.runs(), 0);
    it.handles("evt_1", 1).await;
}

#[tokio::test]
async fn a_claim_that_hangs_is_answered_in_time() {
    let it = receiver(SECOND, &[], |webhook| webhook).await;
    it.store.next(Op::Claim, [Fault::Hangs]);
    let answer = it.deliver("evt_1").await;
    assert!(answer.is_not_now(), "{answer:?}");
    let seen = it.recorder.seen();
    assert_eq!(seen[0].reason, Some(Reason::StoreTooSlow));
    assert_eq!(it.runs.runs(), 0);
    assert_eq!(record(&it.store.inner, &key("evt_1")).await, None);
    it.handles("evt_1", 1).await;
}

#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_released_by_its_token() {
    for fault in [Fault::LosesReply, Fault::HangsAfter] {
        let it = receiver(SECOND, &[], |webhook| webhook).await;
        it.store.next(Op::Claim, [fault]);
        // The release does not get through at once either.
        it.store.next(
            Op::Release,
            [Fault::Fails(StoreErrorKind::Unavailable), Fault::LosesReply],
        );
        let answer = it.deliver("evt_1").await;
        assert!(answer.is_not_now(), "{fault:?}: {answer:?}");
        assert_eq!(released(&it.store.inner, &key("evt_1")).await.attempt, 0);
        it.store.called(Op::Release, 3).await;
        assert_eq!(it.runs.runs(), 0);
        it.handles("evt_1", 1).await;
    }
}

#[tokio::test]
async fn a_completion_is_sent_until_it_is_heard() {
    let it = receiver(10 * SECOND, &[], |webhook| webhook).await;
    let fails = Fault::Fails(StoreErrorKind::Unavailable);
    it.store
        .next(Op::Complete, [fails, fails, Fault::LosesReply]);
    it.handles("evt_1", 1).await;
    assert_eq!((it.store.calls(Op::Complete), it.runs.runs()), (4, 1));
    assert_eq!(it.recorder.count(Verdict::Handled, None), 1);

    it.store.next(Op::Complete, [Fault::Hangs]);
    it.handles("evt_2", 1).await;
    assert_eq!((it.store.calls(Op::Complete), it.runs.runs()), (6, 2));
}

#[tokio::test]
async fn an_outcome_that_is_recorded_late_is_recorded_all_the_same() {
    for fault in [Fault::Fails(StoreErrorKind::Unavailable), Fault::Hangs] {
        let it = receiver(SECOND, &[], |webhook| webhook).await;
        it.store.always(Op::Complete, fault);
        let answer = it.deliver("evt_1").await;
        assert!(answer.is_not_now(), "{fault:?}: {answer:?}");
        let view = record(&it.store.inner, &key("evt_1")).await.unwrap();
        assert!(is_claimed(&view), "the lease is kept: {view:?}");
        assert!(
            it.deliver("evt_1").await.is_not_now(),
            "a duplicate is not run"
        );
        it.store.heal(Op::Complete);
        let view = done(&it.store.inner, &key("evt_1")).await;
        assert_eq!((done_with(&view), view.attempt), (Some(200), 1));
        let duplicate = it.deliver("evt_1").await;
        assert_eq!(
            (duplicate.status, duplicate.is_replayed(), it.runs.runs()),
            (200, true, 1)
        );
        it.recorder
            .wait_for(|seen| seen.verdict == Verdict::Handled && seen.status.is_none())
            .await;
        assert_eq!(
            it.recorder
                .count(Verdict::Unfinished, Some(Reason::NotRecorded)),
            1
        );
        it.handles("evt_2", 1).await;
    }
}

#[tokio::test]
async fn a_record_that_was_lost_is_written_anew() {
    let it = receiver(5 * SECOND, &[1], |webhook| webhook).await;
    assert_eq!(it.deliver("evt_1").await.status, 502);
    let before = record(&it.store.inner, &key("evt_1")).await.unwrap();
    it.store.next(Op::Complete, [Fault::Forgets]);
    it.handles("evt_1", 2).await;
    let view = record(&it.store.inner, &key("evt_1")).await.unwrap();
    assert!(view.fence > before.fence);
    assert_eq!(view.fingerprint, before.fingerprint);
    assert!(view.fingerprint.is_some());
    assert_eq!(it.runs.runs(), 2);
}

#[tokio::test]
async fn a_release_that_fails_is_sent_again() {
    let it = receiver(5 * SECOND, &[1], |webhook| webhook).await;
    let fails = Fault::Fails(StoreErrorKind::Unavailable);
    it.store
        .next(Op::Release, [fails, fails, Fault::LosesReply]);
    let answer = it.deliver("evt_1").await;
    assert_eq!((answer.status, answer.is_not_now()), (502, false));
    assert_eq!(released(&it.store.inner, &key("evt_1")).await.attempt, 1);
    it.store.called(Op::Release, 4).await;
    it.handles("evt_1", 2).await;
}

#[tokio::test]
async fn a_release_that_hangs_does_not_make_the_answer_late() {
    let it = receiver(Duration::from_millis(250), &[1], |webhook| webhook).await;
    it.store.next(Op::Release, [Fault::Hangs]);
    let asked = Instant::now();
    assert_eq!(it.deliver("evt_1").await.status, 502);
    let taken = asked.elapsed();
    // The deadline is 200 ms; a store may take a second for a call where nobody waits for it.
    assert!(taken < Duration::from_millis(900), "{taken:?}");
    released(&it.store.inner, &key("evt_1")).await;
    let answer = it.deliver("evt_1").await;
    assert_eq!(answer.body, b"attempt 2, unchecked false");
}

#[tokio::test]
async fn running_unchecked_is_said_and_counted() {
    let it = receiver(5 * SECOND, &[], |w| {
        w.dedupe(DedupeConfig::new().with_insecure_fail_open())
    })
    .await;
    it.store
        .always(Op::Claim, Fault::Fails(StoreErrorKind::Unavailable));
    for runs in 1..=2 {
        let answer = it.deliver("evt_1").await;
        assert_eq!(answer.body, b"attempt 0, unchecked true");
        assert_eq!(
            (answer.status, it.runs.runs()),
            (200, runs),
            "every duplicate runs"
        );
    }
    let seen = it.recorder.seen();
    assert_eq!(seen.len(), 2);
    for outcome in seen {
        assert_eq!(
            (outcome.verdict, outcome.unchecked),
            (Verdict::Handled, true)
        );
        assert_eq!(
            (outcome.attempt, outcome.key.as_deref()),
            (None, Some("evt_1"))
        );
    }
    assert_eq!(record(&it.store.inner, &key("evt_1")).await, None);
    it.store.heal(Op::Claim);
    it.handles("evt_1", 1).await;
}

#[tokio::test]
async fn running_unchecked_is_answered_in_time_where_the_store_hangs() {
    for fault in [Fault::Hangs, Fault::HangsAfter] {
        let it = receiver(5 * SECOND, &[], |w| {
            w.dedupe(DedupeConfig::new().with_insecure_fail_open())
        })
        .await;
        it.store.next(Op::Claim, [fault]);
        let answer = it.deliver("evt_1").await;
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200, &b"attempt 0, unchecked true"[..])
        );
        assert_eq!(it.runs.runs(), 1);
        until("the claim to be released", || {
            it.store.calls(Op::Release) > 0
        })
        .await;
        assert!(it.deliver("evt_2").await.is_success());
    }
}

#[tokio::test]
async fn a_full_store_refuses_new_events_and_knows_the_old_ones() {
    let store = MemoryStore::with_capacity(1).unwrap();
    let (runs, recorder) = (Stage::new(), Recorder::new());
    let handler = {
        let runs = runs.clone();
        move || async move {
            match runs.enter() {
                1 => StatusCode::BAD_GATEWAY,
                _ => StatusCode::NO_CONTENT,
            }
        }
    };
    let webhook = blendfi::webhook(store.clone()).observer(recorder.clone());
    let server = blendfi::serve(&webhook, handler).await;
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 502);
    let answer = event("evt_2", "{}").send(server.address).await;
    assert!(answer.is_not_now(), "{answer:?}");
    assert_eq!(recorder.count(Verdict::Refused, Some(Reason::StoreFull)), 1);
    assert_eq!(record(&store, &key("evt_2")).await, None);
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 204);
    assert!(
        event("evt_1", "{}")
            .send(server.address)
            .await
            .is_replayed()
    );
    assert!(event("evt_2", "{}").send(server.address).await.is_not_now());
    assert_eq!(runs.runs(), 2);
}

/// Panics the first time that a handler outlives its time to answer.
struct Fragile(Arc<AtomicBool>);

impl Observer for Fragile {
    fn observe(&self, observation: &Observation<'_>) {
        let late = observation.verdict == Verdict::Unfinished;
        assert!(
            !late || self.0.swap(true, Ordering::SeqCst),
            "the observer panics"
        );
    }
}

#[tokio::test]
async fn an_observer_that_panics_costs_no_event_its_handler_or_its_record() {
    let (store, stage, panicked) = (
        MemoryStore::new(),
        Stage::new(),
        Arc::new(AtomicBool::new(false)),
    );
    let webhook =
        blendfi::webhook_answering_in(SECOND, store.clone()).observer(Fragile(panicked.clone()));
    let server = blendfi::serve(&webhook, stage.handler()).await;
    let answer = event("evt_1", "{}").send(server.address).await;
    assert!(answer.is_not_now(), "{answer:?}");
    assert!(panicked.load(Ordering::SeqCst));
    stage.let_go(1);
    assert_eq!(done(&store, &key("evt_1")).await.attempt, 1);
    assert!(
        event("evt_1", "{}")
            .send(server.address)
            .await
            .is_replayed()
    );
}
