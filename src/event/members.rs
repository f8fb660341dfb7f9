//! Finds the fields of a rule in a JSON body, in one pass and without building a tree.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde::de::IgnoredAny;

use super::canonical::Forms;
use super::error::EventErrorKind as Kind;
use super::pointer::Pointer;
use super::scan::Scan;
use super::stops::Stops;

/// The fields that a rule looks for, as a tree of member names.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    root: Node,
    slots: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    slot: Option<usize>,
    /// Whether its canonical form is wanted too.
    form: bool,
    /// By name. They are few, and most names differ in length.
    children: Vec<(Box<[u8]>, Node)>,
}

impl Node {
    #[inline]
    fn child(&self, name: &[u8]) -> Option<&Self> {
        let mut children = self.children.iter();
        children.find_map(|(child, node)| (**child == *name).then_some(node))
    }

    /// The child of this name, which is made if there is none.
    fn grow(&mut self, name: &str) -> Option<&mut Self> {
        let name = name.as_bytes();
        let known = self.children.iter().position(|(child, _)| **child == *name);
        let place = known.unwrap_or(self.children.len());
        if known.is_none() {
            self.children.push((name.into(), Self::default()));
        }
        self.children.get_mut(place).map(|(_, child)| child)
    }
}

impl Wanted {
    /// Adds a field and tells its slot in what [`Wanted::find`] returns; with its `form`, if that
    /// is wanted once.
    pub(super) fn add(&mut self, pointer: &Pointer, form: bool) -> usize {
        let next = self.slots;
        let Some(node) = pointer.members().try_fold(&mut self.root, Node::grow) else {
            return next;
        };
        node.form |= form;
        let slot = *node.slot.get_or_insert(next);
        if slot == next {
            self.slots = next.saturating_add(1);
        }
        slot
    }

    /// Each wanted field of `body`, whose stops these are, by slot. Their forms are written to
    /// `room`, if it is enough.
    pub(super) fn find<'b>(
        &self,
        body: &'b [u8],
        stops: &'b Stops,
        room: &'b mut [u8],
    ) -> Result<Found<'b>, Kind> {
        let mut search = Search {
            found: Found {
                fields: vec![None; self.slots],
                forms: Forms::new(room),
            },
            utf8: body.is_ascii() || std::str::from_utf8(body).is_ok(),
            careful: false,
            enclosing: Vec::new(),
        };
        let mut scan = Scan::new(body, stops);
        if scan.peek() != Some(b'{') {
            return Err(no_object(body));
        }
        match search.object(&self.root, &mut scan) {
            Ok(()) if scan.peek().is_none() => Ok(search.found),
            Ok(()) => Err(Kind::NotJson),
            Err(Kind::UnknownShape) if !is_json(body) => Err(Kind::NotJson),
            Err(kind) => Err(kind),
        }
    }
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// Why a body that begins like no object is refused: right JSON has no shape that is known.
#[cold]
fn no_object(body: &[u8]) -> Kind {
    match serde_json::from_slice::<HashMap<String, IgnoredAny>>(body) {
        Err(error) if error.is_data() && is_json(body) => Kind::UnknownShape,
        _ => Kind::NotJson,
    }
}

/// The wanted fields that are there.
#[derive(Debug)]
pub(super) struct Found<'b> {
    fields: Vec<Option<There<'b>>>,
    forms: Forms<'b>,
}

/// A field that is there.
#[derive(Debug, Clone)]
pub(super) struct There<'b> {
    /// Its JSON text.
    pub(super) raw: &'b [u8],
    /// Its canonical form, where it is wanted: not every text has one.
    form: Option<Result<Range<usize>, Kind>>,
}

impl<'b> There<'b> {
    pub(super) fn text(&self) -> Option<&'b str> {
        std::str::from_utf8(self.raw).ok()
    }
}

impl<'b> Found<'b> {
    pub(super) fn get(&self, slot: usize) -> Option<&There<'b>> {
        self.fields.get(slot)?.as_ref()
    }

    /// The canonical form of a field of which it was wanted.
    pub(super) fn form(&self, field: &There<'_>) -> Result<&[u8], Kind> {
        let place = field.form.clone().unwrap_or(Err(Kind::NotJson))?;
        self.forms.get(place).ok_or(Kind::NotJson)
    }
}

