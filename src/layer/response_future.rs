use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;

use super::reject_future::RejectFuture;
use super::response_body::ResponseBody;

type Own<RB, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<RB>>, E>> + Send>>;

/// A request on its way to an answer that is not simply the inner service's. What was refused at
/// its head has that answer already, and needs no box.
pub(crate) enum Responding<B, RB, E> {
    Refused(RejectFuture<B>),
    Own(Own<RB, E>),
}

impl<B, RB, E> Responding<B, RB, E> {
    pub(crate) fn own(
        future: impl Future<Output = Result<Response<ResponseBody<RB>>, E>> + Send + 'static,
    ) -> Self {
        Self::Own(Box::pin(future))
    }
}

impl<B, RB, E> Future for Responding<B, RB, E>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    type Output = Result<Response<ResponseBody<RB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Refused(refused) => {
                let response = ready!(Pin::new(refused).poll(cx));
                Poll::Ready(Ok(response.map(ResponseBody::own)))
            }
            Self::Own(future) => future.as_mut().poll(cx),
        }
    }
}
