use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use http::Method;

#[cfg(feature = "senders")]
use crate::challenge::ChallengeReply;
use crate::event::{EventError, EventErrorKind};
use crate::observer;
use crate::payload::PayloadError;
use crate::reason::Reason;
use crate::secret::KeyIds;
use crate::signature::{SignatureError, SignatureErrorKind};
use crate::source::ClientAddressError;
use crate::store::{StoreError, StoreErrorKind};

/// The text for a failure after a sender that does not retry has been answered.
const FOR_GOOD: &str = "its sender has its answer and does not retry: nobody sends it again; an inbox would try it again";

/// A reason to refuse, with details for the operator.
#[derive(Debug)]
pub(crate) struct RejectionCause {
    pub(crate) reason: Reason,
    /// The address that was refused.
    pub(crate) client: Option<IpAddr>,
    detail: Option<Detail>,
    /// The answer in place of the refusal.
    #[cfg(feature = "senders")]
    pub(crate) reply: Option<Box<ChallengeReply>>,
}

#[derive(Debug)]
enum Detail {
    Text(Cow<'static, str>),
    Signature(SignatureError),
    Client(ClientAddressError),
    Event(EventError),
    Payload(PayloadError),
    Method(ForeignMethod),
    TooLarge(TooLarge),
    Store(Chain<StoreError>),
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    Transaction(Chain<crate::store::TxError>),
}

impl RejectionCause {
    fn of(reason: Reason, detail: Detail) -> Self {
        Self {
            detail: Some(detail),
            ..reason.into()
        }
    }

    pub(crate) fn because(reason: Reason, text: &'static str) -> Self {
        Self::told(reason, Cow::Borrowed(text))
    }

    /// The same, with text that may be untrusted.
    pub(crate) fn told(reason: Reason, text: Cow<'static, str>) -> Self {
        Self::of(reason, Detail::Text(text))
    }

    #[cold]
    pub(crate) fn of_method(method: &Method) -> Self {
        let detail = Detail::Method(ForeignMethod(method.clone()));
        Self::of(Reason::MethodNotAllowed, detail)
    }

    /// The refusal of other content under a key that is not the sender's own id.
    #[cold]
    pub(crate) fn conflict() -> Self {
        Self::because(
            Reason::Conflict,
            "other content came under this key before, and stands: `webhook show` tells what became of it; where \
             both are events, the rule's key lacks what tells them apart",
        )
    }

    /// The refusal of a delivery of an event that is dead, and was revived a short while ago.
    #[cfg(feature = "inbox")]
    #[cold]
    pub(crate) fn dead_letter() -> Self {
        Self::because(
            Reason::DeadLetter,
            "its entry is dead, and a delivery has revived it a short while ago: `webhook redrive` runs it at once",
        )
    }

    /// The refusal of a delivery to an inbox whose event runs inline.
    #[cfg(feature = "inbox")]
    #[cold]
    pub(crate) fn held_inline() -> Self {
        Self::because(
            Reason::InProgress,
            "a webhook without this inbox is handling it: the sender's next attempt finds what became of that",
        )
    }

    /// The same failure, for a sender that has its answer already and does not retry.
    #[cold]
    pub(crate) fn for_good(self) -> Self {
        let Some(detail) = self.detail() else {
            return Self {
                detail: Some(Detail::Text(Cow::Borrowed(FOR_GOOD))),
                ..self
            };
        };
        let text = format!("{detail}; {FOR_GOOD}");
        Self {
            detail: Some(Detail::Text(text.into())),
            ..self
        }
    }

    pub(crate) fn too_large(body: TooLarge) -> Self {
        Self::of(Reason::BodyTooLarge, Detail::TooLarge(body))
    }

    /// The refusal of a delivery that an outer layer handles already.
    pub(crate) fn nested() -> Self {
        Self::because(
            Reason::Nested,
            "a dedupe layer around this one holds the event already; put one of them on the route, \
             and none around the router",
        )
    }

    /// The end of a request that made a challenge, with the answer.
    #[cfg(feature = "senders")]
    pub(crate) fn replied(reply: ChallengeReply) -> Self {
        Self {
            reply: Some(Box::new(reply)),
            ..Reason::Probe.into()
        }
    }

    pub(crate) fn of_client(mut self, client: IpAddr) -> Self {
        self.client = Some(client);
        self
    }

