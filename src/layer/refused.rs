use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;

use super::discard::Discarding;

/// The answer to a refused request, given once its body is out of the way. Nothing of it is
/// behind a pointer: most of it is at hand.
#[derive(Debug)]
pub(crate) struct Refused<B> {
    response: Option<Response<Bytes>>,
    discarding: Option<Discarding<B>>,
}

impl<B> Refused<B> {
    pub(super) fn new(response: Response<Bytes>, discarding: Option<Discarding<B>>) -> Self {
        Self {
            response: Some(response),
            discarding,
        }
    }
}

impl<B> Future for Refused<B>
where
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
{
    type Output = Response<Bytes>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
        let this = self.get_mut();
        if let Some(discarding) = &mut this.discarding {
            let at_hand = ready!(discarding.poll_at_hand(cx));
            if let Some(discarding) = this.discarding.take().filter(|_| !at_hand) {
                discarding.go_on_later();
            }
        }
        match this.response.take() {
            Some(response) => Poll::Ready(response),
            // Asked again after its end, which no caller does.
            None => Poll::Pending,
        }
    }
}
