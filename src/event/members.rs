//! Finds the fields of a rule in a JSON body, in one pass and without building a tree.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::EventErrorKind as Kind;
use super::pointer::Pointer;

/// A body as text: without one byte order mark before it, which RFC 8259 section 8.1 lets a reader
/// pass over, and with a replacement character for what is not UTF-8.
///
/// It borrows where all of it is UTF-8.
pub(crate) fn text(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed)
}

/// The fields that a rule looks for, in order: those with a way in common stand side by side.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted(Vec<Pointer>);

impl Wanted {
    pub(super) fn new<'a>(pointers: impl Iterator<Item = &'a Pointer>) -> Self {
        let mut pointers: Vec<_> = pointers.cloned().collect();
        pointers.sort_unstable();
        pointers.dedup();
        Self(pointers)
    }

    /// What stands in this body, which [`text`] has read, where the fields are looked for.
    ///
    /// # Errors
    ///
    /// A text that is no JSON, or no object.
    pub(super) fn find<'b>(&self, text: &'b str) -> Result<Found<'_, 'b>, Kind> {
        let mut places = vec![Place::default(); self.0.len()];
        match search(&self.0, &mut places, 0, text) {
            Ok(()) => Ok(Found {
                fields: &self.0,
                places,
                is_lossy: false,
            }),
            Err(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => Err(Kind::UnknownShape),
            Err(_) => Err(Kind::NotJson),
        }
    }
}

/// What stands where each field was looked for.
#[derive(Debug)]
pub(super) struct Found<'w, 'b> {
    fields: &'w [Pointer],
    places: Vec<Place<'b>>,
    /// Whether some of the body could not be read: a replacement character may stand for anything.
    pub(super) is_lossy: bool,
}

impl<'b> Found<'_, 'b> {
    /// The JSON text of a field, if it is there.
    ///
    /// # Errors
    ///
    /// It could be another one too: it stands twice, or a member on the way to it does.
    pub(super) fn get(&self, field: &Pointer) -> Result<Option<&'b str>, Kind> {
        let place = self.fields.iter().position(|other| other == field);
        match place.and_then(|place| self.places.get(place)) {
            Some(Place { twice: true, .. }) => Err(Kind::DuplicateMember),
            place => Ok(place.and_then(|place| place.text)),
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Place<'b> {
    text: Option<&'b str>,
    /// How much of the way to it is there.
    way: usize,
    /// Whether something on the way was met again.
    twice: bool,
}

/// Looks through a JSON object that stands at this depth on the way to all of these fields.
fn search<'b>(
    fields: &[Pointer],
    places: &mut [Place<'b>],
    depth: usize,
    text: &'b str,
) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Members {
        fields,
        places,
        depth,
    })?;
    json.end()
}

struct Members<'s, 'b> {
    fields: &'s [Pointer],
    places: &'s mut [Place<'b>],
    depth: usize,
}

impl Members<'_, '_> {
    /// The fields that a member of this name is, or leads to. A name that is no text is none of
    /// theirs.
    fn on_the_way(&self, quoted: &str) -> Range<usize> {
        let inner = quoted.strip_prefix('"');
        let plain = inner.and_then(|inner| inner.strip_suffix('"'));
        let plain = plain.unwrap_or(quoted);
        let name = if plain.contains('\\') {
            serde_json::from_str(quoted).map(Cow::Owned)
        } else {
            Ok(Cow::Borrowed(plain))
        };
        let Ok(name) = name else {
            return 0..0;
        };
        let leads_on = |field: &&Pointer| {
            let member = field.members().get(self.depth);
            member.is_some_and(|member| **member == *name)
        };
        let first = self.fields.iter().position(|field| leads_on(&field));
        let first = first.unwrap_or(self.fields.len());
        let rest = self.fields.get(first..).unwrap_or_default();
        first..first.saturating_add(rest.iter().take_while(leads_on).count())
    }
}

