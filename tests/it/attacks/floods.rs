//! Strangers who know BLOX's path: floods at two receivers with one Redis, and answers that come late.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tower_webhook::layer::Budget;
use tower_webhook::provider::{self, blox::CheckoutStatus};
use tower_webhook::store::RedisStore;
use tower_webhook::{Decimal, DedupeConfig, Drain, MemoryStore, Store, Webhook};

use crate::redis_support::Server as Redis;
use crate::support::blox::{self, checkout};
use crate::support::http::{Request, Response};
use crate::support::presets::{Preset, clock, tokens};
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::until;

const ID: &str = "8f14e45f-ceea-467f-a830-5e3e3c7e2b8a";

/// One API for all receivers; it takes its time, and knows one checkout.
#[derive(Clone, Default)]
struct Api(Arc<Mutex<HashMap<String, usize>>>);

impl Api {
    async fn ask(self, id: String) -> Result<CheckoutStatus, &'static str> {
        *self.0.lock().unwrap().entry(id.clone()).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
        match id == ID {
            true => {
                Ok(CheckoutStatus::new(id, "COMPLETED").amount(Decimal::parse("15000").unwrap()))
            }
            false => Err("not found"),
        }
    }

    fn asked(&self, id: &str) -> usize {
        self.0.lock().unwrap().get(id).copied().unwrap_or_default()
    }
}

async fn receiver(api: &Api, store: impl Store, runs: &Stage) -> Server {
    let api = api.clone();
    let provider = provider::blox(tokens()).status_check(move |id| api.clone().ask(id));
    let webhook = Webhook::new(provider)
        .clock(clock())
        .store(store)
        .dedupe(DedupeConfig::new().shares_name());
    Preset::Blox.serve(&webhook, runs.counter()).await
}

async fn send_all(requests: Vec<Request>, to: &[SocketAddr]) -> Vec<Response> {
    let sent = requests
        .into_iter()
        .zip(to.iter().cycle())
        .map(|(it, to)| it.spawn(*to));
    let answers = join_all(sent).await;
    answers.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_at_two_receivers_with_one_redis_let_the_true_delivery_run_once() {
    let redis = Redis::start();
    let (api, runs) = (Api::default(), Stage::new());
    let (one, two) = (
        receiver(&api, RedisStore::connect(redis.url()).await.unwrap(), &runs).await,
        receiver(&api, RedisStore::connect(redis.url()).await.unwrap(), &runs).await,
    );
    let to = [one.address, two.address];
    // Contents of the true checkout, other statuses of it, and checkouts that there are not.
    let lies: Vec<_> = (0..900)
        .map(|number| match number % 3 {
            0 => checkout(ID, "COMPLETED", &format!("{}", 20_000 + number)),
            1 => checkout(ID, "FAILED", &format!("{}", 15_000 + number)),
            _ => checkout(&format!("invented-{number}"), "COMPLETED", "15000"),
        })
        .collect();
    let flood = tokio::spawn(async move { send_all(lies, &to).await });
    until("the flood", || api.asked(ID) > 0).await;
    // The true one comes to both at once, each twice.
    let truth = || checkout(ID, "COMPLETED", "15000");
    let answers = send_all(vec![truth(), truth(), truth(), truth()], &to).await;
    assert!(answers.iter().all(Response::is_success), "{answers:?}");
    for answer in flood.await.unwrap() {
        assert!(matches!(answer.status, 400 | 422 | 503), "{answer:?}");
    }
    assert_eq!(runs.runs(), 1);
    let store = RedisStore::connect(redis.url()).await.unwrap();
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.done, counts.claimed), (1, 0), "{counts:?}");
    assert!(api.asked(ID) <= 2 * 15, "{} questions", api.asked(ID));
}

#[tokio::test]
async fn an_answer_behind_the_deadline_confirms_nothing() {
    let (store, asked, runs, drain) =
        (MemoryStore::new(), Stage::new(), Stage::new(), Drain::new());
    let webhook = Webhook::new(crate::attacks::in_a_hurry(blox::provider_that_asks(&asked)))
        .clock(clock())
        .store(store.clone())
        .dedupe(DedupeConfig::new().drain(drain.clone()));
    let server = Preset::Blox.serve(&webhook, runs.counter()).await;
    let answer = checkout("c-1", "COMPLETED", "1").send(server.address).await;
    assert!(answer.is_not_now(), "{answer:?}");
    // The sender has its answer; what the API says now must not run the event behind its back.
    asked.let_go(10);
    until("the task ends", || drain.running() == 0).await;
    assert_eq!(runs.runs(), 0);
    assert!(
        store
            .lookup(&blox::key("c-1", "COMPLETED"))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        checkout("c-1", "COMPLETED", "1")
            .send(server.address)
            .await
            .status,
        204
    );
    assert_eq!(runs.runs(), 1);
}

#[tokio::test]
async fn one_event_sent_without_end_takes_every_place_to_wait_and_no_other_event_needs_one() {
    use crate::support::blendfi::{event, webhook_answering_in};
    let (stage, budget) = (Stage::new(), Budget::new(1 << 20, 8));
    let minute = Duration::from_secs(60);
    let webhook = webhook_answering_in(minute, MemoryStore::new()).budget(budget.clone());
    let server = crate::support::blendfi::serve(&webhook, stage.handler()).await;
    let captured = event("evt_1", "{}");
    let first = captured.spawn(server.address);
    stage.begun(1).await;
    let replays: Vec<_> = (0..200).map(|_| captured.spawn(server.address)).collect();
    until("every place is taken", || budget.waiting() == 8).await;
    // Events of others need none; only duplicates are told to come again.
    let others = ["evt_2", "evt_3"].map(|id| event(id, "{}").spawn(server.address));
    stage.begun(3).await;
    let duplicate = event("evt_2", "{}").send(server.address).await;
    assert!(duplicate.is_not_now(), "{duplicate:?}");
    stage.let_go(3);
    assert_eq!(first.await.unwrap().status, 204);
    for other in others {
        assert_eq!(other.await.unwrap().status, 204);
    }
    let answers: Vec<_> = join_all(replays)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let told: usize = answers.iter().filter(|it| it.is_replayed()).count();
    assert!(told >= 8 && answers.iter().all(|it| it.is_replayed() || it.is_not_now()));
    assert_eq!((stage.runs(), budget.waiting()), (3, 0));
}
