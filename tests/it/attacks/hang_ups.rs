//! Who hangs up, at every step of a delivery.

use std::time::Duration;

use tower_webhook::layer::Budget;
use tower_webhook::{DedupeConfig, Drain, MemoryStore, Store, Webhook};

use crate::support::blendfi::{event, key, webhook, webhook_answering_in};
use crate::support::blox::{self, checkout};
use crate::support::http::Connection;
use crate::support::presets::{Preset, clock};
use crate::support::stage::Stage;
use crate::support::wait::{done, until};

/// How the connection ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Nothing more is sent; the answer would be read.
    Finish,
    HangUp,
    Reset,
}

const ENDS: [End; 3] = [End::Finish, End::HangUp, End::Reset];

/// Ends it; keeps what still has to be open.
async fn end(mut connection: Connection, how: End) -> Option<Connection> {
    match how {
        End::Finish => {
            connection.finish().await;
            return Some(connection);
        }
        End::HangUp => connection.hang_up(),
        End::Reset => connection.reset(),
    }
    None
}

#[tokio::test]
async fn who_hangs_up_before_the_body_is_whole_leaves_nothing() {
    let (store, budget, drain, stage) = (
        MemoryStore::new(),
        Budget::default(),
        Drain::new(),
        Stage::new(),
    );
    let webhook = webhook(store.clone())
        .budget(budget.clone())
        .dedupe(DedupeConfig::new().drain(drain.clone()));
    let server = Preset::BlendFi.serve(&webhook, stage.counter()).await;
    let large = event("evt_1", &format!("\"{}\"", "x".repeat(200_000)));
    let bytes = large.bytes();
    let head = large.head().len();
    let chunked = large.bytes_chunked(50_000);
    let mut open = Vec::new();
    for how in ENDS {
        for sent in [
            1,
            20,
            head - 2,
            head,
            head + 1,
            head + 60_000,
            head + 100_000,
            bytes.len() - 1,
        ] {
            let mut connection = Connection::open(server.address).await;
            connection.send(&bytes[..sent]).await;
            open.extend(end(connection, how).await);
        }
        // In chunks: all but the end of the last one.
        let mut connection = Connection::open(server.address).await;
        connection.send(&chunked[..chunked.len() - 5]).await;
        open.extend(end(connection, how).await);
    }
    until("all is given back", || {
        (budget.body_bytes(), budget.queued_bodies(), drain.running()) == (0, 0, 0)
    })
    .await;
    assert_eq!(stage.runs(), 0);
    assert!(store.lookup(&key("evt_1")).await.unwrap().is_none());
    assert_eq!(large.send(server.address).await.status, 204);
    drop(open);
}

#[tokio::test]
async fn who_hangs_up_behind_the_body_loses_nothing_but_the_answer() {
    for how in ENDS {
        let (store, drain, stage) = (MemoryStore::new(), Drain::new(), Stage::new());
        let webhook = webhook(store.clone()).dedupe(DedupeConfig::new().drain(drain.clone()));
        let server = Preset::BlendFi.serve(&webhook, stage.handler()).await;
        // As soon as the last byte is sent: nobody may be reading yet.
        let mut open = Vec::new();
        for number in 0..20 {
            let mut connection = Connection::open(server.address).await;
            connection
                .send(&event(&format!("evt_{number}"), "{}").bytes())
                .await;
            if number % 2 == 0 {
                stage.begun(stage.runs() + 1).await;
            }
            open.extend(end(connection, how).await);
        }
        stage.let_go(20);
        until("the handlers", || drain.running() == 0).await;
        // What had come to the receiver ran, and is recorded; what had not can come again.
        for number in 0..20 {
            let again = event(&format!("evt_{number}"), "{}");
            stage.let_go(1);
            assert!(again.send(server.address).await.is_success());
        }
        assert_eq!(stage.runs(), 20, "{how:?}");
    }
}

