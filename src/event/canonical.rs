//! A canonical form for all JSON texts with one meaning, as input for a digest.
//!
//! Members are sorted by the bytes of their names, white space is dropped, strings are unescaped
//! and numbers are reduced to their decimal value. The form is not JSON: every value encodes its
//! own length or end, so no two values share a form.
//!
//! | value | form |
//! | --- | --- |
//! | string of up to 127 bytes | its length in one byte, its bytes |
//! | longer string | the mark `"`, its length in eight bytes, the highest first, its bytes |
//! | number | the mark `#`, its digits, `e`, its exponent (see `decimal::form`), `;` |
//! | object | the mark `{`, each name as a string followed by its value, the mark `}` |
//! | array | the mark `[`, the values, the mark `]` |
//! | `true`, `false`, `null` | its initial as a mark |
//! | a value without a canonical form | the mark `r`, its length in eight bytes, its bytes |
//!
//! A mark is the character with its high bit set, which no one-byte length has. A value has no
//! canonical form if it contains a member twice, half of a surrogate pair, an exponent beyond 64
//! bits or more than 128 levels: only its original bytes have a certain meaning.

use std::ops::Range;

use smallvec::SmallVec;

use super::decimal;
use super::json::{Json, Piece, Sink};

/// Room for the forms of most events without an allocation. From 2 KiB on, clearing it would cost
/// many more steps.
const ROOM: usize = 1920;
/// A fixed length that is cheaper to copy than the exact length of a string.
const STEP: usize = 48;

/// The deepest nesting that is followed: each level sorts its members again.
const MAX_DEPTH: usize = 128;

/// The mark of a character.
pub(super) const fn mark(character: u8) -> u8 {
    character | 0x80
}

/// Consecutive forms, with free room after them.
#[derive(Debug)]
pub(super) struct Forms {
    few: [u8; ROOM],
    /// The forms, moved here once there was too little room.
    many: Vec<u8>,
    len: usize,
    /// The [`Writer`]'s notes on members.
    members: SmallVec<[u128; 32]>,
}

impl Forms {
    pub(super) fn new() -> Self {
        Self {
            few: [0; ROOM],
            many: Vec::new(),
            len: 0,
            members: SmallVec::new(),
        }
    }

    pub(super) fn get(&self, place: Range<usize>) -> &[u8] {
        let all = if self.many.is_empty() {
            &self.few
        } else {
            &*self.many
        };
        all.get(place).unwrap_or_default()
    }

    /// Reads a value and appends its form; returns the range of the form.
    pub(super) fn append(&mut self, json: &mut Json<'_>) -> Option<Range<usize>> {
        let begin = self.len;
        loop {
            self.members.clear();
            let mut writer = Writer {
                all: if self.many.is_empty() {
                    &mut self.few
                } else {
                    &mut self.many
                },
                len: begin,
                is_full: false,
                members: &mut self.members,
                first: 0,
                depth: 0,
            };
            if json.value(&mut writer).is_none() {
                let mut behind = *json;
                let raw = behind.skip()?;
                if writer.is_full || writer.raw(begin, raw).is_none() {
                    self.grow(raw.len());
                    continue;
                }
                *json = behind;
            }
            self.len = writer.len;
            return Some(begin..self.len);
        }
    }

    /// Makes more room, for a value of this length.
    #[cold]
    fn grow(&mut self, value: usize) {
        // A form is about as long as its text, unless it consists of numbers.
        let about = value.saturating_add(value / 8).saturating_add(STEP);
        let room = self.many.len().saturating_sub(self.len).saturating_mul(2);
        let mut many = vec![0; self.len.saturating_add(room.max(about))];
        for (to, from) in many.iter_mut().zip(self.get(0..self.len)) {
            *to = *from;
        }
        self.many = many;
    }
}

