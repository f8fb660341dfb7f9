//! Finds the fields of a rule in a JSON body, in one pass and without building a tree.

use std::mem::take;
use std::ops::Range;

use super::canonical::Forms;
use super::error::EventErrorKind as Kind;
use super::json::{Json, Piece, Sink};
use super::pointer::Pointer;

/// The fields that a rule looks for, each with whether its form is needed, sorted: fields with a
/// common path are adjacent.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted(Vec<(Pointer, bool)>);

impl Wanted {
    pub(super) fn new(pointers: impl Iterator<Item = (Pointer, bool)>) -> Self {
        let mut pointers: Vec<_> = pointers.collect();
        // A field that is wanted both with and without its form is kept with its form.
        pointers.sort_unstable_by(|(a, a_form), (b, b_form)| (a, b_form).cmp(&(b, a_form)));
        pointers.dedup_by(|(a, _), (b, _)| a == b);
        Self(pointers)
    }

    /// Finds the fields in this body. Their forms are written to `forms`.
    ///
    /// # Errors
    ///
    /// A body that is not JSON, or not an object.
    pub(super) fn find<'a>(
        &'a self,
        body: &'a [u8],
        forms: &'a mut Forms,
    ) -> Result<Found<'a>, Kind> {
        let mut places: Vec<_> = self.0.iter().map(FoundField::new).collect();
        let json = Json::new(body);
        let mut search = Search { json, forms };
        if search.json.peek() != Some(b'{') {
            let is_json = Json::whole(body, &mut ()).is_some();
            return Err(if is_json {
                Kind::UnknownShape
            } else {
                Kind::NotJson
            });
        }
        let begin = search.json.at;
        search.object(&mut places, 0).ok_or(Kind::NotJson)?;
        let Search { mut json, forms } = search;
        let object = json.since(begin).unwrap_or_default();
        match json.peek() {
            Some(_) => Err(Kind::NotJson),
            None => Ok(Found {
                places,
                forms,
                object,
                unreadable: json.unreadable,
            }),
        }
    }
}

/// The values of the fields.
#[derive(Debug)]
pub(super) struct Found<'a> {
    places: Vec<FoundField<'a>>,
    forms: &'a Forms,
    /// The whole object.
    pub(super) object: &'a [u8],
    /// Whether part of the body was unreadable: a replacement character may stand for anything.
    pub(super) unreadable: bool,
}

/// The value of an unreadable field.
const UNREADABLE: &[u8] = "\u{fffd}".as_bytes();

impl<'a> Found<'a> {
    /// A field, if it is present.
    ///
    /// # Errors
    ///
    /// The field is ambiguous: it occurs twice, or a member on the path to it does.
    pub(super) fn get(&self, field: &Pointer) -> Result<Option<&FoundField<'a>>, Kind> {
        let mut places = self.places.iter();
        let place = places.find(|place| place.pointer.is_clone_of(field));
        match place.or_else(|| self.of_equal(field)) {
            Some(FoundField { twice: true, .. }) => Err(Kind::DuplicateMember),
            place => Ok(place.filter(|place| !place.raw.is_empty())),
        }
    }

    #[cold]
    #[inline(never)]
    fn of_equal(&self, field: &Pointer) -> Option<&FoundField<'a>> {
        self.places.iter().find(|place| place.pointer == field)
    }

    /// The form of a field, if it was requested; a replacement character if it cannot be read.
    pub(super) fn form(&self, field: &FoundField<'_>) -> &[u8] {
        if field.unreadable {
            return UNREADABLE;
        }
        self.forms.get(field.form.clone())
    }

    /// Whether this may differ from what the sender wrote.
    pub(super) fn is_doubtful(&self, text: &[u8]) -> bool {
        let replaced = |bytes: &[u8]| bytes == UNREADABLE;
        self.unreadable && text.windows(UNREADABLE.len()).any(replaced)
    }
}

/// A field, present or not.
#[derive(Debug, Clone)]
pub(super) struct FoundField<'a> {
    pointer: &'a Pointer,
    wants_form: bool,
    /// Its JSON text; empty if it is absent.
    pub(super) raw: &'a [u8],
    /// The range of its form, if that was requested.
    form: Range<usize>,
    pub(super) unreadable: bool,
    /// How much of the path to it is present.
    way: usize,
    /// Whether a member on the path occurred again.
    twice: bool,
}

impl<'a> FoundField<'a> {
    fn new((pointer, wants_form): &'a (Pointer, bool)) -> Self {
        Self {
            pointer,
            wants_form: *wants_form,
            raw: b"",
            form: 0..0,
            unreadable: false,
            way: 0,
            twice: false,
        }
    }
}

struct Search<'a> {
    json: Json<'a>,
    forms: &'a mut Forms,
}

