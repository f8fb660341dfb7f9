//! The command line.

use std::fmt;
use std::num::NonZeroU32;

use hyper::Uri;
use hyper::header::HeaderValue;
use lexopt::Arg::{Long, Short, Value};
use lexopt::{Parser, ValueExt};

use crate::client::Target;
use crate::delivery::{Order, Provider, Tamper};

// The receiver's own.
const DEVELOPMENT_SECRET: &str = "whsec_test_for_development_only";
const DEVELOPMENT_TOKEN: &str = "token-for-development-only";
const MAX_TIMES: u32 = 10_000;

pub(crate) const HELP: &str = "\
Sends deliveries to a receiver of webhooks, signed as the provider signs them.

usage: deliver [options]

  --provider NAME   blendfi (unless set), bloquo, blox, bloque-account, bloque-card,
                    bloque-payment or pix, which the example `batch` receives
  --url URL         http only; http://127.0.0.1:3000 unless set. A URL without a path gets
                    the one that the example receiver has for the provider
  --secret TEXT     what blendfi and bloque-payment sign with
  --token TEXT      the secret end of the path for blox, bloque-account, bloque-card and pix
  --id ID           the event's id; a new one unless set. For blendfi also its header
  --items N         how many payments a delivery of pix holds; one unless set
  --body JSON       sends this instead of a made-up event, as it is
  --body-file FILE  the same, from a file
  --age SECONDS     sends an event of so long ago; a negative one is of the future
  --tamper WHAT     makes one thing wrong: body, signature, secret, header-id, timestamp
                    or token
  --repeat N        sends it N times, one after the other
  --storm N         sends it N times at once, each over a connection of its own
  --retry           sends it again, after its Retry-After, while it is answered with 503,
                    up to 10 times in all
  --help            prints this

The secret and the token are the receiver's for development unless set. Others on the machine
can see a command line: do not give those of production.

exit status: 0 all deliveries ended in 2xx, 1 one did not, 2 bad usage
";

pub(crate) enum Command {
    Help,
    Send(Box<Args>),
}

/// No `Debug`: it holds secrets.
pub(crate) struct Args {
    pub(crate) order: Order,
    pub(crate) target: Target,
    pub(crate) times: Times,
    pub(crate) retry: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Times {
    OneByOne(u32),
    AtOnce(u32),
}

/// Where in the receiver.
pub(crate) enum Path {
    Given(Uri),
    OfProvider { token: String },
}

/// What was given, before it is clear whether it goes together.
#[derive(Default)]
struct Given {
    provider: Option<Provider>,
    url: Option<String>,
    secret: Option<String>,
    token: Option<String>,
    id: Option<String>,
    body: Option<Vec<u8>>,
    age: Option<i64>,
    tamper: Option<Tamper>,
    items: Option<u32>,
    repeat: Option<u32>,
    storm: Option<u32>,
    retry: bool,
}

impl Args {
    pub(crate) fn parse(mut parser: Parser) -> Result<Command, UsageError> {
        let mut given = Given::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(Command::Help),
                Long("provider") => given.provider = Some(provider(&text(&mut parser)?)?),
                Long("url") => given.url = Some(text(&mut parser)?),
                Long("secret") => given.secret = Some(text(&mut parser)?),
                Long("token") => given.token = Some(text(&mut parser)?),
                Long("id") => given.id = Some(text(&mut parser)?),
                Long("body") => given.set_body("--body", text(&mut parser)?.into_bytes())?,
                Long("body-file") => {
                    let body = std::fs::read(parser.value()?)
                        .map_err(|error| UsageError::new("--body-file", error))?;
                    given.set_body("--body-file", body)?;
                }
                Long("age") => given.age = Some(number("--age", &text(&mut parser)?)?),
                Long("tamper") => given.tamper = Some(tamper(&text(&mut parser)?)?),
                Long("items") => given.items = Some(times("--items", &text(&mut parser)?)?),
                Long("repeat") => given.repeat = Some(times("--repeat", &text(&mut parser)?)?),
                Long("storm") => given.storm = Some(times("--storm", &text(&mut parser)?)?),
                Long("retry") => given.retry = true,
                Short(_) | Long(_) | Value(_) => return Err(argument.unexpected().into()),
            }
        }
        Ok(Command::Send(Box::new(given.check()?)))
    }
}

impl Given {
    fn set_body(&mut self, option: &'static str, body: Vec<u8>) -> Result<(), UsageError> {
        match self.body.replace(body) {
            None => Ok(()),
            Some(_) => Err(UsageError::new(option, "there is a body already")),
        }
    }

