//! Derives a webhook's health from its counters and the answers of its store.

use std::time::Duration;

use super::window::Counted;
use super::{Health, HealthCode, HealthStatus};
use crate::clock::UnixTime;
use crate::contract::FailureShare;

/// A failure of the store counts for this long, unless a later delivery has used the store.
const STORE_FAILED_LATELY: Duration = Duration::from_secs(60);
/// This many deliveries that no key signed, and this long without a matching one, count as silence.
const MISMATCHED: u64 = 3;
const SILENT_FOR: Duration = Duration::from_secs(60);
/// Names are resolved every minute.
const STALE_AFTER: Duration = Duration::from_secs(5 * 60);
/// A warning is due if the last key expires within this time.
const EXPIRES_SOON: Duration = Duration::from_secs(86_400);

/// The input for the health of a webhook.
#[derive(Debug, Clone)]
pub(crate) struct HealthState {
    pub(crate) subject: String,
    pub(crate) now: UnixTime,
    pub(crate) is_draining: bool,
    /// Why the store did not answer the health check.
    pub(crate) store_error: Option<String>,
    /// How long ago deliveries found that the store works, fails, or is full.
    pub(crate) store_worked: Option<Duration>,
    pub(crate) store_failed: Option<Duration>,
    pub(crate) store_full: Option<Duration>,
    pub(crate) keys: Option<KeysState>,
    pub(crate) allowlists: Vec<AllowlistState>,
    /// By how many seconds deliveries are off, if the clock is suspected.
    pub(crate) skew: Option<i64>,
    pub(crate) failures: Counted,
    pub(crate) failure_share: FailureShare,
    pub(crate) is_paused: bool,
}

/// The keys of a webhook whose sender signs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeysState {
    /// When the last key expires; `None` if one never does.
    pub(crate) last_end: Option<UnixTime>,
    /// The number of deliveries that no key has signed since the last match.
    pub(crate) mismatched: u64,
    /// The time since the last match, or since the webhook was built.
    pub(crate) silent_for: Duration,
    pub(crate) has_matched: bool,
}

/// An allowlist.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AllowlistState {
    /// When the oldest answer for a host name came: in 1970 where there is none. `None` without host names.
    pub(crate) oldest_answer: Option<UnixTime>,
    /// When a feed was last read that should have been read again: in 1970 where it never was.
    pub(crate) stale_feed: Option<UnixTime>,
    pub(crate) admits_nobody: bool,
}