    pub(crate) fn detail(&self) -> Option<observer::Detail<'_>> {
        self.detail.as_ref().map(|detail| {
            observer::Detail(match detail {
                Detail::Text(text) => text,
                Detail::Signature(error) => error,
                Detail::Client(error) => error,
                Detail::Event(error) => error,
                Detail::Payload(error) => error,
                Detail::Method(method) => method,
                Detail::TooLarge(body) => body,
                Detail::Store(chain) => chain,
                #[cfg(any(feature = "postgres", feature = "sqlite"))]
                Detail::Transaction(chain) => chain,
            })
        })
    }

    /// Why no signature proves the origin, if that is the reason.
    pub(crate) fn signature(&self) -> Option<&SignatureError> {
        match &self.detail {
            Some(Detail::Signature(error)) => Some(error),
            _ => None,
        }
    }

    /// The keys that a stale delivery was signed with.
    pub(crate) fn signed_by(&self) -> Option<&KeyIds> {
        self.signature()?.key_ids()
    }
}

impl From<Reason> for RejectionCause {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            client: None,
            detail: None,
            #[cfg(feature = "senders")]
            reply: None,
        }
    }
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl From<crate::store::TxError> for RejectionCause {
    /// A transaction that is not committed is a failure of its handler.
    fn from(error: crate::store::TxError) -> Self {
        Self::of(Reason::HandlerFailed, Detail::Transaction(Chain(error)))
    }
}

impl From<SignatureError> for RejectionCause {
    #[inline]
    fn from(error: SignatureError) -> Self {
        let reason = match error.kind() {
            SignatureErrorKind::Mismatch | SignatureErrorKind::UnknownKey => {
                Reason::SignatureMismatch
            }
            SignatureErrorKind::KeysUnavailable => Reason::KeysUnavailable,
            SignatureErrorKind::TooOld | SignatureErrorKind::TooNew => Reason::SignatureStale,
            SignatureErrorKind::NoActiveKey => Reason::NoActiveKey,
            _ => Reason::SignatureHeader,
        };
        Self::of(reason, Detail::Signature(error))
    }
}

impl From<ClientAddressError> for RejectionCause {
    fn from(error: ClientAddressError) -> Self {
        let reason = if error.is_configuration_fault() {
            Reason::SourceFault
        } else {
            Reason::SourceRefused
        };
        Self::of(reason, Detail::Client(error))
    }
}

impl From<EventError> for RejectionCause {
    fn from(error: EventError) -> Self {
        let reason = match error.kind() {
            EventErrorKind::NoSignedId => Reason::Unauthenticated,
            EventErrorKind::Filtered => Reason::Filtered,
            EventErrorKind::NotOurs => Reason::NotOurs,
            EventErrorKind::TooManyItems => Reason::TooManyItems,
            _ => Reason::NoEventKey,
        };
        Self::of(reason, Detail::Event(error))
    }
}

impl From<PayloadError> for RejectionCause {
    fn from(error: PayloadError) -> Self {
        Self::of(Reason::PayloadMismatch, Detail::Payload(error))
    }
}

impl From<StoreError> for RejectionCause {
    fn from(error: StoreError) -> Self {
        let reason = match error.kind() {
            StoreErrorKind::Full => Reason::StoreFull,
            StoreErrorKind::TimedOut => Reason::StoreTooSlow,
            _ => Reason::StoreUnavailable,
        };
        Self::of(reason, Detail::Store(Chain(error)))
    }
}

/// A method that the sender does not deliver with. It may be untrusted text.
#[derive(Debug)]
struct ForeignMethod(Method);

impl fmt::Display for ForeignMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.0.as_str();
        write!(
            f,
            "it came by {method:.32}, which this sender does not deliver with"
        )
    }
}

/// The allowed size of a body, and its own size as far as it is known.
#[derive(Debug)]
pub(crate) struct TooLarge {
    pub(crate) most: usize,
    pub(crate) announced: Option<u64>,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { most, announced } = self;
        match announced {
            Some(announced) => write!(f, "content_length={announced}, max_body_bytes={most}"),
            None => write!(
                f,
                "more came than max_body_bytes={most}, and no content_length was told"
            ),
        }
    }
}

/// An error and its causes, in one line.
#[derive(Debug)]
pub(crate) struct Chain<E>(pub(crate) E);

impl<E: Error> fmt::Display for Chain<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
