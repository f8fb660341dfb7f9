use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use tower_layer::Layer;
use tower_service::Service;

use super::authenticator::Authenticator;
use super::checks::{Checks, Pending};
use super::endpoint::EndpointConfig;
use super::gated::pass;
use super::handler_body::{BodyAs, HandlerBody, SameBody};
use super::refuse::refuse;
use super::response_body::ResponseBody;
use super::response_future::ResponseFuture;
use crate::authenticated::Authenticated;
use crate::prove::OwnProof;
use crate::signature::Verifier;

/// Lets through only requests with a right signature, and hands on the bytes that were signed.
///
/// Missing and malformed headers, content encodings and bodies announced to be over the cap are refused
/// before the body is read; the body is hashed frame by frame as it arrives. Everything that the signature
/// does not prove gets the same empty 401.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, ServiceExt};
/// use tower_webhook::layer::{EndpointConfig, VerifySignatureLayer};
/// use tower_webhook::signature::{Scheme, Verifier};
/// use tower_webhook::{
///     SenderContract, Encoding, Name, RetriedStatuses, RetrySchedule, SigningSecret,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // GitHub's documented example.
/// let scheme = Scheme::builder("x-hub-signature-256").single("sha256=", Encoding::Hex).build()?;
/// let verifier = Verifier::new(scheme, SigningSecret::from_text("It's a Secret to Everybody")?);
/// let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
/// let endpoint = EndpointConfig::new(Name::new("github")?, contract);
/// let service = ServiceBuilder::new()
///     .layer(VerifySignatureLayer::new(&endpoint, verifier))
///     .service_fn(|_: Request<Full<Bytes>>| async {
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
///     });
///
/// let with = |body: &'static str| {
///     Request::post("/")
///         .header(
///             "x-hub-signature-256",
///             "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
///         )
///         .body(Full::from(body))
///         .unwrap()
/// };
/// let accepted = service.clone().oneshot(with("Hello, World!")).await?;
/// assert_eq!(accepted.status(), StatusCode::OK);
/// let refused = service.oneshot(with("Hello, World?")).await?;
/// assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct VerifySignatureLayer<M = SameBody> {
    authenticator: Authenticator,
    _handler: PhantomData<fn() -> M>,
}

impl VerifySignatureLayer {
    /// Demands a signature that this verifier accepts.
    pub fn new(endpoint: &EndpointConfig, verifier: Verifier) -> Self {
        let mut endpoint = endpoint.clone();
        endpoint.learn(verifier.scheme());
        let checks = if verifier.judges_whole_body() {
            Checks {
                custom: Some(OwnProof::new(verifier)),
                ..Checks::default()
            }
        } else {
            Checks {
                signature: Some(verifier),
                ..Checks::default()
            }
        };
        Self {
            authenticator: Authenticator {
                endpoint,
                checks,
                observe_passed: false,
            },
            _handler: PhantomData,
        }
    }

    /// Calls the inner service with a body of this type, whatever the request's body type is. By
    /// default, the body keeps the request's type.
    pub fn handler_body<T: From<Bytes>>(self) -> VerifySignatureLayer<BodyAs<T>> {
        VerifySignatureLayer {
            authenticator: self.authenticator,
            _handler: PhantomData,
        }
    }
}

impl<M> VerifySignatureLayer<M> {
    /// Shows the observer accepted requests as well as refused ones: for use without a
    /// [`DedupeLayer`](super::DedupeLayer) inside, which reports their outcome.
    ///
    /// ```
    /// use tower_webhook::layer::{EndpointConfig, VerifySignatureLayer};
    /// use tower_webhook::provider::{self, stripe};
    ///
    /// let stripe = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let endpoint = EndpointConfig::new(stripe.name().clone(), stripe.contract().clone());
    /// let verifier = stripe.verifier().expect("it signs").clone();
    /// let layer = VerifySignatureLayer::new(&endpoint, verifier).observe_passed();
    /// # drop(layer);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn observe_passed(mut self) -> Self {
        self.authenticator.observe_passed = true;
        self
    }
}

impl<S, M> Layer<S> for VerifySignatureLayer<M> {
    type Service = VerifySignature<S, M>;

    fn layer(&self, inner: S) -> VerifySignature<S, M> {
        VerifySignature {
            inner,
            authenticator: Arc::new(self.authenticator.clone()),
            _handler: PhantomData,
        }
    }
}

/// A service that is called with signed bytes only.
///
/// Made by [`VerifySignatureLayer`].
#[derive(Debug, Clone)]
pub struct VerifySignature<S, M = SameBody> {
    inner: S,
    authenticator: Arc<Authenticator>,
    _handler: PhantomData<fn() -> M>,
}

impl<S, M, B, RB> Service<Request<B>> for VerifySignature<S, M>
where
    M: HandlerBody<B>,
    S: Service<Request<M::Body>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    RB: 'static,
{
    type Response = Response<ResponseBody<RB>>;
    type Error = S::Error;
    type Future = ResponseFuture<M::Unread, RB, S::Error>;

    /// Always ready: the inner service is polled once a signature is verified.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (inner, authenticator) = (self.inner.clone(), Arc::clone(&self.authenticator));
        let (mut parts, body) = request.into_parts();
        let mut body = M::unread(body);
        let endpoint = &authenticator.endpoint;
        let mut auth = endpoint.unproved();
        endpoint.take_auth(&mut parts, &mut auth);
        let (checks, mut pending) = (&authenticator.checks, Pending::default());
        if let Err(cause) = checks.admit(&mut parts, &mut auth, endpoint, &mut pending) {
            let refused = refuse(endpoint, &cause, &mut parts, &auth, body);
            return ResponseFuture::refused(refused);
        }
        ResponseFuture::own(async move {
            let taken =
                authenticator.take_in(&mut parts, Pin::new(&mut body), &mut auth, &mut pending);
            if let Err(cause) = taken.await {
                let endpoint = &authenticator.endpoint;
                let refused = refuse(endpoint, &cause, &mut parts, &auth, body);
                return Ok(refused.await.map(ResponseBody::own));
            }
            let signed = M::Body::from(auth.body.clone().unwrap_or_default());
            drop(body);
            let request_clock = authenticator.endpoint.start_clock(&mut auth.readings);
            parts.extensions.insert(Authenticated::by(auth));
            let request = Request::from_parts(parts, signed);
            let guarded = Some((authenticator, request_clock));
            pass(inner, request, |_| Empty::<Bytes>::new(), guarded).await
        })
    }
}
