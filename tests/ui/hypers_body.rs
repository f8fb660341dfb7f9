#![allow(unused_imports)]
use http_body_util::Full;
use tower::{Service, ServiceBuilder};
use tower_webhook::{ConfigError, MemoryStore, PathTokens, Webhook, provider};

fn is_for_hyper(_: impl Service<http::Request<hyper::body::Incoming>>) {}

async fn on_event(
    _: http::Request<Full<bytes::Bytes>>,
) -> Result<http::Response<Full<bytes::Bytes>>, std::convert::Infallible> {
    Ok(http::Response::default())
}

fn main() -> Result<(), ConfigError> {
    let bloque = provider::bloque_accounts(PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?);
    let webhook = Webhook::new(bloque).store(MemoryStore::new()).build()?;
    is_for_hyper(ServiceBuilder::new().layer(webhook).service_fn(on_event));
    Ok(())
}
