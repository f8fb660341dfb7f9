//! JSON serialized again, with each of its texts kept.

/// Deeper bodies are left unchanged.
const MAX_DEPTH: usize = 64;

/// A value as the texts that it consists of: numbers and strings as they were written.
pub(super) enum Json<'b> {
    Plain(&'b [u8]),
    List(Vec<Json<'b>>),
    Object(Vec<(&'b [u8], Json<'b>)>),
}

impl<'b> Json<'b> {
    /// The value of this body; `None` if it is not JSON.
    pub(super) fn parse(body: &'b [u8]) -> Option<Self> {
        let mut rest = Rest(body);
        let value = rest.value(0)?;
        rest.skip_blanks();
        rest.0.is_empty().then_some(value)
    }

    /// The same with the members of each object sorted by name.
    pub(super) fn sorted(self) -> Self {
        match self {
            Self::Plain(text) => Self::Plain(text),
            Self::List(items) => Self::List(items.into_iter().map(Self::sorted).collect()),
            Self::Object(members) => {
                let mut members: Vec<_> = (members.into_iter())
                    .map(|(name, value)| (name, value.sorted()))
                    .collect();
                members.sort_by_key(|(name, _)| *name);
                Self::Object(members)
            }
        }
    }

    /// Serializes it.
    pub(super) fn write(&self, style: &Style) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_to(style, 0, &mut out);
        out
    }

    fn write_to(&self, style: &Style, depth: usize, out: &mut Vec<u8>) {
        match self {
            Self::Plain(text) => style.text(text, out),
            Self::List(items) => style.all(items, [b'[', b']'], depth, out, |item, out| {
                item.write_to(style, depth.saturating_add(1), out);
            }),
            Self::Object(members) => {
                style.all(members, [b'{', b'}'], depth, out, |(name, value), out| {
                    style.text(name, out);
                    out.extend_from_slice(style.colon.as_bytes());
                    value.write_to(style, depth.saturating_add(1), out);
                });
            }
        }
    }
}

/// A style of writing JSON.
pub(super) struct Style {
    pub(super) comma: &'static str,
    pub(super) colon: &'static str,
    /// The indentation of each level, with each element on its own line.
    pub(super) indent: Option<&'static str>,
    pub(super) escapes: Escapes,
}

/// How characters in strings are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// Unchanged.
    Kept,
    /// `\/` for each slash.
    Slashes,
    /// `/` for each `\/`.
    NoSlashes,
    /// `\u00e9` for each non-ASCII character (Python).
    Ascii,
    /// Both (PHP).
    SlashesAndAscii,
    /// The character itself for `\u00e9` (JavaScript, Go, Rust).
    NoUnicode,
    /// `\u003c` for `<`, `>` and `&` (Go).
    Html,
}

impl Style {
    fn all<T>(
        &self,
        items: &[T],
        [open, close]: [u8; 2],
        depth: usize,
        out: &mut Vec<u8>,
        mut write: impl FnMut(&T, &mut Vec<u8>),
    ) {
        let line = |depth: usize, out: &mut Vec<u8>| {
            if let Some(indent) = self.indent {
                out.push(b'\n');
                (0..depth).for_each(|_| out.extend_from_slice(indent.as_bytes()));
            }
        };
        out.push(open);
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                out.extend_from_slice(self.comma.as_bytes());
            }
            line(depth.saturating_add(1), out);
            write(item, out);
        }
        if !items.is_empty() {
            line(depth, out);
        }
        out.push(close);
    }

    fn text(&self, text: &[u8], out: &mut Vec<u8>) {
        let plain = || std::str::from_utf8(text).ok();
        match (self.escapes, plain()) {
            (Escapes::Kept, _) | (_, None) => out.extend_from_slice(text),
            (Escapes::Slashes, Some(text)) => {
                let one = text.replace("\\/", "/").replace('/', "\\/");
                out.extend_from_slice(one.as_bytes());
            }
            (Escapes::NoSlashes, Some(text)) => {
                out.extend_from_slice(text.replace("\\/", "/").as_bytes());
            }
            (Escapes::Ascii, Some(text)) => ascii(text, out),
            (Escapes::SlashesAndAscii, Some(text)) => {
                ascii(&text.replace("\\/", "/").replace('/', "\\/"), out);
            }
            (Escapes::NoUnicode, Some(text)) => {
                // Read and written again by the library, which escapes no character without need.
                let read = serde_json::from_str::<String>(text).ok();
                let anew = read.and_then(|text| serde_json::to_string(&text).ok());
                out.extend_from_slice(anew.as_deref().unwrap_or(text).as_bytes());
            }
            (Escapes::Html, Some(text)) => {
                let anew = text.replace('<', "\\u003c").replace('>', "\\u003e");
                out.extend_from_slice(anew.replace('&', "\\u0026").as_bytes());
            }
        }
    }
}

