//! Layers on hyper's own bodies and on those that other layers make of them, without a router.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_webhook::MemoryStore;
use tower_webhook::layer::Proof;

use super::{dedupe, path, signature, webhook};
use crate::support::http::Connection;
use crate::support::log::Log;
use crate::support::presets::{Preset, WRONG_TOKEN};

/// Serves a Tower service with hyper alone.
async fn serve<S, RB>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<RB>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    RB: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let builder = Builder::new(TokioExecutor::new());
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                let _ = connection.await;
            });
        }
    });
    address
}

/// A handler whose body is made of what was read.
async fn echo(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(request.into_body()))
}

#[tokio::test]
async fn a_webhook_takes_hypers_incoming() {
    let layer = webhook().handler_body::<Full<Bytes>>();
    let address = serve(ServiceBuilder::new().layer(layer).service_fn(echo)).await;
    let event = Preset::BlendFi.delivery(1);
    let first = event.send(address).await;
    assert_eq!((first.status, &first.body[..]), (200, event.body_bytes()));
    assert!(event.send(address).await.is_replayed());
    assert_eq!(event.clone().body("{}").send(address).await.status, 401);

    // In chunks, and with another method.
    let mut sender = Connection::open(address).await;
    let event = Preset::BlendFi.delivery(2);
    sender.send(&event.bytes_chunked(7)).await;
    assert_eq!(sender.response().await.unwrap().body, event.body_bytes());
    assert_eq!(event.method("PUT").send(address).await.status, 405);
}

#[tokio::test]
async fn a_handler_may_take_the_bytes_themselves() {
    let layer = webhook().handler_body::<Bytes>();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(async |request: Request<Bytes>| {
            Ok::<_, Infallible>(Response::new(Full::new(request.into_body())))
        });
    let event = Preset::BlendFi.delivery(1);
    assert_eq!(
        event.send(serve(service).await).await.body,
        event.body_bytes()
    );
}

#[tokio::test]
async fn each_layer_alone_takes_hypers_incoming() {
    let signed = ServiceBuilder::new()
        .layer(signature().handler_body::<Full<Bytes>>())
        .layer(
            dedupe(&[Proof::Signature])
                .build(MemoryStore::new())
                .unwrap(),
        )
        .service_fn(echo);
    let address = serve(signed).await;
    let event = Preset::BlendFi.delivery(1);
    assert_eq!(event.send(address).await.body, event.body_bytes());
    assert!(event.send(address).await.is_replayed());
    assert_eq!(event.body("{}").send(address).await.status, 401);

    let by_path = dedupe(&[Proof::SecretPath]).build(MemoryStore::new());
    let proved = ServiceBuilder::new()
        .layer(path())
        .layer(by_path.unwrap().handler_body::<Full<Bytes>>())
        .service_fn(echo);
    let address = serve(proved).await;
    let event = Preset::BlendFi.delivery(1);
    let to = |token| event.clone().target(&format!("/hooks/{token}"));
    let right = to(crate::support::presets::TOKEN);
    assert_eq!(right.send(address).await.body, event.body_bytes());
    assert!(right.send(address).await.is_replayed());
    assert_eq!(to(WRONG_TOKEN).send(address).await.status, 404);

    // A gate that reads no body hands it on as it came.
    let gate =
        ServiceBuilder::new()
            .layer(path())
            .service_fn(async |request: Request<Incoming>| {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                Ok::<_, Infallible>(Response::new(Full::new(body)))
            });
    assert_eq!(right.send(serve(gate).await).await.body, event.body_bytes());
}

#[tokio::test]
async fn a_limit_outside_says_itself_what_it_refuses_and_is_named_where_it_cuts_a_body_off() {
    let log = Log::default();
    let _guard = log.capture(false);
    let event = Preset::BlendFi.delivery(1);
    let limit = event.body_bytes().len();
    let service = ServiceBuilder::new()
        .layer(RequestBodyLimitLayer::new(limit))
        .layer(webhook().handler_body::<Full<Bytes>>())
        .service_fn(echo);
    let address = serve(service).await;
    assert_eq!(event.send(address).await.body, event.body_bytes());
    assert!(event.send(address).await.is_replayed());

    let longer = Preset::BlendFi.deliver(Preset::BlendFi.body_with(2, "longer"));
    assert_eq!(longer.send(address).await.status, 413);
    assert!(!log.text().contains("cut the body off"), "{}", log.text());
    // Its length is not announced: the limit shows while the layer inside reads.
    let mut sender = Connection::open(address).await;
    sender.send(&longer.bytes_chunked(16)).await;
    assert_eq!(sender.response().await.unwrap().status, 413);
    let log = log.text();
    assert!(log.contains("reason=\"body_too_large\""), "{log}");
    assert!(
        log.contains("a layer outside cut the body off at a limit of its own: raise that"),
        "{log}"
    );
}

/// Its body holds a timer, which must not move once it runs.
#[tokio::test]
async fn a_body_that_must_not_move_is_read_refused_and_thrown_away() {
    let service = ServiceBuilder::new()
        .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(60)))
        .layer(webhook().handler_body::<Full<Bytes>>())
        .service_fn(echo);
    let address = serve(service).await;
    let event = Preset::BlendFi.delivery(1);
    assert_eq!(event.send(address).await.body, event.body_bytes());
    assert_eq!(event.clone().body("{}").send(address).await.status, 401);

    // Refused at its head; the connection goes on once the body, which comes late, was thrown away.
    let unsigned = event.clone().without("x-blendfi-signature");
    let mut sender = Connection::open(address).await;
    sender.send(&unsigned.head()).await;
    assert_eq!(sender.response().await.unwrap().status, 401);
    sender.send(unsigned.body_bytes()).await;
    assert!(sender.exchange(&event).await.is_replayed());
}
