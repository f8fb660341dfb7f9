//! Replies that are lost although Redis has carried out the command.

use std::sync::atomic::{AtomicU32, Ordering};

use super::support::proxy::{Fault, Proxy};
use super::*;
use crate::event::{Order, OrderKey};
use crate::inbox::Accepted;

/// An inbox behind a proxy, whose scripts Redis already knows.
async fn behind(server: &Server) -> (Proxy, RedisInbox) {
    let proxy = Proxy::before(server.port).await;
    let inbox = builder(proxy.url()).partitions(1).connect().await.unwrap();
    for id in ["a", "b", "c"] {
        let id = &format!("warm {id}");
        inbox.accept(&accept(id, "a")).await.unwrap();
    }
    let take = take(3);
    inbox.take(&take).await.unwrap();
    let begin = begin(&take, "warm a");
    inbox.begin(&begin).await.unwrap();
    let extend = Extend::new(key("warm a"), begin.token, LEASE);
    inbox.extend(&[extend]).await.unwrap();
    let finish = Finish::new(key("warm a"), begin.token, bury(), DAY);
    inbox.finish(&finish).await.unwrap();
    inbox.redrive(&Redrive::new(key("warm a"))).await.unwrap();
    inbox
        .discard(&Discard::new(key("warm a"), DAY))
        .await
        .unwrap();
    for id in ["a", "b", "c"] {
        inbox.forget(&key(&format!("warm {id}"))).await.unwrap();
    }
    (proxy, inbox)
}

/// The next request is carried out, and its reply is lost.
fn cut(proxy: &Proxy) {
    cut_after(proxy, 0);
}

/// The same for the request after this many others.
fn cut_after(proxy: &Proxy, requests: u32) {
    let passed = AtomicU32::new(0);
    proxy.plan(move |_| match passed.fetch_add(1, Ordering::Relaxed) {
        number if number == requests => Fault::CutsAfter,
        _ => Fault::Passes,
    });
}

#[tokio::test]
async fn a_command_whose_reply_is_lost_is_sent_again_and_takes_effect_once() {
    let server = Server::start();
    let (proxy, inbox) = behind(&server).await;
    let event = accept("evt_1", "a");
    cut(&proxy);
    let accepted = inbox.accept(&event).await.unwrap();
    assert_eq!(accepted, Accepted::Duplicate { differs: false });
    // The replies for the rates, the due entries and the take: any of them may be lost.
    for lost in 0..3 {
        let take = take(5);
        cut_after(&proxy, lost);
        let taken = inbox.take(&take).await.unwrap();
        assert_eq!(taken.len(), 1, "{lost}");
        let given_back = Verdict::GiveBack {
            after: Duration::ZERO,
        };
        let finish = Finish::new(key("evt_1"), take.token, given_back, DAY);
        cut(&proxy);
        assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    }
    let take = take(5);
    inbox.take(&take).await.unwrap();
    let begin = begin(&take, "evt_1");
    cut(&proxy);
    let Begun::Granted(grant) = inbox.begin(&begin).await.unwrap() else {
        panic!("it was taken");
    };
    assert_eq!(grant.attempt, 1);
    let extend = Extend::new(key("evt_1"), begin.token, LEASE);
    cut(&proxy);
    assert_eq!(inbox.extend(&[extend]).await.unwrap(), [Held::Held]);
    let finish = Finish::new(key("evt_1"), begin.token, bury(), DAY);
    cut(&proxy);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    let view = inbox.lookup(&key("evt_1")).await.unwrap().unwrap();
    assert_eq!(view.status, EntryStatus::Dead);
    assert_eq!(view.entry.history.iter().count(), 1);
    cut(&proxy);
    assert!(inbox.forget(&key("evt_1")).await.unwrap(), "there was one");
    assert_eq!(inbox.counts().await.unwrap(), Default::default());
}

/// An event of one order key.
fn ordered(id: &str) -> Accept {
    let key = OrderKey::new(["1042"]).unwrap();
    Accept {
        order: Some(Box::new(Order::new(key, None))),
        ..accept(id, id)
    }
}

/// Two events of a key: the first is to be retried in a day, and holds it.
async fn one_holds_back_another(inbox: &RedisInbox) {
    for id in ["evt_1", "evt_2"] {
        inbox.accept(&ordered(id)).await.unwrap();
    }
    let take = take(1);
    inbox.take(&take).await.unwrap();
    let retry = Verdict::Retry {
        after: DAY,
        reason: "down".to_owned(),
    };
    let finish = Finish::new(key("evt_1"), take.token, retry, DAY);
    inbox.finish(&finish).await.unwrap();
}

