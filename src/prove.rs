//! Proofs of a user's own, in the two steps that every proof has.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use http::{Extensions, HeaderName};

use crate::authenticated::{Coverage, Proved};
use crate::clock::{Tolerance, UnixTime};
use crate::head::RequestHead;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::signature::{SignatureError, Verification, Verifier};

/// A proof of origin that no data can say: of a [`Provider`](crate::Provider), beside or instead of
/// those that are built in.
///
/// It has two steps, both pure and at once: the head is judged before one byte of the body is read,
/// and the body once it is whole. What passes both is [`Authenticated`](crate::Authenticated), as by
/// any other proof; what does not is answered 401 like a wrong signature. A [`Verifier`] is such a
/// proof too, so that one of a user's own can be made of it. Addresses and tokens in the path are
/// demanded beside it by [`Provider::and_from_source`](crate::Provider::and_from_source) and
/// [`Provider::and_by_secret_path`](crate::Provider::and_by_secret_path).
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
    /// What the head has told, and judges the body. [`Proved`] where the head proves all.
    type Body: ProveBody;

    /// What is proved by it: it decides what a key may be made of, and what other content under a
    /// sender's own id is.
    fn covers(&self) -> Coverage;

    /// The headers whose values must not stand in a log: signatures, tokens. None, if it says so.
    fn secret_headers(&self) -> Vec<HeaderName>;

    /// How far the time that it covers may be from ours; `None` where it covers none. The
    /// provider's contract learns it, as from a signature's scheme.
    fn signs_time(&self) -> Option<Tolerance> {
        None
    }

    /// Judges what is known before the body: it must be quick, for strangers cause it.
    ///
    /// # Errors
    ///
    /// What does not prove the origin, or cannot tell [now](NotProved::not_now).
    fn head(&self, head: &ProofHead<'_>) -> Result<Self::Body, NotProved>;
}

/// The second step of a [`Prove`].
pub trait ProveBody: Send + 'static {
    /// Judges the whole body of a delivery that was received at `now`.
    ///
    /// # Errors
    ///
    /// As [`Prove::head`].
    fn body(self, body: &[u8], now: UnixTime) -> Result<Proved, NotProved>;

    /// What has to be waited for before the body is judged: a key that is fetched. Only a
    /// [`Verifier`]'s step asks for something.
    #[doc(hidden)]
    fn wanted(&self, _body: &[u8]) -> Option<Wanted> {
        None
    }
}

/// A fetch that a delivery waits for.
#[doc(hidden)]
pub struct Wanted(pub(crate) Pin<Box<dyn Future<Output = ()> + Send>>);

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wanted")
    }
}

/// What is known of a delivery before its body.
#[derive(Debug, Clone, Copy)]
pub struct ProofHead<'a> {
    pub(crate) request: RequestHead<'a>,
    pub(crate) extensions: &'a Extensions,
    pub(crate) client: Option<IpAddr>,
    pub(crate) now: UnixTime,
}

impl<'a> ProofHead<'a> {
    /// Method, URI and headers.
    pub fn request(&self) -> RequestHead<'a> {
        self.request
    }

    /// What the server and the layers outside say of the connection, such as a client certificate.
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The client's address: the peer's, or what a declared proxy says. `None` where neither is
    /// known, or a proxy is not declared.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// When the head was received.
    pub fn now(&self) -> UnixTime {
        self.now
    }
}

impl ProveBody for Proved {
    fn body(self, _: &[u8], _: UnixTime) -> Result<Proved, NotProved> {
        Ok(self)
    }
}

/// Why a delivery is not proved. The text is for the operator: it must hold no secret, and nothing
/// of it is told to the sender.
#[derive(Debug)]
pub struct NotProved(RejectionCause);

impl NotProved {
    /// It does not prove its origin: answered 401.
    pub fn because(text: impl Into<Cow<'static, str>>) -> Self {
        Self(RejectionCause::told(Reason::ProofRefused, text.into()))
    }

    /// Whether it does cannot be told now, for want of a key for one: the sender is asked to come
    /// again.
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

impl From<SignatureError> for NotProved {
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

    fn head(&self, head: &ProofHead<'_>) -> Result<Verification, NotProved> {
        Ok(self.begin(head.request, head.now)?)
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

/// The second step of a user's proof. Where it panics being dropped, nothing comes of it.
pub(crate) struct OwnBody(Option<Box<dyn JudgeBody>>);

trait JudgeBody: Send {
    fn judge(self: Box<Self>, body: &[u8], now: UnixTime) -> Result<Proved, NotProved>;

    fn wanted(&self, body: &[u8]) -> Option<Wanted>;
}

impl<B: ProveBody> JudgeBody for B {
    fn judge(self: Box<Self>, body: &[u8], now: UnixTime) -> Result<Proved, NotProved> {
        (*self).body(body, now)
    }

    fn wanted(&self, body: &[u8]) -> Option<Wanted> {
        ProveBody::wanted(self, body)
    }
}

impl OwnBody {
    fn new(judge: impl JudgeBody + 'static) -> Self {
        Self(Some(Box::new(judge)))
    }

    fn judge(mut self, body: &[u8], now: UnixTime) -> Result<Proved, NotProved> {
        match self.0.take() {
            Some(judge) => judge.judge(body, now),
            None => Err(NotProved::not_now("the body was judged already")),
        }
    }

    fn wanted(&self, body: &[u8]) -> Option<Wanted> {
        self.0.as_ref()?.wanted(body)
    }
}

impl Drop for OwnBody {
    fn drop(&mut self) {
        let judge = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(judge)));
    }
}

/// A user's proof; clones share it.
#[derive(Clone)]
pub(crate) struct OwnProof {
    covers: Coverage,
    prove: Arc<dyn Erased>,
}

trait Erased: Send + Sync {
    fn secret_headers(&self) -> Vec<HeaderName>;

