//! How a store on Redis is set up: what it shows of itself, refuses, checks and needs.

use std::error::Error;
use std::time::Duration;

use crate::commands::{claim, claim_at_last, granted};
use crate::redis_support::{Cluster, Server, until};
use tower_webhook::Name;
use tower_webhook::store::{
    RedisConnectErrorKind, RedisSetting, RedisStore, RedisVerdict, Store, StoreErrorKind,
};

fn told(error: &dyn Error) -> String {
    let mut told = format!("{error} {error:?}");
    let mut next = error.source();
    while let Some(error) = next {
        told += &format!(" {error} {error:?}");
        next = error.source();
    }
    told
}

#[tokio::test]
async fn a_password_is_used_and_never_shown() {
    let server = Server::with_password("open-sesame");
    let builder = RedisStore::builder(server.url());
    assert!(!format!("{builder:?}").contains("sesame"));
    let store = builder.connect().await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
    assert_eq!(
        format!("{store:?}"),
        format!(
            "RedisStore {{ redis: 127.0.0.1:{}, namespace: \"default\", partitions: Some(8), \
             deadline: 250ms }}",
            server.port
        )
    );

    let wrong = server.url().replace("open-sesame", "close-sesame");
    let error = RedisStore::connect(wrong.as_str()).await.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Refused);
    assert!(!told(&error).contains("sesame"), "{}", told(&error));
    let store = RedisStore::builder(wrong).build().unwrap();
    let error = store.claim(&claim("evt_1")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert!(!told(&error).contains("sesame"), "{}", told(&error));
    assert!(!format!("{store:?}").contains("sesame"));

    // Whoever changes the password changes it for stores that are running, too.
    let store = RedisStore::connect(server.url()).await.unwrap();
    server.ask(&["CONFIG", "SET", "requirepass", "other-sesame"]);
    granted(store.claim(&claim("evt_2")).await.unwrap());
}

/// Such a server answers with what it was asked: name and password among it.
#[tokio::test]
async fn a_password_is_not_shown_by_a_server_that_does_not_know_the_greeting() {
    let server = Server::with(&[
        "--rename-command",
        "HELLO",
        "X",
        "--rename-command",
        "AUTH",
        "Y",
    ]);
    let cluster = Server::with(&["--cluster-enabled", "yes", "--rename-command", "HELLO", "X"]);
    let greeting = |scheme: &str, port: u16, protocol: &str| {
        format!("{scheme}://app:open-sesame@127.0.0.1:{port}?protocol={protocol}")
    };
    for url in [
        greeting("redis", server.port, "resp2"),
        greeting("redis", server.port, "resp3"),
        greeting("redis-cluster", cluster.port, "resp3"),
    ] {
        let store = RedisStore::builder(url.as_str()).build().unwrap();
        let error = store.claim(&claim("evt_1")).await.unwrap_err();
        assert!(!told(&error).contains("sesame"), "{}", told(&error));
        let refused = RedisStore::builder(url).refuse_at_risk().connect().await;
        let error = refused.unwrap_err();
        assert!(!told(&error).contains("sesame"), "{}", told(&error));
    }
    let resp3 = greeting("redis", server.port, "resp3");
    let error = RedisStore::connect(resp3).await.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Refused);
    assert_eq!(
        error.source().unwrap().to_string(),
        "ResponseError: unknown command 'HELLO'"
    );
}

#[tokio::test]
async fn a_server_that_has_too_many_clients_is_out_of_reach_until_one_leaves() {
    for protocol in ["resp2", "resp3"] {
        let server = Server::with_password("open-sesame");
        server.ask(&["CONFIG", "SET", "maxclients", "1"]);
        // The one that set it may not have left yet.
        let other = loop {
            let client = redis::Client::open(server.url()).unwrap();
            if let Ok(connection) = client.get_multiplexed_async_connection().await {
                break connection;
            }
        };
        let url = format!("{}?protocol={protocol}", server.url());
        let store = RedisStore::connect(url).await.unwrap();
        let held = claim("evt_1");
        let error = store.claim(&held).await.unwrap_err();
        assert_eq!(
            error.kind(),
            StoreErrorKind::Unavailable,
            "{}",
            told(&error)
        );
        drop(other);
        granted(claim_at_last(&store, &held).await);
    }
}

#[test]
fn a_deadline_of_which_no_clock_knows_the_end_is_an_error_with_a_name() {
    for (deadline, text) in [
        (Duration::ZERO, "a deadline of 0 would let every call fail"),
        (Duration::MAX, "a deadline is at most a day"),
    ] {
        let builder = RedisStore::builder("redis://127.0.0.1").deadline(deadline);
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), RedisConnectErrorKind::Setting);
        assert_eq!(error.to_string(), format!("redis store: {text}"));
    }
}

#[tokio::test]
async fn another_number_of_partitions_is_an_error_with_a_name() {
    let server = Server::start();
    RedisStore::connect(server.url()).await.unwrap();
    let other = RedisStore::builder(server.url()).partitions(64);
    let error = other.connect().await.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::Partitions);
    assert_eq!(
        error.to_string(),
        "redis store: the namespace has 8 partitions and this store was built with 64: build it \
         with 8, or take another namespace"
    );
    let lazy = RedisStore::builder(server.url())
        .partitions(64)
        .build()
        .unwrap();
    let error = lazy.claim(&claim("evt_1")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    let elsewhere = Name::new("elsewhere").unwrap();
    let other = RedisStore::builder(server.url())
        .partitions(64)
        .namespace(elsewhere);
    other.connect().await.unwrap();
}

