//! `webhook verify`: whether a captured request is authentic, and if not, why.

use http::HeaderMap;
use serde_json::{Value, json};
use tower_webhook::signature::diagnosis::{Cause, Diagnose, Diagnosis};
use tower_webhook::signature::{SignatureError, SignatureErrorKind};
use tower_webhook::{KeyId, NamedSecret, Provider, RequestHead, Secrets, UnixTime};

use crate::args::Verify;
use crate::capture::{Captured, time};
use crate::failure::Failure;
use crate::journal;
use crate::journals::Pages;
use crate::output::{Ended, Output, printable};
use crate::presets;
use crate::secrets::{of_variable, read};
use crate::sign::preset;

pub(crate) async fn run(asked: &Verify, output: Output) -> Result<Ended, Failure> {
    let captured = match Pages::open(&asked.file, "verify")?.is_some() {
        true => journal::requests(&journal::lines(&asked.file, "verify").await?)?,
        false => Captured::all(&read(&asked.file, "verify")?)?,
    };
    let secrets = asked.secrets.needed()?;
    let given = match asked.at.as_deref().map(|text| (text, time(text))) {
        None => None,
        Some((_, Some(at))) => Some(at),
        Some((text, None)) => {
            return Err(Failure::usage(format!(
                "--at {text:?}: neither Unix seconds nor RFC 3339"
            )));
        }
    };
    let (mut well, mut others) = (true, 0_usize);
    let named = match &asked.provider {
        Some(name) => Some((preset(name)?, of(name, asked, &secrets)?)),
        None => None,
    };
    // A sender of Standard Webhooks has its own name.
    let is_named = (named.as_ref()).is_some_and(|(preset, _)| preset.provider_name().is_some());
    for request in &captured {
        // It would be refused as this sender's, but the journal knows its sender.
        if let (Some(sender), Some((_, provider))) = (&request.sender, &named)
            && sender != provider.name().as_str()
            && (presets::is_known(sender) || (request.is_authenticated && is_named))
        {
            others = others.saturating_add(1);
            continue;
        }
        let (at, whose) = when(asked, request, given);
        let (sender, diagnosis) = match &named {
            Some((preset, provider)) => (
                preset.name.to_owned(),
                diagnosed(provider, asked, &secrets, request, at)?,
            ),
            None => match whoever(asked, &secrets, request, at)? {
                Some(found) => found,
                None => {
                    // A HAR or a journal also has requests of others.
                    if captured.len() == 1 {
                        return Err(Failure::usage(format!(
                            "{OF_NOBODY}: name one by --provider"
                        )));
                    }
                    well = false;
                    of_nobody(output, request);
                    continue;
                }
            },
        };
        well &= diagnosis.is_authentic();
        tell(output, request, &sender, &diagnosis, at, whose);
    }
    if let (1.., Some((preset, _))) = (others, &named) {
        let name = preset.name;
        if others == captured.len() {
            return Err(Failure::usage(format!(
                "verify: the journal holds no delivery of {name}: {others} are other senders'"
            )));
        }
        output.show(
            format_args!("left out {others} that are other senders'"),
            || json!({"left_out": others}),
        );
    }
    Ok(Ended::well_if(well))
}

const OF_NOBODY: &str = "no sender is known whose headers these are";

fn of_nobody(output: Output, request: &Captured) {
    let (label, method) = (printable(&request.label), &request.method);
    let path = printable(path(request));
    output.show(
        format_args!("{label}: {method} {path}: {OF_NOBODY}"),
        || json!({"request": request.label, "provider": null, "authentic": false, "refused": OF_NOBODY}),
    );
}

/// When a request arrived, and the source of that time.
fn when(asked: &Verify, request: &Captured, given: Option<UnixTime>) -> (UnixTime, &'static str) {
    if let Some(at) = given {
        return (at, "as --at says");
    }
    if let Some(at) = request.at {
        return (at, "as the capture says");
    }
    let written = std::fs::metadata(&asked.file).and_then(|file| file.modified());
    match written {
        Ok(at) => (at.into(), "when the file was written"),
        Err(_) => (UnixTime::now(), "now"),
    }
}

fn of(name: &str, asked: &Verify, secrets: &Secrets) -> Result<Provider, Failure> {
    let preset = preset(name)?;
    let provider = preset.signed(secrets.clone(), &asked.secrets.url()?)?;
    provider.ok_or_else(|| {
        Failure::usage(format!(
            "{name} signs nothing: it is known by its {}",
            preset.proof
        ))
    })
}

fn diagnosed(
    provider: &Provider,
    asked: &Verify,
    secrets: &Secrets,
    request: &Captured,
    at: UnixTime,
) -> Result<Diagnosis, Failure> {
    let none = || Failure::usage("this sender signs nothing");
    let mut diagnose: Diagnose = provider.diagnose().ok_or_else(none)?;
    for secret in secrets.clone() {
        diagnose = diagnose.secret(secret.text());
    }
    if let Some(variable) = &asked.other_secret_env
        && let Some(verifier) = provider.verifier()
    {
        let format = verifier.scheme().secret_format();
        let keys =
            tower_webhook::KeyRing::parse(format, of_variable(variable, "--other-secret-env")?)?;
        diagnose = diagnose.other_keys(variable.clone(), keys);
    }
    let head = RequestHead::new(&request.method, &request.uri, &request.headers);
    Ok(diagnose.delivery(head, &request.body, at))
}

