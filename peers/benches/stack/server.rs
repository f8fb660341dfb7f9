//! The server that is measured: one handler, behind nothing, behind layers of others, behind ours.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::error_handling::HandleErrorLayer;
use axum::http::{HeaderName, Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use http_body_util::Full;
use idempotent::IdempotencyStore;
use idempotent::memory::MemoryStore as TheirMemory;
use idempotent::middleware::IdempotencyLayer;
use idempotent::valkey::ValkeyStore;
use tokio::net::TcpListener;
use tower::util::{MapRequestLayer, MapResponseLayer};
use tower::{BoxError, ServiceBuilder};
use tower_webhook::layer::{EndpointConfig, VerifySignatureLayer};
use tower_webhook::provider::{self, standard_webhooks};
use tower_webhook::{MemoryStore, Provider, Name, RedisStore, Webhook};
use webhook_verify::tower::VerifyLayer;

use crate::SECRET;
use crate::common::Result;

/// More than all rounds together bring.
const RECORDS: usize = 20_000_000;

/// How often the handler ran, and how often each status was answered.
static RUNS: AtomicU64 = AtomicU64::new(0);
static ANSWERS: LazyLock<Box<[AtomicU64]>> =
    LazyLock::new(|| (0..1000).map(|_| AtomicU64::new(0)).collect());

/// The handler that everything is measured with: it reads the body and does nothing with it.
async fn read_body(body: Bytes) -> StatusCode {
    std::hint::black_box(&body);
    RUNS.fetch_add(1, Ordering::Relaxed);
    StatusCode::OK
}

/// Serves on a free port, which it prints, until the process is ended.
pub(crate) fn run(redis: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let app = app(redis).await?.layer(MapResponseLayer::new(count));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        axum::serve(listener, app).await?;
        Ok(())
    })
}

fn count(response: Response) -> Response {
    if let Some(answers) = ANSWERS.get(usize::from(response.status().as_u16())) {
        answers.fetch_add(1, Ordering::Relaxed);
    }
    response
}

async fn app(redis: &str) -> Result<Router> {
    let verify = VerifySignatureLayer::new(
        &EndpointConfig::new(ours()?.name().clone(), ours()?.contract().clone()),
        ours()?.verifier().ok_or("it signs")?.clone(),
    );
    let memory = Webhook::new(ours()?).dedupe(MemoryStore::with_capacity(RECORDS)?);
    let on_redis = Webhook::new(ours()?).dedupe(RedisStore::connect(redis).await?);
    // Its layer fails where a body breaks off, which axum wants to be a response; and with axum's own
    // body inside it is not `Sync`, which axum wants too.
    let fallible = || HandleErrorLayer::new(async |_: BoxError| StatusCode::BAD_REQUEST);
    let theirs = || {
        VerifyLayer::<Full<Bytes>>::new(
            webhook_verify::Provider::StandardWebhooks,
            webhook_verify::Secret::new(SECRET),
        )
    };
    let for_axum = || MapRequestLayer::new(|request: Request<Full<Bytes>>| request.map(Body::new));
    let their_memory = once(TheirMemory::builder().try_build()?);
    let their_redis = once(ValkeyStore::with_url(redis).try_build().await?);
    let verified = || ServiceBuilder::new().layer(fallible()).layer(theirs());
    Ok(Router::new()
        .route("/read", post(read_body))
        .route(
            "/their-verify",
            post(read_body).layer(verified().layer(for_axum())),
        )
        .route("/our-verify", post(read_body).layer(verify))
        .route(
            "/their-memory",
            post(read_body).layer(verified().layer(their_memory).layer(for_axum())),
        )
        .route("/our-memory", post(read_body).layer(memory.layer()?))
        .route(
            "/their-redis",
            post(read_body).layer(verified().layer(their_redis).layer(for_axum())),
        )
        .route("/our-redis", post(read_body).layer(on_redis.layer()?))
        .route("/counts", get(counts)))
}

fn ours() -> Result<Provider> {
    let keys = standard_webhooks::keys([SECRET])?;
    let name = Name::new("acme")?;
    Ok(provider::standard_webhooks(name, keys))
}

/// Keyed on the id that Standard Webhooks signs, which their users would take too.
fn once<S: IdempotencyStore>(store: S) -> IdempotencyLayer<S> {
    IdempotencyLayer::new(store)
        .header(HeaderName::from_static("webhook-id"))
        .require_key(true)
}

/// How often the handler ran, then each status that was answered and how often. What it answers
/// itself counts from the next time on.
async fn counts() -> String {
    let answers = ANSWERS.iter().enumerate();
    let answers = answers.map(|(status, count)| (status, count.load(Ordering::Relaxed)));
    let mut text = RUNS.load(Ordering::Relaxed).to_string();
    for (status, count) in answers.filter(|(_, count)| *count > 0) {
        text.push_str(&format!(" {status}={count}"));
    }
    text
}
