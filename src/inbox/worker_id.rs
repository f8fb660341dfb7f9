use std::fmt;

use crate::store::{StoreError, Token};

/// Identifies a worker of an inbox: eight hex digits, which it logs when it begins and with each attempt.
///
/// An [entry](super::Entry::worker) names the worker that has it or has ended it; a worker reports
/// its own [id](crate::worker::Worker::id).
///
/// ```
/// use tower_webhook::inbox::MemoryInbox;
/// use tower_webhook::worker::InboxExt;
/// use tower_webhook::{PathTokens, Webhook, provider};
///
/// let inbox = MemoryInbox::new();
/// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
/// let bloque = Webhook::new(provider::bloque_accounts(tokens)).inbox(inbox.clone()).build()?;
/// let worker = inbox.worker().on(&bloque, async || {}).build()?;
/// println!("{}: process {}", worker.id(), std::process::id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkerId([u8; 4]);

impl WorkerId {
    /// An id that no other worker is likely to have. If the system gives no random bytes, nothing
    /// can be taken anyway.
    pub(crate) fn random() -> Self {
        Token::random().map_or(Self([0; 4]), |token| Self::of(&token))
    }

    /// The worker that a token belongs to.
    pub(crate) fn of(token: &Token) -> Self {
        Self(token.mark())
    }

    /// The last bytes of this worker's tokens.
    pub(crate) fn mark(self) -> [u8; 4] {
        self.0
    }

    /// A new token of this worker.
    pub(crate) fn token(self) -> Result<Token, StoreError> {
        Ok(Token::random()?.marked(self.0))
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkerId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_known_by_its_tokens_and_no_two_of_those_are_alike() {
        let worker = WorkerId([0x0a, 0xb0, 0, 0x1f]);
        let (one, other) = (worker.token().unwrap(), worker.token().unwrap());
        assert_ne!(one, other);
        assert_eq!((WorkerId::of(&one), WorkerId::of(&other)), (worker, worker));
        assert_eq!(worker.to_string(), "0ab0001f");
        assert_ne!(WorkerId::random(), WorkerId::random());
        // The visible part of a token still distinguishes attempts.
        assert_ne!(format!("{one:?}"), format!("{other:?}"));
    }
}
