use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;

use super::reject_future::RejectFuture;
use super::response_body::ResponseBody;

type Own<RB, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<RB>>, E>> + Send>>;

/// The response of a service of this crate. A request refused at its head has its response already,
/// and needs no box.
pub struct ResponseFuture<B, RB, E>(Kind<B, RB, E>);

enum Kind<B, RB, E> {
    Refused(RejectFuture<B>),
    Own(Own<RB, E>),
}

impl<B, RB, E> ResponseFuture<B, RB, E> {
    pub(super) fn refused(refused: RejectFuture<B>) -> Self {
        Self(Kind::Refused(refused))
    }

    pub(super) fn own(
        future: impl Future<Output = Result<Response<ResponseBody<RB>>, E>> + Send + 'static,
    ) -> Self {
        Self(Kind::Own(Box::pin(future)))
    }
}

impl<B, RB, E> Future for ResponseFuture<B, RB, E>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    type Output = Result<Response<ResponseBody<RB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            Kind::Refused(refused) => {
                let response = ready!(Pin::new(refused).poll(cx));
                Poll::Ready(Ok(response.map(ResponseBody::own)))
            }
            Kind::Own(future) => future.as_mut().poll(cx),
        }
    }
}

impl<B, RB, E> fmt::Debug for ResponseFuture<B, RB, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
