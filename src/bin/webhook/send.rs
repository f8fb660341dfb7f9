//! `webhook send`: deliveries as a sender makes them, correct or wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Response, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower_webhook::Provider;
use tower_webhook::testing::{SendError, SendErrorKind, TestDelivery};

use crate::args::Send;
use crate::failure::Failure;
use crate::output::{Ended, Output};
use crate::presets::Preset;
use crate::progress::{Progress, listed};
use crate::secrets::{note, token};
use crate::sign::{Made, keys, preset, signs_url, unsigned};
use crate::tamper::Tamper;

/// How often a delivery is sent at most, if it is retried.
const MAX_ATTEMPTS: u32 = 10;
const DEFAULT_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// More deliveries than this are summarized in one line.
const MAX_LINES: u32 = 50;

/// The delivery to send, and its target.
struct Sender {
    url: String,
    retry: bool,
    output: Output,
    /// Whether each answer is printed.
    in_full: bool,
}

pub(crate) async fn run(asked: &Send, output: Output) -> Result<Ended, Failure> {
    let preset = preset(&asked.provider)?;
    let url = whole_url(&preset, &asked.url)?;
    let first = Made::new(&preset, &asked.body, 0)?;
    let (provider, token) = provider(&preset, asked, &first)?;
    let (total, at_once) = match (asked.repeat, asked.storm) {
        (_, Some(storm)) => (storm, true),
        (repeat, None) => (repeat.unwrap_or(1), false),
    };
    // A delivery that cannot be a request is reported before anything is sent.
    let check = delivery(&first, &provider, asked, token.as_deref()).to(&url);
    check.request::<Bytes>().map_err(|error| {
        // The library's own text names its methods.
        match preset.has_token() && error.to_string().contains("a secret path") {
            true => Failure::usage(
                "--url: its path does not end in the secret token: leave the path out, or end it in the token",
            ),
            false => Failure::usage(error.to_string()),
        }
    })?;
    let sender = Arc::new(Sender {
        url,
        retry: asked.retry,
        output,
        in_full: total <= MAX_LINES,
    });
    let progress = Arc::new(Progress::new(total, asked.progress, output.json));
    let mut well = true;
    let mut out_of_reach = None;
    let mut running = JoinSet::new();
    for number in 0..total {
        let made = match asked.fresh && number > 0 {
            true => Made::new(&preset, &asked.body, number)?,
            false => first.clone(),
        };
        let one = delivery(&made, &provider, asked, token.as_deref());
        let (sender, progress) = (Arc::clone(&sender), Arc::clone(&progress));
        let name = named(&made, &made.delivery(&provider, &asked.body), &provider);
        running.spawn(async move { sender.send(&name, &one, &progress).await });
        if !at_once || number.saturating_add(1) == total {
            while let Some(ended) = running.join_next().await {
                match ended.map_err(|error| Failure::other("send", error))? {
                    Ok(answered) => well &= answered,
                    Err(error) => out_of_reach = Some(error),
                }
            }
        }
    }
    drop(running);
    let by_status = Arc::into_inner(progress)
        .map(Progress::end)
        .unwrap_or_default();
    if total > 1 {
        let how = if at_once { "storm" } else { "sent" };
        output.show(
            format_args!("{how} of {total}: {}", listed(&by_status)),
            || json!({"sent": total, "statuses": by_status}),
        );
    }
    match out_of_reach {
        Some(error) if error.kind() == SendErrorKind::Unreachable => {
            let server = server(&sender.url);
            Err(Failure::out_of_reach(
                format!("--url: {server} is out of reach"),
                error,
            ))
        }
        Some(error) => Err(Failure::out_of_reach("--url", error)),
        None => Ok(Ended::well_if(well)),
    }
}

/// The events of a delivery, as its receiver will know them; its sender and id if the events are
/// unknown.
fn named(made: &Made, delivery: &TestDelivery, provider: &Provider) -> String {
    let with_token = match provider.verifier() {
        None => delivery.clone().token("token-of-nobody-at-all"),
        Some(_) => delivery.clone(),
    };
    let keys = keys(provider, &with_token, made.at);
    match &*keys {
        [] => made.name.clone(),
        [key] => key.escaped(),
        [key, others @ ..] => format!("{} and {} more", key.escaped(), others.len()),
    }
}

/// The sender, and the token at the end of its path.
fn provider(
    preset: &Preset,
    asked: &Send,
    made: &Made,
) -> Result<(Provider, Option<String>), Failure> {
    if !preset.signs() {
        let given = asked.secrets.given()?;
        if given.is_some()
            && (asked.secrets.secret_env.is_some() || asked.secrets.secret_file.is_some())
        {
            return Err(Failure::usage(format!(
                "--secret-env: {} signs nothing",
                preset.name
            )));
        }
    }
    let has_path = has_path(&asked.url);
    let token = match preset.has_token() {
        true => Some(token(asked.token_env.as_deref(), &asked.url)?),
        false => None,
    };
    let provider = match unsigned(preset, token.as_deref().unwrap_or("token-of-nobody-at-all"))? {
        Some(provider) => provider,
        None => {
            preset.check_signs_by_secret()?;
            let secrets = asked.secrets.or_for_development(&asked.url)?;
            let url = asked.secrets.url_or(&whole_url(preset, &asked.url)?)?;
            if asked.secrets.public_url.is_none() && signs_url(preset, &secrets, made) {
                note(format_args!(
                    "signed for the URL {}; --public-url names another",
                    url.as_str()
                ));
            }
            let provider = preset.signed(secrets, &url)?;
            provider.ok_or_else(|| Failure::usage("it signs nothing"))?
        }
    };
    // A URL with a path already holds its token.
    Ok((provider, token.filter(|_| !has_path)))
}

