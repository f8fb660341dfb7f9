//! Commands that arrive at the same time, and go together.

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::calls::{calls, claims};
use super::support::Cluster;
use super::*;
use crate::store::error::StoreErrorKind;

fn scripts(server: &Server) -> usize {
    calls([server], "evalsha") + calls([server], "eval")
}

fn completion(claim: &Claim, outcome: &ClaimOutcome) -> Complete {
    let ClaimOutcome::Claimed(grant) = outcome else {
        panic!("{outcome:?}");
    };
    let response = StoredResponse::new(200);
    Complete::new(
        claim.key.clone(),
        claim.token,
        *grant,
        claim.fingerprint,
        response,
        PATIENCE,
    )
}

async fn claim_all(store: &RedisStore, claims: &[Claim]) -> Vec<Result<ClaimOutcome, StoreError>> {
    join_all(claims.iter().map(|claim| store.claim(claim))).await
}

fn kinds<T>(answers: &[Result<T, StoreError>]) -> Vec<Option<StoreErrorKind>> {
    let kind = |answer: &Result<T, StoreError>| answer.as_ref().err().map(StoreError::kind);
    answers.iter().map(kind).collect()
}

/// Loads these scripts first, so that each call is counted once.
async fn warm(server: &Server, partitions: u32) -> RedisStore {
    for code in [code::CLAIM, code::COMPLETE, code::EACH] {
        server.ask(&["SCRIPT", "LOAD", code]);
    }
    store(server, partitions).await
}

#[tokio::test]
async fn many_who_come_at_once_take_few_calls_and_each_gets_its_own_answer() {
    let server = Server::start();
    let store = warm(&server, 256).await;
    let all = claims(500);
    let claimed = claim_all(&store, &all).await;
    // Two at once, and the others in calls of at most 128.
    let asked = scripts(&server);
    assert!(asked <= 2 + 4, "{asked} calls for 500 claims");
    let completions: Vec<_> = (all.iter().zip(&claimed))
        .map(|(claim, outcome)| completion(claim, outcome.as_ref().unwrap()))
        .collect();
    let done = join_all(completions.iter().map(|it| store.complete(it))).await;
    assert!(done.iter().all(|held| matches!(held, Ok(Held::Held))));
    let asked = scripts(&server) - asked;
    assert!(asked <= 2 + 4, "{asked} calls for 500 completions");
    for outcome in claim_all(&store, &all).await {
        assert!(matches!(outcome, Ok(ClaimOutcome::Done(_))), "{outcome:?}");
    }
    assert_eq!(store.counts().await.unwrap().done, 500);
}

#[tokio::test]
async fn ten_thousand_callers_are_answered() {
    let server = Server::start();
    let builder = RedisStore::builder(server.url()).deadline(Duration::from_secs(60));
    let store = builder.connect().await.unwrap();
    let all = claims(10_000);
    let mut callers = tokio::task::JoinSet::new();
    for claim in all {
        let store = store.clone();
        callers.spawn(async move { store.claim(&claim).await });
    }
    let answers = callers.join_all().await;
    assert!(
        answers
            .iter()
            .all(|it| matches!(it, Ok(ClaimOutcome::Claimed(_))))
    );
    let asked = scripts(&server);
    assert!(asked < 1_000, "{asked} calls");
}

#[tokio::test]
async fn what_is_wrong_with_one_is_told_to_it_alone() {
    let server = Server::start();
    let store = warm(&server, 256).await;
    let mut all = claims(8);
    for claim in &all[..5] {
        store.claim(claim).await.unwrap();
    }
    let key = |number: usize| store.place(&all[number].key).key;
    // At positions after the commands that go alone.
    server.ask(&["DEL", &key(2)]);
    server.ask(&["HSET", &key(2), "a", "b"]);
    server.ask(&["SET", &key(3), "a"]);
    all[4].fingerprint = Fingerprint::of(b"other");
    all[4].token = Token::from_bytes([9; 16]);
    let before = scripts(&server);
    let answers = claim_all(&store, &all).await;
    assert_eq!(scripts(&server) - before, 3, "two alone, and six together");
    let corrupt = Some(StoreErrorKind::Corrupt);
    assert_eq!(
        kinds(&answers),
        [None, None, corrupt, corrupt, None, None, None, None]
    );
    assert!(matches!(answers[4], Ok(ClaimOutcome::OtherInProgress)));
    assert!(matches!(answers[7], Ok(ClaimOutcome::Claimed(_))));
}

