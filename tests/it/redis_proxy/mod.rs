//! Deliveries while replies of Redis are lost, late or cut off: each event takes effect once, and
//! what a sender was told is what Redis holds.

mod chance;
mod outages;
mod replies;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::redis_support::proxy::{Proxy, Script};
use crate::support::blendfi::{self, event, key};
use crate::support::http::Response;
use crate::support::observer::Recorder;
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::still::StillTime;
use crate::support::wait::{done_with, within};
use axum::http::StatusCode;
use tokio::time::sleep;
use tower_webhook::Delivery;
use tower_webhook::store::{RecordView, RedisStore, Store};

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
