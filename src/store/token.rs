//! The token that holds a claim.

use std::cell::RefCell;
use std::fmt;

use super::error::{StoreError, StoreErrorKind};

/// 128 random bits that name one attempt: knowing them means holding the claim. The tokens of one inbox worker
/// share their last 32 bits, which identify the worker.
///
/// The claimer makes the token, not the store, so a claim whose reply was lost can be sent again
/// and finds itself. Make a new one for every attempt. A token never leaves the receiver and its
/// store, so nobody can guess at it and plain comparison is enough. `Debug` still shows only enough
/// to distinguish attempts in a log.
///
/// ```
/// use tower_webhook::store::Token;
///
/// let token = Token::from_bytes([0xab; 16]);
/// assert_eq!(format!("{token:?}"), "Token(abababab..)");
/// assert_ne!(Token::random()?, Token::random()?);
/// # Ok::<(), tower_webhook::store::StoreError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 16]);

impl Token {
    /// A token that was never used before.
    ///
    /// Each thread asks the operating system for the bytes of several tokens at once. A process that forks after a
    /// thread has made tokens must make more in only one of the two processes: otherwise some would appear twice.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Randomness`] if the operating system gives no random bytes.
    pub fn random() -> Result<Self, StoreError> {
        POOL.with_borrow_mut(Pool::take).map(Self)
    }

    /// The token with these bytes, as read back from a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storage.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The same token, ending in these bytes: 96 random bits are left.
    pub(crate) fn marked(mut self, mark: [u8; 4]) -> Self {
        if let Some(end) = self.0.last_chunk_mut() {
            *end = mark;
        }
        self
    }

    /// The bytes that the token ends in.
    #[cfg(feature = "inbox")]
    pub(crate) fn mark(&self) -> [u8; 4] {
        self.0.last_chunk().copied().unwrap_or_default()
    }
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { tokens: [[0; 16]; AT_ONCE], left: 0 }) };
}

/// How many tokens are requested at once: the system call costs more than the bytes.
const AT_ONCE: usize = 32;

/// Random bytes of this thread, each of which is used once.
struct Pool {
    tokens: [[u8; 16]; AT_ONCE],
    left: usize,
}

impl Pool {
    fn take(&mut self) -> Result<[u8; 16], StoreError> {
        if self.left == 0 {
            getrandom::fill(self.tokens.as_flattened_mut())
                .map_err(|error| StoreError::new(StoreErrorKind::Randomness).with_source(error))?;
            self.left = AT_ONCE;
        }
        self.left = self.left.saturating_sub(1);
        // Taken out, so that zeros remain in its place.
        let token = self.tokens.get_mut(self.left).map(std::mem::take);
        token.ok_or(StoreError::new(StoreErrorKind::Randomness))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Token({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_token_comes_twice_on_any_thread() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| Vec::from_iter((0..1_000).map(|_| Token::random()))))
            .collect();
        let mut seen = HashSet::new();
        for thread in threads {
            for token in thread.join().unwrap() {
                assert!(seen.insert(token.unwrap()));
            }
        }
        assert!(!seen.contains(&Token::from_bytes([0; 16])));
        assert_eq!(seen.len(), 4_000);
    }
}
