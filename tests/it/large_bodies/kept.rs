//! What a large body takes while it is verified, and how long.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::runtime::Builder;
use tower::{Layer, ServiceExt};
use tower_webhook::Delivery;
use tower_webhook::layer::Budget;

use super::*;

/// A body that comes in frames, each of which is allocated when it is asked for.
struct Frames {
    whole: Arc<Vec<u8>>,
    at: usize,
    announced: bool,
}

impl From<Bytes> for Frames {
    fn from(bytes: Bytes) -> Self {
        Self {
            at: bytes.len(),
            whole: Arc::default(),
            announced: true,
        }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let rest = self.whole.get(self.at..).unwrap_or_default();
        let next = &rest[..rest.len().min(100_000)];
        if next.is_empty() {
            return Poll::Ready(None);
        }
        let frame = Bytes::copy_from_slice(next);
        self.at += frame.len();
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn size_hint(&self) -> SizeHint {
        match self.announced {
            true => SizeHint::with_exact(u64::try_from(self.whole.len() - self.at).unwrap()),
            false => SizeHint::default(),
        }
    }
}

#[test]
fn a_body_of_25_mib_takes_little_more_than_its_size() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (text, no_text) = (Filling::of(CAP), Filling::with(CAP, 0xff));
    let handler =
        |_: Request<Frames>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) };
    for (n, announced, filling) in [(1, true, &text), (2, false, &text), (3, true, &no_text)] {
        let layer = webhook(&Budget::default()).build().unwrap();
        let whole = [&filling.start[..], Filling::end(n).as_bytes()].concat();
        let body = Frames {
            whole: Arc::new(whole),
            at: 0,
            announced,
        };
        let request = filling.head(n).to_http::<Bytes>().map(|_| body);
        let service = layer.layer(tower::service_fn(handler));
        let mut status = None;
        let counted = measure(|| {
            let answer = runtime.block_on(service.oneshot(request)).unwrap();
            status = Some(answer.status());
        });
        assert_eq!(status, Some(StatusCode::OK));
        let most = usize::try_from(counted.bytes_max).unwrap();
        println!("announced: {announced}: {most} bytes for {CAP}");
        assert!(most * 10 <= CAP * 11, "announced: {announced}: {most}");
    }
}

#[tokio::test]
async fn a_large_body_counts_until_its_last_clone_is_dropped() {
    let budget = Budget::default();
    let taken = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&taken);
    let handler = move |delivery: Delivery| async move {
        *keep.lock().unwrap() = Some(delivery.body());
        StatusCode::NO_CONTENT
    };
    let server = serve(&webhook(&budget), handler).await;
    assert_eq!(Filling::of(CAP).send(1, server.address).await, 204);
    assert_eq!(budget.body_bytes(), CAP);
    drop(taken.lock().unwrap().take());
    crate::support::wait::until("it is given back", || budget.body_bytes() == 0).await;
}
