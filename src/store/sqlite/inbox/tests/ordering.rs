//! The order of events and the rates as stored in a file.

use super::*;
use crate::event::{Order as EventOrder, OrderKey, Version};
use crate::inbox::{Rate, RateOf};
use crate::store::sql::inbox::tests::crowds;

fn accept_in(id: &str, version: i64) -> Accept {
    let key = OrderKey::new(["1042"]).unwrap();
    let order = EventOrder::new(key, Some(Version::new(version)));
    Accept {
        order: Some(Box::new(order)),
        ..accept(id, id)
    }
}

async fn attempt(inbox: &SqliteInbox, id: &str, end: Verdict) {
    let taken = take(9);
    let ids = inbox.take(&taken).await.unwrap();
    assert!(ids.iter().any(|it| it.key == key(id)), "{ids:?}");
    let begin = begin(&taken, id);
    inbox.begin(&begin).await.unwrap();
    let finish = Finish::new(key(id), begin.token, end, DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
}

async fn status(inbox: &SqliteInbox, id: &str) -> EntryStatus {
    inbox.lookup(&key(id)).await.unwrap().unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_wait_for_an_order_key_hold_up_no_other_one_however_many() {
    crowds::narrow();
    let folder = Folder::new();
    crowds::hold_up_no_other_event(&inbox(&folder).await).await;
}

#[tokio::test]
async fn who_holds_a_key_what_was_completed_and_what_was_used_outlast_a_restart() {
    let folder = Folder::new();
    let (acme, of) = (Name::new("acme").unwrap(), RateOf::Provider);
    let rate = Rate::new(4, Duration::from_secs(3_600)).unwrap();
    {
        let inbox = inbox(&folder).await;
        assert!(inbox.set_rate(&acme, of, Some(rate)).await.unwrap());
        inbox.accept(&accept_in("newer", 2)).await.unwrap();
        attempt(&inbox, "newer", Verdict::Done).await;
        inbox.accept(&accept_in("none", 9)).await.unwrap();
        let after = Duration::ZERO;
        attempt(&inbox, "none", Verdict::GiveBack { after }).await;
        inbox.accept(&accept_in("older", 1)).await.unwrap();
    }
    let inbox = inbox(&folder).await;
    let rates = inbox.rates().await.unwrap();
    assert_eq!((rates[0].of, rates[0].rate), (of, rate));
    // Of four, two are left: the second one of the key waits for the first, and is then stale.
    attempt(&inbox, "none", Verdict::Done).await;
    assert_eq!(inbox.take(&take(9)).await.unwrap(), []);
    assert_eq!(status(&inbox, "older").await, EntryStatus::Stale);
    for id in ["a", "b"] {
        inbox.accept(&accept(id, id)).await.unwrap();
    }
    assert_eq!(inbox.take(&take(9)).await.unwrap().len(), 1);
    assert_eq!(inbox.take(&take(9)).await.unwrap().len(), 0);
}

/// The tables as the first version made them.
const OLD: &str = "\
DROP TABLE tower_webhook_inbox_order;
DROP TABLE tower_webhook_inbox_rates;
ALTER TABLE tower_webhook_inbox DROP COLUMN order_key;
ALTER TABLE tower_webhook_inbox DROP COLUMN version;
ALTER TABLE tower_webhook_inbox DROP COLUMN order_flags;
UPDATE tower_webhook_schema SET version = 1, works_from = 1 WHERE part = 'inbox'";

#[tokio::test]
async fn a_file_of_the_version_before_goes_on_with_what_it_holds() {
    let folder = Folder::new();
    {
        let inbox = inbox(&folder).await;
        inbox.accept(&accept("old", "old")).await.unwrap();
    }
    let mut beside = folder.beside().await;
    run(&mut beside, OLD).await;
    let inbox = inbox(&folder).await;
    inbox.accept(&accept_in("newer", 2)).await.unwrap();
    inbox.accept(&accept_in("older", 1)).await.unwrap();
    let taken = take(9);
    let ids = inbox.take(&taken).await.unwrap();
    let ids: Vec<_> = ids.iter().map(|it| it.key.to_string()).collect();
    assert_eq!(ids, ["old", "newer"]);
}

#[tokio::test]
async fn what_was_stale_leaves_the_file_with_its_body_and_so_does_its_order_key() {
    let folder = Folder::new();
    let clock = ManualClock::new(UnixTime::from_secs(1_777_899_600));
    let inbox = builder(&folder).clock(clock.clone()).connect();
    let inbox = inbox.await.unwrap();
    inbox.accept(&accept_in("newer", 2)).await.unwrap();
    attempt(&inbox, "newer", Verdict::Done).await;
    inbox.accept(&accept_in("older", 1)).await.unwrap();
    let mut take = take(9);
    take.retention = DAY;
    assert_eq!(inbox.take(&take).await.unwrap(), []);
    let mut conn = folder.beside().await;
    let mut rows = async || {
        let sql = "SELECT (SELECT count(*) FROM tower_webhook_inbox),
                          (SELECT count(*) FROM tower_webhook_inbox_content),
                          (SELECT count(*) FROM tower_webhook_inbox_order)";
        let rows = sqlx::query_as::<_, (i64, i64, i64)>(sql);
        rows.fetch_one(&mut conn).await.unwrap()
    };
    assert_eq!(rows().await, (2, 1, 1));
    clock.advance(DAY + Duration::from_secs(301));
    let begun = std::time::Instant::now();
    while rows().await != (0, 0, 0) {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_or_has_lost_its_content_holds_no_key() {
    let folder = Folder::new();
    let inbox = inbox(&folder).await;
    for (number, id) in ["lost", "unreadable", "forgotten", "next"]
        .iter()
        .enumerate()
    {
        let version = i64::try_from(number).unwrap();
        inbox.accept(&accept_in(id, version)).await.unwrap();
    }
    let mut beside = folder.beside().await;
    let after = Duration::ZERO;
    attempt(&inbox, "lost", Verdict::GiveBack { after }).await;
    run(
        &mut beside,
        "DELETE FROM tower_webhook_inbox_content WHERE id = 1",
    )
    .await;
    attempt(&inbox, "unreadable", Verdict::GiveBack { after }).await;
    let spoil = "UPDATE tower_webhook_inbox SET fingerprint = x'00' WHERE id = ";
    run(&mut beside, &format!("{spoil} 2")).await;
    let taken = inbox.take(&take(9)).await.unwrap();
    let ids: Vec<_> = taken.iter().map(|it| it.key.to_string()).collect();
    assert_eq!(ids, ["forgotten"]);
    assert_eq!(status(&inbox, "lost").await, EntryStatus::Dead);
    run(&mut beside, &format!("{spoil} 3")).await;
    assert!(inbox.forget(&key("forgotten")).await.unwrap());
    attempt(&inbox, "next", Verdict::Done).await;
}
