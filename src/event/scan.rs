//! Steps through JSON text (RFC 8259) by its bytes: what is no JSON is told, nothing is built.

use std::borrow::Cow;

/// What is left of a JSON text.
pub(super) struct Scan<'b> {
    rest: &'b [u8],
}

/// A string as it stands in the text.
pub(super) enum Text<'b> {
    /// Between its quotes is what it means.
    Plain(&'b [u8]),
    /// With its quotes.
    Escaped(&'b [u8]),
}

impl<'b> Text<'b> {
    /// The bytes that it means, if each escape means one: half of a surrogate pair does not.
    #[inline]
    pub(super) fn bytes(&self) -> Option<Cow<'b, [u8]>> {
        match self {
            Self::Plain(inner) => Some(Cow::Borrowed(inner)),
            Self::Escaped(quoted) => {
                let text: String = serde_json::from_slice(quoted).ok()?;
                Some(Cow::Owned(text.into_bytes()))
            }
        }
    }

    /// The text that it means, if it means one.
    pub(super) fn read(&self) -> Option<Cow<'b, str>> {
        match self {
            Self::Plain(inner) => std::str::from_utf8(inner).ok().map(Cow::Borrowed),
            Self::Escaped(quoted) => serde_json::from_slice(quoted).ok().map(Cow::Owned),
        }
    }
}

impl<'b> Scan<'b> {
    pub(super) fn new(text: &'b [u8]) -> Self {
        Self { rest: text }
    }

    /// The next byte that is not white space, which is dropped.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    /// Takes this byte, after white space.
    #[inline]
    pub(super) fn take(&mut self, wanted: u8) -> Option<()> {
        self.peek();
        let (first, rest) = self.rest.split_first()?;
        (*first == wanted).then(|| self.rest = rest)
    }

    /// Takes what opens an object or array, which is next, and its end if that comes at once;
    /// tells whether it did.
    #[inline]
    pub(super) fn opens(&mut self, end: u8) -> Option<bool> {
        self.rest = self.rest.get(1..)?;
        let empty = self.peek()? == end;
        if empty {
            self.rest = self.rest.get(1..)?;
        }
        Some(empty)
    }

    /// Takes a comma, or the end of the object or array; tells which.
    #[inline]
    pub(super) fn goes_on(&mut self, end: u8) -> Option<bool> {
        let next = self.peek()?;
        self.rest = self.rest.get(1..)?;
        match next {
            b',' => Some(true),
            _ if next == end => Some(false),
            _ => None,
        }
    }

    /// Takes a member's name and its colon.
    pub(super) fn name(&mut self) -> Option<Text<'b>> {
        let name = self.string()?;
        self.take(b':')?;
        Some(name)
    }

    /// Takes a string, after white space.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Text<'b>> {
        self.peek();
        let whole = self.rest;
        let inner = whole.strip_prefix(b"\"")?;
        let (head, rest) = inner.split_at_checked(plain(inner))?;
        if let [b'"', rest @ ..] = rest {
            self.rest = rest;
            return Some(Text::Plain(head));
        }
        self.rest = after_escapes(rest)?;
        let len = whole.len().saturating_sub(self.rest.len());
        whole.get(..len).map(Text::Escaped)
    }

    /// Takes a number.
    pub(super) fn number(&mut self) -> Option<&'b [u8]> {
        let whole = self.rest;
        let unsigned = whole.strip_prefix(b"-").unwrap_or(whole);
        let mut rest = match unsigned {
            [b'0', rest @ ..] => rest,
            _ => digits(unsigned)?,
        };
        if let [b'.', fraction @ ..] = rest {
            rest = digits(fraction)?;
        }
        if let [b'e' | b'E', exponent @ ..] = rest {
            rest = digits(match exponent {
                [b'+' | b'-', exponent @ ..] => exponent,
                _ => exponent,
            })?;
        }
        self.rest = rest;
        whole.get(..whole.len().saturating_sub(rest.len()))
    }

    /// Takes `true`, `false` or `null`, and tells its initial.
    pub(super) fn word(&mut self) -> Option<u8> {
        let initial = self.rest.first().copied()?;
        let rest = match initial {
            b't' => self.rest.strip_prefix(b"true"),
            b'f' => self.rest.strip_prefix(b"false"),
            _ => self.rest.strip_prefix(b"null"),
        };
        self.rest = rest?;
        Some(initial)
    }

    /// Takes any value, after white space, and returns its text. `enclosing` holds the ends of
    /// what is open, so that no nesting costs stack.
    pub(super) fn value(&mut self, enclosing: &mut Vec<u8>) -> Option<&'b [u8]> {
        enclosing.clear();
        self.peek();
        let whole = self.rest;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                open @ (b'{' | b'[') => {
                    let end = if open == b'{' { b'}' } else { b']' };
                    if !self.opens(end)? {
                        enclosing.push(end);
                        if end == b'}' {
                            self.name()?;
                        }
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => {
                    self.number()?;
                }
                _ => {
                    self.word()?;
                }
            }
            loop {
                let Some(end) = enclosing.last().copied() else {
                    return whole.get(..whole.len().saturating_sub(self.rest.len()));
                };
                if self.goes_on(end)? {
                    if end == b'}' {
                        self.name()?;
                    }
                    break;
                }
                enclosing.pop();
            }
        }
    }
}

