use bytes::Bytes;

use super::*;
use crate::clock::ManualClock;
use crate::event::{EventKey, Fingerprint, Order, OrderKey, Version};
use crate::inbox::{Accept, Accepted, Begin, Content, Finish, MemoryInbox, Route, Take, Verdict};
use crate::store::{Held, Token};

const DAY: Duration = Duration::from_secs(86_400);

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(1_777_899_600 + secs)
}

fn key(provider: &str, id: u32) -> EventKey {
    EventKey::new(Name::new(provider.to_owned()).unwrap(), [id.to_string()]).unwrap()
}

fn accept(key: &EventKey) -> Accept {
    Accept {
        key: key.clone(),
        route: Route::parse(key.provider().as_str()).unwrap(),
        fingerprint: Fingerprint::of(b"a"),
        has_own_id: false,
        order: None,
        content: Content::new(Bytes::new(), Bytes::from_static(b"a")),
        revive_every: Duration::ZERO,
        was_held: false,
    }
}

async fn attempt(inbox: &MemoryInbox, key: &EventKey, end: Verdict) {
    let token = || Token::random().unwrap();
    let route = Route::parse(key.provider().as_str()).unwrap();
    let take = Take::new(vec![route], token(), 1, DAY);
    assert_eq!(inbox.take(&take).await.unwrap()[0].key, *key);
    let begin = Begin::new(key.clone(), take.token, token(), DAY);
    inbox.begin(&begin).await.unwrap();
    let finish = Finish::new(key.clone(), begin.token, end, DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
}

async fn dies(inbox: &MemoryInbox, key: &EventKey, reason: &str) {
    let reason = reason.to_owned();
    attempt(inbox, key, Verdict::Bury { reason }).await;
}

async fn dead(inbox: &MemoryInbox, provider: &str, ids: std::ops::Range<u32>, reason: &str) {
    for id in ids {
        let key = key(provider, id);
        assert_eq!(inbox.accept(&accept(&key)).await.unwrap(), Accepted::Queued);
        dies(inbox, &key, reason).await;
    }
}

async fn listed(inbox: &MemoryInbox, letters: &DeadLetters) -> usize {
    letters.list(inbox).await.unwrap().len()
}

#[tokio::test]
async fn those_are_meant_that_the_filter_names() {
    let clock = ManualClock::new(at(0));
    let inbox = MemoryInbox::with_clock(clock.clone());
    dead(&inbox, "acme", 0..600, "the ledger is closed: retry").await;
    clock.set(at(60));
    dead(&inbox, "acme", 600..605, "no such account").await;
    dead(&inbox, "shop", 0..3, "the ledger is closed").await;

    let all = DeadLetters::new;
    let acme = || all().provider(Name::new("acme").unwrap());
    assert_eq!(listed(&inbox, &all()).await, 608);
    assert_eq!(listed(&inbox, &acme()).await, 605);
    assert_eq!(listed(&inbox, &all().reason("ledger is closed")).await, 603);
    assert_eq!(listed(&inbox, &acme().reason("account")).await, 5);
    assert_eq!(listed(&inbox, &all().since(at(60))).await, 8);
    assert_eq!(listed(&inbox, &all().since(at(61))).await, 0);
    assert_eq!(listed(&inbox, &all().before(at(60))).await, 600);
    assert_eq!(listed(&inbox, &all().limit(501)).await, 501);
    assert_eq!(listed(&inbox, &all().limit(0)).await, 0);
}

#[tokio::test]
async fn many_are_redriven_with_fresh_attempts_one_after_the_other() {
    let clock = ManualClock::new(at(0));
    let inbox = MemoryInbox::with_clock(clock.clone());
    dead(&inbox, "acme", 0..200, "the ledger is closed").await;
    dead(&inbox, "acme", 200..202, "no such account").await;
    let letters = DeadLetters::new().reason("the ledger");
    let moved = letters.redrive(&inbox, Duration::from_secs(100)).await;
    let expected = ManyMoved {
        done: 200,
        ..ManyMoved::default()
    };
    assert_eq!(moved.unwrap(), expected);
    let counts = inbox.counts().await.unwrap();
    assert_eq!((counts.queued, counts.dead), (200, 2));
    let queued = inbox.list(&List::of(EntryStatus::Queued).limit(300)).await;
    let mut dues: Vec<_> = (queued.unwrap().iter())
        .map(|view| {
            assert_eq!(
                (view.entry.attempts, view.entry.history.iter().count()),
                (0, 1)
            );
            view.entry
                .due()
                .unwrap()
                .saturating_since(at(0))
                .as_millis()
        })
        .collect();
    dues.sort_unstable();
    let expected: Vec<_> = (0..200).map(|number| number * 500).collect();
    assert_eq!(dues, expected);
    // There is nothing left to do.
    let again = letters.redrive(&inbox, Duration::ZERO).await.unwrap();
    assert_eq!(again, ManyMoved::default());
}

#[tokio::test]
async fn what_is_alive_or_has_died_anew_since_it_was_listed_is_left_alone() {
    let clock = ManualClock::new(at(0));
    let inbox = MemoryInbox::with_clock(clock.clone());
    dead(&inbox, "acme", 0..1, "the ledger is closed").await;
    let key = key("acme", 0);
    let listed = died_at(&DeadLetters::new().list(&inbox).await.unwrap()[0]);
    let discard = Discard {
        if_dead_since: listed,
        ..Discard::new(key.clone(), DAY)
    };
    let redrive = Redrive {
        if_dead_since: listed,
        ..Redrive::new(key.clone())
    };
    // A delivery revives it.
    inbox.accept(&accept(&key)).await.unwrap();
    let queued = Moved::NotFrom(EntryStatus::Queued);
    assert_eq!(inbox.discard(&discard).await.unwrap(), queued);
    assert_eq!(inbox.redrive(&redrive).await.unwrap(), queued);
    clock.set(at(1));
    dies(&inbox, &key, "no such account").await;
    let dead = Moved::NotFrom(EntryStatus::Dead);
    assert_eq!(inbox.discard(&discard).await.unwrap(), dead);
    assert_eq!(inbox.redrive(&redrive).await.unwrap(), dead);
    let moved = DeadLetters::new().discard(&inbox, DAY).await.unwrap();
    assert_eq!(moved.done, 1);
    assert_eq!(inbox.counts().await.unwrap().discarded, 1);
}

#[tokio::test]
async fn what_was_overtaken_is_counted_and_runs_by_force() {
    let inbox = MemoryInbox::with_clock(ManualClock::new(at(0)));
    let in_order = |id: u32, version| {
        let key = key("acme", id);
        let order = Order::new(
            OrderKey::new(["1042"]).unwrap(),
            Some(Version::new(version)),
        );
        let order = Some(Box::new(order));
        Accept {
            order,
            ..accept(&key)
        }
    };
    inbox.accept(&in_order(1, 1)).await.unwrap();
    dies(&inbox, &key("acme", 1), "the ledger is closed").await;
    inbox.accept(&in_order(2, 2)).await.unwrap();
    attempt(&inbox, &key("acme", 2), Verdict::Done).await;
    let letters = DeadLetters::new();
    let moved = letters.redrive(&inbox, Duration::ZERO).await.unwrap();
    assert_eq!((moved.done, moved.stale), (0, 1));
    let moved = letters.force().redrive(&inbox, Duration::ZERO).await;
    assert_eq!(moved.unwrap().done, 1);
}
