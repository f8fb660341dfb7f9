//! Calls while Redis fails, or with data that this crate has not written.

use super::*;
use crate::store::RedisConnectErrorKind;
use crate::store::redis::inbox::answers::TakenOrNot;

#[tokio::test]
async fn scripts_that_redis_has_forgotten_are_sent_again() {
    let server = Server::start();
    let inbox = inbox(&server, 4).await;
    let forget = || server.ask(&["SCRIPT", "FLUSH"]);
    forget();
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    forget();
    let take = take(1);
    assert_eq!(inbox.take(&take).await.unwrap().len(), 1);
    forget();
    let begin = begin(&take, "evt_1");
    assert!(matches!(
        inbox.begin(&begin).await.unwrap(),
        Begun::Granted(_)
    ));
    forget();
    let extend = Extend::new(key("evt_1"), begin.token, LEASE);
    assert_eq!(inbox.extend(&[extend]).await.unwrap(), [Held::Held]);
    forget();
    let finish = Finish::new(key("evt_1"), begin.token, bury(), DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    forget();
    assert_eq!(inbox.counts().await.unwrap().dead, 1);
    forget();
    assert!(inbox.lookup(&key("evt_1")).await.unwrap().is_some());
    forget();
    let moved = inbox.redrive(&Redrive::new(key("evt_1"))).await.unwrap();
    assert_eq!(moved, Moved::Done);
    forget();
    assert!(inbox.forget(&key("evt_1")).await.unwrap());
}

#[tokio::test]
async fn an_inbox_that_was_emptied_goes_on_from_nothing() {
    let server = Server::start();
    let inbox = inbox(&server, 4).await;
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    let lost = take(1);
    inbox.take(&lost).await.unwrap();
    server.ask(&["FLUSHALL"]);
    assert!(taken(&inbox, 5).await.is_empty());
    let begun = inbox.begin(&begin(&lost, "evt_1")).await.unwrap();
    assert_eq!(begun, Begun::Fenced);
    let accepted = inbox.accept(&accept("evt_1", "a")).await.unwrap();
    assert_eq!(accepted, Accepted::Queued);
    assert_eq!(taken(&inbox, 5).await, ["evt_1"]);
}

#[tokio::test]
async fn what_cannot_be_read_stops_no_other() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    for id in ["evt_1", "evt_2", "evt_3", "evt_4", "evt_5"] {
        inbox.accept(&accept(id, id)).await.unwrap();
    }
    let place = |id: &str| inbox.place(&key(id)).entry;
    server.ask(&["SETRANGE", &place("evt_1"), "0", "?"]);
    server.ask(&["DEL", &place("evt_2")]);
    server.ask(&["LPUSH", &place("evt_2"), "no string"]);
    // Its head is intact, but its content has become longer.
    server.ask(&["APPEND", &place("evt_3"), "x"]);
    server.ask(&["DEL", &place("evt_4")]);
    for id in ["evt_1", "evt_2"] {
        let error = inbox.accept(&accept(id, "a")).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{id}");
        let error = inbox.lookup(&key(id)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{id}");
    }
    // One at a time: an unreadable entry blocks nobody for long.
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.extend(taken(&inbox, 1).await);
    }
    assert_eq!(ids, ["evt_5"]);
    let counts = inbox.counts().await.unwrap();
    assert_eq!((counts.queued, counts.dead, counts.running), (0, 3, 1));
    for id in ["evt_1", "evt_2", "evt_3"] {
        assert!(inbox.forget(&key(id)).await.unwrap(), "{id}");
        let anew = inbox.accept(&accept(id, "a")).await.unwrap();
        assert_eq!(anew, Accepted::Queued, "{id}");
    }
    assert_eq!(inbox.counts().await.unwrap().dead, 0);
}

