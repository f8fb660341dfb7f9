//! Headers of every grammar against a naive reading of it: the same verdict, the same number of
//! signatures, the same time, and no signature that nobody made is ever right.
//!
//! The input is text: a letter for the scheme, then lines `S…`, `T…` and `I…` for the signature,
//! timestamp and id header.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tower_webhook::signature::{Component, Scheme, SignatureErrorKind as Kind, Verifier};
use tower_webhook::{Encoding, SigningSecret, UnixTime};

#[derive(Clone, Copy)]
enum Layout {
    Pairs,
    Single(&'static str),
    List,
}

struct Case {
    layout: Layout,
    hex: bool,
    time_header: bool,
    id_header: bool,
}

impl Case {
    fn of(selector: u8) -> Self {
        let (layout, hex, time_header, id_header) = match selector {
            b'p' => (Layout::Pairs, true, false, false),
            b'i' => (Layout::Pairs, true, false, true),
            b'g' => (Layout::Single("sha256="), true, false, false),
            b'h' => (Layout::Single(""), false, false, false),
            b's' => (Layout::Single("v0="), true, true, false),
            _ => (Layout::List, false, true, true),
        };
        Self {
            layout,
            hex,
            time_header,
            id_header,
        }
    }

    fn verifier(&self) -> Verifier {
        let encoding = if self.hex {
            Encoding::Hex
        } else {
            Encoding::Base64
        };
        let mut scheme = Scheme::builder("s");
        scheme = match self.layout {
            Layout::Pairs => scheme.pairs("t", "v1", encoding),
            Layout::Single(prefix) => scheme.single(prefix, encoding),
            Layout::List => scheme.list("v1,", encoding),
        };
        let mut content = Vec::new();
        if self.id_header {
            scheme = scheme.id_header("i");
            content.extend([Component::Id, Component::literal(".")]);
        }
        if self.time_header {
            scheme = scheme.timestamp_header("t");
        }
        if self.time_header || matches!(self.layout, Layout::Pairs) {
            content.extend([Component::Timestamp, Component::literal(".")]);
        }
        content.push(Component::Body);
        let secret = SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap();
        Verifier::new(scheme.content(content).build().unwrap(), secret)
    }

    /// The number of signatures and the time, or why not.
    fn model(&self, headers: &HeaderMap) -> Result<(usize, Option<u64>), Kind> {
        if !["s", "t", "i"]
            .iter()
            .any(|name| self.reads(name) && headers.contains_key(*name))
        {
            return Err(Kind::MissingHeader);
        }
        let value = one(headers, "s")?;
        if value.len() > 16_384 {
            return Err(Kind::HeaderTooLong);
        }
        if !value.is_ascii() {
            return Err(Kind::Malformed);
        }
        let (right, mut times) = match (self.read(value), once(value)) {
            (Err(_), Some(first)) => self.read(first),
            (read, _) => read,
        }?;
        if self.time_header {
            times.push(one(headers, "t")?);
        }
        let time = (times.first())
            .map(|raw| number(raw).or_else(|kind| once(raw).map_or(Err(kind), number)))
            .transpose()?;
        if self.id_header {
            let id = one(headers, "i")?;
            let id = once(id).unwrap_or(id);
            let shown = id.iter().all(|b| (b' '..=b'~').contains(b) || *b == b'\t');
            if id.is_empty() || id.len() > 256 || id.contains(&b'.') || !shown {
                return Err(Kind::InvalidId);
            }
        }
        Ok((right, time))
    }

    /// The number of signatures in this value, and the time if it stands here.
    fn read<'v>(&self, value: &'v [u8]) -> Result<(usize, Vec<&'v [u8]>), Kind> {
        let mut seen = 0;
        let mut right = 0;
        let mut offer = |text: Option<&[u8]>| {
            seen += 1;
            right += usize::from(text.is_some_and(|text| self.is_mac(text)));
            if seen > 64 {
                Err(Kind::TooManyCandidates)
            } else {
                Ok(())
            }
        };
        let mut times: Vec<&[u8]> = Vec::new();
        let mut any = false;
        match self.layout {
            Layout::Single(prefix) => {
                let Some(text) = value.strip_prefix(prefix.as_bytes()) else {
                    return Err(Kind::Malformed);
                };
                offer(Some(text))?;
            }
            Layout::Pairs => {
                for element in value.split(|b| *b == b',') {
                    match element.trim_ascii() {
                        [] => {}
                        [b't', b'=', time @ ..] => {
                            times.push(time.trim_ascii());
                            if times.iter().any(|other| *other != times[0]) {
                                return Err(Kind::InvalidTimestamp);
                            }
                        }
                        [b'v', b'1', b'=', mac @ ..] => {
                            any = true;
                            offer(Some(mac.trim_ascii()))?;
                        }
                        // Without a name before its `=`.
                        [b'=', ..] => {}
                        _ => offer(None)?,
                    }
                }
                if times.is_empty() {
                    return Err(if any {
                        Kind::InvalidTimestamp
                    } else {
                        Kind::Malformed
                    });
                }
            }
            Layout::List => {
                for entry in value.split(|b| matches!(b, b' ' | b'\t')) {
                    match entry {
                        [] => {}
                        [b'v', b'1', b',', mac @ ..] => {
                            offer(Some(mac.strip_suffix(b",").unwrap_or(mac)))?;
                        }
                        _ => offer(None)?,
                    }
                }
            }
        }
        if right == 0 {
            return Err(Kind::NoCandidate);
        }
        Ok((right, times))
    }

