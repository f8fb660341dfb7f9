use std::env;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{MIN_SECRET_LEN, NamedSecret, pasted};
use crate::error::{ConfigError, ConfigErrorKind};

/// The secrets that one text lists, such as an environment variable.
///
/// ```text
/// list  = entry *( "," entry )       ; a line break separates as a comma does
/// entry = [blanks] [name ":"] secret [blanks] ; an empty entry is passed over
/// name  = 1 to 32 of A-Z a-z 0-9 "-" "_" "."
/// ```
///
/// A secret with a comma or a line break in it cannot be listed. A secret that begins like a name
/// and a colon must be given a name. Names print, so text that may be a secret is refused as a
/// name: text that begins with `whsec_`, and hexadecimal digits that are long enough for a secret.
/// Quotation marks or brackets around the list are refused.
///
/// A PEM key has line breaks: list the base64 of the whole PEM, or pass its text instead of a list,
/// as in `KeyRing::parse(&format, [pem])`.
///
/// ```
/// use tower_webhook::provider::stripe;
/// use tower_webhook::Secrets;
///
/// let secrets = Secrets::parse("2026-06:whsec_test_the_new_one, whsec_test_the_old_one")?;
/// assert_eq!(stripe::keys(secrets)?.ids(), ["2026-06".into(), "2".into()]);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Secrets(Vec<ListedSecret>);

/// One secret of a list, with its name if it has one.
#[derive(Clone)]
pub struct ListedSecret {
    name: Option<Box<str>>,
    text: Zeroizing<String>,
    variable: Option<Arc<str>>,
}

impl Secrets {
    /// The secrets that this text lists.
    ///
    /// # Errors
    ///
    /// The text has no secret, is in quotation marks or brackets, or has a name that may be a
    /// secret. The secrets themselves are checked by the functions that parse them, such as
    /// [`KeyRing::parse`](super::KeyRing::parse) or the `keys` of a preset.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::listed(text, None)
    }

    /// The secrets that this environment variable lists, as `SECRETS=whsec_…` or, with names and
    /// during a roll-over, as `SECRETS=2026-06:whsec_…,2026-05:whsec_…`.
    ///
    /// ```
    /// use tower_webhook::provider::{self, stripe};
    /// use tower_webhook::{ConfigError, Provider, Secrets};
    ///
    /// fn from_environment() -> Result<Provider, ConfigError> {
    ///     let keys = stripe::keys(Secrets::from_env("STRIPE_WEBHOOK_SECRETS")?)?;
    ///     Ok(provider::stripe(keys))
    /// }
    /// let error = from_environment().unwrap_err().to_string();
    /// assert!(error.starts_with("signing secret STRIPE_WEBHOOK_SECRETS: the environment has no"));
    /// ```
    ///
    /// # Errors
    ///
    /// The variable is not set, empty or not UTF-8. The error names the variable and never its
    /// content, and so do errors from parsing the secrets.
    pub fn from_env(variable: &str) -> Result<Self, ConfigError> {
        Self::of_variable(variable, env::var_os(variable))
    }

    fn of_variable(variable: &str, value: Option<OsString>) -> Result<Self, ConfigError> {
        let refused = |what: &'static str| refused(what).in_setting(variable.to_owned());
        let value = value.ok_or_else(|| {
            refused("the environment has no variable of this name: set it to the sender's secret")
        })?;
        let text = (value.into_string()).map(Zeroizing::new).map_err(|value| {
            drop(Zeroizing::new(value.into_encoded_bytes()));
            refused("the variable is not UTF-8")
        })?;
        if text.split(SEPARATORS).all(|entry| entry.trim().is_empty()) {
            return Err(refused(
                "the variable is empty: set it to the sender's secret",
            ));
        }
        Self::listed(&text, Some(&variable.into()))
            .map_err(|error| error.in_setting(variable.to_owned()))
    }

    fn listed(text: &str, variable: Option<&Arc<str>>) -> Result<Self, ConfigError> {
        let entries: Vec<_> = (text.split(SEPARATORS).map(str::trim))
            .filter(|entry| !entry.is_empty())
            .collect();
        if entries.len() > 1 && is_wrapped(text.trim()) {
            return Err(refused(
                "the list stands in quotation marks or brackets: write the secrets and the commas alone",
            ));
        }
        let is_several = entries.len() > 1;
        let secrets: Vec<_> = (entries.into_iter())
            .map(|entry| {
                // The text before its colon is not a name.
                if is_several && entry.starts_with(PEM) {
                    return Err(refused(
                        "a key in PEM, which spans lines, and a line break separates secrets here: list the base64 of \
                         the whole PEM, or pass its text itself instead of a list",
                    ));
                }
                if let Some(what) = pasted::stands_for_another(entry) {
                    return Err(refused(what));
                }
                let named = (entry.split_once(':')).filter(|(name, _)| is_name(name));
                let (name, text) = named.map_or((None, entry), |(name, text)| (Some(name), text));
                if name.is_some_and(may_be_a_secret) {
                    return Err(refused(
                        "what stands before a colon may be a secret, and names print: separate secrets \
                         by commas, or give the one with the colon a name",
                    ));
                }
                Ok(ListedSecret {
                    name: name.map(Into::into),
                    text: Zeroizing::new(text.to_owned()),
                    variable: variable.cloned(),
                })
            })
            .collect::<Result<_, _>>()?;
        if secrets.is_empty() {
            return Err(refused("no secret is listed"));
        }
        Ok(Self(secrets))
    }
}

