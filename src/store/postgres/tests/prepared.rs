//! Statements that the server keeps prepared.

use sqlx::Row as _;

use super::sql_support::until;
use super::*;

/// How many prepared statements the session of a store's only connection has.
async fn names(store: &PostgresStore) -> i64 {
    on_its_connection(store, "SELECT count(*) FROM pg_prepared_statements").await
}

async fn on_its_connection(store: &PostgresStore, sql: &'static str) -> i64 {
    let asked = store.server.database.read(move |conn, _| {
        Box::pin(async move { Ok(raw_sql(sql).fetch_one(conn).await?.try_get(0)?) })
    });
    asked.await.unwrap()
}

fn prepares(store: &PostgresStore) -> bool {
    store.server.database.sessions().preparing.is_on()
}

async fn of_one_connection(server: &Postgres) -> PostgresStore {
    let builder = PostgresStore::builder(server.url()).deadline(PATIENCE);
    let builder = builder.connections(1).migrate();
    builder.connect().await.unwrap()
}

async fn claims(store: &PostgresStore, ids: std::ops::Range<u32>) {
    for id in ids {
        let claim = claim(&format!("evt_{id}"));
        assert!(is_granted(&store.claim(&claim).await.unwrap()), "{id}");
        let released = store.release(&release(&claim)).await.unwrap();
        assert_eq!(released, Held::Held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_prepared_once_for_each_connection() {
    let server = Postgres::start();
    let store = of_one_connection(&server).await;
    claims(&store, 0..2).await;
    let known = names(&store).await;
    claims(&store, 2..12).await;
    assert!(known > 0);
    assert_eq!(names(&store).await, known);

    let builder = PostgresStore::builder(server.url()).deadline(PATIENCE);
    let builder = builder.connections(1).prepare_statements(false);
    let without = builder.connect().await.unwrap();
    claims(&without, 12..14).await;
    assert_eq!(names(&without).await, 0);
}

/// PgBouncer refuses or ignores the setting that identifies a session.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_nothing_is_ever_prepared() {
    let server = Postgres::start();
    let _owner = store(&server).await;
    for setting in ["", "ignore_startup_parameters = options"] {
        let bouncer = PgBouncer::with(&server, 1, setting);
        let builder = PostgresStore::builder(bouncer.url()).deadline(PATIENCE);
        let store = builder.connections(1).connect().await.unwrap();
        claims(&store, 0..2).await;
        assert!(!prepares(&store), "{setting}");
        // The only session of the server, which other clients use next.
        assert_eq!(names(&store).await, 0, "{setting}");
        let marked = "SELECT count(current_setting('tower_webhook.link', true))";
        assert_eq!(on_its_connection(&store, marked).await, 0, "{setting}");
        server.ask("DELETE FROM tower_webhook_records");
    }
}

/// It would also be refused without the setting.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_connections_is_not_taken_for_a_pooler() {
    let server = Postgres::start();
    let _owner = of_one_connection(&server).await;
    server.ask("CREATE ROLE plain LOGIN CONNECTION LIMIT 0");
    server.ask("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain");
    let builder = PostgresStore::builder(server.url_of("plain"));
    let store = builder.connections(1).build().unwrap();
    assert!(store.claim(&claim("evt_0")).await.is_err());
    assert!(prepares(&store));
    server.ask("ALTER ROLE plain CONNECTION LIMIT -1");
    claims(&store, 1..3).await;
    assert!(prepares(&store));
    assert!(names(&store).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_that_gives_its_session_to_another_one_it_goes_on_without() {
    let server = Postgres::start();
    let _owner = store(&server).await;
    let bouncer = PgBouncer::before(&server, 1);
    let builder = || PostgresStore::builder(bouncer.url()).connections(1);
    let builder = || builder().deadline(PATIENCE).prepare_statements(true);
    let (first, second) = (
        builder().connect().await.unwrap(),
        builder().connect().await.unwrap(),
    );
    claims(&second, 0..5).await;
    // Its mark is gone: the only session belongs to the other store.
    claims(&first, 5..10).await;
    assert!(!prepares(&first));
    claims(&second, 10..15).await;
    claims(&first, 15..20).await;
    let done = server.ask("SELECT count(*) FROM tower_webhook_records");
    assert_eq!(done, "20");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_lost_its_names_is_noticed() {
    let server = Postgres::start();
    let store = of_one_connection(&server).await;
    claims(&store, 0..5).await;
    assert!(prepares(&store));
    on_its_connection(&store, "DEALLOCATE ALL; SELECT 1::bigint").await;
    claims(&store, 5..10).await;
    assert!(!prepares(&store));
    assert_eq!(names(&store).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_was_changed_by_hand_is_read_anew() {
    let server = Postgres::start();
    let store = of_one_connection(&server).await;
    claims(&store, 0..5).await;
    server.ask("ALTER TABLE tower_webhook_records ALTER COLUMN content_type TYPE varchar");
    claims(&store, 5..10).await;
    assert!(store.lookup(&key("evt_9")).await.unwrap().is_some());
    assert!(prepares(&store));
}

/// A plan for an empty table scans all of it even after it has grown.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_grows_is_not_gone_through() {
    const ROWS: u32 = 20_000;
    let server = Postgres::start();
    let store = of_one_connection(&server).await;
    // The server knows that it is empty, and does not analyze it again by itself.
    server.ask("ALTER TABLE tower_webhook_records SET (autovacuum_enabled = off)");
    server.ask("VACUUM ANALYZE tower_webhook_records");
    claims(&store, 0..1).await;
    server.ask(&format!(
        "INSERT INTO tower_webhook_records (namespace, key, state, token, attempt, fence, kept_until, corrected)
         SELECT 'default', 'acme:old-' || n, 2, '', 1, 1, 4000000000000000, false
         FROM generate_series(1, {ROWS}) n"
    ));
    claims(&store, 1..40).await;
    // A session reports its reads when it ends.
    drop(store);
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tower-webhook'";
    until("it has ended", || server.ask(sessions) == "0");
    let read = server.ask(
        "SELECT idx_tup_read FROM pg_stat_user_indexes
         WHERE indexrelname = 'tower_webhook_records_pkey'",
    );
    let read: u32 = read.parse().unwrap();
    assert!((40..10 * ROWS).contains(&read), "{read} rows");
}
