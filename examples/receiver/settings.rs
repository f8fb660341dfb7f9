//! Settings from environment variables, each with a default for development.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use tower_webhook::{
    Allowlist, ConfigError, KeyRing, PathTokens, SecretFormat, Secrets, TrustedProxies,
};

pub(crate) const DEVELOPMENT_SECRET: &str = "whsec_test_for_development_only";
pub(crate) const DEVELOPMENT_TOKEN: &str = "token-for-development-only";

pub(crate) struct Settings {
    /// `BIND`: the address and port to listen on.
    pub(crate) bind: SocketAddr,
    /// `BLENDFI_WEBHOOK_SECRETS`: comma-separated, the new and the old one during a rollover, each
    /// optionally with a name (`2026-06:whsec_…`).
    pub(crate) blendfi_keys: KeyRing,
    /// `BLOQUO_ALLOWED_SOURCES`: networks, addresses or host names, comma-separated.
    pub(crate) bloquo_sources: Allowlist,
    /// `TRUSTED_PROXIES`: networks whose `X-Forwarded-For` is trusted, comma-separated.
    pub(crate) trusted_proxies: TrustedProxies,
    /// `BLOX_PATH_TOKENS`: comma-separated.
    pub(crate) blox_tokens: PathTokens,
    /// `BLOQUE_PATH_TOKENS`: comma-separated.
    pub(crate) bloque_tokens: PathTokens,
    /// `BLOQUE_PAYMENTS_SECRETS`: comma-separated.
    pub(crate) bloque_keys: KeyRing,
    /// `HANDLER_DELAY_MS`: how long each handler takes.
    pub(crate) handler_delay: Duration,
    /// `HANDLER_FAIL_FIRST`: how many runs of each event answer 500.
    pub(crate) handler_fail_first: u64,
    /// `HANDLER_GIVES_UP`: whether handlers report that no retry can help, 1 or 0.
    pub(crate) handler_gives_up: bool,
    /// `WORKER_CONCURRENCY`: how many handlers run at once with `MODE=inbox`; with 0, none run in
    /// the receiver.
    pub(crate) worker_concurrency: usize,
    /// `MAX_BODY_BYTES`: longer bodies are refused.
    pub(crate) max_body_bytes: usize,
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self, SettingError> {
        Ok(Self {
            bind: match variable("BIND")? {
                None => SocketAddr::from(([127, 0, 0, 1], 3000)),
                Some(text) => text.parse().map_err(|_| {
                    let problem = "is no address and port, such as 127.0.0.1:3000";
                    SettingError::new("BIND", format_args!("{text:?} {problem}"))
                })?,
            },
            blendfi_keys: parsed("BLENDFI_WEBHOOK_SECRETS", DEVELOPMENT_SECRET, |list| {
                keys(&list)
            })?,
            bloquo_sources: parsed("BLOQUO_ALLOWED_SOURCES", "127.0.0.1/32,::1", |list| {
                Allowlist::parse(list)
            })?,
            trusted_proxies: match variable("TRUSTED_PROXIES")?.filter(|list| !list.is_empty()) {
                None => TrustedProxies::none(),
                Some(_) => parsed("TRUSTED_PROXIES", "", |list| TrustedProxies::parse(list))?,
            },
            blox_tokens: parsed("BLOX_PATH_TOKENS", DEVELOPMENT_TOKEN, |list| {
                PathTokens::parse(list)
            })?,
            bloque_tokens: parsed("BLOQUE_PATH_TOKENS", DEVELOPMENT_TOKEN, |list| {
                PathTokens::parse(list)
            })?,
            bloque_keys: parsed("BLOQUE_PAYMENTS_SECRETS", DEVELOPMENT_SECRET, |list| {
                keys(&list)
            })?,
            handler_delay: Duration::from_millis(number("HANDLER_DELAY_MS", 0)?),
            handler_fail_first: number("HANDLER_FAIL_FIRST", 0)?,
            handler_gives_up: number("HANDLER_GIVES_UP", 0_u8)? > 0,
            worker_concurrency: number("WORKER_CONCURRENCY", 16)?,
            max_body_bytes: match number("MAX_BODY_BYTES", 1024 * 1024)? {
                0 => {
                    return Err(SettingError::new(
                        "MAX_BODY_BYTES",
                        "0 would refuse every delivery",
                    ));
                }
                limit => limit,
            },
        })
    }
}

fn keys(secrets: &[&str]) -> Result<KeyRing, ConfigError> {
    KeyRing::parse(&SecretFormat::Text, Secrets::parse(&secrets.join(","))?)
}

/// A variable, if it is set. If it is set but empty, the default is not used: a secret that got
/// lost on its way here must not be replaced by one that everybody knows.
pub(crate) fn variable(name: &'static str) -> Result<Option<String>, SettingError> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(SettingError::new(name, "not UTF-8")),
    }
}

/// A comma-separated list, parsed into a setting.
fn parsed<T>(
    name: &'static str,
    default: &str,
    parse: impl FnOnce(Vec<&str>) -> Result<T, ConfigError>,
) -> Result<T, SettingError> {
    let text = variable(name)?.unwrap_or_else(|| default.to_owned());
    // The error's text gives the position of a bad secret, but never the secret.
    parse(text.split(',').map(str::trim).collect()).map_err(|error| SettingError::new(name, error))
}

fn number<T: FromStr>(name: &'static str, default: T) -> Result<T, SettingError>
where
    T::Err: fmt::Display,
{
    match variable(name)? {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|error| SettingError::new(name, format_args!("{text:?}: {error}"))),
    }
}

#[derive(Debug)]
pub(crate) struct SettingError(String);

impl SettingError {
    pub(crate) fn new(name: &'static str, problem: impl fmt::Display) -> Self {
        Self(format!("{name}: {problem}"))
    }
}

impl std::error::Error for SettingError {}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
