use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::answering::Answering;
use super::authenticated::Authenticated;
use super::guard::Guard;
use super::proofs::Proofs;
use super::response_body::ResponseBody;

/// A service behind gates: what they refuse never reaches it.
///
/// Made by [`RequireSecretPathLayer`](super::RequireSecretPathLayer),
/// [`RequireSourceIpLayer`](super::RequireSourceIpLayer) and
/// [`VerifySignatureLayer`](super::VerifySignatureLayer).
#[derive(Debug, Clone)]
pub struct Gated<S> {
    inner: S,
    guard: Arc<Guard>,
}

impl<S> Gated<S> {
    pub(crate) fn new(inner: S, guard: Arc<Guard>) -> Self {
        Self { inner, guard }
    }
}

impl<S, B, RB> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + From<Bytes> + Unpin + Send + 'static,
    RB: 'static,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = S::Error;
    type Future = GatedFuture<S::Future, B, RB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        if !self.guard.gates.guard(&parts) {
            return GatedFuture::passed(self.inner.call(Request::from_parts(parts, body)));
        }
        let reception = &self.guard.reception;
        let mut proofs = Proofs::take(&mut parts, reception);
        match self.guard.gates.admit(&mut parts, &mut proofs, reception) {
            Err(refusal) => {
                let refused = reception.refuse(&refusal, &mut parts, &proofs, body);
                GatedFuture::own(Answering::Refused(refused))
            }
            Ok(None) => {
                parts.extensions.insert(Authenticated::by(proofs));
                GatedFuture::passed(self.inner.call(Request::from_parts(parts, body)))
            }
            Ok(mut verification) => {
                // The service that is ready is the one that is called.
                let clone = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, clone);
                let guard = Arc::clone(&self.guard);
                let mut body = body;
                GatedFuture::own(Answering::own(async move {
                    let verified =
                        guard.verify(&mut parts, &mut body, &mut proofs, &mut verification);
                    if let Err(refusal) = verified.await {
                        let reception = &guard.reception;
                        let refused = reception.refuse(&refusal, &mut parts, &proofs, body);
                        return Ok(refused.await.map(ResponseBody::own));
                    }
                    let verified = proofs.body.clone().unwrap_or_default();
                    parts.extensions.insert(Authenticated::by(proofs));
                    let request = Request::from_parts(parts, B::from(verified));
                    Ok(inner.call(request).await?.map(ResponseBody::inner))
                }))
            }
        }
    }
}

pin_project! {
    /// The response of a [`Gated`] service.
    pub struct GatedFuture<F, B, RB, E> {
        #[pin]
        kind: Kind<F, B, RB, E>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F, B, RB, E> {
        Passed { #[pin] inner: F },
        // Verifies or refuses.
        Own { #[pin] answering: Answering<B, RB, E> },
    }
}

impl<F, B, RB, E> GatedFuture<F, B, RB, E> {
    fn passed(inner: F) -> Self {
        Self {
            kind: Kind::Passed { inner },
        }
    }

    fn own(answering: Answering<B, RB, E>) -> Self {
        Self {
            kind: Kind::Own { answering },
        }
    }
}

impl<F, B, RB, E> Future for GatedFuture<F, B, RB, E>
where
    F: Future<Output = Result<Response<RB>, E>>,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    type Output = Result<Response<ResponseBody<RB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProj::Passed { inner } => {
                let response = ready!(inner.poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::inner)))
            }
            KindProj::Own { answering } => answering.poll(cx),
        }
    }
}

impl<F, B, RB, E> std::fmt::Debug for GatedFuture<F, B, RB, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatedFuture").finish_non_exhaustive()
    }
}
