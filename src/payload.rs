//! Reads the payload of an event as the handler's type, or finds the member that does not fit.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::printable::Printable;

/// The longest name or path that is reported.
const LONGEST: usize = 256;

/// What can be wrong with a member. Preset payloads use the same texts, after the member's name and
/// a colon.
pub(crate) const MISSING: &str = "not there";
pub(crate) const TWICE: &str = "there twice";
pub(crate) const WRONG_TYPE: &str = "of another type";
pub(crate) const AMBIGUOUS: &str = "differs from another spelling of it";

/// Reads a body as a `T`. A leading byte order mark is skipped, and invalid text in a string
/// becomes a replacement character. Malformed JSON is corrected as [`mended`] describes.
///
/// # Errors
///
/// The body is not JSON, or does not fit `T`.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, PayloadError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let read = |text: &str| {
        // Tracking paths has a cost, and is needed only after a failure.
        serde_json::from_str(text).or_else(|_| {
            let mut json = serde_json::Deserializer::from_str(text);
            let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
                let path = error.path().to_string();
                PayloadError::new(&path, error.inner())
            })?;
            json.end().map_err(|error| PayloadError::new("", &error))?;
            Ok(value)
        })
    };
    read(&text).or_else(|error| mended(&text).map_or(Err(error), |text| read(&text)))
}

/// The same text as JSON that fits a Rust string, if its only faults are those that common writers
/// let through; `None` if it has no such faults.
///
/// | seen | read as |
/// | --- | --- |
/// | a control character in a string (RFC 8259 section 7 wants it escaped) | U+FFFD |
/// | the backslash of an escape that JSON does not have, such as `\'` | U+FFFD |
/// | an escape that is half of a surrogate pair: senders cut texts off anywhere | U+FFFD |
/// | `NaN`, `Infinity`, `-Infinity` (Python's `json.dumps` writes them by default) | `null` |
///
/// The ends of strings do not change. Everything else stays as it is, and may still not be JSON.
fn mended(text: &str) -> Option<String> {
    const REPLACED: Option<&str> = Some("\u{fffd}");
    let (mut out, mut rest, mut any) = (String::new(), text, false);
    let mut in_string = false;
    while let Some(character) = rest.chars().next() {
        let next = character.len_utf8();
        let (taken, read) = if in_string {
            in_string = character != '"';
            match character {
                '\\' => match (unit(rest), rest.get(6..).and_then(unit)) {
                    (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, None),
                    (Some(0xd800..=0xdfff), _) => (6, REPLACED),
                    (Some(_), _) => (6, None),
                    _ => match rest.as_bytes().get(1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => (2, None),
                        _ => (next, REPLACED),
                    },
                },
                '\0'..' ' => (next, REPLACED),
                _ => (next, None),
            }
        } else if let Some(word) = NO_NUMBERS.iter().find(|word| rest.starts_with(**word)) {
            (word.len(), Some("null"))
        } else {
            in_string = character == '"';
            (next, None)
        };
        let (this, after) = rest.split_at_checked(taken)?;
        out.push_str(read.unwrap_or(this));
        any |= read.is_some();
        rest = after;
    }
    any.then_some(out)
}

/// Words for a number that is none.
const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The code unit of the escape that a text begins with.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| hex)
}

/// Names the member of a body that does not fit its type, and the problem.
///
/// The text of a JSON error may quote the value, and a user's type may put any text into it. Only
/// the known words of that text are used here. The names of members are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PayloadError {
    member: Box<str>,
    problem: &'static str,
    line: usize,
    column: usize,
}

impl PayloadError {
    fn new(path: &str, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let (problem, name) = match error.classify() {
            Category::Data => problem(&text),
            // It is still JSON.
            _ if text.starts_with("number out of range") => {
                ("a number beyond what its type takes", None)
            }
            _ if text.starts_with("recursion limit") => ("nested deeper than its type takes", None),
            Category::Syntax | Category::Io => ("the body is not JSON", None),
            Category::Eof => ("the body is JSON that ends too soon", None),
        };
        let path = path.trim_end_matches('?').trim_end_matches('.');
        let mut member = String::from(path);
        // If the path already ends in the member, it is not repeated.
        if let Some(name) = name
            && path.rsplit('.').next() != Some(name)
        {
            if !member.is_empty() {
                member.push('.');
            }
            member.push_str(name);
        }
        Self {
            // Strangers choose the names of members, which appear in log lines.
            member: (Printable(member).to_string().chars())
                .take(LONGEST)
                .collect::<String>()
                .into(),
            problem,
            line: error.line(),
            column: error.column(),
        }
    }