/// Writes a string with non-ASCII characters escaped.
fn ascii(text: &str, out: &mut Vec<u8>) {
    let mut units = [0; 2];
    for c in text.chars() {
        match c.is_ascii() {
            true => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            false => (c.encode_utf16(&mut units).iter())
                .for_each(|unit| out.extend(format!("\\u{unit:04x}").bytes())),
        }
    }
}

/// The remaining text.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn skip_blanks(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        match self.0 {
            [first, rest @ ..] if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn cut(&mut self, len: usize) -> Option<&'b [u8]> {
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(text)
    }

    fn value(&mut self, depth: usize) -> Option<Json<'b>> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip_blanks();
        match self.0.first()? {
            b'[' => {
                self.take(b'[');
                let mut items = Vec::new();
                while !self.take(b']') {
                    if !items.is_empty() && !self.take(b',') {
                        return None;
                    }
                    items.push(self.value(depth.saturating_add(1))?);
                }
                Some(Json::List(items))
            }
            b'{' => {
                self.take(b'{');
                let mut members = Vec::new();
                while !self.take(b'}') {
                    if !members.is_empty() && !self.take(b',') {
                        return None;
                    }
                    self.skip_blanks();
                    let name = self.string()?;
                    if !self.take(b':') {
                        return None;
                    }
                    members.push((name, self.value(depth.saturating_add(1))?));
                }
                Some(Json::Object(members))
            }
            b'"' => self.string().map(Json::Plain),
            _ => {
                let is_end = |byte: &u8| b",]} \t\r\n".contains(byte);
                let len = self.0.iter().position(is_end).unwrap_or(self.0.len());
                (len > 0).then(|| self.cut(len).map(Json::Plain))?
            }
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'b [u8]> {
        let mut bytes = self.0.iter().enumerate();
        bytes.next().filter(|(_, byte)| **byte == b'"')?;
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()),
                b'"' => return self.cut(at.saturating_add(1)),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(comma: &'static str, colon: &'static str, escapes: Escapes) -> Style {
        Style {
            comma,
            colon,
            indent: None,
            escapes,
        }
    }

    /// The output of Python 3.11: `json.dumps(json.loads(text), …)`.
    #[test]
    fn json_is_written_as_others_write_it() {
        let text = "{\"b\": [1, 2.50, {}],\r\n\t\"a\": \"é/<&>\", \"c\": [ ] }";
        let write = |style: &Style| {
            String::from_utf8(Json::parse(text.as_bytes()).unwrap().write(style)).unwrap()
        };
        assert_eq!(
            write(&style(",", ":", Escapes::Kept)),
            r#"{"b":[1,2.50,{}],"a":"é/<&>","c":[]}"#
        );
        assert_eq!(
            write(&style(", ", ": ", Escapes::Ascii)),
            r#"{"b": [1, 2.50, {}], "a": "\u00e9/<&>", "c": []}"#
        );
        assert_eq!(
            write(&style(",", ":", Escapes::Slashes)),
            r#"{"b":[1,2.50,{}],"a":"é\/<&>","c":[]}"#
        );
        // Go's encoding/json.
        assert_eq!(
            write(&style(",", ":", Escapes::Html)),
            r#"{"b":[1,2.50,{}],"a":"é/\u003c\u0026\u003e","c":[]}"#
        );
        let pretty = Style {
            indent: Some("  "),
            ..style(",", ": ", Escapes::Kept)
        };
        assert_eq!(
            write(&pretty),
            "{\n  \"b\": [\n    1,\n    2.50,\n    {}\n  ],\n  \"a\": \"é/<&>\",\n  \"c\": []\n}"
        );
        let sorted = Json::parse(text.as_bytes()).unwrap().sorted();
        let sorted = sorted.write(&style(",", ":", Escapes::Kept));
        assert_eq!(sorted, r#"{"a":"é/<&>","b":[1,2.50,{}],"c":[]}"#.as_bytes());
    }

    #[test]
    fn what_is_no_json_is_none() {
        let deep = [vec![b'['; 100], vec![b']'; 100]].concat();
        for text in [&b""[..], b"{", b"[1,]x", b"{\"a\"}", b"\"", b"[1 2]", &deep] {
            assert!(Json::parse(text).is_none(), "{text:?}");
        }
    }
}
