//! What an operator is told beside the reason of a refusal: what happened, and what to do.

use std::time::Duration;

use axum::http::StatusCode;
use tower_webhook::layer::Verdict;
use tower_webhook::{MemoryStore, Reason, Webhook};

use super::in_a_hurry;
use crate::support::blox::{self, checkout};
use crate::support::http::Connection;
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, answering_in, clock};
use crate::support::receiver::Receiver;
use crate::support::stage::Stage;

/// The detail of the first outcome for this reason.
async fn detail(seen: &Recorder, reason: Reason) -> String {
    let seen = seen.wait_for(|it| it.reason == Some(reason)).await;
    seen.detail
        .unwrap_or_else(|| panic!("no detail: {reason:?}"))
}

#[tokio::test]
async fn a_body_that_does_not_come_whole_says_how_much_of_it_came() {
    let receiver = Receiver::start_with(Preset::BlendFi, in_a_hurry, |it| it).await;
    let request = Preset::BlendFi.delivery(1);
    let (bytes, head) = (request.bytes(), request.head().len());
    let length = bytes.len() - head;
    let part = async || {
        let mut connection = Connection::open(receiver.server.address).await;
        connection.send(&bytes[..head + 5]).await;
        connection
    };
    let mut slow = part().await;
    assert_eq!(slow.response().await.unwrap().status, 408);
    assert_eq!(
        detail(&receiver.seen, Reason::BodyTooSlow).await,
        format!("5 of {length} bytes came within the 400 ms that there are")
    );
    let mut cut = part().await;
    cut.finish().await;
    assert_eq!(
        detail(&receiver.seen, Reason::BodyCutOff).await,
        format!("5 of {length} bytes came before it was cut off")
    );
}

#[tokio::test]
async fn an_encoded_body_says_what_takes_it() {
    let receiver = Receiver::start(Preset::BlendFi).await;
    let encoded = Preset::BlendFi
        .delivery(1)
        .header("content-encoding", "gzip");
    assert_eq!(receiver.send(&encoded).await.status, 415);
    let told = detail(&receiver.seen, Reason::ContentEncoding).await;
    assert!(told.contains("`SenderContract::gzip`"), "{told}");
    let names_feature = told.contains("the feature `gzip`");
    assert_eq!(names_feature, !cfg!(feature = "gzip"), "{told}");
}

#[tokio::test]
async fn other_content_and_an_attempt_at_work_say_what_stands_in_the_way() {
    let (seen, stage) = (Recorder::new(), Stage::new());
    let provider = answering_in(Duration::from_secs(1), Preset::Blox.provider());
    let webhook = Webhook::new(provider)
        .clock(clock())
        .observer(seen.clone())
        .store(MemoryStore::new());
    let server = Preset::Blox.serve(&webhook, stage.handler()).await;
    let event = checkout("c1", "COMPLETED", "15000");
    let first = event.send(server.address).await;
    assert_eq!(first.status, 202, "it goes on");
    assert_eq!(event.send(server.address).await.status, 503);
    let told = detail(&seen, Reason::InProgress).await;
    assert!(told.starts_with("another attempt at this event"), "{told}");
    stage.let_go(1);
    seen.wait_for(|it| it.verdict == Verdict::Handled).await;
    let other = checkout("c1", "COMPLETED", "1").send(server.address).await;
    assert_eq!(other.status, 422);
    let told = detail(&seen, Reason::Conflict).await;
    assert!(told.contains("`webhook show`"), "{told}");
}

/// Nobody sends it again, and nobody was told: the log says so.
#[tokio::test]
async fn a_failure_behind_the_answer_of_a_sender_that_does_not_retry_says_that_it_is_lost() {
    let (seen, stage, store) = (Recorder::new(), Stage::new(), MemoryStore::new());
    let provider = answering_in(Duration::from_secs(1), Preset::Blox.provider());
    let webhook = Webhook::new(provider)
        .clock(clock())
        .observer(seen.clone())
        .store(store.clone());
    let handler = {
        let stage = stage.clone();
        move || {
            let stage = stage.clone();
            async move {
                // The second one fails in time: its sender shows that.
                if stage.runs() == 0 {
                    stage.stand().await;
                }
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    };
    let server = Preset::Blox.serve(&webhook, handler).await;
    let answer = checkout("c1", "COMPLETED", "1").send(server.address).await;
    assert_eq!(answer.status, 202);
    stage.let_go(1);
    let failed = seen.wait_for(|it| it.verdict == Verdict::Failed).await;
    let told = failed.detail.unwrap_or_default();
    assert!(told.contains("nobody sends it again"), "{told}");
    assert!(told.contains("an inbox"), "{told}");
    assert_eq!(
        (failed.status, failed.key),
        (None, Some(blox::key("c1", "COMPLETED").to_string()))
    );

    let answer = checkout("c2", "COMPLETED", "1").send(server.address).await;
    assert_eq!(answer.status, 500);
    let failed = seen
        .wait_for(|it| it.verdict == Verdict::Failed && it.status == Some(500))
        .await;
    assert_eq!(failed.detail, None);
}
