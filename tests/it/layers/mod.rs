//! Each layer alone on everything it can stand on, and layers in the wrong place.

mod alone;
mod any_body;
mod around;
mod misplaced;

use std::convert::Infallible;
use std::fmt::Debug;

use crate::support::presets::{Preset, clock, tokens};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{
    DedupeBuilder, DedupeLayer, EndpointConfig, Proof, RequireSecretPathLayer,
    RequireSourceIpLayer, VerifySignatureLayer,
};
use tower_webhook::signature::Verifier;
use tower_webhook::{
    Allowlist, MemoryStore, Name, Reason, Rejection, RetriedStatuses, RetrySchedule,
    SenderContract, Webhook, WebhookLayer,
};

fn reception_of(name: &'static str) -> EndpointConfig {
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    EndpointConfig::new(Name::new(name).unwrap(), contract).clock(clock())
}

/// The endpoint of the provider whose deliveries most of these tests send.
fn endpoint() -> EndpointConfig {
    reception_of("blendfi")
}

fn verifier() -> Verifier {
    Preset::BlendFi.provider().verifier().unwrap().clone()
}

fn by_id() -> EventRule {
    EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap()
}

fn path() -> RequireSecretPathLayer {
    RequireSecretPathLayer::new(&endpoint(), tokens())
}

fn source() -> RequireSourceIpLayer {
    RequireSourceIpLayer::new(&endpoint(), Allowlist::parse(["127.0.0.1"]).unwrap()).unwrap()
}

fn signature() -> VerifySignatureLayer {
    VerifySignatureLayer::new(&endpoint(), verifier())
}

fn dedupe(proofs: &[Proof]) -> DedupeBuilder {
    DedupeLayer::builder(&endpoint(), by_id(), proofs.iter().copied())
}

fn webhook() -> WebhookLayer {
    let webhook = Webhook::new(Preset::BlendFi.provider())
        .store(MemoryStore::new())
        .clock(clock());
    webhook.build().unwrap()
}

fn reason_of<B>(response: &http::Response<B>) -> Option<Reason> {
    response.extensions().get().map(Rejection::reason)
}

async fn echo<B>(request: http::Request<B>) -> Result<http::Response<Full<Bytes>>, Infallible>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Debug,
{
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Ok(http::Response::new(Full::new(body)))
}

async fn echo_bytes(body: Bytes) -> Bytes {
    body
}
