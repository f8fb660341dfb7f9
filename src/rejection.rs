//! Refusals: reasons, statuses, and custom responses.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::contract::SenderContract;
use crate::reason::Reason;

/// How long a sender is asked to wait before it retries.
const RETRY_AFTER_SECS: u64 = 5;

fn refusal_status(reason: Reason, contract: &SenderContract) -> RefusalStatus {
    match reason {
        Reason::MethodNotAllowed => RefusalStatus::Fixed(StatusCode::METHOD_NOT_ALLOWED),
        Reason::UnknownPath => RefusalStatus::Fixed(StatusCode::NOT_FOUND),
        Reason::SourceRefused => RefusalStatus::Fixed(StatusCode::FORBIDDEN),
        Reason::ContentEncoding => RefusalStatus::Fixed(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        Reason::SignatureHeader
        | Reason::SignatureMismatch
        | Reason::SignatureStale
        | Reason::CertificateMissing
        | Reason::CertificateMalformed
        | Reason::CertificateRefused
        | Reason::CertificateExpired
        | Reason::ProofRefused => RefusalStatus::Fixed(StatusCode::UNAUTHORIZED),
        Reason::BodyTooLarge | Reason::TooManyItems => {
            RefusalStatus::Fixed(StatusCode::PAYLOAD_TOO_LARGE)
        }
        Reason::BodyTooSlow => RefusalStatus::Fixed(StatusCode::REQUEST_TIMEOUT),
        Reason::BodyCutOff
        | Reason::NoEventKey
        | Reason::ConfirmMismatch
        | Reason::ConfirmUnknown => RefusalStatus::Fixed(StatusCode::BAD_REQUEST),
        Reason::EventTooOld | Reason::Conflict => {
            RefusalStatus::Fixed(StatusCode::UNPROCESSABLE_ENTITY)
        }
        Reason::Queued
        | Reason::AlreadyDone
        | Reason::Probe
        | Reason::Filtered
        | Reason::NotOurs => RefusalStatus::Fixed(contract.success().status_for(StatusCode::OK)),
        // An operator's oversight must not cost a true delivery.
        Reason::SourceUnresolved
        | Reason::NoActiveKey
        | Reason::KeysUnavailable
        | Reason::ProofUnavailable
        | Reason::BudgetUsedUp
        | Reason::InProgress
        | Reason::DeadLetter
        | Reason::StoreUnavailable
        | Reason::StoreTooSlow
        | Reason::StoreFull
        | Reason::ConfirmTryAgain
        | Reason::NotRecorded
        | Reason::LeaseLost
        | Reason::Draining
        | Reason::TaskEnded => RefusalStatus::NotNow,
        // A sender that does not retry is told that the event was accepted.
        Reason::NotReady | Reason::HandlerSlow if contract.retries_at_all() => {
            RefusalStatus::NotNow
        }
        Reason::NotReady | Reason::HandlerSlow => {
            RefusalStatus::Fixed(contract.success().status_for(StatusCode::ACCEPTED))
        }
        Reason::HandlerFailed
        | Reason::PayloadMismatch
        | Reason::HandlerPanicked
        | Reason::TransactionBroken => {
            RefusalStatus::Fixed(contract.failure(StatusCode::INTERNAL_SERVER_ERROR))
        }
        Reason::SourceFault | Reason::Unauthenticated | Reason::Nested => {
            RefusalStatus::Fixed(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// The status for a reason.
enum RefusalStatus {
    Fixed(StatusCode),
    /// A status after which this sender retries.
    NotNow,
}

/// A refusal that is being answered.
///
/// It is in the extensions of the response, so that outer layers can read it. The sender sees only
/// the status: all refusals with one status look the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    reason: Reason,
    status: StatusCode,
    retry_after: Option<Duration>,
    /// The allowed methods, if the method is wrong and POST is not the only one.
    allow: Option<Box<HeaderValue>>,
}

impl Rejection {
    pub(crate) fn new(reason: Reason, contract: &SenderContract) -> Self {
        match refusal_status(reason, contract) {
            RefusalStatus::Fixed(status) => Self {
                reason,
                status,
                retry_after: None,
                allow: (reason == Reason::MethodNotAllowed)
                    .then(|| contract.methods().listed().map(Box::new))
                    .flatten(),
            },
            RefusalStatus::NotNow => Self::not_now(reason, contract),
        }
    }

    /// A refusal that asks the sender to retry, whatever is usual for the reason.
    pub(crate) fn not_now(reason: Reason, contract: &SenderContract) -> Self {
        Self {
            reason,
            status: contract.not_now(),
            retry_after: Some(Duration::from_secs(RETRY_AFTER_SECS)),
            allow: None,
        }
    }

    /// The reason.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// When the sender should retry, if it should.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The usual response: the status, `Allow` or `Retry-After` if they apply, and no body.
    pub fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        self.write_to(&mut response);
        response
    }

    /// The same, written to an existing empty response.
    #[inline]
    pub(crate) fn write_to(&self, response: &mut Response<Bytes>) {
        *response.status_mut() = self.status;
        if self.reason == Reason::MethodNotAllowed {
            let listed = self.allow.as_deref().cloned();
            let methods = listed.unwrap_or(HeaderValue::from_static("POST"));
            response.headers_mut().insert(ALLOW, methods);
        }
        if let Some(wait) = self.retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
    }
}

/// Shapes the responses to refused deliveries.
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use tower_webhook::{Rejection, RejectionResponse};
///
/// fn with_text(rejection: &Rejection) -> Response<Bytes> {
///     // The text must not distinguish one 401 from another.
///     rejection.response().map(|_| Bytes::from(rejection.status().to_string()))
/// }
///
/// fn takes(_: impl RejectionResponse) {}
/// takes(with_text);
/// ```
pub trait RejectionResponse: Send + Sync + 'static {
    /// The response to this refusal. [`Rejection::response`] is a good start.
    fn response(&self, rejection: &Rejection) -> Response<Bytes>;
}

impl<F> RejectionResponse for F
where
    F: Fn(&Rejection) -> Response<Bytes> + Send + Sync + 'static,
{
    fn response(&self, rejection: &Rejection) -> Response<Bytes> {
        self(rejection)
    }
}
