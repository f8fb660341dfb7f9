//! Refusals that a receiver diagnoses by itself, behind their answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use http::Response;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower_webhook::layer::Diagnosed;
use tower_webhook::provider::{self, blendfi};
use tower_webhook::signature::diagnosis::Cause;
use tower_webhook::testing::{Sample, TestDelivery};
use tower_webhook::{MemoryStore, Observation, Observer, Provider, RouterExt, Webhook};

use super::SECRET;

/// What an observer was told.
#[derive(Clone, Default)]
struct Told(Arc<(Mutex<Vec<Telling>>, Notify)>);

/// The cause, and the whole in words.
type Telling = (Option<Cause>, String);

impl Told {
    fn all(&self) -> Vec<Telling> {
        self.0
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Observer for Told {
    fn observe(&self, _: &Observation<'_>) {}

    fn diagnosed(&self, diagnosed: &Diagnosed<'_>) {
        let text = format!(
            "{} {} {}",
            diagnosed.provider, diagnosed.reason, diagnosed.diagnosis
        );
        let all = &self.0.0;
        (all.lock().unwrap()).push((diagnosed.diagnosis.cause(), text));
        self.0.1.notify_one();
    }
}

/// A receiver that diagnoses one refusal in an hour, or none.
async fn serve(provider: &Provider, told: &Told, diagnoses: bool) -> String {
    let webhook = Webhook::new(provider.clone())
        .store(MemoryStore::new())
        .observer(told.clone());
    let webhook = match diagnoses {
        true => webhook.diagnose_refusals(Duration::from_secs(3600)),
        false => webhook,
    };
    let app = axum::Router::new().webhook("/in", webhook.build().unwrap(), async || StatusCode::OK);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app).await });
    url
}

fn shown(answer: &Response<Bytes>) -> String {
    let mut headers = answer.headers().clone();
    headers.remove("date");
    format!("{} {headers:?} {:?}", answer.status(), answer.body())
}

#[tokio::test]
async fn one_refusal_is_diagnosed_and_its_sender_learns_nothing_of_it() {
    let told = Told::default();
    let provider = provider::blendfi(blendfi::keys([SECRET]).unwrap());
    let (with, without) = (
        serve(&provider, &told, true).await,
        serve(&provider, &told, false).await,
    );
    let changed = TestDelivery::new(&provider, Sample::BlendFi.body(1)).body_changed();
    let plain = changed.send_to(&without).await.unwrap();
    let sampled = changed.send_to(&with).await.unwrap();
    assert_eq!(sampled.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(shown(&sampled), shown(&plain));
    tokio::time::timeout(Duration::from_secs(60), told.0.1.notified())
        .await
        .unwrap();
    let expected = (Some(Cause::BodyWhiteSpace), "blendfi".to_owned());
    let all = told.all();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].0, expected.0);
    assert!(
        all[0].1.starts_with(&expected.1) && !all[0].1.contains(SECRET),
        "{}",
        all[0].1
    );

    // The hour is not over: whatever comes, nothing is diagnosed.
    for _ in 0..20 {
        changed.clone().wrong_secret().send_to(&with).await.unwrap();
    }
    assert_eq!(told.all().len(), 1);
}

#[tokio::test]
async fn a_scheme_that_is_judged_by_the_whole_body_is_diagnosed_too() {
    let told = Told::default();
    let provider = super::cases::known("zoom");
    let url = serve(&provider, &told, true).await;
    let right = TestDelivery::new(&provider, super::BODY);
    assert_eq!(right.send_to(&url).await.unwrap().status(), StatusCode::OK);
    let refused = right.timestamp_changed().send_to(&url).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    tokio::time::timeout(Duration::from_secs(60), told.0.1.notified())
        .await
        .unwrap();
    assert_eq!(told.all()[0].0, Some(Cause::TimeChanged));
}
