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
//! | number | the mark `#`, its digits, `e`, its exponent (see `decimal::append`), `;` |
//! | object | the mark `{`, each name as a string and behind it the value, the mark `}` |
//! | array | the mark `[`, the values, the mark `]` |
//! | `true`, `false`, `null` | its initial as a mark |
//! | what has no form of its own | the mark `r`, its length in eight bytes, its bytes |
//!
//! A mark is the character with its high bit set, which no length of one byte has. No form of its
//! own has a value that holds a member twice, half of a surrogate pair, an exponent beyond 64 bits
//! or more than 128 levels: the bytes that it was written in are all that it surely means.

use std::ops::Range;

use memchr::memchr2;
use smallvec::SmallVec;

use super::decimal;

/// Room for the forms of most events. From 2 KiB on it would take many more steps to clear.
const ROOM: usize = 1920;
/// What takes less to copy than what is known only at the end of a string.
const STEP: usize = 32;

/// Deepest nesting that is followed, since the members of each level are sorted anew.
const MAX_DEPTH: usize = 128;

/// The mark of a character.
pub(super) const fn mark(character: u8) -> u8 {
    character | 0x80
}

/// Forms, one behind the other.
pub(super) struct Forms {
    /// The first ones stand here, without an allocation.
    room: [u8; ROOM],
    len: usize,
    /// Once there is too little room, all of them.
    many: Vec<u8>,
}

