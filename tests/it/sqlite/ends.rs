//! Each way in which a handler can end, and what is left of its effect and of its event.

use std::sync::Arc;

use sqlx::Sqlite;
use tower_webhook::runtime::Failure;
use tower_webhook::{Delivery, Event, Tx, event_handler};

use super::*;
use crate::support::blendfi::event;
use crate::support::wait::until;
use crate::tx_ends::{CASES, Case, FAILED, How, Kept, Payload, Words, check, go_on};

/// What SQLite does otherwise: one statement fails alone, and a savepoint that is forgotten is still open at the end.
const OWN_CASES: [Case; 2] = [
    (How::GoesOnBehindAnError, 1, None),
    (How::ForgetsASavepoint, 0, FAILED),
];

const WORDS: Words = Words {
    commits_and_begins: &["COMMIT", "BEGIN"],
    is_wrong: "SELECT nothing",
    takes_a_minute: None,
    is_wrong_at_the_commit: "INSERT INTO entries VALUES (1)",
};

async fn handle(
    how: How,
    delivery: Delivery,
    mut tx: Tx<Sqlite>,
    kept: Kept<Sqlite>,
) -> Result<(), Failure> {
    if how == How::TouchesNothing {
        return Ok(());
    }
    credit(&mut tx, &delivery.key().to_string(), delivery.attempt()).await?;
    go_on(how, tx, &WORDS, &kept).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_effect_stands_with_the_record_or_not_at_all() {
    let ledger = Ledger::open().await;
    let kept = Kept::default();
    let own = Arc::clone(&kept);
    let handler = move |Event(payload): Event<Payload>, delivery: Delivery, tx: Tx<Sqlite>| {
        handle(payload.data, delivery, tx, Arc::clone(&own))
    };
    let server = ledger.serve(event_handler(handler)).await;
    for case in CASES.into_iter().chain(OWN_CASES) {
        let (how, effects, _) = case;
        let id = format!("evt_{how:?}");
        let sent = event(&id, &format!("\"{how:?}\"")).spawn(server.address);
        if how == How::Keeps {
            // It keeps the file too, until it lets go of it: so long nobody is told that the event is free.
            until("it is kept", || kept.lock().unwrap().is_some()).await;
            tokio::time::sleep(SECOND / 10).await;
            drop(kept.lock().unwrap().take());
        }
        let answer = sent.await.unwrap();
        let seen = ledger.recorder.next().await;
        check(case, answer.status, &seen, &ledger.record(&id).await.state);
        assert_eq!(ledger.effects().await, effects, "{how:?}");
        // The file can be written as before.
        sqlx::query("DELETE FROM effects")
            .execute(&ledger.pool)
            .await
            .unwrap();
    }
}
