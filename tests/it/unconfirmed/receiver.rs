//! The receiver: this binary once more, as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tower_webhook::provider::{self, blox::CheckoutStatus};
use tower_webhook::store::{RedisStore, SharedStore};
use tower_webhook::{Delivery, MemoryStore, Reason, Store, Webhook};

use super::api::Api;
use crate::support::http::{Request, Response};
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, clock, tokens};

const API: &str = "UNCONFIRMED_TEST_API";
const STORE: &str = "UNCONFIRMED_TEST_STORE";
const HERE: &str = "receiver at ";

/// Killed when it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Receiver {
    pub(crate) async fn start(api: &Api, store: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "unconfirmed::receiver::process", "--nocapture"])
            .env(API, api.address().to_string())
            .env(STORE, store)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                let line = line.unwrap();
                let (_, address) = line.split_once(HERE)?;
                Some(address.parse().unwrap())
            })
            .expect("the receiver says where it is");
        // Nothing more is read: what it prints from here on must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { address, process }
    }

    async fn get(&self, path: &str) -> Response {
        let request = Request::post(path).method("GET");
        request.send(self.address).await
    }

    /// The keys of the events whose handler ran.
    pub(crate) async fn runs(&self) -> Vec<String> {
        let text = String::from_utf8(self.get("/runs").await.body).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) async fn records(&self) -> usize {
        let text = String::from_utf8(self.get("/records").await.body).unwrap();
        text.parse().unwrap()
    }

    /// How many questions were under way at the same time, at most.
    pub(crate) async fn most_asked_at_once(&self) -> usize {
        let text = String::from_utf8(self.get("/most").await.body).unwrap();
        text.parse().unwrap()
    }

    /// How many deliveries were refused for this reason.
    pub(crate) async fn refused(&self, reason: Reason) -> usize {
        let answer = self.get(&format!("/refused/{reason}")).await;
        String::from_utf8(answer.body).unwrap().parse().unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What runs in the process; a test that does nothing in any other.
#[test]
fn process() {
    let Ok(api) = std::env::var(API) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve(api.parse().unwrap(), std::env::var(STORE).unwrap()));
}

async fn ask(
    api: SocketAddr,
    id: String,
    _asked: Arc<()>,
) -> Result<Option<CheckoutStatus>, String> {
    let question = Request::post(&format!("/v1/checkout/{id}")).method("GET");
    let answer = question.send(api).await;
    match answer.status {
        200 => serde_json::from_slice::<CheckoutStatus>(&answer.body)
            .map(Some)
            .map_err(|error| error.to_string()),
        410 => Ok(None),
        status => Err(format!("the API answers {status}")),
    }
}

async fn serve(api: SocketAddr, store: String) {
    let store = match store.as_str() {
        "memory" => SharedStore::new(MemoryStore::new()),
        "memory of 200" => SharedStore::new(MemoryStore::with_capacity(200).unwrap()),
        url => SharedStore::new(RedisStore::connect(url).await.unwrap()),
    };
    let asking = Arc::new(());
    let most = Arc::new(AtomicUsize::new(0));
    let most_so_far = Arc::clone(&most);
    let check = move |id: String| {
        let asked = Arc::clone(&asking);
        most.fetch_max(Arc::strong_count(&asked) - 1, Ordering::Relaxed);
        ask(api, id, asked)
    };
    let blox = provider::blox(tokens()).status_check(check);
    let seen = Recorder::new();
    let webhook = Webhook::new(blox)
        .clock(clock())
        .observer(seen.clone())
        .store(store.clone());
    let runs = Arc::<Mutex<Vec<String>>>::default();
    let ran = Arc::clone(&runs);
    let handler = move |delivery: Delivery| {
        ran.lock().unwrap().push(delivery.key().to_string());
        std::future::ready(())
    };
    let records = move || {
        let store = store.clone();
        async move {
            let counts = store.counts().await.unwrap();
            (counts.claimed + counts.lapsed + counts.done + counts.released).to_string()
        }
    };
    let refused = move |Path(code): Path<String>| {
        let seen = seen.seen();
        let for_this = (seen.iter()).filter(|it| it.reason.is_some_and(|it| it.code() == code));
        std::future::ready(for_this.count().to_string())
    };
    let app = Router::new()
        .route(
            Preset::Blox.route(),
            post(handler).layer(webhook.build().unwrap()),
        )
        .layer(DefaultBodyLimit::disable())
        .route(
            "/runs",
            get(move || std::future::ready(runs.lock().unwrap().join("\n"))),
        )
        .route(
            "/most",
            get(move || std::future::ready(most_so_far.load(Ordering::Relaxed).to_string())),
        )
        .route("/refused/{reason}", get(refused))
        .route("/records", get(records));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{HERE}{}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
}