/// Writes one form, as long as there is room.
struct Writer<'f> {
    all: &'f mut [u8],
    len: usize,
    is_full: bool,
    /// The members so far of each open object: the first eight bytes of the name, which distinguish
    /// most names, and four bytes each for the begin and the end of the form. The entries of each
    /// object or array are preceded by the first one of its parent.
    members: &'f mut SmallVec<[u128; 32]>,
    first: usize,
    depth: usize,
}

/// The range of a member's form.
fn form_of(member: u128) -> Range<usize> {
    let four = |at: u32| usize::try_from(member >> at & u128::from(u32::MAX)).unwrap_or_default();
    four(32)..four(0)
}

impl Writer<'_> {
    #[inline(always)]
    fn mark(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'{' | b'[' => {
                self.depth = self.depth.wrapping_add(1);
                self.members.push(u128::try_from(self.first).ok()?);
                self.first = self.members.len();
            }
            b'}' | b']' => {
                self.depth = self.depth.wrapping_sub(1);
                self.sort()?;
                self.members.truncate(self.first);
                self.first = usize::try_from(self.members.pop()?).ok()?;
            }
            _ => {}
        }
        self.put(&[mark(byte)])?;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    #[inline(always)]
    fn put<const LEN: usize>(&mut self, bytes: &[u8; LEN]) -> Option<&mut [u8; LEN]> {
        let room = self
            .all
            .get_mut(self.len..)
            .and_then(<[u8]>::first_chunk_mut);
        let Some(room) = room else {
            self.is_full = true;
            return None;
        };
        *room = *bytes;
        self.len = self.len.wrapping_add(LEN);
        Some(room)
    }

    #[inline(never)]
    fn write(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len.saturating_add(bytes.len());
        let Some(room) = self.all.get_mut(self.len..end) else {
            self.is_full = true;
            return None;
        };
        room.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    /// Notes that a member begins here.
    #[inline(always)]
    fn member(&mut self, head: u64) -> Option<()> {
        let begin = u64::try_from(self.len).ok()? << 32;
        self.members
            .push(u128::from(head) << 64 | u128::from(begin));
        Some(())
    }

    /// Writes a string of this length from these bytes, which begin with its quote.
    #[inline(always)]
    fn short_string(&mut self, step: &[u8; STEP], len: u8) -> Option<()> {
        let begin = self.len;
        // Its length replaces the quote.
        let [first, ..] = self.put(step)?;
        *first = len;
        self.len = begin.wrapping_add(1).wrapping_add(len.into());
        Some(())
    }

    /// Writes a value without a canonical form.
    #[cold]
    fn raw(&mut self, begin: usize, value: &[u8]) -> Option<()> {
        self.len = begin;
        self.put(&[mark(b'r')])?;
        self.put(&eight(value.len()))?;
        self.write(value)
    }

    #[inline(never)]
    fn long_string(&mut self, string: &[u8]) -> Option<()> {
        match u8::try_from(string.len()) {
            Ok(len @ ..0x80) => self.write(&[len])?,
            _ => {
                self.write(&[mark(b'"')])?;
                self.write(&eight(string.len()))?;
            }
        }
        self.write(string)
    }

    /// Sorts the members of the innermost object by their names; `None` if two have the same.
    #[inline(always)]
    fn sort(&mut self) -> Option<()> {
        // The position of a member has four bytes.
        u32::try_from(self.len).ok()?;
        let members = self.members.get(self.first..)?;
        let is_sorted = |pair: &[u128]| matches!(pair, [a, b] if a >> 64 < b >> 64);
        if members.windows(2).all(is_sorted) {
            return Some(());
        }
        self.sort_mixed()
    }

    #[inline(never)]
    fn sort_mixed(&mut self) -> Option<()> {
        let (done, room) = self.all.split_at_mut_checked(self.len)?;
        let members = self.members.get_mut(self.first..)?;
        let mut begin = self.len;
        for member in members.iter_mut().rev() {
            *member |= u128::from(u32::try_from(begin).ok()?);
            begin = form_of(*member).start;
        }
        let unsorted = begin..self.len;
        let mut spare = Vec::new();
        let room = match room.get_mut(..unsorted.len()) {
            Some(room) => room,
            None => {
                spare.resize(unsorted.len(), 0);
                &mut *spare
            }
        };
        members.sort_unstable();
        let name = |member: &u128| name_of(done.get(form_of(*member)).unwrap_or_default());
        for alike in members.chunk_by_mut(|a, b| *a >> 64 == *b >> 64) {
            if alike.len() > 1 {
                alike.sort_unstable_by(|a, b| name(a).cmp(name(b)));
                if !alike.is_sorted_by(|a, b| name(a) < name(b)) {
                    return None;
                }
            }
        }
        let mut rest = &mut *room;
        for member in members {
            let form = done.get(form_of(*member))?;
            let (to, behind) = rest.split_at_mut_checked(form.len())?;
            to.copy_from_slice(form);
            rest = behind;
        }
        done.get_mut(unsorted)?.copy_from_slice(room);
        Some(())
    }
}

