//! A Redis that is slow, silent, frozen or full, or has lost a record.

use crate::redis_support::proxy::{Fault, Script};
use crate::support::blendfi::{event, key};
use crate::support::presets::{NOW, Preset, SECRET, WRONG_TOKEN, blendfi_signature, clock};
use crate::support::still::StillTime;
use crate::support::wait::done_with;
use tower_webhook::layer::Verdict;
use tower_webhook::store::{RecordState, Store};
use tower_webhook::{Allowlist, Reason, Webhook, provider};

use super::{Act, DEADLINE, LEASE, SECOND, receiver};

#[tokio::test]
async fn a_slow_network_is_waited_for_up_to_the_deadline() {
    let it = receiver(60 * SECOND, |_, _| Act::Works).await;
    let time = StillTime::begin();
    it.proxy.always(Fault::Late(DEADLINE * 4 / 5));
    let test = async {
        for script in [Script::Claim, Script::Complete] {
            it.proxy.until_struck(script, 1).await;
            time.pass(DEADLINE * 4 / 5).await;
        }
    };
    let (answer, ()) = tokio::join!(it.deliver("evt_1"), test);
    assert_eq!(answer.status, 204);
    assert_eq!(it.proxy.arrived(Script::Claim), 1, "nothing is sent twice");

    it.proxy.always(Fault::Late(DEADLINE * 6 / 5));
    let test = async {
        it.proxy.until_struck(Script::Claim, 2).await;
        time.pass(DEADLINE).await;
    };
    let (answer, ()) = tokio::join!(it.deliver("evt_2"), test);
    assert!(answer.is_not_now(), "{answer:?}");
    assert_eq!(it.stage.runs(), 1);

    // The late reply comes while others are waited for, and is taken for none of them.
    it.proxy.heal();
    let duplicate = async {
        it.proxy.until_arrived(Script::Claim, 3).await;
        time.pass(DEADLINE / 5).await;
    };
    let (answer, ()) = tokio::join!(it.deliver("evt_1"), duplicate);
    assert!(answer.is_replayed(), "{answer:?}");
    assert_eq!(it.deliver("evt_3").await.status, 204);
    drop(time);
    assert_eq!(it.deliver_at_last("evt_2").await.status, 204);
    it.settle().await;
}

#[tokio::test]
async fn a_redis_that_takes_connections_and_answers_nothing_is_left_once_it_answers() {
    let it = receiver(20 * SECOND, |_, _| Act::Works).await;
    assert_eq!(it.deliver("evt_1").await.status, 204);
    it.proxy.always(Fault::Swallows);
    for id in ["evt_1", "evt_2", "evt_2", "evt_2", "evt_2"] {
        let answer = it.deliver(id).await;
        assert!(answer.is_not_now(), "{answer:?}");
    }
    assert_eq!(it.stage.runs(), 1);
    it.proxy.heal();
    assert_eq!(it.deliver_at_last("evt_2").await.status, 204);
    assert!(it.deliver_at_last("evt_1").await.is_replayed());
    it.settle().await;
}

#[tokio::test]
async fn a_record_that_redis_lost_while_its_handler_ran_is_written_anew_as_done() {
    let it = receiver(60 * SECOND, |_, _| Act::Stands).await;
    for (id, renewed) in [("evt_1", false), ("evt_2", true)] {
        let time = StillTime::begin();
        let (runs, renewals) = (it.stage.runs(), it.proxy.answered(Script::Renew));
        let test = async {
            it.stage.begun(runs + 1).await;
            assert!(it.direct.forget(&key(id)).await.unwrap());
            if renewed {
                // The handler is told that its lease is lost; its effect is recorded all the same.
                time.pass(LEASE / 3).await;
                it.proxy.until_answered(Script::Renew, renewals + 1).await;
                assert_eq!(it.record(id).await, None);
            }
            it.stage.let_go(1);
        };
        let (answer, ()) = tokio::join!(it.deliver(id), test);
        assert_eq!((answer.status, answer.is_replayed()), (204, false));
        let view = it.record(id).await.unwrap();
        assert_eq!((done_with(&view), view.attempt), (Some(204), 1));
        assert!(view.fingerprint.is_some() && view.fence > 0);
        assert!(it.deliver(id).await.is_replayed());
    }
    it.settle().await;
}

