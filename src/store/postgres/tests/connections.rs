//! How connections are made, and which are used.

use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::postgres::PgPoolOptions;

use super::sql_support::proxy::{Fault, Proxy};
use super::*;

/// As with a token that expires: the options of the pool are replaced while it is in use.
#[tokio::test]
async fn on_a_pool_it_connects_as_the_pool_does_now() {
    let server = Postgres::start();
    let options: PgConnectOptions = server.url().parse().unwrap();
    let pool = PgPoolOptions::new().max_connections(2);
    let pool = pool.connect_lazy_with(options.clone().application_name("first"));
    let store = PostgresStore::on_pool(pool.clone()).deadline(PATIENCE);
    let store = store.migrate().connect().await.unwrap();
    store.claim(&claim("evt_1")).await.unwrap();
    let sessions = |name: &str, what: &str| {
        server.ask(&format!(
            "SELECT count({what}) FROM pg_stat_activity WHERE application_name = '{name}'"
        ))
    };
    assert_ne!(sessions("first", "pid"), "0");
    pool.set_connect_options(options.application_name("second"));
    sessions("first", "pg_terminate_backend(pid)");
    store.claim(&claim("evt_2")).await.unwrap();
    assert_ne!(sessions("second", "pid"), "0");
    assert_eq!(sessions("first", "pid"), "0");
}

/// As a NAT does to connections that are idle for some minutes.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fell_silent_while_they_were_idle_cost_no_command() {
    let server = Postgres::start();
    let proxy = Proxy::before(server.port).await;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    proxy.plan_each(move |number, _| {
        counted.fetch_max(number + 1, Ordering::SeqCst);
        Fault::Passes
    });
    let builder = PostgresStore::builder(proxy.url()).migrate();
    let mut builder = builder.connections(4).deadline(Duration::from_secs(2));
    builder.settings.asked_when_idle = Duration::from_millis(200);
    let store = builder.connect().await.unwrap();
    let mut beside = beside(&server).await;
    // While one is blocked, the others connect too.
    let lock = "BEGIN; LOCK TABLE tower_webhook_records";
    raw_sql(lock).execute(&mut beside).await.unwrap();
    let claims: Vec<_> = (0..8).map(|it| claim(&it.to_string())).collect();
    let claiming = claims.iter().map(|it| store.claim(it));
    let unlocking = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        raw_sql("COMMIT").execute(&mut beside).await.unwrap();
    };
    let (outcomes, ()) = tokio::join!(futures_util::future::join_all(claiming), unlocking);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;

    let old = count.load(Ordering::SeqCst);
    assert!(old > 2, "{old} connections");
    proxy.plan_each(move |number, _| match number < old {
        true => Fault::Stalls,
        false => Fault::Passes,
    });
    let begun = std::time::Instant::now();
    for number in 10..20 {
        let claim = claim(&number.to_string());
        assert!(is_granted(&store.claim(&claim).await.unwrap()), "{number}");
        assert!(store.lookup(&claim.key).await.unwrap().is_some());
    }
    let took = begun.elapsed();
    assert!(
        took < Duration::from_secs(2),
        "one is asked, and not each: {took:?}"
    );
}
