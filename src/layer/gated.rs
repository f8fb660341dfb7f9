use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::authenticator::Authenticator;
use super::checks::{Checks, Pending};
use super::endpoint::EndpointConfig;
use super::refuse::refuse;
use super::response_body::ResponseBody;
use super::response_future::ResponseFuture;
use crate::authenticated::Authenticated;
use crate::reason::Reason;
use crate::request_clock::RequestClock;
use crate::runtime::within;

/// A service inside gates: requests that they refuse never reach it.
///
/// Made by [`RequireSecretPathLayer`](super::RequireSecretPathLayer) and
/// [`RequireSourceIpLayer`](super::RequireSourceIpLayer).
#[derive(Debug, Clone)]
pub struct Gated<S> {
    inner: S,
    authenticator: Arc<Authenticator>,
}

impl<S> Gated<S> {
    /// Puts the service inside gates that need no body, if inner layers observe.
    pub(super) fn behind(inner: S, endpoint: &EndpointConfig, checks: Checks) -> Self {
        let authenticator = Authenticator {
            endpoint: endpoint.clone(),
            checks,
            observe_passed: false,
        };
        Self {
            inner,
            authenticator: Arc::new(authenticator),
        }
    }
}

impl<S, B, RB> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    RB: 'static,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = S::Error;
    type Future = ResponseFuture<Pin<Box<B>>, RB, S::Error>;

    /// Always ready: the inner service is polled once the gates have let a request through.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (inner, authenticator) = (self.inner.clone(), Arc::clone(&self.authenticator));
        let (mut parts, body) = request.into_parts();
        if !authenticator.checks.guard(&parts) {
            let request = Request::from_parts(parts, body);
            return ResponseFuture::own(pass(inner, request, Box::pin, None));
        }
        let endpoint = &authenticator.endpoint;
        let mut auth = endpoint.unproved();
        endpoint.take_auth(&mut parts, &mut auth);
        let (checks, mut none) = (&authenticator.checks, Pending::default());
        if let Err(cause) = checks.admit(&mut parts, &mut auth, endpoint, &mut none) {
            let refused = refuse(endpoint, &cause, &mut parts, &auth, Box::pin(body));
            return ResponseFuture::refused(refused);
        }
        ResponseFuture::own(async move {
            let request_clock = authenticator.endpoint.start_clock(&mut auth.readings);
            parts.extensions.insert(Authenticated::by(auth));
            let request = Request::from_parts(parts, body);
            let guarded = Some((authenticator, request_clock));
            pass(inner, request, Box::pin, guarded).await
        })
    }
}

/// Passes a request on once the inner service can take it. If its sender retries, it waits no
/// longer than that sender does.
///
/// The authenticator let it through; there is none if the checks do not apply to the request. If
/// the request is refused now, `unread` is the rest of its body.
pub(super) async fn pass<S, B, U, RB>(
    mut inner: S,
    request: Request<B>,
    unread: impl FnOnce(B) -> U,
    guarded: Option<(Arc<Authenticator>, RequestClock)>,
) -> Result<Response<ResponseBody<RB>>, S::Error>
where
    S: Service<Request<B>, Response = Response<RB>>,
    U: Body<Data: Send> + Unpin + Send + 'static,
{
    let mut ready = poll_fn(|cx| inner.poll_ready(cx));
    let Some((authenticator, request_clock)) = guarded else {
        ready.await?;
        return Ok(inner.call(request).await?.map(ResponseBody::inner));
    };
    let endpoint = &authenticator.endpoint;
    let cause = if (&mut ready).now_or_never().transpose()?.is_some() {
        None
    } else if let Some(_place) = endpoint.budget.waiting_room().enter() {
        if endpoint.contract.retries_at_all() {
            let in_time = within(|| request_clock.deadline, ready).await.transpose()?;
            in_time.is_none().then_some(Reason::NotReady)
        } else {
            ready.await?;
            None
        }
    } else {
        Some(Reason::BudgetUsedUp)
    };
    if let Some(reason) = cause {
        // Dropped first, so that the request leaves its queues before the answer.
        drop(inner);
        let (mut parts, body) = request.into_parts();
        let mut auth = endpoint.unproved();
        endpoint.take_auth(&mut parts, &mut auth);
        let refused = refuse(endpoint, &reason.into(), &mut parts, &auth, unread(body));
        return Ok(refused.await.map(ResponseBody::own));
    }
    Ok(inner.call(request).await?.map(ResponseBody::inner))
}
