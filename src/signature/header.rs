//! The grammar of signature headers.
//!
//! ```text
//! pairs  = element *( "," element )        ; t=1700000000, v1=5257a869…
//! element = [blanks] name "=" value [blanks] ; the timestamp's name once, the signature's 1 to 64
//!                                          ; times; every other element is passed over
//! single = prefix signature                ; sha256=757107ea…
//! list   = entry *( blanks entry )         ; v1,g0hM9SsE… v1a,hnO3f9T8…
//! entry  = prefix signature                ; every other entry is passed over
//! ```
//!
//! Lists grow: senders add versions and algorithms next to the supported one. An unknown entry
//! counts towards the 64 and is otherwise ignored.

use std::borrow::Cow;

use super::error::SignatureErrorKind as Kind;
use crate::clock::UnixTime;
use crate::encoding::{Encoding, MAC_LEN};
use crate::joined::once;

/// The longest accepted signature header, and the most signatures in it. They bound how much a
/// stranger can make the receiver parse and compare.
const MAX_HEADER_LEN: usize = 16 * 1024;
const MAX_CANDIDATES: usize = 64;

/// The layout of the signature header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grammar {
    Pairs {
        timestamp: Cow<'static, str>,
        signature: Cow<'static, str>,
    },
    Single {
        prefix: Cow<'static, str>,
    },
    List {
        prefix: Cow<'static, str>,
    },
}

/// The well-formed signatures of a header. The first is stored without an allocation: nearly every
/// delivery has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Candidates {
    first: [u8; MAC_LEN],
    rest: Vec<[u8; MAC_LEN]>,
    any: bool,
}

impl Candidates {
    pub(super) fn len(&self) -> usize {
        self.rest.len().saturating_add(self.any.into())
    }

    #[inline]
    pub(super) fn each(&self, mut show: impl FnMut(&[u8; MAC_LEN])) {
        if self.any {
            show(&self.first);
            self.rest.iter().for_each(show);
        }
    }

    /// Reads a signature into its final place; false if it is malformed.
    #[inline]
    fn read(&mut self, encoding: Encoding, text: &[u8]) -> bool {
        if !self.any {
            self.any = encoding.decode_mac_to(text, &mut self.first);
            return self.any;
        }
        let mut mac = [0; MAC_LEN];
        let fine = encoding.decode_mac_to(text, &mut mac);
        if fine {
            self.rest.push(mac);
        }
        fine
    }
}

impl Grammar {
    /// The timestamp, if the signature header contains it. The signatures are written to `to`,
    /// their final place; on success there is at least one.
    pub(super) fn parse<'v>(
        &self,
        encoding: Encoding,
        value: &'v [u8],
        to: &mut Candidates,
    ) -> Result<Option<&'v [u8]>, Kind> {
        if value.len() > MAX_HEADER_LEN {
            return Err(Kind::HeaderTooLong);
        }
        match self.read(encoding, value, to) {
            Err(kind) => self.read_once(encoding, value, to, kind),
            read => read,
        }
    }

    /// Reads one of two equal lines that may have been joined.
    #[cold]
    #[inline(never)]
    fn read_once<'v>(
        &self,
        encoding: Encoding,
        value: &'v [u8],
        to: &mut Candidates,
        kind: Kind,
    ) -> Result<Option<&'v [u8]>, Kind> {
        let first = once(value).ok_or(kind)?;
        *to = Candidates::default();
        self.read(encoding, first, to)
    }

    #[inline(always)]
    fn read<'v>(
        &self,
        encoding: Encoding,
        value: &'v [u8],
        to: &mut Candidates,
    ) -> Result<Option<&'v [u8]>, Kind> {
        let mut candidates = Reader {
            encoding,
            seen: 0,
            any_offered: false,
            decoded: to,
        };
        let timestamp = match self {
            Self::Pairs {
                timestamp,
                signature,
            } => Some(pairs(
                value,
                timestamp.as_bytes(),
                signature.as_bytes(),
                &mut candidates,
            )?),
            Self::Single { prefix } => {
                let text = value
                    .strip_prefix(prefix.as_bytes())
                    .ok_or(Kind::Malformed)?;
                candidates.offer(text)?;
                None
            }
            Self::List { prefix } => {
                list(value, prefix.as_bytes(), &mut candidates)?;
                None
            }
        };
        if candidates.decoded.any {
            Ok(timestamp)
        } else {
            Err(Kind::NoCandidate)
        }
    }
}