/// The known sender whose delivery this is. First comes a sender as which it is authentic, then one as
/// which only its time is wrong. After those comes one as which it would be authentic but for the
/// finding, or whose signature or headers it has, even if wrong. `None` if it belongs to no sender.
fn whoever(
    asked: &Verify,
    secrets: &Secrets,
    request: &Captured,
    at: UnixTime,
) -> Result<Option<(String, Diagnosis)>, Failure> {
    let url = asked.secrets.url()?;
    let head = RequestHead::new(&request.method, &request.uri, &request.headers);
    let mut stale = None;
    let mut signed = Vec::new();
    let (mut begun, mut spoilt) = (None, None);
    let no_headers = HeaderMap::new();
    let diagnosed = |name: &str, provider: &Provider| {
        let diagnosis = diagnosed(provider, asked, secrets, request, at)?;
        Ok::<_, Failure>((name.to_owned(), diagnosis))
    };
    for preset in presets::all() {
        let Ok(Some(provider)) = preset.signed(secrets.clone(), &url) else {
            continue;
        };
        let Some(verifier) = provider.verifier() else {
            continue;
        };
        let verdict = verifier.verify(head, &request.body, at);
        if verdict.is_ok() {
            return diagnosed(preset.name, &provider).map(Some);
        }
        if verdict.as_ref().is_err_and(SignatureError::is_stale) {
            stale.get_or_insert((preset.name, provider));
        } else if verdict.is_err_and(|error| error.kind() == SignatureErrorKind::Mismatch) {
            signed.push((preset.name, provider));
        } else {
            // Errors that also occur without any header do not identify a sender.
            let bare = RequestHead::new(&request.method, &request.uri, &no_headers);
            match (
                verifier.begin(head, at).err(),
                verifier.begin(bare, at).err(),
            ) {
                (None, Some(_)) => drop(begun.get_or_insert((preset.name, provider))),
                (Some(wrong), missing) if Some(&wrong) != missing.as_ref() => {
                    spoilt.get_or_insert((preset.name, provider));
                }
                _ => {}
            }
        }
    }
    if let Some((name, provider)) = stale {
        return diagnosed(name, &provider).map(Some);
    }
    let mut first = None;
    for (name, provider) in &signed {
        let found = diagnosed(name, provider)?;
        let cause = found.1.cause();
        let is_of_others = [Cause::Unknown, Cause::Header, Cause::OtherScheme].map(Some);
        if !is_of_others.contains(&cause) {
            return Ok(Some(found));
        }
        first.get_or_insert(found);
    }
    match (first, begun.or(spoilt)) {
        (Some(found), _) => Ok(Some(found)),
        (None, Some((name, provider))) => diagnosed(name, &provider).map(Some),
        (None, None) => Ok(None),
    }
}

fn tell(
    output: Output,
    request: &Captured,
    sender: &str,
    diagnosis: &Diagnosis,
    at: UnixTime,
    whose: &str,
) {
    let mut lines = vec![format!(
        "{}: {} {} to {sender}",
        request.label,
        request.method,
        path(request)
    )];
    match diagnosis.refused() {
        None => {
            let key = diagnosis.key_id().map_or("", |key| key.as_str());
            lines.push(format!("authentic: signed by key {key:?}"));
        }
        Some(refused) => {
            lines.push(format!("refused: {refused}"));
            lines.extend(
                diagnosis
                    .findings()
                    .iter()
                    .map(|finding| format!("cause: {}: {finding}", finding.cause())),
            );
            if let Some(key) = diagnosis.key_id() {
                lines.push(format!("key: {:?}", key.as_str()));
            }
            if let Some(cause) = diagnosis.cause() {
                lines.push(format!("remedy: {}", cause.remedy()));
            }
        }
    }
    if !diagnosis.is_complete() {
        lines.push(format!(
            "not everything was tried, only {} changes",
            diagnosis.tried()
        ));
    }
    if let Some(lacks) = request.lacks {
        lines.push(format!("the capture is not whole: {lacks}"));
    }
    lines.push(format!("time: {} ({whose})", at.to_rfc3339()));
    let lines: Vec<_> = lines.iter().map(|line| printable(line)).collect();
    output.show(lines.join("\n"), || {
        let findings: Vec<Value> = (diagnosis.findings().iter())
            .map(|finding| json!({"cause": finding.cause().code(), "what": finding.what(), "remedy": finding.cause().remedy()}))
            .collect();
        json!({
            "request": request.label,
            "provider": sender,
            "authentic": diagnosis.is_authentic(),
            "key": diagnosis.key_id().map(KeyId::as_str),
            "refused": diagnosis.refused().map(ToString::to_string),
            "findings": findings,
            "not_whole": request.lacks,
            "at": at.to_rfc3339(),
        })
    });
}

/// The path without the query, which may hold a token.
fn path(request: &Captured) -> &str {
    request.uri.path()
}
