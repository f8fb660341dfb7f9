use std::borrow::Cow;
use std::sync::Arc;

/// A secret as written in the settings: its text, and the name of its key if it has one.
///
/// A text alone is named by its position; a pair includes its name, which logs then show.
///
/// ```
/// use tower_webhook::provider::stripe;
///
/// let ring = stripe::keys([("2026-06", "whsec_test_the_new_one"), ("2026-05", "whsec_test_the_old_one")])?;
/// assert_eq!(ring.ids(), ["2026-06".into(), "2026-05".into()]);
/// let ring = stripe::keys(["whsec_test_the_new_one", "whsec_test_the_old_one"])?;
/// assert_eq!(ring.ids(), ["1".into(), "2".into()]);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
pub trait NamedSecret {
    /// The name of the key.
    fn name(&self) -> Option<&str> {
        None
    }

    /// The text of the secret.
    fn text(&self) -> &str;

    /// The setting that holds it, such as an environment variable, for error texts.
    fn setting(&self) -> Option<&str> {
        None
    }
}

impl NamedSecret for str {
    fn text(&self) -> &str {
        self
    }
}

impl NamedSecret for String {
    fn text(&self) -> &str {
        self
    }
}

impl NamedSecret for Box<str> {
    fn text(&self) -> &str {
        self
    }
}

impl NamedSecret for Arc<str> {
    fn text(&self) -> &str {
        self
    }
}

impl NamedSecret for Cow<'_, str> {
    fn text(&self) -> &str {
        self
    }
}

impl<N: AsRef<str>, S: AsRef<str>> NamedSecret for (N, S) {
    fn name(&self) -> Option<&str> {
        Some(self.0.as_ref())
    }

    fn text(&self) -> &str {
        self.1.as_ref()
    }
}

impl<T: NamedSecret + ?Sized> NamedSecret for &T {
    fn name(&self) -> Option<&str> {
        (**self).name()
    }

    fn text(&self) -> &str {
        (**self).text()
    }

    fn setting(&self) -> Option<&str> {
        (**self).setting()
    }
}
