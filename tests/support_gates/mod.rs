//! What the tests over real sockets share.
#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod observer;
pub(crate) mod openssl;
pub(crate) mod presets;
pub(crate) mod receiver;
pub(crate) mod server;

use std::time::Duration;

/// No test waits longer than this for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Waits until `done` says so.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let polled = tokio::time::timeout(LIMIT, async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(polled.await.is_ok(), "never came true: {what}");
}
