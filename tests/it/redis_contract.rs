//! What every store must do, on every kind of Redis.

use std::time::Duration;

use crate::redis_support::{Certificates, Cluster, Sentinel, Server, valkey};
use tower_webhook::Store;
use tower_webhook::store::{RedisStore, RedisStoreBuilder};
use tower_webhook::testing::check_store;

/// The machine may be busy; the contract is not about how fast a store is.
fn patient(url: impl Into<String>) -> RedisStoreBuilder {
    RedisStore::builder(url).deadline(Duration::from_secs(10))
}

async fn holds_at(store: RedisStoreBuilder) {
    check_store(store.connect().await.unwrap()).await.unwrap();
}

async fn server_holds(program: &str) {
    let server = Server::of(program, &[]);
    holds_at(patient(server.url())).await;
    holds_at(patient(server.url() + "?protocol=resp3")).await;
}

#[tokio::test]
async fn one_server_keeps_the_contract() {
    server_holds("redis-server").await;
}

#[tokio::test]
async fn a_server_of_valkey_keeps_the_contract_where_there_is_one() {
    if let Some(program) = valkey() {
        server_holds(program).await;
    }
}

#[tokio::test]
async fn a_server_with_tls_and_an_authority_of_its_own_keeps_the_contract() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = Certificates::new();
    let server = Server::with_tls(&certificates);
    holds_at(patient(server.tls_url()).root_certificates(certificates.ca())).await;

    let unknown = RedisStore::connect(server.tls_url()).await.unwrap();
    let error = unknown.check().await.unwrap_err();
    assert_eq!(
        error.kind(),
        tower_webhook::store::StoreErrorKind::Unavailable,
        "{error:?}"
    );
}

#[tokio::test]
async fn the_master_that_sentinel_names_keeps_the_contract() {
    let sentinel = Sentinel::start();
    holds_at(patient(sentinel.url())).await;
}

#[tokio::test]
async fn what_goes_together_keeps_the_contract() {
    let server = Server::start();
    let store = patient(server.url()).connect().await.unwrap();
    check_store(store.for_items().unwrap()).await.unwrap();
    let cluster = Cluster::start();
    let store = patient(cluster.url()).connect().await.unwrap();
    check_store(store.for_items().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_cluster_keeps_the_contract() {
    let cluster = Cluster::start();
    holds_at(patient(cluster.url())).await;
    for master in &cluster.masters {
        let keys: u32 = master.ask(&["DBSIZE"]).parse().unwrap();
        assert!(keys > 10, "each master has its share: {keys}");
    }
}
