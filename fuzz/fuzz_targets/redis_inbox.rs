//! Entries of an inbox on Redis: what is written as `layout.lua` says is read as it was meant, cut short it is
//! refused, and whatever else stands there is read in one way or refused, with its members of the index.
//!
//! The first byte of the input chooses: `e` and an entry that is made up, `v` and a value, `m` and a member.
#![no_main]

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tower_webhook::event::{Order, OrderKey, Version};
use tower_webhook::inbox::{Content, Entry, EntryState, FailedAttempt, Route};
use tower_webhook::store::Token;
use tower_webhook::store::fuzzing::redis::inbox as read;
use tower_webhook::{EventKey, Fingerprint, Name, UnixTime};

#[derive(Arbitrary, Debug)]
struct Made {
    state: u8,
    token: Option<[u8; 16]>,
    at: u64,
    lease: u64,
    attempts: u32,
    deaths: u32,
    fence: u64,
    fingerprint: [u8; 16],
    accepted: u64,
    revived: Option<u64>,
    corrected: bool,
    holds: bool,
    key: Option<String>,
    order: Option<(String, Option<i64>, bool, bool)>,
    envelope: Vec<u8>,
    body: Vec<u8>,
    history: Vec<(u32, u64, String)>,
    cut: usize,
}

const ROUTE: &str = "acme@shop/mail#cards";

fn order(made: &Made) -> Option<Order> {
    let (key, version, dead_hold_back, forced) = made.order.as_ref()?;
    let mut order = Order::new(OrderKey::new([key])?, version.map(Version::new));
    (order.dead_hold_back, order.forced) = (*dead_hold_back, *forced);
    Some(order)
}

/// An order as `layout.lua` says, with a hash that is nobody's.
fn order_bytes(order: &Order) -> Vec<u8> {
    let flags = u8::from(order.version.is_some())
        | u8::from(order.dead_hold_back) << 1
        | u8::from(order.forced) << 2;
    let number = order.version.map_or(i64::MIN, Version::number);
    // With its sign turned over: the least one is all zeros.
    let version = number.wrapping_sub(i64::MIN) as u64;
    [&[flags][..], &version.to_be_bytes(), &[7; 16]].concat()
}

