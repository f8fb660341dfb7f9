//! Signatures in the form of JWS (RFC 7515), and the claims of JWTs (RFC 7519).
//!
//! The scheme names the algorithm. A token's own statement must agree, but chooses nothing.

mod algorithm;
mod claims;
#[cfg(feature = "testing")]
mod issue;
mod rules;
mod token;

pub use algorithm::JwsAlgorithm;
pub(crate) use claims::{Ill, Request};
#[cfg(feature = "testing")]
pub(crate) use issue::Draft;
pub use rules::Jws;
pub(crate) use token::Token;

#[cfg(test)]
mod tests;