#[tokio::test]
async fn who_has_an_answer_does_not_wait_for_those_that_may_get_one_yet() {
    let server = Server::start();
    let store = RedisStore {
        company: Company::Expected,
        ..warm(&server, 256).await
    };
    let all = claims(3);
    let outcome = store.claim(&all[1]).await.unwrap();
    let done = completion(&all[1], &outcome);
    store.complete(&done).await.unwrap();
    // A missing replica may be there at the next try.
    server.ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let asking = all.iter().enumerate();
    let mut asking: FuturesUnordered<_> = asking
        .map(|(number, claim)| store.claim(claim).map(move |answer| (number, answer)))
        .collect();
    let (first, answer) = asking.next().await.unwrap();
    assert_eq!(first, 1, "{answer:?}");
    assert!(matches!(answer, Ok(ClaimOutcome::Done(_))), "{answer:?}");
    server.ask(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    while let Some((_, answer)) = asking.next().await {
        assert!(matches!(answer, Ok(ClaimOutcome::Claimed(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn where_memory_is_short_who_needs_none_is_answered_and_others_know_that_nothing_changed() {
    for program in support::programs() {
        let server = Server::of(program, &[]);
        let store = warm(&server, 256).await;
        let all = claims(6);
        let claimed = claim_all(&store, &all[..4]).await;
        let claimed = completion(&all[3], claimed[3].as_ref().unwrap());
        store.complete(&claimed).await.unwrap();
        server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
        let full = Some(StoreErrorKind::Full);
        let again = [&all[4..], &all[3..], &all[4..]].concat();
        let answers = claim_all(&store, &again).await;
        assert_eq!(kinds(&answers), [full, full, None, full, full, full, full]);
        assert!(matches!(answers[2], Ok(ClaimOutcome::Done(_))));
        server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
        for outcome in claim_all(&store, &all[4..]).await {
            let Ok(ClaimOutcome::Claimed(grant)) = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(grant.attempt, 1);
        }
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nobody_with_it() {
    let server = Server::start();
    let store = warm(&server, 256).await;
    let all = claims(40);
    // The server answers nothing until all have been queued, and some callers have gone.
    server.freeze();
    let mut asking: Vec<_> = all
        .iter()
        .map(|claim| Box::pin(store.claim(claim)))
        .collect();
    for claim in &mut asking {
        assert!(claim.as_mut().now_or_never().is_none());
    }
    // The first commands are sent, and the others wait. Some callers of both leave.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    asking.drain(..10);
    server.thaw();
    let answers = join_all(asking).await;
    assert_eq!(kinds(&answers), vec![None; 30]);
    // The two that were sent took effect; the others that left were not sent.
    support::until("the two are claimed", || {
        server.ask(&["DBSIZE"]).parse() == Ok(30 + 2 + 1)
    });
}

#[tokio::test]
async fn a_batch_that_the_server_died_with_is_sent_again() {
    let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = warm(&server, 256).await;
    let all = claims(300);
    server.freeze();
    let asking = tokio::spawn({
        let (store, all) = (store.clone(), all.clone());
        async move { claim_all(&store, &all).await }
    });
    // Until the only thing left is to wait for the server.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    server.kill();
    server.restart();
    let answers = asking.await.unwrap();
    for answer in &answers {
        let Ok(ClaimOutcome::Claimed(grant)) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(grant.attempt, 1, "the same claim once more");
    }
}

#[tokio::test]
async fn what_is_sent_again_is_sent_for_nobody_who_has_gone() {
    for (count, gone) in [(10, 5), (1, 1)] {
        let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]);
        // Claims of one delivery, which go together from the first one on.
        let store = RedisStore {
            company: Company::Expected,
            ..warm(&server, 256).await
        };
        let all = claims(count + 1);
        server.freeze();
        let (last, all) = all.split_last().unwrap();
        let mut asking: Vec<_> = all
            .iter()
            .map(|claim| Box::pin(store.claim(claim)))
            .collect();
        for claim in &mut asking {
            assert!(claim.as_mut().now_or_never().is_none());
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        // A caller that goes may give back what it asked for.
        asking.drain(..gone);
        server.kill();
        server.restart();
        let answers = join_all(asking).await;
        assert_eq!(kinds(&answers), vec![None; all.len() - gone]);
        store.claim(last).await.unwrap();
        let records = server.ask(&["DBSIZE"]).parse::<usize>().unwrap() - 1;
        assert_eq!(records, all.len() - gone + 1, "of {count}");
    }
}

#[tokio::test]
async fn an_error_of_many_reads_like_that_of_one() {
    let mut server = Server::start();
    let builder = RedisStore::builder(server.url()).deadline(Duration::from_millis(300));
    let store = RedisStore {
        company: Company::Expected,
        ..builder.connect().await.unwrap()
    };
    server.kill();
    for answer in claim_all(&store, &claims(3)).await {
        let error = answer.unwrap_err();
        let first: &dyn std::error::Error = &error;
        let texts = std::iter::successors(Some(first), |error| error.source());
        let texts: Vec<_> = texts.map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
    }
}

#[tokio::test]
async fn a_cluster_gathers_for_each_partition() {
    let cluster = Cluster::start();
    let builder = RedisStore::builder(cluster.url()).deadline(PATIENCE);
    let store = builder.partitions(2).connect().await.unwrap();
    let all = claims(200);
    let answers = claim_all(&store, &all).await;
    assert_eq!(kinds(&answers), vec![None; 200]);
    let asked: usize = ["eval", "evalsha"]
        .map(|of| calls(&cluster.masters, of))
        .iter()
        .sum();
    // For each partition, two alone and the others together, and scripts that are not yet known.
    assert!(asked <= 2 * (2 + 1) * 2, "{asked} calls");
    let completions = all.iter().zip(&answers);
    let completions = completions.map(|(claim, it)| completion(claim, it.as_ref().unwrap()));
    let completions: Vec<_> = completions.collect();
    let done = join_all(completions.iter().map(|it| store.complete(it))).await;
    assert!(done.iter().all(|held| matches!(held, Ok(Held::Held))));
}

#[tokio::test]
async fn while_a_slot_moves_events_are_claimed_all_the_same() {
    let cluster = Cluster::of(2, &[]);
    let builder = RedisStore::builder(cluster.url()).deadline(PATIENCE);
    let store = builder.partitions(1).connect().await.unwrap();
    let all = claims(60);
    let slot = cluster.slot_of(&store.place(&all[0].key).key);
    let [first, second] = &cluster.masters[..] else {
        panic!("two masters");
    };
    let (from, to) = if slot < 8_192 {
        (first, second)
    } else {
        (second, first)
    };
    let set = |server: &Server, what: &str, other: &Server| {
        let other = other.ask(&["CLUSTER", "MYID"]);
        let slot = slot.to_string();
        let set = server.ask(&["CLUSTER", "SETSLOT", &slot, what, &other]);
        assert_eq!(set, "OK");
    };
    set(to, "IMPORTING", from);
    set(from, "MIGRATING", to);
    let answers = claim_all(&store, &all).await;
    assert_eq!(kinds(&answers), vec![None; 60]);
    // Each once, and on the master that gets the slot.
    for answer in &answers {
        assert!(matches!(answer, Ok(ClaimOutcome::Claimed(grant)) if grant.attempt == 1));
    }
    let slot = slot.to_string();
    assert_eq!(to.ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot]), "60");
}

#[tokio::test]
async fn a_cluster_behind_one_address_is_found_out_by_claims_that_go_together() {
    let bus = support::free_port().to_string();
    let server = Server::with(&["--cluster-enabled", "yes", "--cluster-port", &bus]);
    server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    support::until("the cluster stands", || {
        server
            .ask(&["CLUSTER", "INFO"])
            .contains("cluster_state:ok")
    });
    let store = store(&server, 256).await;
    // More than fit in one call: several calls detect it at the same time.
    let first = claims(400);
    assert_eq!(kinds(&claim_all(&store, &first).await), vec![None; 400]);
    let refused = || server.info("errorstat_CROSSSLOT");
    let once = refused();
    assert_eq!(kinds(&claim_all(&store, &claims(50)).await), vec![None; 50]);
    assert_eq!(refused(), once, "never tried again");
}

#[tokio::test]
async fn where_no_connection_is_free_each_caller_is_told_so_until_there_is_one() {
    let server = Server::with(&["--maxclients", "1"]);
    let only = store(&server, 1).await;
    let builder = RedisStore::builder(server.url()).partitions(1);
    let store = builder.build().unwrap();
    let all = claims(50);
    let answers = claim_all(&store, &all).await;
    assert_eq!(kinds(&answers), vec![Some(StoreErrorKind::Unavailable); 50]);
    drop(only);
    let begun = Instant::now();
    while claim_all(&store, &all).await.iter().any(Result::is_err) {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never heals");
    }
}
