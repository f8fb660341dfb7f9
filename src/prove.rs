//! A user's own proofs, in the two steps that every proof has.

#[cfg(feature = "asymmetric")]
mod certificate;
mod own;

use std::borrow::Cow;
use std::cell::Cell;
#[cfg(feature = "asymmetric")]
use std::fmt;
use std::net::IpAddr;
#[cfg(feature = "asymmetric")]
use std::pin::Pin;

use http::{Extensions, HeaderName};

use crate::authenticated::{Coverage, Proved};
use crate::clock::{Clock, Tolerance, UnixTime};
use crate::head::RequestHead;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::signature::{SignatureError, Verification, Verifier};

#[cfg(feature = "asymmetric")]
pub(crate) use own::wanted;
pub(crate) use own::{OwnBody, OwnProof, finish};

/// A proof of origin that settings cannot express: for a [`Provider`](crate::Provider), in addition
/// to or instead of the built-in ones.
///
/// It has two steps, both pure and synchronous: the head is judged before any of the body is read, and the body once
/// it is complete. A delivery that passes both is [`Authenticated`](crate::Authenticated), as with any other proof;
/// one that does not gets 401, as for a wrong signature. The built-in proofs consist of the same steps. A
/// [`Verifier`] is such a proof, so a user's own proof can be built on it. The gates of addresses and path tokens are
/// such proofs too, and [`Provider::and_from_source`](crate::Provider::and_from_source) and
/// [`Provider::and_by_secret_path`](crate::Provider::and_by_secret_path) demand them in addition.
///
/// ```
/// use http::{HeaderName, Request, StatusCode};
/// use http_body_util::Full;
/// use bytes::Bytes;
/// use tower::{ServiceBuilder, ServiceExt};
/// use tower_webhook::event::{EventRule, Shape};
/// use tower_webhook::layer::{Coverage, NotProved, ProofHead, Proof, Prove, Proved};
/// use tower_webhook::{
///     Authenticated, MemoryStore, Name, Provider, RetriedStatuses, RetrySchedule, SenderContract, Webhook,
/// };
///
/// /// A sender whose TLS certificate the server has put into the request's extensions.
/// #[derive(Clone)]
/// struct CertifiedFor(&'static str);
///
/// struct ByCertificate;
///
/// impl Prove for ByCertificate {
///     type Body = Proved; // The head proves all; what the body says is taken at its word.
///
///     fn covers(&self) -> Coverage {
///         Coverage::Connection
///     }
///
///     fn secret_headers(&self) -> Vec<HeaderName> {
///         Vec::new()
///     }
///
///     fn head(&self, head: &ProofHead<'_>) -> Result<Proved, NotProved> {
///         match head.extensions().get::<CertifiedFor>() {
///             Some(CertifiedFor("hooks.acme.example")) => Ok(Proved::new()),
///             Some(_) => Err(NotProved::because("the certificate is another's")),
///             None => Err(NotProved::because("no certificate was shown")),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let acme = Provider::proved_by(
///     Name::new("acme")?,
///     ByCertificate,
///     EventRule::members([Shape::new("event", ["/id"])?])?,
///     SenderContract::new(RetrySchedule::Never, RetriedStatuses::None),
/// );
/// let acme = Webhook::new(acme).store(MemoryStore::new()).build()?;
/// let service = ServiceBuilder::new().layer(acme).service_fn(
///     |request: Request<Full<Bytes>>| async move {
///         let mark = request.extensions().get::<Authenticated>().expect("a proved delivery");
///         assert!(mark.proves(Proof::Custom(Coverage::Connection)));
///         Ok::<_, std::convert::Infallible>(http::Response::new(Full::<Bytes>::default()))
///     },
/// );
/// let from = |host| {
///     let request = Request::post("/").extension(CertifiedFor(host));
///     service.clone().oneshot(request.body(Full::from(r#"{"id":"evt_1"}"#)).unwrap())
/// };
/// assert_eq!(from("hooks.acme.example").await?.status(), StatusCode::OK);
/// assert_eq!(from("evil.example").await?.status(), StatusCode::UNAUTHORIZED);
/// # Ok(())
/// # }
/// ```
pub trait Prove: Send + Sync + 'static {
    /// The result of the head, which judges the body. [`Proved`] if the head proves everything.
    type Body: ProveBody;

    /// What it proves. This decides which parts a key may be made of, and how other content under a
    /// sender's own id is treated.
    fn covers(&self) -> Coverage;

    /// The headers whose values must not be logged: signatures, tokens. May be empty.
    fn secret_headers(&self) -> Vec<HeaderName>;

    /// How far the time that it covers may be from ours; `None` if it covers none. The provider's
    /// contract takes it over, as from a signature's scheme.
    fn signs_time(&self) -> Option<Tolerance> {
        None
    }

    /// Judges the head before the body is read. It must be quick, because strangers can trigger it.
    ///
    /// # Errors
    ///
    /// The head does not prove the origin, or this cannot be decided [now](NotProved::not_now).
    fn head(&self, head: &ProofHead<'_>) -> Result<Self::Body, NotProved>;
}

