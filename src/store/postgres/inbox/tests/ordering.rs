//! What is about the same thing, and what its table of order keys says.

use super::*;
use crate::event::{Order as EventOrder, OrderKey, Version};
use crate::inbox::Accept;

fn accept_in(id: &str, version: i64) -> Accept {
    let key = OrderKey::new(["1042"]).unwrap();
    let order = EventOrder::new(key, Some(Version::new(version)));
    Accept {
        order: Some(Box::new(order)),
        ..accept(id, id)
    }
}

/// A sender that sends its past again: a take goes by what it can in its time, and the next one goes on there.
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
        // There is more: nobody waits for word of it.
        inbox.wait(PATIENCE).await;
    }
    assert_eq!(inbox.counts().await.unwrap().stale, u64::from(STALE));
}
