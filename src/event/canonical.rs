//! One form for all JSON texts of one meaning, to take a digest of.
//!
//! Members are sorted by the bytes of their names, white space is dropped, strings are unescaped
//! and numbers are brought to their decimal value. The form is not JSON: every value tells its own
//! length or end, so that no two values share a form.
//!
//! | value | form |
//! | --- | --- |
//! | string of up to 127 bytes | its length in one byte, its bytes |
//! | longer string | the mark `"`, its length in eight bytes, the highest first, its bytes |
//! | number | the mark `#`, its digits, `e`, its exponent (see `Normal`), `;` |
//! | object | the mark `{`, each name as a string and behind it the value, the mark `}` |
//! | array | the mark `[`, the values, the mark `]` |
//! | `true`, `false`, `null` | its initial as a mark |
//!
//! A mark is the character with its high bit set, which no length of one byte has.

use std::ops::Range;

use super::decimal::Normal;
use super::error::EventErrorKind as Kind;
use super::scan::{Scan, Text};

/// Deepest nesting that is followed, as in `serde_json`.
const MAX_DEPTH: u32 = 128;

/// The form of `null`.
pub(super) const NULL: &[u8] = &[mark(b'n')];

/// How many members there is room for at first: as many as most events have.
const MOST_MEMBERS: usize = 24;
/// How much room is made at once for a form, at most.
const MOST_ROOM: usize = 16 * 1024;

const fn mark(character: u8) -> u8 {
    character | 0x80
}

/// Forms, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Forms {
    out: Vec<u8>,
    /// The members so far of each object that is open.
    members: Vec<Member>,
    /// Room to sort members in.
    order: Vec<u128>,
    sorted: Vec<u8>,
}

impl Forms {
    /// Takes a value and adds its form; tells where it stands. After an error nothing is added,
    /// and how far `scan` has come says nothing.
    ///
    /// That strings are UTF-8 is looked at only where something is escaped.
    pub(super) fn append(&mut self, scan: &mut Scan<'_>) -> Result<Range<usize>, Kind> {
        let begin = self.out.len();
        self.out.reserve(scan.left().len().clamp(32, MOST_ROOM));
        self.members.clear();
        let mut form = Form { scan, forms: self };
        let outcome = form.value(0);
        if outcome.is_err() {
            self.out.truncate(begin);
        }
        outcome.map(|()| begin..self.out.len())
    }

    /// How long all forms are together.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Takes back what was added when they were so long.
    pub(super) fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// A form that was added.
    pub(super) fn get(&self, place: Range<usize>) -> Option<&[u8]> {
        self.out.get(place)
    }
}

/// Where the form of one member stands.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// The first bytes of the name, which tell most names apart; zeros where it is shorter.
    head: u64,
    start: usize,
    end: usize,
}

/// Writes the form of what is scanned.
struct Form<'f, 'b> {
    scan: &'f mut Scan<'b>,
    forms: &'f mut Forms,
}

impl Form<'_, '_> {
    #[inline(always)]
    fn value(&mut self, depth: u32) -> Result<(), Kind> {
        match self.scan.peek().ok_or(Kind::NotJson)? {
            b'"' => self.string().map(drop).ok_or(Kind::NotJson),
            b'{' | b'[' if depth >= MAX_DEPTH => Err(Kind::TooComplex),
            b'{' => self.object(depth.saturating_add(1)),
            b'[' => self.array(depth.saturating_add(1)),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word().ok_or(Kind::NotJson),
        }
    }

    #[inline(never)]
    fn number(&mut self) -> Result<(), Kind> {
        let number = self.scan.number().ok_or(Kind::NotJson)?;
        let value = Normal::of(number).ok_or(Kind::TooComplex)?;
        let out = &mut self.forms.out;
        out.push(mark(b'#'));
        value.append(out);
        out.push(b';');
        Ok(())
    }

    #[inline(never)]
    fn word(&mut self) -> Option<()> {
        let initial = self.scan.word()?;
        self.forms.out.push(mark(initial));
        Some(())
    }

    #[inline(never)]
    fn object(&mut self, depth: u32) -> Result<(), Kind> {
        self.forms.out.push(mark(b'{'));
        if !self.scan.opens(b'}').ok_or(Kind::NotJson)? {
            if self.forms.members.capacity() == 0 {
                self.forms.members.reserve(MOST_MEMBERS);
            }
            let first = self.forms.members.len();
            let mut last = None;
            let mut sorted = true;
            loop {
                let start = self.forms.out.len();
                let name = (self.scan.peek() == Some(b'"')).then(|| self.string());
                let head = name.flatten().ok_or(Kind::NotJson)?;
                self.scan.take(b':').ok_or(Kind::NotJson)?;
                self.value(depth)?;
                let end = self.forms.out.len();
                self.forms.members.push(Member { head, start, end });
                sorted &= last < Some(head);
                last = Some(head);
                if !self.scan.goes_on(b'}').ok_or(Kind::NotJson)? {
                    break;
                }
            }
            if !sorted {
                self.forms.sort(first)?;
            }
            self.forms.members.truncate(first);
        }
        self.forms.out.push(mark(b'}'));
        Ok(())
    }

