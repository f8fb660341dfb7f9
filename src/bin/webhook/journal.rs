//! Journals of JSON lines: requests out of them, and deliveries that are sent again.

use std::io::BufRead;

use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use tower_webhook::testing::{SendErrorKind, TestDelivery};
use tower_webhook::{EventKey, UnixTime};

use crate::args::Replay;
use crate::capture::Captured;
use crate::failure::Failure;
use crate::output::{Ended, Output};
use crate::secrets::read;
use crate::sign::preset;

/// What is read of a line; other members are passed over.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) v: u32,
    pub(crate) id: String,
    /// Microseconds, as every time of a journal.
    pub(crate) at: u64,
    pub(crate) provider: String,
    #[serde(default)]
    pub(crate) authenticated: bool,
    pub(crate) verdict: String,
    pub(crate) reason: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) key: Option<String>,
    #[serde(default)]
    pub(crate) signed_by: Vec<String>,
    pub(crate) claimed_id: Option<String>,
    pub(crate) attempt: Option<u32>,
    #[serde(default)]
    pub(crate) micros: Micros,
    pub(crate) request: Option<Request>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Micros {
    #[serde(default)]
    pub(crate) total: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    received_at: u64,
    method: String,
    uri: String,
    headers: Vec<(String, String)>,
    body: Option<Body>,
}

#[derive(Debug, Deserialize)]
struct Body {
    text: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    cut: bool,
    #[serde(default)]
    masked: bool,
}

/// The version of lines that is read.
const VERSION: u32 = 1;

impl Line {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let line: Self =
            serde_json::from_str(text).map_err(|error| format!("no line of a journal: {error}"))?;
        match line.v {
            VERSION => Ok(line),
            other => Err(format!(
                "a line of version {other}; this program reads {VERSION}"
            )),
        }
    }

    pub(crate) fn at(&self) -> UnixTime {
        UnixTime::from_micros(self.at)
    }

    /// Whether somebody should look at it.
    pub(crate) fn is_trouble(&self) -> bool {
        matches!(
            self.verdict.as_str(),
            "refused" | "failed" | "unfinished" | "lost"
        )
    }
}

impl Request {
    fn captured(&self, label: String) -> Result<Captured, Failure> {
        let refused = |what: &str| Failure::usage(format!("capture: {label}: {what}"));
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            // A character is a byte of the value.
            let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
            Captured::header(&mut headers, name, &bytes.unwrap_or_default())?;
        }
        let body = self.body.as_ref();
        let lacks = match body {
            None => Some("its body was not read"),
            Some(body) if body.cut => Some("its body was kept in part only"),
            Some(body) if body.masked => Some("something of its body is masked"),
            Some(_) => None,
        };
        Ok(Captured {
            method: self.method.parse().map_err(|_| refused("no method"))?,
            uri: self.uri.parse().map_err(|_| refused("no URI"))?,
            headers,
            body: body.map(Body::bytes).unwrap_or_default(),
            at: Some(UnixTime::from_micros(self.received_at)),
            lacks,
            label,
        })
    }
}

impl Body {
    fn bytes(&self) -> Vec<u8> {
        match (&self.text, &self.base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(base64)) => data_encoding::BASE64
                .decode(base64.as_bytes())
                .unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }
}

/// The requests of all lines that hold one.
pub(crate) fn requests(text: &str) -> Result<Vec<Captured>, Failure> {
    let mut all = Vec::new();
    for (place, text) in (1_usize..)
        .zip(text.lines())
        .filter(|(_, text)| !text.trim().is_empty())
    {
        let line = Line::parse(text)
            .map_err(|why| Failure::usage(format!("capture: line {place}: {why}")))?;
        if let Some(request) = &line.request {
            all.push(request.captured(format!("line {place} of the journal, {}", line.id))?);
        }
    }
    match all.is_empty() {
        true => Err(Failure::usage(
            "capture: no line of the journal holds a request",
        )),
        false => Ok(all),
    }
}

/// Sends what was proved and is whole again, signed anew: a handled event is a duplicate.
pub(crate) async fn replay(asked: &Replay, output: Output) -> Result<Ended, Failure> {
    let preset = preset(&asked.provider)?;
    let secrets = asked.secrets.or_for_development(&asked.url)?;
    let provider = preset.signed(secrets, &asked.secrets.url()?)?;
    let provider = provider.ok_or_else(|| Failure::usage("replay: this sender signs nothing"))?;
    let key = asked
        .key
        .as_deref()
        .map(EventKey::decode)
        .transpose()?
        .map(|key| key.encoded());
    let bytes = read(&asked.file, "replay")?;
    let (mut sent, mut left_out, mut well) = (0_u32, 0_u32, true);
    for (place, text) in (1_usize..).zip(bytes.lines()) {
        let text = text.map_err(|error| Failure::other("replay", error))?;
        if text.trim().is_empty() {
            continue;
        }
        let line = Line::parse(&text)
            .map_err(|why| Failure::usage(format!("replay: line {place}: {why}")))?;
        let Some(request) = line.request.as_ref().filter(|_| {
            key.as_ref()
                .is_none_or(|key| line.key.as_ref() == Some(key))
                && asked
                    .verdict
                    .as_ref()
                    .is_none_or(|verdict| *verdict == line.verdict)
        }) else {
            continue;
        };
        let captured = request.captured(format!("line {place}"))?;
        if !line.authenticated || captured.lacks.is_some() {
            left_out = left_out.saturating_add(1);
            continue;
        }
        let delivery = TestDelivery::new(&provider, captured.body);
        let answer = delivery
            .send_to(&asked.url)
            .await
            .map_err(|error| match error.kind() {
                SendErrorKind::Delivery => Failure::other("replay", error),
                _ => Failure::out_of_reach("--url", error),
            })?;
        let status = answer.status();
        sent = sent.saturating_add(1);
        well &= status.is_success();
        let key = line.key.as_deref().unwrap_or("-");
        output.show(
            format_args!("{} {key}  {}", line.id, status.as_str()),
            || json!({"id": line.id, "key": line.key, "status": status.as_u16()}),
        );
    }
    output.show(
        format_args!("sent {sent}, left out {left_out} that were refused or are not whole"),
        || json!({"sent": sent, "left_out": left_out}),
    );
    Ok(Ended::well_if(well && sent > 0))
}