impl Forms {
    pub(super) fn new() -> Self {
        Self {
            room: [0; ROOM],
            len: 0,
            many: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        if self.many.is_empty() {
            self.room.get(..self.len).unwrap_or_default()
        } else {
            &self.many
        }
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        match self.room.get_mut(self.len..end) {
            Some(room) if self.many.is_empty() => room.copy_from_slice(bytes),
            _ => self.push_to_many(bytes, 0),
        }
        self.len = end;
    }

    /// Adds bytes, and makes room for so many more.
    #[cold]
    fn push_to_many(&mut self, bytes: &[u8], more: usize) {
        if self.many.is_empty() {
            self.many.reserve(self.len.saturating_add(more));
            let kept = self.room.get(..self.len).unwrap_or_default();
            self.many.extend_from_slice(kept);
        }
        self.many.reserve(bytes.len().saturating_add(more));
        self.many.extend_from_slice(bytes);
    }

    /// Adds what stands there once more.
    #[inline]
    fn push_again(&mut self, place: Range<usize>) {
        let end = self.len.saturating_add(place.len());
        if self.many.is_empty() && end <= ROOM {
            self.room.copy_within(place, self.len);
        } else {
            self.push_to_many(&[], 0);
            self.many.extend_from_within(place);
        }
        self.len = end;
    }

    /// Moves all that stands from there on to an earlier place, over what stands there.
    fn take_back(&mut self, from: usize, to: usize) {
        let all = if self.many.is_empty() {
            &mut self.room[..]
        } else {
            &mut self.many
        };
        all.copy_within(from..self.len, to);
        self.truncate(from);
    }

    /// The head of the name that begins there, behind which nothing stands yet.
    #[inline]
    fn head(&self, begin: usize) -> u64 {
        let there = self.room.get(begin..);
        let there = there.and_then(<[u8]>::first_chunk::<9>);
        match there {
            Some([len @ ..0x80, eight @ ..]) if self.many.is_empty() => {
                // What stands behind a shorter name is left over from its step.
                let eight: &[u8; 8] = eight;
                let behind = u64::MAX.checked_shr(u32::from(*len).saturating_mul(8));
                u64::from_be_bytes(*eight) & !behind.unwrap_or(0)
            }
            _ => head(name(self.bytes().get(begin..).unwrap_or_default())),
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.many.truncate(len);
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// Adds the form of a JSON text.
pub(super) fn append(json: &str, out: &mut Forms) {
    let (json, begin) = (json.as_bytes(), out.len);
    if json.len() > ROOM {
        // A form is about as long as its text, unless it is of numbers.
        out.push_to_many(&[], json.len().saturating_add(json.len() / 8));
    }
    if write(json, out).is_none() {
        out.truncate(begin);
        out.push(&[mark(b'r')]);
        out.push(&eight(json.len()));
        out.push(json);
    }
}

/// Writes the form of a JSON text, if it has one. That it is JSON was seen before.
fn write(json: &[u8], out: &mut Forms) -> Option<()> {
    // The members so far of each object that is open.
    let mut members = SmallVec::<[Member; 32]>::new();
    // Of all that is open, whether it stands in an object, and its place in `members`.
    let mut open = SmallVec::<[(bool, usize); 16]>::new();
    let (mut in_object, mut is_name) = (false, false);
    let mut rest = json;
    while let Some(first) = rest.first() {
        let mut taken = 1;
        match first {
            b':' => {}
            b'"' => {
                let begin = out.len;
                taken = string(rest, out)?;
                // The colon is next, as a rule, or the comma.
                let next = rest.get(taken);
                if std::mem::take(&mut is_name) {
                    taken = taken.saturating_add(usize::from(next == Some(&b':')));
                    let head = out.head(begin);
                    members.push(Member { head, begin });
                } else if next == Some(&b',') {
                    taken = taken.saturating_add(1);
                    is_name = in_object;
                }
            }
            b'{' | b'[' if open.len() < MAX_DEPTH => {
                open.push((in_object, members.len()));
                in_object = *first == b'{';
                is_name = in_object;
                out.push(&[mark(*first)]);
            }
            b'}' | b']' => {
                let (outside, first_member) = open.pop()?;
                in_object = outside;
                sort(members.get(first_member..)?, out)?;
                members.truncate(first_member);
                out.push(&[mark(*first)]);
            }
            b',' => is_name = in_object,
            b'-' | b'0'..=b'9' => taken = number(rest, out)?,
            b't' | b'f' | b'n' => {
                out.push(&[mark(*first)]);
                taken = if *first == b'f' { 5 } else { 4 };
            }
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => return None,
        }
        rest = rest.get(taken..)?;
    }
    Some(())
}

/// Writes the string that `text` begins with; tells how long it is there.
#[inline]
fn string(text: &[u8], out: &mut Forms) -> Option<usize> {
    let room = out
        .room
        .get_mut(out.len..)
        .and_then(<[u8]>::first_chunk_mut);
    if let (Some(step), Some(room)) = (text.first_chunk::<STEP>(), room)
        && out.many.is_empty()
        && let Some(end) = end(step)
    {
        *room = *step;
        let [first, ..] = room;
        // Its length takes the place of the quote.
        *first = end.saturating_sub(1);
        let len = usize::from(end);
        out.len = out.len.saturating_add(len);
        return len.checked_add(1);
    }
    long_string(text, out)
}

/// Where the string ends that begins with this, if it ends here and nothing in it is escaped.
#[inline]
fn end(step: &[u8; STEP]) -> Option<u8> {
    const ONES: u64 = u64::MAX / 0xff;
    // Eight bytes at a time. The lowest bit that is set belongs to the first byte that is zero.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let (words, _) = step.as_chunks();
    let mut quote_before = 0xff;
    for (begin, word) in (0_u8..).step_by(8).zip(words) {
        let word = u64::from_le_bytes(*word) & !quote_before;
        quote_before = 0;
        let stops = zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c));
        if stops != 0 {
            let place = u8::try_from(stops.trailing_zeros() / 8).ok()?;
            let end = begin.saturating_add(place);
            return (step.get(usize::from(end)) == Some(&b'"')).then_some(end);
        }
    }
    None
}

fn long_string(text: &[u8], out: &mut Forms) -> Option<usize> {
    let len = memchr2(b'"', b'\\', text.get(1..)?)?.checked_add(1)?;
    if text.get(len) == Some(&b'"') {
        put(text.get(1..len)?, out);
        return len.checked_add(1);
    }
    let mut strings = serde_json::Deserializer::from_slice(text).into_iter::<String>();
    let string = strings.next()?.ok()?;
    put(string.as_bytes(), out);
    Some(strings.byte_offset())
}

fn put(string: &[u8], out: &mut Forms) {
    match u8::try_from(string.len()) {
        Ok(len @ ..0x80) => out.push(&[len]),
        _ => {
            out.push(&[mark(b'"')]);
            out.push(&eight(string.len()));
        }
    }
    out.push(string);
}

fn eight(len: usize) -> [u8; 8] {
    u64::try_from(len).unwrap_or(u64::MAX).to_be_bytes()
}

/// Writes the number that `text` begins with; tells how long it is there.
fn number(text: &[u8], out: &mut Forms) -> Option<usize> {
    let is_of_it = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let len = text.iter().take_while(|byte| is_of_it(byte)).count();
    out.push(&[mark(b'#')]);
    out.push(&decimal::form(text.get(..len)?)?);
    out.push(b";");
    Some(len)
}

/// Where the form of one member begins: it ends where the next one does.
#[derive(Clone, Copy)]
struct Member {
    /// The first bytes of the name, which tell most names apart.
    head: u64,
    begin: usize,
}

/// The first eight bytes, with zeros behind them where there are fewer.
fn head(name: &[u8]) -> u64 {
    if let Some(eight) = name.first_chunk() {
        return u64::from_be_bytes(*eight);
    }
    let mut head = [0; 8];
    for (to, from) in head.iter_mut().zip(name) {
        *to = *from;
    }
    u64::from_be_bytes(head)
}

/// Sorts these members, the last of which ends where `out` does, by their names; none if two have
/// the same.
fn sort(members: &[Member], out: &mut Forms) -> Option<()> {
    if members.is_sorted_by(|a, b| a.head < b.head) {
        return Some(());
    }
    let ends = members.iter().skip(1).map(|next| next.begin);
    let places = members.iter().zip(ends.chain([out.len]));
    let mut places: SmallVec<[(u64, Range<usize>); 32]> = places
        .map(|(member, end)| (member.head, member.begin..end))
        .collect();
    let done = out.bytes();
    let name = |place: &Range<usize>| name(done.get(place.clone()).unwrap_or_default());
    let order = |a: &(u64, Range<usize>), b: &(u64, Range<usize>)| {
        (a.0.cmp(&b.0)).then_with(|| name(&a.1).cmp(name(&b.1)))
    };
    places.sort_unstable_by(order);
    if !places.is_sorted_by(|a, b| order(a, b).is_lt()) {
        return None;
    }
    let end = out.len;
    for (_, place) in places {
        out.push_again(place);
    }
    out.take_back(end, members.first()?.begin);
    Some(())
}

/// The name that the form of a member begins with.
#[inline]
fn name(member: &[u8]) -> &[u8] {
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
        let mut forms = Forms::new();
        append(json, &mut forms);
        let raw = [&[mark(b'r')], &eight(json.len())[..], json.as_bytes()].concat();
        (forms.bytes() != raw).then(|| forms.bytes().to_vec())
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
            append(json, &mut forms);
            let mut alone = Forms::new();
            append(json, &mut alone);
            expected.extend_from_slice(alone.bytes());
            assert_eq!(forms.bytes(), expected);
            assert_eq!(forms.len(), expected.len());
        }
        forms.truncate(10);
        assert_eq!(forms.bytes(), &expected[..10]);
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
            append(&text, &mut Forms::new());
        }
    }
}
