use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;

use super::diagnosed::DiagnosisJob;
use super::lingering_body::LingeringBody;

/// The answer to a refused request, given once its body is out of the way. Nothing of it is
/// behind a pointer: most of it is at hand.
#[derive(Debug)]
pub(crate) struct RejectFuture<B> {
    response: Option<Response<Bytes>>,
    lingering: Option<LingeringBody<B>>,
    /// What begins once the answer is given.
    then: Option<Box<DiagnosisJob>>,
}

impl<B> RejectFuture<B> {
    pub(super) fn new(
        response: Response<Bytes>,
        lingering: Option<LingeringBody<B>>,
        then: Option<Box<DiagnosisJob>>,
    ) -> Self {
        Self {
            response: Some(response),
            lingering,
            then,
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
            Some(response) => {
                if let Some(job) = this.then.take() {
                    job.start();
                }
                Poll::Ready(response)
            }
            // Asked again after its end, which no caller does.
            None => Poll::Pending,
        }
    }
}
