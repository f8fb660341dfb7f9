use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower_service::Service;
use tracing::Instrument;

use super::core::Core;
use super::run::run;
use super::ticket::{Answer, Ticket};
use crate::layer::arrival::Arrival;
use crate::layer::authenticated::Authenticated;
use crate::layer::gates::take_mark;
use crate::layer::receive::{Limits, check_encoding, receive};
use crate::layer::refusal::Refusal;
use crate::layer::response_body::ResponseBody;
use crate::rejection::Reason;

/// A service whose handler runs once for each event.
///
/// Made by [`DedupeLayer`](super::DedupeLayer).
#[derive(Debug, Clone)]
pub struct Dedupe<S> {
    inner: S,
    core: Arc<Core>,
}

impl<S> Dedupe<S> {
    pub(super) fn new(inner: S, core: Arc<Core>) -> Self {
        Self { inner, core }
    }
}

impl<S, B, RB> Service<Request<B>> for Dedupe<S>
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
        // The service that is ready is the one that is called.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let core = Arc::clone(&self.core);
        Box::pin(async move {
            let (mut parts, mut body) = request.into_parts();
            let arrival = Arrival::of(&mut parts, &core.reception);
            let mut mark = Authenticated::nothing_yet(core.reception.provider.clone());
            match admit(&core, &mut parts, &mut body, &arrival, &mut mark).await {
                Ok(()) => {}
                Err(refusal) => {
                    let reception = &core.reception;
                    let refused = reception.refuse(&refusal, &parts, &mark, &arrival, body);
                    return Ok(refused.await);
                }
            }
            let known = match core.identify(&parts, &mark, &arrival) {
                Ok(known) => known,
                Err(refusal) => {
                    let reception = &core.reception;
                    let refused = reception.refuse(&refusal, &parts, &mark, &arrival, body);
                    return Ok(refused.await);
                }
            };
            let (answer, answered) = oneshot::channel();
            // Behind pointers: futures that hold them hold them once, and are moved as they are.
            let ticket = Box::new(Ticket {
                headers: core
                    .reception
                    .interest()
                    .headers
                    .then(|| parts.headers.clone()),
                core: Arc::clone(&core),
                mark,
                known,
                arrival,
                proved_at: Instant::now(),
                claimed: None,
                unchecked: false,
                answer: Some(answer),
            });
            let work = run(ticket, inner, Box::new(parts));
            core.drain.spawn(work.in_current_span());
            match answered.await {
                Ok(answer) => answer,
                Err(_) => Ok(core.reception.rejection(Reason::TaskEnded)),
            }
        })
    }
}

/// Checks that the gates have proved the origin, and sees to it that the body is there.
async fn admit<B>(
    core: &Core,
    parts: &mut Parts,
    body: &mut B,
    arrival: &Arrival,
    mark: &mut Authenticated,
) -> Result<(), Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    *mark = take_mark(parts, &core.reception.provider)?;
    core.check_proofs(mark)?;
    if core.drain.has_begun() {
        return Err(Reason::Draining.into());
    }
    if mark.body().is_none() {
        check_encoding(&parts.headers)?;
        let limits = Limits {
            max_bytes: core.reception.max_body_bytes,
            deadline: arrival.deadline,
            budget: &core.reception.budget,
        };
        mark.with_body(receive(Pin::new(body), limits, |_| ()).await?);
    }
    Ok(())
}
