//! What an operator reads from the receiver over its socket: `/metrics` in the format of
//! Prometheus, and `/readyz`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has done its work"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tower_webhook::metrics::{BUCKETS, METRICS, MetricKind};

const LIMIT: Duration = Duration::from_secs(60);

/// The program, freshly built. All packages are built, as in `scripts/test`: alone, it would have
/// other features of its dependencies, and so a separate build of them.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples/receiver");
    static BUILT: OnceLock<bool> = OnceLock::new();
    let is_built = BUILT.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        // Variables of this test's package are removed: the build script of `ring` watches them and
        // would run again.
        let own = std::env::vars_os().map(|(name, _)| name);
        let own = own.filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        own.for_each(|name| {
            build.env_remove(name);
        });
        build.args(["build", "-q", "--all-features", "--bins", "--examples"]);
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        build.status().unwrap().success()
    });
    assert!(is_built);
    program
}

struct Receiver {
    process: Child,
    address: String,
}

impl Receiver {
    fn start(settings: &[(&str, &str)]) -> Self {
        let mut process = Command::new(program())
            .env("BIND", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first
            .strip_prefix("listening on http://")
            .unwrap()
            .to_owned();
        // Drains further output, so that it does not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address }
    }

    /// The status and body of the answer to a request.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        let body = match is_chunked {
            true => unchunked(body),
            false => body.to_owned(),
        };
        (status, body)
    }

    fn numbers(&self) -> Numbers {
        let (status, text) = self.ask("GET", "/metrics", "", "");
        assert_eq!(status, 200);
        Numbers::read(&text)
    }

    /// An order of Bloquo, from an address on its list.
    fn order(&self, number: u32, status: &str) -> u16 {
        let body = format!(
            r#"{{"OrderId":{number},"Status":"{status}","OrderType":"Deposit","RequestedAmount":1.5,"TotalAmount":1.5}}"#
        );
        let headers = "content-type: application/json\r\n";
        self.ask("POST", "/webhooks/bloquo", headers, &body).0
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            break;
        }
        whole.push_str(rest.get(..length).unwrap());
        body = rest.get(length + 2..).unwrap();
    }
    whole
}

/// The text format of Prometheus, version 0.0.4.
#[derive(Debug)]
struct Numbers {
    kinds: BTreeMap<String, String>,
    helps: Vec<String>,
    series: BTreeMap<String, f64>,
}

impl Numbers {
    fn read(text: &str) -> Self {
        let (mut kinds, mut helps, mut series) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                let known = kinds.insert(name.to_owned(), kind.to_owned());
                assert_eq!(known, None, "two metrics are named {name}");
            } else if let Some(rest) = line.strip_prefix("# HELP ") {
                helps.push(rest.split(' ').next().unwrap().to_owned());
            } else {
                let (name, value) = line.rsplit_once(' ').unwrap();
                let known = series.insert(name.to_owned(), value.parse().unwrap());
                assert_eq!(known, None, "{name} twice");
            }
        }
        Self {
            kinds,
            helps,
            series,
        }
    }

    /// The sum of the series with this name and all these labels.
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let of_name = self.series.iter().filter(|(series, _)| {
            let (this, rest) = series.split_once('{').unwrap_or((series, ""));
            this == name && labels.iter().all(|label| rest.contains(label))
        });
        of_name.map(|(_, value)| value).sum()
    }
}

