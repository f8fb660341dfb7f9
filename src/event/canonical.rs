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
//! | number | the mark `#`, its digits, `e`, its exponent (see `decimal::form`), `;` |
//! | object | the mark `{`, each name as a string and behind it the value, the mark `}` |
//! | array | the mark `[`, the values, the mark `]` |
//! | `true`, `false`, `null` | its initial as a mark |
//! | what has no form of its own | the mark `r`, its length in eight bytes, its bytes |
//!
//! A mark is the character with its high bit set, which no length of one byte has. No form of its
//! own has a value that holds a member twice, half of a surrogate pair, an exponent beyond 64 bits
//! or more than 128 levels: the bytes that it was written in are all that it surely means.

use std::ops::Range;

use smallvec::SmallVec;

use super::decimal;
use super::json::{Json, Sink, Text};

/// Room for the forms of most events, without an allocation. From 2 KiB on it would take many more
/// steps to clear.
const ROOM: usize = 1920;
/// What takes less to copy than exactly as much as a string is long.
const STEP: usize = 48;

/// Deepest nesting that is followed, since the members of each level are sorted anew.
const MAX_DEPTH: usize = 128;

/// The mark of a character.
pub(super) const fn mark(character: u8) -> u8 {
    character | 0x80
}

/// Forms, one behind the other.
#[derive(Debug)]
pub(super) struct Forms {
    /// All of them, with room behind them.
    all: SmallVec<[u8; 2048]>,
    len: usize,
    /// Whether the value has one that is being added.
    has_form: bool,
    /// Of all that is open, its first one in `members`.
    open: SmallVec<[usize; 16]>,
    /// The members so far of each object that is open: the first bytes of the name, which tell most
    /// names apart, and where the form begins. It ends where the next one begins.
    members: SmallVec<[(u64, usize); 32]>,
}

impl Forms {
    pub(super) fn new() -> Self {
        Self {
            all: SmallVec::from_elem(0, ROOM),
            len: 0,
            has_form: true,
            open: SmallVec::new(),
            members: SmallVec::new(),
        }
    }

    pub(super) fn get(&self, place: Range<usize>) -> &[u8] {
        self.all.get(place).unwrap_or_default()
    }

    /// What stands from there on, with room for so many bytes behind the last form.
    #[inline(always)]
    fn from(&mut self, begin: usize, more: usize) -> &mut [u8] {
        let end = self.len.saturating_add(more);
        if end > self.all.len() {
            self.grow(end);
        }
        self.all.get_mut(begin..).unwrap_or_default()
    }

    #[cold]
    fn grow(&mut self, end: usize) {
        let len = self.all.len();
        let end = end.max(if self.all.spilled() {
            len.saturating_mul(2)
        } else {
            0
        });
        self.all.reserve_exact(end.saturating_sub(len));
        self.all.resize(end, 0);
    }

    #[inline(always)]
    fn push(&mut self, bytes: &[u8]) {
        if let Some(room) = self.from(self.len, bytes.len()).get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.len = self.len.saturating_add(bytes.len());
    }

    /// Takes a value and adds its form; tells where it stands.
    pub(super) fn append(&mut self, json: &mut Json<'_>) -> Option<Range<usize>> {
        let begin = self.len;
        if json.left().len() > ROOM {
            // A form is about as long as its text, unless it is of numbers.
            let len = json.clone().skip()?.len();
            self.from(begin, len.saturating_add(len / 8));
        }
        self.open.clear();
        self.members.clear();
        self.has_form = true;
        let raw = json.value(self)?;
        if !self.has_form {
            self.len = begin;
            self.push(&[mark(b'r')]);
            self.push(&eight(raw.len()));
            self.push(raw);
        }
        Some(begin..self.len)
    }

    /// Adds the form of a string.
    #[inline(always)]
    fn string(&mut self, text: Text<'_>) -> Option<()> {
        let room = self.from(self.len, STEP).first_chunk_mut();
        if let (Some((step, len)), Some(room)) = (text.step::<STEP>(), room) {
            *room = *step;
            // Its length takes the place of the quote.
            let [first, ..] = room;
            *first = len;
            self.len = self.len.saturating_add(usize::from(len)).saturating_add(1);
            return Some(());
        }
        self.long_string(&text.bytes()?);
        Some(())
    }

    #[inline(never)]
    fn long_string(&mut self, string: &[u8]) {
        match u8::try_from(string.len()) {
            Ok(len @ ..0x80) => self.push(&[len]),
            _ => {
                self.push(&[mark(b'"')]);
                self.push(&eight(string.len()));
            }
        }
        self.push(string);
    }

    /// Sorts the members from this one on by their names; none if two have the same.
    #[inline]
    fn sort(&mut self, first: usize) -> Option<()> {
        let members = self.members.get(first..)?;
        if members.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Some(());
        }
        let ends = members.iter().skip(1).map(|(_, begin)| *begin);
        let mut forms: SmallVec<[(u64, Range<usize>); 32]> = (members.iter())
            .zip(ends.chain([self.len]))
            .map(|((head, begin), end)| (*head, *begin..end))
            .collect();
        let name = |form: &Range<usize>| name_of(self.get(form.clone()));
        let order = |a: &(u64, Range<usize>), b: &(u64, Range<usize>)| {
            (a.0.cmp(&b.0)).then_with(|| name(&a.1).cmp(name(&b.1)))
        };
        forms.sort_unstable_by(order);
        if !forms.is_sorted_by(|a, b| order(a, b).is_lt()) {
            return None;
        }
        let ((_, begin), end) = (*members.first()?, self.len);
        let all = self.from(0, end.saturating_sub(begin));
        let mut to = end;
        for (_, form) in forms {
            let len = form.len();
            all.copy_within(form, to);
            to = to.saturating_add(len);
        }
        all.copy_within(end..to, begin);
        Some(())
    }
}

impl Sink for Forms {
    #[inline(always)]
    fn mark(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                self.has_form &= self.open.len() < MAX_DEPTH;
                if self.has_form {
                    self.open.push(self.members.len());
                }
            }
            b'}' | b']' if self.has_form => {
                let first = self.open.pop().unwrap_or_default();
                self.has_form = self.sort(first).is_some();
                self.members.truncate(first);
            }
            _ => {}
        }
        if self.has_form {
            self.push(&[mark(byte)]);
        }
    }

    #[inline(always)]
    fn name(&mut self, name: Text<'_>) {
        let begin = self.len;
        self.text(name);
        if self.has_form {
            self.members.push((name.head(), begin));
        }
    }

    #[inline(always)]
    fn text(&mut self, text: Text<'_>) {
        self.has_form = self.has_form && self.string(text).is_some();
    }

    #[inline(always)]
    fn number(&mut self, number: &[u8]) {
        if let Some(form) = decimal::form(number).filter(|_| self.has_form) {
            self.push(&[mark(b'#')]);
            self.push(&form);
            self.push(b";");
        } else {
            self.has_form = false;
        }
    }
}

fn eight(len: usize) -> [u8; 8] {
    u64::try_from(len).unwrap_or(u64::MAX).to_be_bytes()
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

    /// The form of a text that has one.
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
            // There must be a whole step for it to be taken.
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

    /// The marks that what has no form begins with are no form's.
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
