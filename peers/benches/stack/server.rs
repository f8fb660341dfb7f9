//! The server that is measured: one handler, behind nothing, behind layers of others, behind ours.

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::http::{HeaderName, Request, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use http_body_util::Full;
use idempotent::IdempotencyStore;
use idempotent::memory::MemoryStore as TheirMemory;
use idempotent::middleware::IdempotencyLayer;
use idempotent::valkey::ValkeyStore;
use tower::util::MapRequestLayer;
use tower::{BoxError, ServiceBuilder};
use tower_webhook::layer::{EndpointConfig, VerifySignatureLayer};
use tower_webhook::provider::{self, standard_webhooks};
use tower_webhook::{MemoryStore, Name, Provider, RedisStore, Webhook};
use webhook_verify::tower::VerifyLayer;

use crate::SECRET;
use crate::common::Result;
use crate::handler::read_body;

/// More than all rounds together bring.
const RECORDS: usize = 20_000_000;

pub(crate) async fn app(redis: &str) -> Result<Router> {
    let verify = VerifySignatureLayer::new(
        &EndpointConfig::new(ours()?.name().clone(), ours()?.contract().clone()),
        ours()?.verifier().ok_or("it signs")?.clone(),
    );
    let memory = Webhook::new(ours()?).store(MemoryStore::with_capacity(RECORDS)?);
    let on_redis = Webhook::new(ours()?).store(RedisStore::connect(redis).await?);
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
        .route("/our-memory", post(read_body).layer(memory.build()?))
        .route(
            "/their-redis",
            post(read_body).layer(verified().layer(their_redis).layer(for_axum())),
        )
        .route("/our-redis", post(read_body).layer(on_redis.build()?)))
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