/// The second step of a [`Prove`]: holds the result of the head, and judges the body by it.
///
/// Your own gateway may have verified the sender, and report the body that it has seen:
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use http::HeaderName;
/// use sha2::{Digest, Sha256};
/// use tower_webhook::UnixTime;
/// use tower_webhook::layer::{Coverage, NotProved, ProofHead, Prove, ProveBody, Proved};
///
/// struct ByOurGateway;
///
/// /// The SHA-256 of the body, as the gateway reports it.
/// struct Seen(Vec<u8>);
///
/// impl Prove for ByOurGateway {
///     type Body = Seen;
///
///     fn covers(&self) -> Coverage {
///         Coverage::Body
///     }
///
///     fn secret_headers(&self) -> Vec<HeaderName> {
///         Vec::new()
///     }
///
///     fn head(&self, head: &ProofHead<'_>) -> Result<Seen, NotProved> {
///         if head.client() != Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7))) {
///             return Err(NotProved::because("it comes from somewhere else than the gateway"));
///         }
///         let told = head.request().headers().get("x-gateway-sha256");
///         let told = told.and_then(|it| data_encoding::HEXLOWER.decode(it.as_bytes()).ok());
///         told.map(Seen).ok_or_else(|| NotProved::because("the gateway tells no digest"))
///     }
/// }
///
/// impl ProveBody for Seen {
///     fn body(self, body: &[u8], _now: UnixTime) -> Result<Proved, NotProved> {
///         match Sha256::digest(body)[..] == self.0[..] {
///             true => Ok(Proved::new()),
///             false => Err(NotProved::because("the body is not the one that the gateway has seen")),
///         }
///     }
/// }
///
/// let now = UnixTime::from_secs(1_777_899_600);
/// let seen = || Seen(Sha256::digest(b"{}").to_vec());
/// assert!(seen().body(b"{}", now).is_ok());
/// assert!(seen().body(b"[]", now).is_err());
/// ```
pub trait ProveBody: Send + 'static {
    /// Judges the whole body of a delivery that was received at `now`.
    ///
    /// # Errors
    ///
    /// The same as [`Prove::head`].
    fn body(self, body: &[u8], now: UnixTime) -> Result<Proved, NotProved>;

    /// Something to wait for before the body is judged, such as a key being fetched. Only a
    /// [`Verifier`]'s step returns one.
    #[cfg(feature = "asymmetric")]
    #[doc(hidden)]
    fn wanted(&self, _body: &[u8]) -> Option<Wanted> {
        None
    }
}

/// A fetch that a delivery waits for.
#[cfg(feature = "asymmetric")]
#[doc(hidden)]
pub struct Wanted(pub(crate) Pin<Box<dyn Future<Output = ()> + Send>>);

#[cfg(feature = "asymmetric")]
impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wanted")
    }
}