fn delivery(made: &Made, provider: &Provider, asked: &Send, token: Option<&str>) -> TestDelivery {
    let delivery = made.delivery(provider, &asked.body);
    let delivery = match token {
        Some(token) => delivery.token(token),
        None => delivery,
    };
    match asked.tamper {
        None => delivery,
        Some(Tamper::Body) => delivery.body_changed(),
        Some(Tamper::Signature) => delivery.signature_changed(),
        Some(Tamper::Secret) => delivery.wrong_secret(),
        Some(Tamper::HeaderId) => delivery.header_id("evt_of_another_event"),
        Some(Tamper::Timestamp) => delivery.timestamp_changed(),
        Some(Tamper::Token) => delivery.wrong_token(),
        Some(Tamper::Unsigned) => delivery.without_signature(),
    }
}

fn has_path(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let path = uri.as_ref().and_then(Uri::path_and_query);
    path.is_some_and(|path| path.as_str() != "/")
}

/// The origin of a URL, without its path, which may be secret.
fn server(url: &str) -> String {
    let uri: Option<Uri> = url.parse().ok();
    let authority = uri.as_ref().and_then(Uri::authority);
    authority.map_or_else(|| "the receiver".to_owned(), |it| format!("http://{it}"))
}

/// The complete URL: one without a path gets that of the example receiver.
pub(crate) fn whole_url(preset: &Preset, given: &str) -> Result<String, Failure> {
    let refused = |what: &str| Failure::usage(format!("--url: {what}"));
    let uri: Uri = given.parse().map_err(|_| refused("not a URL"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err(refused(
                "sends plain HTTP only: `webhook sign --curl URL` prints a line for https",
            ));
        }
        _ => return Err(refused("does not begin with http://")),
    }
    if has_path(given) {
        return Ok(given.to_owned());
    }
    let path = match preset.name {
        "bloque-account" | "bloque-card" => "/webhooks/bloque/accounts".to_owned(),
        "bloque-payment" => "/webhooks/bloque/payments".to_owned(),
        name => format!("/webhooks/{name}"),
    };
    Ok(format!("{}{path}", given.trim_end_matches('/')))
}

impl Sender {
    /// Sends until an answer is final; returns whether it is a success.
    async fn send(
        &self,
        name: &str,
        delivery: &TestDelivery,
        progress: &Progress,
    ) -> Result<bool, SendError> {
        let mut attempt = 1_u32;
        loop {
            let begun = Instant::now();
            let answer = delivery.send_to(&self.url).await;
            self.tell(name, &answer, begun.elapsed());
            let wait = match &answer {
                Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => wait(answer),
                _ => None,
            };
            match wait.filter(|_| self.retry && attempt < MAX_ATTEMPTS) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    let status = answer.as_ref().map_or_else(|_| "failed".to_owned(), told);
                    progress.count(&status);
                    return answer.map(|answer| answer.status().is_success());
                }
            }
            attempt = attempt.saturating_add(1);
        }
    }

    fn tell(&self, name: &str, answer: &Result<Response<Bytes>, SendError>, took: Duration) {
        let millis = took.as_millis();
        let (text, json) = match answer {
            Ok(answer) => {
                let mut text = format!("{name}  {}  {millis} ms", answer.status().as_str());
                let mut json = json!({"delivery": name, "status": answer.status().as_u16()});
                for header in ["idempotent-replayed", "retry-after"] {
                    if let Some(value) =
                        answer.headers().get(header).and_then(|it| it.to_str().ok())
                    {
                        text.push_str(&format!("  {header}: {value}"));
                        put(&mut json, header, value.into());
                    }
                }
                put(
                    &mut json,
                    "ms",
                    u64::try_from(millis).unwrap_or(u64::MAX).into(),
                );
                (text, json)
            }
            Err(error) => (
                format!("{name}  failed  {error}"),
                json!({"delivery": name, "error": error.to_string()}),
            ),
        };
        if self.in_full {
            self.output.show(text, || json);
        }
    }
}

fn put(json: &mut Value, name: &str, value: Value) {
    if let Some(members) = json.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// The status, and whether it was reported as a duplicate.
fn told(answer: &Response<Bytes>) -> String {
    let replayed = answer.headers().contains_key("idempotent-replayed");
    let end = if replayed { " duplicate" } else { "" };
    format!("{}{end}", answer.status().as_str())
}

fn wait(answer: &Response<Bytes>) -> Option<Duration> {
    let told = answer
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok();
    Some(
        told.map_or(DEFAULT_WAIT, Duration::from_secs)
            .min(LONGEST_WAIT),
    )
}
