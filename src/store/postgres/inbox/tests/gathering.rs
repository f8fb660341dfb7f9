//! Events that are accepted together: each gets the same result as alone.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::poll;

use super::ordering::accept_in;
use super::*;
use crate::inbox::{Accept, Content};
use crate::store::Store as _;
use crate::store::command::{Claim, ClaimOutcome, Complete, StoredResponse};
use crate::store::token::Token;

/// Commands that arrive together share a transaction.
async fn with_one_connection(server: &Postgres) -> PostgresInbox {
    let builder = builder(server.url()).connections(1).migrate();
    builder.connect().await.unwrap()
}

async fn together(
    inbox: &PostgresInbox,
    accepts: &[Accept],
) -> Vec<Result<Accepted, StoreErrorKind>> {
    let accepted = join_all(accepts.iter().map(|accept| inbox.accept(accept))).await;
    let kinds = accepted.into_iter().map(|it| it.map_err(|it| it.kind()));
    kinds.collect()
}

fn numbered(count: u32) -> Vec<Accept> {
    (0..count).map(|it| accept(&it.to_string(), "a")).collect()
}

/// Events that the database rejects, for example because of limits of its owner, together with keys that are long
/// or hold characters that Postgres text cannot.
#[tokio::test]
async fn one_that_the_database_does_not_take_fails_alone() {
    let server = Postgres::start();
    let inbox = with_one_connection(&server).await;
    server.ask("ALTER TABLE tower_webhook_inbox ADD CHECK (key NOT LIKE '%bad%')");
    server.ask("ALTER TABLE tower_webhook_inbox_content ADD CHECK (body <> 'bad')");
    let mut accepts = numbered(40);
    accepts[7] = accept("bad", "a");
    accepts[20] = accept("its content", "bad");
    accepts[21] = accept("a\0b", "a");
    accepts[22] = accept(&"x".repeat(5_000), "a");
    for (number, outcome) in together(&inbox, &accepts).await.into_iter().enumerate() {
        let expected = match number {
            7 | 20 => Err(StoreErrorKind::Refused),
            _ => Ok(Accepted::Queued),
        };
        assert_eq!(outcome, expected, "{number}");
    }
    assert_eq!(inbox.counts().await.unwrap().queued, 38);
}

