use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::dedupe::{Answer, Core, Known};
use super::guard::Guard;
use super::proofs::Proofs;
use super::refusal::Refusal;
use super::response_body::ResponseBody;
use crate::signature::Verification;

/// A service behind all the gates of a provider, whose handler runs once for each event.
///
/// Made by [`WebhookLayer`](crate::WebhookLayer). It does what [`Gated`](super::Gated) around
/// [`Dedupe`](super::Dedupe) does, with less between the two.
#[derive(Debug, Clone)]
pub struct WebhookService<S> {
    inner: S,
    steps: Arc<Steps>,
}

/// What is done before the handler.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) guard: Guard,
    pub(crate) core: Arc<Core>,
}

impl Steps {
    /// What is left to do once the head was let through: the proof by the body, and the event's name.
    async fn admit<B>(
        &self,
        parts: &mut Parts,
        body: &mut B,
        proofs: &mut Proofs,
        verification: Option<Verification>,
    ) -> Result<Known, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if let Some(verification) = verification {
            self.guard
                .verify(parts, body, proofs, verification)
                .await?;
        }
        self.core.admit(parts, body, proofs).await
    }
}

impl<S> WebhookService<S> {
    pub(crate) fn new(inner: S, steps: Arc<Steps>) -> Self {
        Self { inner, steps }
    }
}

impl<S, B, RB> Service<Request<B>> for WebhookService<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body<Data = Bytes> + From<Bytes> + Unpin + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
    RB::Error: Send,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Answer<RB, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, mut body) = request.into_parts();
        let Guard {
            reception, gates, ..
        } = &self.steps.guard;
        let mut proofs = Proofs::take(&mut parts, reception);
        let verification = match gates.admit(&mut parts, &mut proofs) {
            Ok(verification) => verification,
            Err(refusal) => {
                let refused = reception.refuse(&refusal, &parts, &proofs, body);
                return Box::pin(async move { Ok(refused.await) });
            }
        };
        // The service that is ready is the one that is called.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let steps = Arc::clone(&self.steps);
        Box::pin(async move {
            let Steps { guard, core } = &*steps;
            let admitted = steps.admit(&mut parts, &mut body, &mut proofs, verification);
            match admitted.await {
                Ok(known) => core.handle(known, proofs, parts, inner).answer().await,
                Err(refusal) => {
                    let reception = &guard.reception;
                    Ok(reception.refuse(&refusal, &parts, &proofs, body).await)
                }
            }
        })
    }
}
