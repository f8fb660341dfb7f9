//! Which records are removed once their retention is over, and which are not.

use super::*;

async fn store_by(server: &Postgres, clock: &ManualClock, deadline: Duration) -> PostgresStore {
    let mut builder = PostgresStore::builder(server.url()).deadline(deadline);
    builder.settings.time.clock = Some(Arc::new(clock.clone()));
    builder.migrate().connect().await.unwrap()
}

fn start() -> ManualClock {
    ManualClock::new(UnixTime::from_secs(1_700_000_000))
}

async fn claim_all(store: &PostgresStore, claims: &[Claim]) {
    let calls = claims.iter().map(|claim| store.claim(claim));
    for outcome in futures_util::future::join_all(calls).await {
        assert!(is_granted(&outcome.unwrap()));
    }
}

/// As on a slow disk, or with a trigger of the owner.
#[tokio::test]
async fn as_many_are_removed_at_once_as_it_can_do_in_time() {
    let (server, clock) = (Postgres::start(), start());
    let store = store_by(&server, &clock, PATIENCE).await;
    let claims: Vec<_> = (0..600).map(|it| claim(&it.to_string())).collect();
    claim_all(&store, &claims).await;
    server.ask(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM pg_sleep(0.004);
             RETURN OLD;
         END $$;
         CREATE TRIGGER slow BEFORE DELETE ON tower_webhook_records
         FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    clock.advance(2 * RETENTION);
    let brief = store_by(&server, &clock, Duration::from_millis(500)).await;
    let begun = std::time::Instant::now();
    while server.ask("SELECT count(*) FROM tower_webhook_records") != "1" {
        assert!(begun.elapsed() < PATIENCE, "nothing is removed");
        // After the work for a caller.
        let _ = brief.claim(&claim("last")).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Rows of two partitions have the same places in their files.
#[tokio::test]
async fn of_tables_in_partitions_what_is_over_is_removed_alone() {
    let (server, clock) = (Postgres::start(), start());
    drop(store_by(&server, &clock, PATIENCE).await);
    server.ask(
        "ALTER TABLE tower_webhook_records RENAME TO whole;
         CREATE TABLE tower_webhook_records (LIKE whole INCLUDING ALL) PARTITION BY HASH (namespace, key);
         CREATE TABLE first PARTITION OF tower_webhook_records FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE second PARTITION OF tower_webhook_records FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         DROP TABLE whole",
    );
    let store = store_by(&server, &clock, PATIENCE).await;
    let claims: Vec<_> = (0..40)
        .map(|number| Claim {
            retention: RETENTION * if number % 2 == 0 { 1 } else { 10 },
            ..claim(&number.to_string())
        })
        .collect();
    claim_all(&store, &claims).await;
    clock.advance(2 * RETENTION);
    let begun = std::time::Instant::now();
    let over = "SELECT count(*) FROM tower_webhook_records WHERE kept_until < 1700000900000000";
    while server.ask(over) != "0" {
        assert!(begun.elapsed() < PATIENCE);
        store.claim(&claim("last")).await.unwrap();
    }
    let left = "SELECT count(*) FROM tower_webhook_records WHERE key <> 'acme:last'";
    assert_eq!(server.ask(left), "20");
}
