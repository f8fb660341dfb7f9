//! Secrets from files and variables.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::OnceLock;

use tower_webhook::Secrets;
use tower_webhook::signature::PublicUrl;

use crate::args::SecretArgs;
use crate::failure::Failure;

/// The secret of the example receiver, which is public.
const DEVELOPMENT_SECRET: &str = "whsec_test_for_development_only";
const DEVELOPMENT_TOKEN: &str = "token-for-development-only";
const VARIABLE: &str = "WEBHOOK_SECRET";
const TOKEN_VARIABLE: &str = "WEBHOOK_TOKEN";
const DEFAULT_URL: &str = "https://hooks.example/";

impl SecretArgs {
    /// The secrets, if any were given.
    pub(crate) fn given(&self) -> Result<Option<Secrets>, Failure> {
        if self.secret.is_some() {
            return Err(Failure::usage(
                "--secret: everybody on this machine can read a command line: put the secret into a file \
                 or a variable, and name that by --secret-file or --secret-env",
            ));
        }
        if let Some(file) = &self.secret_file {
            let text = of_file(file)?;
            let text =
                String::from_utf8(text).map_err(|_| Failure::usage("--secret-file: not UTF-8"))?;
            return Ok(Some(Secrets::parse(&text)?));
        }
        match &self.secret_env {
            Some(name) => Ok(Some(of_variable(name, "--secret-env")?)),
            None if std::env::var_os(VARIABLE).is_some() => Ok(Some(Secrets::from_env(VARIABLE)?)),
            None => Ok(None),
        }
    }

    /// The secrets, which are required.
    pub(crate) fn needed(&self) -> Result<Secrets, Failure> {
        self.given()?.ok_or_else(|| {
            Failure::usage(format!(
                "no secret: name the file that holds it by --secret-file, the variable by --secret-env, or \
                 set {VARIABLE}"
            ))
        })
    }

    /// The secrets, or that of the example receiver if that is on this machine.
    pub(crate) fn or_for_development(&self, url: &str) -> Result<Secrets, Failure> {
        match self.given()? {
            Some(secrets) => Ok(secrets),
            None if is_here(url) => {
                note(format_args!(
                    "signed with the development secret {DEVELOPMENT_SECRET}; --secret-env or --secret-file name \
                     another"
                ));
                Ok(Secrets::parse(DEVELOPMENT_SECRET)?)
            }
            None => self.needed(),
        }
    }

    /// The URL that the sender has: this one, unless another is given.
    pub(crate) fn url_or(&self, url: &str) -> Result<PublicUrl, Failure> {
        match (&self.public_url, PublicUrl::parse(url)) {
            (None, Ok(url)) => Ok(url),
            _ => self.url(),
        }
    }

    /// The URL that the sender has.
    pub(crate) fn url(&self) -> Result<PublicUrl, Failure> {
        let text = self.public_url.as_deref().unwrap_or(DEFAULT_URL);
        PublicUrl::parse(text).map_err(|error| Failure::other("--public-url", error))
    }
}

/// The content of a file of secrets. A path that does not exist may be the secret itself, typed in
/// the wrong place: it is repeated only if its folder exists.
fn of_file(file: &Path) -> Result<Vec<u8>, Failure> {
    let folder = file.parent().filter(|folder| {
        let is_named = folder.file_name().is_some();
        is_named && folder.is_dir()
    });
    match std::fs::metadata(file) {
        Err(error) if file != Path::new("-") && folder.is_none() => Err(Failure::usage(format!(
            "--secret-file: the file that was named cannot be read: {error}: it takes the name of a file, not \
             the secret"
        ))),
        _ => read(file, "--secret-file"),
    }
}

/// The secrets in a variable. A name that is not set may be the secret itself, typed in the wrong
/// place, so it is not repeated.
pub(crate) fn of_variable(name: &str, option: &str) -> Result<Secrets, Failure> {
    let is_plain = (name.bytes())
        .all(|byte| byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !is_plain && std::env::var_os(name).is_none() {
        return Err(Failure::usage(format!(
            "{option}: there is no variable of the name that was given: it takes the name of one, not the secret"
        )));
    }
    Ok(Secrets::from_env(name)?)
}

/// Prints a note in addition to the requested output.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "note: {text}");
}

/// The secret token at the end of a path.
pub(crate) fn token(variable: Option<&str>, url: &str) -> Result<String, Failure> {
    let name = variable.unwrap_or(TOKEN_VARIABLE);
    match std::env::var(name) {
        Ok(token) => Ok(token),
        Err(_) if variable.is_none() && is_here(url) => {
            note(format_args!(
                "the path ends in the development token {DEVELOPMENT_TOKEN}; --token-env names another"
            ));
            Ok(DEVELOPMENT_TOKEN.to_owned())
        }
        Err(_) => Err(Failure::usage(format!(
            "no token: set {name} to the secret end of the path"
        ))),
    }
}

/// Whether a URL points to this machine.
fn is_here(url: &str) -> bool {
    let uri: Option<http::Uri> = url.parse().ok();
    uri.as_ref()
        .and_then(http::Uri::host)
        .is_some_and(|host| host == "localhost" || host == "[::1]" || host.starts_with("127."))
}

/// What the standard input was read for: it ends there.
static STANDARD_INPUT: OnceLock<String> = OnceLock::new();

/// A whole file, or the standard input, which is there once.
pub(crate) fn read(file: &Path, option: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    if file == Path::new("-") && STANDARD_INPUT.set(option.to_owned()).is_err() {
        let by = STANDARD_INPUT.get().map(String::as_str).unwrap_or_default();
        return Err(Failure::usage(format!(
            "{option}: the standard input was read already, by {by}: name a file for one of them"
        )));
    }
    let read = match file == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map(drop),
        false => std::fs::read(file).map(|all| bytes = all),
    };
    let shown = file.display();
    read.map_err(|error| Failure::other(option, format_args!("{shown}: {error}")))?;
    Ok(bytes)
}
