//! A signed delivery of 1 KiB through Tower layers, without sockets: ours beside those of
//! `webhook-verify` and `idempotent`, which do a part each. peers/README.md says how to run it;
//! `-- --quick` takes few rounds.
//!
//! In each of many short rounds each way gets the same new events in turn, one after the other on one
//! thread; each ratio is the median of the rounds' ratios.

#[path = "../../benches/common/mod.rs"]
mod common;

use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::Full;
use idempotent::memory::MemoryStore as TheirMemory;
use idempotent::middleware::IdempotencyLayer;
use tokio::runtime::Runtime;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, ServiceExt};
use tower_webhook::layer::{EndpointConfig, VerifySignatureLayer};
use tower_webhook::provider::{self, standard_webhooks};
use tower_webhook::{MemoryStore, Name, Provider, Webhook};
use webhook_verify::tower::VerifyLayer;

use common::Result;
use common::measured::Table;
use common::medians::{Medians, median};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PER_ROUND: usize = 400;
/// More than all rounds together bring.
const RECORDS: usize = 1_000_000;
const NAMES: [&str; 5] = [
    "nothing",
    "`webhook-verify`",
    "our `VerifySignatureLayer`",
    "`webhook-verify`, `idempotent` in memory",
    "our `Webhook`, `MemoryStore`",
];

type Service = BoxCloneSyncService<Request<Full<Bytes>>, StatusCode, BoxError>;

fn main() -> Result<()> {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    if !has("--bench") {
        println!("skipped: run it with `cargo bench`, see peers/README.md");
        return Ok(());
    }
    let rounds = if has("--quick") { 11 } else { 101 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ways = {
        let _inside = runtime.enter();
        ways()?
    };
    let mut took: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    // The first one warms up.
    for round in 0..=rounds {
        for turn in 0..ways.len() {
            // Nobody is always behind the same one.
            let way = if round % 2 == 0 {
                turn
            } else {
                ways.len() - 1 - turn
            };
            let time = run(&runtime, &ways[way], round)?;
            if round > 0 {
                took[way].push(time.as_secs_f64() * 1e6 / PER_ROUND as f64);
            }
        }
    }
    let table = Table::new("peers-layers", "One delivery through layers");
    for (way, name) in NAMES.iter().enumerate() {
        table.put(name, "time", "µs", median(took[way].clone()));
        // Each of ours stands below the others that do its part.
        if let 2 | 4 = way {
            let pairs = took[way - 1].iter().copied().zip(took[way].iter().copied());
            table.put(name, "of the row above", "", Medians::of(pairs));
        }
    }
    Ok(())
}

async fn handler(
    request: Request<Full<Bytes>>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    black_box(request);
    Ok(Response::new(Full::default()))
}

fn ours() -> Result<Provider> {
    let keys = standard_webhooks::keys([SECRET])?;
    Ok(provider::standard_webhooks(Name::new("acme")?, keys))
}

fn ways() -> Result<[Service; NAMES.len()]> {
    let inner = tower::service_fn(handler);
    let theirs = || {
        VerifyLayer::<Full<Bytes>>::new(
            webhook_verify::Provider::StandardWebhooks,
            webhook_verify::Secret::new(SECRET),
        )
    };
    let once = IdempotencyLayer::new(TheirMemory::builder().try_build()?)
        .header(HeaderName::from_static("webhook-id"))
        .require_key(true);
    let provider = ours()?;
    let verifier = provider.verifier().ok_or("it signs")?.clone();
    let endpoint = EndpointConfig::new(provider.name().clone(), provider.contract().clone());
    let webhook = Webhook::new(provider).store(MemoryStore::with_capacity(RECORDS)?);
    let verify = VerifySignatureLayer::new(&endpoint, verifier);
    Ok([
        way(inner),
        way(theirs().layer(inner)),
        way(verify.layer(inner)),
        way(theirs().layer(once.layer(inner))),
        way(webhook.build()?.layer(inner)),
    ])
}

/// As a service of which nothing is known but the status of its answers.
fn way<S, B>(service: S) -> Service
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
{
    let status = |response: Response<B>| response.status();
    Service::new(service.map_response(status).map_err(Into::into))
}

/// What the events of a round take; they are made before.
fn run(runtime: &Runtime, way: &Service, round: usize) -> Result<Duration> {
    let signer = standardwebhooks::Webhook::new(SECRET)?;
    let time = std::time::UNIX_EPOCH.elapsed()?.as_secs() as i64;
    let body = Bytes::from(vec![b'x'; 1024]);
    let mut requests = Vec::new();
    for number in 0..PER_ROUND {
        let id = format!("msg_{round:010}{number:010}");
        let request = Request::post("/webhooks/acme")
            .header("content-type", "application/json")
            .header("webhook-timestamp", time)
            .header("webhook-signature", signer.sign(&id, time, &body)?)
            .header("webhook-id", id);
        requests.push(request.body(Full::from(body.clone()))?);
    }
    runtime.block_on(async {
        let begun = Instant::now();
        let mut statuses = Vec::new();
        for request in requests {
            statuses.push(way.clone().oneshot(request).await);
        }
        let took = begun.elapsed();
        for status in statuses {
            let status = status.map_err(|error| error.to_string())?;
            if status != 200 {
                return Err(format!("answered {status}").into());
            }
        }
        Ok(took)
    })
}
