use std::fmt;

use zeroize::Zeroizing;

use super::list::Secrets;
use super::named::NamedSecret;
use super::{is_placeholder, refused};
use crate::error::ConfigError;

/// The key that identifies us to a sender's API.
///
/// It never prints, and is wiped on drop. Copies that a request makes on its way through the HTTP
/// client and TLS are not.
///
/// ```
/// use tower_webhook::reconcile::ApiKey;
///
/// let key = ApiKey::new("sk_live_9f8e7d6c5b4a")?;
/// assert_eq!(format!("{key:?}"), "ApiKey([REDACTED])");
/// assert!(ApiKey::new("${BLOX_KEY}").is_err());
/// assert!(ApiKey::from_env("NO_SUCH_VARIABLE").is_err());
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// A key with this text.
    ///
    /// # Errors
    ///
    /// The text is empty, a placeholder (`${KEY}`), or holds characters that a header cannot:
    /// blanks, line ends, or non-ASCII characters.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        if text.is_empty() {
            return Err(refused("an API key is empty"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused(
                "an API key holds a blank, a line end or a character that is not ASCII: copy it anew",
            ));
        }
        if is_placeholder(text) {
            return Err(refused(
                "looks like a placeholder, the API key itself belongs here",
            ));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The key in this environment variable.
    ///
    /// # Errors
    ///
    /// The variable is missing, holds several texts, or [`ApiKey::new`] refuses its text.
    pub fn from_env(variable: &str) -> Result<Self, ConfigError> {
        let in_setting = |error: ConfigError| error.in_setting(variable.to_owned());
        let mut secrets = Secrets::from_env(variable)?.into_iter();
        let key = secrets.next().map(|secret| Self::new(secret.text()));
        let key = key.unwrap_or_else(|| Err(refused("an API key is empty")));
        if secrets.next().is_some() {
            return Err(in_setting(refused(
                "holds several texts, and there is one API key",
            )));
        }
        key.map_err(in_setting)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([REDACTED])")
    }
}
