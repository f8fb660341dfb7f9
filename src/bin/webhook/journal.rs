//! Journals of JSON lines: the requests in them, and deliveries that are sent again.

use std::collections::HashSet;
use std::path::Path;

use bytes::Bytes;
use http::Request;
use serde_json::json;
use tower_webhook::journal::{JournalLine, RecordedBody, RecordedRequest};
use tower_webhook::layer::Verdict;
use tower_webhook::testing::{SendErrorKind, TestDelivery};
use tower_webhook::{EventKey, Provider, Replay, UnixTime};

use crate::args;
use crate::capture::Captured;
use crate::failure::Failure;
use crate::journals::Pages;
use crate::output::{Ended, Output, printable};
use crate::presets::{self, Preset};
use crate::secrets::{note, read};
use crate::send::whole_url;
use crate::sign::preset;

/// When the outcome of a line became known.
pub(crate) fn at(line: &JournalLine) -> UnixTime {
    UnixTime::from_micros(line.at)
}

/// Whether a person should investigate it.
pub(crate) fn is_trouble(line: &JournalLine) -> bool {
    matches!(
        line.verdict.as_str(),
        "refused" | "failed" | "unfinished" | "lost"
    )
}

fn captured(request: &RecordedRequest, label: String) -> Result<Captured, Failure> {
    let refused = |what: &str| Failure::usage(format!("capture: {label}: {what}"));
    let body = request.body.as_ref();
    let lacks = match body {
        None => Some("its body was not read"),
        Some(body) if body.cut => Some("its body was kept in part only"),
        Some(body) if body.masked => Some("something of its body is masked"),
        Some(body) if body.decoded => Some("it came compressed, and its content alone is kept"),
        Some(_) if request.headers_cut => Some("not all of its header lines are kept"),
        Some(_) => None,
    };
    Ok(Captured {
        method: request.method().ok_or_else(|| refused("no method"))?,
        uri: request.uri().ok_or_else(|| refused("no URI"))?,
        headers: request.header_map(),
        body: body.and_then(RecordedBody::whole).unwrap_or_default(),
        at: Some(UnixTime::from_micros(request.received_at)),
        lacks,
        sender: None,
        is_authenticated: false,
        label,
    })
}

/// The lines of a journal in any place: a folder of files, one file, the standard input, a SQLite
/// file or a Postgres table.
pub(crate) async fn lines(place: &Path, option: &str) -> Result<Vec<JournalLine>, Failure> {
    let Some(pages) = Pages::open(place, option)? else {
        let bytes = read(place, option)?;
        return parsed(&String::from_utf8_lossy(&bytes), option);
    };
    let (mut all, mut after) = (Vec::new(), None);
    let mut unread = 0_usize;
    loop {
        let page = pages.read(after.as_ref()).await;
        let page = page.map_err(|why| Failure::caused(option, why))?;
        all.extend(page.lines);
        unread = unread.saturating_add(page.unreadable);
        if page.is_last {
            if unread > 0 {
                note(unreadable(unread));
            }
            all.sort_by_key(|line| line.at);
            return Ok(all);
        }
        after = Some(page.next);
    }
}

fn unreadable(lines: usize) -> String {
    let end = if lines == 1 { "" } else { "s" };
    format!("{lines} line{end} of the journal cannot be read")
}

