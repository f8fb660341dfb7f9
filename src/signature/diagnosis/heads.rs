//! Candidates for the original headers of a delivery.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::cause::Cause;
use crate::encoding::MAC_LEN;
use crate::signature::header::Grammar;
use crate::signature::scheme::Scheme;

/// The maximum difference between a sender's two readings of its clock, in seconds.
const READINGS_APART: u64 = 5;

/// The headers with another time in place of the stated one.
pub(super) fn other_times(
    scheme: &Scheme,
    headers: &HeaderMap,
    mut show: impl FnMut(Cause, &'static str, &HeaderMap) -> bool,
) {
    for name in time_headers(scheme) {
        let Some(text) = headers.get(&name).and_then(|value| value.to_str().ok()) else {
            continue;
        };
        let Some((before, digits, behind)) = time_in(text) else {
            continue;
        };
        let Ok(told) = digits.parse::<u64>() else {
            continue;
        };
        let unit = "the time is told in milliseconds and signed in seconds, or the other way round";
        let changed = "another time was signed than is told";
        let units = [told / 1000, told.saturating_mul(1000)].map(|it| (Cause::TimeUnit, unit, it));
        let near = (1..=READINGS_APART).flat_map(|by| {
            [told.saturating_sub(by), told.saturating_add(by)]
                .map(|it| (Cause::TimeChanged, changed, it))
        });
        for (cause, what, time) in units.into_iter().chain(near) {
            let mut headers = headers.clone();
            if let Ok(value) = HeaderValue::from_str(&format!("{before}{time}{behind}")) {
                headers.insert(name.clone(), value);
                if !show(cause, what, &headers) {
                    return;
                }
            }
        }
    }
}

/// A Unix time in seconds or milliseconds, with the text around it.
fn time_in(text: &str) -> Option<(&str, &str, &str)> {
    let mut at = 0_usize;
    for part in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        let end = at.saturating_add(part.len());
        if (10..=13).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()) {
            return Some((text.get(..at)?, part, text.get(end..)?));
        }
        at = end.saturating_add(1);
    }
    None
}

fn time_headers(scheme: &Scheme) -> Vec<HeaderName> {
    #[cfg(feature = "senders")]
    if let Some(general) = &scheme.general {
        let at = general.time.as_ref().map(|time| time.at.as_ref());
        return match at {
            None => Vec::new(),
            Some(Some(at)) => at.headers().to_vec(),
            Some(None) => general.secret_headers().cloned().collect(),
        };
    }
    let families = scheme.families.iter();
    families
        .map(|family| {
            family
                .timestamp
                .as_ref()
                .unwrap_or(&family.signature)
                .clone()
        })
        .collect()
}

/// The headers with the signature in the scheme's encoding, if it has another one.
pub(super) fn respelled(scheme: &Scheme, headers: &HeaderMap) -> Vec<HeaderMap> {
    let mut all = Vec::new();
    for (name, len) in signature_headers(scheme) {
        let Some(text) = headers.get(&name).and_then(|value| value.to_str().ok()) else {
            continue;
        };
        let time = time_in(text).map_or("", |(_, time, _)| time);
        for bytes in spelled_in(text, len) {
            let value = print(scheme, &bytes, time);
            let Ok(value) = HeaderValue::from_str(&value) else {
                continue;
            };
            let mut headers = headers.clone();
            headers.insert(name.clone(), value);
            all.push(headers);
        }
    }
    all
}

/// The headers with signatures, and the length of a signature in bytes.
fn signature_headers(scheme: &Scheme) -> Vec<(HeaderName, usize)> {
    #[cfg(feature = "senders")]
    if let Some(general) = &scheme.general {
        return match general.proof {
            super::super::general::Proof::Signed(algorithm) => general
                .secret_headers()
                .map(|name| (name.clone(), algorithm.longest()))
                .collect(),
            super::super::general::Proof::Token => Vec::new(),
            #[cfg(feature = "jwt")]
            super::super::general::Proof::Jws => Vec::new(),
            #[cfg(feature = "asymmetric")]
            super::super::general::Proof::Message => Vec::new(),
        };
    }
    let families = scheme.families.iter();
    families
        .map(|family| (family.signature.clone(), MAC_LEN))
        .collect()
}

fn print(scheme: &Scheme, bytes: &[u8], time: &str) -> String {
    #[cfg(feature = "senders")]
    if let Some(general) = &scheme.general {
        return general
            .layout
            .print(&general.encoding.encode(bytes), time, "1");
    }
    let mac = <[u8; MAC_LEN]>::try_from(bytes).unwrap_or_default();
    scheme.grammar_print(&scheme.encoding.encode_mac(&mac), time)
}

impl Scheme {
    /// The header with this signature, and this time if the scheme places it there.
    fn grammar_print(&self, signature: &str, time: &str) -> String {
        match &self.grammar {
            Grammar::Pairs {
                timestamp,
                signature: name,
            } => format!("{timestamp}={time},{name}={signature}"),
            Grammar::Single { prefix } | Grammar::List { prefix } => format!("{prefix}{signature}"),
        }
    }
}

/// The decoded words of a header that have this many bytes.
fn spelled_in(text: &str, len: usize) -> Vec<Vec<u8>> {
    let words = text.split([' ', ',', ';', '=', ':', '"']);
    let mut all: Vec<Vec<u8>> = Vec::new();
    for word in words.take(64).map(str::as_bytes) {
        let read = [
            HEXLOWER_PERMISSIVE.decode(word),
            BASE64_NOPAD.decode(word),
            BASE64URL_NOPAD.decode(word),
        ];
        for bytes in read.into_iter().flatten() {
            if bytes.len() == len && !all.contains(&bytes) {
                all.push(bytes);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_found_among_other_words() {
        for (text, time) in [
            ("1777899600", Some(("", "1777899600", ""))),
            (
                "t=1777899600,v1=8f632700b26a730c",
                Some(("t=", "1777899600", ",v1=8f632700b26a730c")),
            ),
            (
                "ts=1777899600123;h1=00",
                Some(("ts=", "1777899600123", ";h1=00")),
            ),
            ("sha256=17778996001777899600", None),
            ("", None),
        ] {
            assert_eq!(time_in(text), time, "{text}");
        }
    }
}
