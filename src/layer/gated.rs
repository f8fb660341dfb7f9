use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::authenticator::Authenticator;
use super::refuse::refuse;
use super::response_body::ResponseBody;
use super::response_future::Responding;
use crate::authenticated::Authenticated;
use crate::reason::Reason;
use crate::request_clock::RequestClock;
use crate::runtime::within;

/// A service behind gates: what they refuse never reaches it.
///
/// Made by [`RequireSecretPathLayer`](super::RequireSecretPathLayer),
/// [`RequireSourceIpLayer`](super::RequireSourceIpLayer) and
/// [`VerifySignatureLayer`](super::VerifySignatureLayer).
#[derive(Debug, Clone)]
pub struct Gated<S> {
    inner: S,
    authenticator: Arc<Authenticator>,
}

impl<S> Gated<S> {
    pub(crate) fn new(inner: S, authenticator: Arc<Authenticator>) -> Self {
        Self {
            inner,
            authenticator,
        }
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
    type Future = GatedFuture<S, B, RB>;

    /// Ready at once: what is inside is asked once the gates have let a request through.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, mut body) = request.into_parts();
        if !self.authenticator.checks.guard(&parts) {
            let request = Request::from_parts(parts, body);
            return GatedFuture::passing(self.inner.clone(), request, None);
        }
        let endpoint = &self.authenticator.endpoint;
        let mut auth = endpoint.take_auth(&mut parts);
        match self
            .authenticator
            .checks
            .admit(&mut parts, &mut auth, endpoint)
        {
            Err(cause) => {
                let refused = refuse(endpoint, &cause, &mut parts, &auth, body);
                GatedFuture::own(Responding::Refused(refused))
            }
            Ok(None) => {
                let request_clock = endpoint.start_clock(&mut auth.readings);
                parts.extensions.insert(Authenticated::by(auth));
                let request = Request::from_parts(parts, body);
                let guarded = Some((Arc::clone(&self.authenticator), request_clock));
                GatedFuture::passing(self.inner.clone(), request, guarded)
            }
            Ok(mut verification) => {
                let inner = self.inner.clone();
                let authenticator = Arc::clone(&self.authenticator);
                GatedFuture::own(Responding::own(async move {
                    let verified =
                        authenticator.take_in(&mut parts, &mut body, &mut auth, &mut verification);
                    if let Err(cause) = verified.await {
                        let endpoint = &authenticator.endpoint;
                        let refused = refuse(endpoint, &cause, &mut parts, &auth, body);
                        return Ok(refused.await.map(ResponseBody::own));
                    }
                    let verified = auth.body.clone().unwrap_or_default();
                    let request_clock = authenticator.endpoint.start_clock(&mut auth.readings);
                    parts.extensions.insert(Authenticated::by(auth));
                    let request = Request::from_parts(parts, B::from(verified));
                    let passing = Passing {
                        inner,
                        request,
                        guarded: Some((authenticator, request_clock)),
                    };
                    passing.pass().await
                }))
            }
        }
    }
}

/// A request that was let through and waits for what is inside to be ready.
struct Passing<S, B> {
    inner: S,
    request: Request<B>,
    /// Who let it through; none where it is no business of the checks.
    guarded: Option<(Arc<Authenticator>, RequestClock)>,
}

impl<S, B, RB> Passing<S, B>
where
    S: Service<Request<B>, Response = Response<RB>>,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    /// Passes the request on once it can be taken. Where its sender comes again, it waits no longer
    /// than that does.
    async fn pass(self) -> Result<Response<ResponseBody<RB>>, S::Error> {
        let Self {
            mut inner,
            request,
            guarded,
        } = self;
        if let Some((authenticator, request_clock)) = guarded {
            let mut ready = poll_fn(|cx| inner.poll_ready(cx));
            let endpoint = &authenticator.endpoint;
            let cause = if (&mut ready).now_or_never().transpose()?.is_some() {
                None
            } else if let Some(_place) = endpoint.budget.waiting_room().enter() {
                let limit = (endpoint.contract.retries_at_all()).then_some(request_clock.deadline);
                match limit {
                    Some(limit) => match within(|| limit, ready).await.transpose()? {
                        Some(()) => None,
                        None => Some(Reason::NotReady),
                    },
                    None => {
                        ready.await?;
                        None
                    }
                }
            } else {
                Some(Reason::BudgetUsedUp)
            };
            if let Some(reason) = cause {
                // What it has waited in is left before the answer.
                drop(inner);
                let (mut parts, body) = request.into_parts();
                let auth = endpoint.take_auth(&mut parts);
                let refused = refuse(endpoint, &reason.into(), &mut parts, &auth, body);
                return Ok(refused.await.map(ResponseBody::own));
            }
        } else {
            poll_fn(|cx| inner.poll_ready(cx)).await?;
        }
        Ok(inner.call(request).await?.map(ResponseBody::inner))
    }
}

pin_project! {
    /// The response of a [`Gated`] service.
    pub struct GatedFuture<S, B, RB>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        kind: Kind<S, B, RB>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<S, B, RB>
    where
        S: Service<Request<B>>,
    {
        // Let through at its head.
        Passing { passing: Option<Passing<S, B>> },
        Passed { #[pin] inner: S::Future },
        // Verifies, waits or refuses.
        Own { #[pin] answering: Responding<B, RB, S::Error> },
    }
}

impl<S, B, RB> GatedFuture<S, B, RB>
where
    S: Service<Request<B>>,
{
    fn passing(
        inner: S,
        request: Request<B>,
        guarded: Option<(Arc<Authenticator>, RequestClock)>,
    ) -> Self {
        let passing = Some(Passing {
            inner,
            request,
            guarded,
        });
        Self {
            kind: Kind::Passing { passing },
        }
    }

    fn own(answering: Responding<B, RB, S::Error>) -> Self {
        Self {
            kind: Kind::Own { answering },
        }
    }
}

impl<S, B, RB> Future for GatedFuture<S, B, RB>
where
    S: Service<Request<B>, Response = Response<RB>> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    RB: 'static,
{
    type Output = Result<Response<ResponseBody<RB>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project().kind.project() {
                KindProj::Passing { passing } => {
                    let Some(mut passing) = passing.take() else {
                        // Asked again after it has panicked, which no caller does.
                        return Poll::Pending;
                    };
                    match passing.inner.poll_ready(cx) {
                        Poll::Ready(Ok(())) => Kind::Passed {
                            inner: passing.inner.call(passing.request),
                        },
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        // Behind a pointer, as everything that most requests do without.
                        Poll::Pending => Kind::Own {
                            answering: Responding::own(passing.pass()),
                        },
                    }
                }
                KindProj::Passed { inner } => {
                    let response = ready!(inner.poll(cx))?;
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
                KindProj::Own { answering } => return answering.poll(cx),
            };
            self.as_mut().project().kind.set(next);
        }
    }
}

impl<S, B, RB> std::fmt::Debug for GatedFuture<S, B, RB>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatedFuture").finish_non_exhaustive()
    }
}
