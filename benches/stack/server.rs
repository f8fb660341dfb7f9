//! The measured server: one handler, behind no layer, behind each, and behind all of them.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tower::layer::layer_fn;
use tower::layer::util::Identity;
use tower::{ServiceBuilder, service_fn};
use tower_webhook::layer::{
    EndpointConfig, RequireSecretPathLayer, RequireSourceIpLayer, VerifySignatureLayer,
};
use tower_webhook::{Allowlist, MemoryStore, PathTokens, Provider, RedisStore, Webhook};

use crate::common::{Result, blendfi};
use crate::hand::{BareMac, TwoScripts, bare_mac, two_scripts};
use crate::handler::read_body;

pub(crate) const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4a7e35d82";
/// More than all rounds together need.
const RECORDS: usize = 20_000_000;

pub(crate) async fn app(redis: &str) -> Result<Router> {
    let tokens = || PathTokens::parse([TOKEN]);
    let here = || Allowlist::parse(["127.0.0.1", "192.0.2.0/24"]);
    let elsewhere = Allowlist::parse(["192.0.2.0/24"])?;
    let signed = || -> Result<VerifySignatureLayer> {
        let provider = blendfi()?;
        let verifier = provider.verifier().ok_or("BlendFi signs")?.clone();
        Ok(VerifySignatureLayer::new(&endpoint(&provider), verifier))
    };
    let path = || -> Result<RequireSecretPathLayer> {
        let endpoint = endpoint(&blendfi()?);
        Ok(RequireSecretPathLayer::new(&endpoint, tokens()?))
    };
    let source = || -> Result<RequireSourceIpLayer> {
        let endpoint = endpoint(&blendfi()?);
        Ok(RequireSourceIpLayer::new(&endpoint, here()?)?)
    };
    let memory = |provider| {
        Webhook::new(provider)
            .store(MemoryStore::with_capacity(RECORDS)?)
            .build()
    };
    let all = |allowlist| -> Result<_> {
        let provider = blendfi()?
            .and_by_secret_path(tokens()?)
            .and_from_source(allowlist);
        Ok(memory(provider)?)
    };
    let on_redis = Webhook::new(blendfi()?).store(RedisStore::connect(redis).await?);
    let two_gates = ServiceBuilder::new().layer(path()?).layer(source()?);
    let three_gates = ServiceBuilder::new()
        .layer(path()?)
        .layer(source()?)
        .layer(signed()?);
    let answers = layer_fn(|_| service_fn(answer));
    Ok(Router::new()
        .route("/read", post(read_body))
        .route("/nothing/{token}", post(read_body).layer(Identity::new()))
        .route("/answers/{token}", post(read_body).layer(answers))
        .route("/path/{token}", post(read_body).layer(path()?))
        .route("/source/{token}", post(read_body).layer(two_gates))
        .route("/signature/{token}", post(read_body).layer(three_gates))
        .route("/memory", post(read_body).layer(memory(blendfi()?)?))
        .route("/all/{token}", post(read_body).layer(all(here()?)?))
        .route("/stranger/{token}", post(read_body).layer(all(elsewhere)?))
        .route("/redis", post(read_body).layer(on_redis.build()?))
        .route("/mac", post(bare_mac).with_state(BareMac::new()?))
        .route(
            "/scripts",
            post(two_scripts).with_state(TwoScripts::connect(redis).await?),
        ))
}

async fn answer(_: Request) -> std::result::Result<Response, Infallible> {
    Ok(StatusCode::FORBIDDEN.into_response())
}

fn endpoint(provider: &Provider) -> EndpointConfig {
    EndpointConfig::new(provider.name().clone(), provider.contract().clone())
}