#[tokio::test]
async fn an_operator_whose_reply_is_lost_is_told_what_came_of_it_all_the_same() {
    let server = Server::start();
    let (proxy, inbox) = behind(&server).await;
    let acme = Name::new("acme").unwrap();
    let (of, rate) = (RateOf::Provider, Rate::new(4, DAY).unwrap());
    // From then on, Redis knows the scripts.
    for paused in [true, false] {
        assert!(inbox.set_paused(&acme, paused).await.unwrap());
    }
    for paused in [true, false] {
        cut(&proxy);
        assert!(inbox.set_paused(&acme, paused).await.unwrap(), "{paused}");
        assert!(!inbox.set_paused(&acme, paused).await.unwrap(), "{paused}");
    }
    for other in [Some(rate), None] {
        assert!(
            inbox
                .set_rate(&acme, RateOf::EachOrderKey, other)
                .await
                .unwrap()
        );
    }
    for rate in [Some(rate), None] {
        cut(&proxy);
        assert!(inbox.set_rate(&acme, of, rate).await.unwrap(), "{rate:?}");
        assert!(!inbox.set_rate(&acme, of, rate).await.unwrap(), "{rate:?}");
    }

    one_holds_back_another(&inbox).await;
    assert!(taken(&inbox, 1).await.is_empty());
    let discard = Discard::new(key("evt_1"), DAY);
    cut(&proxy);
    assert_eq!(inbox.discard(&discard).await.unwrap(), Moved::Done);
    assert_eq!(taken(&inbox, 1).await, ["evt_2"], "its key is free");
    let again = inbox.discard(&discard).await.unwrap();
    assert_eq!(again, Moved::NotFrom(EntryStatus::Discarded));
}

/// As if the process had died before it freed the key.
#[tokio::test]
async fn a_key_that_a_discarded_event_still_holds_is_freed_by_discarding_it_again() {
    let server = Server::start();
    let inbox = super::inbox(&server, 4).await;
    one_holds_back_another(&inbox).await;
    let discard = Discard::new(key("evt_1"), DAY);
    let place = inbox.place(&key("evt_1"));
    let mark = inbox.mark(place.partition).unwrap();
    let call = scripts::discard(&discard, &place, &mark);
    inbox.store.link.call(&call).await.unwrap();
    assert!(taken(&inbox, 1).await.is_empty());
    let again = inbox.discard(&discard).await.unwrap();
    assert_eq!(again, Moved::NotFrom(EntryStatus::Discarded));
    assert_eq!(taken(&inbox, 1).await, ["evt_2"]);
}

#[tokio::test]
async fn what_was_not_used_of_a_rate_is_given_back_once() {
    let server = Server::start();
    let (proxy, inbox) = behind(&server).await;
    let acme = Name::new("acme").unwrap();
    let rate = limited(&inbox, &acme, 4).await;
    assert_eq!(inbox.use_rate(&acme, rate, 9).await.unwrap(), 4);
    cut(&proxy);
    inbox.give_rate_back(&acme, rate, 1).await.unwrap();
    assert_eq!(inbox.use_rate(&acme, rate, 9).await.unwrap(), 1);
    // None of the new rate is used yet.
    let other = Rate::new(5, DAY).unwrap();
    inbox
        .set_rate(&acme, RateOf::Provider, Some(other))
        .await
        .unwrap();
    inbox.give_rate_back(&acme, rate, 1).await.unwrap();
    assert_eq!(inbox.use_rate(&acme, rate, 9).await.unwrap(), 0);
    assert_eq!(inbox.use_rate(&acme, other, 9).await.unwrap(), 5);
}

#[tokio::test]
async fn what_is_taken_by_a_call_that_nobody_heard_of_comes_back_after_its_lease() {
    let server = Server::start();
    let (proxy, inbox) = behind(&server).await;
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    let mut lost = take(1);
    lost.lease = Duration::from_millis(300);
    // The connection stays open, but no reply arrives on it.
    let passed = AtomicU32::new(0);
    proxy.plan(move |_| match passed.fetch_add(1, Ordering::Relaxed) {
        2 => Fault::Stalls,
        _ => Fault::Passes,
    });
    let waited = tokio::time::timeout(Duration::from_secs(1), inbox.take(&lost)).await;
    assert!(waited.is_err(), "{waited:?}");
    let other = super::inbox(&server, 1).await;
    let begun = Instant::now();
    while taken(&other, 1).await.is_empty() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let view = other.lookup(&key("evt_1")).await.unwrap().unwrap();
    assert_eq!((view.entry.attempts, view.entry.deaths), (0, 0));
}
