//! What the crate does over HTTP, on real stores and servers, and when they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that panics has done its work"
)]

#[cfg(feature = "axum")]
mod attacks;
#[cfg(all(feature = "axum", feature = "testing", feature = "redis"))]
mod batches;
#[cfg(feature = "redis")]
#[path = "../redis_support/commands.rs"]
mod commands;
#[cfg(feature = "axum")]
mod confirm;
#[cfg(all(feature = "axum", feature = "testing"))]
mod contracts;
#[cfg(feature = "metrics")]
mod dashboards;
#[cfg(all(feature = "axum", feature = "senders", feature = "testing"))]
mod diagnosis;
#[cfg(feature = "axum")]
mod duplicates;
#[cfg(all(feature = "axum", feature = "gzip"))]
mod gzip;
#[cfg(feature = "axum")]
mod handlers;
#[cfg(all(feature = "axum", feature = "testing"))]
mod health;
#[cfg(feature = "axum")]
mod identity;
#[cfg(all(feature = "axum", feature = "inbox"))]
mod inbox;
#[cfg(feature = "axum")]
mod journal;
#[cfg(all(feature = "axum", feature = "testing"))]
mod kit;
#[cfg(feature = "axum")]
mod large_bodies;
#[cfg(feature = "axum")]
mod layers;
#[cfg(feature = "axum")]
mod lease;
#[cfg(all(feature = "asymmetric", feature = "axum", feature = "testing"))]
mod message_signatures;
#[cfg(feature = "axum")]
mod misuse;
#[cfg(all(feature = "axum", feature = "metrics", feature = "testing"))]
mod numbers;
#[cfg(feature = "page")]
mod operator;
#[cfg(feature = "axum")]
mod own_proofs;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(all(
    feature = "axum",
    feature = "http-client",
    feature = "jwt",
    feature = "testing"
))]
mod public_keys;
#[cfg(feature = "axum")]
mod ready;
#[cfg(all(
    feature = "axum",
    feature = "http-client",
    feature = "inbox",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite",
    feature = "testing"
))]
mod reconcile;
#[cfg(feature = "redis")]
mod redis_acl;
#[cfg(feature = "redis")]
mod redis_connections;
#[cfg(all(feature = "redis", feature = "testing"))]
mod redis_contract;
#[cfg(feature = "redis")]
mod redis_faults;
#[cfg(all(feature = "axum", feature = "redis"))]
mod redis_proxy;
#[cfg(feature = "redis")]
mod redis_scan;
#[cfg(feature = "redis")]
mod redis_setup;
#[cfg(all(feature = "axum", feature = "redis"))]
mod redis_steps;
#[cfg(feature = "redis")]
#[path = "../redis_support/mod.rs"]
mod redis_support;
#[cfg(feature = "axum")]
mod refusals;
mod renewals;
#[cfg(feature = "axum")]
mod secrets;
#[cfg(all(feature = "axum", feature = "senders", feature = "testing"))]
mod senders;
#[cfg(feature = "axum")]
mod shutdown;
#[cfg(feature = "axum")]
mod signing;
#[cfg(feature = "axum")]
mod source;
#[cfg(feature = "axum")]
mod spans;
#[cfg(feature = "postgres")]
#[path = "../sql_support/mod.rs"]
mod sql_support;
#[cfg(all(feature = "axum", feature = "sqlite"))]
mod sqlite;
#[cfg(feature = "axum")]
mod store_faults;
#[cfg(feature = "axum")]
mod strangers_text;
#[cfg(feature = "axum")]
#[path = "../support/mod.rs"]
mod support;
mod tasks;
#[cfg(all(feature = "axum", any(feature = "postgres", feature = "sqlite")))]
mod tx_ends;
#[cfg(all(feature = "axum", feature = "redis"))]
mod unconfirmed;
#[cfg(feature = "axum")]
mod verdicts;
