//! A client certificate as a proof like any other.

use http::HeaderName;

use super::{NotProved, ProofHead, Prove};
use crate::authenticated::{Coverage, Proved};
use crate::certificate::{CertificateError, CertificateErrorKind, CertificateProof, Seen};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;

impl Prove for CertificateProof {
    type Body = Proved;

    fn covers(&self) -> Coverage {
        Coverage::Connection
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    fn head(&self, head: &ProofHead<'_>) -> Result<Proved, NotProved> {
        let seen = Seen {
            extensions: head.extensions,
            headers: head.request.headers(),
            peer: head.peer,
            is_proxy: head.is_proxied,
        };
        let checked = self.check_seen(seen, head.now());
        checked.map_err(|error| not_proved(&error, head))?;
        Ok(Proved::new())
    }
}

fn not_proved(error: &CertificateError, head: &ProofHead<'_>) -> NotProved {
    let reason = match error.kind() {
        CertificateErrorKind::Missing => Reason::CertificateMissing,
        CertificateErrorKind::Malformed => Reason::CertificateMalformed,
        CertificateErrorKind::Refused => Reason::CertificateRefused,
        CertificateErrorKind::Expired => Reason::CertificateExpired,
        CertificateErrorKind::Fault => Reason::SourceFault,
    };
    let cause = RejectionCause::told(reason, error.to_string().into());
    NotProved(match head.client.or(head.peer) {
        Some(client) => cause.of_client(client),
        None => cause,
    })
}