    /// Refuses what would have no effect: a test that tests nothing is worse than none.
    fn check(self) -> Result<Args, UsageError> {
        let provider = self.provider.unwrap_or(Provider::BlendFi);
        let (target, path) = url(self.url.as_deref().unwrap_or("http://127.0.0.1:3000"))?;
        let signs = provider.signs();
        let has_token = provider.has_token() && path.is_none();
        let refuse = |option, problem: &str| {
            let name = provider.name();
            Err(UsageError::new(option, format_args!("{name} {problem}")))
        };
        if self.secret.is_some() && !signs {
            return refuse("--secret", "signs nothing");
        }
        if self.token.is_some() && !has_token {
            return refuse("--token", "has none, or it is in the URL already");
        }
        match self.tamper {
            Some(Tamper::Body | Tamper::Signature | Tamper::Secret) if !signs => {
                return refuse("--tamper", "signs nothing");
            }
            Some(Tamper::HeaderId | Tamper::Timestamp) if provider != Provider::BlendFi => {
                return refuse("--tamper", "sends no such header");
            }
            Some(Tamper::Token) if !has_token => {
                return refuse("--tamper", "has no token, or it is in the URL already");
            }
            _ => {}
        }
        if provider != Provider::BlendFi {
            if self.body.is_some() && self.id.is_some() {
                return refuse("--id", "tells its id in the body alone, and that was given");
            }
            if self.age.is_some() && (self.body.is_some() || !provider.tells_time()) {
                return refuse("--age", "tells a time in the body at most");
            }
        }
        if self.items.is_some() && (provider != Provider::Pix || self.body.is_some()) {
            return refuse("--items", "holds one event, or the body was given");
        }
        let times = match (self.repeat, self.storm) {
            (Some(_), Some(_)) => return Err(UsageError::new("--storm", "not with --repeat")),
            (repeat, None) => Times::OneByOne(repeat.unwrap_or(1)),
            (None, Some(storm)) => Times::AtOnce(storm),
        };
        let token = self.token.unwrap_or_else(|| DEVELOPMENT_TOKEN.to_owned());
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if token.is_empty() || !token.bytes().all(unreserved) {
            return Err(UsageError::new(
                "--token",
                "letters, digits, `-`, `.`, `_` and `~`",
            ));
        }
        Ok(Args {
            order: Order {
                provider,
                path: path.map_or(Path::OfProvider { token }, Path::Given),
                secret: self.secret.unwrap_or_else(|| DEVELOPMENT_SECRET.to_owned()),
                id: self.id,
                body: self.body,
                age: self.age.unwrap_or_default(),
                tamper: self.tamper,
                items: self.items.unwrap_or(1),
            },
            target,
            times,
            retry: self.retry,
        })
    }
}

/// An option's value. The text of an error does not show it: it may be a secret.
fn text(parser: &mut Parser) -> Result<String, UsageError> {
    let value = parser.value()?;
    Ok(value.string()?)
}

fn provider(name: &str) -> Result<Provider, UsageError> {
    Provider::ALL
        .into_iter()
        .find(|provider| provider.name() == name)
        .ok_or_else(|| {
            let names = Provider::ALL.map(Provider::name).join(", ");
            UsageError::new("--provider", format_args!("{name:?} is none of {names}"))
        })
}

fn tamper(name: &str) -> Result<Tamper, UsageError> {
    Ok(match name {
        "body" => Tamper::Body,
        "signature" => Tamper::Signature,
        "secret" => Tamper::Secret,
        "header-id" => Tamper::HeaderId,
        "timestamp" => Tamper::Timestamp,
        "token" => Tamper::Token,
        _ => {
            let names = "body, signature, secret, header-id, timestamp, token";
            return Err(UsageError::new(
                "--tamper",
                format_args!("{name:?} is none of {names}"),
            ));
        }
    })
}

fn number(option: &'static str, text: &str) -> Result<i64, UsageError> {
    text.parse()
        .map_err(|error| UsageError::new(option, format_args!("{text:?}: {error}")))
}

fn times(option: &'static str, text: &str) -> Result<u32, UsageError> {
    match text.parse().map(NonZeroU32::get) {
        Ok(times) if times <= MAX_TIMES => Ok(times),
        _ => Err(UsageError::new(
            option,
            format_args!("{text:?} is not between 1 and {MAX_TIMES}"),
        )),
    }
}

/// The server, and the path where there is one. No error shows the URL: its path may be secret.
fn url(text: &str) -> Result<(Target, Option<Uri>), UsageError> {
    let refuse = |problem| UsageError::new("--url", problem);
    let uri: Uri = text.parse().map_err(|_| refuse("not a URL"))?;
    if uri.scheme_str() != Some("http") {
        return Err(refuse("does not begin with http://"));
    }
    let authority = uri.authority().ok_or(refuse("names no host"))?;
    if authority.as_str().contains('@') {
        return Err(refuse("a user name is not sent: leave it out"));
    }
    let host = authority.host();
    let port = match authority.as_str().strip_prefix(host) {
        None | Some("") => 80,
        Some(_) => authority
            .port_u16()
            .filter(|port| *port != 0)
            .ok_or(refuse("the port is not between 1 and 65535"))?,
    };
    let target = Target {
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        authority: HeaderValue::from_str(authority.as_str())
            .map_err(|_| refuse("not a host name"))?,
    };
    let path = match uri.path_and_query() {
        None => None,
        Some(path) if path == "/" => None,
        Some(path) => Some(Uri::from(path.clone())),
    };
    Ok((target, path))
}

/// One line that names the option and what is wrong with it.
pub(crate) struct UsageError(String);

impl UsageError {
    pub(crate) fn new(place: &'static str, problem: impl fmt::Display) -> Self {
        Self(format!("{place}: {problem}"))
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<lexopt::Error> for UsageError {
    /// `lexopt` shows values, and they may be secrets.
    fn from(error: lexopt::Error) -> Self {
        Self(match error {
            lexopt::Error::MissingValue {
                option: Some(option),
            } => format!("{option}: a value must follow"),
            lexopt::Error::UnexpectedOption(option) => {
                format!("there is no option {option:?}; see --help")
            }
            lexopt::Error::UnexpectedValue { option, .. } => format!("{option}: takes no value"),
            lexopt::Error::NonUnicodeValue(_) => "a value is not UTF-8".to_owned(),
            _ => "there is an argument that belongs to no option; see --help".to_owned(),
        })
    }
}
