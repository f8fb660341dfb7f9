//! Scans that serve several takes, and commands that go together.

use super::super::super::tests::calls::calls;
use super::support::Cluster;
use super::*;
use crate::event::{Order, OrderKey};

fn scripts_called(server: &Server) -> usize {
    calls([server], "evalsha") + calls([server], "eval")
}

/// Loads these scripts first, so that each call is counted once.
async fn warm(server: &Server, partitions: u32) -> RedisInbox {
    for code in [
        code::ACCEPT,
        code::PEEK,
        code::TAKE,
        code::BEGIN,
        code::FINISH,
        code::ORDER,
        code::EACH,
    ] {
        server.ask(&["SCRIPT", "LOAD", code]);
    }
    inbox(server, partitions).await
}

async fn accept_all(inbox: &RedisInbox, events: usize) {
    for number in 0..events {
        let accept = accept(&format!("evt_{number}"), "a");
        inbox.accept(&accept).await.unwrap();
    }
}

fn beginnings(take: &Take, keys: &[EventKey]) -> Vec<Begin> {
    let begin = |key: &EventKey| {
        let token = Token::random().unwrap();
        Begin::new(key.clone(), take.token, token, LEASE)
    };
    keys.iter().map(begin).collect()
}

fn done(begin: &Begin) -> Finish {
    Finish::new(begin.key.clone(), begin.token, Verdict::Done, DAY)
}

async fn keys_taken(inbox: &RedisInbox, take: &Take) -> Vec<EventKey> {
    let taken = inbox.take(take).await.unwrap();
    taken.into_iter().map(|it| it.key).collect()
}

#[tokio::test]
async fn takes_that_wait_are_served_by_one_look() {
    let server = Server::start();
    let inbox = warm(&server, 256).await;
    accept_all(&inbox, 64).await;
    let before = scripts_called(&server);
    let takes: Vec<_> = (0..16).map(|_| take(4)).collect();
    let taken = join_all(takes.iter().map(|it| keys_taken(&inbox, it))).await;
    let all: std::collections::BTreeSet<_> =
        taken.iter().flatten().map(EventKey::encoded).collect();
    assert_eq!(all.len(), 64, "each is taken once");
    // One scan, in seven calls at most, and a call for each take. A busy machine may need more scans.
    let asked = scripts_called(&server) - before;
    assert!(asked <= 16 + 4 * 7, "{asked} calls for 16 takes");
}

#[tokio::test]
async fn what_one_look_has_found_is_taken_in_the_order_in_which_it_is_due() {
    let server = Server::start();
    let inbox = warm(&server, 16).await;
    accept_all(&inbox, 60).await;
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.extend(taken(&inbox, 2).await);
    }
    let expected: Vec<_> = (0..60).map(|number| format!("evt_{number}")).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn what_has_changed_since_a_look_is_not_taken_as_it_was() {
    let server = Server::start();
    let (inbox, other) = (warm(&server, 4).await, super::inbox(&server, 4).await);
    accept_all(&inbox, 8).await;
    assert_eq!(taken(&inbox, 1).await, ["evt_0"]);
    // Another process takes, discards and pauses.
    assert_eq!(taken(&other, 1).await, ["evt_1"]);
    let moved = other
        .discard(&Discard::new(key("evt_2"), DAY))
        .await
        .unwrap();
    assert_eq!(moved, Moved::Done);
    assert_eq!(taken(&inbox, 1).await, ["evt_3"]);
    let acme = Name::new("acme").unwrap();
    other.set_paused(&acme, true).await.unwrap();
    assert!(taken(&inbox, 1).await.is_empty());
    other.set_paused(&acme, false).await.unwrap();
    assert_eq!(taken(&inbox, 1).await, ["evt_4"]);
}