/// What follows a string, of which an escape is next.
fn after_escapes(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    loop {
        rest = match rest {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', b'u', a, b, c, d, rest @ ..]
                if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                rest
            }
            [
                b'\\',
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                rest @ ..,
            ] => rest,
            _ => return None,
        };
        rest = rest.get(plain(rest)..)?;
    }
}

/// What follows the digits that `text` begins with, of which there must be one.
fn digits(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    while let [b'0'..=b'9', tail @ ..] = rest {
        rest = tail;
    }
    (rest.len() < text.len()).then_some(rest)
}

/// How many bytes stand before the first quote, backslash or control character.
#[inline]
fn plain(text: &[u8]) -> usize {
    // Eight bytes at a time. Subtraction sets the high bit of each that stops, which has none of
    // its own; a borrow is handed on upwards only, so the lowest that is set is right. Flipping
    // 0x02 puts the quote right behind the control characters.
    const ONES: u64 = u64::MAX / 0xff;
    let (eights, rest) = text.as_chunks::<8>();
    for (place, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let quote = (eight ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
        let backslash = (eight ^ (ONES * 0x5c)).wrapping_sub(ONES);
        let stops = (quote | backslash) & !eight & (ONES * 0x80);
        if stops != 0 {
            let within = usize::try_from(stops.trailing_zeros() / 8).unwrap_or_default();
            return place.saturating_mul(8).saturating_add(within);
        }
    }
    let stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let within = rest.iter().position(stop).unwrap_or(rest.len());
    eights.len().saturating_mul(8).saturating_add(within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    /// The whole text as one value.
    fn value(text: &[u8]) -> Option<&[u8]> {
        let mut scan = Scan::new(text);
        let value = scan.value(&mut Vec::new())?;
        scan.peek().is_none().then_some(value)
    }

    #[test]
    fn a_value_is_taken_as_it_is_written() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-0.5e-07",
            "1E+9",
            r#""""#,
            r#""12345678\"\\\/\b\f\n\r\t\u00e9 é""#,
            r#"{"a" : [ {} , [ ] ] ,"b":{"c":"}"}}"#,
            "[[1,2],{\"\":[]},\"]\"]",
        ] {
            let spaced = format!(" \t\r\n{text} \n");
            assert_eq!(value(spaced.as_bytes()), Some(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            " ",
            "nul",
            "truE",
            "nulll",
            "tru",
            "fals",
            "01",
            "-",
            "-a",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "\"",
            "\"a",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u123\"",
            "\"\n\"",
            "\"12345678\u{1f}\"",
            "[",
            "]",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "{",
            "}",
            "{]",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{\"a\":1,2}",
            "{\"a\" 1}",
            "{a:1}",
            "{1:1}",
            "{\"a\":1]",
            "[{\"a\":1],2}",
            "1 x",
            "\u{feff}1",
            "\u{a0}1",
        ] {
            assert_eq!(value(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_string_means_what_its_escapes_mean() {
        let read = |text: &'static [u8]| {
            let string = Scan::new(text).string()?;
            let (text, bytes) = (string.read(), string.bytes());
            assert!(text.is_none() || bytes.as_deref() == text.as_deref().map(str::as_bytes));
            text
        };
        assert_eq!(read(b" \"a b\" x").as_deref(), Some("a b"));
        assert_eq!(
            read(br#""\ud83d\ude00\"\/\u0041""#).as_deref(),
            Some("😀\"/A")
        );
        assert!(matches!(read(b"\"plain\""), Some(Cow::Borrowed("plain"))));
        for text in [
            &b"\"\\ud800\""[..],
            b"\"\\ude00\\ud83d\"",
            b"\"\xff\"",
            b"a",
            b"",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_first_that_stops_a_string_is_found_wherever_it_stands() {
        for stop in [b'"', b'\\', 0, 0x1f] {
            for len in 0..40 {
                for at in 0..len {
                    // The neighbours of what stops, and bytes with a high bit, do not.
                    let mut text: Vec<u8> = b" !#[]\x7f\x80\xa2\xdc\xff"
                        .iter()
                        .copied()
                        .cycle()
                        .take(len)
                        .collect();
                    assert_eq!(plain(&text), len);
                    text[at] = stop;
                    assert_eq!(plain(&text), at);
                    text[at..].fill(stop);
                    assert_eq!(plain(&text), at);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_serde_json_accepts_is_accepted_and_nothing_else(
            text in r#"([\[\]{}:, ]|"[a\\u0"]{0,3}"|"a":|[0-9eE.+-]{1,4}|true|false|null){0,9}"#,
        ) {
            let accepted = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(value(text.as_bytes()).is_some(), accepted);
        }
    }
}
