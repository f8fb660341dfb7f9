use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::terms::ClaimTerms;
use super::within::CALL_LIMIT;
use crate::store::{Release, Store, StoreError, StoreErrorKind};

/// The pauses before a call to a store is retried.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(50);
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How many releases are retried at once in the background. The claims of others end with their
/// leases: an outage must not fill the process.
static BACKGROUND: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(256)));

/// Whether a retry cannot help.
pub(super) fn is_final(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::Refused | StoreErrorKind::Corrupt
    )
}

/// Releases in the background, until the store has taken it or the lease is over anyway. It does
/// not delay a shutdown.
pub(super) fn release_later(terms: &ClaimTerms, release: Release) {
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let Ok(place) = Arc::clone(&BACKGROUND).try_acquire_owned() else {
        return;
    };
    let store = terms.store.clone();
    let give_up = Instant::now() + terms.lease;
    runtime.spawn(async move {
        let _place = place;
        let mut wait = FIRST_WAIT;
        while Instant::now() < give_up {
            match timeout(CALL_LIMIT, store.release(&release)).await {
                Ok(Err(error)) if !is_final(&error) => {}
                Err(_) => {}
                Ok(Ok(_) | Err(_)) => return,
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    });
}
