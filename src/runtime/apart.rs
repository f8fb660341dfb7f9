//! The crate's own runtime for renewing claims, so that handlers which block every thread of the
//! receiver's runtime do not delay renewals.

use std::future::pending;
use std::sync::LazyLock;
use std::time::Instant;

use tokio::runtime::{Builder, Handle};

/// One thread for the whole process. It sleeps while no claim is held.
static RUNTIME: LazyLock<Option<Handle>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("webhook-renewals".to_owned())
        .spawn(move || runtime.block_on(pending::<()>()))
        .ok()?;
    Some(handle)
});

/// The runtime in which to renew claims that tasks of the current runtime hold. `None` if only the
/// current one can do it: the system gives no thread, or a test has paused its time.
pub(super) fn runtime() -> Option<&'static Handle> {
    if !goes_by_the_system() {
        return None;
    }
    RUNTIME.as_ref()
}

/// Whether this runtime follows the system's time. If a test has paused it, time stands still or
/// leaps here, and in no other runtime.
fn goes_by_the_system() -> bool {
    let before = Instant::now();
    let told = tokio::time::Instant::now().into_std();
    (before..=Instant::now()).contains(&told)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_runtime_whose_time_is_paused_keeps_its_own_renewals() {
        assert!(runtime().is_some());
        tokio::time::pause();
        assert!(runtime().is_none());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(runtime().is_none());
        tokio::time::resume();
        assert!(runtime().is_none(), "it is ahead of the system's");
    }
}
