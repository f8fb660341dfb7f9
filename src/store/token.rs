//! The token that a claim is held by.

use std::fmt;

use super::error::{StoreError, StoreErrorKind};

/// 128 random bits that name one attempt: who knows them holds the claim.
///
/// The claimer makes it, not the store: a claim whose reply was lost can be sent again and finds
/// itself. Make a new one for every attempt. It never leaves the receiver and its store, so
/// nobody can guess at it and plain comparison is enough; `Debug` still shows no more than tells
/// attempts apart in a log.
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
    /// # Errors
    ///
    /// [`StoreErrorKind::Randomness`] where the operating system gives no random bytes.
    pub fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .map_err(|error| StoreError::new(StoreErrorKind::Randomness).with_source(error))?;
        Ok(Self(bytes))
    }

    /// The token with these bytes, as read back from a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Token({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}
