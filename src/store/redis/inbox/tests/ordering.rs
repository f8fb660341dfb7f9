//! Order keys whose entries are in other slots.

use super::support::Cluster;
use super::*;
use crate::event::{Order, OrderKey, Version};
use crate::store::redis::inbox::order_kept::OrderOutcome;
use crate::store::redis::inbox::place::order_hash;

fn ordered(id: &str, version: i64) -> Accept {
    let key = OrderKey::new(["1042"]).unwrap();
    Accept {
        order: Some(Box::new(Order::new(key, Some(Version::new(version))))),
        ..accept(id, id)
    }
}

fn hash() -> [u8; 16] {
    order_hash(&route(), &OrderKey::new(["1042"]).unwrap())
}

/// Makes the hold of the order key old enough to be verified.
fn age(server: &Server, inbox: &RedisInbox) {
    let place = place::OrderPlace::of(&inbox.store.layout, &hash());
    assert_eq!(server.ask(&["HEXISTS", &place.key, "s"]), "1");
    server.ask(&["HSET", &place.key, "s", "1"]);
}

#[tokio::test]
async fn a_hold_that_a_worker_left_before_it_took_its_entry_is_freed() {
    let server = Server::start();
    let inbox = inbox(&server, 16).await;
    for (id, version) in [("evt_1", 1), ("evt_2", 2)] {
        inbox.accept(&ordered(id, version)).await.unwrap();
    }
    let token = Token::random().unwrap();
    let hold = OrderCommand::hold(hash(), &inbox.place(&key("evt_2")), token, None);
    let held = inbox.ask_orders(&[hold]).await.unwrap();
    assert_eq!(held[0].as_ref().unwrap().outcome, OrderOutcome::Held);
    // Any worker may take the holder; the other waits while the hold is too recent to be verified.
    assert_eq!(taken(&inbox, 5).await, ["evt_2"]);
    inbox.forget(&key("evt_2")).await.unwrap();
    let absent = OrderCommand::hold(hash(), &inbox.place(&key("evt_3")), token, None);
    inbox.ask_orders(&[absent]).await.unwrap();
    assert!(taken(&inbox, 5).await.is_empty());
    age(&server, &inbox);
    assert_eq!(taken(&inbox, 5).await, ["evt_1"]);
}

#[tokio::test]
async fn a_version_whose_worker_died_before_it_was_written_counts_all_the_same() {
    let server = Server::start();
    let inbox = inbox(&server, 16).await;
    inbox.accept(&ordered("new", 2)).await.unwrap();
    let take = take(5);
    inbox.take(&take).await.unwrap();
    let begin = begin(&take, "new");
    inbox.begin(&begin).await.unwrap();
    // Ends it without freeing its key.
    let finish = Finish::new(key("new"), begin.token, Verdict::Done, DAY);
    let call = scripts::finish(&finish, &inbox.place(&key("new")));
    inbox.store.link.call(&call).await.unwrap();
    for (id, version) in [("old", 1), ("newer", 3)] {
        inbox.accept(&ordered(id, version)).await.unwrap();
    }
    assert!(taken(&inbox, 5).await.is_empty());
    age(&server, &inbox);
    assert_eq!(taken(&inbox, 5).await, ["newer"]);
    let old = inbox.lookup(&key("old")).await.unwrap().unwrap();
    assert_eq!(old.status, EntryStatus::Stale);
}

#[tokio::test]
async fn a_hold_that_stands_is_not_taken_for_an_abandoned_one() {
    let server = Server::start();
    let inbox = inbox(&server, 16).await;
    for (id, version) in [("evt_1", 1), ("evt_2", 2)] {
        inbox.accept(&ordered(id, version)).await.unwrap();
    }
    let take = take(5);
    assert_eq!(inbox.take(&take).await.unwrap().len(), 1);
    let retry = Verdict::Retry {
        after: DAY,
        reason: "down".to_owned(),
    };
    age(&server, &inbox);
    assert!(taken(&inbox, 5).await.is_empty(), "it runs");
    let finish = Finish::new(key("evt_1"), take.token, retry, DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    assert!(taken(&inbox, 5).await.is_empty(), "it is tried again");
    inbox
        .discard(&Discard::new(key("evt_1"), DAY))
        .await
        .unwrap();
    assert_eq!(taken(&inbox, 5).await, ["evt_2"]);
}

#[tokio::test]
async fn a_key_that_was_left_behind_is_freed_by_a_worker_that_has_enough_to_do_too() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    inbox.accept(&ordered("evt_1", 1)).await.unwrap();
    let token = Token::random().unwrap();
    let absent = OrderCommand::hold(hash(), &inbox.place(&key("gone")), token, None);
    inbox.ask_orders(&[absent]).await.unwrap();
    age(&server, &inbox);
    for id in ["free_1", "free_2", "free_3"] {
        inbox.accept(&accept(id, "a")).await.unwrap();
    }
    assert_eq!(taken(&inbox, 1).await, ["free_1"]);
    assert_eq!(taken(&inbox, 1).await, ["evt_1"]);
}

