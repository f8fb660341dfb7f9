//! Shared tokens, if a scheme uses them for signatures.

use subtle::ConstantTimeEq;

use super::{At, General};
use crate::digest::Digest;
use crate::secret::{Matching, SigningKey, SigningSecret};

impl General {
    /// Records which keys equal one of the tokens in a delivery, and returns the hash of the first
    /// key. If each item of a list has a token, each must be a key, or none counts. Every token is
    /// compared with every key, by their hashes and in constant time.
    pub(super) fn judge_shared_tokens<'k>(
        &self,
        shown: &[Vec<u8>],
        keys: impl Iterator<Item = &'k SigningKey>,
        matching: &mut Matching,
    ) -> Option<Vec<u8>> {
        let hash = |bytes: &[u8]| Digest::Sha256.hash([bytes]);
        let mut shown: Vec<_> = shown.iter().map(|token| (hash(token), false)).collect();
        let mut first = None;
        let mut right = Vec::new();
        for key in keys {
            let token = hash(key.secret().map_or(b"", SigningSecret::bytes));
            let mut is_shown = false;
            for (shown, is_known) in &mut shown {
                let is_it = bool::from(shown.ct_eq(&token));
                *is_known |= is_it;
                is_shown |= is_it;
            }
            if is_shown {
                right.push(key.id());
            }
            first.get_or_insert(token);
        }
        let is_in_each = self.places.iter().any(|at| matches!(at, At::Each { .. }));
        if !is_in_each || shown.iter().all(|(_, is_known)| *is_known) {
            right.into_iter().for_each(|id| matching.add(id));
        }
        first
    }
}
