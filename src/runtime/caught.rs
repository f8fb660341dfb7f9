//! Catches panics of user code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// A handler has panicked. The panic hook reports the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Calls a function once.
pub(crate) fn caught_once<T>(call: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|said| {
        // Dropping a panic's payload may panic, and so may dropping that panic's payload.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(said)));
        dropped.unwrap_or_else(std::mem::forget);
        Panicked
    })
}

/// Calls a function, and polls the future that it returns.
pub(crate) fn caught<F: Future>(call: impl FnOnce() -> F) -> Caught<F> {
    Caught {
        future: caught_once(call).ok(),
    }
}

pin_project! {
    /// The future that a call has returned; `None` if the call has panicked, or once the future has
    /// ended.
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
        // If it panics while being dropped, its output remains valid.
        let _ = caught_once(|| slot.set(None));
        Poll::Ready(outcome)
    }
}
