//! Whether a body is in the form that it is handed on in.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::reason::Reason;

/// Refuses a body in another encoding than it would be handed on in.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), Reason> {
    let is_plain = (headers.get_all(CONTENT_ENCODING).iter()).all(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .all(is_no_coding)
    });
    if is_plain {
        Ok(())
    } else {
        Err(Reason::ContentEncoding)
    }
}

/// Character sets that senders name in this header by mistake. They are no content codings
/// (RFC 9110, section 8.4.1), and the body is what it is without them.
const CHARACTER_SETS: [&[u8]; 18] = [
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

/// The same, where a number comes behind: `utf-8`, `iso-8859-1`, `windows-1252`.
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

/// Whether one entry of the list leaves the body as it is: nothing, `identity`, or the name of a
/// character set.
fn is_no_coding(entry: &[u8]) -> bool {
    let entry = without_parameter_name(entry.trim_ascii());
    let is = |name: &[u8]| entry.eq_ignore_ascii_case(name);
    if entry.is_empty() || is(b"identity") {
        return true;
    }
    CHARACTER_SETS.iter().any(|name| is(name))
        || NUMBERED_CHARACTER_SETS.iter().any(|set| {
            (entry.split_at_checked(set.len())).is_some_and(|(name, number)| {
                name.eq_ignore_ascii_case(set)
                    && !number.is_empty()
                    && number.iter().all(u8::is_ascii_digit)
            })
        })
}

/// `charset=utf-8` names a character set too.
fn without_parameter_name(entry: &[u8]) -> &[u8] {
    match entry.split_at_checked(b"charset=".len()) {
        Some((name, value)) if name.eq_ignore_ascii_case(b"charset=") => value,
        _ => entry,
    }
}
