//! Calls while the server fails, or with data that this crate has not written.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_somebody_has_locked_holds_up_no_other() {
    let server = Postgres::start();
    let builder = builder(server.url()).connections(1).migrate();
    let inbox = builder.connect().await.unwrap();
    for id in ["locked", "free"] {
        inbox.accept(&accept(id, "a")).await.unwrap();
    }
    let mut lock = server.session(
        "BEGIN;\nSELECT key FROM tower_webhook_inbox WHERE key = 'acme:locked' FOR UPDATE;\n\\echo locked",
    );
    lock.says("locked");
    // A duplicate needs no lock.
    let same = inbox.accept(&accept("locked", "a")).await.unwrap();
    assert_eq!(same, Accepted::Duplicate { differs: false });
    let discarding = tokio::spawn({
        let inbox = inbox.clone();
        async move { inbox.discard(&Discard::new(key("locked"), DAY)).await }
    });
    until("it waits", || {
        server.ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "1"
    });
    let others: Vec<_> = (0..20).map(|it| accept(&it.to_string(), "a")).collect();
    for outcome in join_all(others.iter().map(|it| inbox.accept(it))).await {
        assert_eq!(outcome.unwrap(), Accepted::Queued);
    }
    // A take skips it.
    let taken = inbox.take(&take(30)).await.unwrap();
    assert_eq!(taken.len(), 21);
    assert!(taken.iter().all(|taken| taken.key != key("locked")));
    assert!(!discarding.is_finished());
    drop(lock);
    assert_eq!(discarding.await.unwrap().unwrap(), Moved::Done);
    assert!(inbox.take(&take(30)).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_accepted_survives_a_server_that_is_killed() {
    let mut server = Postgres::start();
    let inbox = inbox(&server).await;
    for id in ["queued", "running"] {
        inbox.accept(&accept(id, id)).await.unwrap();
    }
    let taken = take(2);
    assert_eq!(inbox.take(&taken).await.unwrap().len(), 2);
    let begin = begin(&taken, "running");
    inbox.begin(&begin).await.unwrap();
    server.kill();
    let brief = PostgresInbox::builder(server.url()).deadline(Duration::from_millis(300));
    let error = brief.build().unwrap();
    let error = error.accept(&accept("away", "a")).await.unwrap_err();
    let kinds = [StoreErrorKind::Unavailable, StoreErrorKind::TimedOut];
    assert!(kinds.contains(&error.kind()), "{error:?}");
    server.restart();
    let extend = Extend::new(key("running"), begin.token, DAY);
    assert_eq!(inbox.extend(&[extend]).await.unwrap(), [Held::Held]);
    for (id, status) in [
        ("queued", EntryStatus::Running),
        ("running", EntryStatus::Running),
    ] {
        let view = inbox.lookup(&key(id)).await.unwrap().unwrap();
        assert_eq!(
            (view.status, view.body.as_deref()),
            (status, Some(id.as_bytes()))
        );
    }
    assert!(inbox.lookup(&key("away")).await.unwrap().is_none());
}

#[tokio::test]
async fn sessions_that_are_ended_cost_nothing_but_a_connection() {
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    for number in 0..10 {
        let accepts: Vec<_> = (0..20)
            .map(|it| accept(&format!("{number}-{it}"), "a"))
            .collect();
        let accepting = join_all(accepts.iter().map(|accept| inbox.accept(accept)));
        let ending = async {
            server.ask(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE application_name = 'tower-webhook'",
            );
        };
        let (accepted, ()) = tokio::join!(accepting, ending);
        for outcome in accepted {
            // Sent again after a commit without an answer, it is a duplicate of itself.
            let accepted = outcome.unwrap();
            let known = Accepted::Duplicate { differs: false };
            assert!(
                [Accepted::Queued, known].contains(&accepted),
                "{accepted:?}"
            );
        }
    }
    assert_eq!(inbox.counts().await.unwrap().queued, 200);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_no_other() {
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    for id in ["evt_1", "evt_2", "evt_3"] {
        inbox.accept(&accept(id, id)).await.unwrap();
    }
    server.ask("UPDATE tower_webhook_inbox SET fingerprint = '' WHERE key = 'acme:evt_1'");
    server.ask(
        "DELETE FROM tower_webhook_inbox_content WHERE id =
             (SELECT id FROM tower_webhook_inbox WHERE key = 'acme:evt_2')",
    );
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
    let reason = &*lost.entry.history.last().unwrap().reason;
    assert_eq!(reason, "its content is lost");
    assert!(inbox.forget(&key("evt_1")).await.unwrap());
    let anew = inbox.accept(&accept("evt_1", "a")).await.unwrap();
    assert_eq!(anew, Accepted::Queued);
}

/// Takes from three entries, of which only the second is unreadable.
async fn all_but_the_second(inbox: &PostgresInbox) {
    let mut ids = Vec::new();
    for _ in 0..3 {
        // The first take that meets it may fail.
        let taken = inbox.take(&take(3)).await.unwrap_or_default();
        ids.extend(taken.into_iter().map(|it| it.key.to_string()));
    }
    ids.sort();
    assert_eq!(ids, ["evt_1", "evt_3"]);
}

async fn three(inbox: &PostgresInbox) {
    // It does not fit in its row, and cannot be made much shorter.
    let large: String = (0_u32..2_000)
        .map(|it| format!("{:x}", it.wrapping_mul(2_654_435_761)))
        .collect();
    for (id, what) in [("evt_1", "a"), ("evt_2", &*large), ("evt_3", "c")] {
        inbox.accept(&accept(id, what)).await.unwrap();
    }
}

#[tokio::test]
async fn a_body_that_is_gone_costs_its_entry_alone() {
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    three(&inbox).await;
    server.ask(
        "UPDATE tower_webhook_inbox_content SET body = NULL, head = NULL WHERE id =
             (SELECT id FROM tower_webhook_inbox WHERE key = 'acme:evt_2')",
    );
    all_but_the_second(&inbox).await;
    let lost = inbox.lookup(&key("evt_2")).await.unwrap().unwrap();
    assert_eq!(lost.status, EntryStatus::Dead);
}

#[tokio::test]
async fn a_body_on_a_damaged_page_costs_its_entry_alone() {
    let mut server = Postgres::start();
    let inbox = inbox(&server).await;
    three(&inbox).await;
    let file = server.ask(
        "SELECT pg_relation_filepath(reltoastrelid) FROM pg_class
         WHERE relname = 'tower_webhook_inbox_content'",
    );
    server.damage(&file);
    all_but_the_second(&inbox).await;
    let state = "SELECT state FROM tower_webhook_inbox WHERE key = 'acme:evt_2'";
    assert_eq!(server.ask(state), "5", "it is dead");
    // Other entries can still be taken, including those after it.
    inbox.accept(&accept("evt_4", "d")).await.unwrap();
    assert_eq!(inbox.take(&take(3)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn tables_of_a_later_version_are_used_where_that_works_and_else_it_says_so() {
    let server = Postgres::start();
    drop(inbox(&server).await);
    server.ask("UPDATE tower_webhook_schema SET version = 9 WHERE part = 'inbox'");
    let later = inbox(&server).await;
    later.accept(&accept("evt_1", "a")).await.unwrap();
    server.ask("UPDATE tower_webhook_schema SET works_from = 8 WHERE part = 'inbox'");
    let error = builder(server.url()).connect().await.unwrap_err();
    assert_eq!(
        error.kind(),
        crate::store::PostgresConnectErrorKind::NewerSchema
    );
}