#[tokio::test]
async fn the_next_of_an_order_key_is_taken_without_another_look() {
    let server = Server::start();
    let inbox = warm(&server, 8).await;
    for number in 0..6 {
        let mut accept = accept(&format!("evt_{number}"), "a");
        if number < 3 {
            let key = OrderKey::new(["account"]).unwrap();
            accept.order = Some(Box::new(Order::new(key, None)));
        }
        inbox.accept(&accept).await.unwrap();
    }
    let mut ids = Vec::new();
    for _ in 0..6 {
        let take = take(1);
        let keys = keys_taken(&inbox, &take).await;
        for begin in beginnings(&take, &keys) {
            inbox.begin(&begin).await.unwrap();
            inbox.finish(&done(&begin)).await.unwrap();
            ids.push(begin.key.to_string());
        }
    }
    let expected: Vec<_> = (0..6).map(|number| format!("evt_{number}")).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn beginnings_and_ends_that_come_at_once_take_few_calls() {
    let server = Server::start();
    let inbox = warm(&server, 256).await;
    accept_all(&inbox, 200).await;
    let take = take(200);
    let keys = keys_taken(&inbox, &take).await;
    let all = beginnings(&take, &keys);
    let before = scripts_called(&server);
    let begun = join_all(all.iter().map(|it| inbox.begin(it))).await;
    assert_eq!(begun.len(), 200);
    assert!(begun.iter().all(|it| matches!(it, Ok(Begun::Granted(_)))));
    // Two at once, and the others in calls of at most 128.
    let asked = scripts_called(&server) - before;
    assert!(asked <= 2 + 2, "{asked} calls for 200 beginnings");
    let ends: Vec<_> = all.iter().map(done).collect();
    let held = join_all(ends.iter().map(|it| inbox.finish(it))).await;
    assert!(held.iter().all(|it| matches!(it, Ok(Held::Held))));
    let asked = scripts_called(&server) - before - asked;
    assert!(asked <= 2 + 2, "{asked} calls for 200 ends");
    assert_eq!(inbox.counts().await.unwrap().done, 200);
}

#[tokio::test]
async fn what_is_wrong_with_one_is_told_to_it_alone() {
    let server = Server::start();
    let inbox = warm(&server, 16).await;
    accept_all(&inbox, 8).await;
    let take = take(8);
    let mut keys = keys_taken(&inbox, &take).await;
    keys.sort_by_key(EventKey::encoded);
    // At positions after the commands that go alone.
    let broken = inbox.place(&keys[3]).entry;
    server.ask(&["DEL", &broken]);
    server.ask(&["LPUSH", &broken, "no string"]);
    assert!(inbox.forget(&keys[4]).await.unwrap());
    let all = beginnings(&take, &keys);
    let before = scripts_called(&server);
    let begun = join_all(all.iter().map(|it| inbox.begin(it))).await;
    assert_eq!(
        scripts_called(&server) - before,
        3,
        "two alone, and six together"
    );
    for (number, begun) in begun.into_iter().enumerate() {
        match number {
            3 => assert_eq!(begun.unwrap_err().kind(), StoreErrorKind::Corrupt),
            4 => assert_eq!(begun.unwrap(), Begun::Fenced),
            _ => assert!(matches!(begun, Ok(Begun::Granted(_))), "{begun:?}"),
        }
    }
    // The history of one entry is of another type, so that its failure cannot be stored.
    let history = inbox.place(&keys[5]).history;
    server.ask(&["LPUSH", &history, "no string"]);
    let ends = all
        .iter()
        .map(|it| Finish::new(it.key.clone(), it.token, bury(), DAY));
    let ends: Vec<_> = ends.collect();
    let held = join_all(ends.iter().map(|it| inbox.finish(it))).await;
    for (number, held) in held.into_iter().enumerate() {
        match number {
            3 | 5 => assert_eq!(held.unwrap_err().kind(), StoreErrorKind::Corrupt),
            4 => assert_eq!(held.unwrap(), Held::Fenced),
            _ => assert_eq!(held.unwrap(), Held::Held),
        }
    }
}

/// As a worker that processes a backlog, 16 entries at a time.
#[tokio::test]
async fn a_worker_that_is_behind_looks_seldom_and_asks_little_for_each_event() {
    let server = Server::start();
    let inbox = warm(&server, 256).await;
    let events = 1_600;
    for some in (0..events).collect::<Vec<_>>().chunks(100) {
        let accepts: Vec<_> = (some.iter())
            .map(|it| accept(&format!("evt_{it}"), "a"))
            .collect();
        join_all(accepts.iter().map(|it| inbox.accept(it))).await;
    }
    let (before, ranges) = (scripts_called(&server), calls([&server], "zrangebylex"));
    let mut all = 0;
    while all < events {
        let take = take(16);
        let keys = keys_taken(&inbox, &take).await;
        assert!(!keys.is_empty(), "{all} of {events}");
        all += keys.len();
        let beginnings = beginnings(&take, &keys);
        join_all(beginnings.iter().map(|it| inbox.begin(it))).await;
        let ends: Vec<_> = beginnings.iter().map(done).collect();
        join_all(ends.iter().map(|it| inbox.finish(it))).await;
    }
    // A take, two or three calls for sixteen beginnings and as many for their ends, and an occasional scan.
    // Separately, each event would take three calls and a sixteenth of a scan.
    let asked = scripts_called(&server) - before;
    assert!(asked < events, "{asked} calls for {events} events");
    let ranges = calls([&server], "zrangebylex") - ranges;
    assert!(ranges < 40 * events, "{ranges} ranges for {events} events");
    assert_eq!(
        inbox.counts().await.unwrap().done,
        u64::try_from(events).unwrap()
    );
}

#[tokio::test]
async fn workers_that_see_the_same_take_from_it_without_looking_again() {
    let server = Server::start();
    let (one, other) = (warm(&server, 64).await, super::inbox(&server, 64).await);
    accept_all(&one, 300).await;
    let mut all = std::collections::BTreeSet::new();
    let before = calls([&server], "zrangebylex");
    for _ in 0..75 {
        for inbox in [&one, &other] {
            for key in keys_taken(inbox, &take(2)).await {
                assert!(all.insert(key.encoded()), "{key:?} twice");
            }
        }
    }
    assert_eq!(all.len(), 300);
    let ranges = calls([&server], "zrangebylex") - before;
    assert!(ranges < 300 * 64, "{ranges} ranges");
}

#[tokio::test]
async fn in_a_cluster_commands_go_together_by_partition() {
    let cluster = Cluster::start();
    let builder = RedisInbox::builder(cluster.url()).deadline(PATIENCE);
    let inbox = builder.partitions(2).connect().await.unwrap();
    accept_all(&inbox, 120).await;
    let take = take(120);
    let mut keys = keys_taken(&inbox, &take).await;
    while keys.len() < 120 {
        let more = keys_taken(&inbox, &take).await;
        assert!(!more.is_empty(), "{}", keys.len());
        keys.extend(more);
    }
    let all = beginnings(&take, &keys);
    let asked = || calls(&cluster.masters, "evalsha") + calls(&cluster.masters, "eval");
    let before = asked();
    let begun = join_all(all.iter().map(|it| inbox.begin(it))).await;
    assert!(begun.iter().all(|it| matches!(it, Ok(Begun::Granted(_)))));
    // For each partition, two alone and the others together, and scripts that are not yet known.
    let asked = asked() - before;
    assert!(asked <= 2 * (2 + 1) * 2, "{asked} calls");
    let ends: Vec<_> = all.iter().map(done).collect();
    let held = join_all(ends.iter().map(|it| inbox.finish(it))).await;
    assert!(held.iter().all(|it| matches!(it, Ok(Held::Held))));
}
