//! Waiting for a condition, with a limit and never for a fixed time.

use std::future::Future;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tower_webhook::store::{RecordState, RecordView};
use tower_webhook::{EventKey, MemoryStore, Store};

/// No test waits longer than this for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Awaits `work`, and fails the test if that takes too long.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match timeout(LIMIT, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited too long for {what}"),
    }
}

/// Checks `condition` until it holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    within(what, async {
        while !condition() {
            sleep(LOOK_EVERY).await;
        }
    })
    .await;
}

/// The record of an event as it is now.
pub(crate) async fn record(store: &MemoryStore, key: &EventKey) -> Option<RecordView> {
    store.lookup(key).await.unwrap()
}

/// The record of an event once this holds for it.
pub(crate) async fn record_that(
    store: &MemoryStore,
    key: &EventKey,
    wanted: impl Fn(&RecordView) -> bool,
) -> RecordView {
    within("a record", async {
        loop {
            match record(store, key).await {
                Some(view) if wanted(&view) => return view,
                _ => sleep(LOOK_EVERY).await,
            }
        }
    })
    .await
}

/// The record of an event once it is done.
pub(crate) async fn done(store: &MemoryStore, key: &EventKey) -> RecordView {
    record_that(store, key, |view| done_with(view).is_some()).await
}

/// The record of an event once it is released.
pub(crate) async fn released(store: &MemoryStore, key: &EventKey) -> RecordView {
    record_that(store, key, |view| view.state == RecordState::Released).await
}

/// Whether somebody is working on the event.
pub(crate) fn is_claimed(view: &RecordView) -> bool {
    matches!(view.state, RecordState::Claimed { .. })
}

/// The stored status of a done record.
pub(crate) fn done_with(view: &RecordView) -> Option<u16> {
    match &view.state {
        RecordState::Done(response) => Some(response.status),
        _ => None,
    }
}
