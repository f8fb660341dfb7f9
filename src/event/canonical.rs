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

use super::decimal::{self, Normal};
use super::error::EventErrorKind as Kind;
use super::order::{self, Halt, Member};
use super::scan::{Escaped, Scan};

/// Deepest nesting that is followed, as in `serde_json`.
const MAX_DEPTH: u32 = 128;

/// The form of `null`.
pub(super) const NULL: &[u8] = &[mark(b'n')];

/// How many members there is room for at first: as many as most events have.
const MOST_MEMBERS: usize = 24;
/// How much room is made at once for a form, before it is known to be longer.
const MOST_ROOM: usize = 32 * 1024;
/// What takes less to copy than what is known only at the end of a string.
const STEP: usize = 48;

const fn mark(character: u8) -> u8 {
    character | 0x80
}

/// Forms, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Forms<'o> {
    /// With room behind them, which is also where members are sorted.
    few: &'o mut [u8],
    /// What they have moved to, once there was too little room.
    many: Vec<u8>,
    len: usize,
    /// The members so far of each object that is open, and what is around it.
    members: Vec<Member>,
}

impl<'o> Forms<'o> {
    /// No form yet, and some room for the first ones.
    pub(super) fn new(room: &'o mut [u8]) -> Self {
        Self {
            few: room,
            ..Self::default()
        }
    }

    /// Takes a value and adds its form; tells where it stands. After an error nothing is added,
    /// and nothing taken.
    ///
    /// That strings are UTF-8 is looked at only where something is escaped.
    pub(super) fn append(&mut self, scan: &mut Scan<'_>) -> Result<Range<usize>, Kind> {
        let begin = self.len;
        if self.members.capacity() == 0 {
            self.members = Vec::with_capacity(MOST_MEMBERS);
        }
        loop {
            self.members.clear();
            let out = if self.many.is_empty() {
                &mut *self.few
            } else {
                &mut self.many
            };
            match write(*scan, out, begin, &mut self.members) {
                Ok((next, end)) => {
                    *scan = next;
                    self.len = end;
                    return Ok(begin..end);
                }
                Err(Halt::Refused(kind)) => return Err(kind),
                Err(Halt::NoRoom) => self.grow(scan.left().len()),
            }
        }
    }

    /// Makes more room, for a value of up to this length.
    #[cold]
    fn grow(&mut self, most: usize) {
        let twice = most.saturating_mul(2).saturating_add(STEP);
        let room = if self.many.is_empty() {
            let kept = self.few.get(..self.len).unwrap_or_default();
            self.many.extend_from_slice(kept);
            twice.min(MOST_ROOM)
        } else {
            (self.many.len().saturating_sub(self.len).saturating_mul(2)).max(twice)
        };
        self.many.resize(self.len.saturating_add(room), 0);
    }

    /// How long all forms are together.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes back what was added when they were so long.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// A form that was added.
    pub(super) fn get(&self, place: Range<usize>) -> Option<&[u8]> {
        if self.many.is_empty() {
            self.few.get(place)
        } else {
            self.many.get(place)
        }
    }
}

/// Takes a value and writes its form from `begin` on; tells where both end. `members` holds what
/// is open, so that no nesting costs stack.
fn write<'b>(
    scan: Scan<'b>,
    out: &mut [u8],
    begin: usize,
    members: &mut Vec<Member>,
) -> Result<(Scan<'b>, usize), Halt> {
    let (mut scan, mut at) = (scan, begin);
    // What ends the object or array that is open, and where its members begin.
    let (mut end, mut first) = (0, 0);
    let mut depth = 0_u32;
    loop {
        if end == b'}' {
            let start = at;
            if scan.peek() != Some(b'"') {
                return Err(Kind::NotJson.into());
            }
            let head;
            (at, head) = string(&mut scan, out, at)?;
            scan.take(b':').ok_or(Kind::NotJson)?;
            members.push(Member { head, start });
        }
        match scan.peek().ok_or(Kind::NotJson)? {
            b'"' => (at, _) = string(&mut scan, out, at)?,
            b'{' | b'[' if depth >= MAX_DEPTH => return Err(Kind::TooComplex.into()),
            open @ (b'{' | b'[') => {
                at = put(out, at, mark(open))?;
                let closing = if open == b'{' { b'}' } else { b']' };
                if scan.opens(closing).ok_or(Kind::NotJson)? {
                    at = put(out, at, mark(closing))?;
                } else {
                    members.push(Member {
                        head: u64::from(end),
                        start: first,
                    });
                    (end, first) = (closing, members.len());
                    depth = depth.saturating_add(1);
                    continue;
                }
            }
            b'-' | b'0'..=b'9' => {
                let (taken, next) = number(scan.left(), out, at)?;
                scan.step(taken);
                at = next;
            }
            _ => at = put(out, at, mark(scan.word().ok_or(Kind::NotJson)?))?,
        }
        loop {
            if depth == 0 {
                return Ok((scan, at));
            }
            if scan.goes_on(end).ok_or(Kind::NotJson)? {
                break;
            }
            if end == b'}' {
                order::sort(members.get(first..).unwrap_or_default(), out, at)?;
            }
            at = put(out, at, mark(end))?;
            members.truncate(first);
            let around = members.pop().ok_or(Kind::NotJson)?;
            end = u8::try_from(around.head).unwrap_or_default();
            first = around.start;
            depth = depth.saturating_sub(1);
        }
    }
}

#[inline(always)]
fn put(out: &mut [u8], at: usize, byte: u8) -> Result<usize, Halt> {
    *out.get_mut(at).ok_or(Halt::NoRoom)? = byte;
    Ok(at.wrapping_add(1))
}

