//! Finds the headers of a scheme among those of a delivery.

use http::{HeaderMap, HeaderName};

use super::error::{SignatureError, SignatureErrorKind as Kind};

/// The headers that together make one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) signature: HeaderName,
    pub(super) timestamp: Option<HeaderName>,
    pub(super) id: Option<HeaderName>,
}

/// The content of a header in a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Signature,
    Timestamp,
    Id,
}

/// A header of one of the families.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    name: HeaderName,
    slot: usize,
    /// The family's index in the scheme.
    pub(super) family: usize,
    pub(super) role: Role,
}

/// The headers of all families, in their order.
#[derive(Debug, Clone)]
pub(super) struct Names {
    all: Box<[Wanted]>,
    /// One bit for the length and the last letter of each name. Most headers of a delivery match
    /// none, which this detects at once.
    slots: u64,
}

impl Names {
    pub(super) fn of(families: &[Family]) -> Self {
        let mut all = Vec::new();
        for (index, family) in families.iter().enumerate() {
            for (role, name) in [
                (Role::Signature, Some(&family.signature)),
                (Role::Timestamp, family.timestamp.as_ref()),
                (Role::Id, family.id.as_ref()),
            ] {
                all.extend(name.map(|name| Wanted {
                    name: name.clone(),
                    slot: slot(name.as_str()),
                    family: index,
                    role,
                }));
            }
        }
        let slots = (all.iter()).fold(0, |slots, wanted: &Wanted| slots | 1 << wanted.slot);
        Self {
            all: all.into(),
            slots,
        }
    }

    /// Passes on each header of this name: none, for nearly every name.
    #[inline]
    pub(super) fn named<'n>(&'n self, name: &str, mut show: impl FnMut(&'n Wanted)) {
        let slot = slot(name);
        if self.slots >> slot & 1 == 0 {
            return;
        }
        for wanted in &self.all {
            if wanted.slot == slot && wanted.name.as_str() == name {
                show(wanted);
            }
        }
    }

    /// Names the first header of the second family that is present.
    #[cold]
    pub(super) fn mixed(&self, headers: &HeaderMap) -> SignatureError {
        let mut there = (self.all.iter()).filter(|wanted| headers.contains_key(&wanted.name));
        let first = there.next().map(|wanted| wanted.family);
        match there.find(|wanted| Some(wanted.family) != first) {
            Some(wanted) => SignatureError::in_header(Kind::MixedFamilies, &wanted.name),
            None => SignatureError::new(Kind::MixedFamilies),
        }
    }
}

/// One of 64, by the length and the last letter.
#[inline]
fn slot(name: &str) -> usize {
    let last = name.as_bytes().last().copied().unwrap_or_default();
    usize::from(last).wrapping_mul(5).wrapping_add(name.len()) % 64
}
