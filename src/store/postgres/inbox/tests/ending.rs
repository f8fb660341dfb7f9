//! Entries that end together end as they would alone, whatever commands share their transaction.

use super::ordering::accept_in;
use super::*;
use crate::inbox::Accepted;
use crate::store::token::Token;

/// An inbox with one connection, so that commands share a transaction, and this much room.
async fn with_room_for(server: &Postgres, capacity: u64) -> PostgresInbox {
    let builder = builder(server.url()).connections(1).capacity(capacity);
    builder.migrate().connect().await.unwrap()
}

/// Takes all due entries, and begins them.
async fn begun(inbox: &PostgresInbox) -> Token {
    let mut take = take(100);
    (take.begin, take.max_attempts) = (true, 9);
    inbox.take(&take).await.unwrap();
    take.token
}

fn done(id: &str, token: Token) -> Finish {
    Finish::new(key(id), token, Verdict::Done, DAY)
}

#[tokio::test]
async fn each_end_is_what_it_would_be_alone() {
    let server = Postgres::start();
    let inbox = with_room_for(&server, 9).await;
    for id in ["a", "b", "c", "d", "e", "f"] {
        inbox.accept(&accept(id, "a")).await.unwrap();
    }
    inbox.accept(&accept_in("ordered", 1)).await.unwrap();
    let token = begun(&inbox).await;
    let stranger = Token::random().unwrap();
    let failed = Verdict::Retry {
        after: DAY,
        reason: "closed".to_owned(),
    };
    let ends = [
        (done("a", token), Held::Held),
        (done("b", stranger), Held::Fenced),
        (done("c", token), Held::Held),
        (Finish::new(key("d"), token, failed, DAY), Held::Held),
        (done("ordered", token), Held::Held),
        (done("never", token), Held::Fenced),
        // A command and its repetition in the same batch.
        (done("c", token), Held::Held),
        (done("e", token), Held::Held),
    ];
    let known = accept("f", "a");
    let held = join_all(ends.iter().map(|(end, _)| inbox.finish(end)));
    let (held, again) = futures_util::join!(held, inbox.accept(&known));
    assert_eq!(again.unwrap(), Accepted::Duplicate { differs: false });
    for ((end, expected), held) in ends.iter().zip(held) {
        assert_eq!(held.unwrap(), *expected, "{end:?}");
    }
    for (id, status) in [
        ("a", EntryStatus::Done),
        ("b", EntryStatus::Running),
        ("c", EntryStatus::Done),
        ("d", EntryStatus::Waiting),
        ("ordered", EntryStatus::Done),
        ("e", EntryStatus::Done),
        ("f", EntryStatus::Running),
    ] {
        let view = inbox.lookup(&key(id)).await.unwrap().unwrap();
        assert_eq!(view.status, status, "{id}");
        assert_eq!(view.body.is_some(), status != EntryStatus::Done, "{id}");
    }
    // Three are left of seven: there is room for six more.
    let more: Vec<_> = (0..8).map(|it| accept(&it.to_string(), "a")).collect();
    let more = join_all(more.iter().map(|accept| inbox.accept(accept))).await;
    assert_eq!(more.iter().filter(|it| it.is_ok()).count(), 6);
}

/// As if a trigger keeps rows unchanged: no caller is told that they have ended.
#[tokio::test]
async fn what_the_database_does_not_write_has_not_ended() {
    let server = Postgres::start();
    let inbox = with_room_for(&server, 9).await;
    for id in ["a", "b"] {
        inbox.accept(&accept(id, "a")).await.unwrap();
    }
    let token = begun(&inbox).await;
    server.ask(
        "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         CREATE TRIGGER kept BEFORE UPDATE ON tower_webhook_inbox FOR EACH ROW WHEN (OLD.key LIKE '%a')
             EXECUTE FUNCTION kept()",
    );
    let ends = ["a", "b"].map(|id| done(id, token));
    let held = join_all(ends.iter().map(|end| inbox.finish(end))).await;
    let [a, b] = &held[..] else { panic!("two") };
    assert_eq!(a.as_ref().unwrap_err().kind(), StoreErrorKind::Refused);
    assert_eq!(*b.as_ref().unwrap(), Held::Held);
    let view = inbox.lookup(&key("a")).await.unwrap().unwrap();
    assert_eq!(
        (view.status, view.body.is_some()),
        (EntryStatus::Running, true)
    );
}
