use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;

use super::lingering_body::LingeringBody;

/// The answer to a refused request, given once its body is discarded. Nothing in it is boxed: most
/// of it is available at once.
#[derive(Debug)]
pub(crate) struct RejectFuture<B> {
    response: Option<Response<Bytes>>,
    lingering: Option<LingeringBody<B>>,
}

impl<B> RejectFuture<B> {
    pub(super) fn new(response: Response<Bytes>, lingering: Option<LingeringBody<B>>) -> Self {
        Self {
            response: Some(response),
            lingering,
        }
    }
}

impl<B> Future for RejectFuture<B>
where
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
{
    type Output = Response<Bytes>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
        let this = self.get_mut();
        if let Some(lingering) = &mut this.lingering {
            let at_hand = ready!(lingering.poll_at_hand(cx));
            if let Some(lingering) = this.lingering.take().filter(|_| !at_hand) {
                lingering.go_on_later();
            }
        }
        match this.response.take() {
            Some(response) => Poll::Ready(response),
            // Polled again after its end, which no caller does.
            None => Poll::Pending,
        }
    }
}
