//! Requests of other forms that are sent through again: compressed, cut, and with a list of events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::routing::post;
use tower::service_fn;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::{
    MemoryStore, Provider, Reason, Replay, ReplayErrorKind, Webhook, WebhookLayer,
};

use super::Kept;
use crate::batches::{TOKEN, list, pix, retrying};
use crate::support::blendfi::{self, event};
use crate::support::http::Request as Sent;
use crate::support::server::Server;

/// What handlers were given, and how often.
#[derive(Clone, Default)]
struct Given {
    heads: Arc<Mutex<Vec<HeaderMap>>>,
    runs: Arc<Mutex<HashMap<String, u32>>>,
    fails: Arc<Mutex<String>>,
}

impl Given {
    /// Counts this body; fails where it holds what is to fail.
    async fn take(&self, request: Request<Body>) -> StatusCode {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        self.heads.lock().unwrap().push(parts.headers);
        let fails = self.fails.lock().unwrap().clone();
        let fails = !fails.is_empty() && body.contains(&fails);
        *self.runs.lock().unwrap().entry(body).or_default() += 1;
        match fails {
            true => StatusCode::INTERNAL_SERVER_ERROR,
            false => StatusCode::NO_CONTENT,
        }
    }

    /// How often events were run whose content holds this.
    fn runs(&self, part: &str) -> u32 {
        let runs = self.runs.lock().unwrap();
        let runs = runs.iter().filter(|(body, _)| body.contains(part));
        runs.map(|(_, runs)| runs).sum()
    }

    async fn serve(&self, layer: WebhookLayer) -> Server {
        let own = self.clone();
        let handler = post(async move |request: Request<Body>| own.take(request).await);
        let app = Router::new().route("/hooks/{*rest}", handler.layer(layer));
        Server::start(app).await
    }

    async fn again(
        &self,
        layer: &WebhookLayer,
        replay: Replay<'_>,
    ) -> Result<(StatusCode, Option<Reason>), ReplayErrorKind> {
        let own = self.clone();
        let handler = service_fn(move |request: Request<Body>| {
            let own = own.clone();
            async move {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = own.take(request).await;
                Ok::<_, Infallible>(response)
            }
        });
        let replayed = layer.replay(&replay, handler).await;
        replayed
            .map(|it| (it.status, it.reason))
            .map_err(|error| error.kind())
    }
}

