//! Deliveries of BLOX that its API has not confirmed: a receiver that is a process of its own, an API
//! that takes its time on another port, and strangers who know the secret path.

mod api;
mod receiver;

use std::net::SocketAddr;

use crate::support::blox::checkout;
use crate::support::http::{Request, Response};
use crate::support::presets::Preset;
use api::{Answer, Api};
use futures_util::future::join_all;
use receiver::Receiver;
use tower_webhook::Reason;

const ID: &str = "8f14e45f-ceea-467f-a830-5e3e3c7e2b8a";

fn truth() -> Request {
    checkout(ID, "COMPLETED", "15000")
}

fn forgery(number: usize) -> Request {
    checkout(ID, "COMPLETED", &format!("{}", 20_000 + number))
}

async fn send_all(requests: impl IntoIterator<Item = Request>, to: SocketAddr) -> Vec<Response> {
    let sent: Vec<_> = requests.into_iter().map(|it| it.spawn(to)).collect();
    let answers = join_all(sent).await;
    answers.into_iter().map(Result::unwrap).collect()
}

/// Only what the API said was wrong, what a true delivery has overtaken, and what found no room.
#[track_caller]
fn all_refused(answers: &[Response]) {
    let strange = |it: &&Response| !matches!(it.status, 400 | 422 | 503);
    assert_eq!(answers.iter().find(strange), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_checkout_in_other_spellings_of_its_id_runs_once() {
    let api = Api::start(|_| Answer::completed(ID, "15000")).await;
    let receiver = Receiver::start(&api, "memory").await;
    assert_eq!(truth().send(receiver.address).await.status, 200);
    for spelling in [
        "8F14E45F-CEEA-467F-A830-5E3E3C7E2B8A",
        "8f14e45fceea467fa8305e3e3c7e2b8a",
        "8f14e45f-ceea467f-a830-5e3e3c7e2b8a",
        "8f14e45f-ceea-467f-a830-5e3e-3c7e2b8a",
    ] {
        let answer = checkout(spelling, "COMPLETED", "15000")
            .send(receiver.address)
            .await;
        assert_eq!(answer.status, 400, "{spelling}");
    }
    assert_eq!(receiver.runs().await, [format!("{ID}:COMPLETED")]);
}

/// 1,100 forgeries, then the true delivery, and forgeries that keep coming meanwhile.
async fn flood(store: &str) {
    let api = Api::start(|_| Answer::completed(ID, "15000")).await;
    let receiver = Receiver::start(&api, store).await;
    let to = receiver.address;
    let flood = tokio::spawn(send_all((0..1_100).map(forgery), to));
    api.asked(1).await;
    let more = tokio::spawn(async move {
        let mut answers = Vec::new();
        for round in 0..20 {
            let some = (0..20).map(|number| forgery(10_000 + round * 20 + number));
            answers.extend(send_all(some, to).await);
        }
        answers
    });
    assert_eq!(truth().send(to).await.status, 200);
    all_refused(&flood.await.unwrap());
    all_refused(&more.await.unwrap());
    assert!(truth().send(to).await.is_replayed());
    assert_eq!(receiver.runs().await, [format!("{ID}:COMPLETED")]);
    assert!(api.questions() <= 20, "{} questions", api.questions());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_true_delivery_behind_1100_forgeries_is_handled_in_time() {
    flood("memory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_true_delivery_behind_1100_forgeries_is_handled_in_time_on_redis() {
    let redis = crate::redis_support::Server::start();
    flood(&redis.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_asked_for_before_a_delivery_came_refuses_it_not() {
    // What the API says first is old news by the time it says it.
    for early in [
        Answer::status(ID, "PENDING", "15000"),
        Answer::completed(ID, "1"),
    ] {
        let api = Api::start(move |question| match question {
            1 => early.clone(),
            _ => Answer::completed(ID, "15000"),
        })
        .await;
        let receiver = Receiver::start(&api, "memory").await;
        let forgeries = tokio::spawn(send_all((0..20).map(forgery), receiver.address));
        api.asked(1).await;
        assert_eq!(truth().send(receiver.address).await.status, 200);
        all_refused(&forgeries.await.unwrap());
        assert_eq!(receiver.runs().await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_cannot_tell_at_first_costs_no_true_delivery_its_time() {
    for trouble in [
        Answer::status(ID, "PENDING", "15000"),
        Answer::Status(500),
        Answer::Nonsense,
        Answer::Never,
    ] {
        let kind = format!("{trouble:?}");
        let troubles = if matches!(trouble, Answer::Never) {
            1
        } else {
            3
        };
        let api = Api::start(move |question| {
            if question <= troubles {
                trouble.clone()
            } else {
                Answer::completed(ID, "15000")
            }
        })
        .await;
        let receiver = Receiver::start(&api, "memory").await;
        let forgeries = tokio::spawn(send_all((0..50).map(forgery), receiver.address));
        api.asked(1).await;
        assert_eq!(truth().send(receiver.address).await.status, 200, "{kind}");
        all_refused(&forgeries.await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_checkouts_leave_no_record_and_no_true_one_waits_for_them() {
    let api = Api::of(|path| {
        if path.contains(ID) {
            Answer::completed(ID, "15000")
        } else {
            Answer::Status(404)
        }
    })
    .await;
    // Two hundred of them filled it.
    let receiver = Receiver::start(&api, "memory of 200").await;
    let to = receiver.address;
    let invented = |number: usize| checkout(&format!("invented-{number}"), "COMPLETED", "1");
    let flood = tokio::spawn(send_all((0..1_100).map(invented), to));
    api.asked(100).await;
    assert_eq!(truth().send(to).await.status, 200);
    for answer in flood.await.unwrap() {
        assert_eq!(answer.status, 503);
    }
    assert_eq!(receiver.records().await, 1);
    let most = api.questions_by_path().into_values().max().unwrap();
    assert!(most <= 9, "{most} questions about one checkout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_the_api_does_not_know_is_refused_at_once() {
    let api = Api::start(|_| Answer::Status(410)).await;
    let receiver = Receiver::start(&api, "memory").await;
    let answer = truth().send(receiver.address).await;
    assert_eq!((answer.status, answer.header("retry-after")), (400, None));
    assert_eq!((api.questions(), receiver.records().await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_what_is_not_confirmed_have_a_budget_of_their_own() {
    let api = Api::of(|path| {
        if path.contains(ID) {
            Answer::completed(ID, "15000")
        } else {
            Answer::Never
        }
    })
    .await;
    let receiver = Receiver::start(&api, "memory").await;
    let to = receiver.address;
    let padding = "x".repeat(1_000_000);
    let large = move |number: usize| {
        Preset::Blox.deliver(format!(
            r#"{{"checkoutId":"c-{number}","status":"COMPLETED","amount":"1","timestamp":"t","pad":"{padding}"}}"#
        ))
    };
    let flood = send_all((0..400).map(large), to);
    let flood = tokio::spawn(flood);
    api.asked(30).await;
    assert_eq!(truth().send(to).await.status, 200);
    for answer in flood.await.unwrap() {
        // A busy machine does not read all of them in time.
        assert!(matches!(answer.status, 503 | 408), "{answer:?}");
    }
    // 32 MiB of them wait at once; one whose place is free is asked about a moment longer.
    let most = receiver.most_asked_at_once().await;
    assert!(most <= 40, "{most} at once");
    assert!(receiver.refused(Reason::BudgetUsedUp).await > 0);
}