/// Parses the lines of a text. Of those that cannot be read it is told how many there are. A last one that has no end is not
/// counted: it is being written, or was cut off when its writer died.
pub(crate) fn parsed(text: &str, option: &str) -> Result<Vec<JournalLine>, Failure> {
    let mut lines = (1_usize..).zip(text.lines()).peekable();
    let (mut read, mut unread, mut first) = (Vec::new(), 0_usize, None);
    while let Some((place, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        match JournalLine::parse(line) {
            Ok(line) => read.push(line),
            Err(why) => {
                let is_cut_off = lines.peek().is_none() && !text.ends_with('\n');
                if !is_cut_off {
                    unread = unread.saturating_add(1);
                }
                first.get_or_insert_with(|| format!("line {place}: {why}"));
            }
        }
    }
    let Some(first) = first else {
        return Ok(read);
    };
    if read.is_empty() {
        return Err(Failure::usage(format!("{option}: {first}")));
    }
    if unread > 0 {
        note(format_args!("{}; the first is {first}", unreadable(unread)));
    }
    Ok(read)
}

/// The requests of all lines that have one.
pub(crate) fn requests(lines: &[JournalLine]) -> Result<Vec<Captured>, Failure> {
    let mut all = Vec::new();
    for line in lines {
        if let Some(request) = &line.request {
            let captured = captured(request, format!("{} of the journal", line.id))?;
            all.push(Captured {
                sender: Some(line.provider.clone()),
                is_authenticated: line.authenticated,
                ..captured
            });
        }
    }
    match all.is_empty() {
        true => Err(Failure::usage(
            "capture: no line of the journal holds a request",
        )),
        false => Ok(all),
    }
}

/// Whether a line is of this sender: another sender's delivery, signed anew as this one's, would be
/// taken for this one's. A sender of Standard Webhooks has its own name.
fn is_of(line: &JournalLine, preset: &Preset, provider: &Provider) -> bool {
    let is_another = || presets::is_known(&line.provider);
    line.provider == provider.name().as_str()
        || (preset.name == "standard-webhooks" && !is_another())
}

/// Headers of the connection itself, which are not sent again.
const OF_THE_CONNECTION: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// The same event again: its body, its signed id and its other headers, signed anew.
fn delivery(
    line: &JournalLine,
    captured: Captured,
    provider: &Provider,
) -> Result<TestDelivery, Failure> {
    let mut delivery = TestDelivery::new(provider, captured.body);
    let proof = line.proof.as_ref();
    let signature = proof.and_then(|proof| proof.signature.as_ref());
    if let Some(id) = signature.and_then(|signature| signature.id.as_deref()) {
        delivery = delivery.id(id);
    }
    // Where an id that nothing signs tells events apart, it is that of the delivery that was taken down.
    let unsigned = provider.rule().unsigned_id_headers();
    let id = unsigned.iter().find_map(|name| captured.headers.get(name));
    if let (Some(name), Some(id)) = (unsigned.first(), id) {
        delivery = delivery.header(name.as_str(), id);
    }
    let signed: Request<Bytes> = delivery.request()?;
    for (name, value) in &captured.headers {
        let is_masked = value == "[REDACTED]";
        let is_left_out = is_masked || OF_THE_CONNECTION.contains(&name.as_str());
        if !is_left_out && !signed.headers().contains_key(name) {
            delivery = delivery.another_header(name.as_str(), value);
        }
    }
    Ok(delivery)
}

/// A verdict from the command line.
pub(crate) fn verdict(text: &str) -> Result<String, String> {
    let all: Vec<_> = Verdict::ALL.iter().map(|it| it.code()).collect();
    match all.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("it is none of {}", all.join(", "))),
    }
}

/// Resends proved and complete deliveries, signed anew, each event once: a handled one is a duplicate.
pub(crate) async fn replay(asked: &args::Replay, output: Output) -> Result<Ended, Failure> {
    let preset = preset(&asked.provider)?;
    preset.check_signs_by_secret()?;
    let target = whole_url(&preset, &asked.url)?;
    let secrets = asked.secrets.or_for_development(&target)?;
    let url = asked.secrets.url_or(&target)?;
    let provider = preset.signed(secrets, &url)?;
    let provider = provider.ok_or_else(|| Failure::usage("replay: this sender signs nothing"))?;
    let key = asked
        .key
        .as_deref()
        .map(EventKey::decode)
        .transpose()?
        .map(|key| key.encoded());
    let (mut sent, mut left_out, mut well) = (0_u32, 0_u32, true);
    let (mut again, mut duplicates) = (0_u32, 0_u32);
    let mut taken = HashSet::new();
    let all = lines(&asked.file, "replay").await?;
    if let Some(key) =
        (key.as_ref()).filter(|key| !all.iter().any(|it| it.key.as_ref() == Some(key)))
    {
        let key = printable(key);
        return Ok(output.no(&format!("no line of the journal has the key {key}")));
    }
    for line in &all {
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
        if Replay::of(line).check().is_err() || !is_of(line, &preset, &provider) {
            left_out = left_out.saturating_add(1);
            continue;
        }
        // Each delivery of an event has a line, so an event may repeat.
        if line.key.as_ref().is_some_and(|key| !taken.insert(key)) {
            again = again.saturating_add(1);
            continue;
        }
        let captured = captured(request, line.id.clone())?;
        let delivery = delivery(line, captured, &provider)?;
        let answer = delivery
            .send_to(&target)
            .await
            .map_err(|error| match error.kind() {
                SendErrorKind::Delivery => Failure::other("replay", error),
                _ => Failure::out_of_reach("--url", error),
            })?;
        let status = answer.status();
        sent = sent.saturating_add(1);
        well &= status.is_success();
        let is_duplicate = answer.headers().contains_key("idempotent-replayed");
        duplicates = duplicates.saturating_add(is_duplicate.into());
        let key = line.key.as_deref().unwrap_or("-");
        let end = if is_duplicate {
            "  idempotent-replayed: true"
        } else {
            ""
        };
        output.show(
            format_args!(
                "{} {}  {}{end}",
                printable(&line.id),
                printable(key),
                status.as_str()
            ),
            || json!({"id": line.id, "key": line.key, "status": status.as_u16(), "duplicate": is_duplicate}),
        );
    }
    let mut text = format!(
        "sent {sent}, left out {left_out} that were refused, are not whole or are another sender's"
    );
    if again > 0 {
        text.push_str(&format!(", and {again} more deliveries of the same events"));
    }
    if duplicates > 0 {
        text.push_str(&format!(
            "\n{duplicates} of {sent} were done before: nothing ran for them. `webhook records forget` or `webhook \
             inbox forget` has an event run again"
        ));
    }
    output.show(
        text,
        || json!({"sent": sent, "left_out": left_out, "repeated": again, "duplicates": duplicates}),
    );
    Ok(Ended::well_if(well && sent > 0))
}
