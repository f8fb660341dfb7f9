//! The receiver: what runs in the processes that the tests start and kill.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, Counts, Held, RecordView, RedisStore, Release, Renew,
    SharedStore, Store, StoreError,
};
use tower_webhook::{DedupeConfig, Delivery, EventKey, Name, RouterExt, Webhook, provider};

use super::journal::{Journal, What};
use super::lists;
use super::process::STANDS;
use super::sender::SECRET;
use super::sinks::Sinks;

/// What a receiver process is told at its start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// The URL of the store, or the path of its file.
    pub(crate) store: String,
    pub(crate) folder: PathBuf,
    /// That of the preset unless set.
    pub(crate) lease: Option<Duration>,
    /// Whether the handler also tries the sinks that close the windows.
    pub(crate) sinks: bool,
    /// Where to stand, at which time it gets there.
    pub(crate) stand: Option<(Point, u32)>,
    /// How many there are to work on.
    pub(crate) threads: usize,
    /// For how long each handler blocks its thread before its effect.
    pub(crate) blocks: Option<Duration>,
}

/// Where a receiver can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Point {
    /// The event is claimed, and no handler has begun. For ever.
    Claimed,
    /// The handler has begun, and has done nothing yet. For ever.
    Begun,
    /// The effect has taken place, and the handler has not returned. For ever.
    Effected,
    /// The event is recorded as done, and the answer has not left. For ever.
    Recorded,
    /// The handler has begun. Until it is told that its lease is lost: then it goes on all the
    /// same.
    Stubborn,
    /// The same: then it gives up.
    Heeding,
    /// The handler has begun. For a moment: then it asks whether its lease is lost, and gives up if
    /// so.
    Asking,
    /// The same, where the loss and the moment's end are awaited together, the loss first.
    Selecting,
    /// The effect has taken place. Until the handler is told that its lease is lost: then it
    /// returns.
    CutOff,
}

/// What the parts of the process share.
#[derive(Debug)]
struct Shared {
    journal: Journal,
    sinks: Option<Sinks>,
    stand: Option<(Point, AtomicU32)>,
    blocks: Option<Duration>,
}

impl Shared {
    /// Whether this is where to stand, and says so to who has started this process.
    fn stands_at(&self, point: Point) -> bool {
        let stands = (self.stand.as_ref()).is_some_and(|(place, times)| {
            *place == point && times.fetch_sub(1, Ordering::Relaxed) == 1
        });
        if stands {
            println!("{STANDS}");
        }
        stands
    }

    /// Stands there for ever, if this is the place. It keeps its thread, so that no time limit
    /// ends it.
    fn pass(&self, point: Point) {
        if self.stands_at(point) {
            loop {
                std::thread::park();
            }
        }
    }
}

/// Long enough to be stopped meanwhile, and shorter than a lease.
const MOMENT: Duration = Duration::from_secs(1);

/// Prints its address, and serves until it is killed or its standard input ends.
pub(crate) async fn run(orders: Orders) -> ExitCode {
    let shared = Arc::new(Shared {
        journal: Journal::open(&orders.folder),
        sinks: orders.sinks.then(|| Sinks::open(&orders.folder)),
        stand: (orders.stand).map(|(point, times)| (point, AtomicU32::new(times))),
        blocks: orders.blocks,
    });
    let inner = open(&orders.store, None).await;
    // Its own way to claim what comes together.
    let mut lists = Webhook::new(lists::provider()).store(inner.clone());
    let store = WatchedStore {
        inner,
        shared: Arc::clone(&shared),
    };
    let keys = provider::blendfi::keys([SECRET]).unwrap();
    let mut webhook = Webhook::new(provider::blendfi(keys)).store(store);
    if let Some(lease) = orders.lease {
        webhook = webhook.dedupe(DedupeConfig::new().lease(lease));
        lists = lists.dedupe(DedupeConfig::new().lease(lease));
    }
    let route = post(handle).layer(webhook.build().unwrap());
    let app = Router::new()
        .route("/hooks", route)
        .webhook("/lists", lists.build().unwrap(), handle)
        .with_state(shared);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
    ExitCode::SUCCESS
}

