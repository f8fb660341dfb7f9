//! What a Redis user of its own must be allowed, as the README lists it: enough, and nothing that is
//! not needed.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use crate::commands::{claim, complete, key, release};
use crate::redis_support::{Certificates, Cluster, Sentinel, Server, programs};
use tower_webhook::store::{
    Claim, ClaimOutcome, Grant, Held, RedisStore, RedisStoreBuilder, Renew, Store,
};

const ALL: &str = "+eval +evalsha +get +getrange +set +del +time +scan";
const FOR_A_DATABASE: &str = "+select";
const FOR_SENTINEL: &str = "+role";
const FOR_CLUSTER: &str = "+ping +cluster|slots";
const FOR_RESHARDING: &str = "+asking";
const FOR_THE_CHECK: &str = "+info +config|get";
const OF_SENTINELS: &str = "+role +sentinel|masters";

/// With which the check asks for more than `INFO` says.
const SETTINGS: &[&str] = &["--appendonly", "yes"];

fn words(texts: &[&'static str]) -> Vec<&'static str> {
    texts.iter().flat_map(|text| text.split(' ')).collect()
}

#[test]
fn the_readme_lists_what_is_tested_here() {
    let readme = include_str!("../../README.md");
    for listed in [
        ALL,
        FOR_A_DATABASE,
        FOR_SENTINEL,
        FOR_CLUSTER,
        FOR_RESHARDING,
        FOR_THE_CHECK,
        OF_SENTINELS,
    ] {
        // A bar would end the cell of a table.
        let listed = format!("`{}`", listed.replace('|', "\\|"));
        assert!(readme.contains(&listed), "{listed}");
    }
}

fn allow(server: &Server, rights: &[&str]) {
    let user = ["ACL", "SETUSER", "app", "reset", "on", ">pw", "~wh:*"];
    assert_eq!(server.ask(&[&user[..], rights].concat()), "OK");
}

/// The URL with the user's name and password.
fn login(url: &str) -> String {
    url.replace("://", "://app:pw@")
}

fn builder(url: &str) -> RedisStoreBuilder {
    RedisStore::builder(url).deadline(Duration::from_secs(10))
}

fn told(error: &dyn Error) -> String {
    let source = error.source().map(ToString::to_string);
    format!("{error}: {}", source.unwrap_or_default())
}

async fn granted(store: &RedisStore, claim: &Claim) -> Result<Grant, String> {
    match store.claim(claim).await.map_err(|error| told(&error))? {
        ClaimOutcome::Claimed(grant) => Ok(grant),
        other => Err(format!("{other:?}")),
    }
}

fn right(what: impl Display, is_right: bool) -> Result<(), String> {
    is_right.then_some(()).ok_or_else(|| what.to_string())
}

/// Everything that a store does, the check of the settings included.
async fn does_all(builder: RedisStoreBuilder, run: &str) -> Result<(), String> {
    let store = does_most(builder, run).await?;
    let report = store.check().await.map_err(|error| told(&error))?;
    let report = report.to_string();
    let hidden = report.contains("unknown") || report.contains("hide") || report.contains("hidden");
    right(report, !hidden)
}

/// All but the check, each command for keys in many partitions.
async fn does_most(builder: RedisStoreBuilder, run: &str) -> Result<RedisStore, String> {
    let store = builder.connect().await.map_err(|error| told(&error))?;
    let text = |error: tower_webhook::store::StoreError| told(&error);
    for number in 0..8 {
        let (done, failed) = (
            claim(&format!("{run}_done_{number}")),
            claim(&format!("{run}_failed_{number}")),
        );
        let grant = granted(&store, &done).await?;
        let renew = Renew::new(
            done.key.clone(),
            done.token,
            crate::commands::LONG,
            crate::commands::LONG,
        );
        let held = store.renew(&[renew]).await.map_err(text)?;
        right("renew", held == [Held::Held])?;
        store
            .complete(&complete(&done, grant))
            .await
            .map_err(text)?;
        granted(&store, &failed).await?;
        store.wait(&failed.key, Duration::from_millis(1)).await;
        store.release(&release(&failed)).await.map_err(text)?;
        right(
            "lookup",
            store.lookup(&done.key).await.map_err(text)?.is_some(),
        )?;
    }
    let counts = store.counts().await.map_err(text)?;
    right("counts", counts.done >= 8 && counts.released >= 8)?;
    let provider = key("x").provider().clone();
    let unfinished = store.unfinished(&provider, 100).await.map_err(text)?;
    right("unfinished", unfinished.len() >= 8)?;
    for number in 0..8 {
        for kind in ["done", "failed"] {
            let key = key(&format!("{run}_{kind}_{number}"));
            right("forget", store.forget(&key).await.map_err(text)?)?;
        }
    }
    Ok(store)
}

/// All of it is done with these rights, and not without any one of those that are needed.
async fn needs(
    servers: &[&Server],
    given: &[&str],
    needed: &[&str],
    builder: impl Fn() -> RedisStoreBuilder,
) {
    for server in servers {
        allow(server, given);
    }
    does_all(builder(), "all").await.unwrap();
    for without in needed {
        let fewer: Vec<_> = (given.iter().copied())
            .filter(|right| right != without)
            .collect();
        for server in servers {
            allow(server, &fewer);
            // As after a restart: scripts are sent anew.
            server.ask(&["SCRIPT", "FLUSH"]);
        }
        let fewer = builder().deadline(Duration::from_secs(2));
        let failed = does_all(fewer, without).await;
        assert!(failed.is_err(), "{without} is not needed");
    }
}

#[tokio::test]
async fn one_server() {
    for program in programs() {
        let server = Server::of(program, SETTINGS);
        let rights = words(&[ALL, FOR_THE_CHECK]);
        needs(&[&server], &rights, &rights, || {
            builder(&login(&server.url()))
        })
        .await;
    }
}

#[tokio::test]
async fn another_database_than_0() {
    let server = Server::with(SETTINGS);
    let rights = words(&[ALL, FOR_A_DATABASE, FOR_THE_CHECK]);
    let url = login(&server.url()) + "/1";
    needs(&[&server], &rights, &[FOR_A_DATABASE], || builder(&url)).await;
}

#[tokio::test]
async fn one_server_with_tls_needs_no_more() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = Certificates::new();
    let server = Server::with_tls(&certificates);
    allow(&server, &words(&[ALL, FOR_THE_CHECK]));
    let builder = builder(&login(&server.tls_url())).root_certificates(certificates.ca());
    does_all(builder, "tls").await.unwrap();
}

#[tokio::test]
async fn the_master_that_sentinel_names() {
    let sentinel = Sentinel::start();
    let servers = [&sentinel.master, &sentinel.replica];
    // What the check needs tells who is the master, too.
    let url = login(&sentinel.url());
    for server in servers {
        allow(server, &words(&[ALL, FOR_THE_CHECK]));
    }
    does_all(builder(&url), "info").await.unwrap();
    for server in servers {
        allow(server, &words(&[ALL, FOR_SENTINEL]));
    }
    does_most(builder(&url), "role").await.unwrap();
    for server in servers {
        allow(server, &words(&[ALL]));
    }
    let neither = builder(&url).deadline(Duration::from_secs(2));
    assert!(does_most(neither, "neither").await.is_err());

    // Sentinels may have users of their own.
    let url = format!(
        "{}?sentinel_username=app&sentinel_password=pw",
        login(&sentinel.url())
    );
    for server in servers {
        allow(server, &words(&[ALL, FOR_SENTINEL, FOR_THE_CHECK]));
    }
    let rights = words(&[OF_SENTINELS]);
    needs(&[&sentinel.sentinel], &rights, &rights, || builder(&url)).await;
}

#[tokio::test]
async fn a_cluster() {
    let cluster = Cluster::with(SETTINGS);
    let servers: Vec<_> = cluster.masters.iter().collect();
    let rights = words(&[ALL, FOR_CLUSTER, FOR_THE_CHECK]);
    // Without `ping` the client of Redis takes its connections for broken whenever it looks at them.
    let needed: Vec<_> = (rights.iter().copied())
        .filter(|right| *right != "+ping")
        .collect();
    needs(&servers, &rights, &needed, || {
        builder(&login(&cluster.url()))
    })
    .await;

    // While a slot is moved, its new master is told that it is asked out of turn.
    let store = builder(&login(&cluster.url())).connect();
    for server in &servers {
        allow(server, &words(&[ALL, FOR_CLUSTER, FOR_RESHARDING]));
    }
    let store = store.await.unwrap();
    let moving = claim("moving");
    granted(&store, &moving).await.unwrap();
    let (owner, name) = (servers.iter())
        .find_map(|server| {
            let names = server.ask(&["KEYS", "wh:*moving*"]);
            (!names.is_empty()).then_some((server, names))
        })
        .unwrap();
    assert!(store.forget(&moving.key).await.unwrap());
    let slot = owner.ask(&["CLUSTER", "KEYSLOT", &name]);
    let other = servers.iter().find(|it| it.port != owner.port).unwrap();
    let id = |server: &Server| server.ask(&["CLUSTER", "MYID"]);
    let import = ["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(owner)];
    assert_eq!(other.ask(&import), "OK");
    let migrate = ["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(other)];
    assert_eq!(owner.ask(&migrate), "OK");
    granted(&store, &moving).await.unwrap();
    for server in &servers {
        allow(server, &words(&[ALL, FOR_CLUSTER]));
    }
    let refused = store.lookup(&moving.key).await.unwrap_err();
    assert!(told(&refused).contains("Ask"), "{}", told(&refused));
}
