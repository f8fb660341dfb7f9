//! What a database suffers on a bad day, and how commands go on behind it.

use futures_util::future::join_all;
use tower_webhook::store::{Held, StoreErrorKind};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_the_server_ends_for_standing_idle_cost_no_command() {
    let server = Postgres::start();
    drop(store(&server).await);
    server.ask("ALTER ROLE app SET idle_session_timeout = 100");
    let store = patient(server.url()).connect().await.unwrap();
    for number in 0..2 {
        let claimed = claim(&number.to_string());
        let pause = Duration::from_millis(300);
        tokio::time::sleep(pause).await;
        let grant = granted(store.claim(&claimed).await.unwrap());
        assert_eq!(grant.attempt, 1);
        tokio::time::sleep(pause).await;
        let completed = store.complete(&complete(&claimed, grant)).await;
        assert_eq!(completed.unwrap(), Held::Held);
        tokio::time::sleep(pause).await;
        assert!(store.lookup(&claimed.key).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_were_dropped_are_found_again_once_they_are_there() {
    let server = Postgres::start();
    let own = store(&server).await;
    granted(own.claim(&claim("evt_1")).await.unwrap());
    server.ask("DROP TABLE tower_webhook_records, tower_webhook_schema");
    let claims: Vec<_> = (0..50).map(|number| claim(&number.to_string())).collect();
    for outcome in join_all(claims.iter().map(|it| own.claim(it))).await {
        assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::Refused);
    }
    drop(store(&server).await);
    granted(own.claim(&claim("evt_1")).await.unwrap());
}

/// As when a disk's budget of operations is used up: each row takes a while, and many together longer than a call
/// may.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_slow_does_what_it_can() {
    let server = Postgres::start();
    drop(store(&server).await);
    server.ask(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM nextval('public.tries'), pg_sleep(0.02);
             RETURN NEW;
         END $$;
         CREATE TRIGGER slow BEFORE INSERT ON tower_webhook_records
         FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    let builder = PostgresStore::builder(server.url()).deadline(Duration::from_millis(500));
    let store = builder.connections(1).connect().await.unwrap();
    let storm = async |round: u32| {
        let claims: Vec<_> = (0..100)
            .map(|number| claim(&format!("{round}-{number}")))
            .collect();
        let outcomes = join_all(claims.iter().map(|it| store.claim(it))).await;
        outcomes.iter().filter(|outcome| outcome.is_ok()).count()
    };
    let done = storm(0).await;
    while store.claim(&claim("alone")).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Some of them were tried until the time was over, and none again that nobody waited for.
    let tries: usize = server.ask("SELECT last_value FROM tries").parse().unwrap();
    assert!(tries < 100, "{done} done, {tries} tries");
    // As many together as it can do in time.
    let (begun, mut round) = (std::time::Instant::now(), 1);
    while storm(round).await < 5 {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "none is done in time"
        );
        round += 1;
    }
}

/// Others have the connections that it would take, as when a fleet is scaled up.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_few_connections_left_is_used_over_those_there_are() {
    let server = Postgres::start();
    drop(store(&server).await);
    server.ask(
        "CREATE ROLE few LOGIN CONNECTION LIMIT 2;
         GRANT SELECT, INSERT, UPDATE, DELETE ON tower_webhook_records, tower_webhook_schema TO few",
    );
    let builder = PostgresStore::builder(server.url_of("few")).connections(8);
    let store = builder.connect().await.unwrap();
    for round in 0..20 {
        let claims: Vec<_> = (0..40)
            .map(|number| claim(&format!("{round}-{number}")))
            .collect();
        for outcome in join_all(claims.iter().map(|it| store.claim(it))).await {
            granted(outcome.unwrap());
        }
    }
    // With room again it takes its own.
    server.ask("ALTER ROLE few CONNECTION LIMIT 4");
    crate::sql_support::until("it connects", || {
        server.ask("SELECT count(*) FROM pg_stat_activity WHERE usename = 'few'") == "4"
    });
}
