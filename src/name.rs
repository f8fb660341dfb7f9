//! Short plain names.

use std::borrow::Cow;
use std::fmt;

use crate::error::{ConfigError, ConfigErrorKind};

/// The name of a sender, a tenant or a consumer: 1 to 32 of `a-z`, `0-9`, `-` and `_`.
///
/// It is used in log lines, metrics and store keys, so it is short and plain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Cow<'static, str>);

impl Name {
    /// A name from text.
    ///
    /// # Errors
    ///
    /// The text is empty, over 32 characters, or holds another character.
    ///
    /// ```
    /// use tower_webhook::Name;
    ///
    /// assert_eq!(Name::new("acme-eu")?.as_str(), "acme-eu");
    /// assert!(Name::new("Acme:EU").is_err());
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        let name = name.into();
        if is_name(name.as_bytes()) {
            Ok(Self(name))
        } else {
            Err(ConfigError::new(
                ConfigErrorKind::Name,
                format!("{name:?} is not 1 to 32 of a-z, 0-9, '-' and '_'"),
            ))
        }
    }

    /// A name that is a constant of this crate; an invalid one does not compile.
    pub(crate) const fn constant(name: &'static str) -> Self {
        assert!(is_name(name.as_bytes()), "no name");
        Self(Cow::Borrowed(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let [byte, behind @ ..] = rest {
        if !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') {
            return false;
        }
        rest = behind;
    }
    !name.is_empty() && name.len() <= 32
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        let longest = "a".repeat(32);
        assert!(Name::new(longest.clone()).is_ok());
        for name in ["", "A", "a b", "a:b", "a@b", "é", &format!("{longest}a")] {
            let error = Name::new(name.to_owned()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("name: {name:?} is not 1 to 32 of a-z, 0-9, '-' and '_'")
            );
        }
    }
}
