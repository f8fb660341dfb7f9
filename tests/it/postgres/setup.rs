//! How a store comes to its tables, and what it says of a server that is set up otherwise.

use std::error::Error;

use futures_util::future::join_all;
use tower_webhook::store::{
    PostgresConnectErrorKind as Kind, PostgresSetting, PostgresVerdict, StoreErrorKind,
};

use super::*;
use crate::sql_support::proxy::{Fault, Proxy};
use crate::sql_support::until;

/// Host, port and database, as an error shows them.
fn place(server: &Postgres) -> String {
    format!("127.0.0.1:{}/postgres", server.port)
}

/// What is there already is nothing to tell of.
#[cfg(feature = "inbox")]
#[tokio::test]
async fn tables_that_are_there_are_no_line_in_the_log() {
    use crate::support::log::Log;
    use tower_webhook::inbox::PostgresInbox;
    let (server, log) = (Postgres::start(), Log::default());
    let _guard = log.capture(false);
    drop(store(&server).await);
    let inbox = PostgresInbox::builder(server.url()).deadline(PATIENCE);
    drop(inbox.migrate().connect().await.unwrap());
    let text = log.text();
    assert!(!text.contains("already exists"), "{text}");
}

#[tokio::test]
async fn many_that_start_at_once_on_an_empty_database_all_start() {
    let server = Postgres::start();
    for store in join_all((0..8).map(|_| store(&server))).await {
        assert_eq!(store.counts().await.unwrap().done, 0);
    }
}

#[tokio::test]
async fn the_printed_sql_makes_the_same_tables_and_may_be_run_again() {
    let server = Postgres::start();
    let printed = patient(server.url()).schema("own").table_prefix("wh_");
    let sql = printed.migration_sql().unwrap();
    server.ask(&sql);
    server.ask(&sql);
    let columns = |schema: &str, prefix: &str| {
        server.ask(&format!(
            "SELECT substr(table_name, {}), column_name, data_type, is_nullable
             FROM information_schema.columns WHERE table_schema = '{schema}'
             AND table_name LIKE '{prefix}%' ORDER BY 1, 2",
            prefix.len() + 1
        ))
    };
    drop(store(&server).await);
    let made = columns("public", "tower_webhook_");
    assert!(made.contains("records|kept_until|bigint|NO"), "{made}");
    assert_eq!(columns("own", "wh_"), made);
    let store = printed.connect().await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
}

#[tokio::test]
async fn tables_that_are_up_to_date_need_no_right_to_make_them() {
    let server = Postgres::start();
    drop(store(&server).await);
    server.ask("CREATE ROLE receiver LOGIN");
    server.ask(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON tower_webhook_records, tower_webhook_schema
         TO receiver",
    );
    let own = patient(server.url_of("receiver"));
    let store = own.migrate().connect().await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
}

