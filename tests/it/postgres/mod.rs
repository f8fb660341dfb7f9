//! The store on Postgres: what every store must do, under whatever the server is set to, and when it fails.

mod bad_days;
mod faults;
mod pooler;
mod setup;
mod stalls;
#[cfg(feature = "axum")]
mod tx;

use std::time::Duration;

use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, Grant, PostgresStore, PostgresStoreBuilder, Release, Store,
    StoredResponse, Token,
};
use tower_webhook::{EventKey, Fingerprint, Name};

use crate::sql_support::Postgres;

/// The machine may be busy; the contract is not about how fast a store is.
const PATIENCE: Duration = Duration::from_secs(10);

fn patient(url: impl Into<String>) -> PostgresStoreBuilder {
    PostgresStore::builder(url).deadline(PATIENCE)
}

async fn store(server: &Postgres) -> PostgresStore {
    patient(server.url()).migrate().connect().await.unwrap()
}

fn key(id: &str) -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), [id]).unwrap()
}

fn claim(id: &str) -> Claim {
    let (token, fingerprint) = (Token::random().unwrap(), Fingerprint::of(id.as_bytes()));
    let (lease, retention) = (Duration::from_secs(60), Duration::from_secs(3_600));
    Claim::new(key(id), token, fingerprint, lease, retention)
}

fn release(claim: &Claim) -> Release {
    Release::new(claim.key.clone(), claim.token, claim.retention)
}

fn complete(claim: &Claim, grant: Grant) -> Complete {
    let response = StoredResponse::new(200);
    let (key, token, retention) = (claim.key.clone(), claim.token, claim.retention);
    Complete::new(key, token, grant, claim.fingerprint, response, retention)
}

#[track_caller]
fn granted(outcome: ClaimOutcome) -> Grant {
    match outcome {
        ClaimOutcome::Claimed(grant) => grant,
        other => panic!("{other:?}"),
    }
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let server = Postgres::start();
    tower_webhook::testing::check_store(store(&server).await)
        .await
        .unwrap();
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_without_prepared_statements() {
    let server = Postgres::start();
    let store = patient(server.url()).migrate().prepare_statements(false);
    let store = store.connect().await.unwrap();
    tower_webhook::testing::check_store(store).await.unwrap();
}

/// All that a role and a schema of its own can set against it, and the least that it may be allowed.
#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_for_a_role_that_sets_everything_otherwise() {
    let server = Postgres::start();
    drop(store(&server).await);
    server.make_hostile_role();
    let url = server.url_of("hostile");
    // In another language too.
    let said = server.told(&url, "SELECT 1 / 0");
    assert!(said.contains("Division durch Null"), "{said}");
    let store = patient(url).connect().await.unwrap();
    tower_webhook::testing::check_store(store).await.unwrap();
}

/// Keys and answers are bytes to it, whatever the database takes text for.
#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_in_a_database_that_knows_no_unicode() {
    let server = Postgres::start();
    server.ask("CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let url = format!("postgres://app@127.0.0.1:{}/old", server.port);
    let store = patient(url).schema("own").table_prefix("wh_");
    let store = store.migrate().connect().await.unwrap();
    tower_webhook::testing::check_store(store.clone())
        .await
        .unwrap();
    let strange = claim("\u{1f980} ünïcode");
    granted(store.claim(&strange).await.unwrap());
    store.release(&release(&strange)).await.unwrap();
    let provider = Name::new("acme").unwrap();
    let unfinished = store.unfinished(&provider, 10).await.unwrap();
    assert!(unfinished.iter().any(|view| view.key == strange.key));
}
