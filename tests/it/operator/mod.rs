//! The page for operators: who sees it, what changes something, and what hostile content comes to.

mod access;
mod actions;
mod content;
#[cfg(feature = "testing")]
mod failures;
mod views;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::routing::post;
use tower::ServiceExt;
use tower_webhook::inbox::{Inbox, MemoryInbox};
use tower_webhook::journal::{Journal, JournalFiles, JournalFilter, JournalLine};
use tower_webhook::operator::{self, OperatorAccess, Page};
use tower_webhook::runtime::Failure;
use tower_webhook::worker::InboxExt;
use tower_webhook::{ManualClock, MemoryStore, Webhook, WebhookLayer};

use crate::support::blendfi::event;
use crate::support::http;
use crate::support::presets::{Preset, SECRET, TOKEN, clock};
use crate::support::wait::within;

/// Every view, by its path.
const VIEWS: [&str; 4] = ["", "/deliveries", "/dead", "/queue"];

/// What was answered.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

/// A receiver with an inbox, a store and a page.
struct Shown {
    app: Router,
    clock: ManualClock,
    inbox: MemoryInbox,
    layer: WebhookLayer,
    journal: Option<(Journal, JournalFiles)>,
    folder: PathBuf,
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Shown {
    fn new() -> Self {
        Self::with(true)
    }

    fn with(has_journal: bool) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("webhook-page-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let journal = has_journal.then(|| {
            let files = JournalFiles::open(&folder).unwrap();
            (Journal::start(files.clone()).unwrap(), files)
        });
        let (clock, inbox) = (clock(), MemoryInbox::new());
        let page = Page::with_clock(clock.clone());
        let observer = page.observer();
        let journaled = |webhook: Webhook<_>| match &journal {
            Some((journal, _)) => webhook.journal(journal),
            None => webhook,
        };
        let webhook = Webhook::new(Preset::BlendFi.provider())
            .clock(clock.clone())
            .observer(observer.clone())
            .max_body_bytes(4 << 20)
            .inbox(inbox.clone());
        let layer = journaled(webhook).build().unwrap();
        let blox = Webhook::new(Preset::Blox.provider())
            .clock(clock.clone())
            .observer(observer)
            .store(MemoryStore::new());
        let blox = match &journal {
            Some((journal, _)) => blox.journal(journal),
            None => blox,
        };
        let blox = blox.build().unwrap();
        let mut page = page.webhook(&layer).webhook(&blox);
        if let Some((journal, files)) = &journal {
            page = page.journal(journal, files.clone());
        }
        let app = Router::new()
            .route("/hooks", post(async || {}).layer(layer.clone()))
            .route("/hooks/{token}", post(async || {}).layer(blox))
            .nest("/operator", operator::router(&page));
        Self {
            app,
            clock,
            inbox,
            layer,
            journal,
            folder,
        }
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let response = within("an answer", self.app.clone().oneshot(request))
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// Sends a delivery.
    async fn send(&self, request: &http::Request) -> StatusCode {
        self.ask(request.to_http()).await.status
    }

    /// A view, as this machine itself sees it.
    async fn view(&self, path: &str) -> String {
        self.flush().await;
        let answer = self.ask(from_here(&format!("/operator{path}"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.text
    }

    async fn flush(&self) {
        if let Some((journal, _)) = &self.journal {
            assert!(journal.flush(Duration::from_secs(60)).await);
        }
    }

    /// The lines of what operators did.
    async fn noted(&self) -> Vec<JournalLine> {
        self.flush().await;
        let (_, files) = self.journal.as_ref().unwrap();
        let page = files.read(&JournalFilter::new(), None, 10_000).unwrap();
        let lines = page.lines.into_iter();
        lines.filter(|line| line.verdict == "operator").collect()
    }

    /// Has events die, each for this reason.
    async fn die(&self, ids: &[&str], reason: &'static str) {
        for id in ids {
            let id = serde_json::to_string(id).unwrap();
            let id = id.trim_matches('"');
            assert_eq!(self.send(&event(id, "{}")).await, StatusCode::OK);
        }
        let handler = move || std::future::ready(Err::<(), _>(Failure::permanent(reason)));
        let worker = self
            .inbox
            .worker()
            .on(&self.layer, handler)
            .build()
            .unwrap();
        let running = tokio::spawn({
            let worker = worker.clone();
            async move { worker.run().await }
        });
        let wanted = u64::try_from(ids.len()).unwrap();
        within("events to die", async {
            while self.inbox.counts().await.unwrap().dead < wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        worker.drain().begin();
        within("a worker to end", running).await.unwrap();
    }

    /// Sends a form, as a page of ours does.
    async fn act(&self, fields: &[(&str, &str)]) -> Answer {
        self.ask(form(
            fields,
            &[
                ("origin", "http://localhost:3000"),
                ("sec-fetch-site", "same-origin"),
            ],
        ))
        .await
    }

    /// The token for an action, as a view holds it.
    async fn token(&self, path: &str, action: &str) -> String {
        let text = self.view(path).await;
        token_in(&text, action)
    }
}

fn token_in(text: &str, action: &str) -> String {
    let begin = format!(r#"name="token.{action}" value=""#);
    let (_, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("no token for {action}: {text}"));
    rest.split_once('"').unwrap().0.to_owned()
}

/// A request of this machine itself.
fn from_here(path: &str) -> Request<Body> {
    let peer: SocketAddr = "127.0.0.1:40000".parse().unwrap();
    let request = Request::get(path).header(header::HOST, "localhost:3000");
    request
        .extension(ConnectInfo(peer))
        .body(Body::empty())
        .unwrap()
}

fn form(fields: &[(&str, &str)], headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut body = form_urlencoded(fields);
    if fields.is_empty() {
        body.clear();
    }
    let mut request = from_here("/operator/act");
    *request.method_mut() = axum::http::Method::POST;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    *request.body_mut() = Body::from(body);
    request
}

fn form_urlencoded(fields: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
        bytes.collect::<String>()
    };
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    fields.collect::<Vec<_>>().join("&")
}

fn query(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
