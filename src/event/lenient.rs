//! Reads what is nearly JSON: what senders' libraries write although RFC 8259 does not know it.

/// The same text as JSON, where all that keeps it from being so is what common writers let through;
/// `None` where there is nothing of that kind.
///
/// | seen | read as |
/// | --- | --- |
/// | a control character in a string (RFC 8259 section 7 wants it escaped) | U+FFFD |
/// | the backslash of an escape that JSON does not have, such as `\'` | U+FFFD |
/// | `NaN`, `Infinity`, `-Infinity` (Python's `json.dumps` writes them unless told not to) | `no_number` |
///
/// Where a string ends does not change. All else stays as it is, and may still be no JSON.
pub(super) fn mended(text: &str, no_number: &str) -> Option<String> {
    let (mut out, mut rest, mut any) = (String::new(), text, false);
    let mut in_string = false;
    while let Some(character) = rest.chars().next() {
        let (taken, read) = if in_string {
            in_string = character != '"';
            match character {
                '\\' => match escape(rest) {
                    Some(len) => (len, None),
                    None => (1, Some("\u{fffd}")),
                },
                '\0'..' ' => (1, Some("\u{fffd}")),
                other => (other.len_utf8(), None),
            }
        } else if let Some(word) = NO_NUMBERS.iter().find(|word| rest.starts_with(**word)) {
            (word.len(), Some(no_number))
        } else {
            in_string = character == '"';
            (character.len_utf8(), None)
        };
        let (this, after) = rest.split_at_checked(taken)?;
        out.push_str(read.unwrap_or(this));
        any |= read.is_some();
        rest = after;
    }
    any.then_some(out)
}

/// What stands for a number that is none.
const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// How long the escape is that a text begins with, if JSON has it.
fn escape(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [
            b'\\',
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            ..,
        ] => Some(2),
        [b'\\', b'u', digits @ ..] => {
            let digits = digits.first_chunk::<4>()?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(6)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn what_common_writers_let_through_is_read() {
        let mended = |text| super::mended(text, "null");
        for (text, json) in [
            ("{\"a\":\"b\tc\"}", "{\"a\":\"b\u{fffd}c\"}"),
            ("[\"\0\",\"\r\n\"]", "[\"\u{fffd}\",\"\u{fffd}\u{fffd}\"]"),
            (r#"["it\'s"]"#, "[\"it\u{fffd}'s\"]"),
            (r#"["\x41\u00g0"]"#, "[\"\u{fffd}x41\u{fffd}u00g0\"]"),
            (
                "{\"a\":NaN,\"b\":[-Infinity,Infinity]}",
                "{\"a\":null,\"b\":[null,null]}",
            ),
            (
                "[\"NaN\",\"\\\"Infinity\",NaN]",
                "[\"NaN\",\"\\\"Infinity\",null]",
            ),
        ] {
            let mended = mended(text).unwrap();
            assert_eq!(mended, json, "{text}");
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
            assert!(serde_json::from_str::<Value>(&mended).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_in_another_way_stays_so() {
        for text in [
            "{",
            "{'a':1}",
            "[1,]",
            "nan",
            "[01]",
            "{\"a\"\t:\n1}",
            "\"\\u00e9\"",
        ] {
            assert_eq!(mended(text, "null"), None, "{text}");
        }
    }

    proptest! {
        /// A backslash before the closing quote, a surrogate: where a string ends stays the same.
        #[test]
        fn strings_end_where_they_ended(text in r#"["\\a\tu0-9{}:,N]{0,24}"#) {
            if let Some(mended) = mended(&text, "null") {
                let quotes = |text: &str| text.matches('"').count();
                prop_assert_eq!(quotes(&text), quotes(&mended));
                prop_assert_eq!(super::mended(&mended, "null"), None);
            }
        }

        #[test]
        fn json_needs_no_mending(value in any::<Vec<(String, f64)>>()) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(mended(&text, "null"), None);
        }
    }
}