/// The health of a webhook.
pub(crate) fn judge(state: &HealthState) -> Health {
    let HealthState {
        subject,
        now,
        is_draining,
        store_error,
        store_worked,
        store_failed,
        store_full,
        keys,
        allowlists,
        skew,
        failures,
        failure_share,
        is_paused,
    } = state;
    let mut health = Health::default();
    let mut add = |code, status, detail: String| health.add(code, status, subject, detail);
    use HealthCode as Code;
    use HealthStatus::{Degraded, Failing};

    if *is_draining {
        add(Code::Draining, Failing, "it is shutting down".to_owned());
    }
    let is_later = |ago: &Duration| store_worked.is_none_or(|worked| *ago < worked);
    match (store_error, store_failed.filter(is_later)) {
        (Some(error), _) => add(
            Code::StoreOutOfReach,
            Failing,
            format!("asked just now: {error}"),
        ),
        (None, Some(ago)) if ago < STORE_FAILED_LATELY => add(
            Code::StoreOutOfReach,
            Degraded,
            format!(
                "it answers, but a delivery could not use it {} ago, and none could since",
                span(ago)
            ),
        ),
        _ => {}
    }
    if let Some(ago) = store_full.filter(is_later)
        && ago < STORE_FAILED_LATELY
    {
        let detail = format!("it had no room for a new event {} ago", span(ago));
        add(Code::StoreFull, Degraded, detail);
    }
    if let Some(keys) = keys {
        match keys.last_end.map(|end| end.saturating_since(*now)) {
            Some(left) if left.is_zero() => add(
                Code::KeysExpired,
                Failing,
                "every key has expired: set a new one".to_owned(),
            ),
            Some(left) if left <= EXPIRES_SOON => add(
                Code::KeysExpired,
                Degraded,
                format!("every key will have expired in {}", span(left)),
            ),
            _ => {}
        }
        if keys.mismatched >= MISMATCHED && keys.silent_for >= SILENT_FOR {
            let since = match keys.has_matched {
                true => "since a key matched last",
                false => "since the start, and no key has matched",
            };
            add(
                Code::KeysSilent,
                Degraded,
                format!(
                    "no key has signed {} deliveries in the {} {since}: look whether the sender has \
                     another secret",
                    keys.mismatched,
                    span(keys.silent_for)
                ),
            );
        }
    }
    for list in allowlists {
        let is_stale = |answer: &UnixTime| now.saturating_since(*answer) >= STALE_AFTER;
        let host = list.oldest_answer;
        let host = host.filter(|answer| list.admits_nobody || is_stale(answer));
        let host = host.map(|answer| match answer == UnixTime::EPOCH {
            true => "a host name has no answer".to_owned(),
            false => format!("a host name was last resolved {}", ago(answer, *now)),
        });
        let feed = list.stale_feed.map(|read| match read == UnixTime::EPOCH {
            true => "a feed was never read".to_owned(),
            false => format!("a feed was last read {}", ago(read, *now)),
        });
        let told: Vec<_> = host.into_iter().chain(feed).collect();
        let told = told.join(", ");
        if list.admits_nobody {
            let detail = format!("nobody is admitted: {told}, and no other entry is good");
            add(Code::AllowlistUnresolved, Failing, detail);
        } else if !told.is_empty() {
            add(Code::AllowlistStale, Degraded, told);
        }
    }
    if let Some(skew) = skew {
        let (by, which) = match skew {
            0.. => (skew.unsigned_abs(), "old: our clock may be fast"),
            _ => (skew.unsigned_abs(), "ahead: our clock may be slow"),
        };
        let detail = format!("authentic deliveries are {by} s {which}");
        add(Code::ClockSuspected, Degraded, detail);
    }
    let Counted { failed, total } = *failures;
    if failure_share.is_alarming(failed, total) {
        add(
            Code::FailureShare,
            Degraded,
            format!(
                "{failed} of {total} deliveries of the last {} failed: the sender pauses an endpoint at \
                 {} of 100",
                span(failure_share.window()),
                failure_share.pause_percent()
            ),
        );
    }
    if *is_paused {
        let detail = "its events are accepted and not run until it is resumed".to_owned();
        add(Code::Paused, Degraded, detail);
    }
    health.sorted()
}

fn ago(then: UnixTime, now: UnixTime) -> String {
    format!("{} ago", span(now.saturating_since(then)))
}

