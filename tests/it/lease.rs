//! Leases: renewed while a handler runs, lost, and over; and the settings that are refused.

use std::time::Duration;

use crate::support::blendfi::{self, event, key};
use crate::support::blox;
use crate::support::faults::{Fault, FaultyStore, Op};
use crate::support::observer::Recorder;
use crate::support::presets::Preset;
use crate::support::stage::Stage;
use crate::support::wait::{done_with, record, until, within};
use axum::http::StatusCode;
use tower_webhook::layer::{Budget, Verdict};
use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, Held, RecordState, StoreErrorKind, StoredResponse, Token,
};
use tower_webhook::{
    ConfigErrorKind, DedupeConfig, Delivery, Fingerprint, MemoryStore, Reason, Store, Webhook,
};

const SECOND: Duration = Duration::from_secs(1);

fn lease_ends(view: &tower_webhook::store::RecordView) -> tower_webhook::UnixTime {
    match view.state {
        RecordState::Claimed { lease_ends } => lease_ends,
        _ => panic!("not claimed: {view:?}"),
    }
}

#[tokio::test]
async fn a_lease_is_renewed_while_its_handler_runs() {
    let (memory, stage, budget) = (MemoryStore::new(), Stage::new(), Budget::default());
    let store = FaultyStore::new(memory.clone());
    let handler = {
        let stage = stage.clone();
        move |delivery: Delivery| async move {
            stage.stand().await;
            match delivery.lease().is_lost() {
                true => StatusCode::INTERNAL_SERVER_ERROR,
                false => StatusCode::NO_CONTENT,
            }
        }
    };
    let first = blendfi::webhook_answering_in(25 * SECOND, store.clone())
        .dedupe(DedupeConfig::new().lease(3 * SECOND));
    let second = blendfi::webhook_answering_in(25 * SECOND, memory.clone())
        .dedupe(DedupeConfig::new().lease(3 * SECOND))
        .budget(budget.clone());
    let first = blendfi::serve(&first, handler.clone()).await;
    let second = blendfi::serve(&second, handler).await;
    let spawn = |address| event("evt_1", "{}").spawn(address);

    let handled = spawn(first.address);
    stage.begun(1).await;
    let begun = lease_ends(&record(&memory, &key("evt_1")).await.unwrap());
    let duplicate = spawn(second.address);
    until("the second receiver to wait", || budget.waiting() == 1).await;
    // A renewal each second: the first lease has been over for a while. Two fail on the way.
    store.called(Op::Renew, 1).await;
    let fails = Fault::Fails(StoreErrorKind::Unavailable);
    store.next(Op::Renew, [fails, Fault::LosesReply]);
    store.called(Op::Renew, 6).await;
    let view = record(&memory, &key("evt_1")).await.unwrap();
    assert!(
        lease_ends(&view).saturating_since(begun) >= 3 * SECOND,
        "{view:?}"
    );
    assert_eq!((view.attempt, stage.runs(), budget.waiting()), (1, 1, 1));

    stage.let_go(1);
    assert_eq!(handled.await.unwrap().status, 204);
    assert!(duplicate.await.unwrap().is_replayed());
    assert_eq!(
        done_with(&record(&memory, &key("evt_1")).await.unwrap()),
        Some(204)
    );
    let renewals = store.calls(Op::Renew);
    stage.let_go(1);
    assert_eq!(event("evt_2", "{}").send(second.address).await.status, 204);
    assert_eq!(
        (stage.runs(), store.calls(Op::Renew)),
        (2, renewals),
        "no renewal after the end"
    );
}