#[tokio::test]
async fn a_role_that_lacks_a_right_is_told_at_the_start() {
    let server = Postgres::start();
    drop(store(&server).await);
    server.ask(
        "CREATE ROLE receivers;
         CREATE ROLE receiver LOGIN IN ROLE receivers;
         GRANT SELECT ON tower_webhook_schema TO receivers;
         GRANT SELECT, INSERT, UPDATE ON tower_webhook_records TO receivers",
    );
    let own = || patient(server.url_of("receiver"));
    for builder in [own(), own().migrate()] {
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        let source = error.source().unwrap().to_string();
        assert_eq!(
            source,
            "the role \"receiver\" may not DELETE in \"public\".\"tower_webhook_records\": run GRANT DELETE ON \
             \"public\".\"tower_webhook_records\" TO \"receiver\""
        );
    }
    // Who may only read looks, as an operator does.
    server.ask("CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    let reading = patient(server.url_of("reader")).connect().await.unwrap();
    assert_eq!(reading.counts().await.unwrap().done, 0);
    let error = reading.claim(&claim("evt_1")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    server.ask("GRANT DELETE ON tower_webhook_records TO receivers");
    let store = own().connect().await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
}

#[tokio::test]
async fn a_server_that_falls_silent_does_not_hold_up_the_start() {
    let server = Postgres::start();
    let proxy = Proxy::before(server.port).await;
    proxy.plan(|_| Fault::Stalls);
    let builder = PostgresStore::builder(proxy.url()).deadline(Duration::from_millis(300));
    let starting = tokio::time::timeout(PATIENCE, builder.migrate().connect());
    let error = starting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
}

#[tokio::test]
async fn a_database_without_tables_says_what_to_do() {
    let server = Postgres::start();
    let error = patient(server.url()).connect().await.unwrap_err();
    assert_eq!(error.kind(), Kind::NoSchema);
    assert_eq!(
        error.to_string(),
        format!(
            "postgres store: {}: the tables are not there; bring them up to date with `migrate`, or run the SQL of \
             `migration_sql`",
            place(&server)
        )
    );
    let store = patient(server.url()).build().unwrap();
    let error = store.claim(&claim("evt_1")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    store.migrate().await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
}

#[tokio::test]
async fn tables_of_a_later_version_are_used_where_that_works_and_else_it_says_so() {
    let server = Postgres::start();
    drop(store(&server).await);
    server.ask("UPDATE tower_webhook_schema SET version = 9");
    let later = store(&server).await;
    granted(later.claim(&claim("evt_1")).await.unwrap());
    let kept = server.ask("SELECT version, works_from FROM tower_webhook_schema");
    assert_eq!(kept, "9|1", "what is newer is left alone");
    server.ask("UPDATE tower_webhook_schema SET works_from = 8");
    for builder in [patient(server.url()), patient(server.url()).migrate()] {
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), Kind::NewerSchema);
        assert_eq!(
            error.to_string(),
            format!(
                "postgres store: {}: the tables public.tower_webhook_ are of version 9 and need a tower-webhook that \
                 knows version 8; this one knows 1",
                place(&server)
            )
        );
    }
}

/// A column more, as a later version adds it, while this one runs.
#[tokio::test]
async fn a_column_that_is_added_meanwhile_is_no_matter() {
    let server = Postgres::start();
    let store = store(&server).await;
    let first = claim("evt_1");
    granted(store.claim(&first).await.unwrap());
    server.ask("ALTER TABLE tower_webhook_records ADD COLUMN first text DEFAULT 'x'");
    server.ask("ALTER TABLE tower_webhook_records ALTER COLUMN status TYPE integer");
    assert!(store.lookup(&first.key).await.unwrap().is_some());
    store.release(&release(&first)).await.unwrap();
    assert_eq!(
        granted(store.claim(&claim("evt_1")).await.unwrap()).attempt,
        2
    );
}

#[tokio::test]
async fn what_is_at_risk_is_told_and_can_be_refused() {
    let server = Postgres::with(&["fsync=off", "synchronous_commit=off"]);
    let own = store(&server).await;
    let verdicts = |report: &tower_webhook::store::PostgresReport| {
        let findings = report.findings().iter();
        findings
            .map(|it| (it.setting(), it.verdict()))
            .collect::<Vec<_>>()
    };
    let report = own.check().await.unwrap();
    assert_eq!(
        verdicts(&report),
        [
            (PostgresSetting::Persistence, PostgresVerdict::AtRisk),
            (PostgresSetting::Commit, PostgresVerdict::Weak),
            (PostgresSetting::Replication, PostgresVerdict::Weak),
        ]
    );
    let refused = patient(server.url()).refuse_at_risk().connect().await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), Kind::AtRisk);
    assert!(error.to_string().contains("set fsync to on"), "{error}");

    let server = Postgres::start();
    let own = store(&server).await;
    let sound = patient(server.url())
        .refuse_at_risk()
        .connect()
        .await
        .unwrap();
    assert_eq!(sound.check().await.unwrap().worst(), PostgresVerdict::Weak);
    server.ask("ALTER TABLE tower_webhook_records SET UNLOGGED");
    assert_eq!(own.check().await.unwrap().worst(), PostgresVerdict::AtRisk);
}