/// A span of time for people to read, in its largest nonzero unit.
pub(crate) fn span(span: Duration) -> String {
    let secs = span.as_secs();
    match secs {
        0..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h", secs / 3_600),
        _ => format!("{} days", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn before(span: Duration) -> UnixTime {
        UnixTime::EPOCH.saturating_add(NOW.saturating_since(UnixTime::EPOCH) - span)
    }

    /// A webhook in good health.
    fn well() -> HealthState {
        HealthState {
            subject: "acme".to_owned(),
            now: NOW,
            is_draining: false,
            store_error: None,
            store_worked: Some(secs(1)),
            store_failed: None,
            store_full: None,
            keys: Some(KeysState::default()),
            allowlists: vec![AllowlistState {
                oldest_answer: Some(before(secs(60))),
                ..AllowlistState::default()
            }],
            skew: None,
            failures: Counted {
                failed: 1,
                total: 1_000,
            },
            failure_share: FailureShare::known(50, secs(3_600), 20),
            is_paused: false,
        }
    }

    /// The code and status of the one thing that this change breaks.
    #[track_caller]
    fn wrong(spoil: impl FnOnce(&mut HealthState)) -> Option<(&'static str, HealthStatus)> {
        let mut state = well();
        spoil(&mut state);
        let health = judge(&state);
        assert!(health.reasons().len() < 2, "{health}");
        let reason = health.reasons().first()?;
        assert_eq!(reason.subject(), "acme");
        Some((reason.code().code(), reason.status()))
    }

    use HealthStatus::{Degraded, Failing};

    #[test]
    fn one_that_is_well_is_ready() {
        assert_eq!(judge(&well()).to_string(), "ready");
    }

    #[test]
    fn a_store_is_judged_by_its_answer_first_and_then_by_the_last_delivery() {
        let silent = wrong(|it| it.store_error = Some("the store cannot be reached".to_owned()));
        assert_eq!(silent, Some(("store_out_of_reach", Failing)));
        let failed = |failed: u64, worked: Option<u64>| {
            wrong(|it| {
                it.store_failed = Some(secs(failed));
                it.store_worked = worked.map(secs);
            })
        };
        let degraded = Some(("store_out_of_reach", Degraded));
        assert_eq!(failed(10, Some(20)), degraded);
        assert_eq!(failed(10, None), degraded);
        assert_eq!(failed(20, Some(10)), None);
        assert_eq!(failed(60, Some(90)), None);
        let full = |full: u64| {
            wrong(|it| {
                it.store_full = Some(secs(full));
                it.store_worked = Some(secs(30));
            })
        };
        assert_eq!(full(10), Some(("store_full", Degraded)));
        assert_eq!(full(31), None);
    }

    #[test]
    fn keys_that_expire_or_fall_silent_are_told() {
        let ends = |left: i64| {
            let end = match u64::try_from(left) {
                Ok(left) => NOW.saturating_add(secs(left)),
                Err(_) => before(secs(left.unsigned_abs())),
            };
            wrong(|it| {
                it.keys = Some(KeysState {
                    last_end: Some(end),
                    ..KeysState::default()
                });
            })
        };
        assert_eq!(ends(-1), Some(("keys_expired", Failing)));
        assert_eq!(ends(0), Some(("keys_expired", Failing)));
        assert_eq!(ends(86_400), Some(("keys_expired", Degraded)));
        assert_eq!(ends(86_401), None);
        let silent = |mismatched: u64, silent: u64| {
            wrong(|it| {
                it.keys = Some(KeysState {
                    mismatched,
                    silent_for: secs(silent),
                    ..KeysState::default()
                });
            })
        };
        assert_eq!(silent(3, 60), Some(("keys_silent", Degraded)));
        // No deliveries; and a few forged ones among others.
        assert_eq!(silent(0, 9_999), None);
        assert_eq!(silent(100, 59), None);
        assert_eq!(silent(2, 9_999), None);
    }

    #[test]
    fn an_allowlist_is_stale_behind_five_minutes_and_fails_where_it_admits_nobody() {
        let list = |oldest, admits_nobody| {
            wrong(|it| {
                it.allowlists = vec![AllowlistState {
                    oldest_answer: Some(oldest),
                    stale_feed: None,
                    admits_nobody,
                }];
            })
        };
        assert_eq!(list(before(secs(299)), false), None);
        assert_eq!(
            list(before(secs(300)), false),
            Some(("allowlist_stale", Degraded))
        );
        assert_eq!(
            list(UnixTime::EPOCH, false),
            Some(("allowlist_stale", Degraded))
        );
        assert_eq!(
            list(UnixTime::EPOCH, true),
            Some(("allowlist_unresolved", Failing))
        );
    }

    #[test]
    fn names_and_feeds_of_an_allowlist_are_told_together() {
        let told = |oldest_answer, stale_feed, admits_nobody| {
            let mut state = well();
            state.allowlists = vec![AllowlistState {
                oldest_answer,
                stale_feed,
                admits_nobody,
            }];
            judge(&state).to_string()
        };
        let never = Some(UnixTime::EPOCH);
        assert_eq!(
            told(None, never, true),
            "failing\nfailing acme allowlist_unresolved: nobody is admitted: a feed was never read, and no \
             other entry is good"
        );
        assert_eq!(
            told(never, Some(before(secs(7_200))), false),
            "degraded\ndegraded acme allowlist_stale: a host name has no answer, a feed was last read 2 h ago"
        );
        assert_eq!(told(None, None, false), "ready");
    }

    #[test]
    fn skew_failures_pauses_and_the_end_are_told() {
        assert_eq!(
            wrong(|it| it.skew = Some(600)),
            Some(("clock_suspected", Degraded))
        );
        let mut ahead = well();
        ahead.skew = Some(-7_200);
        assert!(
            judge(&ahead)
                .to_string()
                .contains("7200 s ahead: our clock may be slow")
        );
        let failures = |failed, total| wrong(|it| it.failures = Counted { failed, total });
        assert_eq!(failures(25, 100), Some(("failure_share", Degraded)));
        assert_eq!(failures(24, 100), None);
        assert_eq!(wrong(|it| it.is_paused = true), Some(("paused", Degraded)));
        assert_eq!(
            wrong(|it| it.is_draining = true),
            Some(("draining", Failing))
        );
    }
}