    /// The path of the member, such as `data.items[2].price`; empty if it is not known.
    pub(crate) fn member(&self) -> &str {
        &self.member
    }

    /// The problem with it.
    pub(crate) fn problem(&self) -> &'static str {
        self.problem
    }

    /// Its line and column, if known: a type that is converted from another one is refused only
    /// after both.
    pub(crate) fn place(&self) -> Option<(usize, usize)> {
        (self.line > 0).then_some((self.line, self.column))
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.member.is_empty() {
            write!(f, "{}: ", self.member)?;
        }
        f.write_str(self.problem)
    }
}

impl std::error::Error for PayloadError {}

/// Translates serde's text into our own words, with the member that it names. Anything that it may
/// quote comes after the words that are searched for.
fn problem(text: &str) -> (&'static str, Option<&str>) {
    for (start, problem) in [
        ("missing field `", MISSING),
        ("duplicate field `", TWICE),
        ("unknown field `", "not expected"),
    ] {
        if let Some(rest) = text.strip_prefix(start) {
            return (problem, rest.split('`').next());
        }
    }
    let plain = |name: &str| (name.bytes()).all(|b| b.is_ascii_alphanumeric() || b == b'_');
    // Inside another type, the position follows the message.
    let told = text.split(" at line ").next().unwrap_or(text);
    if let Some((name, said)) = told.split_once(": ").filter(|(name, _)| plain(name))
        && let Some(problem) = [MISSING, TWICE, WRONG_TYPE, AMBIGUOUS]
            .into_iter()
            .find(|problem| *problem == said)
    {
        return (problem, Some(name));
    }
    let problem = WORDS
        .iter()
        .find(|(start, _)| text.starts_with(start))
        .map_or("refused by its type", |(_, problem)| *problem);
    (problem, None)
}

