//! Calls while the file fails, or with data that this crate has not written.

use sqlx::Connection as _;

use super::*;
use crate::store::sql::inbox::Order;
use crate::store::sqlite::writer::Commands as _;

#[tokio::test]
async fn a_file_that_is_locked_is_not_now_and_nothing_is_accepted() {
    let folder = Folder::new();
    let brief = Duration::from_millis(400);
    let inbox = SqliteInbox::builder(folder.file())
        .deadline(brief)
        .connect();
    let inbox = inbox.await.unwrap();
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    let mut beside = folder.beside().await;
    run(&mut beside, "BEGIN IMMEDIATE").await;
    let error = inbox.accept(&accept("evt_2", "a")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(
        inbox.lookup(&key("evt_1")).await.unwrap().is_some(),
        "reads go on"
    );
    run(&mut beside, "COMMIT").await;
    assert!(inbox.lookup(&key("evt_2")).await.unwrap().is_none());
    let accepted = inbox.accept(&accept("evt_2", "a")).await.unwrap();
    assert_eq!(accepted, Accepted::Queued);
}

#[tokio::test]
async fn a_full_inbox_says_so_until_there_is_room() {
    let folder = Folder::new();
    let inbox = builder(&folder).capacity(3).connect().await.unwrap();
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
    assert_eq!(
        inbox.accept(&accept("4", "a")).await.unwrap(),
        Accepted::Queued
    );
    let error = inbox.accept(&accept("3", "a")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
}

#[tokio::test]
async fn what_another_process_has_accepted_fills_the_inbox_too() {
    let folder = Folder::new();
    let other = inbox(&folder).await;
    let mut conn = folder.beside().await;
    let mut commands = EntryCommands::new(3);
    commands.set_up(&mut conn).await.unwrap();
    for id in ["0", "1", "2"] {
        other.accept(&accept(id, "a")).await.unwrap();
    }
    let order = Order::Accept(Box::new(accept("3", "a")));
    let placed = Placed::new(&Name::new("default").unwrap(), order);
    tokio::time::pause();
    let mut is_full = Vec::new();
    for wait in [9, 1] {
        tokio::time::advance(Duration::from_secs(wait)).await;
        commands.prepare(&mut conn).await.unwrap();
        let mut undone = conn.begin().await.unwrap();
        let orders = [&placed];
        let carried_out = commands.carry_out(&mut undone, &orders, UnixTime::now());
        let answer = carried_out.await.unwrap().answers.remove(0);
        is_full.push(answer.is_err_and(|error| error.kind() == StoreErrorKind::Full));
        undone.rollback().await.unwrap();
    }
    assert_eq!(is_full, [false, true]);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_no_other() {
    let folder = Folder::new();
    let inbox = inbox(&folder).await;
    for id in ["evt_1", "evt_2", "evt_3"] {
        inbox.accept(&accept(id, id)).await.unwrap();
    }
    let mut beside = folder.beside().await;
    run(
        &mut beside,
        "UPDATE tower_webhook_inbox SET fingerprint = x'00' WHERE key = 'acme:evt_1';
         DELETE FROM tower_webhook_inbox_content WHERE id = 2;",
    )
    .await;
    let error = inbox.accept(&accept("evt_1", "a")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    let error = inbox.lookup(&key("evt_1")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    // One at a time: an unreadable entry blocks nobody for long.
    let mut ids = Vec::new();
    for _ in 0..4 {
        let taken = inbox.take(&take(1)).await.unwrap();
        ids.extend(taken.into_iter().map(|it| it.key.to_string()));
    }
    assert_eq!(ids, ["evt_3"]);
    let lost = inbox.lookup(&key("evt_2")).await.unwrap().unwrap();
    assert_eq!(lost.status, EntryStatus::Dead);
    assert_eq!(
        &*lost.entry.history.last().unwrap().reason,
        "its content is lost"
    );
    assert!(inbox.forget(&key("evt_1")).await.unwrap());
    let anew = inbox.accept(&accept("evt_1", "a")).await.unwrap();
    assert_eq!(anew, Accepted::Queued);
}

#[tokio::test]
async fn a_file_of_a_later_version_is_left_alone() {
    let folder = Folder::new();
    drop(inbox(&folder).await);
    let mut beside = folder.beside().await;
    run(
        &mut beside,
        "UPDATE tower_webhook_schema SET version = 9, works_from = 9 WHERE part = 'inbox'",
    )
    .await;
    let error = builder(&folder).connect().await.unwrap_err();
    assert_eq!(
        error.kind(),
        crate::store::SqliteConnectErrorKind::NewerSchema
    );
    assert!(
        error
            .to_string()
            .contains("its tables of the inbox are of version 9"),
        "{error}"
    );
}
