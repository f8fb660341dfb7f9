use std::sync::Arc;

use tower_layer::Layer;

use super::authenticator::Authenticator;
use super::checks::Checks;
use super::endpoint::EndpointConfig;
use super::gated::Gated;
use crate::prove::OwnProof;
use crate::signature::Verifier;

/// Lets through only requests with a right signature, and hands on the bytes that were signed.
///
/// Missing and malformed headers, content encodings and bodies over the cap are refused before the
/// body is read; the body is hashed frame by frame as it arrives. Everything that the signature
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
pub struct VerifySignatureLayer {
    authenticator: Authenticator,
}

impl VerifySignatureLayer {
    /// Demands what this verifier accepts.
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
        }
    }

    /// Shows the observer what passed as well as what was refused: where no
    /// [`DedupeLayer`](super::DedupeLayer) inside says what became of it.
    #[must_use]
    pub fn observe_passed(mut self) -> Self {
        self.authenticator.observe_passed = true;
        self
    }
}

impl<S> Layer<S> for VerifySignatureLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated::new(inner, Arc::new(self.authenticator.clone()))
    }
}
