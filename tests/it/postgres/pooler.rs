//! Behind PgBouncer in transaction mode, where each transaction may go to another server connection.

use futures_util::future::join_all;
use tower_webhook::store::{Held, PostgresStoreBuilder};

use super::*;
use crate::sql_support::PgBouncer;
use crate::support::amount::short_or_long;

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_behind_pgbouncer() {
    let server = Postgres::start();
    let bouncer = PgBouncer::before(&server, 2);
    // The tables too are made through it.
    let store = patient(bouncer.url()).migrate().connect().await.unwrap();
    tower_webhook::testing::check_store(store).await.unwrap();
}

/// Statements that are prepared in one round trip and bound in the next would land in the table of
/// another client now and then, with success.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_commands_of_many_clients_each_land_where_they_belong() {
    each_lands_where_it_belongs(|builder| builder).await;
}

/// Names that one client has prepared are unknown to the next session, or another client's.
#[tokio::test(flavor = "multi_thread")]
async fn nor_does_a_client_that_is_told_to_prepare_them_reach_what_is_another_ones() {
    each_lands_where_it_belongs(|builder| builder.prepare_statements(true)).await;
}

async fn each_lands_where_it_belongs(set: fn(PostgresStoreBuilder) -> PostgresStoreBuilder) {
    let server = Postgres::start();
    let bouncer = PgBouncer::before(&server, 4);
    let rounds = short_or_long(40, 208);
    let client = |number: usize| {
        let url = bouncer.url();
        async move {
            // Two kinds of client with tables of their own.
            let prefix = ["left_", "right_"][number % 2];
            let builder = set(patient(url).connections(1).table_prefix(prefix));
            let store = builder.migrate().connect().await.unwrap();
            for round in 0..rounds {
                let done = claim(&format!("{prefix}{number}-{round}-done"));
                let failed = claim(&format!("{prefix}{number}-{round}-failed"));
                let grant = granted(store.claim(&done).await.unwrap());
                granted(store.claim(&failed).await.unwrap());
                assert_eq!(
                    store.complete(&complete(&done, grant)).await.unwrap(),
                    Held::Held
                );
                assert_eq!(store.release(&release(&failed)).await.unwrap(), Held::Held);
            }
        }
    };
    join_all((0..16).map(client)).await;
    let each = 8 * rounds;
    for prefix in ["left_", "right_"] {
        let rows = server.ask(&format!(
            "SELECT count(*) FILTER (WHERE state = 2 AND key LIKE 'acme:{prefix}%-done'),
                    count(*) FILTER (WHERE state = 3 AND key LIKE 'acme:{prefix}%-failed'),
                    count(*) FROM {prefix}records"
        ));
        assert_eq!(rows, format!("{each}|{each}|{}", 2 * each), "{prefix}");
    }
}
