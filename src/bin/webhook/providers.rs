//! `webhook providers`: the known senders.

use serde_json::{Value, json};
use tower_webhook::SenderContract;

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
    if let Some(contract) = preset.contract() {
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
