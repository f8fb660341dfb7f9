//! Events that this receiver does not want, or that are somebody else's.

use axum::Router;
use axum::body::Body;
use tower::ServiceExt;
use tower_webhook::layer::Verdict;
use tower_webhook::provider::{self, slack, stripe};
use tower_webhook::testing::{Sample, TestDelivery};
use tower_webhook::{MemoryStore, Provider, Reason, RouterExt, Store, Webhook};

use super::{Stage, retrying};
use crate::support::observer::Recorder;

const SECRET: &str = "whsec_test_9f8e7d6c5b4a";

/// A receiver of this sender, which answers every event that it runs with 202.
async fn answers(provider: &Provider, bodies: &[&str]) -> (Vec<u16>, Recorder, u64) {
    let (seen, store) = (Recorder::new(), MemoryStore::new());
    let webhook = Webhook::new(provider.clone())
        .store(store.clone())
        .observer(seen.clone());
    let app = Router::new().webhook("/", webhook.build().unwrap(), async || {
        axum::http::StatusCode::ACCEPTED
    });
    let mut statuses = Vec::new();
    for body in bodies {
        let request = TestDelivery::new(provider, (*body).to_owned())
            .request::<Body>()
            .unwrap();
        statuses.push(
            app.clone()
                .oneshot(request)
                .await
                .unwrap()
                .status()
                .as_u16(),
        );
    }
    let counts = store.counts().await.unwrap();
    (
        statuses,
        seen,
        counts.done + counts.claimed + counts.released,
    )
}

#[tokio::test]
async fn a_type_that_is_not_wanted_is_answered_and_not_claimed() {
    let keys = stripe::keys([SECRET]).unwrap();
    let stripe = provider::stripe(keys)
        .only_types(["charge.succeeded"])
        .unwrap();
    let wanted = String::from_utf8(Sample::Stripe.body(1).to_vec()).unwrap();
    let other = wanted
        .replace("charge.succeeded", "charge.updated")
        .replace("evt_1", "evt_2");
    let typeless = wanted
        .replace(r#""type""#, r#""kind""#)
        .replace("evt_1", "evt_3");
    let (statuses, seen, records) = answers(&stripe, &[&wanted, &other, &typeless]).await;
    assert_eq!((statuses, records), (vec![202, 200, 200], 1));
    assert_eq!(seen.count(Verdict::Filtered, Some(Reason::Filtered)), 2);
    assert_eq!(seen.count(Verdict::Handled, None), 1);
    let error = provider::github(tower_webhook::SigningSecret::from_text(SECRET).unwrap())
        .only_types(["push"])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("github: event rule: only some types are wanted"),
        "{error}"
    );
}

#[tokio::test]
async fn a_question_is_answered_whatever_types_are_wanted() {
    let slack = provider::slack(slack::keys(["8f742231b10e8888abcd99yyyzzz85a5"]).unwrap());
    let slack = slack.only_types(["app_mention"]).unwrap();
    let mention = String::from_utf8(Sample::Slack.body(1).to_vec()).unwrap();
    let other = mention
        .replace("app_mention", "reaction_added")
        .replace("Ev000000001", "Ev2");
    let question = r#"{"token":"x","challenge":"c","type":"url_verification"}"#;
    let (statuses, ..) = answers(&slack, &[question, &mention, &other]).await;
    assert_eq!(statuses, [202, 202, 200]);
}

#[tokio::test]
async fn anothers_event_is_answered_and_not_run() {
    let keys = stripe::keys([SECRET]).unwrap();
    let stripe = provider::stripe(keys)
        .only_for("/account", ["acct_1"])
        .unwrap();
    let of = |number: u64, account: &str| {
        let body = String::from_utf8(Sample::Stripe.body(number).to_vec()).unwrap();
        body.replacen('{', &format!(r#"{{{account}"#), 1)
    };
    let ours = of(1, r#""account":"acct_1","#);
    let others = of(2, r#""account":"acct_2","#);
    let (statuses, seen, records) = answers(&stripe, &[&ours, &others, &of(3, "")]).await;
    assert_eq!(
        (statuses, records),
        (vec![202, 200, 202], 2),
        "one that names nobody is ours"
    );
    assert_eq!(seen.count(Verdict::NotOurs, Some(Reason::NotOurs)), 1);
    // What could be either is nobody's.
    let twice = of(4, r#""account":"acct_1","account":"acct_2","#);
    assert_eq!(answers(&stripe, &[&twice]).await.0, [400]);
}

#[tokio::test]
async fn each_item_says_for_whom_it_is() {
    let store = MemoryStore::new();
    let provider = super::pix(retrying()).only_for("/chave", ["ours"]).unwrap();
    let stage = Stage::of(provider, store.clone(), |webhook| webhook);
    let item =
        |id: &str, key: &str| format!(r#"{{"endToEndId":"{id}","valor":"1.00","chave":"{key}"}}"#);
    let body = format!(
        r#"{{"pix":[{},{}]}}"#,
        item("E1", "ours"),
        item("E2", "theirs")
    );
    assert_eq!(stage.deliver(body).await.0, 200);
    assert_eq!(
        (stage.book.effects(), stage.book.runs_of("E2")),
        ((1, 1), 0)
    );
    let theirs = format!(r#"{{"pix":[{}]}}"#, item("E3", "theirs"));
    assert_eq!(stage.deliver(theirs).await.0, 200);
    assert_eq!(store.counts().await.unwrap().done, 1);
    assert_eq!(stage.seen.count(Verdict::NotOurs, Some(Reason::NotOurs)), 2);
}