    fn signs_time(&self) -> Option<Tolerance>;

    fn head(&self, head: &ProofHead<'_>) -> Result<OwnBody, NotProved>;
}

impl<P: Prove> Erased for P {
    fn secret_headers(&self) -> Vec<HeaderName> {
        Prove::secret_headers(self)
    }

    fn signs_time(&self) -> Option<Tolerance> {
        Prove::signs_time(self)
    }

    fn head(&self, head: &ProofHead<'_>) -> Result<OwnBody, NotProved> {
        let step = Prove::head(self, head)?;
        Ok(OwnBody::new(step))
    }
}

impl OwnProof {
    pub(crate) fn new(proof: impl Prove) -> Self {
        Self {
            covers: proof.covers(),
            prove: Arc::new(proof),
        }
    }

    /// Both are demanded, this one first. What they cover, and the id, are those of the one that covers
    /// more; where they cover the same, the later one's id counts before the first one's. What either
    /// has verified is told.
    pub(crate) fn and(self, then: Self) -> Self {
        let covers = if then.covers.rank() >= self.covers.rank() {
            then.covers
        } else {
            self.covers
        };
        Self {
            covers,
            prove: Arc::new(Both(self, then)),
        }
    }

    pub(crate) fn covers(&self) -> Coverage {
        self.covers
    }

    pub(crate) fn secret_headers(&self) -> Vec<HeaderName> {
        self.prove.secret_headers()
    }

    pub(crate) fn signs_time(&self) -> Option<Tolerance> {
        self.prove.signs_time()
    }

    /// The first step. One that panics proves nothing, and is worth another try.
    pub(crate) fn head(&self, head: &ProofHead<'_>) -> Result<OwnBody, RejectionCause> {
        caught(|| self.prove.head(head))
    }
}

/// Two proofs that are both demanded.
struct Both(OwnProof, OwnProof);

impl Erased for Both {
    fn secret_headers(&self) -> Vec<HeaderName> {
        let mut headers = self.0.secret_headers();
        headers.extend(self.1.secret_headers());
        headers
    }

    fn signs_time(&self) -> Option<Tolerance> {
        self.0.signs_time().max(self.1.signs_time())
    }

    fn head(&self, head: &ProofHead<'_>) -> Result<OwnBody, NotProved> {
        let first = self.0.prove.head(head)?;
        let then = self.1.prove.head(head)?;
        let ranks = self.1.covers.rank().cmp(&self.0.covers.rank());
        Ok(OwnBody::new(BothBodies { first, then, ranks }))
    }
}

/// The second steps of two proofs.
struct BothBodies {
    first: OwnBody,
    then: OwnBody,
    /// Whether the second one covers more.
    ranks: Ordering,
}

impl JudgeBody for BothBodies {
    fn judge(self: Box<Self>, body: &[u8], now: UnixTime) -> Result<Proved, NotProved> {
        let Self { first, then, ranks } = *self;
        let (first, then) = (first.judge(body, now)?, then.judge(body, now)?);
        Ok(match ranks {
            Ordering::Less => first.beside(then, false),
            Ordering::Equal => then.beside(first, true),
            Ordering::Greater => then.beside(first, false),
        })
    }

    fn wanted(&self, body: &[u8]) -> Option<Wanted> {
        match (self.first.wanted(body), self.then.wanted(body)) {
            (Some(first), Some(then)) => Some(Wanted(Box::pin(async {
                first.0.await;
                then.0.await;
            }))),
            (first, then) => first.or(then),
        }
    }
}

/// What the second step has to wait for. One that panics waits for nothing: it is judged next.
#[cfg(feature = "asymmetric")]
pub(crate) fn wanted(step: &OwnBody, body: &[u8]) -> Option<Wanted> {
    catch_unwind(AssertUnwindSafe(|| step.wanted(body))).ok()?
}

/// The second step.
pub(crate) fn finish(step: OwnBody, body: &[u8], now: UnixTime) -> Result<Proved, RejectionCause> {
    caught(|| step.judge(body, now))
}

fn caught<T>(step: impl FnOnce() -> Result<T, NotProved>) -> Result<T, RejectionCause> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(judged) => judged.map_err(NotProved::into_cause),
        Err(_) => Err(RejectionCause::because(
            Reason::ProofUnavailable,
            "the proof panicked",
        )),
    }
}

impl fmt::Debug for OwnProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { covers, prove: _ } = self;
        f.debug_struct("OwnProof")
            .field("covers", covers)
            .finish_non_exhaustive()
    }
}
