//! Finds the fields of a rule in a JSON body, in one pass a level and without building a tree.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::de::IgnoredAny;

use super::error::EventErrorKind as Kind;
use super::pointer::Pointer;
use super::scan::Scan;

/// The fields that a rule looks for, as a tree of member names.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    root: Node,
    slots: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    slot: Option<usize>,
    children: BTreeMap<Box<str>, Node>,
}

impl Wanted {
    /// Adds a field and tells its slot in what [`Wanted::find`] returns.
    pub(super) fn add(&mut self, pointer: &Pointer) -> usize {
        let mut node = &mut self.root;
        for member in pointer.members() {
            node = node.children.entry(member.into()).or_default();
        }
        let next = self.slots;
        let slot = *node.slot.get_or_insert(next);
        if slot == next {
            self.slots = next.saturating_add(1);
        }
        slot
    }

    /// The raw text of each wanted field of `body`, by slot.
    pub(super) fn find<'b>(&self, body: &'b [u8]) -> Result<Found<'b>, Kind> {
        let mut search = Search {
            found: vec![None; self.slots],
            enclosing: Vec::new(),
        };
        let mut scan = Scan::new(body);
        if scan.peek() != Some(b'{') {
            return Err(no_object(body));
        }
        match search.object(&self.root, &mut scan) {
            Ok(()) if scan.peek().is_none() => Ok(Found(search.found)),
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

/// The raw JSON text of the wanted fields that are there.
#[derive(Debug)]
pub(super) struct Found<'b>(Vec<Option<&'b str>>);

impl<'b> Found<'b> {
    pub(super) fn get(&self, slot: usize) -> Option<&'b str> {
        self.0.get(slot).copied().flatten()
    }
}

struct Search<'b> {
    found: Vec<Option<&'b str>>,
    /// Room for [`Scan::value`].
    enclosing: Vec<u8>,
}

impl<'b> Search<'b> {
    /// Reads one object and, of its members, those that are wanted.
    fn object(&mut self, node: &Node, scan: &mut Scan<'b>) -> Result<(), Kind> {
        if scan.opens(b'}').ok_or(Kind::NotJson)? {
            return Ok(());
        }
        let mut seen = Names {
            few: Vec::with_capacity(Names::FEW),
            many: HashSet::new(),
        };
        loop {
            let name = scan.string().and_then(|name| name.read());
            let name = name.ok_or(Kind::NotJson)?;
            let child = node.children.get(&*name);
            if !seen.add(name) {
                return Err(Kind::DuplicateMember);
            }
            scan.take(b':').ok_or(Kind::NotJson)?;
            let raw = scan.value(&mut self.enclosing).ok_or(Kind::NotJson)?;
            if let Some(child) = child {
                let raw = std::str::from_utf8(raw).map_err(|_| Kind::NotJson)?;
                self.wanted(child, raw)?;
            }
            if !scan.goes_on(b'}').ok_or(Kind::NotJson)? {
                return Ok(());
            }
        }
    }

    /// Keeps a value that is wanted, or on the way to one.
    fn wanted(&mut self, node: &Node, raw: &'b str) -> Result<(), Kind> {
        if let Some(found) = node.slot.and_then(|slot| self.found.get_mut(slot)) {
            *found = Some(raw);
        }
        if node.children.is_empty() || !raw.starts_with('{') {
            return Ok(());
        }
        let inner = self.object(node, &mut Scan::new(raw.as_bytes()));
        // It is JSON, as was seen: what it lacks is names that are text.
        inner.map_err(|kind| match kind {
            Kind::NotJson => Kind::UnknownShape,
            kind => kind,
        })
    }
}

/// The names of one object's members so far. Few are looked through one by one, which takes less
/// than to hash them; many are hashed, so that the work does not grow with their square.
struct Names<'b> {
    few: Vec<Cow<'b, str>>,
    many: HashSet<Cow<'b, str>>,
}

impl<'b> Names<'b> {
    const FEW: usize = 16;

    /// Adds a name, and tells whether it was not there yet.
    fn add(&mut self, name: Cow<'b, str>) -> bool {
        if self.many.is_empty() {
            if self.few.contains(&name) {
                return false;
            }
            if self.few.len() < Self::FEW {
                self.few.push(name);
                return true;
            }
            self.many.extend(self.few.drain(..));
        }
        self.many.insert(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pointers: &[&str], body: &str) -> Result<Vec<Option<String>>, Kind> {
        let mut wanted = Wanted::default();
        let slots: Vec<_> = pointers
            .iter()
            .map(|pointer| wanted.add(&Pointer::parse(pointer).unwrap()))
            .collect();
        let found = wanted.find(body.as_bytes())?;
        Ok(slots
            .iter()
            .map(|slot| found.get(*slot).map(str::to_owned))
            .collect())
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
        wanted.add(&Pointer::parse("/id").unwrap());
        assert_eq!(
            wanted.find(b"{\"id\":\"\xff\"}").unwrap_err(),
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