    fn reads(&self, name: &str) -> bool {
        match name {
            "t" => self.time_header,
            "i" => self.id_header,
            _ => true,
        }
    }

    fn is_mac(&self, text: &[u8]) -> bool {
        if self.hex {
            return text.len() == 64 && text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        }
        // 32 bytes are 43 characters and `=`; the last one spells two bits that are zero.
        let alphabet = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
        text.len() == 44
            && text[..43].iter().all(alphabet)
            && text[43] == b'='
            && b"AEIMQUYcgkosw048".contains(&text[42])
    }
}

fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h [u8], Kind> {
    let all: Vec<_> = headers.get_all(name).iter().collect();
    match all.as_slice() {
        [] => Err(Kind::MissingHeader),
        [value, others @ ..] if others.iter().all(|other| other == value) => Ok(value.as_bytes()),
        _ => Err(Kind::RepeatedHeader),
    }
}

/// The text that stands here again and again, with commas between.
fn once(value: &[u8]) -> Option<&[u8]> {
    let commas = (0..value.len()).filter(|at| value[*at] == b',').take(64);
    let mut firsts = commas.map(|at| &value[..at]).filter(|first| {
        let mut rest = &value[first.len()..];
        while let [b',', behind @ ..] = rest {
            match behind.trim_ascii_start().strip_prefix(*first) {
                Some(behind) => rest = behind.trim_ascii_start(),
                None => return false,
            }
        }
        rest.is_empty() && !first.trim_ascii().is_empty()
    });
    firsts.next().map(<[u8]>::trim_ascii_end)
}

fn number(raw: &[u8]) -> Result<u64, Kind> {
    let text = std::str::from_utf8(raw).map_err(|_| Kind::InvalidTimestamp)?;
    let number: u64 = text.parse().map_err(|_| Kind::InvalidTimestamp)?;
    // One spelling, and at most nineteen digits.
    if number.to_string() == text && text.len() <= 19 {
        Ok(number)
    } else {
        Err(Kind::InvalidTimestamp)
    }
}

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|b| *b == b'\n');
    let case = Case::of(
        lines
            .next()
            .and_then(|line| line.first().copied())
            .unwrap_or(0),
    );
    let mut headers = HeaderMap::new();
    for line in lines.take(8) {
        let (name, value) = match line {
            [b'S', value @ ..] => ("s", value),
            [b'T', value @ ..] => ("t", value),
            [b'I', value @ ..] => ("i", value),
            _ => continue,
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let is_ascii = headers.values().all(|value| value.as_bytes().is_ascii());
    let now = UnixTime::from_secs(1_700_000_000);
    let verifier = case.verifier();
    match (verifier.begin(&headers, now), case.model(&headers)) {
        (Ok(mut check), Ok((count, time))) => {
            let shown = format!("{check:?}");
            assert!(
                shown.contains(&format!("candidates: {count}, ")),
                "{shown}: {count}"
            );
            let time = time.map_or("None".to_owned(), |t| format!("Some(UnixTime({t}.000000))"));
            assert!(
                shown.contains(&format!("signed_at: {time}, ")),
                "{shown}: {time}"
            );
            check.update(b"body");
            assert_eq!(check.finish(now).unwrap_err().kind(), Kind::Mismatch);
        }
        // What is not ASCII is refused, and what else is wrong may be told instead.
        (Err(_), Err(Kind::Malformed)) if !is_ascii => {}
        (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "{error}"),
        (ours, model) => panic!("{ours:?} where the model has {model:?}"),
    }
});
