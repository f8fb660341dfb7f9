//! Finds the fields of a rule in a JSON body, in one pass a level and without building a tree.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor,
};
use serde_json::value::RawValue;

use super::error::EventErrorKind as Kind;
use super::pointer::Pointer;

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
            duplicate: false,
        };
        let mut json = serde_json::Deserializer::from_slice(body);
        let outcome = Members {
            node: &self.root,
            search: &mut search,
        }
        .deserialize(&mut json)
        .and_then(|()| json.end());
        match outcome {
            Ok(()) => Ok(Found(search.found)),
            Err(_) if search.duplicate => Err(Kind::DuplicateMember),
            // Right JSON that is no object.
            Err(error) if error.is_data() && serde_json::from_slice::<IgnoredAny>(body).is_ok() => {
                Err(Kind::UnknownShape)
            }
            Err(_) => Err(Kind::NotJson),
        }
    }
}

/// The raw JSON text of the wanted fields that are there.
#[derive(Debug)]
pub(super) struct Found<'b>(Vec<Option<&'b RawValue>>);

impl<'b> Found<'b> {
    pub(super) fn get(&self, slot: usize) -> Option<&'b str> {
        self.0.get(slot).copied().flatten().map(RawValue::get)
    }
}

struct Search<'b> {
    found: Vec<Option<&'b RawValue>>,
    duplicate: bool,
}

/// Reads one object and, of its members, those that are wanted.
struct Members<'s, 'b> {
    node: &'s Node,
    search: &'s mut Search<'b>,
}

impl<'b> DeserializeSeed<'b> for Members<'_, 'b> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'b> Visitor<'b> for Members<'_, 'b> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = Names::default();
        while let Some(Name(name)) = map.next_key()? {
            let child = self.node.children.get(&*name);
            if !seen.add(name) {
                self.search.duplicate = true;
                return Err(A::Error::custom("a member stands twice"));
            }
            let Some(child) = child else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let raw: &'b RawValue = map.next_value()?;
            if let Some(found) = child.slot.and_then(|slot| self.search.found.get_mut(slot)) {
                *found = Some(raw);
            }
            if !child.children.is_empty() && raw.get().starts_with('{') {
                let mut json = serde_json::Deserializer::from_str(raw.get());
                Members {
                    node: child,
                    search: self.search,
                }
                .deserialize(&mut json)
                .map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}

/// The names of one object's members so far. Few are looked through one by one, which takes less
/// than to hash them; many are hashed, so that the work does not grow with their square.
#[derive(Default)]
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

/// A member's name, unescaped; borrowed from the body where it needs no unescaping.
struct Name<'b>(Cow<'b, str>);

impl<'b> Deserialize<'b> for Name<'b> {
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'b> Visitor<'b> for Text {
            type Value = Name<'b>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'b str) -> Result<Name<'b>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'b>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
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
