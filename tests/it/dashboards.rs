//! The dashboard and the alert rules name nothing that is not exported.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tower_webhook::metrics::{METRICS, Metric, MetricKind};

const GRAFANA: &str = include_str!("../../dashboards/grafana.json");
const ALERTS: &str = include_str!("../../dashboards/alerts.yml");
const PROMISED: &str = include_str!("../../docs/stability.md");
const NUMBERS: &str = include_str!("../../docs/metrics.md");

/// The words of an expression: names, numbers, strings and signs.
fn tokens(expression: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = expression.chars().peekable();
    while let Some(first) = rest.next() {
        let mut token = first.to_string();
        let is_name = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | ':' | '$');
        match first {
            '"' => {
                for it in rest.by_ref() {
                    token.push(it);
                    if it == '"' {
                        break;
                    }
                }
            }
            '=' | '!' | '>' | '<' => {
                while let Some(it) = rest.next_if(|it| matches!(it, '=' | '~')) {
                    token.push(it);
                }
            }
            it if it.is_whitespace() => continue,
            it if is_name(it) || it == '.' => {
                while let Some(it) = rest.next_if(|it| is_name(*it) || *it == '.') {
                    token.push(it);
                }
            }
            _ => {}
        }
        tokens.push(token);
    }
    tokens
}

/// What an expression asks for: each metric with the labels and words that it is chosen by; and the labels that
/// it is put together by.
#[derive(Debug, Default)]
struct Asked {
    metrics: Vec<(String, Vec<(String, String)>)>,
    grouped_by: Vec<String>,
}

fn asked(expression: &str) -> Asked {
    let tokens = tokens(expression);
    let mut found = Asked::default();
    let mut at = 0;
    // What stands between brackets behind this place, and where they end.
    let inside = |from: usize, end: &str| {
        let to = (from..tokens.len()).find(|place| tokens[*place] == end);
        let to = to.unwrap_or_else(|| panic!("no {end} in {expression}"));
        (&tokens[from..to], to)
    };
    while at < tokens.len() {
        match &*tokens[at] {
            "by" | "without" | "on" | "ignoring" => {
                assert_eq!(tokens[at + 1], "(", "{expression}");
                let (labels, end) = inside(at + 2, ")");
                let labels = labels.iter().filter(|it| *it != ",").cloned();
                found.grouped_by.extend(labels);
                at = end;
            }
            name if name.starts_with("tower_webhook") => {
                let mut chosen = Vec::new();
                let mut end = at;
                if tokens.get(at + 1).is_some_and(|it| it == "{") {
                    let (matchers, closed) = inside(at + 2, "}");
                    for matcher in matchers.split(|it| it == ",") {
                        let [label, sign, value] = matcher else {
                            panic!("{matcher:?} in {expression}");
                        };
                        assert!(matches!(&**sign, "=" | "!=" | "=~" | "!~"), "{expression}");
                        chosen.push((label.clone(), value.trim_matches('"').to_owned()));
                    }
                    end = closed;
                }
                found.metrics.push((name.to_owned(), chosen));
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The metric that a series is of: a histogram has three.
fn metric_of(series: &str) -> (&'static Metric, bool) {
    let plain = METRICS.iter().find(|metric| metric.name == series);
    if let Some(metric) = plain {
        assert_ne!(
            metric.kind,
            MetricKind::Histogram,
            "{series} has no series of its own name"
        );
        return (metric, false);
    }
    let (name, part) = series.rsplit_once('_').unwrap();
    let metric = METRICS.iter().find(|metric| metric.name == name);
    let metric = metric.unwrap_or_else(|| panic!("nobody exports {series}"));
    assert_eq!(metric.kind, MetricKind::Histogram, "{series}");
    assert!(matches!(part, "bucket" | "sum" | "count"), "{series}");
    (metric, part == "bucket")
}

/// The words between backquotes in the row of this page that begins so.
fn words<'a>(page: &'a str, row: &str) -> BTreeSet<&'a str> {
    let row = page.lines().find(|line| line.starts_with(row));
    let row = row.unwrap_or_else(|| panic!("a row"));
    row.rsplit('|')
        .nth(1)
        .unwrap()
        .split('`')
        .skip(1)
        .step_by(2)
        .collect()
}

/// Which fixed values a label may have, where they are known.
fn known_values(metric: &Metric, label: &str) -> Option<BTreeSet<&'static str>> {
    Some(match (label, metric.name) {
        ("reason", _) => {
            let (_, section) = PROMISED.split_once("\n## Codes of reasons\n").unwrap();
            let table = section.split("\n## ").next().unwrap();
            table.split('`').skip(1).step_by(2).collect()
        }
        ("outcome", "tower_webhook_attempts_total") => words(NUMBERS, "| `outcome` of attempts"),
        ("outcome", "tower_webhook_store_call_seconds") => words(NUMBERS, "| `outcome` of calls"),
        ("outcome", _) => words(NUMBERS, "| `outcome` of deliveries"),
        ("status", _) => words(NUMBERS, "| `status`"),
        _ => return None,
    })
}

/// Every series of an expression is exported, with these labels and words. Which metrics it names.
#[track_caller]
fn check(expression: &str) -> BTreeSet<&'static str> {
    let Asked {
        metrics,
        grouped_by,
    } = asked(expression);
    assert!(!metrics.is_empty(), "{expression} asks for nothing of ours");
    let count = |sign: char| expression.matches(sign).count();
    assert_eq!(
        (count('('), count('{'), count('[')),
        (count(')'), count('}'), count(']'))
    );
    let mut labels: BTreeSet<&str> = BTreeSet::from(["instance", "job"]);
    let mut named = BTreeSet::new();
    for (series, chosen) in &metrics {
        let (metric, has_buckets) = metric_of(series);
        named.insert(metric.name);
        labels.extend(metric.labels);
        labels.extend(has_buckets.then_some("le"));
        for (label, value) in chosen {
            assert!(
                metric.labels.contains(&&**label),
                "{series} has no {label}: {expression}"
            );
            if let Some(known) = known_values(metric, label)
                && !value.is_empty()
            {
                assert!(
                    known.contains(&**value),
                    "{label} is never {value}: {expression}"
                );
            }
        }
    }
    for label in &grouped_by {
        assert!(labels.contains(&**label), "no {label} in {expression}");
    }
    named
}

