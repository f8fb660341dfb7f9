use std::fmt;

use crate::text::Text;

/// The name of a key, for logs: it shows which of several secrets matched. Not a secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyId(Text<22>);

impl KeyId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<&str> for KeyId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for KeyId {
    fn from(id: String) -> Self {
        Self::from(id.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyId").field(&self.as_str()).finish()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The names of all keys that have signed a delivery, in the order of the ring: at least one.
///
/// During a roll-over, a sender signs with the old and the new secret. Both names show that both
/// secrets are configured correctly. The old one alone shows that the new one is wrong, or not in
/// use yet. It prints as `1,2`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyIds {
    first: KeyId,
    rest: Vec<KeyId>,
}

impl KeyIds {
    /// The first name, which is the only one except during a roll-over.
    pub fn first(&self) -> &KeyId {
        &self.first
    }

    /// Each of them, in the order of the ring.
    pub fn iter(&self) -> impl Iterator<Item = &KeyId> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Whether the key of this name is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|id| id.as_str() == name)
    }

    /// The same for a [`KeyId`].
    #[inline]
    pub(super) fn has(&self, id: &KeyId) -> bool {
        self.first == *id || self.rest.contains(id)
    }
}

impl fmt::Debug for KeyIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Display for KeyIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.first, f)?;
        self.rest.iter().try_for_each(|id| write!(f, ",{id}"))
    }
}

/// Collects the names of the keys that match; empty at first.
#[derive(Debug, Default)]
pub(crate) struct Matching(Option<KeyIds>);

impl Matching {
    #[inline(always)]
    pub(crate) fn add(&mut self, id: &KeyId) {
        match &mut self.0 {
            None => {
                self.0 = Some(KeyIds {
                    first: id.clone(),
                    rest: Vec::new(),
                });
            }
            Some(ids) => ids.rest.push(id.clone()),
        }
    }

    #[inline]
    pub(crate) fn into_ids(self) -> Option<KeyIds> {
        self.0
    }
}