impl Sink for Writer<'_> {
    #[inline(always)]
    fn take(&mut self, piece: Piece<'_>) -> Option<()> {
        match piece {
            Piece::Mark(byte) => self.mark(byte),
            Piece::Name(name) => {
                let Some((step, len)) = name.step::<STEP>() else {
                    let name = name.bytes()?;
                    self.member(head_of(&name))?;
                    return self.long_string(&name);
                };
                let [_, head @ ..] = step.first_chunk::<9>()?;
                let unused = u64::MAX.checked_shr(u32::from(len).wrapping_mul(8));
                self.member(u64::from_be_bytes(*head) & !unused.unwrap_or(0))?;
                self.short_string(step, len)
            }
            Piece::Text(text) => match text.step::<STEP>() {
                Some((step, len)) => self.short_string(step, len),
                None => self.long_string(&text.bytes()?),
            },
            Piece::Number(number) => {
                let form = decimal::form(number)?;
                self.put(&[mark(b'#')])?;
                self.write(&form)?;
                self.put(b";").map(drop)
            }
        }
    }
}

fn eight(len: usize) -> [u8; 8] {
    u64::try_from(len).unwrap_or(u64::MAX).to_be_bytes()
}

/// The first eight bytes, padded with zeros.
fn head_of(name: &[u8]) -> u64 {
    let mut eight = [0; 8];
    (eight.iter_mut().zip(name)).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(eight)
}