    #[inline(never)]
    fn array(&mut self, depth: u32) -> Result<(), Kind> {
        self.forms.out.push(mark(b'['));
        if !self.scan.opens(b']').ok_or(Kind::NotJson)? {
            loop {
                self.value(depth)?;
                if !self.scan.goes_on(b']').ok_or(Kind::NotJson)? {
                    break;
                }
            }
        }
        self.forms.out.push(mark(b']'));
        Ok(())
    }

    /// Takes a string, of which the quote is next, and writes it; tells the first eight bytes of
    /// it.
    #[inline(always)]
    fn string(&mut self) -> Option<u64> {
        // A step of this length takes less to copy than what is known only now. The quote before
        // the string makes room for the length; what is too much is dropped.
        let step: Option<&[u8; 48]> = self.scan.left().first_chunk();
        let text = match self.scan.quoted()? {
            Text::Plain(text) => text,
            escaped @ Text::Escaped(_) => return self.escaped(&escaped),
        };
        let out = &mut self.forms.out;
        let len = text.len();
        let Some(step) = step.filter(|step| len < step.len()) else {
            return Some(append_string(text, out));
        };
        let start = out.len();
        out.extend_from_slice(step);
        if let Some([first, ..]) = out.get_mut(start..) {
            *first = u8::try_from(len).unwrap_or_default();
        }
        out.truncate(start.wrapping_add(len).wrapping_add(1));
        let [_, a, b, c, d, e, f, g, h, ..] = *step;
        Some(u64::from_be_bytes([a, b, c, d, e, f, g, h]) & mask(len))
    }

    /// Writes a string of which something is escaped.
    #[cold]
    fn escaped(&mut self, quoted: &Text<'_>) -> Option<u64> {
        let text = quoted.bytes()?;
        Some(append_string(&text, &mut self.forms.out))
    }
}

impl Forms {
    /// Sorts the members from `first` on, which are the last thing that was written.
    fn sort(&mut self, first: usize) -> Result<(), Kind> {
        let out = &mut self.out;
        let members = self.members.get(first..).unwrap_or_default();
        let begin = members.first().map_or(out.len(), |member| member.start);
        // The heads, with the places of their members behind them.
        self.order.clear();
        self.order.extend(
            (0_u64..)
                .zip(members)
                .map(|(place, member)| (u128::from(member.head) << 64) | u128::from(place)),
        );
        self.order.sort_unstable();
        let form = |entry: &u128| {
            let place = usize::try_from(*entry & u128::from(u64::MAX)).ok();
            let member = place.and_then(|place| members.get(place));
            member
                .and_then(|member| out.get(member.start..member.end))
                .unwrap_or_default()
        };
        for alike in self.order.chunk_by_mut(|a, b| a >> 64 == b >> 64) {
            if alike.len() > 1 {
                alike.sort_unstable_by(|a, b| name(form(a)).cmp(name(form(b))));
                let twice =
                    |pair: &[u128]| matches!(pair, [a, b] if name(form(a)) == name(form(b)));
                if alike.windows(2).any(twice) {
                    return Err(Kind::DuplicateMember);
                }
            }
        }
        self.sorted.clear();
        self.sorted.reserve(out.len().saturating_sub(begin));
        for entry in &self.order {
            self.sorted.extend_from_slice(form(entry));
        }
        out.truncate(begin);
        out.extend_from_slice(&self.sorted);
        Ok(())
    }
}

/// The name that the form of a member begins with.
fn name(form: &[u8]) -> &[u8] {
    let name = match form {
        [len @ ..0x80, rest @ ..] => rest.get(..usize::from(*len)),
        [_, rest @ ..] => rest.split_first_chunk().and_then(|(len, rest)| {
            let len = usize::try_from(u64::from_be_bytes(*len)).ok()?;
            rest.get(..len)
        }),
        [] => None,
    };
    name.unwrap_or_default()
}

/// Tells the first eight bytes of it.
#[inline(never)]
fn append_string(text: &[u8], out: &mut Vec<u8>) -> u64 {
    match u8::try_from(text.len()) {
        Ok(len @ ..0x80) => out.push(len),
        _ => {
            out.push(mark(b'"'));
            let len = u64::try_from(text.len()).unwrap_or(u64::MAX);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    out.extend_from_slice(text);
    head(text)
}

/// The first eight bytes, with zeros behind them where there are fewer.
fn head(text: &[u8]) -> u64 {
    if let Some(eight) = text.first_chunk() {
        return u64::from_be_bytes(*eight);
    }
    let mut eight = [0; 8];
    for (to, from) in eight.iter_mut().zip(text) {
        *to = *from;
    }
    u64::from_be_bytes(eight)
}

/// As many of the highest bytes of eight.
#[inline]
fn mask(bytes: usize) -> u64 {
    const MASKS: [u64; 8] = [
        0,
        0xff << 56,
        0xffff << 48,
        0xff_ffff << 40,
        0xffff_ffff << 32,
        0xff_ffff_ffff << 24,
        0xffff_ffff_ffff << 16,
        0xff_ffff_ffff_ffff << 8,
    ];
    MASKS.get(bytes).copied().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::scan::Stops;
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn form(json: &str) -> Result<Vec<u8>, Kind> {
        let mut forms = Forms::default();
        let place = forms.append(&mut Scan::new(json.as_bytes(), &Stops::of(json.as_bytes())))?;
        Ok(forms.get(place).unwrap().to_vec())
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
