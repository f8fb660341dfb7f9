//! Checks whether a body is in the form that handlers get, or can be brought into it.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::contract::SenderContract;
#[cfg(feature = "gzip")]
use crate::contract::SignedForm;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;

#[cfg(feature = "gzip")]
const REMEDY: &str = "its body comes encoded, as this sender's contract does not say: where it comes by gzip, say so \
                      by `SenderContract::gzip`";
#[cfg(not(feature = "gzip"))]
const REMEDY: &str = "its body comes encoded: where it comes by gzip, enable the feature `gzip`, and say so by \
                      `SenderContract::gzip`";

/// Refuses a body in an encoding that must be decoded first.
pub(crate) fn check_encoding(
    headers: &HeaderMap,
    contract: &SenderContract,
) -> Result<(), RejectionCause> {
    if !headers.contains_key(CONTENT_ENCODING) || codings(headers).next().is_none() {
        return Ok(());
    }
    #[cfg(feature = "gzip")]
    if compressed(headers, contract).is_some() {
        return Ok(());
    }
    #[cfg(not(feature = "gzip"))]
    let _ = contract;
    Err(refused())
}

#[cold]
fn refused() -> RejectionCause {
    RejectionCause::because(Reason::ContentEncoding, REMEDY)
}

/// Which form of a compressed body is signed; `None` if it is not compressed, or the contract does
/// not say.
#[cfg(feature = "gzip")]
pub(super) fn compressed(headers: &HeaderMap, contract: &SenderContract) -> Option<SignedForm> {
    let signed = contract.gzip_signed()?;
    // RFC 9110, section 8.4.1.3: `x-gzip` is the same.
    let is_gzip = |coding: &[u8]| {
        coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")
    };
    let mut codings = codings(headers);
    (codings.next().is_some_and(is_gzip) && codings.next().is_none()).then_some(signed)
}

/// The codings that were applied to the body, in order.
fn codings(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    (headers.get_all(CONTENT_ENCODING).iter())
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter(|entry| !is_no_coding(entry))
        .map(<[u8]>::trim_ascii)
}

/// Character sets that senders put in this header by mistake. They are not content codings (RFC
/// 9110, section 8.4.1), and do not change the body.
const CHARACTER_SETS: [&[u8]; 26] = [
    b"utf8mb4",
    // The name of ASCII in C libraries.
    b"ansi_x3.4-1968",
    b"ansi",
    b"big5-hkscs",
    b"hz-gb-2312",
    b"sjis",
    b"tis-620",
    b"windows-31j",
    b"us-ascii",
    b"us_ascii",
    b"ascii",
    b"utf-16le",
    b"utf-16be",
    b"utf-32le",
    b"utf-32be",
    b"unicode",
    b"gbk",
    b"big5",
    b"euc-jp",
    b"euc-kr",
    b"iso-2022-jp",
    b"shift_jis",
    b"shift-jis",
    b"koi8-r",
    b"koi8-u",
    b"macintosh",
];

/// Character sets whose name ends in a number: `utf-8`, `iso-8859-1`, `windows-1252`.
const NUMBERED_CHARACTER_SETS: [&[u8]; 13] = [
    b"utf-",
    b"utf_",
    b"utf",
    b"iso-8859-",
    b"iso8859-",
    b"iso8859_",
    b"iso_8859-",
    b"latin",
    b"latin-",
    b"latin_",
    b"windows-",
    b"cp",
    b"gb",
];

/// Values that mean that nothing was encoded: a word for it, or a `Content-Transfer-Encoding` of
/// MIME that changes no byte (RFC 2045 section 6.2).
const NO_CODINGS: [&[u8]; 5] = [b"identity", b"none", b"binary", b"8bit", b"7bit"];

/// Types that senders put in this header in place of `Content-Type`. Types that may describe a
/// compressed body are not included.
const MEDIA_TYPES: [&[u8]; 4] = [
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"text/json",
    b"text/plain",
];

/// Whether one list entry leaves the body as it is: empty, a word for no coding, the name of a
/// character set, or a media type.
fn is_no_coding(entry: &[u8]) -> bool {
    let entry = entry.trim_ascii();
    let is_type = |entry: &[u8]| {
        MEDIA_TYPES
            .iter()
            .any(|name| entry.eq_ignore_ascii_case(name))
    };
    let mut parts = entry.splitn(2, |byte| *byte == b';');
    match (parts.next(), parts.next()) {
        (Some(name), Some(parameter)) => {
            is_type(name.trim_ascii_end()) && is_character_set(parameter.trim_ascii_start())
        }
        _ => {
            entry.is_empty()
                || NO_CODINGS
                    .iter()
                    .any(|name| entry.eq_ignore_ascii_case(name))
                || is_type(entry)
                || is_character_set(entry)
        }
    }
}

fn is_character_set(entry: &[u8]) -> bool {
    let entry = without_quotes(without_parameter_name(entry));
    CHARACTER_SETS
        .iter()
        .any(|name| entry.eq_ignore_ascii_case(name))
        || NUMBERED_CHARACTER_SETS.iter().any(|set| {
            (entry.split_at_checked(set.len())).is_some_and(|(name, number)| {
                name.eq_ignore_ascii_case(set)
                    && !number.is_empty()
                    && number.iter().all(u8::is_ascii_digit)
            })
        })
}

fn without_quotes(text: &[u8]) -> &[u8] {
    match text {
        [b'"', inside @ .., b'"'] | [b'\'', inside @ .., b'\''] => inside,
        _ => text,
    }
}

/// `charset=utf-8` names a character set too.
fn without_parameter_name(entry: &[u8]) -> &[u8] {
    match entry.split_at_checked(b"charset=".len()) {
        Some((name, value)) if name.eq_ignore_ascii_case(b"charset=") => value,
        _ => entry,
    }
}