#[tokio::test]
async fn a_completion_that_finds_redis_full_is_sent_until_there_is_room() {
    let it = receiver(SECOND, |_, _| Act::Stands).await;
    let test = async {
        it.stage.begun(1).await;
        it.redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
        it.stage.let_go(1);
    };
    let (answer, ()) = tokio::join!(it.deliver("evt_1"), test);
    assert!(answer.is_not_now(), "{answer:?}");
    assert_eq!(
        it.seen
            .count(Verdict::Unfinished, Some(Reason::NotRecorded)),
        1
    );
    let view = it.record("evt_1").await.unwrap();
    assert!(
        matches!(view.state, RecordState::Claimed { .. }),
        "{view:?}"
    );
    let again = it.deliver("evt_1").await;
    assert!(again.is_not_now(), "a duplicate waits, and runs nothing");
    let other = it.deliver("evt_2").await;
    assert!(other.is_not_now(), "{other:?}");
    assert_eq!(it.seen.count(Verdict::Refused, Some(Reason::StoreFull)), 1);
    assert_eq!((it.stage.runs(), it.effects("evt_1")), (1, 1));

    let sent = it.proxy.arrived(Script::Complete);
    it.proxy.until_arrived(Script::Complete, sent + 1).await;
    it.redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    it.seen
        .wait_for(|seen| seen.verdict == Verdict::Handled && seen.status.is_none())
        .await;
    let again = it.deliver("evt_1").await;
    assert_eq!((again.status, again.is_replayed()), (200, true));
    assert_eq!((it.stage.runs(), it.effects("evt_1")), (1, 1));
    it.settle().await;
}

/// How many deliveries wait for the frozen store, as many as ask it at a time: what comes meanwhile would wait for
/// them. And how many refusals of each kind pass them.
const HANGING: usize = 2;
const REFUSED: usize = 20;

#[tokio::test]
async fn a_frozen_redis_costs_a_delivery_the_stores_deadline_and_a_refusal_nothing() {
    let it = receiver(20 * SECOND, |_, _| Act::Works).await;
    let behind = |provider| {
        Webhook::new(provider)
            .clock(clock())
            .store(it.store.clone())
    };
    let by_path = behind(Preset::Blox.provider());
    let by_path = Preset::Blox.serve(&by_path, it.stage.handler()).await;
    let elsewhere = Allowlist::parse(["192.0.2.1"]).unwrap();
    let by_address = behind(provider::bloquo(elsewhere));
    let by_address = Preset::Bloquo.serve(&by_address, it.stage.handler()).await;
    let wrong_path = Preset::Blox
        .delivery(1)
        .target(&format!("/hooks/{WRONG_TOKEN}"));
    let wrong_signature = event("evt_0", r#"{"forged":true}"#)
        .without("x-blendfi-signature")
        .header(
            "x-blendfi-signature",
            blendfi_signature(NOW, SECRET, "another body"),
        );

    let time = StillTime::begin();
    it.redis.freeze();
    let ids: Vec<_> = (0..HANGING).map(|number| format!("evt_{number}")).collect();
    let hanging: Vec<_> = (ids.iter())
        .map(|id| event(id, "{}").spawn(it.server.address))
        .collect();
    it.proxy.until_arrived(Script::Claim, HANGING).await;
    let bytes = it.proxy.bytes();

    // Time stands still: a refusal that waited for anything would wait for ever.
    let refusals = (0..REFUSED).flat_map(|_| {
        [
            (404, wrong_path.spawn(by_path.address)),
            (403, Preset::Bloquo.delivery(1).spawn(by_address.address)),
            (401, wrong_signature.spawn(it.server.address)),
        ]
    });
    for (status, answer) in refusals.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap().status, status);
    }
    assert_eq!(it.proxy.bytes(), bytes, "the store heard nothing of them");
    let answered = hanging.iter().filter(|it| it.is_finished()).count();
    assert_eq!(answered, 0, "every delivery is still in flight");

    time.pass(DEADLINE).await;
    for answer in hanging {
        let answer = answer.await.unwrap();
        assert!(answer.is_not_now(), "{answer:?}");
    }
    assert_eq!(it.stage.runs(), 0);
    it.redis.thaw();
    drop(time);
    for id in &ids {
        assert_eq!(it.deliver_at_last(id).await.status, 204);
    }
    it.settle().await;
}