struct Reader<'c> {
    encoding: Encoding,
    seen: usize,
    any_offered: bool,
    decoded: &'c mut Candidates,
}

impl Reader<'_> {
    /// Reads the signature at the start of `text`, and returns the text after the separator, if all
    /// up to there is well formed. It does the same as [`offer`](Self::offer) on the text up to the
    /// separator without searching for it: no digit is a separator.
    fn take<'v>(&mut self, text: &'v [u8], separator: u8) -> Result<Option<Rest<'v>>, Kind> {
        let Some((spelled, behind)) = text.split_at_checked(self.encoding.mac_len()) else {
            return Ok(None);
        };
        let rest = match behind {
            [] => None,
            [byte, rest @ ..] if *byte == separator => Some(rest),
            _ => return Ok(None),
        };
        if !self.decoded.read(self.encoding, spelled) {
            return Ok(None);
        }
        self.count()?;
        self.any_offered = true;
        Ok(Some(rest))
    }

    /// Counts a signature. One that does not decode is ignored, because senders also migrate to new
    /// forms.
    fn offer(&mut self, text: &[u8]) -> Result<(), Kind> {
        must_be_ascii(text)?;
        self.count()?;
        self.any_offered = true;
        self.decoded.read(self.encoding, text);
        Ok(())
    }

    /// Counts an unknown entry; an entry may be empty.
    fn pass_over(&mut self, text: &[u8]) -> Result<(), Kind> {
        must_be_ascii(text)?;
        if text.trim_ascii().is_empty() {
            Ok(())
        } else {
            self.count()
        }
    }

    fn count(&mut self) -> Result<(), Kind> {
        self.seen = self.seen.saturating_add(1);
        if self.seen > MAX_CANDIDATES {
            Err(Kind::TooManyCandidates)
        } else {
            Ok(())
        }
    }
}

/// Also applies to ignored entries: receivers that read headers as text refuse such a header whole.
/// A well-formed signature or time is known to be ASCII.
#[inline]
fn must_be_ascii(text: &[u8]) -> Result<(), Kind> {
    if text.iter().all(u8::is_ascii) {
        Ok(())
    } else {
        Err(Kind::Malformed)
    }
}

/// The text after a separator, if there is one.
type Rest<'v> = Option<&'v [u8]>;

fn pairs<'a>(
    value: &'a [u8],
    timestamp: &[u8],
    signature: &[u8],
    candidates: &mut Reader<'_>,
) -> Result<&'a [u8], Kind> {
    let mut time = None;
    let mut elements = Some(value);
    while let Some(element) = elements {
        let element = without_blanks_before(element);
        let Some((name, text)) = name_and_rest(element) else {
            let (nameless, rest) = split(element, b',');
            elements = rest;
            candidates.pass_over(nameless)?;
            continue;
        };
        if name == signature
            && name != timestamp
            && let Some(rest) = candidates.take(text, b',')?
        {
            elements = rest;
            continue;
        }
        let (text, rest) = split(text, b',');
        elements = rest;
        if name == timestamp {
            let text = text.trim_ascii();
            if time.replace(text).is_some_and(|other| other != text) {
                return Err(Kind::InvalidTimestamp);
            }
        } else if name == signature {
            candidates.offer(text.trim_ascii())?;
        } else {
            candidates.pass_over(name)?;
            must_be_ascii(text)?;
        }
    }
    match time {
        Some(time) => Ok(time),
        None if candidates.any_offered => Err(Kind::InvalidTimestamp),
        // No entry belongs to this scheme.
        None => Err(Kind::Malformed),
    }
}

fn list(value: &[u8], prefix: &[u8], candidates: &mut Reader<'_>) -> Result<(), Kind> {
    let in_one_entry = !prefix.iter().any(|byte| is_blank(*byte));
    let mut entries = Some(value);
    while let Some(entry) = entries {
        if in_one_entry
            && let Some(text) = entry.strip_prefix(prefix)
            && let Some(rest) = candidates.take(text, b' ')?
        {
            entries = rest;
            continue;
        }
        let (entry, rest) = match entry.iter().position(|byte| is_blank(*byte)) {
            Some(at) => (
                entry.get(..at).unwrap_or_default(),
                entry.get(at.saturating_add(1)..),
            ),
            None => (entry, None),
        };
        entries = rest;
        match entry.strip_prefix(prefix) {
            // If a proxy has joined two lists with a comma, it is at the end of the first.
            Some(text) => candidates.offer(text.strip_suffix(b",").unwrap_or(text))?,
            None => candidates.pass_over(entry)?,
        }
    }
    Ok(())
}