#[tokio::test]
async fn what_is_known_stands_beside_what_is_new() {
    let server = Postgres::start();
    let inbox = with_one_connection(&server).await;
    let store = PostgresStore::builder(server.url()).deadline(PATIENCE);
    let store = store.connect().await.unwrap();
    let inline = accept("inline", "a");
    let token = Token::random().unwrap();
    let claim = Claim::new(inline.key.clone(), token, inline.fingerprint, DAY, DAY);
    let outcome = store.claim(&claim).await.unwrap();
    let ClaimOutcome::Claimed(grant) = outcome else {
        panic!("{outcome:?}");
    };
    let (id, response) = (claim.key, StoredResponse::new(200));
    let complete = Complete::new(id, token, grant, claim.fingerprint, response, DAY);
    store.complete(&complete).await.unwrap();
    inbox.accept(&accept("known", "a")).await.unwrap();
    let same = Ok(Accepted::Duplicate { differs: false });
    let large = Accept {
        content: Content::new(Bytes::from_static(b"{}"), vec![7; 4_113].into()),
        ..accept("large", "large")
    };
    let (accepts, expected): (Vec<_>, Vec<_>) = [
        (accept("new", "a"), Ok(Accepted::Queued)),
        (accept("known", "a"), same),
        (accept("inline", "a"), same),
        (large, Ok(Accepted::Queued)),
        (accept("known", "b"), Ok(Accepted::Conflict)),
        (accept("new", "a"), same),
        (accept("new", "b"), Ok(Accepted::Conflict)),
        (accept("last", "a"), Ok(Accepted::Queued)),
    ]
    .into_iter()
    .unzip();
    assert_eq!(together(&inbox, &accepts).await, expected);
    let view = inbox.lookup(&key("large")).await.unwrap().unwrap();
    assert_eq!(view.body.as_deref(), Some(&[7; 4_113][..]));
    let taken = inbox.take(&take(9)).await.unwrap();
    let taken: BTreeSet<_> = taken.iter().map(|it| it.key.to_string()).collect();
    assert_eq!(
        taken,
        ["known", "large", "last", "new"].map(str::to_owned).into()
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nobody_with_it() {
    let server = Postgres::start();
    let inbox = with_one_connection(&server).await;
    let accepts = numbered(60);
    for _ in 0..3 {
        let mut stay = Vec::new();
        for (number, accept) in accepts.iter().enumerate() {
            let mut call = Box::pin(inbox.accept(accept));
            assert!(poll!(&mut call).is_pending());
            if number % 3 > 0 {
                stay.push(call);
            }
        }
        for outcome in join_all(stay).await {
            outcome.unwrap();
        }
    }
    together(&inbox, &accepts).await;
    assert_eq!(inbox.counts().await.unwrap().queued, 60);
    assert_eq!(inbox.take(&take(100)).await.unwrap().len(), 60);
}

/// Also with several connections.
#[tokio::test]
async fn a_full_inbox_takes_no_more_than_it_may_and_knows_what_it_has() {
    let server = Postgres::start();
    let builder = builder(server.url()).capacity(100).migrate();
    let inbox = builder.connect().await.unwrap();
    let all = numbered(510);
    let (known, new) = all.split_at(10);
    together(&inbox, known).await;
    let outcomes = together(&inbox, new).await;
    let count = |wanted| {
        outcomes
            .iter()
            .filter(|outcome| **outcome == wanted)
            .count()
    };
    let full = count(Err(StoreErrorKind::Full));
    assert_eq!((count(Ok(Accepted::Queued)), full), (90, 410));
    for outcome in together(&inbox, known).await {
        assert_eq!(outcome, Ok(Accepted::Duplicate { differs: false }));
    }
    assert_eq!(inbox.counts().await.unwrap().queued, 100);
}

/// Whatever their keys are, and whatever arrives with them.
#[tokio::test]
async fn events_of_an_order_key_are_taken_in_the_order_in_which_they_were_answered() {
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    let ids = ["f", "d", "b", "a", "c", "e"];
    for id in ids {
        let mut accepts: Vec<_> = (0..20)
            .map(|it| accept(&format!("{id}{it}"), "a"))
            .collect();
        accepts.insert(9, accept_in(id, 1));
        for outcome in together(&inbox, &accepts).await {
            assert_eq!(outcome, Ok(Accepted::Queued));
        }
    }
    let mut taken_ids = Vec::new();
    while taken_ids.len() < ids.len() {
        let taken = take(200);
        let found = inbox.take(&taken).await.unwrap();
        let ordered: Vec<_> = found.iter().filter(|it| it.entry.order.is_some()).collect();
        assert_eq!(ordered.len(), 1, "one at a time");
        let id = ordered[0].key.to_string();
        let begin = begin(&taken, &id);
        inbox.begin(&begin).await.unwrap();
        let finish = Finish::new(key(&id), begin.token, Verdict::Done, DAY);
        assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
        taken_ids.push(id);
    }
    assert_eq!(taken_ids, ids);
}

/// Also those of one transaction, whatever their keys are.
#[tokio::test]
async fn events_of_an_order_key_that_are_accepted_together_are_taken_in_the_order_in_which_they_came()
 {
    let server = Postgres::start();
    let inbox = with_one_connection(&server).await;
    let known = inbox.server.database.commits();
    let ids = ["first", "z", "m", "a", "q"];
    let accepts: Vec<_> = (1..).zip(ids).map(|(it, id)| accept_in(id, it)).collect();
    for outcome in together(&inbox, &accepts).await {
        assert_eq!(outcome, Ok(Accepted::Queued));
    }
    assert!(
        inbox.server.database.commits() <= known + 2,
        "all but the first"
    );
    for id in ids {
        let taken = take(5);
        let found = inbox.take(&taken).await.unwrap();
        let [found] = &found[..] else {
            panic!("one at a time: {found:?}");
        };
        assert_eq!(found.key.to_string(), id);
        let begin = begin(&taken, id);
        inbox.begin(&begin).await.unwrap();
        let finish = Finish::new(key(id), begin.token, Verdict::Done, DAY);
        assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    }
}

/// Counting the entries takes longer than a command may: only the first accept is affected.
#[tokio::test]
async fn events_are_accepted_although_what_is_there_cannot_be_counted() {
    let server = Postgres::start();
    let owner = inbox(&server).await;
    for outcome in together(&owner, &numbered(30)).await {
        assert_eq!(outcome, Ok(Accepted::Queued));
    }
    server.make_hostile_role();
    server.ask(GRANT);
    // Each row that is read or written takes a tenth of a second.
    server.ask("ALTER TABLE tower_webhook_inbox ENABLE ROW LEVEL SECURITY");
    server.ask(
        "CREATE POLICY slow ON tower_webhook_inbox TO hostile USING (pg_catalog.pg_sleep(0.1) IS NOT NULL)",
    );
    let brief = PostgresInbox::builder(server.url_of("hostile")).deadline(Duration::from_secs(2));
    let inbox = brief.connect().await.unwrap();
    let first = inbox.accept(&accept("first", "a")).await.unwrap_err();
    assert_eq!(first.kind(), StoreErrorKind::TimedOut);
    let begun = std::time::Instant::now();
    while inbox.accept(&accept("next", "a")).await.is_err() {
        assert!(begun.elapsed() < PATIENCE);
    }
    let next = owner.lookup(&key("next")).await.unwrap().unwrap();
    assert_eq!(next.status, EntryStatus::Queued);
}

/// Events that wait at the same time share a few transactions, although each has a connection.
#[tokio::test]
async fn what_comes_while_others_are_under_way_goes_together() {
    const CALLERS: u64 = 64;
    const EACH: u64 = 20;
    let server = Postgres::start();
    let builder = builder(server.url()).connections(32).migrate();
    let inbox = builder.connect().await.unwrap();
    let caller = async |caller: u64| {
        for number in 0..EACH {
            let accept = accept(&format!("{caller}-{number}"), "a");
            assert_eq!(inbox.accept(&accept).await.unwrap(), Accepted::Queued);
        }
    };
    join_all((0..CALLERS).map(caller)).await;
    let commits = inbox.server.database.commits();
    assert!(commits * 8 <= CALLERS * EACH, "{commits}");
}
