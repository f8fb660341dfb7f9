//! Tables of version 1, and how code for that version sees version 2.

use super::*;

/// Reverts the tables to version 1.
fn at_version_1(server: &Postgres) {
    server.ask(
        "ALTER TABLE tower_webhook_inbox_content DROP COLUMN head, DROP COLUMN rest,
         ALTER COLUMN body SET NOT NULL",
    );
    server.ask("UPDATE tower_webhook_schema SET version = 1 WHERE part = 'inbox'");
}

/// A long body with a small last piece that does not compress well.
fn long() -> Vec<u8> {
    let mut number = 1_u64;
    let words = (0..4_113).map(|_| {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(11);
        number.to_be_bytes()[0]
    });
    words.collect()
}

fn long_of(id: &str) -> Accept {
    let mut accept = accept(id, "a");
    accept.content.body = long().into();
    accept
}

#[tokio::test]
async fn tables_of_version_1_are_brought_on_with_what_stands_in_them() {
    let server = Postgres::start();
    let first = inbox(&server).await;
    first.accept(&accept("short", "a")).await.unwrap();
    at_version_1(&server);
    let whole = "INSERT INTO tower_webhook_inbox_content (id, envelope, body)
        SELECT id + 1000, envelope, body FROM tower_webhook_inbox_content";
    let error = builder(server.url()).connect().await;
    assert!(error.is_err(), "it asks for the migration");
    // Twice, as with two receivers.
    drop(inbox(&server).await);
    let second = inbox(&server).await;
    // The older version keeps writing in its own way.
    server.ask(whole);
    second.accept(&long_of("long")).await.unwrap();
    let taken = second.take(&take(9)).await.unwrap();
    let bodies: Vec<_> = taken
        .iter()
        .map(|it| (it.key.clone(), it.content.body.to_vec()))
        .collect();
    assert_eq!(bodies.len(), 2);
    let short = accept("short", "a").content.body.to_vec();
    assert!(bodies.contains(&(key("short"), short)));
    assert!(bodies.contains(&(key("long"), long())));
    let seen = second.lookup(&key("long")).await.unwrap().unwrap();
    assert_eq!(seen.body.unwrap(), long());
    let seen_by_first = "SELECT count(*) FILTER (WHERE body IS NULL) || ' of ' || count(*)
        FROM tower_webhook_inbox_content";
    assert_eq!(server.ask(seen_by_first), "1 of 3");
    let pieces = "SELECT octet_length(head) || ' ' || octet_length(rest)
        FROM tower_webhook_inbox_content WHERE body IS NULL";
    assert_eq!(server.ask(pieces), "3992 121");
}

#[tokio::test]
async fn a_migration_waits_for_nobody_who_writes_entries_alone() {
    let server = Postgres::start();
    drop(inbox(&server).await);
    at_version_1(&server);
    // As a worker does when it ends an entry.
    let mut writer = server.session("");
    writer.runs(
        "BEGIN;
         LOCK TABLE tower_webhook_inbox, tower_webhook_inbox_order IN ROW EXCLUSIVE MODE;
         SELECT 'locked';",
    );
    writer.says("locked");
    let migrated = inbox(&server).await;
    migrated.accept(&long_of("long")).await.unwrap();
    writer.runs("COMMIT;");
}

/// Before a return to a version without pieces, they are joined, as described in `docs/inbox.md`.
#[tokio::test]
async fn pieces_are_put_together_for_who_knows_none() {
    let page = include_str!("../../../../../docs/inbox.md");
    let (_, sql) = page.split_once("```sql\n").unwrap();
    let (sql, _) = sql.split_once("```").unwrap();
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    for id in ["long", "short"] {
        inbox.accept(&accept(id, "a")).await.unwrap();
    }
    inbox.accept(&long_of("longer")).await.unwrap();
    let lacking =
        || server.ask("SELECT count(*) FROM tower_webhook_inbox_content WHERE body IS NULL");
    assert_eq!(lacking(), "1");
    server.ask(sql);
    assert_eq!(lacking(), "0");
    let seen = inbox.lookup(&key("longer")).await.unwrap().unwrap();
    assert_eq!(seen.body.unwrap(), long());
}

#[tokio::test]
async fn new_content_takes_the_place_of_what_was_in_pieces() {
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    for (body, other) in [(long(), b"short".to_vec()), (b"short".to_vec(), long())] {
        let mut first = accept("evt_1", "a");
        first.content.body = body.into();
        inbox.accept(&first).await.unwrap();
        let taken = take(1);
        inbox.take(&taken).await.unwrap();
        let begin = begin(&taken, "evt_1");
        inbox.begin(&begin).await.unwrap();
        let end = Verdict::Bury {
            reason: "no".to_owned(),
        };
        let finish = Finish::new(key("evt_1"), begin.token, end, DAY);
        inbox.finish(&finish).await.unwrap();
        let mut revived = accept("evt_1", "a");
        revived.content.body = other.clone().into();
        assert_eq!(inbox.accept(&revived).await.unwrap(), Accepted::Revived);
        let seen = inbox.lookup(&key("evt_1")).await.unwrap().unwrap();
        assert_eq!(seen.body.unwrap(), other);
        assert!(inbox.forget(&key("evt_1")).await.unwrap());
    }
}
