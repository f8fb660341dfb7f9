//! Short texts that are copied inline, without an allocation or a reference count that all
//! processors would write to.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A text of up to `N` bytes, stored inline; a longer one is shared by its copies.
#[derive(Clone)]
pub(crate) struct Text<const N: usize>(Kind<N>);

#[derive(Clone)]
enum Kind<const N: usize> {
    /// Padded with zeros.
    Short {
        len: u8,
        bytes: [u8; N],
    },
    Long(Arc<str>),
}

impl<const N: usize> Text<N> {
    /// The text of these ASCII bytes.
    #[inline]
    pub(crate) fn from_ascii(bytes: &[u8]) -> Self {
        Self::short(bytes).unwrap_or_else(|| {
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            Self(Kind::Long(text.into()))
        })
    }

    #[inline]
    fn short(text: &[u8]) -> Option<Self> {
        let len = u8::try_from(text.len()).ok()?;
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self(Kind::Short { len, bytes }))
    }

    pub(crate) fn as_str(&self) -> &str {
        match &self.0 {
            // It was valid text when it was stored.
            Kind::Short { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Kind::Long(text) => text,
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Kind::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Kind::Long(text) => text.as_bytes(),
        }
    }
}

impl<const N: usize> From<&str> for Text<N> {
    fn from(text: &str) -> Self {
        Self::short(text.as_bytes()).unwrap_or_else(|| Self(Kind::Long(text.into())))
    }
}

impl<const N: usize> PartialEq for Text<N> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl<const N: usize> Eq for Text<N> {}

impl<const N: usize> Hash for Text<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.as_bytes());
        state.write_u8(0xff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn what_fits_to_the_byte_stands_and_the_next_is_shared() {
        let is_short = |text: &str| matches!(Text::<6>::from(text).0, Kind::Short { .. });
        assert!(is_short("") && is_short("abcdef") && is_short("äöü"));
        assert!(!is_short("abcdefg") && !is_short("äöüx"));
        let longest = "x".repeat(256);
        assert!(matches!(Text::<300>::from(&*longest).0, Kind::Long(_)));
    }

    proptest! {
        #[test]
        fn it_is_what_it_was_made_of(a in ".{0,12}", b in ".{0,12}") {
            let (x, y) = (Text::<16>::from(&*a), Text::<16>::from(&*b));
            prop_assert_eq!(x.as_str(), &a);
            let copy = x.clone();
            prop_assert_eq!(copy.as_bytes(), a.as_bytes());
            prop_assert_eq!(x == y, a == b);
            prop_assert_eq!(HashSet::from([x, y]).len(), HashSet::from([a, b]).len());
        }
    }
}
