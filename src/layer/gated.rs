use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::arrival::Arrival;
use super::authenticated::Authenticated;
use super::gates::{Gates, take_mark};
use super::observer::{Observation, Verdict};
use super::receive::{Limits, receive};
use super::reception::Reception;
use super::refusal::Refusal;
use super::response_body::ResponseBody;
use crate::signature::{Verification, Verified};

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

/// What a gated service does before its inner one.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) reception: Reception,
    pub(crate) gates: Gates,
    /// No layer inside will tell the observer what became of a delivery that passes.
    pub(crate) observe_passed: bool,
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
    type Future = GatedFuture<S::Future, RB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        if !self.guard.gates.guard(&parts) {
            return GatedFuture::passed(self.inner.call(Request::from_parts(parts, body)));
        }
        let arrival = Arrival::of(&mut parts, &self.guard.reception);
        let reception = &self.guard.reception;
        let mut mark = match take_mark(&mut parts, &reception.provider) {
            Ok(mark) => mark,
            Err(refusal) => {
                let mark = Authenticated::nothing_yet(reception.provider.clone());
                let refused = reception.refuse(&refusal, &parts, &mark, &arrival, body);
                return GatedFuture::own(async move { Ok(refused.await) });
            }
        };
        match self.guard.gates.admit(&mut parts, &mut mark, &arrival) {
            Err(refusal) => {
                let refused = reception.refuse(&refusal, &parts, &mark, &arrival, body);
                GatedFuture::own(async move { Ok(refused.await) })
            }
            Ok(None) => {
                parts.extensions.insert(mark);
                GatedFuture::passed(self.inner.call(Request::from_parts(parts, body)))
            }
            Ok(Some(verification)) => {
                // The service that is ready is the one that is called.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                let guard = Arc::clone(&self.guard);
                GatedFuture::own(verify_then_call(
                    inner,
                    guard,
                    parts,
                    body,
                    arrival,
                    mark,
                    verification,
                ))
            }
        }
    }
}

async fn verify_then_call<S, B, RB>(
    mut inner: S,
    guard: Arc<Guard>,
    mut parts: Parts,
    mut body: B,
    arrival: Arrival,
    mut mark: Authenticated,
    mut verification: Verification,
) -> Result<Response<ResponseBody<RB>>, S::Error>
where
    S: Service<Request<B>, Response = Response<RB>>,
    B: Body<Data = Bytes> + From<Bytes> + Unpin + Send + 'static,
{
    let reception = &guard.reception;
    for name in reception.secret_headers.iter() {
        if let Some(value) = parts.headers.get_mut(name) {
            value.set_sensitive(true);
        }
    }
    let limits = Limits {
        max_bytes: reception.max_body_bytes,
        deadline: arrival.deadline,
        budget: &reception.budget,
    };
    let received = receive(Pin::new(&mut body), limits, |frame| {
        verification.update(frame);
    })
    .await;
    let verdict = match received {
        Err(reason) => Err(Refusal::from(reason)),
        Ok(bytes) => {
            mark.with_body(bytes);
            verification
                .finish(arrival.received_at)
                .map_err(Refusal::from)
        }
    };
    let verified = match verdict {
        Ok(verified) => verified,
        Err(refusal) => {
            let refused = reception.refuse(&refusal, &parts, &mark, &arrival, body);
            return Ok(refused.await);
        }
    };
    mark.by_signature(verified);
    let bytes = mark.body().cloned().unwrap_or_default();
    if guard.observe_passed {
        reception.observe(&Observation {
            signed_by: mark.signature().map(Verified::key_id),
            client: mark.client(),
            headers: reception
                .interest()
                .headers
                .then(|| reception.masked(&parts)),
            body: reception.interest().body.then_some(&bytes),
            ..reception.observation(Verdict::Passed, &arrival)
        });
    }
    parts.extensions.insert(mark);
    let response = inner
        .call(Request::from_parts(parts, B::from(bytes.clone())))
        .await?;
    Ok(response.map(ResponseBody::inner))
}

type Own<RB, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<RB>>, E>> + Send>>;

pin_project! {
    /// The response of a [`Gated`] service.
    pub struct GatedFuture<F, RB, E> {
        #[pin]
        kind: Kind<F, RB, E>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<F, RB, E> {
        Passed { #[pin] inner: F },
        // Verifies or refuses.
        Own { future: Own<RB, E> },
    }
}

impl<F, RB, E> GatedFuture<F, RB, E> {
    fn passed(inner: F) -> Self {
        Self {
            kind: Kind::Passed { inner },
        }
    }

    fn own(
        future: impl Future<Output = Result<Response<ResponseBody<RB>>, E>> + Send + 'static,
    ) -> Self {
        Self {
            kind: Kind::Own {
                future: Box::pin(future),
            },
        }
    }
}

impl<F, RB, E> Future for GatedFuture<F, RB, E>
where
    F: Future<Output = Result<Response<RB>, E>>,
{
    type Output = Result<Response<ResponseBody<RB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProj::Passed { inner } => {
                let response = ready!(inner.poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::inner)))
            }
            KindProj::Own { future } => future.as_mut().poll(cx),
        }
    }
}

impl<F, RB, E> std::fmt::Debug for GatedFuture<F, RB, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatedFuture").finish_non_exhaustive()
    }
}