/// The facts about a delivery before its body.
#[derive(Debug, Clone, Copy)]
pub struct ProofHead<'a> {
    pub(crate) request: RequestHead<'a>,
    pub(crate) extensions: &'a Extensions,
    pub(crate) client: Option<IpAddr>,
    /// The peer's address, and whether it is a declared proxy.
    #[cfg(feature = "asymmetric")]
    pub(crate) peer: Option<IpAddr>,
    #[cfg(feature = "asymmetric")]
    pub(crate) is_proxied: bool,
    pub(crate) time: &'a HeadTime<'a>,
}

impl<'a> ProofHead<'a> {
    /// Method, URI and headers. In a nested axum router, the path is the full one.
    pub fn request(&self) -> RequestHead<'a> {
        self.request
    }

    /// Facts about the connection from the server and outer layers, such as a client certificate.
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The client's address: the peer's, or the one that a declared proxy reports. `None` if
    /// neither is known, or a proxy is not declared.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// When the head was received.
    pub fn now(&self) -> UnixTime {
        self.time.now()
    }
}

/// When a head was received. The clock is read only when a proof needs it, and only once.
#[derive(Debug)]
pub(crate) struct HeadTime<'a> {
    clock: &'a dyn Clock,
    read: Cell<Option<UnixTime>>,
}

impl<'a> HeadTime<'a> {
    /// Uses this clock, unless the time was read before.
    pub(crate) fn new(clock: &'a dyn Clock, read: Option<UnixTime>) -> Self {
        Self {
            clock,
            read: Cell::new(read),
        }
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.read.get().unwrap_or_else(|| {
            let now = self.clock.now();
            self.read.set(Some(now));
            now
        })
    }

    /// The time, if it was read.
    pub(crate) fn read(&self) -> Option<UnixTime> {
        self.read.get()
    }
}

impl ProveBody for Proved {
    fn body(self, _: &[u8], _: UnixTime) -> Result<Proved, NotProved> {
        Ok(self)
    }
}

/// Why a delivery is not proved. The text is for the operator: it must hold no secret, and the
/// sender gets none of it.
#[derive(Debug)]
pub struct NotProved(RejectionCause);

impl NotProved {
    /// The delivery does not prove its origin: it gets 401.
    pub fn because(text: impl Into<Cow<'static, str>>) -> Self {
        Self(RejectionCause::told(Reason::ProofRefused, text.into()))
    }

    /// The proof cannot be decided now, for example because a key is missing: the sender gets the
    /// not-now status.
    ///
    /// ```
    /// use tower_webhook::layer::NotProved;
    ///
    /// let refused = NotProved::because("the certificate is another's");
    /// let later = NotProved::not_now("the keys could not be fetched");
    /// # drop((refused, later));
    /// ```
    pub fn not_now(text: impl Into<Cow<'static, str>>) -> Self {
        Self(RejectionCause::told(Reason::ProofUnavailable, text.into()))
    }

    pub(crate) fn into_cause(self) -> RejectionCause {
        self.0
    }
}

impl From<RejectionCause> for NotProved {
    fn from(cause: RejectionCause) -> Self {
        Self(cause)
    }
}

impl From<NotProved> for RejectionCause {
    #[inline]
    fn from(error: NotProved) -> Self {
        error.0
    }
}

impl From<SignatureError> for NotProved {
    #[inline]
    fn from(error: SignatureError) -> Self {
        Self(error.into())
    }
}

impl Prove for Verifier {
    type Body = Verification;

    fn covers(&self) -> Coverage {
        self.scheme().covers()
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        self.scheme().headers().cloned().collect()
    }

    fn signs_time(&self) -> Option<Tolerance> {
        self.scheme().tolerance()
    }

    #[inline]
    fn head(&self, head: &ProofHead<'_>) -> Result<Verification, NotProved> {
        Ok(self.begin(head.request, head.now())?)
    }
}

impl ProveBody for Verification {
    fn body(self, body: &[u8], now: UnixTime) -> Result<Proved, NotProved> {
        Ok(self.finish_on(body, now)?.into())
    }

    #[cfg(feature = "asymmetric")]
    fn wanted(&self, body: &[u8]) -> Option<Wanted> {
        self.keys_wanted(body).map(Wanted)
    }
}
