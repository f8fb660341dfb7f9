//! HTTP message signatures (RFC 9421), with digests of the body (RFC 9530).
//!
//! The receiver decides which algorithms count and which components must be covered. The algorithm
//! that a message names must agree, but chooses nothing.
//!
//! ```text
//! Signature-Input: label=(component ...);created=...;keyid="..."
//! Signature:       label=:base64:
//! component      = "@method" / "content-digest" / "@query-param";name="id" / ...
//! ```

mod algorithm;
mod base;
mod candidate;
mod digests;
mod field;
mod identifier;
#[cfg(feature = "testing")]
mod issue;
mod rules;
mod select;
mod target;
mod unread;

pub use algorithm::MessageAlgorithm;
pub(crate) use base::Asked;
pub(crate) use candidate::Candidate;
#[cfg(feature = "testing")]
pub(crate) use issue::Draft;
pub use rules::MessageSignatures;
pub(crate) use unread::Unread;

#[cfg(test)]
mod tests;