struct Search<'b> {
    found: Found<'b>,
    /// Whether the whole body is: else names and wanted fields must be.
    utf8: bool,
    /// Whether something odd was met: nothing is tried in one pass any more, or each level would
    /// double the work of the one below.
    careful: bool,
    /// Room for [`Scan::value`].
    enclosing: Vec<u8>,
}

impl<'b> Search<'b> {
    /// Reads one object and, of its members, those that are wanted.
    fn object(&mut self, node: &Node, scan: &mut Scan<'b>) -> Result<(), Kind> {
        if scan.opens(b'}').ok_or(Kind::NotJson)? {
            return Ok(());
        }
        let mut seen = Names::default();
        loop {
            let name = scan.string().and_then(|name| name.bytes());
            let name = name.ok_or(Kind::NotJson)?;
            self.must_be_text(&name)?;
            let child = node.child(&name);
            if !seen.add(name) {
                return Err(Kind::DuplicateMember);
            }
            scan.take(b':').ok_or(Kind::NotJson)?;
            match child {
                Some(child) => self.wanted(child, scan)?,
                None => drop(scan.value(&mut self.enclosing).ok_or(Kind::NotJson)?),
            }
            if !scan.goes_on(b'}').ok_or(Kind::NotJson)? {
                return Ok(());
            }
        }
    }

    /// Keeps a value that is wanted, or on the way to one.
    fn wanted(&mut self, node: &Node, scan: &mut Scan<'b>) -> Result<(), Kind> {
        let mut leads_on = scan.peek() == Some(b'{') && !node.children.is_empty();
        let begin = *scan;
        let form = node.form.then(|| self.found.forms.append(scan));
        if !matches!(form, Some(Ok(_))) {
            let kept = self.found.forms.len();
            // In one pass if nothing is odd, else the value is seen to be JSON first.
            if leads_on && self.utf8 && !self.careful && self.object(node, scan).is_ok() {
                leads_on = false;
            } else {
                self.careful |= leads_on;
                self.found.forms.truncate(kept);
                *scan = begin;
                scan.value(&mut self.enclosing).ok_or(Kind::NotJson)?;
            }
        }
        let raw = scan.since(&begin).ok_or(Kind::NotJson)?;
        self.must_be_text(raw)?;
        if let Some(field) = node.slot.and_then(|slot| self.found.fields.get_mut(slot)) {
            *field = Some(There { raw, form });
        }
        if !leads_on {
            return Ok(());
        }
        // It is JSON, as was seen: what it lacks is names that are text.
        let mut scan = begin;
        self.object(node, &mut scan).map_err(|kind| match kind {
            Kind::NotJson => Kind::UnknownShape,
            kind => kind,
        })
    }

    #[inline]
    fn must_be_text(&self, bytes: &[u8]) -> Result<(), Kind> {
        if self.utf8 || std::str::from_utf8(bytes).is_ok() {
            Ok(())
        } else {
            Err(Kind::NotJson)
        }
    }
}

/// How many names are looked through one by one.
const FEW: usize = 16;

/// The names of one object's members so far. Few are looked through one by one, which takes less
/// than to hash them; many are hashed, so that the work does not grow with their square.
#[derive(Default)]
struct Names<'b> {
    /// A bit for each of `few`, which most others do not have.
    marks: u64,
    few: [&'b [u8]; FEW],
    len: usize,
    many: Option<HashSet<Cow<'b, [u8]>>>,
}

impl<'b> Names<'b> {
    /// Adds a name, and tells whether it was not there yet.
    #[inline]
    fn add(&mut self, name: Cow<'b, [u8]>) -> bool {
        let (None, Cow::Borrowed(plain)) = (&self.many, &name) else {
            return self.add_to_many(name);
        };
        let mark = Self::mark(plain);
        if self.marks & mark != 0 && self.few().contains(plain) {
            return false;
        }
        let Some(place) = self.few.get_mut(self.len) else {
            return self.add_to_many(name);
        };
        self.marks |= mark;
        *place = plain;
        self.len = self.len.saturating_add(1);
        true
    }

    fn few(&self) -> &[&'b [u8]] {
        self.few.get(..self.len).unwrap_or_default()
    }

    /// Where there are many, or one is escaped and has no place in the body.
    #[inline(never)]
    fn add_to_many(&mut self, name: Cow<'b, [u8]>) -> bool {
        let few = self.few.get(..self.len).unwrap_or_default();
        let many = self
            .many
            .get_or_insert_with(|| few.iter().copied().map(Cow::Borrowed).collect());
        many.insert(name)
    }

