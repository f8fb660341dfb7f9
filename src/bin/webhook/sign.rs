//! `webhook sign`: prints what a sender would send.

use bytes::Bytes;
use data_encoding::BASE64;
use http::Request;
use serde_json::{Map, Value, json};
use tower_webhook::event::{Handling, Identity};
use tower_webhook::signature::{PublicUrl, Verified};
use tower_webhook::testing::TestDelivery;
use tower_webhook::{Allowlist, EventKey, PathTokens, Provider, Secrets, UnixTime};

use crate::args::{BodyArgs, Sign};
use crate::failure::Failure;
use crate::output::{self, Ended, Output};
use crate::presets::{self, How, Preset};
use crate::sample;
use crate::secrets::{note, read};

pub(crate) fn run(asked: &Sign, output: Output) -> Result<Ended, Failure> {
    let preset = preset(&asked.provider)?;
    if !preset.signs() {
        let name = preset.name;
        return Err(Failure::usage(format!(
            "{name} signs nothing: it is known by its {}",
            preset.proof
        )));
    }
    preset.check_signs_by_secret()?;
    let secrets = asked.secrets.needed()?;
    let signed_url = asked
        .secrets
        .url_or(asked.curl.as_deref().unwrap_or_default())?;
    let made = Made::new(&preset, &asked.body, 0)?;
    if asked.secrets.public_url.is_none() && signs_url(&preset, &secrets, &made) {
        note(format_args!(
            "signed for the URL {}; --public-url names another",
            signed_url.as_str()
        ));
    }
    let provider = preset.signed(secrets, &signed_url)?;
    let provider = provider.ok_or_else(|| Failure::usage("it signs nothing"))?;
    let url = asked.curl.as_deref().unwrap_or("/");
    let request: Request<Bytes> = made.delivery(&provider, &asked.body).to(url).request()?;
    let headers = || {
        request.headers().iter().map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
    };
    let body = request.body();
    if output.json {
        let headers: Map<String, Value> = headers()
            .map(|(name, value)| (name, Value::from(value)))
            .collect();
        let mut all =
            json!({"provider": preset.name, "uri": request.uri().to_string(), "headers": headers});
        // Every byte of it was signed.
        let (name, spelled) = match std::str::from_utf8(body) {
            Ok(text) => ("body", text.to_owned()),
            Err(_) => ("body_base64", BASE64.encode(body)),
        };
        if let Some(all) = all.as_object_mut() {
            all.insert(name.to_owned(), spelled.into());
        }
        output.show("", || all);
    } else if asked.curl.is_some() {
        let lines =
            headers().map(|(name, value)| format!(" -H {}", quoted(&format!("{name}: {value}"))));
        let url = quoted(&request.uri().to_string());
        let (before, data) = data(body);
        let headers: String = lines.collect();
        let line = format!("{before}curl -sS{headers} --data-binary {data} {url}\n");
        output::print(line.as_bytes());
    } else {
        let lines = headers().map(|(name, value)| format!("{name}: {value}\n"));
        let head: String = lines.collect();
        output::print(&[head.as_bytes(), b"\n", body, b"\n"].concat());
    }
    Ok(Ended::Well)
}

/// A body as curl takes it, and what stands before curl for that: no argument holds what is not text, so that is
/// printed into a pipe.
fn data(body: &[u8]) -> (String, String) {
    if let Ok(text) = std::str::from_utf8(body)
        && !text.contains('\0')
    {
        return (String::new(), quoted(text));
    }
    let mut format = String::new();
    for (place, byte) in body.iter().enumerate() {
        // A first `-` would be an option.
        let is_plain = matches!(byte, b' '..=b'~') && (place > 0 || *byte != b'-');
        match byte {
            b'%' => format.push_str("%%"),
            b'\'' | b'\\' => format.push_str(&format!(r"\{byte:03o}")),
            _ if is_plain => format.push(char::from(*byte)),
            _ => format.push_str(&format!(r"\{byte:03o}")),
        }
    }
    (format!("printf '{format}' | "), "@-".to_owned())
}

/// Whether this sender signs the URL: two URLs then give two signatures.
pub(crate) fn signs_url(preset: &Preset, secrets: &Secrets, made: &Made) -> bool {
    let signed = |url: &str| {
        let url = PublicUrl::parse(url).ok()?;
        let provider = preset.signed(secrets.clone(), &url).ok()??;
        let delivery = TestDelivery::new(&provider, made.body.clone()).at(made.at);
        let request: Request<Bytes> = delivery.request().ok()?;
        let mut headers = request.headers().clone();
        // Of each delivery's own, whatever its URL.
        for name in provider.rule().unsigned_id_headers() {
            headers.remove(name);
        }
        Some(headers)
    };
    signed("https://a.example/hook") != signed("https://b.example/hook")
}