/// The name that the form of a member begins with.
#[inline]
fn name_of(member: &[u8]) -> &[u8] {
    let name = match member {
        [len @ ..0x80, rest @ ..] => rest.get(..usize::from(*len)),
        [_, rest @ ..] => rest.split_first_chunk().and_then(|(len, rest)| {
            let len = usize::try_from(u64::from_be_bytes(*len)).ok()?;
            rest.get(..len)
        }),
        [] => None,
    };
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// The form of a text that has one; `None` for any other text.
    fn form(json: &str) -> Option<Vec<u8>> {
        let json = json.trim();
        let form = raw_form(json);
        let raw = [&[mark(b'r')], &eight(json.len())[..], json.as_bytes()].concat();
        (form != raw).then_some(form)
    }

    fn raw_form(json: &str) -> Vec<u8> {
        let mut forms = Forms::new();
        let place = forms.append(&mut Json::new(json.as_bytes())).unwrap();
        forms.get(place).to_vec()
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
    fn a_string_is_read_to_its_end_wherever_that_stands() {
        for len in 0..100_u8 {
            let plain: String = "x!\u{e9}#]\u{7f}".chars().cycle().take(100).collect();
            let plain: String = plain.chars().take(len.into()).collect();
            let Ok(bytes @ ..0x80) = u8::try_from(plain.len()) else {
                continue;
            };
            let expected = [&[bytes][..], plain.as_bytes()].concat();
            for behind in [0, 1, 40] {
                let behind = " ".repeat(behind);
                let json = format!("\"{plain}\"{behind}");
                assert_eq!(form(&json).unwrap(), expected, "{json}");
                let escaped = plain.replacen('!', "\\u0021", 1);
                let json = format!("\"{escaped}\"{behind}");
                assert_eq!(form(&json).unwrap(), expected, "{json}");
            }
        }
    }

    #[test]
    fn what_a_longer_name_leaves_behind_belongs_to_no_shorter_one() {
        let names = [
            "zzzzzzzzzzzzzzzz",
            "b",
            "a",
            "",
            "ab",
            "aa",
            "aaaaaaaa",
            "aaaaaaab",
        ];
        let object = |names: &[&str]| {
            let members: Vec<_> = names
                .iter()
                .map(|name| format!("\"{name}\":\"{name}\""))
                .collect();
            format!("{{{}}}", members.join(","))
        };
        let mut sorted = names;
        sorted.sort_unstable();
        same(&object(&names), &object(&sorted));
        for twice in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a" :1,"a":1}"#,
        ] {
            // A step is taken only if a whole one is left.
            let long = format!("{twice}{}", " ".repeat(40));
            assert_eq!(form(&long), None, "{twice}");
        }
        same(
            r#"{"zzzzzzzz":0,"\u0061":1,"ab":2}"#,
            r#"{"a":1,"ab":2,"zzzzzzzz":0}"#,
        );
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
    fn what_has_two_readings_or_no_end_stays_as_it_is_written() {
        let nest = |n, inner: &str| format!("{}{inner}{}", "[".repeat(n), "]".repeat(n));
        for json in [
            r#"{"a":1,"b":2,"a":1}"#,
            r#"{"x":{"a":1,"\u0061":2}}"#,
            r#"{"":1,"":1}"#,
            r#"{"aaaaaaaab":1,"x":2,"aaaaaaaab":1}"#,
            "1e99999999999999999999",
            "[0.1e9223372036854775807,{\"a\" : 1e9223372036854775807}]",
            r#""cut \ud83d""#,
            r#"{"b":["\ude00"],"a":1}"#,
            r#"{"\ud83d":1}"#,
            &nest(129, ""),
            &nest(128, "{}"),
            &nest(100_000, "1"),
        ] {
            assert_eq!(form(json), None, "{json:.80}");
        }
        assert!(form(&nest(128, "1e9223372036854775806")).is_some());
    }

    /// No form begins with a mark of a value without a form.
    #[test]
    fn no_value_looks_like_one_without_a_form() {
        for json in ["null", "true", "false", "[]", "{}", "1", "\"r\"", "\"\""] {
            let form = form(json).unwrap();
            assert!(![mark(b'r'), mark(b'b')].contains(&form[0]), "{json}");
        }
        let long = format!("\"{}\"", "r".repeat(200));
        assert_eq!(form(&long).unwrap()[0], mark(b'"'));
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
            assert_eq!(form(&object(&twice)), None);
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
            assert_eq!(form(&object(&twice)), None);
        }
    }

    #[test]
    fn forms_stand_one_behind_the_other_however_many() {
        let json = format!("{{\"b\":[{}0],\"a\":[1]}}", "0,".repeat(99));
        let none = format!("{{\"x\":\"{}\",\"x\":1}}", "x".repeat(700));
        let (mut forms, mut expected) = (Forms::new(), Vec::new());
        for json in [&json, &none, &json, &json, &none, &json] {
            let begin = expected.len();
            expected.extend_from_slice(&raw_form(json));
            let place = forms.append(&mut Json::new(json.as_bytes()));
            assert_eq!(place, Some(begin..expected.len()));
            assert_eq!(forms.get(0..expected.len()), expected);
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
            Forms::new().append(&mut Json::new(text.as_bytes()));
        }
    }
}
