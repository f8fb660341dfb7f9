//! What a store on Redis does when Redis fails: no call outlasts its deadline, nothing is lost
//! that Redis kept, and it heals by itself.

mod several;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::commands::{LONG, claim, claim_at_last, complete, granted, key, patient, release};
use crate::redis_support::proxy::{Fault, Proxy, Script};
use crate::redis_support::{Cluster, Sentinel, Server, free_port, until};
use tokio::task::JoinSet;
use tower_webhook::Name;
use tower_webhook::store::{
    Claim, ClaimOutcome, Grant, Held, RecordState, RedisStore, Renew, Store, StoreError,
    StoreErrorKind,
};

/// What a deadline of 250 ms may come to on a busy machine. Without one, a frozen server takes
/// for ever.
const DEADLINE_AND_A_BUSY_MACHINE: Duration = Duration::from_secs(2);

/// Every call fails in one of these ways, and in time.
async fn fails_in_time(store: &RedisStore, held: &Claim, kinds: &[StoreErrorKind]) {
    fn kind<T>(result: Result<T, StoreError>) -> StoreErrorKind {
        match result {
            Ok(_) => panic!("the store cannot know"),
            Err(error) => error.kind(),
        }
    }
    let provider = Name::new("acme").unwrap();
    let renewal = Renew::new(held.key.clone(), held.token, LONG, LONG);
    let grant = Grant {
        attempt: 1,
        fence: 1,
        corrected: false,
    };
    for call in 0..9 {
        let begun = Instant::now();
        let kind = match call {
            0 => kind(store.claim(held).await),
            1 => kind(store.complete(&complete(held, grant)).await),
            2 => kind(store.release(&release(held)).await),
            3 => kind(store.renew(&vec![renewal.clone(); 250]).await),
            4 => kind(store.lookup(&held.key).await),
            5 => kind(store.forget(&held.key).await),
            6 => kind(store.unfinished(&provider, 10).await),
            7 => kind(store.counts().await),
            _ => kind(store.check().await),
        };
        let took = begun.elapsed();
        assert!(kinds.contains(&kind), "call {call}: {kind:?}");
        assert!(took < DEADLINE_AND_A_BUSY_MACHINE, "call {call}: {took:?}");
    }
    let begun = Instant::now();
    store.wait(&held.key, Duration::from_millis(300)).await;
    assert!(begun.elapsed() < DEADLINE_AND_A_BUSY_MACHINE);
}