#[tokio::test]
async fn a_server_that_refuses_stops_the_start_and_one_that_is_away_does_not() {
    let server = Postgres::start();
    drop(store(&server).await);
    let error = patient(server.url_of("nobody"))
        .connect()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    let text = format!("postgres store: {}: refused", place(&server));
    assert_eq!(error.to_string(), text);
    let source = error.source().unwrap().to_string();
    assert!(source.contains("SQLSTATE 28000"), "{source}");
    let url = format!("{}?sslmode=require", server.url());
    let error = patient(url).connect().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Tls, "{error:?}");

    let (port, place) = (server.port, place(&server));
    drop(server);
    let error = patient(format!("postgres://app:geheim@127.0.0.1:{port}/postgres"))
        .migrate()
        .connect()
        .await
        .unwrap_err();
    let text = format!("postgres store: {place}: the tables cannot be brought up to date now");
    assert_eq!(error.to_string(), text);
    assert!(!error.source().unwrap().to_string().is_empty());
    assert!(
        !format!("{error} {error:?}").contains("geheim"),
        "{error:?}"
    );
    let url = format!("postgres://app:geheim@127.0.0.1:{port}/postgres");
    let builder = PostgresStore::builder(&url).deadline(Duration::from_millis(300));
    assert!(!format!("{builder:?}").contains("geheim"));
    let store = builder.connect().await.unwrap();
    assert!(!format!("{store:?}").contains("geheim"), "{store:?}");
    assert!(!format!("{:?}", store.identity()).contains("geheim"));
    let error = store.claim(&claim("evt_1")).await.unwrap_err();
    let kinds = [StoreErrorKind::Unavailable, StoreErrorKind::TimedOut];
    assert!(kinds.contains(&error.kind()), "{error:?}");
    let error = patient(url).migrate().connect().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);

    // That nobody listens is told as such, and not as a long time.
    let url = format!("postgres://app:geheim@127.0.0.1:{port}/postgres");
    let builder = PostgresStore::builder(&url).deadline(Duration::from_secs(3));
    let store = builder.connect().await.unwrap();
    for _ in 0..2 {
        let error = store.claim(&claim("evt_1")).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let url = "postgres://app@localhost/app";
    let kind = |builder: PostgresStoreBuilder| builder.build().unwrap_err().kind();
    assert_eq!(
        kind(PostgresStore::builder("postgres://app@host:port/")),
        Kind::Url
    );
    assert_eq!(kind(PostgresStore::builder("localhost")), Kind::Url);
    for builder in [
        PostgresStore::builder(url).connections(0),
        PostgresStore::builder(url).deadline(Duration::ZERO),
        PostgresStore::builder(url).schema("a\"; DROP"),
        PostgresStore::builder(url).table_prefix(""),
    ] {
        assert_eq!(kind(builder), Kind::Setting);
    }
    let one = PostgresStore::builder(url).build().unwrap();
    let same = PostgresStore::builder("postgres://other:secret@localhost/app")
        .build()
        .unwrap();
    assert_eq!(one.identity(), same.identity());
    let other = one.namespace(Name::new("sandbox").unwrap());
    assert_ne!(one.identity(), other.identity());
}

/// What a role may take for a statement is no limit of a migration: an index over millions of rows takes longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_is_bound_by_no_limit_that_the_role_has() {
    let server = Postgres::start();
    for setting in ["statement_timeout", "idle_in_transaction_session_timeout"] {
        server.ask(&format!("ALTER ROLE app SET {setting} = '300ms'"));
    }
    // Another one migrates: for as long the statement that waits for it takes.
    let lock = i64::from_be_bytes(*b"tower-we");
    let mut other = server.session(&format!(
        "SET idle_in_transaction_session_timeout = 0;\nBEGIN;\nSELECT pg_advisory_xact_lock({lock});\n\\echo migrates"
    ));
    other.says("migrates");
    let migrating = tokio::spawn(patient(server.url()).migrate().connect());
    until("it waits", || {
        server.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            == "1"
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(other);
    migrating.await.unwrap().unwrap();
}
