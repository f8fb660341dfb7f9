//! Signatures with public keys: the algorithms, the keys, and how both are written down.
//!
//! The arithmetic is that of RustCrypto. What is decided here is what is taken: which spellings of a
//! key, which lengths, which curve with which hash, and that a signature has one spelling where the
//! library would take several.

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
