//! `webhook providers`: the senders that are known.

use serde_json::{Value, json};
use tower_webhook::signature::PublicUrl;
use tower_webhook::{Allowlist, PathTokens, Secrets, SenderContract};

use crate::failure::Failure;
use crate::output::{Ended, Output};
use crate::presets::{self, How, Preset};
use crate::sign::preset;

pub(crate) fn run(name: Option<&str>, output: Output) -> Result<Ended, Failure> {
    match name {
        Some(name) => one(&preset(name)?, output),
        None => {
            let all = presets::all();
            let widest = all
                .iter()
                .map(|preset| preset.name.len())
                .max()
                .unwrap_or_default();
            for preset in &all {
                output.show(format_args!("{:widest$}  {}", preset.name, preset.proof), || {
                    json!({"name": preset.name, "title": preset.title, "proof": preset.proof, "event": preset.event})
                });
            }
        }
    }
    Ok(Ended::Well)
}

fn one(preset: &Preset, output: Output) {
    let mut rows: Vec<(&str, String)> = vec![
        ("name", preset.name.to_owned()),
        (
            "events kept under",
            preset.provider_name().map_or_else(
                || "the name that its receiver gives it".to_owned(),
                |name| name.to_string(),
            ),
        ),
        ("title", preset.title.to_owned()),
        ("proof", preset.proof.to_owned()),
        ("event", preset.event.to_owned()),
    ];
    if let Some(contract) = contract(preset) {
        rows.extend(told(&contract));
    }
    if let How::Facts(facts) = preset.how {
        rows.push(("challenge", facts.challenge().to_owned()));
        rows.push(("known from", facts.confidence().to_string()));
        rows.push(("source", facts.source().to_owned()));
        rows.push(("taken cautiously", facts.assumed().to_owned()));
    }
    let lines: Vec<_> = rows
        .iter()
        .map(|(name, text)| format!("{name:17} {text}"))
        .collect();
    output.show(lines.join("\n"), || {
        let rows = rows
            .iter()
            .map(|(name, text)| (name.replace(' ', "_"), Value::from(&**text)));
        Value::Object(rows.collect())
    });
}

/// How it delivers, which hangs on no secret.
fn contract(preset: &Preset) -> Option<SenderContract> {
    let url = PublicUrl::parse("https://hooks.example/").ok()?;
    let provider = match preset.how {
        How::Address(make) => make(Allowlist::parse(["127.0.0.1"]).ok()?),
        How::Token(make) => make(PathTokens::parse(["token-of-nobody-at-all"]).ok()?).ok()?,
        How::Keys(_) | How::Facts(_) => [
            "5hG7kQ2mW9xZ4tB8vN3c",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "44782deff47aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056",
            "ana:5hG7kQ2mW9xZ4tB8",
        ]
        .into_iter()
        .find_map(|secret| preset.signed(Secrets::parse(secret).ok()?, &url).ok()?)?,
    };
    Some(provider.contract().clone())
}

fn told(contract: &SenderContract) -> Vec<(&'static str, String)> {
    vec![
        (
            "waits",
            format!("{} s", contract.time_to_answer().as_secs()),
        ),
        ("retries", contract.schedule().to_string()),
        ("largest body", format!("{} bytes", contract.largest_body())),
    ]
}