/// A text quoted for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

pub(crate) fn preset(name: &str) -> Result<Preset, Failure> {
    let unknown = || Failure::usage(format!("there is no sender {name}"));
    presets::find(name).ok_or_else(unknown)
}

/// More items than any delivery has.
const MOST_ITEMS: usize = 10_000;

/// An event that was made up or given.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) at: UnixTime,
}

impl Made {
    /// The requested event; `number` distinguishes several.
    pub(crate) fn new(preset: &Preset, asked: &BodyArgs, number: u32) -> Result<Self, Failure> {
        let given = match (&asked.body, &asked.body_file) {
            (Some(body), _) => Some(body.clone().into_bytes()),
            (None, Some(file)) => Some(read(file, "--body-file")?),
            (None, None) => None,
        };
        if asked.items.is_some() && preset.name != "pix" {
            return Err(Failure::usage(format!(
                "--items: a delivery of {} holds one event",
                preset.name
            )));
        }
        let age = std::time::Duration::from_secs(asked.age.unwrap_or_default().unsigned_abs());
        let at = match asked.age.unwrap_or_default() {
            ..0 => UnixTime::now().saturating_add(age),
            _ => UnixTime::now().saturating_sub(age),
        };
        let (id, body) = match given {
            Some(body) => (asked.id.clone().or_else(|| id_in(&body)), body),
            None => {
                let fresh = || sample::fresh_id(preset.name, number);
                let id = asked.id.clone().unwrap_or_else(fresh);
                if preset.name == "bloquo" && id.parse::<u64>().is_err() {
                    return Err(Failure::usage("--id: an order of Bloquo is a number"));
                }
                let body = sample::body(preset.name, &id, at, asked.items.unwrap_or(1));
                (Some(id), body)
            }
        };
        let name = match &id {
            Some(id) => format!("{} {}", preset.name, id.escape_debug()),
            None => preset.name.to_owned(),
        };
        let body = body.into();
        Ok(Self { name, id, body, at })
    }

    /// The event as a delivery of this sender.
    pub(crate) fn delivery(&self, provider: &Provider, asked: &BodyArgs) -> TestDelivery {
        let delivery = TestDelivery::new(provider, self.body.clone());
        let delivery = match provider.verifier() {
            Some(verifier) if verifier.scheme().tolerance().is_some() || asked.age.is_none() => {
                delivery.at(self.at)
            }
            _ => delivery,
        };
        // A sender that signs an id signs this one; others have it in the body.
        let with_id = self.id.as_deref().map(|id| delivery.clone().id(id));
        with_id
            .filter(|with| with.request::<Bytes>().is_ok())
            .unwrap_or(delivery)
    }
}

/// The events in this delivery, as its receiver will know them; none for events without a stable name.
pub(crate) fn keys(provider: &Provider, delivery: &TestDelivery, at: UnixTime) -> Vec<EventKey> {
    let Ok(request) = delivery.request::<Bytes>() else {
        return Vec::new();
    };
    let (head, body) = request.into_parts();
    let verified = provider
        .verifier()
        .and_then(|verifier| verifier.verify(&head, &body, at).ok());
    let (rule, name) = (provider.rule(), provider.name());
    let identities = match rule.identify_items(name, &head, &body, MOST_ITEMS) {
        Ok(Some(items)) => items.into_iter().flat_map(|item| item.identity).collect(),
        _ => {
            let id = verified.as_ref().and_then(Verified::id);
            let one = rule.identify(name, &head, id, &body);
            one.into_iter().collect::<Vec<_>>()
        }
    };
    let is_named = |identity: &Identity| identity.handling != Handling::TestId;
    let named = identities.into_iter().filter(is_named);
    named.map(|identity| identity.key).collect()
}

/// The id in a JSON body.
fn id_in(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    Some(value.get("id")?.as_str()?.to_owned())
}

/// The sender without secrets: a placeholder list and token, if it is recognized by those.
pub(crate) fn unsigned(preset: &Preset, token: &str) -> Result<Option<Provider>, Failure> {
    Ok(match preset.how {
        How::Address(make) => Some(make(Allowlist::parse(["127.0.0.1"])?)),
        How::Token(make) => Some(make(PathTokens::parse([token])?)?),
        How::Keys(_) | How::Facts(_) => None,
    })
}
