//! The grammar of signature headers.
//!
//! ```text
//! pairs  = element *( "," element )        ; t=1700000000,v1=5257a869…
//! element = name "=" value                 ; the timestamp's name once, the signature's 1 to 64
//!                                          ; times, other versions ("v" and digits) passed over
//! single = prefix signature                ; sha256=757107ea…
//! list   = entry *( " " entry )            ; v1,g0hM9SsE… v1a,hnO3f9T8…
//! entry  = prefix signature / version "," *VCHAR
//! ```

use super::error::SignatureErrorKind as Kind;
use super::one_or_more::OneOrMore;
use crate::clock::UnixTime;
use crate::encoding::{Encoding, MAC_LEN};

/// Longest signature header that is looked at, and most signatures in it: what a stranger can make
/// us parse and compare.
const MAX_HEADER_LEN: usize = 16 * 1024;
const MAX_CANDIDATES: usize = 64;

/// How the signature header is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    Pairs {
        timestamp: &'static str,
        signature: &'static str,
    },
    Single {
        prefix: &'static str,
    },
    List {
        prefix: &'static str,
    },
}

/// What a signature header holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed<'a> {
    pub(super) timestamp: Option<&'a [u8]>,
    pub(super) candidates: OneOrMore<[u8; MAC_LEN]>,
}

impl Grammar {
    pub(super) fn parse(self, encoding: Encoding, value: &[u8]) -> Result<Parsed<'_>, Kind> {
        if value.len() > MAX_HEADER_LEN {
            return Err(Kind::HeaderTooLong);
        }
        // Also in what is passed over: receivers that read headers as text refuse it whole.
        if !value.is_ascii() {
            return Err(Kind::Malformed);
        }
        let mut candidates = Candidates {
            encoding,
            seen: 0,
            decoded: None,
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
        Ok(Parsed {
            timestamp,
            candidates: candidates.decoded.ok_or(Kind::NoCandidate)?,
        })
    }
}

struct Candidates {
    encoding: Encoding,
    seen: usize,
    decoded: Option<OneOrMore<[u8; MAC_LEN]>>,
}

impl Candidates {
    /// Counts one signature; one that does not decode is passed over, for senders roll over to
    /// new forms too.
    fn offer(&mut self, text: &[u8]) -> Result<(), Kind> {
        self.count()?;
        if let Some(mac) = self.encoding.decode_mac(text) {
            OneOrMore::append(&mut self.decoded, mac);
        }
        Ok(())
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

fn pairs<'a>(
    value: &'a [u8],
    timestamp: &[u8],
    signature: &[u8],
    candidates: &mut Candidates,
) -> Result<&'a [u8], Kind> {
    let mut time = None;
    for element in value.split(|byte| *byte == b',') {
        let (name, text) = split_at_byte(element, b'=').ok_or(Kind::Malformed)?;
        if name == timestamp {
            if time.replace(text).is_some() {
                return Err(Kind::InvalidTimestamp);
            }
        } else if name == signature {
            candidates.offer(text)?;
        } else if is_version(name) {
            candidates.count()?;
        } else {
            // Another algorithm's name, white space, or a grammar that is not this one.
            return Err(Kind::Malformed);
        }
    }
    time.ok_or(Kind::InvalidTimestamp)
}

fn list(value: &[u8], prefix: &[u8], candidates: &mut Candidates) -> Result<(), Kind> {
    for entry in value.split(|byte| *byte == b' ') {
        if let Some(text) = entry.strip_prefix(prefix) {
            candidates.offer(text)?;
        } else if split_at_byte(entry, b',').is_some_and(|(name, _)| is_version(name)) {
            candidates.count()?;
        } else {
            return Err(Kind::Malformed);
        }
    }
    Ok(())
}

/// `v0`, `v1`, `v1a`: the name of another version of the same scheme.
fn is_version(name: &[u8]) -> bool {
    matches!(name, [b'v', digit, rest @ ..]
        if digit.is_ascii_digit() && rest.iter().all(u8::is_ascii_alphanumeric))
}

