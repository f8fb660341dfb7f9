//! Senders of the wider model through the whole layer: what is proved, answered and run.

mod challenges;
mod coverage;
mod endpoints;
mod nested;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{Method, Request, Response, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::ServiceExt;
use tower_webhook::provider::senders;
use tower_webhook::signature::PublicUrl;
use tower_webhook::{ManualClock, MemoryStore, Provider, UnixTime, Webhook};

const SECRET: &str = "5hG7kQ2mW9xZ4tB8vN3c";
const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);

/// A receiver that counts how often its handler ran.
struct Receiver {
    app: Router,
    runs: Arc<AtomicUsize>,
}

impl Receiver {
    fn of(provider: Provider) -> Self {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let on_event = move || {
            let counted = Arc::clone(&counted);
            async move {
                counted.fetch_add(1, Ordering::SeqCst);
                StatusCode::NO_CONTENT
            }
        };
        let webhook = Webhook::new(provider)
            .store(MemoryStore::new())
            .clock(ManualClock::new(NOW));
        let layer = webhook.build().unwrap();
        Self {
            app: Router::new().route("/hooks", post(on_event).layer(layer)),
            runs,
        }
    }

    fn named(name: &str) -> Self {
        Self::of(provider(name))
    }

    async fn ask(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn send(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .ask(request.body(Body::from(body.to_owned())).unwrap())
            .await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: String,
}

fn provider(name: &str) -> Provider {
    let url = PublicUrl::parse("https://hooks.example/hooks").unwrap();
    let sender = senders().find(|sender| sender.name() == name).unwrap();
    sender.provider(SECRET, &url).unwrap()
}
