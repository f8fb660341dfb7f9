//! Panics of what is a user's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// A handler has panicked. What it said is the panic hook's to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Calls something once.
pub(crate) fn caught_once<T>(call: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|said| {
        // What it panicked with may panic being dropped, and that with something that does so again.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(said)));
        dropped.unwrap_or_else(std::mem::forget);
        Panicked
    })
}

/// Calls something, and polls what it returns.
pub(crate) fn caught<F: Future>(call: impl FnOnce() -> F) -> Caught<F> {
    Caught {
        future: caught_once(call).ok(),
    }
}

pin_project! {
    /// What a call has returned; none where that has panicked, and once it has ended.
    pub(crate) struct Caught<F> {
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Caught<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut slot = this.project().future;
            // One that is given up half-way may panic being dropped.
            let _ = caught_once(|| slot.set(None));
        }
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.project().future;
        let Some(future) = slot.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(Panicked));
        };
        let outcome = match caught_once(|| future.poll(cx)) {
            Ok(poll) => Ok(ready!(poll)),
            Err(panicked) => Err(panicked),
        };
        // Where it panics being dropped, what it has come to stands.
        let _ = caught_once(|| slot.set(None));
        Poll::Ready(outcome)
    }
}
