//! Statements that the server keeps prepared.

use sqlx::Row as _;

use super::*;

/// How many statements the session knows by name, and how often they were run.
async fn names(store: &PostgresStore) -> (i64, i64) {
    let asked = store.server.database.read(|conn, _| {
        Box::pin(async move {
            let sql = "SELECT count(*), coalesce(sum(generic_plans + custom_plans), 0)::bigint
                       FROM pg_prepared_statements";
            let row = raw_sql(sql).fetch_one(conn).await?;
            Ok((row.try_get(0)?, row.try_get(1)?))
        })
    });
    asked.await.unwrap()
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
    let builder = PostgresStore::builder(server.url()).deadline(PATIENCE);
    let store = builder.connections(1).migrate().prepare_statements();
    let store = store.connect().await.unwrap();
    claims(&store, 0..2).await;
    let (names_of_two, runs_of_two) = names(&store).await;
    claims(&store, 2..12).await;
    let (names_of_twelve, runs_of_twelve) = names(&store).await;
    assert!(names_of_two > 0);
    assert_eq!(names_of_twelve, names_of_two);
    assert!(
        runs_of_twelve >= runs_of_two + 20,
        "{runs_of_two} became {runs_of_twelve}"
    );

    let builder = PostgresStore::builder(server.url()).deadline(PATIENCE);
    let without = builder.connections(1).connect().await.unwrap();
    claims(&without, 12..14).await;
    assert_eq!(names(&without).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_that_gives_it_another_session_it_goes_on_without() {
    let server = Postgres::start();
    let _owner = store(&server).await;
    let bouncer = PgBouncer::before(&server, 1);
    let builder = || PostgresStore::builder(bouncer.url()).connections(1);
    let builder = || builder().deadline(PATIENCE);
    // Both have the one session of the pooler, which has their names.
    let prepares = |store: &PostgresStore| store.server.database.sessions().preparing.is_on();
    let (first, second) = (
        builder().prepare_statements().connect().await.unwrap(),
        builder().prepare_statements().connect().await.unwrap(),
    );
    claims(&first, 0..5).await;
    assert!(prepares(&first), "nothing has shown that there is a pooler");
    claims(&second, 5..10).await;
    assert!(!prepares(&second));
    claims(&first, 10..15).await;
    assert_eq!(
        server.ask("SELECT count(*) FROM tower_webhook_records"),
        "15"
    );
}

/// A plan for a table that was empty goes through all of it once it is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_grows_is_not_gone_through() {
    const ROWS: u32 = 20_000;
    let server = Postgres::start();
    let builder = PostgresStore::builder(server.url()).deadline(PATIENCE);
    let store = builder.connections(1).migrate().prepare_statements();
    let store = store.connect().await.unwrap();
    // The server knows that it is empty, and does not look again by itself.
    server.ask("ALTER TABLE tower_webhook_records SET (autovacuum_enabled = off)");
    server.ask("VACUUM ANALYZE tower_webhook_records");
    claims(&store, 0..1).await;
    server.ask(&format!(
        "INSERT INTO tower_webhook_records (namespace, key, state, token, attempt, fence, kept_until, corrected)
         SELECT 'default', 'acme:old-' || n, 2, '', 1, 1, 4000000000000000, false
         FROM generate_series(1, {ROWS}) n"
    ));
    claims(&store, 1..40).await;
    // A session tells what it has read as it ends.
    drop(store);
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tower-webhook'";
    while server.ask(sessions) != "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let read = server.ask(
        "SELECT idx_tup_read FROM pg_stat_user_indexes
         WHERE indexrelname = 'tower_webhook_records_pkey'",
    );
    let read: u32 = read.parse().unwrap();
    assert!((40..10 * ROWS).contains(&read), "{read} rows");
}
