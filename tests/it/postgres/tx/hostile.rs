//! Conflicts and duplicates of a role that sets everything otherwise: serializable and read-only unless told, no
//! time to wait for a lock, in another language. What is in conflict is sent again, and has its effect once.

use sqlx::Postgres as Db;
use tower_webhook::layer::Verdict;
use tower_webhook::{Delivery, Reason, Tx};

use super::*;
use crate::support::blendfi::event;
use crate::support::stage::Stage;

/// Pays into the one account, whose row its handlers lock in turn.
async fn pay(delivery: &Delivery, tx: &mut Tx<Db>) -> Result<(), Box<dyn std::error::Error>> {
    credit(tx, &delivery.key().to_string(), delivery.attempt()).await?;
    let paid = sqlx::query("UPDATE account SET balance = balance + 1");
    paid.execute(tx.connection().await?).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serialization_failure_at_the_end_is_sent_again_and_has_its_effect_once() {
    let ledger = Ledger::of_hostile_role().await;
    ledger.server.ask(
        "CREATE FUNCTION conflicts() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF NEW.attempt = 1 THEN RAISE EXCEPTION USING ERRCODE = 'serialization_failure'; END IF;
             RETURN NEW;
         END $$",
    );
    let handler = |delivery: Delivery, mut tx: Tx<Db>| async move {
        let key = delivery.key().to_string();
        credit(&mut tx, &key, delivery.attempt()).await.unwrap();
        StatusCode::NO_CONTENT
    };
    let receiver = ledger.serve(handler).await;
    for (id, trigger) in [
        (
            "evt_at_the_mark",
            "TRIGGER conflicts BEFORE UPDATE ON tower_webhook_records FOR EACH ROW WHEN (NEW.state = 2)",
        ),
        (
            "evt_at_the_commit",
            "CONSTRAINT TRIGGER conflicts AFTER INSERT ON effects INITIALLY DEFERRED FOR EACH ROW",
        ),
    ] {
        let made = format!("CREATE {trigger} EXECUTE FUNCTION conflicts(); TRUNCATE effects");
        ledger.server.ask(&made);
        let answer = event(id, "{}").send(receiver.address).await;
        assert_eq!((answer.status, &*ledger.effects()), (500, "0"), "{id}");
        let seen = ledger.recorder.next().await;
        assert_eq!(seen.reason, Some(Reason::HandlerFailed), "{id}");
        assert_eq!(ledger.record(id).await.state, RecordState::Released);
        for status in [204, 200] {
            let answer = event(id, "{}").send(receiver.address).await;
            assert_eq!((answer.status, &*ledger.effects()), (status, "1"), "{id}");
            ledger.recorder.next().await;
        }
        assert!(ledger.is_done(id).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_lock_one_row_at_once_are_each_paid_once() {
    let ledger = Ledger::of_hostile_role().await;
    ledger
        .server
        .ask("CREATE TABLE account (balance int); INSERT INTO account VALUES (0)");
    let handler = |delivery: Delivery, mut tx: Tx<Db>| async move {
        match pay(&delivery, &mut tx).await {
            Ok(()) => StatusCode::NO_CONTENT,
            Err(_) => failed(),
        }
    };
    let receiver = ledger.serve(handler).await;
    let mut session = ledger
        .server
        .session("BEGIN;\nTABLE account FOR UPDATE;\n\\echo holds");
    session.says("holds");
    let answer = event("evt_0", "{}").send(receiver.address).await;
    assert_eq!((answer.status, &*ledger.effects()), (500, "0"));
    let sent = (0..16).map(|number| {
        let to = receiver.address;
        // Each twice, so that a duplicate comes meanwhile.
        tokio::spawn(async move { deliver(&format!("evt_{}", number / 2), to).await })
    });
    let sent: Vec<_> = sent.collect();
    let is_failed = |seen: &crate::support::observer::Seen| {
        seen.verdict == Verdict::Failed && seen.key.as_deref() != Some("blendfi:evt_0")
    };
    ledger.recorder.wait_for(is_failed).await;
    drop(session);
    for sent in sent {
        sent.await.unwrap();
    }
    let found = ledger
        .server
        .ask("SELECT count(*), count(DISTINCT key), (SELECT balance FROM account) FROM effects");
    assert_eq!(found, "8|8|8");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_that_comes_meanwhile_adds_nothing() {
    let ledger = Ledger::of_hostile_role().await;
    let stage = Stage::new();
    let stood = stage.clone();
    let handler = move |delivery: Delivery, mut tx: Tx<Db>| {
        let stage = stood.clone();
        async move {
            let key = delivery.key().to_string();
            credit(&mut tx, &key, delivery.attempt()).await.unwrap();
            stage.stand().await;
            StatusCode::NO_CONTENT
        }
    };
    let receiver = ledger.serve(handler).await;
    let first = event("evt_1", "{}").spawn(receiver.address);
    stage.begun(1).await;
    assert_eq!(ledger.effects(), "0");
    let duplicate = event("evt_1", "{}").spawn(receiver.address);
    stage.let_go(100);
    // The duplicate looks at the record, whose lock its role waits for no longer than a millisecond: where they meet
    // the first one fails, and the other one takes over.
    let answers = [first.await.unwrap(), duplicate.await.unwrap()];
    let successes = answers.iter().filter(|answer| answer.is_success());
    assert!(successes.count() >= 1);
    deliver("evt_1", receiver.address).await;
    assert_eq!(ledger.effects(), "1");
    assert!(ledger.is_done("evt_1").await);
}