/// White space as header values may contain it.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[inline]
fn without_blanks_before(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// The name of the first element, and the text after its `=`.
#[inline]
fn name_and_rest(elements: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = elements
        .iter()
        .position(|byte| matches!(byte, b'=' | b','))?;
    match elements.split_at_checked(at)? {
        (name, [b'=', rest @ ..]) => Some((name, rest)),
        _ => None,
    }
}

/// The text up to the separator, and the text after it.
fn split(text: &[u8], separator: u8) -> (&[u8], Rest<'_>) {
    match split_at_byte(text, separator) {
        Some((head, rest)) => (head, Some(rest)),
        None => (text, None),
    }
}

fn split_at_byte(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == separator)?;
    let (head, tail) = text.split_at_checked(at)?;
    Some((head, tail.get(1..)?))
}

/// Reads a timestamp of 1 to 19 digits without a leading zero: each number has one spelling.
pub(super) fn parse_timestamp(text: &[u8]) -> Result<UnixTime, Kind> {
    let shaped = (1..=19).contains(&text.len()) && (text.len() == 1 || text.first() != Some(&b'0'));
    if !shaped {
        return Err(Kind::InvalidTimestamp);
    }
    let mut secs = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(Kind::InvalidTimestamp);
        }
        // Nineteen digits fit.
        secs = secs.wrapping_mul(10).wrapping_add(digit.into());
    }
    Ok(UnixTime::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAIRS: Grammar = Grammar::Pairs {
        timestamp: Cow::Borrowed("t"),
        signature: Cow::Borrowed("v1"),
    };
    const LIST: Grammar = Grammar::List {
        prefix: Cow::Borrowed("v1,"),
    };
    const SHA256: Grammar = Grammar::Single {
        prefix: Cow::Borrowed("sha256="),
    };
    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[derive(Debug, PartialEq, Eq)]
    struct Parsed<'a> {
        timestamp: Option<&'a [u8]>,
        candidates: Candidates,
    }

    fn one(mac: [u8; MAC_LEN]) -> Candidates {
        Candidates {
            first: mac,
            rest: Vec::new(),
            any: true,
        }
    }

    fn parse<'v>(
        grammar: &Grammar,
        encoding: Encoding,
        value: &'v [u8],
    ) -> Result<Parsed<'v>, Kind> {
        let mut candidates = Candidates::default();
        let timestamp = grammar.parse(encoding, value, &mut candidates)?;
        Ok(Parsed {
            timestamp,
            candidates,
        })
    }

    fn all(candidates: &Candidates) -> Vec<[u8; MAC_LEN]> {
        let mut all = Vec::new();
        candidates.each(|mac| all.push(*mac));
        all
    }

    /// The timestamp and the number of candidates, or the error.
    fn read(grammar: &Grammar, text: &str) -> Result<(Option<String>, usize), Kind> {
        let encoding = if *grammar == LIST {
            Encoding::Base64
        } else {
            Encoding::Hex
        };
        let parsed = parse(grammar, encoding, text.as_bytes())?;
        let time = parsed
            .timestamp
            .map(|raw| String::from_utf8(raw.to_vec()).unwrap());
        Ok((time, parsed.candidates.len()))
    }

    #[test]
    fn pairs_hold_one_time_and_signatures_of_one_version() {
        let some = |time: &str, n| Ok((Some(time.to_owned()), n));
        assert_eq!(read(&PAIRS, &format!("t=12,v1={A}")), some("12", 1));
        assert_eq!(read(&PAIRS, &format!("v1={A},t=12,v1={B}")), some("12", 2));
        assert_eq!(
            read(&PAIRS, &format!("t=12,v0=x,v1={A},v2a=")),
            some("12", 1)
        );
        assert_eq!(read(&PAIRS, &format!("t=12,v1=xyz,v1={A}")), some("12", 1));
        assert_eq!(
            read(&PAIRS, &format!("t=,v1={A}")),
            some("", 1),
            "judged as a timestamp later"
        );

        for grown in [
            format!("t=12, v1={A}"),
            format!("\tt= 12 ,v1={A} ,"),
            format!("md5=0cc175b9,t=12,v1={A}"),
            format!("t=12,v2-a=1,va=1,1=1,=,v1={A},x"),
            format!("t=12,t=12,v1={A}"),
        ] {
            assert_eq!(read(&PAIRS, &grown), some("12", 1), "{grown:?}");
        }
        let joined = format!("t=12,v1={A}, t=12,v1={A}");
        assert_eq!(read(&PAIRS, &joined), some("12", 2));

        for (text, kind) in [
            (String::new(), Kind::Malformed),
            ("md5=0cc175b9,v0=1, ,".to_owned(), Kind::Malformed),
            ("t=12".to_owned(), Kind::NoCandidate),
            (format!("v1={A}"), Kind::InvalidTimestamp),
            (format!("t=12,t=13,v1={A}"), Kind::InvalidTimestamp),
            ("t=12,v1=".to_owned(), Kind::NoCandidate),
            ("t=12,v1=xyz".to_owned(), Kind::NoCandidate),
            (format!("t=12,v1={}", A.to_uppercase()), Kind::NoCandidate),
            (format!("t=12;v1={A}"), Kind::NoCandidate),
            (format!("T=12,v1={A}"), Kind::InvalidTimestamp),
            (format!("t=12,V1={A}"), Kind::NoCandidate),
            (format!("t=12,v1={A},v0=é"), Kind::Malformed),
        ] {
            assert_eq!(read(&PAIRS, &text), Err(kind), "{text:?}");
        }
    }

    #[test]
    fn a_single_signature_stands_behind_its_prefix_and_nothing_else() {
        assert_eq!(read(&SHA256, &format!("sha256={A}")), Ok((None, 1)));
        assert_eq!(
            read(&Grammar::Single { prefix: "".into() }, A),
            Ok((None, 1))
        );
        // Two lines of it that a proxy has joined.
        for between in [",", ", "] {
            let joined = format!("sha256={A}{between}sha256={A}");
            assert_eq!(read(&SHA256, &joined), Ok((None, 1)));
        }
        for (text, kind) in [
            (A.to_owned(), Kind::Malformed),
            (format!("md5=0cc175b9,sha256={A}"), Kind::Malformed),
            (format!("SHA256={A}"), Kind::Malformed),
            (format!("sha256={A},sha256={B}"), Kind::NoCandidate),
            (format!("sha256={A},sha256={A},"), Kind::NoCandidate),
            (format!("sha256={A};sha256={A}"), Kind::NoCandidate),
            (format!("sha256= {A}"), Kind::NoCandidate),
        ] {
            assert_eq!(read(&SHA256, &text), Err(kind), "{text:?}");
        }
    }

    #[test]
    fn a_list_passes_over_what_is_not_ours() {
        // The signature of the Standard Webhooks specification's example.
        const S: &str = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(read(&LIST, &format!("v1,{S}")), Ok((None, 1)));
        assert_eq!(
            read(&LIST, &format!("v1a,hnO3f9T8Ytu9 v1,{S} v1,{S}")),
            Ok((None, 2))
        );
        assert_eq!(read(&LIST, &format!("v1,short v1,{S}")), Ok((None, 1)));
        for (grown, n) in [
            (format!("v1,{S}  v1,{S}"), 2),
            (format!(" v1,{S}\tv1,{S} \t"), 2),
            (format!("eyJ0.eyJpc3MiOiJqb2Ui.dBjft v1,{S}"), 1),
            (format!("v1,{S} md5=0cc175b9 , v1"), 1),
            (format!("v1,{S}, v1,{S}"), 2),
            (format!("v1,{S},v1,{S}"), 1),
        ] {
            assert_eq!(read(&LIST, &grown), Ok((None, n)), "{grown:?}");
        }
        // No entry contains the separator.
        let spaced = Grammar::List {
            prefix: "v1, ".into(),
        };
        let text = format!("v1, {S}");
        let parsed = parse(&spaced, Encoding::Base64, text.as_bytes());
        assert_eq!(parsed, Err(Kind::NoCandidate));
        for (text, kind) in [
            (String::new(), Kind::NoCandidate),
            ("v1a,hnO3f9T8Ytu9".to_owned(), Kind::NoCandidate),
            (format!("v1,{S},v1,{A}"), Kind::NoCandidate),
            (S.to_owned(), Kind::NoCandidate),
            (format!("md5,{S}"), Kind::NoCandidate),
            (format!("v1,{S} v1a,é"), Kind::Malformed),
        ] {
            assert_eq!(read(&LIST, &text), Err(kind), "{text:?}");
        }
    }

    #[test]
    fn the_work_a_header_can_cause_is_capped() {
        let many = |n| format!("t=1{}", format!(",v1={A}").repeat(n));
        assert_eq!(read(&PAIRS, &many(64)), Ok((Some("1".to_owned()), 64)));
        assert_eq!(read(&PAIRS, &many(65)), Err(Kind::TooManyCandidates));
        let others = format!("t=1,v1={A}{}", ",v0=".repeat(64));
        assert_eq!(read(&PAIRS, &others), Err(Kind::TooManyCandidates));
        let foreign = |n| format!("t=1,v1={A}{}", ",x".repeat(n));
        assert_eq!(read(&PAIRS, &foreign(63)), Ok((Some("1".to_owned()), 1)));
        assert_eq!(read(&PAIRS, &foreign(64)), Err(Kind::TooManyCandidates));
        let long = |len: usize| format!("t=1,v1={A},v0={}", "a".repeat(len - 75));
        assert_eq!(long(16_384).len(), 16_384);
        assert_eq!(read(&PAIRS, &long(16_384)), Ok((Some("1".to_owned()), 1)));
        assert_eq!(read(&PAIRS, &long(16_385)), Err(Kind::HeaderTooLong));
    }

    #[test]
    fn a_timestamp_has_one_spelling() {
        let read = |text: &str| parse_timestamp(text.as_bytes()).map(UnixTime::as_secs);
        assert_eq!(read("0"), Ok(0));
        assert_eq!(read("1614265330"), Ok(1_614_265_330));
        assert_eq!(read("9999999999999999999"), Ok(9_999_999_999_999_999_999));
        for text in [
            "",
            "00",
            "01",
            "-1",
            "+1",
            "1.0",
            " 1",
            "1 ",
            "1e3",
            "0x1",
            "١",
            "10000000000000000000",
        ] {
            assert_eq!(read(text), Err(Kind::InvalidTimestamp), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_printed_is_parsed(
            time in 0_u64..10_000_000_000_000_000_000,
            macs in prop::collection::vec(any::<[u8; 32]>(), 1..=64),
        ) {
            let mut text = format!("t={time}");
            for mac in &macs {
                text.push_str(",v1=");
                text.push_str(&data_encoding::HEXLOWER.encode(mac));
            }
            let parsed = parse(&PAIRS, Encoding::Hex, text.as_bytes()).unwrap();
            prop_assert_eq!(all(&parsed.candidates), macs);
            let read = parse_timestamp(parsed.timestamp.unwrap()).unwrap();
            prop_assert_eq!(read, UnixTime::from_secs(time));
        }

        #[test]
        fn lists_and_single_signatures_are_parsed_as_printed(
            macs in prop::collection::vec(any::<[u8; 32]>(), 1..=32),
            others in prop::collection::vec("[a-uw-zA-Z0-9.=]{0,4}|v[02-9][a-z]{0,2},[A-Za-z0-9+/=]{0,20}", 0..32),
        ) {
            let ours = macs.iter().map(|mac| format!("v1,{}", data_encoding::BASE64.encode(mac)));
            let mut entries: Vec<_> = others.into_iter().chain(ours).collect();
            entries.rotate_left(macs.len() / 2);
            let text = entries.join(" ");
            let parsed = parse(&LIST, Encoding::Base64, text.as_bytes()).unwrap();
            let mut read = all(&parsed.candidates);
            let mut expected = macs.clone();
            read.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(read, expected);

            let text = format!("sha256={}", data_encoding::HEXLOWER.encode(&macs[0]));
            let parsed = parse(&SHA256, Encoding::Hex, text.as_bytes()).unwrap();
            prop_assert_eq!(parsed, Parsed { timestamp: None, candidates: one(macs[0]) });
        }

        #[test]
        fn a_timestamp_that_is_read_is_printed_alike(text in "[0-9]{1,20}|[0-9+-. ]{1,5}") {
            if let Ok(time) = parse_timestamp(text.as_bytes()) {
                prop_assert_eq!(time.to_string(), text);
            } else {
                let number = text.parse::<u64>().map(|number| number.to_string());
                prop_assert!(text.len() > 19 || number != Ok(text));
            }
        }

        #[test]
        fn no_bytes_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
            for grammar in [PAIRS, LIST, SHA256] {
                let _ = parse(&grammar, Encoding::Hex, &value);
            }
            let _ = parse_timestamp(&value);
        }
    }
}