#[tokio::test]
async fn namespaces_do_not_see_each_other() {
    let server = Server::start();
    let store = RedisStore::connect(server.url()).await.unwrap();
    let sandbox = RedisStore::builder(server.url())
        .namespace(Name::new("sandbox").unwrap())
        .connect()
        .await
        .unwrap();
    let claim = claim("evt_1");
    granted(store.claim(&claim).await.unwrap());
    assert_eq!(sandbox.lookup(&claim.key).await.unwrap(), None);
    assert_eq!(sandbox.counts().await.unwrap().claimed, 0);
    assert_eq!(store.counts().await.unwrap().claimed, 1);
}

#[tokio::test]
async fn tls_without_a_crypto_provider_is_an_error_before_connecting() {
    for url in [
        "rediss://127.0.0.1",
        "rediss+sentinel://127.0.0.1/main",
        "rediss-cluster://127.0.0.1",
    ] {
        let error = RedisStore::connect(url).await.unwrap_err();
        assert_eq!(error.kind(), RedisConnectErrorKind::Tls, "{url}");
        assert_eq!(
            error.to_string(),
            "redis store: TLS needs a crypto provider, and none is installed: enable the feature \
             `ring` of rustls and call rustls::crypto::ring::default_provider().install_default() \
             when the process starts"
        );
    }
}

#[tokio::test]
async fn the_check_says_what_is_at_risk_and_what_is_hidden() {
    let server = Server::with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let store = RedisStore::connect(server.url()).await.unwrap();
    let verdicts = |report: &tower_webhook::store::RedisReport| -> Vec<_> {
        let findings = report.findings().iter();
        findings
            .map(|finding| (finding.setting(), finding.verdict()))
            .collect()
    };
    use RedisSetting::{Eviction, Persistence, Replication};
    use RedisVerdict::{AtRisk, Sound, Unknown, Weak};
    assert_eq!(
        verdicts(&store.check().await.unwrap()),
        [
            (Eviction, AtRisk),
            (Persistence, AtRisk),
            (Replication, Weak)
        ]
    );
    let refused = RedisStore::builder(server.url())
        .refuse_at_risk()
        .connect()
        .await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), RedisConnectErrorKind::AtRisk);
    assert!(error.to_string().contains("allkeys-lru"), "{error}");

    for (name, value) in [
        ("maxmemory-policy", "noeviction"),
        ("appendonly", "yes"),
        ("appendfsync", "always"),
    ] {
        server.ask(&["CONFIG", "SET", name, value]);
    }
    assert_eq!(
        verdicts(&store.check().await.unwrap()),
        [(Eviction, Sound), (Persistence, Sound), (Replication, Weak)]
    );
    let accepted = RedisStore::builder(server.url())
        .refuse_at_risk()
        .connect()
        .await;
    accepted.unwrap();

    // As a managed Redis has it.
    server.ask(&[
        "ACL", "SETUSER", "app", "on", ">pw", "~wh:*", "+@all", "-config", "-info",
    ]);
    let url = server.url().replace("redis://", "redis://app:pw@");
    let store = RedisStore::connect(url).await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
    assert_eq!(
        verdicts(&store.check().await.unwrap()),
        [
            (Eviction, Unknown),
            (Persistence, Unknown),
            (Replication, Unknown)
        ]
    );

    let cluster = Cluster::start();
    let store = RedisStore::connect(cluster.url()).await.unwrap();
    assert_eq!(
        store.check().await.unwrap().findings().len(),
        9,
        "three for each master"
    );
}

#[tokio::test]
async fn a_master_that_needs_its_replica_takes_no_claim_without_it() {
    let server = Server::with(&["--min-replicas-to-write", "1"]);
    let port = server.port.to_string();
    let mut replica = Server::with(&["--replicaof", "127.0.0.1", &port]);
    until("the replica counts", || {
        server
            .ask(&["INFO", "replication"])
            .contains("min_slaves_good_slaves:1")
    });
    let store = RedisStore::connect(server.url()).await.unwrap();
    granted(store.claim(&claim("evt_1")).await.unwrap());
    let report = store.check().await.unwrap();
    let replication = &report.findings()[2];
    assert_eq!(
        replication.to_string(),
        "replication: sound (1 replicas, min-replicas-to-write 1): a failover loses no more than \
         the last moment"
    );

    replica.kill();
    until("the replica is missed", || {
        server
            .ask(&["INFO", "replication"])
            .contains("min_slaves_good_slaves:0")
    });
    let error = store.claim(&claim("evt_2")).await.unwrap_err();
    assert_eq!(
        error.kind(),
        StoreErrorKind::Unavailable,
        "{}",
        told(&error)
    );
    assert_eq!(store.lookup(&claim("evt_2").key).await.unwrap(), None);
    replica.restart();
    granted(claim_at_last(&store, &claim("evt_2")).await);
}
