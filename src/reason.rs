use std::fmt;

/// The stable word of each variant of an enum, and the list of all: one that is left out does not compile.
macro_rules! codes {
    (
        $(#[$of_all:meta])*
        $all:vis const ALL;
        $(#[$of_code:meta])*
        $vis:vis fn code { $($variant:ident => $code:literal,)+ }
    ) => {
        $(#[$of_all])*
        $all const ALL: &'static [Self] = &[$(Self::$variant),+];

        $(#[$of_code])*
        $vis fn code(self) -> &'static str {
            match self {
                $(Self::$variant => $code),+
            }
        }
    };
}
pub(crate) use codes;

/// Why a delivery was not handled, or not handled yet.
///
/// The [code](Reason::code) is stable: metrics and alarms can rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A method that the sender does not deliver with.
    MethodNotAllowed,
    /// The sender checks whether a receiver is there, and delivers nothing.
    Probe,
    /// The path has no right token.
    UnknownPath,
    /// The client's address is not on the allowlist, or a proxy's header hides it.
    SourceRefused,
    /// The allowlist holds a host name that has no address now.
    SourceUnresolved,
    /// The client's address is not known, or a proxy is not declared.
    SourceFault,
    /// The body has a content encoding, so the signed bytes could not be passed on.
    ContentEncoding,
    /// The signature headers are missing or malformed.
    SignatureHeader,
    /// No key of the ring is active.
    NoActiveKey,
    /// The key that the delivery names is not known yet, and the source of keys is out of reach or
    /// was queried too recently.
    KeysUnavailable,
    /// No active key made the signature.
    SignatureMismatch,
    /// The signature is right but its time is not: a replay, or a wrong clock.
    SignatureStale,
    /// No client certificate was shown, or none by a trusted peer.
    CertificateMissing,
    /// The certificate is malformed, or its header occurs twice.
    CertificateMalformed,
    /// The client certificate is not one of the sender's.
    CertificateRefused,
    /// The client certificate is the sender's, but not valid yet or no longer valid.
    CertificateExpired,
    /// The user's own proof was not passed.
    ProofRefused,
    /// The user's own proof cannot be decided now, or has panicked.
    ProofUnavailable,
    /// The body is longer than the cap.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTooSlow,
    /// The body broke off early.
    BodyCutOff,
    /// Strangers hold as much memory as they may.
    BudgetUsedUp,
    /// The body gives no event key.
    NoEventKey,
    /// The event is of an unwanted type.
    Filtered,
    /// The event is for another recipient.
    NotOurs,
    /// The body holds a list of more events than are taken at once.
    TooManyItems,
    /// The event happened before the retention began.
    EventTooOld,
    /// The event is held in the inbox, and a worker handles it later.
    Queued,
    /// The event was handled before, or is held in the inbox already.
    AlreadyDone,
    /// The event is being handled right now.
    InProgress,
    /// The same key belongs to other content.
    Conflict,
    /// The event is in the dead letters, and a delivery revived it a short while ago.
    DeadLetter,
    /// The store is out of reach.
    StoreUnavailable,
    /// The store did not answer in time.
    StoreTooSlow,
    /// The store is full.
    StoreFull,
    /// The confirmation found the event untrue.
    ConfirmMismatch,
    /// The confirmation does not know the subject of the event.
    ConfirmUnknown,
    /// The confirmation cannot be decided yet.
    ConfirmTryAgain,
    /// The inner service, or a layer before it, was not ready in time: its limit was reached.
    NotReady,
    /// The handler exceeded the time to answer and is still running.
    HandlerSlow,
    /// The handler answered without success.
    HandlerFailed,
    /// The body is not of the type that the handler takes.
    PayloadMismatch,
    /// The handler panicked.
    HandlerPanicked,
    /// The handler ended its transaction itself, continued in it after a statement that had failed,
    /// or kept it beyond its own end. Everything that it had not committed itself is undone.
    TransactionBroken,
    /// The handler succeeded, but the store could not be updated.
    NotRecorded,
    /// The handler succeeded after another receiver had taken the event over.
    LeaseLost,
    /// The receiver is shutting down.
    Draining,
    /// The task of the delivery ended without an answer: the runtime is shutting down, or a user's
    /// store or response shape panicked.
    TaskEnded,
    /// No gate before this layer has proved the origin as the provider demands.
    Unauthenticated,
    /// An outer layer handles the delivery already.
    Nested,
}

impl Reason {
    codes! {
        #[cfg(test)]
        const ALL;
        /// The reason as one stable word.
        pub fn code {
            MethodNotAllowed => "method_not_allowed",
            Probe => "probe",
            UnknownPath => "unknown_path",
            SourceRefused => "source_refused",
            SourceUnresolved => "source_unresolved",
            SourceFault => "source_fault",
            ContentEncoding => "content_encoding",
            SignatureHeader => "signature_header",
            NoActiveKey => "no_active_key",
            KeysUnavailable => "keys_unavailable",
            SignatureMismatch => "signature_mismatch",
            SignatureStale => "signature_stale",
            CertificateMissing => "certificate_missing",
            CertificateMalformed => "certificate_malformed",
            CertificateRefused => "certificate_refused",
            CertificateExpired => "certificate_expired",
            ProofRefused => "proof_refused",
            ProofUnavailable => "proof_unavailable",
            BodyTooLarge => "body_too_large",
            BodyTooSlow => "body_too_slow",
            BodyCutOff => "body_cut_off",
            BudgetUsedUp => "budget_used_up",
            NoEventKey => "no_event_key",
            Filtered => "filtered",
            NotOurs => "not_ours",
            TooManyItems => "too_many_items",
            EventTooOld => "event_too_old",
            Queued => "queued",
            AlreadyDone => "already_done",
            InProgress => "in_progress",
            Conflict => "conflict",
            DeadLetter => "dead_letter",
            StoreUnavailable => "store_unavailable",
            StoreTooSlow => "store_too_slow",
            StoreFull => "store_full",
            ConfirmMismatch => "confirm_mismatch",
            ConfirmUnknown => "confirm_unknown",
            ConfirmTryAgain => "confirm_try_again",
            NotReady => "not_ready",
            HandlerSlow => "handler_slow",
            HandlerFailed => "handler_failed",
            PayloadMismatch => "payload_mismatch",
            HandlerPanicked => "handler_panicked",
            TransactionBroken => "transaction_broken",
            NotRecorded => "not_recorded",
            LeaseLost => "lease_lost",
            Draining => "draining",
            TaskEnded => "task_ended",
            Unauthenticated => "unauthenticated",
            Nested => "nested",
        }
    }

    /// Whether it is about a client certificate.
    pub(crate) fn is_of_certificate(self) -> bool {
        matches!(
            self,
            Self::CertificateMissing
                | Self::CertificateMalformed
                | Self::CertificateRefused
                | Self::CertificateExpired
        )
    }

    /// Whether the receiver is misconfigured, rather than the delivery wrong.
    ///
    /// ```
    /// use tower_webhook::Reason;
    ///
    /// assert!(Reason::Unauthenticated.is_configuration_fault());
    /// assert!(!Reason::SignatureMismatch.is_configuration_fault());
    /// ```
    pub fn is_configuration_fault(self) -> bool {
        matches!(
            self,
            Self::SourceFault | Self::Unauthenticated | Self::Nested | Self::NoActiveKey
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PROMISED: &str = include_str!("../docs/stability.md");

    #[test]
    fn reasons_have_the_codes_that_are_promised() {
        let (_, section) = PROMISED.split_once("\n## Codes of reasons\n").unwrap();
        let table = section.split("\n## ").next().unwrap();
        let promised: BTreeSet<_> = table.split('`').skip(1).step_by(2).collect();
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|it| it.code()).collect();
        assert_eq!(codes, promised);
    }
}