impl<'a> Search<'a> {
    /// Reads the next object, which is at this depth on the path to all of these fields.
    fn object(&mut self, fields: &mut [FoundField<'a>], depth: usize) -> Option<()> {
        self.json.take(b'{')?;
        if self.json.take(b'}').is_some() {
            return Some(());
        }
        loop {
            let mut way = Way {
                fields,
                depth,
                found: 0..0,
            };
            self.json.name(&mut way)?;
            let found = way.found;
            if found.is_empty() {
                self.json.skip()?;
            } else {
                self.member(fields.get_mut(found)?, depth.saturating_add(1))?;
            }
            if self.json.take(b',').is_none() {
                return self.json.take(b'}');
            }
        }
    }

    /// Reads the value of a member that is the first of these fields, or on the path to them.
    fn member(&mut self, fields: &mut [FoundField<'a>], way: usize) -> Option<()> {
        for field in &mut *fields {
            field.twice |= field.way >= way;
            field.way = way;
        }
        let first = fields.first()?;
        let (ends, wants_form) = (first.pointer.members().len() == way, first.wants_form);
        let deeper = fields.get_mut(usize::from(ends)..)?;
        let leads_on = self.json.peek()? == b'{' && !deeper.is_empty();
        let (begin, before) = (self.json.at, take(&mut self.json.unreadable));
        let form = (ends && wants_form).then(|| self.forms.append(&mut self.json));
        if leads_on {
            self.json.at = begin;
            self.object(deeper, way)?;
        } else if form.is_none() {
            self.json.skip()?;
        }
        if ends {
            let field = fields.first_mut()?;
            field.raw = self.json.since(begin)?;
            field.form = form.unwrap_or(Some(0..0))?;
            field.unreadable = self.json.unreadable;
        }
        self.json.unreadable |= before;
        Some(())
    }
}

/// Finds which of these fields a member at this depth is, or leads to.
struct Way<'f> {
    fields: &'f [FoundField<'f>],
    depth: usize,
    found: Range<usize>,
}

impl Sink for Way<'_> {
    #[inline(always)]
    fn take(&mut self, piece: Piece<'_>) -> Option<()> {
        // A name that is not valid text matches none of the fields.
        if let Piece::Name(name) = piece
            && let Some(name) = name.bytes()
        {
            let leads_on = |field: &&FoundField<'_>| {
                let member = field.pointer.members().get(self.depth);
                member.is_some_and(|member| *member.as_bytes() == *name)
            };
            if let Some(first) = self.fields.iter().position(|field| leads_on(&field)) {
                let behind = first.wrapping_add(1);
                let more = self.fields.iter().skip(behind).take_while(leads_on);
                self.found = first..behind.wrapping_add(more.count());
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn find(pointers: &[&str], body: impl AsRef<[u8]>) -> Result<Vec<Option<String>>, Kind> {
        let pointers = pointers
            .iter()
            .map(|pointer| Pointer::parse(pointer).unwrap());
        let pointers: Vec<_> = pointers.collect();
        let wanted = Wanted::new(pointers.iter().map(|pointer| (pointer.clone(), false)));
        let mut forms = Forms::new();
        let found = wanted.find(body.as_ref(), &mut forms)?;
        let texts = pointers.iter().map(|pointer| found.get(pointer));
        let text = |place: &FoundField<'_>| String::from_utf8_lossy(place.raw).into_owned();
        texts.map(|place| Ok(place?.map(text))).collect()
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

    /// Otherwise each level would double the work of the level below it.
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
            "[",
            "1 x",
            "{NaN:1}",
            r#"{"id":NaNNaN}"#,
            r#"{"id":+Infinity}"#,
            r#"{"id":--Infinity}"#,
            "{\"id\"\u{1}:1}",
            r#"{"x":"\u12"#,
            r#"{"x":"\"#,
            r#"{"x":"\"}"#,
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
    fn what_is_nearly_json_is_read_and_known_as_such() {
        for body in [
            &b"{\"x\":\"\x01\",\"id\":1}"[..],
            b"{\"\x01\":1,\"id\":1}",
            b"{\"\n\\u0000\":1,\"id\":1}",
            br#"{"\x":1,"id":1}"#,
            br#"{"\ud83":1,"id":1}"#,
            br#"{"x":"\x","id":1}"#,
            br#"{"x":"\u12g4","id":1}"#,
            br#"{"x":"\u","id":1}"#,
            br#"{"x":[NaN,-Infinity,Infinity],"id":1}"#,
            b"{\"id\":1,\"x\":\"\xff\"}",
        ] {
            let strict = std::str::from_utf8(body).map(serde_json::from_str::<IgnoredAny>);
            assert!(!strict.is_ok_and(|read| read.is_ok()));
            let id = [Some("1".to_owned())];
            assert_eq!(find(&["/id"], body).unwrap(), id, "{body:?}");
            assert!(is_unreadable(body), "{body:?}");
        }
        assert!(!is_unreadable(br#"{"x":"\ud83d\u0000\b","id":-1E+0}"#));
    }

    fn is_unreadable(body: &[u8]) -> bool {
        let mut json = Json::new(body);
        json.skip().is_some() && json.unreadable
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
        // A field is not on the path to its own members.
        let body = br#"{"data":{"\ud83d":1,"id":2,"\ud83d":3}}"#;
        let found = find(&["/data", "/data/id"], body).unwrap();
        let data = r#"{"\ud83d":1,"id":2,"\ud83d":3}"#;
        assert_eq!(found, [Some(data.to_owned()), Some("2".to_owned())]);
        // A text reader would turn such a name into another name.
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
            let read = find(&["/a/a"], &text) != Err(Kind::NotJson);
            prop_assert_eq!(read && !is_unreadable(text.as_bytes()), accepted);
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
            // Half of a two-byte character, at each place.
            let broken: Vec<_> = body.bytes().filter(|byte| *byte != 0xa9).collect();
            for body in [body.as_bytes(), &broken] {
                let found = find(&["/id", "/data/id", "/none"], body).unwrap();
                let found: Vec<_> = found.iter().map(Option::as_deref).collect();
                prop_assert_eq!(found, [Some("\"a\""), Some("[1]"), None]);
            }
        }
    }

    /// Members of any name except those that are read.
    const UNREAD: &str = concat!(
        r#"("(x|é|x\\u00e9|\\ud83d|ID|)" ?: ?"#,
        r#"(1e999|-0|"é\\ude00"|\{"id":1,"id":2\}|\[\[\[\]\]\]|null|"\{\\"id\\":1"),){0,4}"#
    );
}