#[tokio::test]
async fn no_value_of_another_type_leaves_a_command_half_done() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    let index = &inbox.partitions()[0].index;
    server.ask(&["SET", index, "no sorted set"]);
    inbox.accept(&accept("evt_1", "a")).await.unwrap_err();
    assert_eq!(
        server.ask(&["EXISTS", &inbox.place(&key("evt_1")).entry]),
        "0"
    );
    server.ask(&["DEL", index]);
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    let take = take(1);
    inbox.take(&take).await.unwrap();
    let history = inbox.place(&key("evt_1")).history;
    server.ask(&["LPUSH", &history, "no string"]);
    let finish = Finish::new(key("evt_1"), take.token, bury(), DAY);
    let error = inbox.finish(&finish).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    server.ask(&["DEL", &history]);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    assert_eq!(inbox.counts().await.unwrap().dead, 1);
}

#[tokio::test]
async fn a_history_of_another_type_keeps_back_no_other_entry() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    for id in ["evt_1", "evt_2", "evt_3"] {
        inbox.accept(&accept(id, id)).await.unwrap();
    }
    let history = inbox.place(&key("evt_2")).history;
    server.ask(&["LPUSH", &history, "no string"]);
    assert_eq!(taken(&inbox, 5).await, ["evt_1", "evt_2", "evt_3"]);
}

#[tokio::test]
async fn what_no_worker_could_find_is_not_acknowledged() {
    let server = Server::start();
    let (inbox, set_rights) = as_user(&server).await;
    set_rights(&["-zadd"]);
    inbox.accept(&accept("evt_1", "a")).await.unwrap_err();
    inbox.accept(&accept("evt_1", "a")).await.unwrap_err();
    set_rights(&[]);
    let again = inbox.accept(&accept("evt_1", "a")).await.unwrap();
    assert_eq!(again, Accepted::Duplicate { differs: false });
    assert_eq!(taken(&inbox, 5).await, ["evt_1"]);
}

#[tokio::test]
async fn an_entry_that_could_not_be_written_is_still_found() {
    let server = Server::start();
    let (inbox, set_rights) = as_user(&server).await;
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    set_rights(&["-setrange"]);
    inbox.take(&take(5)).await.unwrap_err();
    set_rights(&[]);
    assert_eq!(taken(&inbox, 5).await, ["evt_1"]);
}

#[tokio::test]
async fn an_index_that_was_lost_is_refilled_by_the_next_deliveries() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    server.ask(&["DEL", &inbox.partitions()[0].index]);
    assert!(taken(&inbox, 5).await.is_empty());
    let again = inbox.accept(&accept("evt_1", "a")).await.unwrap();
    assert_eq!(again, Accepted::Duplicate { differs: false });
    assert_eq!(taken(&inbox, 5).await, ["evt_1"]);
}