#[test]
fn prometheus_reads_the_numbers_of_deliveries_stores_and_keys() {
    let receiver = Receiver::start(&[("MEMORY", "1")]);
    assert_eq!(
        receiver.ask("GET", "/readyz", "", ""),
        (200, "ready\n".to_owned())
    );
    assert_eq!(receiver.order(1, "COMPLETED"), 200);
    assert_eq!(receiver.order(1, "COMPLETED"), 200);
    assert_eq!(receiver.ask("POST", "/webhooks/blendfi", "", "{}").0, 401);

    let numbers = receiver.numbers();
    let deliveries = |labels: &[&str]| numbers.sum("tower_webhook_deliveries_total", labels);
    let bloquo = r#"provider="bloquo""#;
    assert_eq!(deliveries(&[bloquo, r#"outcome="handled""#]), 1.0);
    assert_eq!(deliveries(&[bloquo, r#"outcome="duplicate""#]), 1.0);
    assert_eq!(
        deliveries(&[r#"provider="blendfi""#, r#"reason="signature_header""#]),
        1.0
    );
    let calls = numbers.sum(
        "tower_webhook_store_call_seconds_count",
        &[r#"operation="claim""#],
    );
    assert_eq!(calls, 2.0);
    let ends = numbers.sum(
        "tower_webhook_key_expiry_timestamp_seconds",
        &[r#"provider="blendfi""#],
    );
    assert!(ends.is_infinite());

    // Each has a description and the stated type: histograms have buckets and are not summaries.
    for (name, kind) in &numbers.kinds {
        let metric = METRICS.iter().find(|metric| metric.name == name);
        let metric = metric.unwrap_or_else(|| panic!("who exports {name}?"));
        assert_eq!(*kind, format!("{:?}", metric.kind).to_lowercase(), "{name}");
        assert!(numbers.helps.contains(name), "{name}");
        if metric.kind == MetricKind::Histogram {
            let bucket = |series: &&String| series.starts_with(&format!("{name}_bucket{{"));
            let buckets = numbers.series.keys().filter(bucket).count();
            assert_eq!(buckets % (BUCKETS.len() + 1), 0, "{name}");
            assert!(buckets > 0, "{name}");
        }
    }
    assert!(numbers.kinds.len() >= 8, "{:?}", numbers.kinds);
}

#[test]
fn keys_have_the_names_that_their_secrets_were_given() {
    let secrets = "2026-06:whsec_test_the_new_one_1f,2026-05:whsec_test_9f8e7d6c5b4a";
    let receiver = Receiver::start(&[("MEMORY", "1"), ("BLENDFI_WEBHOOK_SECRETS", secrets)]);
    let numbers = receiver.numbers();
    let name = "tower_webhook_key_last_match_timestamp_seconds";
    for key in [r#"key="2026-06""#, r#"key="2026-05""#] {
        assert_eq!(numbers.sum(name, &[r#"provider="blendfi""#, key]), 0.0);
        assert!(
            numbers
                .series
                .keys()
                .any(|it| it.starts_with(name) && it.contains(key)),
            "{key}"
        );
    }
}

#[test]
fn an_inbox_and_its_worker_are_seen_and_a_worker_that_is_elsewhere_is_not_missed() {
    let receiver = Receiver::start(&[("MEMORY", "1"), ("MODE", "inbox")]);
    for number in 1..=5 {
        assert_eq!(receiver.order(number, "COMPLETED"), 200);
    }
    let begun = Instant::now();
    let numbers = loop {
        let numbers = receiver.numbers();
        let handled = numbers.sum("tower_webhook_attempts_total", &[r#"outcome="handled""#]);
        if handled == 5.0 {
            break numbers;
        }
        assert!(begun.elapsed() < LIMIT, "{numbers:#?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(
        numbers.sum("tower_webhook_inbox_wait_seconds_count", &[]),
        5.0
    );
    assert_eq!(numbers.sum("tower_webhook_worker_places", &[]), 16.0);
    assert!(
        numbers.sum(
            "tower_webhook_store_call_seconds_count",
            &[r#"operation="accept""#]
        ) >= 5.0
    );
    assert_eq!(
        receiver.ask("GET", "/readyz", "", ""),
        (200, "ready\n".to_owned())
    );
}

#[test]
fn a_receiver_with_an_allowlist_that_admits_nobody_is_not_ready() {
    let settings = [("MEMORY", "1"), ("BLOQUO_ALLOWED_SOURCES", "hooks.invalid")];
    let receiver = Receiver::start(&settings);
    let (status, health) = receiver.ask("GET", "/readyz", "", "");
    assert_eq!(status, 503);
    assert!(
        health.starts_with("failing\nfailing bloquo allowlist_unresolved: "),
        "{health}"
    );
}
