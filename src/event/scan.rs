//! Steps through JSON text (RFC 8259) by its bytes: what is no JSON is told, nothing is built.

use std::borrow::Cow;

use super::decimal;
use super::stops::Stops;

/// A JSON text, and how far it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'b> {
    text: &'b [u8],
    stops: &'b [u64],
    at: usize,
}

/// Where the first escape of a string is, which begins before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escaped(usize);

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
}

impl<'b> Scan<'b> {
    pub(super) fn new(text: &'b [u8], stops: &'b Stops) -> Self {
        Self {
            text,
            stops: stops.all(),
            at: 0,
        }
    }

    /// What is left.
    #[inline(always)]
    pub(super) fn left(&self) -> &'b [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// What was taken since `begin`, which is this scan as it was.
    pub(super) fn since(&self, begin: &Self) -> Option<&'b [u8]> {
        self.text.get(begin.at..self.at)
    }

    #[inline(always)]
    pub(super) fn step(&mut self, by: usize) {
        // No text is long enough for this to wrap, and what is not in it is not found in it.
        self.at = self.at.wrapping_add(by);
    }

    /// Goes to where [`Scan::escaped`] has ended.
    #[inline(always)]
    pub(super) fn go_to(&mut self, end: usize) {
        self.at = end;
    }

    /// The next byte that is not white space, which is dropped.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match self.text.get(self.at) {
            Some(next @ b'!'..) => Some(*next),
            _ => {
                self.at = after_space(self.text, self.at);
                self.text.get(self.at).copied()
            }
        }
    }

    /// Takes this byte, after white space.
    #[inline(always)]
    pub(super) fn take(&mut self, wanted: u8) -> Option<()> {
        let next = self.peek()?;
        (next == wanted).then(|| self.step(1))
    }

    /// Takes what opens an object or array, which is next, and its end if that comes at once;
    /// tells whether it did.
    #[inline(always)]
    pub(super) fn opens(&mut self, end: u8) -> Option<bool> {
        self.step(1);
        let empty = self.peek()? == end;
        self.step(usize::from(empty));
        Some(empty)
    }

    /// Takes a comma, or the end of the object or array; tells which.
    #[inline(always)]
    pub(super) fn goes_on(&mut self, end: u8) -> Option<bool> {
        let next = self.peek()?;
        self.step(1);
        match next {
            b',' => Some(true),
            _ if next == end => Some(false),
            _ => None,
        }
    }

    /// Takes a member's name and its colon.
    #[inline]
    fn name(&mut self) -> Option<Text<'b>> {
        let name = self.string()?;
        self.take(b':')?;
        Some(name)
    }

    /// Takes a string, after white space.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Text<'b>> {
        (self.peek()? == b'"').then(|| self.quoted())?
    }

    /// Takes a string, of which the quote is next.
    #[inline(always)]
    pub(super) fn quoted(&mut self) -> Option<Text<'b>> {
        let begin = self.at.wrapping_add(1);
        match self.plain()? {
            Ok(len) => {
                let text = self.text.get(begin..begin.wrapping_add(len));
                text.map(Text::Plain)
            }
            Err(place) => {
                let (text, end) = self.escaped(place)?;
                self.at = end;
                Some(text)
            }
        }
    }

    /// Takes a string, of which the quote is next, and tells its length; takes nothing where
    /// something is escaped.
    #[inline(always)]
    pub(super) fn plain(&mut self) -> Option<Result<usize, Escaped>> {
        let begin = self.at.wrapping_add(1);
        let end = self.stop(begin)?;
        if *self.text.get(end)? == b'"' {
            self.at = end.wrapping_add(1);
            Some(Ok(end.wrapping_sub(begin)))
        } else {
            Some(Err(Escaped(end)))
        }
    }

    /// The string that is next, of which the first escape is there, and where it ends.
    #[cold]
    #[inline(never)]
    pub(super) fn escaped(self, first: Escaped) -> Option<(Text<'b>, usize)> {
        let begin = self.at;
        let Escaped(mut place) = first;
        loop {
            let taken = match self.text.get(place..)? {
                [b'"', ..] => {
                    let end = place.saturating_add(1);
                    let text = self.text.get(begin..end)?;
                    return Some((Text::Escaped(text), end));
                }
                [b'\\', b'u', a, b, c, d, ..]
                    if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
                {
                    6
                }
                [
                    b'\\',
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                    ..,
                ] => 2,
                _ => return None,
            };
            place = self.stop(place.saturating_add(taken))?;
        }
    }

    /// Where the first quote, backslash or control character is, from here on.
    #[inline(always)]
    fn stop(&self, from: usize) -> Option<usize> {
        let mut begin = from;
        let mut blocks = self.stops.get(from / 64..)?.iter();
        let mut stops = blocks.next()? >> (from % 64);
        while stops == 0 {
            stops = *blocks.next()?;
            begin = (begin | 63).wrapping_add(1);
        }
        let within = usize::try_from(stops.trailing_zeros()).ok()?;
        Some(begin.wrapping_add(within))
    }

    /// Takes a number.
    #[inline]
    pub(super) fn number(&mut self) -> Option<&'b [u8]> {
        let number = decimal::scan(self.left())?;
        self.step(number.len());
        Some(number)
    }

    /// Takes `true`, `false` or `null`, and tells its initial.
    #[inline(always)]
    pub(super) fn word(&mut self) -> Option<u8> {
        let (initial, len) = match self.left() {
            [b't', b'r', b'u', b'e', ..] => (b't', 4),
            [b'f', b'a', b'l', b's', b'e', ..] => (b'f', 5),
            [b'n', b'u', b'l', b'l', ..] => (b'n', 4),
            _ => return None,
        };
        self.step(len);
        Some(initial)
    }

    /// Takes any value, after white space, and returns its text. `enclosing` holds the ends of
    /// what is open, so that no nesting costs stack.
    pub(super) fn value(&mut self, enclosing: &mut Vec<u8>) -> Option<&'b [u8]> {
        enclosing.clear();
        self.peek();
        let begin = *self;
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
                    return self.since(&begin);
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