#[tokio::test]
async fn a_full_inbox_says_so_until_there_is_room() {
    let server = Server::start();
    let inbox = builder(server.url()).partitions(1).capacity(3).connect();
    let inbox = inbox.await.unwrap();
    let accepts: Vec<_> = (0..5).map(|it| accept(&it.to_string(), "a")).collect();
    let outcomes = join_all(accepts.iter().map(|accept| inbox.accept(accept))).await;
    let (kept, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((kept.len(), refused.len()), (3, 2));
    for error in refused {
        assert_eq!(error.unwrap_err().kind(), StoreErrorKind::Full);
    }
    // Existing entries continue, and make room.
    let same = inbox.accept(&accept("0", "a")).await.unwrap();
    assert_eq!(same, Accepted::Duplicate { differs: false });
    let discard = Discard::new(key("0"), DAY);
    assert_eq!(inbox.discard(&discard).await.unwrap(), Moved::Done);
    let accepted = inbox.accept(&accept("4", "a")).await.unwrap();
    assert_eq!(accepted, Accepted::Queued);
    let error = inbox.accept(&accept("3", "a")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    // An entry that it already holds, unconfirmed, takes no further room.
    let was_held = Accept {
        was_held: true,
        ..accept("3", "a")
    };
    assert_eq!(inbox.accept(&was_held).await.unwrap(), Accepted::Queued);
}

#[tokio::test]
async fn those_that_come_together_fill_it_no_further() {
    let server = Server::start();
    let inbox = builder(server.url()).partitions(2).capacity(40).connect();
    let inbox = inbox.await.unwrap();
    let accepts: Vec<_> = (0..200).map(|it| accept(&it.to_string(), "a")).collect();
    let outcomes = join_all(accepts.iter().map(|accept| inbox.accept(accept))).await;
    let kept = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let counts = inbox.counts().await.unwrap();
    assert_eq!((kept, counts.queued), (40, 40));
}

#[tokio::test]
async fn a_redis_that_is_full_accepts_nothing_and_lets_workers_go_on() {
    let server = Server::with(&["--maxmemory-policy", "noeviction"]);
    let inbox = inbox(&server, 1).await;
    for id in ["evt_1", "evt_2", "evt_3"] {
        inbox.accept(&accept(id, "a")).await.unwrap();
    }
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = inbox.accept(&accept("evt_4", "a")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    let take = take(3);
    assert_eq!(inbox.take(&take).await.unwrap().len(), 3);
    for (id, end) in [("evt_1", Verdict::Done), ("evt_2", bury())] {
        let begin = begin(&take, id);
        assert!(matches!(
            inbox.begin(&begin).await.unwrap(),
            Begun::Granted(_)
        ));
        let extend = Extend::new(key(id), begin.token, LEASE);
        assert_eq!(inbox.extend(&[extend]).await.unwrap(), [Held::Held]);
        let finish = Finish::new(key(id), begin.token, end, DAY);
        assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    }
    let discard = Discard::new(key("evt_2"), DAY);
    assert_eq!(inbox.discard(&discard).await.unwrap(), Moved::Done);
    let counts = inbox.counts().await.unwrap();
    assert_eq!((counts.done, counts.discarded, counts.running), (1, 1, 1));
}

#[tokio::test]
async fn what_was_accepted_is_there_after_a_restart_that_keeps_what_was_written() {
    let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let inbox = inbox(&server, 4).await;
    for id in ["evt_1", "evt_2"] {
        inbox.accept(&accept(id, id)).await.unwrap();
    }
    let take = take(2);
    inbox.take(&take).await.unwrap();
    let begin = begin(&take, "evt_1");
    inbox.begin(&begin).await.unwrap();
    let acme = Name::new("acme").unwrap();
    inbox.set_paused(&acme, true).await.unwrap();
    server.kill();
    server.restart();
    let finish = Finish::new(key("evt_1"), begin.token, Verdict::Done, DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    let given_back = Verdict::GiveBack {
        after: Duration::ZERO,
    };
    let finish = Finish::new(key("evt_2"), take.token, given_back, DAY);
    inbox.finish(&finish).await.unwrap();
    assert!(taken(&inbox, 5).await.is_empty(), "paused, too");
    inbox.set_paused(&acme, false).await.unwrap();
    assert_eq!(taken(&inbox, 5).await, ["evt_2"]);
    let body = inbox.lookup(&key("evt_2")).await.unwrap().unwrap().body;
    assert_eq!(body.as_deref(), Some(&b"evt_2"[..]));
}

#[tokio::test]
async fn another_number_of_partitions_is_refused_to_inbox_and_store() {
    let server = Server::start();
    inbox(&server, 16).await;
    let other = builder(server.url()).partitions(8);
    let error = other.connect().await.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Partitions);
    assert!(error.to_string().contains("build it with 16"), "{error}");
    let other = RedisStore::builder(server.url()).partitions(256);
    let error = other.connect().await.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Partitions);
    let error = builder(server.url()).partitions(1_025).build().unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Setting);
    let refused = builder(server.url()).partitions(16).refuse_at_risk();
    let error = refused.connect().await.unwrap_err();
    assert_eq!(
        error.kind(),
        RedisConnectErrorKind::AtRisk,
        "it keeps nothing"
    );
}

/// The index of one partition is unusable: entries of the others are taken nevertheless.
#[tokio::test]
async fn an_index_of_another_type_keeps_back_no_other_partition() {
    let server = Server::start();
    let inbox = inbox(&server, 8).await;
    for number in 0..40 {
        let id = format!("evt_{number}");
        inbox.accept(&accept(&id, "a")).await.unwrap();
    }
    let broken = inbox.place(&key("evt_0"));
    let lost = (0..40).filter(|number| {
        let place = inbox.place(&key(&format!("evt_{number}")));
        place.partition == broken.partition
    });
    let lost = lost.count();
    server.ask(&["SET", &broken.index, "no sorted set"]);
    assert_eq!(taken(&inbox, 100).await.len(), 40 - lost);
}

/// Taken entries are returned even if another one of the same call fails.
#[tokio::test]
async fn what_one_call_has_taken_is_not_hidden_by_what_it_could_not_take() {
    let server = Server::start();
    let inbox = inbox(&server, 2).await;
    let ids = (0..).map(|number| format!("evt_{number}"));
    let of = |partition| {
        let mut own = ids
            .clone()
            .filter(|id| inbox.place(&key(id)).partition == partition);
        own.next().unwrap()
    };
    let (first, second) = (of(0), of(1));
    let mut seen = Vec::new();
    for id in [&first, &second] {
        inbox.accept(&accept(id, "a")).await.unwrap();
        let place = &inbox.partitions()[usize::try_from(inbox.place(&key(id)).partition).unwrap()];
        let peek = scripts::peek(std::slice::from_ref(place), &[route()], false, 10, 10);
        let peeked = answers::peek_answer(inbox.store.link.call(&peek).await.unwrap()).unwrap();
        let (_, _, member) = peeked.outcome.due.into_iter().next().unwrap();
        let mut candidate = inbox.candidate(place, &route(), member).unwrap();
        candidate.may_run = true;
        seen.push(candidate);
    }
    server.ask(&["SET", &inbox.place(&key(&second)).index, "no sorted set"]);
    let call = scripts::take(&take(9), &seen, seen.len());
    let answer = inbox.store.link.call(&call).await.unwrap();
    let taken = answers::take_answer(answer, 2).unwrap().outcome;
    assert!(
        matches!(taken[..], [TakenOrNot::Taken(..), TakenOrNot::Missed]),
        "{taken:?}"
    );
}

/// One scan finds no more entries than it may, whichever partitions have them.
#[tokio::test]
async fn a_look_finds_no_more_than_it_may() {
    let server = Server::start();
    let inbox = inbox(&server, 2).await;
    for number in 0..100 {
        let id = format!("evt_{number}");
        inbox.accept(&accept(&id, "a")).await.unwrap();
    }
    let peek = scripts::peek(inbox.partitions(), &[route()], false, 20, 70);
    let peeked = answers::peek_answer(inbox.store.link.call(&peek).await.unwrap()).unwrap();
    assert_eq!(
        (peeked.outcome.partitions, peeked.outcome.due.len()),
        (1, 20)
    );
    let peek = scripts::peek(inbox.partitions(), &[route()], false, 20, 80);
    let peeked = answers::peek_answer(inbox.store.link.call(&peek).await.unwrap()).unwrap();
    assert_eq!(
        (peeked.outcome.partitions, peeked.outcome.due.len()),
        (2, 40)
    );
}

/// After a write in the same script, Redis no longer refuses writes for lack of memory.
#[tokio::test]
async fn a_redis_that_is_full_accepts_nothing_beside_what_ends() {
    let server = Server::with(&["--maxmemory-policy", "noeviction"]);
    let inbox = inbox(&server, 4).await;
    let known: Vec<_> = (0..100).map(|it| accept(&it.to_string(), "a")).collect();
    join_all(known.iter().map(|accept| inbox.accept(accept))).await;
    let take = take(100);
    assert_eq!(inbox.take(&take).await.unwrap().len(), 100);
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let new: Vec<_> = (100..200).map(|it| accept(&it.to_string(), "a")).collect();
    let ends = known.into_iter();
    let ends: Vec<_> = ends
        .map(|it| Finish::new(it.key, take.token, Verdict::Done, DAY))
        .collect();
    let each = ends.iter().zip(&new).map(async |(finish, accept)| {
        let (held, accepted) = futures_util::join!(inbox.finish(finish), inbox.accept(accept));
        (held.unwrap(), accepted.map_err(|error| error.kind()))
    });
    for outcome in join_all(each).await {
        assert_eq!(outcome, (Held::Held, Err(StoreErrorKind::Full)));
    }
}