fn made_up(bytes: &[u8]) -> arbitrary::Result<()> {
    let made = Made::arbitrary(&mut Unstructured::new(bytes))?;
    let order = order(&made);
    let token = made.token.map(Token::from_bytes);
    let at = UnixTime::from_micros(made.at);
    let number = made.state % 7 + 1;
    let state = match (number, token) {
        (1, by) => EntryState::Queued { due: at, by },
        (2 | 3, Some(token)) => EntryState::Running {
            token,
            lease_ends: at,
            lease: Duration::from_micros(made.lease),
            begun: number == 3,
        },
        (4, Some(token)) => EntryState::Done {
            token,
            kept_until: at,
        },
        (5, token) => EntryState::Dead { token, since: at },
        (6, None) => EntryState::Discarded { kept_until: at },
        (7, None) => EntryState::Stale { kept_until: at },
        _ => return Ok(()),
    };
    let accepted_at = UnixTime::from_micros(made.accepted);
    let mut entry = Entry::new(
        state,
        Fingerprint::from_bytes(made.fingerprint),
        accepted_at,
    );
    (entry.attempts, entry.deaths, entry.fence) = (made.attempts, made.deaths, made.fence);
    entry.corrected = made.corrected;
    entry.revived_at = made.revived.map(UnixTime::from_micros);
    entry.order = order.clone().map(Box::new);
    let failed = |(attempt, at, reason): &(u32, u64, String)| {
        FailedAttempt::new(*attempt, UnixTime::from_micros(*at), reason)
    };
    entry.history = made.history.iter().map(failed).collect();
    let key = made
        .key
        .as_ref()
        .and_then(|part| EventKey::new(Name::new("acme").unwrap(), [part]).ok());

    let flags = number
        | u8::from(token.is_some()) << 3
        | u8::from(made.revived.is_some()) << 4
        | u8::from(made.corrected) << 5
        | u8::from(made.holds) << 6;
    let mut value = vec![1, flags];
    value.extend(made.token.unwrap_or_default());
    value.extend(made.at.to_be_bytes());
    value.extend(made.lease.to_be_bytes());
    value.extend(made.attempts.to_be_bytes());
    value.extend(made.deaths.to_be_bytes());
    value.extend(made.fence.to_be_bytes());
    value.extend(made.fingerprint);
    value.extend(made.accepted.to_be_bytes());
    value.extend(made.revived.unwrap_or_default().to_be_bytes());
    let size = u32::try_from(made.envelope.len() + made.body.len()).unwrap();
    value.extend(size.to_be_bytes());
    value.extend(u16::try_from(ROUTE.len()).unwrap().to_be_bytes());
    value.extend(ROUTE.as_bytes());
    let name = key.as_ref().map(EventKey::encoded).unwrap_or_default();
    value.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
    value.extend(name.as_bytes());
    let about = order.as_ref().map_or("", |order| order.key.as_str());
    value.extend(u16::try_from(about.len()).unwrap().to_be_bytes());
    value.extend(about.as_bytes());
    value.extend(order.iter().flat_map(order_bytes));
    let before_content = value.len();
    let keeps = !matches!(number, 4 | 6);
    if keeps {
        value.extend(u32::try_from(made.envelope.len()).unwrap().to_be_bytes());
        value.extend(&made.envelope);
        value.extend(&made.body);
    }
    let mut history = Vec::new();
    for failed in entry.history.iter() {
        history.extend(failed.attempt.to_be_bytes());
        history.extend(failed.at.as_micros().to_be_bytes());
        history.extend(u16::try_from(failed.reason.len()).unwrap().to_be_bytes());
        history.extend(failed.reason.as_bytes());
    }
    let read = |value: &[u8], history: &[u8]| {
        let history = (!history.is_empty()).then(|| Bytes::copy_from_slice(history));
        read::entry(Bytes::copy_from_slice(value), history)
    };
    let content = Content::new(made.envelope.into(), made.body.into());
    let whole = read(&value, &history).expect("it is written so");
    assert_eq!((&whole.entry, &whole.key), (&entry, &key));
    assert_eq!(whole.route, Route::parse(ROUTE).unwrap());
    assert_eq!(
        (whole.content, whole.holds),
        (keeps.then_some(content), made.holds)
    );
    // All that stands before the content is an entry without it; cut elsewhere it is none.
    let cut = made.cut % value.len();
    let short = read(&value[..cut], &history);
    match cut == before_content {
        true => assert_eq!(short.unwrap().content, None),
        false => assert!(short.is_none()),
    }
    value.push(0);
    assert!(read(&value, &history).is_none());
    if !history.is_empty() {
        assert!(read(&value[..value.len() - 1], &history[..history.len() - 1]).is_none());
    }
    Ok(())
}

fn member(bytes: &[u8]) {
    if let Some((size, read)) = read::due(bytes, ROUTE).map(|(_, size, name)| (size, name)) {
        assert!(bytes.ends_with(read.as_bytes()));
        assert!(size <= u32::MAX as usize);
        if matches!(bytes[0], b'a'..=b'c') {
            assert_eq!(
                read::member(bytes).map(|(_, name)| name),
                Some(read.as_str())
            );
        }
    }
    if let Some((_, name)) = read::member(bytes) {
        assert!(bytes.ends_with(name.as_bytes()));
    }
}

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'e', rest)) => {
            let _ = made_up(rest);
        }
        Some((b'v', rest)) => {
            if let Some(read) = read::entry(Bytes::copy_from_slice(rest), None) {
                assert!(read.content.is_none() || read.entry.needs_content());
            }
        }
        Some((b'm', rest)) => member(rest),
        _ => {}
    }
});
