//! The table of exported metrics: names, kinds, labels and values.

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata};

/// An exported metric; [`METRICS`] lists them all.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name: lower case letters and `_`.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its meaning and unit.
    pub help: &'static str,
}

/// The kind of a [`Metric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// A count that only grows.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Durations in seconds; the upper ends of its buckets are [`BUCKETS`].
    Histogram,
}

/// The upper ends of the buckets that suit every histogram, in seconds: from a refusal to a slow handler.
pub const BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 300.0, 900.0,
];

macro_rules! table {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(crate) const $constant: Metric = Metric {
            name: $name,
            kind: MetricKind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// Every exported metric. `docs/metrics.md` shows them.
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

table! {
    DELIVERIES = Counter "tower_webhook_deliveries_total" ["provider", "consumer", "outcome", "reason"]
        "Outcomes of deliveries; one that was answered before its handler ended counts as unfinished, and once more as it ended";
    ITEMS = Counter "tower_webhook_items_total" ["provider", "consumer", "outcome", "reason"]
        "Outcomes of the events of deliveries that hold a list of them";
    DELIVERY_SECONDS = Histogram "tower_webhook_delivery_seconds" ["provider", "consumer", "outcome"]
        "Seconds from a delivery's head to its outcome";
    PROOF_SECONDS = Histogram "tower_webhook_proof_seconds" ["provider", "consumer"]
        "Seconds from a delivery's head until its body was there and its signature judged";
    CLAIM_SECONDS = Histogram "tower_webhook_claim_seconds" ["provider", "consumer"]
        "Seconds from a delivery's head until its event was claimed";
    KEY_MATCHES = Counter "tower_webhook_key_matches_total" ["provider", "key"]
        "Deliveries that a key has signed, by the key's name";
    KEY_LAST_MATCH = Gauge "tower_webhook_key_last_match_timestamp_seconds" ["provider", "key"]
        "When a key last signed a delivery, in seconds since 1970; 0 where it has not since the start";
    KEY_END = Gauge "tower_webhook_key_expiry_timestamp_seconds" ["provider", "key"]
        "When a key expires, in seconds since 1970; +Inf where it does not";
    ALLOWLIST_AGE = Gauge "tower_webhook_allowlist_resolved_timestamp_seconds" ["provider"]
        "When the host name of the allowlist was last resolved whose answer is the oldest, in seconds since 1970; 0 where one has no answer";
    CLOCK_SKEW = Gauge "tower_webhook_clock_skew_seconds" ["provider"]
        "By how many seconds authentic deliveries are old (below 0: ahead), while our clock is suspected; else 0";
    FAILURE_SHARE = Gauge "tower_webhook_failure_ratio" ["provider", "consumer"]
        "The share of its deliveries that the sender saw fail, over the time in which it counts them";
    FAILURE_LIMIT = Gauge "tower_webhook_failure_limit_ratio" ["provider", "consumer"]
        "The share at which the sender pauses the endpoint; half of it is alarming";
    FAILURE_ALARM = Gauge "tower_webhook_failure_alarm" ["provider", "consumer"]
        "1 while half as many deliveries fail as make the sender pause the endpoint; else 0";
    STORE_SECONDS = Histogram "tower_webhook_store_call_seconds" ["operation", "outcome"]
        "Seconds that a call to the store or the inbox took";
    LEASES_LOST = Counter "tower_webhook_leases_lost_total" ["provider"]
        "Handlers that have lost the lease of their event";
    ATTEMPTS = Counter "tower_webhook_attempts_total" ["provider", "outcome"]
        "Attempts of workers at queued events, by how they ended";
    ATTEMPT_SECONDS = Histogram "tower_webhook_attempt_seconds" ["provider"]
        "Seconds that a worker's attempt took, from its beginning to its end";
    INBOX_WAIT = Histogram "tower_webhook_inbox_wait_seconds" ["provider"]
        "Seconds from an event's acceptance to its first attempt";
    INBOX_ENTRIES = Gauge "tower_webhook_inbox_entries" ["status"]
        "Entries of the inbox, by their status";
    INBOX_OLDEST = Gauge "tower_webhook_inbox_oldest_seconds" []
        "For how many seconds an event has waited for its first attempt, the oldest of up to 200 that are looked at";
    INBOX_PAUSED = Gauge "tower_webhook_inbox_paused_providers" []
        "Providers whose entries are not taken";
    WORKER_RUNNING = Gauge "tower_webhook_worker_running" []
        "Handlers that a worker runs";
    WORKER_PLACES = Gauge "tower_webhook_worker_places" []
        "Handlers that a worker runs at most";
    WORKER_FAILURES = Gauge "tower_webhook_worker_failures" []
        "How often in a row a worker has asked its inbox in vain";
}

const METADATA: Metadata<'static> = Metadata::new("tower_webhook", Level::INFO, None);

impl Metric {
    /// The series with these label values, in the order of the label names.
    fn series(&self, values: &[&str]) -> Key {
        debug_assert_eq!(self.labels.len(), values.len(), "{}", self.name);
        let labels = self.labels.iter().zip(values);
        let labels = labels.map(|(name, value)| Label::new(*name, (*value).to_owned()));
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }

    pub(super) fn counter(&self, values: &[&str]) -> Counter {
        let key = self.series(values);
        metrics::with_recorder(|recorder| recorder.register_counter(&key, &METADATA))
    }

    pub(super) fn gauge(&self, values: &[&str]) -> Gauge {
        let key = self.series(values);
        metrics::with_recorder(|recorder| recorder.register_gauge(&key, &METADATA))
    }

    pub(super) fn histogram(&self, values: &[&str]) -> Histogram {
        let key = self.series(values);
        metrics::with_recorder(|recorder| recorder.register_histogram(&key, &METADATA))
    }
}

/// Gives the recorder the description of each of [`METRICS`], for `# HELP` lines. Call it once,
/// when the recorder is installed.
pub fn describe() {
    for metric in METRICS {
        let (name, help) = (metric.name.into(), metric.help.into());
        metrics::with_recorder(|recorder| match metric.kind {
            MetricKind::Counter => recorder.describe_counter(name, None, help),
            MetricKind::Gauge => recorder.describe_gauge(name, None, help),
            MetricKind::Histogram => recorder.describe_histogram(name, None, help),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_plain_one_of_a_kind_and_end_as_prometheus_wants_them() {
        let mut names = BTreeSet::new();
        for metric in METRICS {
            let plain = |text: &str| text.bytes().all(|it| it == b'_' || it.is_ascii_lowercase());
            assert!(plain(metric.name), "{}", metric.name);
            assert!(metric.labels.iter().all(|label| plain(label)), "{metric:?}");
            // The names that an exporter derives from a histogram or a summary must not clash.
            for suffix in ["", "_bucket", "_sum", "_count"] {
                assert!(
                    names.insert(format!("{}{suffix}", metric.name)),
                    "{}",
                    metric.name
                );
            }
            let total = metric.name.ends_with("_total");
            assert_eq!(total, metric.kind == MetricKind::Counter, "{}", metric.name);
            if metric.kind == MetricKind::Histogram {
                assert!(metric.name.ends_with("_seconds"), "{}", metric.name);
            }
        }
    }

    /// These are the rows of docs/metrics.md between the marks. `METRICS_DOCS=write` writes them.
    #[test]
    fn the_page_shows_every_number() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (begin, end) = (
            "<!-- metrics: written by a test -->\n",
            "<!-- end of metrics -->\n",
        );
        let (before, rest) = page.split_once(begin).unwrap();
        let (_, after) = rest.split_once(end).unwrap();
        let mut rows = "| name | kind | labels | says |\n| --- | --- | --- | --- |\n".to_owned();
        for Metric {
            name,
            kind,
            labels,
            help,
        } in METRICS
        {
            let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
            let kind = format!("{kind:?}").to_lowercase();
            rows += &format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "));
        }
        let expected = format!("{before}{begin}{rows}{end}{after}");
        if std::env::var("METRICS_DOCS").is_ok_and(|it| it == "write") {
            return std::fs::write(path, &expected).unwrap();
        }
        assert!(
            page == expected,
            "METRICS_DOCS=write cargo test --features metrics --lib metrics"
        );
    }
}