/// Where white space from here on ends.
#[inline(never)]
fn after_space(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let space = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
    from.saturating_add(rest.iter().take_while(space).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    /// The whole text as one value.
    fn value(text: &[u8]) -> Option<Vec<u8>> {
        let stops = Stops::of(text);
        let mut scan = Scan::new(text, &stops);
        let value = scan.value(&mut Vec::new())?;
        scan.peek().is_none().then(|| value.to_vec())
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
            assert_eq!(
                value(spaced.as_bytes()).as_deref(),
                Some(text.as_bytes()),
                "{text}"
            );
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
            let stops = Stops::of(text);
            let string = Scan::new(text, &stops).string()?;
            string.bytes().map(Cow::into_owned)
        };
        assert_eq!(read(b" \"a b\" x").as_deref(), Some(&b"a b"[..]));
        assert_eq!(
            read(br#""\ud83d\ude00\"\/\u0041""#).as_deref(),
            Some("😀\"/A".as_bytes())
        );
        assert_eq!(read(b"\"plain\"").as_deref(), Some(&b"plain"[..]));
        // What is not UTF-8 is refused where it is decoded, and else left to who reads it.
        assert_eq!(read(b"\"\xff\"").as_deref(), Some(&b"\xff"[..]));
        for text in [
            &b"\"\\ud800\""[..],
            b"\"\\ude00\\ud83d\"",
            b"\"\\n\xff\"",
            b"a",
            b"",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_first_that_stops_a_string_is_found_wherever_it_stands() {
        for stop in [b'"', b'\\', 0, 0x1f] {
            // From 2 KiB on their stops are kept elsewhere.
            for len in (0..20).chain(50..80).chain(120..140).chain([2047, 2048]) {
                // The neighbours of what stops, and bytes with a high bit, do not.
                let text = b" !#[]\x7f\x80\xa2\xdc\xff".iter().copied().cycle();
                let text: Vec<u8> = text.take(len).collect();
                let first = |text: &[u8], from| Scan::new(text, &Stops::of(text)).stop(from);
                assert_eq!(first(&text, 0), Some(len));
                assert_eq!(first(&text, len), Some(len));
                for at in (0..len).rev().take(140) {
                    let mut text = text.clone();
                    text[at] = stop;
                    assert_eq!(first(&text, at / 2), Some(at));
                    assert_eq!(first(&text, at + 1), Some(len));
                    text[at..].fill(stop);
                    assert_eq!(first(&text, 0), Some(at));
                    assert_eq!(first(&text, at), Some(at));
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