    #[inline]
    fn mark(name: &[u8]) -> u64 {
        let (first, last) = (name.first().copied(), name.last().copied());
        let by = u32::from(first.unwrap_or_default())
            ^ (u32::from(last.unwrap_or_default()) << 2)
            ^ (u32::try_from(name.len()).unwrap_or_default() << 3);
        1_u64.rotate_left(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pointers: &[&str], body: &str) -> Result<Vec<Option<String>>, Kind> {
        let mut wanted = Wanted::default();
        let slots: Vec<_> = pointers
            .iter()
            .map(|pointer| wanted.add(&Pointer::parse(pointer).unwrap(), false))
            .collect();
        let stops = Stops::of(body.as_bytes());
        let found = wanted.find(body.as_bytes(), &stops, &mut [])?;
        Ok(slots
            .iter()
            .map(|slot| Some(String::from_utf8(found.get(*slot)?.raw.to_vec()).unwrap()))
            .collect())
    }

    /// What is odd at the bottom is odd at each level above it, which must not double the work.
    #[test]
    fn a_member_that_comes_twice_deep_down_is_read_a_few_times_only() {
        let members: Vec<_> = (0..1_000).map(|number| format!("\"{number}\":1")).collect();
        let big = format!("{{{}}}", members.join(","));
        let (mut pointer, mut body) = (String::new(), format!("{{\"m7\":{big},\"x\":1,\"x\":1}}"));
        for level in 0..8 {
            pointer.push_str(&format!("/m{level}"));
        }
        for level in (0..7).rev() {
            body = format!("{{\"m{level}\":{body}}}");
        }
        let mut wanted = Wanted::default();
        wanted.add(&Pointer::parse(&pointer).unwrap(), true);
        let stops = Stops::of(body.as_bytes());
        let mut search = Search {
            found: Found {
                fields: vec![None],
                forms: Forms::default(),
            },
            utf8: true,
            careful: false,
            enclosing: Vec::new(),
        };
        let mut scan = Scan::new(body.as_bytes(), &stops);
        let outcome = search.object(&wanted.root, &mut scan);
        assert_eq!(outcome, Err(Kind::DuplicateMember));
        // Each time that it is read leaves a form, unless it was taken back.
        assert!(search.found.forms.len() < 2 * big.len());
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
        assert_eq!(find(&["/id"], r#"{"id":1,"x":1,"x":2}"#), twice);
        assert_eq!(find(&["/data/id"], r#"{"data":{"id":1,"id":2}}"#), twice);
        assert_eq!(find(&["/data/id"], r#"{"data":{},"data":{"id":2}}"#), twice);
        assert!(find(&["/id"], r#"{"id":1,"x":{"y":1,"y":2}}"#).is_ok());
        // However many members there are, wherever the two stand.
        for (first, second) in [(0, 1), (0, 15), (0, 16), (15, 16), (3, 40), (38, 39)] {
            let name = |place| if place == second { first } else { place };
            let members: Vec<_> = (0..41)
                .map(|place| format!("\"m{}\":1", name(place)))
                .collect();
            assert_eq!(find(&["/id"], &format!("{{{}}}", members.join(","))), twice);
        }
        let members: Vec<_> = (0..41).map(|place| format!("\"m{place}\":1")).collect();
        assert!(find(&["/id"], &format!("{{{}}}", members.join(","))).is_ok());
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
            "\u{feff}{}",
            r#"{"id":"a"} x"#,
            r#"{"data":{"id":}}"#,
            "[",
            "1 x",
            // Half of a surrogate pair: no text, so no name (RFC 8259 section 8.2).
            r#"{"\ud800":1}"#,
        ] {
            assert_eq!(find(&["/id"], body), Err(Kind::NotJson), "{body}");
        }
        for body in ["[]", "1", "\"id\"", "null", r#"[{"id":1}]"#] {
            assert_eq!(find(&["/id"], body), Err(Kind::UnknownShape), "{body}");
        }
        let mut wanted = Wanted::default();
        wanted.add(&Pointer::parse("/id").unwrap(), false);
        let body = b"{\"id\":\"\xff\"}";
        assert_eq!(
            wanted.find(body, &Stops::of(body), &mut []).unwrap_err(),
            Kind::NotJson
        );
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
}