/// The beginnings of serde's errors, from `serde::de::Error` and `serde::de::Unexpected`.
const WORDS: [(&str, &str); 15] = [
    ("unknown variant ", "a name that its type does not know"),
    ("invalid type: boolean ", "of another type: it is a boolean"),
    (
        "invalid type: integer ",
        "of another type: it is an integer",
    ),
    (
        "invalid type: floating point ",
        "of another type: it is a number with a fraction",
    ),
    ("invalid type: string ", "of another type: it is a string"),
    ("invalid type: null", "of another type: it is null"),
    ("invalid type: sequence", "of another type: it is an array"),
    ("invalid type: map", "of another type: it is an object"),
    ("invalid type: ", WRONG_TYPE),
    (
        "invalid value: integer ",
        "an integer that its type does not take",
    ),
    (
        "invalid value: string ",
        "a string that its type does not take",
    ),
    ("invalid value: ", "a value that its type does not take"),
    ("invalid length ", "of another length than its type takes"),
    (
        "data did not match any variant of untagged enum ",
        "fits no variant of its type",
    ),
    ("trailing characters", "the body is not JSON"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::Value;
    use std::collections::BTreeMap;

    const SECRET: &str = "hunter2";

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "what is read does not count here")]
    struct Order {
        id: String,
        items: Vec<Item>,
        #[serde(default)]
        notes: BTreeMap<String, u8>,
        #[serde(default)]
        state: Option<State>,
        #[serde(default)]
        own: Option<Own>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read does not count here")]
    struct Item {
        price: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Paid,
    }

    /// A type that quotes what it refuses.
    #[derive(Debug)]
    struct Own;

    impl<'de> Deserialize<'de> for Own {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let text = String::deserialize(from)?;
            Err(serde::de::Error::custom(format!("no such own: {text}")))
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "type")]
    #[expect(dead_code, reason = "what is read does not count here")]
    enum Tagged {
        Paid { amount: u8 },
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "what is read does not count here")]
    enum Untagged {
        Number(u8),
    }

    fn told<T: DeserializeOwned + fmt::Debug>(body: &str) -> String {
        let error = read::<T>(body.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
        error.to_string()
    }

    #[test]
    fn the_member_is_named_and_its_value_is_not() {
        for (body, expected) in [
            (r#"{"items":[]}"#, "id: not there"),
            (
                r#"{"id":"hunter2","items":[{"price":1},{}]}"#,
                "items[1].price: not there",
            ),
            (
                r#"{"id":7,"items":[]}"#,
                "id: of another type: it is an integer",
            ),
            (
                r#"{"id":"a","items":[{"price":"hunter2"}]}"#,
                "items[0].price: of another type: it is a string",
            ),
            (
                r#"{"id":"a","items":[{"price":256}]}"#,
                "items[0].price: an integer that its type does not take",
            ),
            (
                r#"{"id":"a","items":[{"price":1.5}]}"#,
                "items[0].price: of another type: it is a number with a fraction",
            ),
            (
                r#"{"id":"a","items":[{"price":null}]}"#,
                "items[0].price: of another type: it is null",
            ),
            (
                r#"{"id":"a","items":[{"price":[]}]}"#,
                "items[0].price: of another type: it is an array",
            ),
            (
                r#"{"id":"a","items":{}}"#,
                "items: of another type: it is an object",
            ),
            (
                r#"{"id":"a","items":[{"cost":"hunter2"}]}"#,
                "items[0].cost: not expected",
            ),
            (r#"{"id":"a","id":"hunter2","items":[]}"#, "id: there twice"),
            (
                r#"{"id":"a","items":[],"notes":{"n":"hunter2"}}"#,
                "notes.n: of another type: it is a string",
            ),
            (
                r#"{"id":"a","items":[],"state":"hunter2"}"#,
                "state: a name that its type does not know",
            ),
            (
                r#"{"id":"a","items":[],"own":"hunter2"}"#,
                "own: refused by its type",
            ),
            (
                r#"{"id":"a","items":[],"own":"hunter2"#,
                "own: the body is JSON that ends too soon",
            ),
            (
                r#"{"id":"a","items":[{"price":1e400}]}"#,
                "items[0].price: a number beyond what its type takes",
            ),
            (r#"{"id":"hunter2" nonsense}"#, "the body is not JSON"),
            (r#"{"id":"a","items":[]} hunter2"#, "the body is not JSON"),
            (r#""hunter2""#, "of another type: it is a string"),
            ("", "the body is JSON that ends too soon"),
        ] {
            assert_eq!(told::<Order>(body), expected, "{body}");
        }
        assert_eq!(told::<Tagged>(r#"{"type":"Paid"}"#), "amount: not there");
        assert_eq!(told::<Tagged>(r#"{"amount":1}"#), "type: not there");
        assert_eq!(
            told::<Tagged>(r#"{"type":"hunter2"}"#),
            "type: a name that its type does not know"
        );
        assert_eq!(
            told::<Untagged>(r#""hunter2""#),
            "fits no variant of its type"
        );
        let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
        let deep = told::<serde_json::Value>(&deep);
        assert!(
            deep.ends_with(": nested deeper than its type takes"),
            "{deep}"
        );
        let error = read::<Order>(b"{\n\"id\":1}").unwrap_err();
        assert_eq!((error.line, error.column), (2, 6));
    }

    #[test]
    fn a_name_is_told_in_part_where_it_is_long() {
        let body = format!(
            r#"{{"id":"a","items":[],"notes":{{"{}":0.5}}}}"#,
            "n".repeat(5_000)
        );
        let error = read::<Order>(body.as_bytes()).unwrap_err();
        assert_eq!(error.member().chars().count(), LONGEST);
    }

    #[test]
    fn what_common_writers_let_through_is_read() {
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
            assert_eq!(mended(text), None, "{text}");
        }
    }

    proptest! {
        /// A backslash before the closing quote, a surrogate: the string still ends at the same
        /// place.
        #[test]
        fn strings_end_where_they_ended(text in r#"["\\a\tu0-9{}:,N]{0,24}"#) {
            if let Some(mended) = mended(&text) {
                let quotes = |text: &str| text.matches('"').count();
                prop_assert_eq!(quotes(&text), quotes(&mended));
                prop_assert_eq!(super::mended(&mended), None);
            }
        }

        #[test]
        fn json_needs_no_mending(value in any::<Vec<(String, f64)>>()) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(mended(&text), None);
        }
    }
}
