//! The place of a field in a JSON body.

use std::fmt;
use std::sync::Arc;

use crate::error::{ConfigError, ConfigErrorKind};

/// The deepest field that a rule can name.
const MAX_DEPTH: usize = 8;

/// A JSON pointer (RFC 6901) through objects, such as `/data/id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pointer(Arc<[String]>);

impl Pointer {
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::check(text)?;
        Ok(Self::known(text))
    }

    /// The pointer of a text that is one.
    pub(crate) fn known(text: &str) -> Self {
        let path = text.strip_prefix('/').unwrap_or(text);
        let unescape = |member: &str| member.replace("~1", "/").replace("~0", "~");
        Self(path.split('/').map(unescape).collect())
    }

    /// Refuses a text that is no pointer.
    pub(super) fn check(text: &str) -> Result<(), ConfigError> {
        let refused = |message: &str| {
            Err(ConfigError::new(
                ConfigErrorKind::EventRule,
                format!("pointer {text:?} {message}"),
            ))
        };
        let Some(path) = text.strip_prefix('/') else {
            return refused("does not begin with '/'");
        };
        let escaped = |rest: &str| rest.starts_with(['0', '1']);
        if !path.split('~').skip(1).all(escaped) {
            return refused("holds a '~' that is neither ~0 nor ~1");
        }
        if path.split('/').count() > MAX_DEPTH {
            return refused("is more than 8 members deep");
        }
        Ok(())
    }

    /// Whether this is the path to the other, or to one of its parents.
    pub(crate) fn leads_to(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    pub(crate) fn members(&self) -> &[String] {
        &self.0
    }

    /// Whether one is a clone of the other, which is cheaper than comparing their values.
    pub(super) fn is_clone_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0.iter())
            .try_for_each(|member| write!(f, "/{}", member.replace('~', "~0").replace('/', "~1")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pointers_follow_rfc_6901() {
        let members = |text: &str| {
            let pointer = Pointer::parse(text).unwrap();
            pointer.members().to_vec()
        };
        // The examples of RFC 6901 section 5, without the array.
        assert_eq!(members("/foo"), ["foo"]);
        assert_eq!(members("/"), [""]);
        assert_eq!(members("/a~1b"), ["a/b"]);
        assert_eq!(members("/m~0n"), ["m~n"]);
        assert_eq!(members("/~01"), ["~1"]);
        assert_eq!(members("/data/id"), ["data", "id"]);
        assert_eq!(members("/1/2/3/4/5/6/7/8").len(), 8);
        for (text, message) in [
            ("", "does not begin with '/'"),
            ("id", "does not begin with '/'"),
            ("/a~2", "holds a '~' that is neither ~0 nor ~1"),
            ("/a~", "holds a '~' that is neither ~0 nor ~1"),
            ("/1/2/3/4/5/6/7/8/9", "is more than 8 members deep"),
        ] {
            let error = Pointer::parse(text).unwrap_err().to_string();
            assert_eq!(error, format!("event rule: pointer {text:?} {message}"));
        }
    }

    proptest! {
        #[test]
        fn what_was_printed_is_parsed(text in "(/[a~/ \"é]{0,4}){1,3}") {
            if let Ok(pointer) = Pointer::parse(&text) {
                prop_assert_eq!(Pointer::parse(&pointer.to_string()).unwrap(), pointer);
            }
        }
    }
}