#[tokio::test]
async fn a_key_that_is_freed_late_is_not_taken_from_who_has_it_by_then() {
    let server = Server::start();
    let inbox = inbox(&server, 16).await;
    for (id, version) in [("evt_1", 1), ("evt_2", 2)] {
        inbox.accept(&ordered(id, version)).await.unwrap();
    }
    let take = take(5);
    inbox.take(&take).await.unwrap();
    let begin = begin(&take, "evt_1");
    inbox.begin(&begin).await.unwrap();
    let place = inbox.place(&key("evt_1"));
    let sent = Instant::now();
    let finish = Finish::new(key("evt_1"), begin.token, bury(), DAY);
    let call = scripts::finish(&finish, &place);
    inbox.store.link.call(&call).await.unwrap();
    // Before its key is freed, the event is redriven and runs again.
    inbox.redrive(&Redrive::new(key("evt_1"))).await.unwrap();
    assert_eq!(taken(&inbox, 5).await, ["evt_1"]);
    let free = OrderCommand::free(hash(), &place).ended_after(sent);
    inbox.free_orders(&[free]).await;
    assert!(taken(&inbox, 5).await.is_empty(), "two of one key");
}

#[tokio::test]
async fn a_hold_that_another_worker_has_taken_over_is_not_freed() {
    let server = Server::start();
    let inbox = inbox(&server, 16).await;
    let place = inbox.place(&key("evt_1"));
    inbox.accept(&ordered("evt_1", 1)).await.unwrap();
    let hold = || OrderCommand::hold(hash(), &place, Token::random().unwrap(), None);
    let read = async || {
        let kept = inbox.ask_orders(&[OrderCommand::read(hash())]).await;
        kept.unwrap().remove(0).unwrap()
    };
    inbox.ask_orders(&[hold()]).await.unwrap();
    age(&server, &inbox);
    let seen = read().await;
    // Another worker is about to take the entry of a dead one.
    inbox.ask_orders(&[hold()]).await.unwrap();
    for seen in [seen, read().await] {
        let held_back = std::collections::HashMap::from([(hash(), seen)]);
        let turn = turn::Turn::default();
        inbox.free_abandoned(&held_back, &turn).await;
        assert_eq!(read().await.holder, Some(place.id()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_that_are_held_back_stop_no_other() {
    let server = Server::start();
    let inbox = inbox(&server, 4).await;
    for some in (0..3_000).collect::<Vec<_>>().chunks(250) {
        let accepts: Vec<_> = (some.iter())
            .map(|it| ordered(&format!("evt_{it:04}"), *it))
            .collect();
        join_all(accepts.iter().map(|it| inbox.accept(it))).await;
    }
    inbox.accept(&accept("free", "a")).await.unwrap();
    let first = taken(&inbox, 5).await;
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(first.contains(&"free".to_owned()), "{first:?}");
    assert!(taken(&inbox, 5).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_more_than_one_look_passes_over_the_next_one_goes_on() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    for some in (0..20_300).collect::<Vec<_>>().chunks(250) {
        let accepts: Vec<_> = (some.iter())
            .map(|it| ordered(&format!("evt_{it:05}"), *it))
            .collect();
        join_all(accepts.iter().map(|it| inbox.accept(it))).await;
    }
    inbox.accept(&accept("free", "a")).await.unwrap();
    let mut ids = taken(&inbox, 5).await;
    for _ in 0..2 {
        ids.extend(taken(&inbox, 5).await);
    }
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(ids.contains(&"free".to_owned()), "{ids:?}");
}

/// The older of two events of a key is among many held back, and the newer one comes after them.
#[tokio::test(flavor = "multi_thread")]
async fn where_a_look_goes_on_behind_so_many_no_newer_event_of_a_key_runs_first() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    let of_key = |id: &str, key: &str, version| {
        let key = OrderKey::new([key]).unwrap();
        Accept {
            order: Some(Box::new(Order::new(key, Some(Version::new(version))))),
            ..accept(id, id)
        }
    };
    inbox.accept(&of_key("first", "few", 0)).await.unwrap();
    inbox.accept(&of_key("many", "many", 0)).await.unwrap();
    let take = take(2);
    assert_eq!(inbox.take(&take).await.unwrap().len(), 2);
    for some in (1..20_751).collect::<Vec<_>>().chunks(250) {
        let accepts: Vec<_> = (some.iter())
            .map(|it| of_key(&format!("many_{it:05}"), "many", *it))
            .collect();
        join_all(accepts.iter().map(|it| inbox.accept(it))).await;
        if some.contains(&500) {
            // After the entries that each scan sees.
            inbox.accept(&of_key("older", "few", 1)).await.unwrap();
        }
    }
    inbox.accept(&of_key("newer", "few", 2)).await.unwrap();
    // It ends once it has passed over this many.
    assert!(taken(&inbox, 1).await.is_empty());
    let finish = Finish::new(key("first"), take.token, Verdict::Done, DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.extend(taken(&inbox, 1).await);
    }
    assert_eq!(ids, ["older"]);
}

/// Workers of a cluster run 200 orders of 5 versions each: no two of one order at a time, in rising versions.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_the_events_of_one_thing_run_one_at_a_time_and_in_rising_versions() {
    let cluster = Cluster::of(3, &[]);
    let connect = async || {
        builder(cluster.url())
            .partitions(24)
            .connect()
            .await
            .unwrap()
    };
    let (first, second) = (connect().await, connect().await);
    let mut accepts = Vec::new();
    for number in 0..200_i64 {
        for version in 0..5 {
            // Shuffled, with a different order for each key.
            let version = (version * (number % 4 + 1) + number) % 5;
            let key = OrderKey::new([number.to_string()]).unwrap();
            let order = Order::new(key, Some(Version::new(version)));
            let mut accept = accept(&format!("{number}_{version}"), "a");
            accept.order = Some(Box::new(order));
            accepts.push(accept);
        }
    }
    for some in accepts.chunks(100) {
        join_all(some.iter().map(|it| first.accept(it))).await;
    }
    let applied = std::sync::Mutex::new(std::collections::HashMap::<String, (bool, String)>::new());
    let note = |id: &str, opens: bool| {
        let (order, version) = id.split_once('_').unwrap();
        let mut applied = applied.lock().unwrap();
        let (is_open, newest) = applied.entry(order.to_owned()).or_default();
        assert_ne!(*is_open, opens, "two of order {order} at once");
        *is_open = opens;
        assert!(version >= newest.as_str(), "{id} after {newest}");
        *newest = version.to_owned();
    };
    let work = async |inbox: &RedisInbox| {
        let mut idle = 0;
        while idle < 3 {
            let take = take(32);
            let taken = inbox.take(&take).await.unwrap();
            idle = if taken.is_empty() { idle + 1 } else { 0 };
            let run = async |key: EventKey| {
                let begin = Begin::new(key.clone(), take.token, Token::random().unwrap(), LEASE);
                assert!(matches!(
                    inbox.begin(&begin).await.unwrap(),
                    Begun::Granted(_)
                ));
                note(&key.to_string(), true);
                tokio::task::yield_now().await;
                note(&key.to_string(), false);
                let finish = Finish::new(key, begin.token, Verdict::Done, DAY);
                assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
            };
            join_all(taken.into_iter().map(|it| run(it.key))).await;
        }
    };
    tokio::join!(work(&first), work(&second));
    let counts = first.counts().await.unwrap();
    assert_eq!((counts.done + counts.stale, counts.queued), (1_000, 0));
    let newest = applied.lock().unwrap();
    assert_eq!(newest.len(), 200);
    assert!(
        newest
            .values()
            .all(|(is_open, newest)| !is_open && newest == "4")
    );
}

/// A scan sees the first few entries of each partition: the older event comes after others in one partition,
/// while the newer one is the first in another.
#[tokio::test]
async fn of_two_events_of_a_key_the_one_that_was_due_first_runs_first_wherever_they_stand() {
    let server = Server::start();
    let inbox = inbox(&server, 16).await;
    let in_partition = |id: &String, zero: bool| (inbox.place(&key(id)).partition == 0) == zero;
    let ids = |zero: bool| {
        let ids = (0..1_000).map(|number| format!("evt_{number}"));
        ids.filter(move |id| in_partition(id, zero))
    };
    let [before, beside, older] =
        <[_; 3]>::try_from(ids(true).take(3).collect::<Vec<_>>()).unwrap();
    let newer = ids(false).next().unwrap();
    inbox.accept(&accept(&before, "a")).await.unwrap();
    inbox.accept(&accept(&beside, "a")).await.unwrap();
    inbox.accept(&ordered(&older, 1)).await.unwrap();
    inbox.accept(&ordered(&newer, 2)).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..2 {
        all.extend(taken(&inbox, 3).await);
    }
    assert_eq!(all, [before, beside, older]);
}

/// As for a server that is started by hand in a terminal: Lua compares strings by the locale's sort order.
#[tokio::test]
async fn versions_are_compared_as_numbers_whatever_the_locale_of_the_server() {
    let server = Server::in_locale("de_DE.utf8");
    let sorts_words = server.ask(&["EVAL", "return tostring('a' < 'B')", "0"]);
    assert_eq!(sorts_words, "true", "scripts/test makes this locale");
    let inbox = inbox(&server, 4).await;
    let [older, between, newer] = [b'B', b'P', b'a'].map(i64::from);
    for version in [older, newer] {
        let id = version.to_string();
        inbox.accept(&ordered(&id, version)).await.unwrap();
        let take = take(1);
        assert_eq!(inbox.take(&take).await.unwrap().len(), 1);
        let finish = Finish::new(key(&id), take.token, Verdict::Done, DAY);
        assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    }
    inbox.accept(&ordered("between", between)).await.unwrap();
    assert_eq!(taken(&inbox, 1).await, [""; 0]);
    let view = inbox.lookup(&key("between")).await.unwrap().unwrap();
    assert_eq!(view.status, EntryStatus::Stale);
}
