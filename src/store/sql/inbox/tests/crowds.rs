//! An order key with more waiting events than a scan goes through.

use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::future::join_all;

use super::*;
use crate::event::{Order, OrderKey, Version};
use crate::inbox::{Finish, Verdict};
use crate::store::command::Held;
use crate::store::sql::inbox::crowds::NARROW;

const WAITING: i64 = 400;
/// How many of them are taken.
const NEXT: i64 = 5;
/// The machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes every scan from now on count as slow, and go through few entries.
pub(in crate::store) fn narrow() {
    NARROW.store(true, Ordering::Relaxed);
}

fn accept_in(id: i64) -> Accept {
    let (key, id_text) = (OrderKey::new(["1042"]).unwrap(), id.to_string());
    let order = Order::new(key, Some(Version::new(id)));
    Accept {
        order: Some(Box::new(order)),
        ..accept(&id_text, &id_text)
    }
}

/// The next entry that is taken, and its take. Waiting ends at once while there is more to go through.
async fn next(inbox: &impl Inbox) -> (EventKey, Take) {
    let begun = Instant::now();
    loop {
        let take = take(8);
        let taken = inbox.take(&take).await.unwrap();
        assert!(taken.len() < 2, "two of one order key, or one twice");
        if let [taken] = &*taken {
            return (taken.key.clone(), take);
        }
        inbox.wait(PATIENCE).await;
        assert!(begun.elapsed() < PATIENCE);
    }
}

async fn end(inbox: &impl Inbox, id: &str, take: &Take) {
    let begin = begin(take, id);
    inbox.begin(&begin).await.unwrap();
    let finish = Finish::new(key(id), begin.token, Verdict::Done, DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
}

/// Entries that wait for a held key are passed over in parts; the next one of that key comes first.
pub(in crate::store) async fn hold_up_no_other_event(inbox: &impl Inbox) {
    inbox.accept(&accept_in(0)).await.unwrap();
    let (first, mut taken) = next(inbox).await;
    assert_eq!(first, key("0"));
    // The next ones, in order; those after them may be taken in any order.
    for id in 1..=NEXT {
        inbox.accept(&accept_in(id)).await.unwrap();
    }
    let waiting: Vec<_> = (NEXT + 1..=WAITING).map(accept_in).collect();
    for accepts in waiting.chunks(100) {
        let accepted = join_all(accepts.iter().map(|it| inbox.accept(it))).await;
        assert!(
            accepted
                .into_iter()
                .all(|it| it.unwrap() == Accepted::Queued)
        );
    }
    inbox.accept(&accept("other", "other")).await.unwrap();
    let (other, _) = next(inbox).await;
    assert_eq!(other, key("other"));
    for id in 0..NEXT {
        end(inbox, &id.to_string(), &taken).await;
        let (behind, take) = next(inbox).await;
        assert_eq!(behind, key(&(id + 1).to_string()));
        taken = take;
    }
}