fn split_at_byte(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == separator)?;
    let (head, tail) = text.split_at_checked(at)?;
    Some((head, tail.get(1..)?))
}

/// Reads a timestamp of 1 to 19 digits without a leading zero: each number has one spelling.
pub(super) fn parse_timestamp(text: &[u8]) -> Result<UnixTime, Kind> {
    let shaped = (1..=19).contains(&text.len())
        && text.iter().all(u8::is_ascii_digit)
        && (text.len() == 1 || text.first() != Some(&b'0'));
    if !shaped {
        return Err(Kind::InvalidTimestamp);
    }
    let secs = text.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit.saturating_sub(b'0')))
    });
    Ok(UnixTime::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAIRS: Grammar = Grammar::Pairs {
        timestamp: "t",
        signature: "v1",
    };
    const LIST: Grammar = Grammar::List { prefix: "v1," };
    const SHA256: Grammar = Grammar::Single { prefix: "sha256=" };
    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    /// The timestamp and the number of candidates, or why not.
    fn read(grammar: Grammar, text: &str) -> Result<(Option<String>, usize), Kind> {
        let encoding = if grammar == LIST {
            Encoding::Base64
        } else {
            Encoding::Hex
        };
        let parsed = grammar.parse(encoding, text.as_bytes())?;
        let time = parsed
            .timestamp
            .map(|raw| String::from_utf8(raw.to_vec()).unwrap());
        Ok((time, parsed.candidates.len()))
    }

    #[test]
    fn pairs_hold_one_time_and_signatures_of_one_version() {
        let some = |time: &str, n| Ok((Some(time.to_owned()), n));
        assert_eq!(read(PAIRS, &format!("t=12,v1={A}")), some("12", 1));
        assert_eq!(read(PAIRS, &format!("v1={A},t=12,v1={B}")), some("12", 2));
        assert_eq!(
            read(PAIRS, &format!("t=12,v0=x,v1={A},v2a=")),
            some("12", 1)
        );
        assert_eq!(read(PAIRS, &format!("t=12,v1=xyz,v1={A}")), some("12", 1));
        assert_eq!(
            read(PAIRS, &format!("t=,v1={A}")),
            some("", 1),
            "judged as a timestamp later"
        );

        for (text, kind) in [
            (String::new(), Kind::Malformed),
            ("t=12".to_owned(), Kind::NoCandidate),
            (format!("v1={A}"), Kind::InvalidTimestamp),
            (format!("t=12,t=12,v1={A}"), Kind::InvalidTimestamp),
            ("t=12,v1=".to_owned(), Kind::NoCandidate),
            ("t=12,v1=xyz".to_owned(), Kind::NoCandidate),
            (format!("t=12,v1={}", A.to_uppercase()), Kind::NoCandidate),
            (format!("t=12, v1={A}"), Kind::Malformed),
            (format!("t=12,v1={A},"), Kind::Malformed),
            (format!("t=12;v1={A}"), Kind::NoCandidate),
            (format!("md5=0cc175b9,t=12,v1={A}"), Kind::Malformed),
            (format!("T=12,v1={A}"), Kind::Malformed),
            (format!("t=12,v1={A},v0=é"), Kind::Malformed),
            (format!("va=1,t=12,v1={A}"), Kind::Malformed),
            (format!("v2-a=1,t=12,v1={A}"), Kind::Malformed),
            (format!("1=1,t=12,v1={A}"), Kind::Malformed),
        ] {
            assert_eq!(read(PAIRS, &text), Err(kind), "{text:?}");
        }
    }

    #[test]
    fn a_single_signature_stands_behind_its_prefix_and_nothing_else() {
        assert_eq!(read(SHA256, &format!("sha256={A}")), Ok((None, 1)));
        assert_eq!(read(Grammar::Single { prefix: "" }, A), Ok((None, 1)));
        for (text, kind) in [
            (A.to_owned(), Kind::Malformed),
            (format!("md5=0cc175b9,sha256={A}"), Kind::Malformed),
            (format!("SHA256={A}"), Kind::Malformed),
            (format!("sha256={A},sha256={B}"), Kind::NoCandidate),
            (format!("sha256= {A}"), Kind::NoCandidate),
        ] {
            assert_eq!(read(SHA256, &text), Err(kind), "{text:?}");
        }
    }

    #[test]
    fn a_list_passes_over_other_versions() {
        // The signature of the Standard Webhooks specification's example.
        const S: &str = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(read(LIST, &format!("v1,{S}")), Ok((None, 1)));
        assert_eq!(
            read(LIST, &format!("v1a,hnO3f9T8Ytu9 v1,{S} v1,{S}")),
            Ok((None, 2))
        );
        assert_eq!(read(LIST, &format!("v1,short v1,{S}")), Ok((None, 1)));
        for (text, kind) in [
            ("v1a,hnO3f9T8Ytu9".to_owned(), Kind::NoCandidate),
            (format!("v1,{S}  v1,{S}"), Kind::Malformed),
            (format!("v1,{S},v1,{S}"), Kind::NoCandidate),
            (S.to_owned(), Kind::Malformed),
            (format!("md5,{S}"), Kind::Malformed),
            (format!("v1,{S} v1a,é"), Kind::Malformed),
        ] {
            assert_eq!(read(LIST, &text), Err(kind), "{text:?}");
        }
    }

    #[test]
    fn the_work_a_header_can_cause_is_capped() {
        let many = |n| format!("t=1{}", format!(",v1={A}").repeat(n));
        assert_eq!(read(PAIRS, &many(64)), Ok((Some("1".to_owned()), 64)));
        assert_eq!(read(PAIRS, &many(65)), Err(Kind::TooManyCandidates));
        let others = format!("t=1,v1={A}{}", ",v0=".repeat(64));
        assert_eq!(read(PAIRS, &others), Err(Kind::TooManyCandidates));
        let long = |len: usize| format!("t=1,v1={A},v0={}", "a".repeat(len - 75));
        assert_eq!(long(16_384).len(), 16_384);
        assert_eq!(read(PAIRS, &long(16_384)), Ok((Some("1".to_owned()), 1)));
        assert_eq!(read(PAIRS, &long(16_385)), Err(Kind::HeaderTooLong));
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
            let parsed = PAIRS.parse(Encoding::Hex, text.as_bytes()).unwrap();
            prop_assert_eq!(parsed.candidates.iter().copied().collect::<Vec<_>>(), macs);
            let read = parse_timestamp(parsed.timestamp.unwrap()).unwrap();
            prop_assert_eq!(read, UnixTime::from_secs(time));
        }

        #[test]
        fn lists_and_single_signatures_are_parsed_as_printed(
            macs in prop::collection::vec(any::<[u8; 32]>(), 1..=32),
            others in prop::collection::vec("v[02-9][a-z]{0,2},[A-Za-z0-9+/=]{0,20}", 0..32),
        ) {
            let ours = macs.iter().map(|mac| format!("v1,{}", data_encoding::BASE64.encode(mac)));
            let mut entries: Vec<_> = others.into_iter().chain(ours).collect();
            entries.rotate_left(macs.len() / 2);
            let text = entries.join(" ");
            let parsed = LIST.parse(Encoding::Base64, text.as_bytes()).unwrap();
            let mut read: Vec<_> = parsed.candidates.iter().copied().collect();
            let mut expected = macs.clone();
            read.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(read, expected);

            let text = format!("sha256={}", data_encoding::HEXLOWER.encode(&macs[0]));
            let parsed = SHA256.parse(Encoding::Hex, text.as_bytes()).unwrap();
            prop_assert_eq!(parsed, Parsed { timestamp: None, candidates: OneOrMore::new(macs[0]) });
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
                let _ = grammar.parse(Encoding::Hex, &value);
            }
            let _ = parse_timestamp(&value);
        }
    }
}
