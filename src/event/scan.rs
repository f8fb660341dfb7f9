//! Steps through JSON text (RFC 8259) by its bytes: what is no JSON is told, nothing is built.

use std::borrow::Cow;

/// Where strings could end: a bit for each quote, backslash and control character of a text, and
/// for what follows it.
#[derive(Debug)]
pub(super) struct Stops(Vec<u64>);

impl Stops {
    pub(super) fn of(text: &[u8]) -> Self {
        let (blocks, rest) = text.as_chunks();
        let mut last = [0; 64];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        let mut stops = Vec::with_capacity(blocks.len().saturating_add(1));
        stops.extend(blocks.iter().map(stops_of));
        stops.push(stops_of(&last));
        Self(stops)
    }
}

#[inline]
fn stops_of(block: &[u8; 64]) -> u64 {
    let mut flags = [0; 64];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from((*byte == b'"') | (*byte == b'\\') | (*byte < b' '));
    }
    let (eights, _) = flags.as_chunks();
    eights.iter().rev().fold(0, |stops, eight| {
        // Moves the lowest bit of each byte into the highest byte.
        let eight = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080);
        (stops << 8) | (eight >> 56)
    })
}

/// A JSON text, and how far it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'b> {
    text: &'b [u8],
    stops: &'b [u64],
    at: usize,
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
}

impl<'b> Scan<'b> {
    pub(super) fn new(text: &'b [u8], stops: &'b Stops) -> Self {
        Self {
            text,
            stops: &stops.0,
            at: 0,
        }
    }

    /// What is left.
    #[inline]
    pub(super) fn left(&self) -> &'b [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// What was taken since `begin`, which is this scan as it was.
    pub(super) fn since(&self, begin: &Self) -> Option<&'b [u8]> {
        self.text.get(begin.at..self.at)
    }

    #[inline]
    fn step(&mut self, by: usize) {
        // No text is long enough for this to wrap, and what is not in it is not found in it.
        self.at = self.at.wrapping_add(by);
    }

    /// The next byte that is not white space, which is dropped.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match self.text.get(self.at) {
            Some(next @ b'!'..) => Some(*next),
            _ => self.after_space(),
        }
    }

    #[inline(never)]
    fn after_space(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.step(1);
        }
        self.text.get(self.at).copied()
    }

    /// Takes this byte, after white space.
    #[inline]
    pub(super) fn take(&mut self, wanted: u8) -> Option<()> {
        let next = self.peek()?;
        (next == wanted).then(|| self.step(1))
    }

    /// Takes what opens an object or array, which is next, and its end if that comes at once;
    /// tells whether it did.
    #[inline]
    pub(super) fn opens(&mut self, end: u8) -> Option<bool> {
        self.step(1);
        let empty = self.peek()? == end;
        self.step(usize::from(empty));
        Some(empty)
    }

    /// Takes a comma, or the end of the object or array; tells which.
    #[inline]
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
        let end = self.stop(begin)?;
        match self.text.get(end)? {
            b'"' => {
                self.at = end.wrapping_add(1);
                self.text.get(begin..end).map(Text::Plain)
            }
            _ => self.escaped(end),
        }
    }

    /// Takes a string of which the first escape is at `place`.
    #[cold]
    fn escaped(&mut self, place: usize) -> Option<Text<'b>> {
        let begin = self.at;
        let mut place = place;
        loop {
            let taken = match self.text.get(place..)? {
                [b'"', ..] => {
                    self.at = place.saturating_add(1);
                    return self.text.get(begin..self.at).map(Text::Escaped);
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
    #[inline]
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
    pub(super) fn number(&mut self) -> Option<&'b [u8]> {
        let whole = self.left();
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
        let len = whole.len().saturating_sub(rest.len());
        self.step(len);
        whole.get(..len)
    }

    /// Takes `true`, `false` or `null`, and tells its initial.
    pub(super) fn word(&mut self) -> Option<u8> {
        let rest = self.left();
        let initial = rest.first().copied()?;
        let word: &[u8] = match initial {
            b't' => b"true",
            b'f' => b"false",
            _ => b"null",
        };
        rest.starts_with(word).then(|| self.step(word.len()))?;
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

/// What follows the digits that `text` begins with, of which there must be one.
fn digits(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    while let [b'0'..=b'9', tail @ ..] = rest {
        rest = tail;
    }
    (rest.len() < text.len()).then_some(rest)
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
            for len in (0..20).chain(50..80).chain(120..140) {
                // The neighbours of what stops, and bytes with a high bit, do not.
                let text = b" !#[]\x7f\x80\xa2\xdc\xff".iter().copied().cycle();
                let text: Vec<u8> = text.take(len).collect();
                let first = |text: &[u8], from| Scan::new(text, &Stops::of(text)).stop(from);
                assert_eq!(first(&text, 0), Some(len));
                assert_eq!(first(&text, len), Some(len));
                for at in 0..len {
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