#[cfg(feature = "gzip")]
#[tokio::test]
async fn what_came_compressed_is_sent_through_as_the_content_that_it_was() {
    use tower_webhook::signature::{Scheme, Verifier};
    use tower_webhook::{Encoding, Name, SignedForm, SigningSecret};
    let secret = "a secret of some length";
    let scheme = Scheme::builder("x-signature").single("", Encoding::Hex);
    let verifier = Verifier::new(
        scheme.build().unwrap(),
        SigningSecret::from_text(secret).unwrap(),
    );
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
    let contract = retrying().gzip(SignedForm::Compressed);
    let provider = Provider::signed(Name::new("acme").unwrap(), verifier, rule, contract);
    let kept = Kept::start();
    let webhook = Webhook::new(provider).store(MemoryStore::new());
    let layer = webhook.journal(&kept.journal).build().unwrap();
    let given = Given::default();
    let server = given.serve(layer.clone()).await;
    let sent = crate::gzip::gzip(br#"{"id":"evt_1"}"#);
    let request = Sent::post("/hooks/a")
        .header("content-encoding", "gzip")
        .header("x-note", "kept")
        .header(
            "x-signature",
            crate::support::openssl::hmac_sha256(secret, &sent),
        );
    assert_eq!(request.body(&sent).send(server.address).await.status, 204);
    let lines = kept.lines().await;
    let [line] = &*lines else { panic!("{lines:?}") };
    // The head stands there as it came, for whoever looks for what is wrong with it.
    let recorded = line.request.as_ref().unwrap();
    assert!(
        recorded
            .headers
            .iter()
            .any(|(name, _)| name == "content-encoding")
    );
    let replayed = given.again(&layer, Replay::of(line).force()).await;
    assert_eq!(replayed, Ok((StatusCode::NO_CONTENT, None)));
    assert_eq!(given.runs("evt_1"), 2);
    for head in given.heads.lock().unwrap().iter() {
        assert!(head.get("content-encoding").is_none() && head.get("content-length").is_none());
        assert_eq!(head["x-note"], "kept");
    }
}

#[tokio::test]
async fn what_has_lost_header_lines_is_not_sent_through() {
    let kept = Kept::start();
    let webhook = blendfi::webhook(MemoryStore::new()).journal(&kept.journal);
    let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    let long = event("evt_1", "{}").header("x-long", "a".repeat(10_000));
    let long = long.header("x-longer", "a".repeat(10_000));
    assert_eq!(long.send(server.address).await.status, 204);
    let lines = kept.lines().await;
    let [line] = &*lines else { panic!("{lines:?}") };
    assert!(line.request.as_ref().unwrap().headers_cut);
    let replay = Replay::of(line).force();
    assert_eq!(
        replay.check().unwrap_err().kind(),
        ReplayErrorKind::NoWholeHead
    );
    let given = Given::default();
    let layer = webhook.build().unwrap();
    let refused = given.again(&layer, replay).await;
    assert_eq!(refused, Err(ReplayErrorKind::NoWholeHead));
    assert_eq!(given.runs(""), 0);
}

/// Payments behind a webhook with a journal.
fn payments(kept: &Kept, provider: Provider) -> WebhookLayer {
    let webhook = Webhook::new(provider).store(MemoryStore::new());
    webhook.journal(&kept.journal).build().unwrap()
}

async fn send(server: &Server, body: String) -> u16 {
    let request = Sent::post(&format!("/hooks/{TOKEN}"));
    request.body(body).send(server.address).await.status
}

#[tokio::test]
async fn all_events_of_a_list_run_once_more_where_it_is_forced_though_not_all_were_done() {
    let (kept, given) = (Kept::start(), Given::default());
    let layer = payments(&kept, pix(retrying()));
    let server = given.serve(layer.clone()).await;
    "E2".clone_into(&mut given.fails.lock().unwrap());
    assert_eq!(send(&server, list(["E1", "E2", "E3"])).await, 500);
    given.fails.lock().unwrap().clear();
    let lines = kept.lines().await;
    let line = lines.iter().find(|line| line.items.is_some()).unwrap();
    let replayed = given.again(&layer, Replay::of(line).force()).await;
    assert_eq!(replayed.unwrap().0, StatusCode::OK);
    for event in ["E1", "E2", "E3"] {
        assert_eq!(given.runs(&format!("\"{event}\"")), 2, "{event}");
    }
    // Without force what is done is done.
    let replayed = given.again(&layer, Replay::of(line)).await;
    assert_eq!(replayed.unwrap().1, Some(Reason::AlreadyDone));
    assert_eq!(given.runs(""), 6);
}

#[tokio::test]
async fn a_list_whose_events_have_other_keys_now_is_not_sent_through() {
    let (kept, given) = (Kept::start(), Given::default());
    let layer = payments(&kept, pix(retrying()));
    let server = given.serve(layer.clone()).await;
    assert_eq!(send(&server, list(["E1", "E2"])).await, 200);
    let lines = kept.lines().await;
    let line = lines.iter().find(|line| line.items.is_some()).unwrap();
    assert!(line.key.is_none());
    drop((server, layer));
    // Of each payment another member is its key now.
    let shape = Shape::new("pix", ["/txid"]).unwrap();
    let rule = EventRule::each("/pix|", EventRule::members([shape]).unwrap()).unwrap();
    let other = payments(&kept, pix(retrying()).replace_rule(rule));
    let refused = given.again(&other, Replay::of(line).force()).await;
    assert_eq!(refused, Err(ReplayErrorKind::OtherKey));
    assert_eq!(given.runs(""), 2);
}
