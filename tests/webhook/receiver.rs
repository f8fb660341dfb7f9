//! A receiver of the kind that the program is used beside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tower_webhook::inbox::SqliteInbox;
use tower_webhook::provider::{self, blendfi, stripe};
use tower_webhook::runtime::Failure;
use tower_webhook::store::Store;
use tower_webhook::worker::InboxExt;
use tower_webhook::{
    Delivery, KeyRing, MemoryStore, Observation, Observer, PathTokens, Provider, RouterExt,
    SqliteStore, Webhook, event_handler,
};

use super::program::SECRET;

pub(crate) const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4";

pub(crate) fn keys() -> KeyRing {
    blendfi::keys([SECRET]).unwrap()
}

/// Serves this on a free port, and tells the URL without a path.
pub(crate) async fn serve(app: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app).await });
    url
}

/// Which keys signed, of what was refused and taken.
#[derive(Clone, Default)]
pub(crate) struct Seen(pub(crate) Arc<Mutex<Vec<String>>>);

impl Observer for Seen {
    fn observe(&self, observation: &Observation<'_>) {
        let keys = observation
            .signed_by
            .map_or("-".to_owned(), ToString::to_string);
        self.0
            .lock()
            .unwrap()
            .push(format!("{:?} {keys}", observation.verdict));
    }
}

/// BlendFi, Stripe and BLOX, with records in memory.
pub(crate) async fn in_memory() -> String {
    let token = PathTokens::parse([TOKEN]).unwrap();
    let blox = provider::blox(token).without_status_check();
    let stripe = provider::stripe(stripe::keys([SECRET]).unwrap());
    let mut app = axum::Router::new();
    for (path, provider) in [
        ("/webhooks/blendfi", provider::blendfi(keys())),
        ("/webhooks/stripe", stripe),
        ("/webhooks/blox", blox),
    ] {
        let webhook = Webhook::new(provider)
            .store(MemoryStore::new())
            .build()
            .unwrap();
        app = app.webhook(path, webhook, async || "done");
    }
    serve(app).await
}

/// BlendFi with records in this file.
pub(crate) async fn with_records(path: &str) -> String {
    with_store(SqliteStore::connect(path).await.unwrap()).await
}

/// BlendFi with records in this store.
pub(crate) async fn with_store(store: impl Store) -> String {
    let webhook = Webhook::new(provider::blendfi(keys()))
        .store(store)
        .build()
        .unwrap();
    serve(axum::Router::new().webhook("/webhooks/blendfi", webhook, async || "done")).await
}

/// Of this sender with an inbox in this file, and a worker whose handler fails for good while it is told to.
pub(crate) struct WithInbox {
    pub(crate) url: String,
    pub(crate) fails: Arc<AtomicBool>,
    pub(crate) ran: Arc<Mutex<Vec<String>>>,
}

pub(crate) async fn with_inbox(path: &str, provider: Provider) -> WithInbox {
    let (fails, ran) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(Mutex::new(Vec::new())),
    );
    let inbox = SqliteInbox::connect(path).await.unwrap();
    let route = format!("/webhooks/{}", provider.name());
    let webhook = Webhook::new(provider).inbox(inbox.clone()).build().unwrap();
    let (says_no, runs) = (Arc::clone(&fails), Arc::clone(&ran));
    let handler = move |delivery: Delivery| {
        let (says_no, runs) = (Arc::clone(&says_no), Arc::clone(&runs));
        async move {
            if says_no.load(Ordering::SeqCst) {
                return Err(Failure::permanent("the ledger is closed"));
            }
            runs.lock().unwrap().push(delivery.key().to_string());
            Ok::<_, Failure>(())
        }
    };
    let worker = inbox
        .worker()
        .on(&webhook, handler.clone())
        .build()
        .unwrap();
    tokio::spawn(async move { worker.run().await });
    let app = axum::Router::new().webhook(&route, webhook, event_handler(handler));
    let url = serve(app).await;
    WithInbox { url, fails, ran }
}

/// Until this holds, for a minute at most.
pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let all = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .expect("it holds within a minute");
}
