//! Reads on what a refused sender is still sending: what is at hand at once, the rest in the
//! background.
//!
//! A client that is in the middle of a large body when the answer comes loses it if the connection
//! closes at once: the kernel answers its next bytes with a reset. So a refused body is read and
//! thrown away, within bounds that no stranger can widen.

use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Duration;

use bytes::Buf;
use http::HeaderMap;
use http::header::EXPECT;
use http_body::Body;
use tokio::sync::Semaphore;

const MAX_BYTES: usize = 2 * 1024 * 1024;
const MAX_TIME: Duration = Duration::from_secs(2);
const MAX_AT_ONCE: usize = 256;

static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MAX_AT_ONCE)));

/// Throws `body` away, where that helps and there is room for what has not arrived yet.
pub(crate) fn discard<B>(headers: &HeaderMap, body: B) -> impl Future<Output = ()> + Send + use<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    // A client that sent `Expect` waits for leave to send its body, and reading would give it.
    let leave = body.is_end_stream() || headers.contains_key(EXPECT);
    async move {
        if leave {
            return;
        }
        let mut reading = Box::pin(read_up_to(MAX_BYTES, body));
        // A short body has most often come with its head, and needs no task.
        if ends_at_once(reading.as_mut()).await {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let Ok(place) = Arc::clone(&PLACES).try_acquire_owned() else {
            return;
        };
        runtime.spawn(async move {
            let _place = place;
            let _ = tokio::time::timeout(MAX_TIME, reading).await;
        });
    }
}

/// Whether `reading` needs no more than what the server holds already. A server hands that on once
/// it was asked for it, so it is asked twice, and never waited for.
async fn ends_at_once(mut reading: Pin<&mut impl Future<Output = ()>>) -> bool {
    let mut asked = false;
    std::future::poll_fn(|cx| match reading.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending if asked => Poll::Ready(false),
        Poll::Pending => {
            asked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

async fn read_up_to<B: Body>(limit: usize, body: B) {
    let mut body = pin!(body);
    let mut left = limit;
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let read = frame.data_ref().map_or(0, Buf::remaining);
        match left.checked_sub(read) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