/// Takes a string, of which the quote is next, and writes it; tells where it ends and the first
/// eight bytes of it.
#[inline(always)]
fn string(scan: &mut Scan<'_>, out: &mut [u8], at: usize) -> Result<(usize, u64), Halt> {
    let quoted = scan.left();
    let len = match scan.plain().ok_or(Kind::NotJson)? {
        Ok(len) => len,
        Err(place) => {
            let (next, written) = escaped(*scan, place, out, at)?;
            scan.go_to(next);
            return Ok(written);
        }
    };
    // The quote before the string makes room for the length; what is too much is overwritten.
    let step: Option<&[u8; STEP]> = quoted.first_chunk();
    let room = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
    let (Some(step), Some(room), true) = (step, room, len < STEP) else {
        return put_string(quoted.get(1..).and_then(|text| text.get(..len)), out, at);
    };
    *room = *step;
    let [first, ..] = room;
    *first = u8::try_from(len).unwrap_or_default();
    let [_, a, b, c, d, e, f, g, h, ..] = *step;
    let head = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    Ok((at.wrapping_add(len).wrapping_add(1), head & mask(len)))
}

/// Writes a string of which the first escape is at `place`; tells also where it ends in the text.
#[cold]
#[inline(never)]
fn escaped(
    scan: Scan<'_>,
    place: Escaped,
    out: &mut [u8],
    at: usize,
) -> Result<(usize, (usize, u64)), Halt> {
    let (text, end) = scan.escaped(place).ok_or(Kind::NotJson)?;
    let text = text.bytes().ok_or(Kind::NotJson)?;
    Ok((end, put_string(Some(&text), out, at)?))
}

/// Tells where it ends and the first eight bytes of it.
#[inline(never)]
fn put_string(text: Option<&[u8]>, out: &mut [u8], at: usize) -> Result<(usize, u64), Halt> {
    let text = text.ok_or(Kind::NotJson)?;
    let mut at = at;
    match u8::try_from(text.len()) {
        Ok(len @ ..0x80) => at = put(out, at, len)?,
        _ => {
            at = put(out, at, mark(b'"'))?;
            let len = u64::try_from(text.len()).unwrap_or(u64::MAX);
            for byte in len.to_be_bytes() {
                at = put(out, at, byte)?;
            }
        }
    }
    let end = at.saturating_add(text.len());
    let room = out.get_mut(at..end).ok_or(Halt::NoRoom)?;
    room.copy_from_slice(text);
    Ok((end, head(text)))
}

/// Takes the number that `text` begins with and writes it; tells how much it took and where the
/// form ends.
#[inline(never)]
fn number(text: &[u8], out: &mut [u8], at: usize) -> Result<(usize, usize), Halt> {
    let (len, value) = match Normal::plain(text) {
        Some(plain) => plain,
        None => {
            let number = decimal::scan(text).ok_or(Kind::NotJson)?;
            (number.len(), Normal::of(number).ok_or(Kind::TooComplex)?)
        }
    };
    let at = put(out, at, mark(b'#'))?;
    let room = out.get_mut(at..).unwrap_or_default();
    let at = at.saturating_add(value.write(room).ok_or(Halt::NoRoom)?);
    Ok((len, put(out, at, b';')?))
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
#[inline(always)]
fn mask(bytes: usize) -> u64 {
    match bytes {
        ..8 => !(u64::MAX >> (bytes * 8)),
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::super::stops::Stops;
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

    #[test]
    fn many_members_are_sorted_as_few_are() {
        for count in [2, 31, 32, 33, 300] {
            let member = |number| format!("\"member_{number:03}\":\"{}\"", "x".repeat(number));
            let members: Vec<_> = (0..count).map(member).collect();
            let backwards: Vec<_> = members.iter().rev().cloned().collect();
            let object = |members: &[String]| format!("{{{}}}", members.join(","));
            same(&object(&members), &object(&backwards));
            let mut twice = backwards;
            twice.push(members[count - 1].clone());
            assert_eq!(form(&object(&twice)), Err(Kind::DuplicateMember));
        }
    }

    /// Their forms begin with a length of nine bytes, not of one.
    #[test]
    fn long_names_are_sorted_as_short_ones_are() {
        for (count, len) in [(2, 127), (2, 128), (32, 128), (33, 129), (40, 300)] {
            let stem = "m".repeat(len - 4);
            let member = |number| format!("\"m{stem}{number:03}\":{number}");
            let members: Vec<_> = (0..count).map(member).collect();
            let backwards: Vec<_> = members.iter().rev().cloned().collect();
            let object = |members: &[String]| format!("{{\"m\":[],{}}}", members.join(","));
            same(&object(&members), &object(&backwards));
            let mut twice = backwards;
            let last = count - 1;
            twice.push(format!("\"\\u006d{stem}{last:03}\":0"));
            assert_eq!(form(&object(&twice)), Err(Kind::DuplicateMember));
        }
    }

    #[test]
    fn a_form_is_the_same_in_whatever_room() {
        let json = format!("{{\"b\":[{}0],\"a\":[1]}}", "0,".repeat(99));
        let stops = Stops::of(json.as_bytes());
        for len in [0, 1, 50, 400, 600, 900] {
            let mut room = vec![0; len];
            let mut forms = Forms::new(&mut room);
            let mut places = Vec::new();
            for _ in 0..3 {
                places.push(forms.append(&mut Scan::new(json.as_bytes(), &stops)));
            }
            for place in places {
                assert_eq!(forms.get(place.unwrap()).unwrap(), form(&json).unwrap());
            }
        }
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
