//! Candidates for the original body before an intermediary changed it.

use data_encoding::BASE64;

use super::cause::Cause;
use super::json::{Escapes, Json, Style};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A body that the sender may have signed.
pub(super) struct Changed {
    pub(super) cause: Cause,
    pub(super) what: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// Passes each body that the sender may have signed to `show`, the likely ones first, until `show`
/// stops it.
pub(super) fn changes(body: &[u8], mut show: impl FnMut(Changed) -> bool) {
    let mut add =
        |cause, what, bytes: Vec<u8>| bytes == body || show(Changed { cause, what, bytes });
    let _ = simple(body, &mut add) && rewritten(body, &mut add);
}

/// Returns whether to continue.
type Add<'a> = dyn FnMut(Cause, &'static str, Vec<u8>) -> bool + 'a;

fn simple(body: &[u8], add: &mut Add<'_>) -> bool {
    const ADDED: &str = "white space or a line end was added to the body after it was signed";
    const TAKEN: &str = "a line end was taken off the body after it was signed";
    let without_last = |end: &[u8]| body.strip_suffix(end).map(<[u8]>::to_vec);
    let with = |end: &[u8]| [body, end].concat();
    let mut go_on = true;
    for shorter in [without_last(b"\n"), without_last(b"\r\n")] {
        go_on = go_on && shorter.is_none_or(|it| add(Cause::BodyWhiteSpace, ADDED, it));
    }
    let trimmed = [
        body.trim_ascii_end(),
        body.trim_ascii_start(),
        body.trim_ascii(),
    ];
    for it in trimmed {
        go_on = go_on && add(Cause::BodyWhiteSpace, ADDED, it.to_vec());
    }
    for end in [&b"\n"[..], b"\r\n", b" "] {
        go_on = go_on && add(Cause::BodyWhiteSpace, TAKEN, with(end));
    }
    let bom = "a byte order mark was put before the body after it was signed";
    go_on =
        go_on && (body.strip_prefix(BOM)).is_none_or(|it| add(Cause::BodyBom, bom, it.to_vec()));
    let no_bom = "a byte order mark was taken off the body after it was signed";
    go_on = go_on && add(Cause::BodyBom, no_bom, [BOM, body].concat());
    let ends = "the body's line ends were changed after it was signed";
    let unix = line_ends(body, b"\n");
    let windows = line_ends(body, b"\r\n");
    let none = body.iter().copied().filter(|byte| !b"\r\n".contains(byte));
    let none: Vec<u8> = none.collect();
    for it in [unix, windows, none] {
        go_on = go_on && add(Cause::BodyLineEnds, ends, it);
    }
    let encoded = "the body was encoded anew after it was signed";
    let latin = std::str::from_utf8(body).ok();
    let latin: Option<Vec<u8>> = latin
        .filter(|text| !text.is_ascii())
        .and_then(|text| text.chars().map(|c| u8::try_from(c).ok()).collect());
    let others = [latin, BASE64.decode(body.trim_ascii()).ok()];
    for it in others.into_iter().flatten() {
        go_on = go_on && add(Cause::BodyEncoding, encoded, it);
    }
    go_on
        && add(
            Cause::BodyEncoding,
            encoded,
            BASE64.encode(body).into_bytes(),
        )
}

/// The body with this line ending.
fn line_ends(body: &[u8], end: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut bytes = body.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if(|next| **next == b'\n');
                out.extend_from_slice(end);
            }
            b'\n' => out.extend_from_slice(end),
            byte => out.push(*byte),
        }
    }
    out
}

fn rewritten(body: &[u8], add: &mut Add<'_>) -> bool {
    const WHAT: &str = "the body's JSON was written anew after it was signed";
    let bare = body.strip_prefix(BOM).unwrap_or(body);
    let styles = [
        (",", ":", None),
        (", ", ": ", None),
        (",", ": ", Some("  ")),
        (",", ": ", Some("    ")),
        (",", ": ", Some("\t")),
    ];
    let escapes = [
        Escapes::Kept,
        Escapes::NoUnicode,
        Escapes::Ascii,
        Escapes::SlashesAndAscii,
        Escapes::NoSlashes,
        Escapes::Slashes,
        Escapes::Html,
    ];
    let (Some(as_it_is), Some(sorted)) = (Json::parse(bare), Json::parse(bare)) else {
        return true;
    };
    for json in [as_it_is, sorted.sorted()] {
        for escapes in escapes {
            for (comma, colon, indent) in styles {
                let style = Style {
                    comma,
                    colon,
                    indent,
                    escapes,
                };
                if !add(Cause::BodyReserialised, WHAT, json.write(&style)) {
                    return false;
                }
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_changed_as_dos2unix_and_unix2dos_do() {
        assert_eq!(line_ends(b"a\r\nb\nc\r", b"\n"), b"a\nb\nc\n");
        assert_eq!(line_ends(b"a\nb\r\n", b"\r\n"), b"a\r\nb\r\n");
    }

    #[test]
    fn the_looking_ends_when_it_is_enough() {
        let mut seen = 0;
        changes(b"{\"a\":1}\n", |_| {
            seen += 1;
            seen < 3
        });
        assert_eq!(seen, 3);
        let mut all = Vec::new();
        changes("{\"é\": \"/\"}\n".as_bytes(), |changed| {
            all.push(changed.bytes);
            true
        });
        for wanted in [
            "{\"é\": \"/\"}",
            "{\"é\":\"/\"}",
            "{\"\\u00e9\": \"/\"}",
            "{\"é\":\"\\/\"}",
            "{\n  \"é\": \"/\"\n}",
        ] {
            assert!(all.iter().any(|it| it == wanted.as_bytes()), "{wanted}");
        }
    }
}
