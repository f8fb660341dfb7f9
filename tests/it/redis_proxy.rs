//! Deliveries while replies of Redis are lost, late or cut off: each event takes effect once, and
//! what a sender was told is what Redis holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::redis_support::dice::Dice;
use crate::redis_support::proxy::{Fault, Proxy, Script};
use crate::support::blendfi::{self, event, key};
use crate::support::http::Response;
use crate::support::observer::Recorder;
use crate::support::presets::{NOW, Preset, SECRET, WRONG_TOKEN, blendfi_signature, clock};
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::still::StillTime;
use crate::support::wait::{done_with, within};
use axum::http::StatusCode;
use tokio::time::sleep;
use tower_webhook::layer::Verdict;
use tower_webhook::store::{RecordState, RecordView, RedisStore, Store};
use tower_webhook::{Allowlist, Delivery, Reason, Webhook, provider};

const SECOND: Duration = Duration::from_secs(1);
/// The store's, for every call.
const DEADLINE: Duration = Duration::from_millis(250);
/// What BlendFi's events are claimed for; they are renewed at every third of it.
const LEASE: Duration = Duration::from_secs(15);

/// What a run of the handler does.
#[derive(Debug, Clone, Copy)]
enum Act {
    Works,
    Fails,
    /// It works once the test lets it go.
    Stands,
}

/// A receiver whose store lies behind a proxy, and what can be seen of it beside the proxy.
struct Receiver {
    redis: crate::redis_support::Server,
    proxy: Proxy,
    store: RedisStore,
    direct: RedisStore,
    server: Server,
    stage: Stage,
    seen: Recorder,
    /// A line for each effect, with the event's id.
    ledger: Arc<Mutex<Vec<String>>>,
    /// The events whose sender was told of success.
    acknowledged: Mutex<BTreeSet<String>>,
}

/// Its handler acts as the event's id and the number of the attempt ask for.
async fn receiver(
    time_to_answer: Duration,
    act: impl Fn(&str, u32) -> Act + Clone + Send + Sync + 'static,
) -> Receiver {
    let redis = crate::redis_support::Server::start();
    for script in Script::ALL {
        redis.ask(&["SCRIPT", "LOAD", script.code()]);
    }
    let proxy = Proxy::before(redis.port).await;
    let direct = RedisStore::builder(redis.url()).deadline(60 * SECOND);
    let direct = direct.connect().await.unwrap();
    let store = RedisStore::builder(proxy.url()).deadline(DEADLINE);
    let store = store.connect().await.unwrap();
    let (stage, seen, ledger) = (
        Stage::new(),
        Recorder::new(),
        Arc::<Mutex<Vec<_>>>::default(),
    );
    let handler = {
        let (stage, ledger) = (stage.clone(), Arc::clone(&ledger));
        move |delivery: Delivery| async move {
            let id = delivery.key().to_string();
            match act(&id, delivery.attempt()) {
                Act::Works => {
                    stage.enter();
                }
                Act::Stands => {
                    stage.stand().await;
                }
                Act::Fails => {
                    stage.enter();
                    return StatusCode::BAD_GATEWAY;
                }
            }
            ledger.lock().unwrap().push(id);
            StatusCode::NO_CONTENT
        }
    };
    let webhook =
        blendfi::webhook_answering_in(time_to_answer, store.clone()).observer(seen.clone());
    let server = blendfi::serve(&webhook, handler).await;
    Receiver {
        redis,
        proxy,
        store,
        direct,
        server,
        stage,
        seen,
        ledger,
        acknowledged: Mutex::default(),
    }
}

impl Receiver {
    async fn deliver(&self, id: &str) -> Response {
        let answer = event(id, "{}").send(self.server.address).await;
        if answer.is_success() {
            self.acknowledged.lock().unwrap().insert(id.to_owned());
        }
        answer
    }