#[tokio::test]
async fn a_lost_lease_is_told_to_its_handler_and_its_completion_changes_nothing() {
    let (store, stage, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let handler = {
        let stage = stage.clone();
        move |delivery: Delivery| async move {
            stage.enter();
            delivery.lease().lost().await;
            assert!(delivery.lease().is_lost());
            // It goes on all the same.
            StatusCode::NO_CONTENT
        }
    };
    let webhook = blendfi::webhook_answering_in(25 * SECOND, store.clone())
        .observer(recorder.clone())
        .dedupe(DedupeConfig::new().lease(SECOND));
    let server = blendfi::serve(&webhook, handler).await;
    let address = server.address;
    let sender = event("evt_1", "{}").spawn(address);
    stage.begun(1).await;
    // An operator forgets the record, and somebody else claims the event.
    assert!(store.forget(&key("evt_1")).await.unwrap());
    let other = Claim::new(
        key("evt_1"),
        Token::random().unwrap(),
        Fingerprint::of(b"whatever it means there"),
        30 * SECOND,
        600 * SECOND,
    );
    let ClaimOutcome::Claimed(grant) = store.claim(&other).await.unwrap() else {
        panic!("a forgotten event is granted");
    };
    let claimed = record(&store, &key("evt_1")).await;
    let answer = within("the handler to be told", sender).await.unwrap();
    assert!(answer.is_not_now(), "{answer:?}");
    assert_eq!(recorder.count(Verdict::Failed, Some(Reason::LeaseLost)), 1);
    assert_eq!(
        record(&store, &key("evt_1")).await,
        claimed,
        "the other's claim stands"
    );

    let done = Complete::new(
        other.key.clone(),
        other.token,
        grant,
        other.fingerprint,
        StoredResponse::new(200),
        other.retention,
    );
    assert_eq!(store.complete(&done).await.unwrap(), Held::Held);
    let again = event("evt_1", "{}").send(address).await;
    assert!(again.is_replayed(), "whatever it meant to the other one");
    assert_eq!(stage.runs(), 1);
}

#[tokio::test]
async fn a_store_that_fences_a_renewal_ends_the_lease_and_renews_no_more() {
    let (store, stage) = (FaultyStore::new(MemoryStore::new()), Stage::new());
    store.always(Op::Renew, Fault::Fences);
    store.next(Op::Complete, [Fault::Fences]);
    let handler = {
        let stage = stage.clone();
        move |delivery: Delivery| async move {
            if stage.enter() == 1 {
                delivery.lease().lost().await;
            }
            StatusCode::NO_CONTENT
        }
    };
    let webhook = blendfi::webhook_answering_in(25 * SECOND, store.clone())
        .dedupe(DedupeConfig::new().lease(SECOND));
    let server = blendfi::serve(&webhook, handler).await;
    let answer = event("evt_1", "{}").send(server.address).await;
    assert!(answer.is_not_now(), "{answer:?}");
    assert_eq!((store.calls(Op::Renew), store.calls(Op::Complete)), (1, 1));
    // Nobody took it over in truth: once the lease is over, the next attempt does.
    let next = event("evt_1", "{}").send(server.address).await;
    assert_eq!(next.status, 204);
    let view = record(&store.inner, &key("evt_1")).await.unwrap();
    assert_eq!((done_with(&view), view.attempt), (Some(204), 2));
}

#[tokio::test]
async fn a_handler_past_the_renewal_ceiling_loses_its_lease_to_who_waits() {
    let (memory, stage) = (MemoryStore::new(), Stage::new());
    let store = FaultyStore::new(memory.clone());
    let (told, recorder) = (Stage::new(), Recorder::new());
    let handler = {
        let (stage, told) = (stage.clone(), told.clone());
        move |delivery: Delivery| async move {
            if delivery.attempt() == 1 {
                delivery.lease().lost().await;
                told.enter();
                stage.stand().await;
            }
            StatusCode::from_u16(200 + u16::try_from(delivery.attempt()).unwrap()).unwrap()
        }
    };
    let webhook = blendfi::webhook_answering_in(25 * SECOND, store.clone())
        .observer(recorder.clone())
        .dedupe(
            DedupeConfig::new()
                .lease(SECOND)
                .renewal_ceiling(2 * SECOND),
        );
    let server = blendfi::serve(&webhook, handler).await;
    let address = server.address;
    let spawn = || event("evt_1", "{}").spawn(address);
    let first = spawn();
    told.begun(1).await;
    // Renewed at each third of a second, as long as the lease ends by the ceiling.
    let renewals = store.calls(Op::Renew);
    assert!((1..=3).contains(&renewals), "{renewals}");
    let second = event("evt_1", "{}").send(address).await;
    assert_eq!(
        (second.status, second.is_replayed()),
        (202, false),
        "attempt 2 took over"
    );
    stage.let_go(1);
    let late = first.await.unwrap();
    assert!(late.is_not_now(), "{late:?}");
    assert_eq!(recorder.count(Verdict::Failed, Some(Reason::LeaseLost)), 1);
    let view = record(&memory, &key("evt_1")).await.unwrap();
    assert_eq!(
        (done_with(&view), view.attempt),
        (Some(202), 2),
        "what was late changed nothing"
    );
    assert!(spawn().await.unwrap().is_replayed());
}

#[tokio::test]
async fn a_dead_receivers_event_is_taken_over_when_its_lease_is_over() {
    let (store, stage, budget) = (MemoryStore::new(), Stage::new(), Budget::default());
    // What the event means, as a receiver with another store finds.
    let elsewhere = MemoryStore::new();
    let webhook = blendfi::webhook(elsewhere.clone());
    let server = blendfi::serve(&webhook, || async { StatusCode::NO_CONTENT }).await;
    event("evt_1", "{}").send(server.address).await;
    let view = record(&elsewhere, &key("evt_1")).await.unwrap();
    // A receiver that claimed, and died.
    let dead = Claim::new(
        key("evt_1"),
        Token::random().unwrap(),
        view.fingerprint.unwrap(),
        2 * SECOND,
        600 * SECOND,
    );
    store.claim(&dead).await.unwrap();
    let handler = {
        let stage = stage.clone();
        move |delivery: Delivery| async move {
            stage.enter();
            format!("attempt {}", delivery.attempt())
        }
    };
    let webhook = blendfi::webhook_answering_in(25 * SECOND, store.clone()).budget(budget.clone());
    let server = blendfi::serve(&webhook, handler).await;
    let address = server.address;
    let duplicates: Vec<_> = (0..5)
        .map(|_| event("evt_1", "{}").spawn(address))
        .collect();
    until("all to wait", || budget.waiting() == 5).await;
    let mut ran = 0;
    for duplicate in duplicates {
        let answer = duplicate.await.unwrap();
        assert_eq!(answer.status, 200);
        if !answer.is_replayed() {
            assert_eq!(answer.body, b"attempt 2");
            ran += 1;
        }
    }
    assert_eq!((ran, stage.runs()), (1, 1));
}

/// What a setting one step too far is refused with, and that the last allowed one is not.
#[test]
fn settings_that_a_sender_does_not_allow_are_refused_with_both_numbers() {
    // Seconds: the longest lease, the first ceiling refused, the shortest retention.
    let limits = [
        // 30 s apart; half of 150 s; twice 300 s.
        (Preset::BlendFi, Some(30), Some(75), Some(600)),
        // 60 s apart; half of 1023 min; 1.5 × 1023 min.
        (Preset::Bloquo, Some(60), Some(30_690), Some(92_070)),
        // It never retries, and signs no time.
        (Preset::Blox, None, None, None),
        // 30 s apart, half of 24 h and 1.5 × 24 h: assumed.
        (
            Preset::BloqueAccounts,
            Some(30),
            Some(43_200),
            Some(129_600),
        ),
        (
            Preset::BloquePayments,
            Some(30),
            Some(43_200),
            Some(129_600),
        ),
    ];
    let refused = |webhook: Webhook, kind, numbers: [String; 2], name: &str| {
        let error = webhook.build().unwrap_err();
        assert_eq!(error.kind(), kind, "{name}");
        let text = error.to_string();
        assert!(
            numbers.iter().all(|number| text.contains(number)),
            "{name}: {text}"
        );
    };
    let both = |one: u64, other: u64| [format!("{one}s"), format!("{other}s")];
    assert_eq!(limits.map(|limit| limit.0), Preset::ALL);
    for limit in limits {
        let (provider, name) = (limit.0.provider(), format!("{:?}", limit.0));
        let webhook = || Webhook::new(provider.clone()).store(MemoryStore::new());
        webhook().build().unwrap();
        let lease =
            |secs: u64| webhook().dedupe(DedupeConfig::new().lease(Duration::from_secs(secs)));
        let ceiling = |secs: u64| {
            webhook().dedupe(DedupeConfig::new().renewal_ceiling(Duration::from_secs(secs)))
        };
        let retention =
            |secs: u64| webhook().dedupe(DedupeConfig::new().retention(Duration::from_secs(secs)));
        match limit.1 {
            Some(most) => {
                lease(most).build().unwrap();
                refused(
                    lease(most + 1),
                    ConfigErrorKind::Lease,
                    both(most + 1, most),
                    &name,
                );
            }
            None => drop(lease(3_600).build().unwrap()),
        }
        match limit.2 {
            Some(first) => {
                ceiling(first - 1).build().unwrap();
                refused(
                    ceiling(first),
                    ConfigErrorKind::Lease,
                    both(first, first),
                    &name,
                );
                refused(
                    ceiling(first + 1),
                    ConfigErrorKind::Lease,
                    both(first + 1, first),
                    &name,
                );
            }
            None => drop(ceiling(86_400).build().unwrap()),
        }
        match limit.3 {
            Some(least) => {
                retention(least).build().unwrap();
                let kind = ConfigErrorKind::Retention;
                refused(retention(least - 1), kind, both(least - 1, least), &name);
            }
            None => {
                retention(60).build().unwrap();
                let kind = ConfigErrorKind::Retention;
                refused(retention(59), kind, both(59, 60), &name);
            }
        }
        // For each sender: a ceiling below the lease, and a lease below a second.
        let below = DedupeConfig::new()
            .lease(10 * SECOND)
            .renewal_ceiling(9 * SECOND);
        let below = webhook().dedupe(below);
        refused(below, ConfigErrorKind::Lease, both(9, 10), &name);
        let short = webhook().dedupe(DedupeConfig::new().lease(Duration::from_millis(999)));
        let numbers = ["999ms".to_owned(), "1s".to_owned()];
        refused(short, ConfigErrorKind::Lease, numbers, &name);
    }
}

#[tokio::test]
async fn a_long_lease_is_no_fault_of_a_sender_that_never_retries() {
    let store = MemoryStore::new();
    let webhook = blox::webhook(store).dedupe(DedupeConfig::new().lease(3_600 * SECOND));
    let handler = async || StatusCode::NO_CONTENT;
    let server = Preset::Blox.serve(&webhook, handler).await;
    let checkout = blox::checkout("c1", "COMPLETED", "1");
    assert_eq!(checkout.send(server.address).await.status, 204);
    assert!(checkout.send(server.address).await.is_replayed());
}

/// Who goes on behind the handler is renewed no more, and wakes when the lease is over.
#[tokio::test]
async fn what_goes_on_behind_its_handler_is_told_when_the_lease_is_over() {
    let (told, mut lost) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |delivery: Delivery| {
        let told = told.clone();
        async move {
            tokio::spawn(async move {
                delivery.lease().lost().await;
                let _ = told.send(delivery.lease().is_lost());
            });
            StatusCode::NO_CONTENT
        }
    };
    let webhook = blendfi::webhook_answering_in(25 * SECOND, MemoryStore::new())
        .dedupe(DedupeConfig::new().lease(SECOND));
    let server = blendfi::serve(&webhook, handler).await;
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 204);
    let is_lost = within("the end of the lease to be told", lost.recv()).await;
    assert_eq!(is_lost, Some(true));
}