#[tokio::test]
async fn who_hangs_up_as_a_duplicate_costs_the_others_no_place() {
    let (store, budget, stage) = (MemoryStore::new(), Budget::new(1 << 20, 2), Stage::new());
    let webhook = webhook(store.clone()).budget(budget.clone());
    let server = Preset::BlendFi.serve(&webhook, stage.handler()).await;
    let first = event("evt_1", "{}").spawn(server.address);
    stage.begun(1).await;
    for round in 0..30 {
        for how in [End::HangUp, End::Reset] {
            let mut waiting = Connection::open(server.address).await;
            waiting.send(&event("evt_1", "{}").bytes()).await;
            until("it waits", || budget.waiting() == 1).await;
            end(waiting, how).await;
            until("its place is free", || budget.waiting() == 0).await;
        }
        assert_eq!(stage.runs(), 1, "{round}");
    }
    let others = [(); 2].map(|()| event("evt_1", "{}").spawn(server.address));
    until("both wait", || budget.waiting() == 2).await;
    stage.let_go(1);
    assert_eq!(first.await.unwrap().status, 204);
    for other in others {
        assert!(other.await.unwrap().is_replayed());
    }
    assert_eq!(stage.runs(), 1);
}

#[tokio::test]
async fn a_sender_that_hangs_up_while_its_event_is_confirmed_has_it_handled() {
    let (store, asked, stage, drain) =
        (MemoryStore::new(), Stage::new(), Stage::new(), Drain::new());
    let webhook = Webhook::new(blox::provider_that_asks(&asked))
        .clock(clock())
        .store(store.clone())
        .dedupe(DedupeConfig::new().drain(drain.clone()));
    let server = Preset::Blox.serve(&webhook, stage.counter()).await;
    for (number, how) in ENDS.into_iter().enumerate() {
        let id = format!("c-{number}");
        let mut connection = Connection::open(server.address).await;
        connection
            .send(&checkout(&id, "COMPLETED", "1").bytes())
            .await;
        asked.begun(number + 1).await;
        let _open = end(connection, how).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        asked.let_go(1);
        // This sender sends nothing again: what it sent is handled whether it waits or not.
        done(&store, &blox::key(&id, "COMPLETED")).await;
    }
    until("the end", || drain.running() == 0).await;
    assert_eq!(stage.runs(), 3);
}

#[tokio::test]
async fn a_thousand_who_hang_up_at_once_keep_nobody_waiting() {
    let (store, budget, drain) = (MemoryStore::new(), Budget::default(), Drain::new());
    let webhook = webhook_answering_in(Duration::from_secs(60), store.clone())
        .budget(budget.clone())
        .dedupe(DedupeConfig::new().drain(drain.clone()));
    let stage = Stage::new();
    let server = Preset::BlendFi.serve(&webhook, stage.handler()).await;
    let running = event("evt_0", "{}").spawn(server.address);
    stage.begun(1).await;
    // A forgery, a duplicate of what runs, or half of a true one.
    let forged = event("evt_9", "{}").body("{\"id\":\"evt_9\"}").bytes();
    let half = event("evt_8", "{}").bytes()[..150].to_vec();
    let kinds = [forged, event("evt_0", "{}").bytes(), half];
    let gone = (0..1_000).map(|number| {
        let bytes = &kinds[number % 3];
        async move {
            let mut connection = Connection::open(server.address).await;
            connection.send(bytes).await;
            connection.reset();
        }
    });
    futures_util::future::join_all(gone).await;
    let other = event("evt_1", "{}").spawn(server.address);
    stage.begun(2).await;
    stage.let_go(2);
    assert_eq!(other.await.unwrap().status, 204);
    assert_eq!(running.await.unwrap().status, 204);
    until("all is given back", || {
        (budget.body_bytes(), budget.waiting(), drain.running()) == (0, 0, 0)
    })
    .await;
    assert_eq!(stage.runs(), 2);
}
