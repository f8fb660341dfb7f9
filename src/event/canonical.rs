//! One form for all JSON texts of one meaning, to take a digest of.
//!
//! Members are sorted, white space is dropped, strings are unescaped and numbers are brought to
//! their decimal value. The form is not JSON: every value tells its own length or end, so that no
//! two values share a form.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use super::decimal::Normal;
use super::error::EventErrorKind as Kind;

/// Deepest nesting that is followed, as in `serde_json`.
const MAX_DEPTH: u32 = 128;

/// Appends the canonical form of `json`, which must be one value that `serde_json` has accepted.
pub(super) fn append(json: &str, out: &mut Vec<u8>) -> Result<(), Kind> {
    Cursor { rest: json }.value(out, 0)
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn value(&mut self, out: &mut Vec<u8>, depth: u32) -> Result<(), Kind> {
        match self.peek().ok_or(Kind::NotJson)? {
            '{' | '[' if depth >= MAX_DEPTH => Err(Kind::TooComplex),
            '{' => self.object(out, depth.saturating_add(1)),
            '[' => self.array(out, depth.saturating_add(1)),
            '"' => {
                let text = self.string()?;
                append_string(&text, out);
                Ok(())
            }
            '-' | '0'..='9' => {
                let number =
                    self.take_while(|c| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
                let value = Normal::of(number).ok_or(Kind::TooComplex)?;
                write(out, format_args!("#{value};"));
                Ok(())
            }
            _ => {
                let word = self.take_while(|c| c.is_ascii_alphabetic());
                let initial = word.bytes().next().ok_or(Kind::NotJson)?;
                out.push(initial);
                Ok(())
            }
        }
    }

    fn object(&mut self, out: &mut Vec<u8>, depth: u32) -> Result<(), Kind> {
        self.take('{')?;
        out.push(b'{');
        let begin = out.len();
        let mut members: Vec<(Cow<'a, str>, usize, usize)> = Vec::new();
        if self.peek() == Some('}') {
            self.take('}')?;
        } else {
            loop {
                self.peek();
                let name = self.string()?;
                self.take(':')?;
                let start = out.len();
                append_string(&name, out);
                self.value(out, depth)?;
                members.push((name, start, out.len()));
                if !self.goes_on('}')? {
                    break;
                }
            }
        }
        if !members.is_sorted_by(|a, b| a.0 < b.0) {
            members.sort_by(|a, b| a.0.cmp(&b.0));
            if members
                .windows(2)
                .any(|pair| matches!(pair, [a, b] if a.0 == b.0))
            {
                return Err(Kind::DuplicateMember);
            }
            let mut sorted = Vec::with_capacity(out.len().saturating_sub(begin));
            for (_, start, end) in &members {
                sorted.extend_from_slice(out.get(*start..*end).ok_or(Kind::NotJson)?);
            }
            out.truncate(begin);
            out.append(&mut sorted);
        }
        out.push(b'}');
        Ok(())
    }

    fn array(&mut self, out: &mut Vec<u8>, depth: u32) -> Result<(), Kind> {
        self.take('[')?;
        out.push(b'[');
        if self.peek() == Some(']') {
            self.take(']')?;
        } else {
            loop {
                self.value(out, depth)?;
                if !self.goes_on(']')? {
                    break;
                }
            }
        }
        out.push(b']');
        Ok(())
    }

    /// The next character that is not white space, which is dropped.
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> Result<(), Kind> {
        self.peek();
        self.rest = self.rest.strip_prefix(wanted).ok_or(Kind::NotJson)?;
        Ok(())
    }

    /// Takes a comma, or the end of the object or array.
    fn goes_on(&mut self, end: char) -> Result<bool, Kind> {
        let comma = self.peek() == Some(',');
        self.take(if comma { ',' } else { end })?;
        Ok(comma)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (head, tail) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = tail;
        head
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Kind> {
        let body = self.rest.strip_prefix('"').ok_or(Kind::NotJson)?;
        let mut escaped = false;
        let end = body.bytes().position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        let (inner, tail) = end
            .and_then(|end| body.split_at_checked(end))
            .ok_or(Kind::NotJson)?;
        let text = if inner.contains('\\') {
            let whole = inner.len().saturating_add(2);
            let quoted = self.rest.get(..whole).ok_or(Kind::NotJson)?;
            Cow::Owned(serde_json::from_str(quoted).map_err(|_| Kind::NotJson)?)
        } else {
            Cow::Borrowed(inner)
        };
        self.rest = tail.strip_prefix('"').ok_or(Kind::NotJson)?;
        Ok(text)
    }
}

/// A vector takes whatever is written to it.
fn write(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn append_string(text: &str, out: &mut Vec<u8>) {
    write(out, format_args!("\"{}:", text.len()));
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn form(json: &str) -> Result<Vec<u8>, Kind> {
        let mut out = Vec::new();
        append(json, &mut out).map(|()| out)
    }

    #[track_caller]
    fn same(a: &str, b: &str) {
        assert_eq!(form(a).unwrap(), form(b).unwrap(), "{a} and {b}");
    }

    #[track_caller]
    fn different(a: &str, b: &str) {
        assert_ne!(form(a).unwrap(), form(b).unwrap(), "{a} and {b}");
    }

    #[test]
    fn spelling_does_not_count() {
        same(
            r#"{"a":1,"b":[true,null]}"#,
            " {\n\"b\" : [ true , null ] , \"a\" : 1 }",
        );
        same("100.5", "100.50");
        same("1e2", "100");
        same("12345678901234567890123", "12345678901234567890123.0");
        same(r#""\u0041\n""#, "\"A\\u000a\"");
        same(r#"{"\u0061":1}"#, r#"{"a":1}"#);
        same(r#""\\\"""#, r#""\u005c\u0022""#);
        same("[ ]", "[]");
        same("{ }", "{}");
    }

    #[test]
    fn meaning_counts() {
        different("0.1", "0.10000000000000000001");
        different("12345678901234567890123", "12345678901234567890124");
        different("1", "\"1\"");
        different("null", "\"n\"");
        different("[1,2]", "[2,1]");
        different("[[1],2]", "[[1,2]]");
        different("[]", "{}");
        different("[1,2]", "[12]");
        different(r#"["a","b"]"#, r#"["a\",\"b"]"#);
        different(r#"{"a":{"b":1}}"#, r#"{"a":{},"b":1}"#);
        different(r#"{"a":"1:b"}"#, r#"{"a:1":"b"}"#);
        different("true", "false");
    }

    #[test]
    fn what_has_two_readings_or_no_end_is_refused() {
        assert_eq!(form(r#"{"a":1,"b":2,"a":1}"#), Err(Kind::DuplicateMember));
        assert_eq!(
            form(r#"{"x":{"a":1,"\u0061":2}}"#),
            Err(Kind::DuplicateMember)
        );
        assert_eq!(form(r#"{"":1,"":1}"#), Err(Kind::DuplicateMember));
        assert_eq!(form("1e99999999999999999999"), Err(Kind::TooComplex));
        let nest = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(form(&nest(128)).is_ok());
        assert_eq!(form(&nest(129)), Err(Kind::TooComplex));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(".{0,3}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn two_values_share_a_form_only_if_they_are_equal(a in json(), b in json()) {
            let (x, y) = (form(&a.to_string()).unwrap(), form(&b.to_string()).unwrap());
            prop_assert_eq!(a == b, x == y);
            prop_assert_eq!(&form(&serde_json::to_string_pretty(&a).unwrap()).unwrap(), &x);
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}\":,a0-9eE.+\\\\ -]{0,40}") {
            let _ = form(&text);
        }
    }
}
