//! Signatures with public keys: the algorithms, the keys, and their encodings.
//!
//! RustCrypto does the arithmetic. This module decides what is accepted: the encodings of a key,
//! the lengths, the hash for each curve, and a single encoding of a signature even if the library
//! would accept several.

mod algorithm;
mod key;
mod parse;
#[cfg(any(test, feature = "testing"))]
mod private;

pub use algorithm::{Curve, EcdsaForm, KeyKind, PublicKeyAlgorithm};
pub use key::PublicKey;
pub(crate) use parse::Jwk;
pub use parse::PublicKeyFormat;
#[cfg(any(test, feature = "testing"))]
pub use private::PrivateKey;

#[cfg(test)]
pub(crate) mod tests;
