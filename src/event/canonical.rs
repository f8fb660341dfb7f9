//! One form for all JSON texts of one meaning, to take a digest of.
//!
//! Members are sorted, white space is dropped, strings are unescaped and numbers are brought to
//! their decimal value. The form is not JSON: every value tells its own length or end, so that no
//! two values share a form.

use std::cmp::Ordering;

use super::decimal::Normal;
use super::error::EventErrorKind as Kind;
use super::scan::Scan;

/// Deepest nesting that is followed, as in `serde_json`.
const MAX_DEPTH: u32 = 128;

/// How many members there is room for at first: as many as most events have.
const MOST: usize = 24;

/// Appends the canonical form of `json`, which must be one value that was accepted.
pub(super) fn append(json: &str, out: &mut Vec<u8>) -> Result<(), Kind> {
    let nested = json.starts_with(['{', '[']);
    let mut form = Form {
        scan: Scan::new(json.as_bytes()),
        out,
        members: Vec::with_capacity(if nested { MOST } else { 0 }),
        sorted: Vec::new(),
    };
    form.value(0)
}

/// Writes the form of what is scanned.
struct Form<'a> {
    scan: Scan<'a>,
    out: &'a mut Vec<u8>,
    /// The members so far of each object that is open.
    members: Vec<Member>,
    /// Room to sort members in.
    sorted: Vec<u8>,
}

/// Where the form of one member stands.
#[derive(Clone, Copy)]
struct Member {
    /// The first bytes of the name, which tell most names apart; zeros where it is shorter.
    head: u64,
    start: usize,
    name: usize,
    value: usize,
    end: usize,
}

impl Member {
    fn name<'o>(&self, out: &'o [u8]) -> &'o [u8] {
        out.get(self.name..self.value).unwrap_or_default()
    }

    /// By the bytes of their names, of which the heads are the first.
    fn cmp(&self, other: &Self, out: &[u8]) -> Ordering {
        (self.head.cmp(&other.head)).then_with(|| self.name(out).cmp(other.name(out)))
    }
}

impl Form<'_> {
    fn value(&mut self, depth: u32) -> Result<(), Kind> {
        match self.scan.peek().ok_or(Kind::NotJson)? {
            b'{' | b'[' if depth >= MAX_DEPTH => Err(Kind::TooComplex),
            b'{' => self.object(depth.saturating_add(1)),
            b'[' => self.array(depth.saturating_add(1)),
            b'"' => {
                let text = self.scan.string().and_then(|text| text.bytes());
                append_string(&text.ok_or(Kind::NotJson)?, self.out);
                Ok(())
            }
            b'-' | b'0'..=b'9' => {
                let number = self.scan.number().ok_or(Kind::NotJson)?;
                let value = Normal::of(number).ok_or(Kind::TooComplex)?;
                self.out.push(b'#');
                value.append(self.out);
                self.out.push(b';');
                Ok(())
            }
            _ => {
                let initial = self.scan.word().ok_or(Kind::NotJson)?;
                self.out.push(initial);
                Ok(())
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<(), Kind> {
        self.out.push(b'{');
        if !self.scan.opens(b'}').ok_or(Kind::NotJson)? {
            let first = self.members.len();
            loop {
                let member = self.member(depth)?;
                self.members.push(member);
                if !self.scan.goes_on(b'}').ok_or(Kind::NotJson)? {
                    break;
                }
            }
            self.sort(first)?;
            self.members.truncate(first);
        }
        self.out.push(b'}');
        Ok(())
    }

    fn member(&mut self, depth: u32) -> Result<Member, Kind> {
        let name = self.scan.name().and_then(|name| name.bytes());
        let name = name.ok_or(Kind::NotJson)?;
        let start = self.out.len();
        append_string(&name, self.out);
        let value = self.out.len();
        self.value(depth)?;
        Ok(Member {
            head: head(&name),
            start,
            name: value.saturating_sub(name.len()),
            value,
            end: self.out.len(),
        })
    }

    /// Sorts the members from `first` on, which are the last thing that was written.
    fn sort(&mut self, first: usize) -> Result<(), Kind> {
        let out = &mut *self.out;
        let members = self.members.get_mut(first..).unwrap_or_default();
        if members.is_sorted_by(|a, b| a.cmp(b, out).is_lt()) {
            return Ok(());
        }
        let begin = members.first().map_or(out.len(), |member| member.start);
        members.sort_unstable_by(|a, b| a.cmp(b, out));
        let twice = |pair: &[Member]| matches!(pair, [a, b] if a.cmp(b, out).is_eq());
        if members.windows(2).any(twice) {
            return Err(Kind::DuplicateMember);
        }
        self.sorted.clear();
        self.sorted.reserve(out.len().saturating_sub(begin));
        for member in members.iter() {
            let form = out.get(member.start..member.end);
            self.sorted.extend_from_slice(form.ok_or(Kind::NotJson)?);
        }
        out.truncate(begin);
        out.extend_from_slice(&self.sorted);
        Ok(())
    }

    fn array(&mut self, depth: u32) -> Result<(), Kind> {
        self.out.push(b'[');
        if !self.scan.opens(b']').ok_or(Kind::NotJson)? {
            loop {
                self.value(depth)?;
                if !self.scan.goes_on(b']').ok_or(Kind::NotJson)? {
                    break;
                }
            }
        }
        self.out.push(b']');
        Ok(())
    }
}

fn head(name: &[u8]) -> u64 {
    if let Some(eight) = name.first_chunk() {
        return u64::from_be_bytes(*eight);
    }
    let mut eight = [0; 8];
    for (to, from) in eight.iter_mut().zip(name) {
        *to = *from;
    }
    u64::from_be_bytes(eight)
}

#[inline]
fn append_string(text: &[u8], out: &mut Vec<u8>) {
    let digit = |number: usize| b'0'.saturating_add(u8::try_from(number % 10).unwrap_or_default());
    match text.len() {
        len @ ..10 => out.extend_from_slice(&[b'"', digit(len), b':']),
        len @ ..100 => out.extend_from_slice(&[b'"', digit(len / 10), digit(len), b':']),
        len => out.extend_from_slice(format!("\"{len}:").as_bytes()),
    }
    out.extend_from_slice(text);
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
    fn names_that_begin_alike_are_two_and_have_an_order() {
        same(
            r#"{"customer_name":1,"customer_id":2,"customer":3}"#,
            r#"{"customer":3,"customer_id":2,"customer_name":1}"#,
        );
        same(r#"{"a\u0000":1,"a":2}"#, r#"{"a":2,"a\u0000":1}"#);
        different(
            r#"{"customer_id":1,"customer_no":2}"#,
            r#"{"customer_id":2,"customer_no":1}"#,
        );
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
