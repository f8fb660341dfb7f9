//! Events that concern the same thing, and their table of order keys.

use tokio::time::timeout;

use super::told::until_it_hears;
use super::*;
use crate::event::{Order as EventOrder, OrderKey, Version};
use crate::inbox::Accept;
use crate::store::command::{Complete, StoredResponse};
use crate::store::sql::inbox::OrderAt;
use crate::store::sql::inbox::tests::crowds;
use crate::store::transaction::{Finished, Ticket};

pub(super) fn accept_in(id: &str, version: i64) -> Accept {
    let key = OrderKey::new(["1042"]).unwrap();
    let order = EventOrder::new(key, Some(Version::new(version)));
    Accept {
        order: Some(Box::new(order)),
        ..accept(id, id)
    }
}

/// A sender repeats past events: a take skips as many as it can in time, and the next one continues.
#[tokio::test(flavor = "multi_thread")]
async fn more_stale_events_than_one_take_can_skip_hold_up_no_other_one() {
    const STALE: u32 = 1_500;
    let server = Postgres::start();
    let inbox = PostgresInbox::builder(server.url()).migrate();
    let inbox = inbox.connect().await.unwrap();
    inbox.accept(&accept_in("newest", 2)).await.unwrap();
    let taken = take(1);
    inbox.take(&taken).await.unwrap();
    let begin = begin(&taken, "newest");
    inbox.begin(&begin).await.unwrap();
    let finish = Finish::new(key("newest"), begin.token, Verdict::Done, DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    let stale: Vec<_> = (0..STALE).map(|it| accept_in(&it.to_string(), 1)).collect();
    for accepts in stale.chunks(100) {
        let accepted = join_all(accepts.iter().map(|it| inbox.accept(it))).await;
        for outcome in accepted {
            assert_eq!(outcome.unwrap(), Accepted::Queued);
        }
    }
    inbox.accept(&accept("other", "other")).await.unwrap();
    let begun = std::time::Instant::now();
    loop {
        let taken = inbox.take(&take(1)).await.unwrap();
        if let Some(taken) = taken.first() {
            assert_eq!(taken.key, key("other"));
            break;
        }
        assert!(begun.elapsed() < PATIENCE);
        // There is more, so no take waits for a notification.
        inbox.wait(PATIENCE).await;
    }
    assert_eq!(inbox.counts().await.unwrap().stale, u64::from(STALE));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_wait_for_an_order_key_hold_up_no_other_one_however_many() {
    crowds::narrow();
    let server = Postgres::start();
    crowds::hold_up_no_other_event(&inbox(&server).await).await;
}

/// A plain command notifies by itself; without that, the other event would wait for the next poll.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_when_a_transaction_has_freed_an_order_key() {
    const EVER: Duration = Duration::from_secs(60);
    let server = Postgres::start();
    let pool = sqlx::PgPool::connect(&server.url()).await.unwrap();
    let inbox = PostgresInbox::on_pool(pool).deadline(PATIENCE).migrate();
    let inbox = inbox.connect().await.unwrap();
    for (id, version) in [("first", 1), ("second", 2)] {
        inbox.accept(&accept_in(id, version)).await.unwrap();
    }
    let taken = take(9);
    assert_eq!(inbox.take(&taken).await.unwrap().len(), 1);
    let begin = begin(&taken, "first");
    let begun = inbox.begin(&begin).await.unwrap();
    let Begun::Granted(grant) = begun else {
        panic!("{begun:?}");
    };
    // Until it relies on notifications, and none is left to arrive.
    let news = &inbox.server.database.commands().news;
    let quiet = Duration::from_secs(1);
    loop {
        let asked = std::time::Instant::now();
        inbox.wait(quiet).await;
        if news.hears() && asked.elapsed() >= quiet {
            break;
        }
    }
    let ticket = Ticket {
        key: key("first"),
        token: begin.token,
        attempt: grant.attempt,
        lease: begin.lease,
    };
    let transactions = inbox.transactions().unwrap();
    let transactions = transactions.source::<sqlx::PgConnection>().unwrap();
    let open = transactions.begin(ticket).await.unwrap();
    let response = StoredResponse::new(200);
    let fingerprint = accept_in("first", 1).fingerprint;
    let complete = Complete::new(key("first"), begin.token, grant, fingerprint, response, DAY);
    let finished = open.finish(complete).await;
    assert!(
        matches!(finished, Finished::Ended(Held::Held)),
        "{finished:?}"
    );
    let asked = std::time::Instant::now();
    inbox.wait(EVER).await;
    assert!(asked.elapsed() < EVER / 2);
    let next = inbox.take(&take(9)).await.unwrap();
    assert_eq!(next.first().map(|it| &it.key), Some(&key("second")));
}

/// Two takes at once may block each other, and take nothing: the one that could not lock the key scans again,
/// because the other one notifies nobody.
#[tokio::test(flavor = "multi_thread")]
async fn who_finds_an_order_key_locked_does_not_wait_for_its_next_look() {
    /// A wait that returns earlier was notified.
    const EVER: Duration = Duration::from_secs(10);
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    inbox.accept(&accept_in("evt_1", 1)).await.unwrap();
    until_it_hears(&inbox).await;
    // The notification of the event itself.
    while timeout(Duration::from_millis(200), inbox.wait(EVER))
        .await
        .is_ok()
    {}
    let at = OrderAt {
        namespace: "default".to_owned(),
        route: "acme".to_owned(),
        key: server.ask("SELECT order_key FROM tower_webhook_inbox"),
    };
    let lock = order_keys::lock_of(&inbox.server.database.commands().statements, &at);
    let mut other = server.session(&format!(
        "BEGIN;\nSELECT pg_advisory_xact_lock({lock});\n\\echo locked"
    ));
    other.says("locked");
    assert!(inbox.take(&take(1)).await.unwrap().is_empty());
    let begun = std::time::Instant::now();
    inbox.wait(EVER).await;
    assert!(begun.elapsed() < EVER);
}
