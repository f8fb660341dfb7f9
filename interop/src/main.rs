//! Signs and verifies deliveries for `interop/run`: one question a line, in JSON, and one answer.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use serde::{Deserialize, Serialize};
use tower_webhook::provider::{self, github, senders, shopify, slack, standard_webhooks, stripe};
use tower_webhook::signature::{Curve, KeyKind, PublicUrl, Verifier};
use tower_webhook::testing::{PrivateKey, TestDelivery};
use tower_webhook::{Name, Provider, UnixTime};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
struct Question {
    /// The preset's constructor.
    sender: String,
    secret: String,
    /// The URL that the sender was given.
    url: String,
    #[serde(flatten)]
    task: Task,
}

#[derive(Deserialize)]
#[serde(tag = "task", rename_all = "lowercase")]
enum Task {
    Sign {
        path: String,
        body: String,
        /// Of a sender whose keys are public ones.
        private: Option<Private>,
        /// Seconds since it was signed; below zero, it is signed ahead of time.
        age: i64,
        change: Change,
    },
    Verify(Delivery),
}

/// A private key in PEM, and what it is one of.
#[derive(Deserialize)]
struct Private {
    pem: String,
    kind: String,
}

/// What is wrong with the delivery.
#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Change {
    None,
    /// It tells another time than was signed.
    Time,
    Signature,
    Unsigned,
}

#[derive(Deserialize, Serialize)]
struct Delivery {
    method: String,
    uri: String,
    headers: Vec<(String, String)>,
    body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Signed(Delivery),
    Accepted,
    /// Why it is refused.
    Refused(String),
    /// Why there is no answer.
    Failed(String),
}

fn provider(sender: &str, secret: &str, url: &str) -> Result<Provider> {
    let secrets = [secret];
    Ok(match sender {
        "github" => provider::github(github::keys(secrets)?),
        "shopify" => provider::shopify(shopify::keys(secrets)?),
        "slack" => provider::slack(slack::keys(secrets)?),
        "standard_webhooks" => {
            let name = Name::new("standard_webhooks")?;
            provider::standard_webhooks(name, standard_webhooks::keys(secrets)?)
        }
        "stripe" => provider::stripe(stripe::keys(secrets)?),
        name => (senders().find(|sender| sender.name() == name))
            .ok_or_else(|| format!("no sender {name}"))?
            .provider(secret, &PublicUrl::parse(url)?)?,
    })
}

/// The same sender with the private key.
fn signed_with(provider: &Provider, key: &Private) -> Result<Provider> {
    let kind = match key.kind.as_str() {
        "ed25519" => KeyKind::Ed25519,
        "p256" => KeyKind::Ecdsa(Curve::P256),
        "p521" => KeyKind::Ecdsa(Curve::P521),
        "secp256k1" => KeyKind::Ecdsa(Curve::Secp256k1),
        "rsa" => KeyKind::Rsa,
        kind => return Err(format!("what is {kind}?").into()),
    };
    let scheme = provider.verifier().ok_or("it signs nothing")?.scheme();
    let verifier = Verifier::new(scheme.clone(), PrivateKey::parse(kind, &key.pem)?);
    let (rule, contract) = (provider.rule().clone(), provider.contract().clone());
    Ok(Provider::signed(
        provider.name().clone(),
        verifier,
        rule,
        contract,
    ))
}

fn sign(provider: &Provider, task: (String, String, i64, Change)) -> Result<Delivery> {
    let (path, body, age, change) = task;
    let delivery = TestDelivery::new(provider, body).to(&path);
    let span = Duration::from_secs(age.unsigned_abs());
    let delivery = match age {
        0 => delivery,
        1.. => delivery.aged(span),
        _ => delivery.ahead(span),
    };
    let delivery = match change {
        Change::None => delivery,
        Change::Time => delivery.timestamp_changed(),
        Change::Signature => delivery.signature_changed(),
        Change::Unsigned => delivery.without_signature(),
    };
    let request: Request<Bytes> = delivery.request()?;
    let headers = request.headers().iter();
    Ok(Delivery {
        method: request.method().to_string(),
        uri: request.uri().to_string(),
        headers: headers
            .map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned())))
            .collect::<Result<_>>()?,
        body: String::from_utf8(request.body().to_vec())?,
    })
}

fn verify(provider: &Provider, delivery: &Delivery) -> Result<Answer> {
    let mut headers = HeaderMap::new();
    for (name, value) in &delivery.headers {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        headers.append(name, HeaderValue::from_str(value)?);
    }
    let mut request = Request::new(());
    *request.method_mut() = delivery.method.parse()?;
    *request.uri_mut() = delivery.uri.parse()?;
    *request.headers_mut() = headers;
    let verifier = provider.verifier().ok_or("it signs nothing")?;
    let verdict = verifier.verify(&request, delivery.body.as_bytes(), UnixTime::now());
    Ok(match verdict {
        Ok(_) => Answer::Accepted,
        Err(error) => Answer::Refused(error.to_string()),
    })
}

fn answer(question: &str) -> Result<Answer> {
    let Question {
        sender,
        secret,
        url,
        task,
    } = serde_json::from_str(question)?;
    let provider = provider(&sender, &secret, &url)?;
    match task {
        Task::Sign {
            path,
            body,
            private,
            age,
            change,
        } => {
            let provider = match private {
                Some(key) => signed_with(&provider, &key)?,
                None => provider,
            };
            sign(&provider, (path, body, age, change)).map(Answer::Signed)
        }
        Task::Verify(delivery) => verify(&provider, &delivery),
    }
}

fn main() -> Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = answer(&line?).unwrap_or_else(|error| Answer::Failed(error.to_string()));
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}