/// The beginning of keys and certificates in PEM.
const PEM: &str = "-----BEGIN";
const SEPARATORS: [char; 3] = [',', '\n', '\r'];

/// Whether the quotes or brackets of a shell or file enclose the whole text.
fn is_wrapped(text: &str) -> bool {
    [('"', '"'), ('\'', '\''), ('`', '`'), ('[', ']')]
        .iter()
        .any(|(open, close)| text.starts_with(*open) && text.ends_with(*close))
}

/// Names print, so text that looks like the secret itself, or a part of one, is not a name.
fn may_be_a_secret(name: &str) -> bool {
    name.starts_with("whsec_")
        || (name.len() >= MIN_SECRET_LEN && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

fn refused(what: &'static str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Secret, what)
}

impl NamedSecret for ListedSecret {
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn setting(&self) -> Option<&str> {
        self.variable.as_deref()
    }
}

impl IntoIterator for Secrets {
    type Item = ListedSecret;
    type IntoIter = std::vec::IntoIter<ListedSecret>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl fmt::Debug for ListedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            text: _,
            variable,
        } = self;
        f.debug_struct("ListedSecret")
            .field("name", name)
            .field("variable", variable)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{KeyRing, SecretFormat};

    const NEW: &str = "whsec_test_the_new_one";
    const OLD: &str = "whsec_test_the_old_one";

    fn of_variable(value: Option<&str>) -> Result<Secrets, ConfigError> {
        Secrets::of_variable("ACME_SECRETS", value.map(OsString::from))
    }

    fn ids(text: &str) -> Vec<String> {
        let secrets = of_variable(Some(text)).unwrap();
        let ring = KeyRing::parse(&SecretFormat::Text, secrets).unwrap();
        ring.ids().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_secret_or_several_stand_in_a_variable_with_names_or_without() {
        assert_eq!(ids(NEW), ["1"]);
        assert_eq!(ids(&format!("{NEW},{OLD}")), ["1", "2"]);
        assert_eq!(ids(&format!(" {NEW} ,\r\n{OLD}\n")), ["1", "2"]);
        assert_eq!(
            ids(&format!("2026-06:{NEW}, 2026.05:{OLD}")),
            ["2026-06", "2026.05"]
        );
        // Not a name, but a secret with a colon in it.
        assert_eq!(ids("it is: a secret"), ["1"]);
        assert_eq!(ids(":a secret of some length"), ["1"]);
    }

    #[test]
    fn what_is_wrong_with_a_variable_is_said_without_what_it_holds() {
        let why = |value| of_variable(value).unwrap_err().to_string();
        assert_eq!(
            why(None),
            "signing secret ACME_SECRETS: the environment has no variable of this name: set it to the \
             sender's secret"
        );
        for empty in ["", "  ", ",\n ,"] {
            assert_eq!(
                why(Some(empty)),
                "signing secret ACME_SECRETS: the variable is empty: set it to the sender's secret"
            );
        }
        let secrets = of_variable(Some(&format!("{NEW},hunter2"))).unwrap();
        assert!(!format!("{secrets:?}").contains("new_one"), "{secrets:?}");
        let error = KeyRing::parse(&SecretFormat::Text, secrets).unwrap_err();
        assert_eq!(
            error.to_string(),
            "signing secret ACME_SECRETS: number 2: 7 bytes are too few, at least 12 are needed"
        );
    }

    #[test]
    fn a_key_that_spans_lines_is_told_from_a_list() {
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
                   -----END PUBLIC KEY-----\n";
        let error = of_variable(Some(pem)).unwrap_err().to_string();
        assert!(
            error.starts_with("signing secret ACME_SECRETS: a key in PEM, which spans lines"),
            "{error}"
        );
        assert!(
            error.contains("list the base64 of the whole PEM"),
            "{error}"
        );
        // This is accepted.
        let encoded = data_encoding::BASE64.encode(pem.as_bytes());
        assert!(of_variable(Some(&encoded)).is_ok());
    }

    #[test]
    fn what_may_be_a_secret_becomes_no_name() {
        let half = "3f9d1c0b7a5e48";
        for text in [
            format!("{half}:26c90b1f4e7a"),
            format!("{NEW}:{OLD}"),
            format!("{NEW},0123456789abcdef0123456789ABCDEF:{OLD}"),
        ] {
            let error = of_variable(Some(&text)).unwrap_err().to_string();
            assert_eq!(
                error,
                "signing secret ACME_SECRETS: what stands before a colon may be a secret, and names \
                 print: separate secrets by commas, or give the one with the colon a name"
            );
        }
        assert_eq!(ids(&format!("20260601:{NEW}")), ["20260601"]);
    }

    #[test]
    fn the_place_of_a_secret_is_no_name_with_a_secret_behind_it() {
        for text in [
            "vault:secret/data/stripe#key",
            "arn:aws:secretsmanager:eu-west-1:1:secret:stripe",
            "https://example.com/hooks/stripe",
            "op://vault/stripe/secret",
            "C:\\secrets\\stripe.txt",
            "sha256:757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ] {
            for text in [text.to_owned(), format!("{NEW},{text}")] {
                let error = of_variable(Some(&text)).unwrap_err().to_string();
                assert!(error.contains("looks like"), "{text}: {error}");
                assert!(!error.contains("stripe"), "{text}: {error}");
            }
        }
    }

    #[test]
    fn a_list_in_quotation_marks_or_brackets_is_refused() {
        for text in [
            format!("\"{NEW},{OLD}\""),
            format!("'{NEW}, {OLD}'"),
            format!("[\"{NEW}\", \"{OLD}\"]"),
        ] {
            let error = of_variable(Some(&text)).unwrap_err().to_string();
            assert_eq!(
                error,
                "signing secret ACME_SECRETS: the list stands in quotation marks or brackets: write the \
                 secrets and the commas alone"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt;

        let value = OsString::from_vec(b"whsec_\xff_and_some_more".to_vec());
        let error = Secrets::of_variable("ACME_SECRETS", Some(value)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "signing secret ACME_SECRETS: the variable is not UTF-8"
        );
    }
}