/// Every claim of fifty callers at once fails in this way.
async fn fails_for_a_crowd(store: &RedisStore, kind: StoreErrorKind) {
    let mut callers = JoinSet::new();
    for caller in 0..50 {
        let store = store.clone();
        callers.spawn(async move {
            for call in 0..10 {
                let error = store.claim(&claim(&format!("{caller}-{call}"))).await;
                assert_eq!(error.unwrap_err().kind(), kind);
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn a_record_survives_the_death_of_redis_where_it_is_kept_on_disk() {
    let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = RedisStore::connect(server.url()).await.unwrap();
    let (done, running) = (claim("done"), claim("running"));
    let grant = granted(store.claim(&done).await.unwrap());
    let complete = complete(&done, grant);
    assert_eq!(store.complete(&complete).await.unwrap(), Held::Held);
    granted(store.claim(&running).await.unwrap());

    server.kill();
    fails_in_time(&store, &running, &[StoreErrorKind::Unavailable]).await;
    server.restart();

    let duplicate = claim_at_last(&store, &claim("done")).await;
    assert_eq!(duplicate, ClaimOutcome::Done(complete.response.clone()));
    let duplicate = store.claim(&claim("running")).await.unwrap();
    assert_eq!(duplicate, ClaimOutcome::InProgress);
    assert_eq!(store.release(&release(&running)).await.unwrap(), Held::Held);
}

#[tokio::test]
async fn a_handler_that_was_done_is_recorded_although_redis_has_lost_everything() {
    let mut server = Server::start();
    let store = RedisStore::connect(server.url()).await.unwrap();
    let (first, second) = (claim("evt_1"), claim("evt_2"));
    let grant = granted(store.claim(&first).await.unwrap());
    let earlier = granted(store.claim(&second).await.unwrap());
    server.kill();
    server.restart();

    let again = granted(claim_at_last(&store, &claim("evt_2")).await);
    assert!(again.fence > earlier.fence, "{again:?} after {earlier:?}");
    assert_eq!(
        store.complete(&complete(&first, grant)).await.unwrap(),
        Held::Held
    );
    let view = store.lookup(&first.key).await.unwrap().unwrap();
    assert!(matches!(view.state, RecordState::Done(_)));
    assert_eq!((view.attempt, view.fence), (grant.attempt, grant.fence));
    let partitions = server.ask(&["GET", "wh:default:partitions"]);
    assert_eq!(partitions, "8", "told again to a Redis that forgot it");
}

#[tokio::test]
async fn no_call_outlasts_its_deadline_while_redis_is_frozen() {
    let server = Server::start();
    let store = RedisStore::connect(server.url()).await.unwrap();
    let held = claim("evt_1");
    granted(store.claim(&held).await.unwrap());
    server.freeze();
    fails_in_time(&store, &held, &[StoreErrorKind::TimedOut]).await;
    // It was sent, and is carried out when Redis wakes.
    let late = claim("evt_2");
    assert_eq!(
        store.claim(&late).await.unwrap_err().kind(),
        StoreErrorKind::TimedOut
    );
    server.thaw();
    let grant = granted(claim_at_last(&store, &late).await);
    assert_eq!(grant.attempt, 1, "it finds its own claim");
}

#[tokio::test]
async fn a_call_with_a_long_deadline_waits_for_a_redis_that_wakes_within_it() {
    let server = Server::start();
    server.freeze();
    let patient = RedisStore::builder(server.url()).deadline(Duration::from_secs(60));
    let store = patient.build().unwrap();
    let asking = tokio::spawn(async move { store.claim(&claim("evt_1")).await });
    // Longer than three attempts to connect take.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    server.thaw();
    granted(asking.await.unwrap().unwrap());
}

#[tokio::test]
async fn a_store_that_starts_before_redis_works_once_redis_is_there() {
    let port = free_port();
    let store = RedisStore::connect(format!("redis://127.0.0.1:{port}"))
        .await
        .unwrap();
    let early = claim("evt_1");
    fails_in_time(&store, &early, &[StoreErrorKind::Unavailable]).await;
    let _server = Server::at(port);
    granted(claim_at_last(&store, &early).await);
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_sent_again() {
    let cluster = Cluster::start();
    let server = Server::start();
    for url in [server.url(), cluster.url()] {
        let store = patient(url).await;
        for round in 0..3 {
            for server in cluster.masters.iter().chain([&server]) {
                server.ask(&["SCRIPT", "FLUSH"]);
            }
            for number in 0..20 {
                let claim = claim(&format!("{round}-{number}"));
                let grant = granted(store.claim(&claim).await.unwrap());
                assert_eq!(
                    store.complete(&complete(&claim, grant)).await.unwrap(),
                    Held::Held
                );
            }
        }
    }
}

#[tokio::test]
async fn a_full_redis_takes_no_new_event_and_forgets_none() {
    let server = Server::start();
    let store = patient(server.url()).await;
    let (done, running) = (claim("done"), claim("running"));
    let grant = granted(store.claim(&done).await.unwrap());
    store.complete(&complete(&done, grant)).await.unwrap();
    let grant = granted(store.claim(&running).await.unwrap());

    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = store.claim(&claim("new")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error:?}");
    let duplicate = store.claim(&claim("done")).await.unwrap();
    assert!(matches!(duplicate, ClaimOutcome::Done(_)), "{duplicate:?}");
    let duplicate = store.claim(&claim("running")).await.unwrap();
    assert_eq!(duplicate, ClaimOutcome::InProgress);
    assert_eq!(store.lookup(&key("new")).await.unwrap(), None);

    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    granted(store.claim(&claim("new")).await.unwrap());
    assert_eq!(
        store.complete(&complete(&running, grant)).await.unwrap(),
        Held::Held
    );
}

/// The client of a cluster sends a command again by itself: an earlier one may have been carried
/// out.
#[tokio::test]
async fn a_full_cluster_does_not_promise_that_nothing_was_changed() {
    let cluster = Cluster::start();
    let store = patient(cluster.url()).await;
    for master in &cluster.masters {
        master.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    }
    let error = store.claim(&claim("new")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let told = error.source().unwrap().to_string();
    assert!(told.contains("OOM"), "{told}");
}

#[tokio::test]
async fn a_value_that_is_no_record_is_said_to_be_unreadable() {
    let server = Server::start();
    let store = RedisStore::builder(server.url())
        .deadline(LONG)
        .partitions(1)
        .connect()
        .await
        .unwrap();
    server.ask(&[
        "SET",
        "wh:default:{0}:acme:text",
        "not a record, and yet long enough to be one",
    ]);
    server.ask(&["HSET", "wh:default:{0}:acme:hash", "a", "b"]);
    let whole = claim("longer");
    granted(store.claim(&whole).await.unwrap());
    store.release(&release(&whole)).await.unwrap();
    server.ask(&["APPEND", "wh:default:{0}:acme:longer", "!"]);
    for part in ["text", "hash", "longer"] {
        let claim = claim(part);
        let grant = Grant {
            attempt: 1,
            fence: 1,
            corrected: false,
        };
        for error in [
            store.claim(&claim).await.unwrap_err(),
            store.complete(&complete(&claim, grant)).await.unwrap_err(),
            store.release(&release(&claim)).await.unwrap_err(),
            store.lookup(&claim.key).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{part}: {error:?}");
        }
        store.wait(&claim.key, LONG).await;
        assert!(store.forget(&claim.key).await.unwrap());
        granted(store.claim(&claim).await.unwrap());
    }
}

#[tokio::test]
async fn a_server_that_only_reads_is_out_of_reach_until_it_writes() {
    let (server, other) = (Server::start(), Server::start());
    let store = RedisStore::connect(server.url()).await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
    server.follow(&other);
    let error = store.claim(&claim("evt_2")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    server.ask(&["REPLICAOF", "NO", "ONE"]);
    granted(claim_at_last(&store, &claim("evt_2")).await);
}

#[tokio::test]
async fn a_server_that_only_reads_is_not_showered_with_connections() {
    let (server, other) = (Server::start(), Server::start());
    let store = RedisStore::connect(server.url()).await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
    server.follow(&other);
    let connections = || -> u64 {
        let received = server.info("total_connections_received").unwrap();
        received.parse().unwrap()
    };
    let (before, begun) = (connections(), Instant::now());
    fails_for_a_crowd(&store, StoreErrorKind::Unavailable).await;
    // However long that took: one in 200 ms, the first, and the one that asked here.
    let most = begun.elapsed().as_millis() / 200 + 2;
    let made = connections() - before;
    assert!(u128::from(made) <= most, "{made} connections, not {most}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_password_of_a_sudden_is_not_showered_with_connections() {
    let server = Server::start();
    let store = RedisStore::connect(server.url()).await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
    server.ask(&["CONFIG", "SET", "requirepass", "open-sesame"]);
    let as_user = |words: &[&str]| {
        let said = server.try_ask_each(&[&["AUTH", "open-sesame"], words]);
        said.and_then(|mut said| said.pop()).unwrap()
    };
    as_user(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let begun = Instant::now();
    fails_for_a_crowd(&store, StoreErrorKind::Refused).await;
    let stats = as_user(&["INFO", "stats"]);
    let made = stats
        .lines()
        .find_map(|line| line.strip_prefix("total_connections_received:"));
    let made: u128 = made.unwrap().trim().parse().unwrap();
    // The one for each second, and those before and here.
    let most = begun.elapsed().as_secs().saturating_add(20).into();
    assert!(made <= most, "{made} connections, not {most}");
}

#[tokio::test]
async fn a_call_that_ran_out_of_time_says_why_it_was_sent_again() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let store = RedisStore::connect(proxy.url()).await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
    let mut has_cut = false;
    proxy.plan(move |called| {
        if called == Some(Script::Claim) && !has_cut {
            has_cut = true;
            return Fault::CutsBefore;
        }
        Fault::Swallows
    });
    let error = store.claim(&claim("evt_2")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
}