async fn handle(State(shared): State<Arc<Shared>>, delivery: Delivery) -> StatusCode {
    let (key, fence) = (delivery.key().to_string(), delivery.fence());
    let note = |what| shared.journal.note(what, &key, fence);
    shared.pass(Point::Begun);
    for point in [Point::Stubborn, Point::Heeding] {
        if shared.stands_at(point) {
            delivery.lease().lost().await;
            note(What::Told);
            if point == Point::Heeding {
                return StatusCode::INTERNAL_SERVER_ERROR;
            }
        }
    }
    let is_lost = if shared.stands_at(Point::Asking) {
        sleep(MOMENT).await;
        delivery.lease().is_lost()
    } else if shared.stands_at(Point::Selecting) {
        tokio::select! {
            biased;
            () = delivery.lease().lost() => true,
            () = sleep(MOMENT) => false,
        }
    } else {
        false
    };
    if is_lost {
        note(What::Told);
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    if let Some(span) = shared.blocks {
        // Those that came together begin to block together.
        sleep(MOMENT / 2).await;
        println!("{STANDS}");
        std::thread::sleep(span);
    }
    note(What::Effect);
    if let Some(sinks) = &shared.sinks {
        if sinks.take_unique(&key) {
            note(What::Unique);
        }
        note(if sinks.take_fenced(&key, fence) {
            What::FenceTook
        } else {
            What::FenceRefused
        });
    }
    shared.pass(Point::Effected);
    if shared.stands_at(Point::CutOff) {
        delivery.lease().lost().await;
        note(What::Told);
    }
    StatusCode::NO_CONTENT
}

/// The store that a URL or a path names.
pub(crate) async fn open(store: &str, deadline: Option<Duration>) -> SharedStore {
    #[cfg(feature = "postgres")]
    if store.starts_with("postgres:") {
        let mut builder = tower_webhook::PostgresStore::builder(store).migrate();
        if let Some(deadline) = deadline {
            builder = builder.deadline(deadline);
        }
        return SharedStore::new(builder.connect().await.unwrap());
    }
    #[cfg(feature = "sqlite")]
    if !store.contains(':') {
        let mut builder = tower_webhook::SqliteStore::builder(store);
        if let Some(deadline) = deadline {
            builder = builder.deadline(deadline);
        }
        return SharedStore::new(builder.connect().await.unwrap());
    }
    let mut builder = RedisStore::builder(store);
    if let Some(deadline) = deadline {
        builder = builder.deadline(deadline);
    }
    SharedStore::new(builder.connect().await.unwrap())
}

/// The store, and a place to stand after each of its two steps.
#[derive(Debug)]
struct WatchedStore {
    inner: SharedStore,
    shared: Arc<Shared>,
}

impl Store for WatchedStore {
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let outcome = self.inner.claim(claim).await?;
        if let ClaimOutcome::Claimed(_) = outcome {
            self.shared.pass(Point::Claimed);
        }
        Ok(outcome)
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        let held = self.inner.complete(complete).await?;
        if held == Held::Held {
            let journal = &self.shared.journal;
            journal.note(What::Recorded, &complete.key.to_string(), complete.fence);
            self.shared.pass(Point::Recorded);
        }
        Ok(held)
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        self.inner.release(release).await
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        self.inner.renew(renewals).await
    }

    fn for_renewals(&self) -> Option<SharedStore> {
        self.inner.for_renewals()
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        self.inner.wait(key, limit).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        self.inner.lookup(key).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.inner.forget(key).await
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.inner.forget_done(key).await
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        self.inner.unfinished(provider, limit).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.inner.counts().await
    }
}
