//! Reads the rest of a refused sender's body: the available part at once, the rest in the
//! background.
//!
//! A client in the middle of a large body loses the answer if the connection closes at once: the
//! kernel answers its next bytes with a reset. So a refused body is read and discarded, within
//! bounds that no stranger can widen.

use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use http::HeaderMap;
use http::header::EXPECT;
use http_body::Body;
use tokio::sync::Semaphore;

/// The bound unless the layer takes longer bodies.
const MAX_BYTES: usize = 2 * 1024 * 1024;
const MAX_TIME: Duration = Duration::from_secs(2);
const MAX_AT_ONCE: usize = 256;

/// How many bodies longer than [`MAX_BYTES`] are read at once: a server allocates buffers for each.
const MAX_LONG_AT_ONCE: usize = 16;

static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MAX_AT_ONCE)));
static LONG_PLACES: Semaphore = Semaphore::const_new(MAX_LONG_AT_ONCE);

/// A refused body that is being discarded.
#[derive(Debug)]
pub(super) struct LingeringBody<B> {
    body: B,
    left: usize,
    asked: bool,
}

impl<B: Body> LingeringBody<B> {
    /// Starts with `body` if that helps; `None` if there is nothing to discard.
    pub(super) fn of(headers: &HeaderMap, body: B, cap: usize) -> Option<Self> {
        // A client that sent `Expect` waits for permission to send its body, and reading would
        // grant it.
        if body.is_end_stream() || headers.contains_key(EXPECT) {
            return None;
        }
        Some(Self {
            body,
            left: MAX_BYTES.max(cap),
            asked: false,
        })
    }

    /// Whether reading needs only the bytes that the server has already. A short body has usually
    /// arrived with its head, and needs no task. A server hands it on after the first poll, so the
    /// body is polled twice, and never waited for.
    pub(super) fn poll_at_hand(&mut self, cx: &mut Context<'_>) -> Poll<bool>
    where
        B: Unpin,
    {
        match read(&mut self.body, &mut self.left, cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if self.asked => Poll::Ready(false),
            Poll::Pending => {
                self.asked = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// Continues in the background, if there is room.
    pub(super) fn go_on_later(self)
    where
        B: Unpin + Send + 'static,
        B::Data: Send,
    {
        let Self {
            mut body, mut left, ..
        } = self;
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let Ok(place) = Arc::clone(&PLACES).try_acquire_owned() else {
            return;
        };
        runtime.spawn(async move {
            let _place = place;
            let is_long = body
                .size_hint()
                .upper()
                .is_none_or(|rest| usize::try_from(rest).map_or(true, |rest| rest > MAX_BYTES));
            let reading = async {
                let _place = match is_long && left > MAX_BYTES {
                    true => LONG_PLACES.acquire().await.ok(),
                    false => None,
                };
                std::future::poll_fn(|cx| read(&mut body, &mut left, cx)).await;
            };
            let _ = tokio::time::timeout(MAX_TIME, reading).await;
        });
    }
}

/// Reads until the body ends, breaks off, or exceeds `left`.
fn read<B: Body + Unpin>(body: &mut B, left: &mut usize, cx: &mut Context<'_>) -> Poll<()> {
    while let Some(Ok(frame)) = ready!(Pin::new(&mut *body).poll_frame(cx)) {
        let read = frame.data_ref().map_or(0, Buf::remaining);
        match left.checked_sub(read) {
            Some(rest) => *left = rest,
            None => break,
        }
    }
    Poll::Ready(())
}