/// The texts under this name, wherever they stand.
fn under<'a>(name: &str, json: &'a Value, found: &mut Vec<&'a str>) {
    match json {
        Value::Object(members) => {
            for (member, value) in members {
                match value {
                    Value::String(text) if member == name => found.push(text),
                    value => under(name, value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| under(name, item, found)),
        _ => {}
    }
}

/// The labels in a template: `{{outcome}}`, or `{{ $labels.outcome }}`.
fn in_template(text: &str) -> Vec<&str> {
    let parts = text.split("{{").skip(1);
    let names = parts.map(|part| part.split("}}").next().unwrap().trim());
    names
        .map(|name| name.trim_start_matches("$labels."))
        .filter(|name| *name != "$value")
        .collect()
}

#[test]
fn the_dashboard_shows_every_number_and_no_other() {
    let dashboard: Value = serde_json::from_str(GRAFANA).unwrap();
    let mut shown = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "two panels {}",
            panel["id"]
        );
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            shown.extend(check(expression));
            let Asked { grouped_by, .. } = asked(expression);
            for label in in_template(target["legendFormat"].as_str().unwrap()) {
                assert!(
                    grouped_by.iter().any(|it| it == label),
                    "{label} of {expression}"
                );
            }
        }
    }
    let mut queries = Vec::new();
    under("query", &dashboard["templating"], &mut queries);
    let values = queries
        .iter()
        .filter_map(|it| it.strip_prefix("label_values("));
    for (metric, label) in values.map(|it| it.trim_end_matches(')').split_once(", ").unwrap()) {
        assert!(
            metric_of(metric).0.labels.contains(&label),
            "{metric} {label}"
        );
    }
    let exported: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(shown, exported);
}

#[test]
fn the_alert_rules_ask_for_what_is_exported() {
    let lines = |name: &'static str| {
        let found = ALERTS
            .lines()
            .filter_map(move |line| line.trim().strip_prefix(name));
        found.map(str::trim).collect::<Vec<_>>()
    };
    let (names, expressions) = (lines("- alert:"), lines("expr:"));
    assert!(names.len() > 10, "{names:?}");
    assert_eq!(names.len(), expressions.len());
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for expression in &expressions {
        check(expression);
    }
    // Each says what to do, and whether somebody is woken.
    for (name, values) in [("do:", None), ("severity:", Some(["page", "ticket"]))] {
        let found = lines(name);
        assert_eq!(found.len(), names.len(), "{name}");
        assert!(
            found
                .iter()
                .all(|it| values.is_none_or(|values| values.contains(it)))
        );
    }
    // The labels in the words are those that the expression leaves.
    for (summary, expression) in lines("summary:").into_iter().zip(&expressions) {
        let Asked { grouped_by, .. } = asked(expression);
        for label in in_template(summary) {
            assert!(
                grouped_by.iter().any(|it| it == label),
                "{label} of {expression}"
            );
        }
    }
}

#[test]
fn what_nobody_exports_is_noticed() {
    for wrong in [
        "rate(tower_webhook_delivered_total[5m])",
        "rate(tower_webhook_delivery_seconds[5m])",
        "sum by (tenant) (tower_webhook_deliveries_total)",
        r#"tower_webhook_deliveries_total{event="x"}"#,
        r#"tower_webhook_deliveries_total{reason="signature_wrong"}"#,
        r#"tower_webhook_attempts_total{outcome="duplicate"}"#,
        "sum by (le) (tower_webhook_delivery_seconds_count)",
    ] {
        assert!(
            std::panic::catch_unwind(|| check(wrong)).is_err(),
            "{wrong}"
        );
    }
}

/// Where Prometheus is installed, it reads the rules and every expression of the dashboard itself.
#[test]
fn prometheus_reads_the_rules() {
    let Ok(checked) = Command::new("promtool").arg("--version").output() else {
        println!("skipped: no promtool");
        return;
    };
    assert!(checked.status.success());
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/alerts.yml");
    let read = Command::new("promtool")
        .args(["check", "rules"])
        .arg(rules)
        .output()
        .unwrap();
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    let dashboard: Value = serde_json::from_str(GRAFANA).unwrap();
    let mut expressions = Vec::new();
    under("expr", &dashboard, &mut expressions);
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for (number, expression) in expressions.iter().enumerate() {
        let expression = expression
            .replace("$__rate_interval", "5m")
            .replace("$provider", ".*");
        let expression = serde_json::to_string(&expression).unwrap();
        rules += &format!("  - record: panel:{number}\n    expr: {expression}\n");
    }
    let file = std::env::temp_dir().join(format!("dashboard-{}.yml", std::process::id()));
    std::fs::write(&file, rules).unwrap();
    let read = Command::new("promtool")
        .args(["check", "rules"])
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
}