impl<'b> Visitor<'b> for Members<'_, 'b> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.depth;
        while let Some(name) = map.next_key::<&RawValue>()? {
            let range = self.on_the_way(name.get());
            let (Some(fields @ [_, ..]), Some(places)) =
                (self.fields.get(range.clone()), self.places.get_mut(range))
            else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let text = map.next_value::<&RawValue>()?.get();
            let mut leads_on = false;
            for (field, place) in fields.iter().zip(&mut *places) {
                place.twice |= place.way > depth;
                place.way = depth.saturating_add(1);
                if field.members().len() == place.way {
                    place.text = Some(text);
                } else {
                    leads_on = true;
                }
            }
            if leads_on && text.starts_with('{') {
                search(fields, places, depth.saturating_add(1), text).map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(pointers: &[&str], body: impl AsRef<[u8]>) -> Result<Vec<Option<String>>, Kind> {
        let pointers = pointers
            .iter()
            .map(|pointer| Pointer::parse(pointer).unwrap());
        let pointers: Vec<_> = pointers.collect();
        let wanted = Wanted::new(pointers.iter());
        let text = text(body.as_ref());
        let found = wanted.find(&text)?;
        let texts = pointers.iter().map(|pointer| found.get(pointer));
        texts.map(|text| Ok(text?.map(str::to_owned))).collect()
    }

    #[test]
    fn fields_are_found_as_they_were_written() {
        let body = r#"{"x":[{"id":0}],"id" : "evt_1","data":{"id": 1.50, "y":{}},"z":null}"#;
        let pointers = [
            "/id", "/data/id", "/data", "/z", "/none", "/x/id", "/id/x", "/data/id",
        ];
        let texts = find(&pointers, body).unwrap();
        let texts: Vec<_> = texts.iter().map(Option::as_deref).collect();
        assert_eq!(
            texts,
            [
                Some("\"evt_1\""),
                Some("1.50"),
                Some("{\"id\": 1.50, \"y\":{}}"),
                Some("null"),
                None,
                None,
                None,
                Some("1.50"),
            ]
        );
        assert_eq!(
            find(&["/id"], r#"{"\u0069d":7}"#).unwrap(),
            [Some("7".to_owned())]
        );
    }

    #[test]
    fn a_member_twice_on_the_way_is_refused_and_elsewhere_is_not() {
        let twice = Err(Kind::DuplicateMember);
        assert_eq!(find(&["/id"], r#"{"id":1,"id":1}"#), twice);
        assert_eq!(find(&["/id"], r#"{"id":1,"\u0069d":2}"#), twice);
        assert_eq!(find(&["/id"], r#"{"id":1,"id":2,"id":3}"#), twice);
        assert_eq!(find(&["/data/id"], r#"{"data":{"id":1,"id":2}}"#), twice);
        assert_eq!(find(&["/data/id"], r#"{"data":{},"data":{"id":2}}"#), twice);
        assert_eq!(find(&["/data/id"], r#"{"data":{"id":2},"data":1}"#), twice);
        assert_eq!(find(&["/a/b/c"], r#"{"a":{"b":{"c":1},"b":0}}"#), twice);
        assert_eq!(find(&["/a/b/c"], r#"{"a":0,"a":{"b":{"c":1}}}"#), twice);
        let once = |body: &str| {
            let found = find(&["/data/id", "/id"], body).unwrap();
            assert_eq!(
                found,
                [Some("1".to_owned()), Some("2".to_owned())],
                "{body}"
            );
        };
        once(r#"{"id":2,"x":{"y":1,"y":2},"data":{"x":0,"id":1,"x":{}}}"#);
        once(r#"{"id":2,"x":1,"x":2,"\ud83d":1,"\ud83d":1,"data":{"id":1}}"#);
        once(r#"{"x":{"id":1,"id":2},"data":{"id":1,"data":{"id":3}},"id":2,"ID":0,"":0,"":1}"#);
        let many: String = (0..1_000).map(|n| format!("\"m{}\":1,", n % 10)).collect();
        once(&format!(
            "{{{many}\"id\":2,{many}\"data\":{{{many}\"id\":1}}}}"
        ));
    }

    /// Else each level would double the work of the one below.
    #[test]
    fn a_member_twice_at_each_level_is_read_once_for_each_level_above() {
        let levels = "abcdefgh".chars().map(|name| format!("/{name}"));
        let pointer: String = levels.collect();
        let mut body = "1".to_owned();
        for name in "hgfedcba".chars() {
            body = format!("{{\"{name}\":{body},\"{name}\":{body}}}");
        }
        assert_eq!(find(&[&pointer], &body), Err(Kind::DuplicateMember));
    }

    #[test]
    fn what_is_no_json_is_told_from_what_is_no_object() {
        for body in [
            "",
            " ",
            "{",
            r#"{"id":1"#,
            r#"{"id":1}}"#,
            r#"{"id":01}"#,
            "{'id':1}",
            "nul",
            "\u{feff}\u{feff}{}",
            "{}\u{feff}",
            "{\u{feff}}",
            r#"{"id":"a"} x"#,
            r#"{"data":{"id":}}"#,
            "{\"x\":\"\u{1}\"}",
            "{\"\u{1}\":1,\"id\":1}",
            "{\"\n\\u0000\":1,\"id\":1}",
            r#"{"\x":1,"id":1}"#,
            r#"{"\ud83":1,"id":1}"#,
            r#"{"x":"\x"}"#,
            r#"{"x":"\u12g4"}"#,
            "[",
            "1 x",
        ] {
            assert_eq!(find(&["/id"], body), Err(Kind::NotJson), "{body}");
        }
        for body in ["[]", "1", "\"id\"", "null", r#"[{"id":1}]"#, "\u{feff}[]"] {
            assert_eq!(find(&["/id"], body), Err(Kind::UnknownShape), "{body}");
        }
        for body in [
            &b"\xff"[..],
            b"{\xff}",
            b"{}\xff",
            b"{\"id\":\xff}",
            b"\xef\xbb{}",
        ] {
            assert_eq!(find(&["/id"], body), Err(Kind::NotJson), "{body:?}");
        }
    }

    #[test]
    fn names_and_values_that_are_no_text_are_passed_over() {
        for body in [
            &b"\xef\xbb\xbf{\"id\":1}"[..],
            b"\xef\xbb\xbf \r\n{\"id\":1}\n",
            b"{\"\xff\":0,\"id\":1}",
            b"{\"x\":{\"\xff\":[\"\xc3\"]},\"id\":1}",
            br#"{"\ud800":0,"x":"\ud800","id":1}"#,
            b"{\"\xed\xa0\x80\":0,\"id\":1}",
        ] {
            assert_eq!(
                find(&["/id"], body).unwrap(),
                [Some("1".to_owned())],
                "{body:?}"
            );
        }
        // A field is not on the way to what is in it.
        let body = br#"{"data":{"\ud83d":1,"id":2,"\ud83d":3}}"#;
        let found = find(&["/data", "/data/id"], body).unwrap();
        let data = r#"{"\ud83d":1,"id":2,"\ud83d":3}"#;
        assert_eq!(found, [Some(data.to_owned()), Some("2".to_owned())]);
        // What a reader of text would make of such a name is another name.
        let body = b"{\"\\ud800\":1,\"\xed\xa0\x80\":1}";
        assert_eq!(find(&["/\u{fffd}"], body).unwrap(), [None]);
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
        let deep = format!("{{\"x\":{open}{close},\"id\":1}}");
        assert_eq!(find(&["/id"], &deep).unwrap(), [Some("1".to_owned())]);
        assert_eq!(
            find(&["/x"], &deep).unwrap()[0].as_deref().map(str::len),
            Some(200_000)
        );
    }

    proptest! {
        #[test]
        fn what_serde_json_accepts_is_accepted_and_nothing_else(
            text in r#"([\[\]{}:, ]|"[a\\u0"]{0,3}"|"a":|[0-9eE.+-]{1,4}|true|false|null){0,9}"#,
        ) {
            let accepted = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(find(&["/a/a"], &text) != Err(Kind::NotJson), accepted);
        }

        #[test]
        fn what_nobody_reads_changes_nothing(
            before in UNREAD, between in UNREAD, inside in UNREAD, after in UNREAD,
            mark: bool,
        ) {
            let bom = if mark { "\u{feff}" } else { "" };
            let body = format!(
                r#"{bom} {{{before}"id":"a",{between}"data":{{{inside}"id":[1]}},{after}"z":0}}"#
            );
            // Half of a character of two bytes, wherever one stands.
            let broken: Vec<_> = body.bytes().filter(|byte| *byte != 0xa9).collect();
            for body in [body.as_bytes(), &broken] {
                let found = find(&["/id", "/data/id", "/none"], body).unwrap();
                let found: Vec<_> = found.iter().map(Option::as_deref).collect();
                prop_assert_eq!(found, [Some("\"a\""), Some("[1]"), None]);
            }
        }
    }

    /// Members of any name but those that are read.
    const UNREAD: &str = concat!(
        r#"("(x|é|x\\u00e9|\\ud83d|ID|)" ?: ?"#,
        r#"(1e999|-0|"é\\ude00"|\{"id":1,"id":2\}|\[\[\[\]\]\]|null|"\{\\"id\\":1"),){0,4}"#
    );
}