    /// Sends the event again until that is a success, as its sender does.
    async fn deliver_at_last(&self, id: &str) -> Response {
        within("a success", async {
            loop {
                let answer = self.deliver(id).await;
                if answer.is_success() {
                    return answer;
                }
                assert!(answer.is_not_now() || answer.status == 502, "{answer:?}");
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }

    async fn record(&self, id: &str) -> Option<RecordView> {
        self.direct.lookup(&key(id)).await.unwrap()
    }

    fn effects(&self, id: &str) -> usize {
        let ledger = self.ledger.lock().unwrap();
        ledger.iter().filter(|line| *line == id).count()
    }

    /// Every event that was answered with success is done, and every event took effect once.
    async fn settle(&self) {
        let acknowledged = self.acknowledged.lock().unwrap().clone();
        for id in &acknowledged {
            let view = self.record(id).await;
            let status = view.as_ref().and_then(done_with);
            assert_eq!(status, Some(204), "{id} was acknowledged: {view:?}");
        }
        let mut effects = BTreeMap::<String, u32>::new();
        for id in &*self.ledger.lock().unwrap() {
            *effects.entry(id.clone()).or_default() += 1;
        }
        let once: BTreeMap<_, _> = acknowledged.into_iter().map(|id| (id, 1)).collect();
        assert_eq!(effects, once);
    }

    /// An event that needs every command: its first attempt fails, and its second one takes so
    /// long that it is renewed.
    async fn long_life(&self, id: &str, time: &StillTime) {
        assert_eq!(self.deliver(id).await.status, 502, "{id}");
        let (runs, renewals) = (self.stage.runs(), self.proxy.answered(Script::Renew));
        let test = async {
            self.stage.begun(runs + 1).await;
            time.pass(LEASE / 3).await;
            self.proxy.until_answered(Script::Renew, renewals + 1).await;
            self.stage.let_go(1);
        };
        let (answer, ()) = tokio::join!(self.deliver(id), test);
        assert_eq!((answer.status, answer.is_replayed()), (204, false), "{id}");
        assert_eq!(self.record(id).await.unwrap().attempt, 2, "{id}");
        assert!(self.deliver(id).await.is_replayed(), "{id}");
        self.settle().await;
    }
}

/// The first attempt fails, the second one stands.
fn fails_then_stands(_: &str, attempt: u32) -> Act {
    match attempt {
        1 => Act::Fails,
        _ => Act::Stands,
    }
}

#[tokio::test]
async fn a_command_that_the_network_cuts_off_is_sent_again_at_once_and_takes_effect_once() {
    let it = receiver(60 * SECOND, fails_then_stands).await;
    // Whatever heals here needs no limit to be reached, and no pause.
    let time = StillTime::begin();
    for script in Script::ALL {
        for (fault, sent_again) in [
            (Fault::CutsAfter, 1),
            (Fault::CutsInReply, 1),
            (Fault::CutsInRequest, 1),
            (Fault::CutsBefore, 1),
            (Fault::Drips, 0),
        ] {
            // Two claims and one of each other command, and the claim of the copy.
            let usual = if script == Script::Claim { 3 } else { 1 };
            let arrived = it.proxy.arrived(script);
            it.proxy.next(script, [fault]);
            it.long_life(&format!("{script:?}-{fault:?}"), &time).await;
            let sent = it.proxy.arrived(script) - arrived;
            assert_eq!(sent, usual + sent_again, "{script:?}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_claim_whose_reply_stays_away_runs_nothing_until_the_sender_comes_again() {
    for fault in [Fault::Stalls, Fault::Swallows] {
        let it = receiver(20 * SECOND, |_, _| Act::Works).await;
        let time = StillTime::begin();
        it.proxy.next(Script::Claim, [fault]);
        let test = async {
            it.proxy.until_struck(Script::Claim, 1).await;
            time.pass(DEADLINE).await;
        };
        let (answer, ()) = tokio::join!(it.deliver("evt_1"), test);
        assert!(answer.is_not_now(), "{fault:?}: {answer:?}");
        assert_eq!(it.stage.runs(), 0);
        drop(time);
        // Over the silent connection the release is not heard of either: another one is made.
        assert_eq!(it.deliver_at_last("evt_1").await.status, 204);
        let attempts = it.record("evt_1").await.unwrap().attempt;
        if fault == Fault::Swallows {
            assert_eq!(attempts, 1, "nobody had claimed it");
        } else {
            assert!(attempts > 1, "the first claim was carried out");
        }
        it.settle().await;
    }
}

#[tokio::test]
async fn a_completion_whose_reply_stays_away_is_no_success_until_it_is_heard() {
    for fault in [Fault::Stalls, Fault::Swallows] {
        let it = receiver(10 * SECOND, |_, _| Act::Works).await;
        let time = StillTime::begin();
        it.proxy.next(Script::Complete, [fault]);
        let test = async {
            it.proxy.until_struck(Script::Complete, 1).await;
            time.pass(8 * SECOND).await;
        };
        let (answer, ()) = tokio::join!(it.deliver("evt_1"), test);
        assert!(answer.is_not_now(), "{fault:?}: {answer:?}");
        assert_eq!(
            it.seen
                .count(Verdict::Unfinished, Some(Reason::NotRecorded)),
            1
        );
        drop(time);
        let again = it.deliver_at_last("evt_1").await;
        assert!(again.is_replayed(), "{again:?}");
        it.seen
            .wait_for(|seen| seen.verdict == Verdict::Handled && seen.status.is_none())
            .await;
        assert_eq!((it.stage.runs(), it.effects("evt_1")), (1, 1));
        it.settle().await;
    }
}

#[tokio::test]
async fn a_release_whose_reply_stays_away_costs_a_store_deadline_and_no_event() {
    for fault in [Fault::Stalls, Fault::Swallows] {
        let it = receiver(20 * SECOND, |_, attempt| match attempt {
            1 => Act::Fails,
            _ => Act::Works,
        })
        .await;
        let time = StillTime::begin();
        it.proxy.next(Script::Release, [fault]);
        let test = async {
            it.proxy.until_struck(Script::Release, 1).await;
            time.pass(DEADLINE).await;
        };
        let (answer, ()) = tokio::join!(it.deliver("evt_1"), test);
        assert_eq!((answer.status, answer.is_not_now()), (502, false));
        assert_eq!(it.effects("evt_1"), 0);
        drop(time);
        assert_eq!(it.deliver_at_last("evt_1").await.status, 204);
        it.settle().await;
    }
}

#[tokio::test]
async fn a_renewal_whose_reply_stays_away_costs_no_run() {
    for fault in [Fault::Stalls, Fault::Swallows] {
        let it = receiver(60 * SECOND, |_, _| Act::Stands).await;
        let time = StillTime::begin();
        it.proxy.next(Script::Renew, [fault]);
        let test = async {
            it.stage.begun(1).await;
            time.pass(LEASE / 3).await;
            it.proxy.until_struck(Script::Renew, 1).await;
            time.pass(DEADLINE).await;
            drop(time);
            it.stage.let_go(1);
        };
        let (answer, ()) = tokio::join!(it.deliver("evt_1"), test);
        assert_eq!((answer.status, answer.is_replayed()), (204, false));
        assert!(it.deliver_at_last("evt_1").await.is_replayed());
        assert_eq!(it.record("evt_1").await.unwrap().attempt, 1);
        it.settle().await;
    }
}

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
    let copy = async {
        it.proxy.until_arrived(Script::Claim, 3).await;
        time.pass(DEADLINE / 5).await;
    };
    let (answer, ()) = tokio::join!(it.deliver("evt_1"), copy);
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
    assert!(again.is_not_now(), "a copy waits, and runs nothing");
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

/// How many deliveries wait for the frozen store, and how many refusals of each kind pass them.
const HANGING: usize = 20;
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

/// How many events there are in the random run, how many senders at a time, and how often an
/// event's delivery is repeated after its success.
const EVENTS: usize = 120;
const SENDERS: usize = 8;
const COPIES: usize = 2;

/// The seed repeats how often which fault strikes, not the run: eight senders, the handler and the
/// proxy share the dice, and who rolls next is up to the machine.
#[tokio::test]
async fn whatever_the_network_does_each_event_is_acknowledged_recorded_and_takes_effect_once() {
    let dice = Arc::new(Mutex::new(Dice::seeded()));
    let roll = move |sides| dice.lock().unwrap().roll(sides);
    let fails = roll.clone();
    let it = receiver(2 * SECOND, move |_, _| match fails(5) {
        0 => Act::Fails,
        _ => Act::Works,
    })
    .await;
    let plan = roll.clone();
    // Out of a thousand. All deliveries share one connection: what cuts one off cuts off many.
    it.proxy.plan(move |script| match (script, plan(1000)) {
        (_, 0..8) => Fault::CutsBefore,
        (None, _) => Fault::Passes,
        (Some(_), 8..25) => Fault::CutsAfter,
        (Some(_), 25..33) => Fault::CutsInReply,
        (Some(_), 33..41) => Fault::CutsInRequest,
        (Some(_), 41..80) => Fault::Late(Duration::from_millis(plan(400))),
        (Some(_), 80..100) => Fault::Drips,
        (Some(_), 100..102) => Fault::Stalls,
        (Some(_), 102..104) => Fault::Swallows,
        (Some(_), _) => Fault::Passes,
    });
    let next = Mutex::new(0..EVENTS);
    let sender = || async {
        loop {
            let Some(number) = next.lock().unwrap().next() else {
                return;
            };
            let id = format!("evt_{number}");
            for _ in 0..=COPIES {
                // Now and then it comes twice at once.
                if roll(10) == 0 {
                    tokio::join!(it.deliver(&id), it.deliver_at_last(&id));
                } else {
                    it.deliver_at_last(&id).await;
                }
            }
        }
    };
    futures_util::future::join_all((0..SENDERS).map(|_| sender())).await;
    assert_eq!(it.acknowledged.lock().unwrap().len(), EVENTS);
    it.settle().await;
    // Some forty are to be expected.
    let struck: usize = (Script::ALL.into_iter())
        .map(|script| it.proxy.struck(script))
        .sum();
    assert!(struck >= 10, "the network was good: {struck} faults");
}
