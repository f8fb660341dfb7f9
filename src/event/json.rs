//! Steps through JSON text (RFC 8259) in one pass, without recursion and without building a tree.
//!
//! It accepts some text that is not JSON but that common writers produce, and marks it as
//! unreadable: bytes that are not UTF-8, a control character or an unknown escape in a string, and
//! `NaN`, `Infinity` and `-Infinity` (Python's `json.dumps` writes them by default). Half of a
//! surrogate pair is valid JSON, but not text. Memory grows by one bit for each level of nesting.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::from_slice;

use super::stops::stops;

/// A JSON text and the position up to which it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json<'b> {
    text: &'b [u8],
    pub(super) at: usize,
    /// Whether it is UTF-8, once this was needed.
    is_utf8: Option<bool>,
    /// Whether something unreadable was met.
    pub(super) unreadable: bool,
    /// The number of the block of 64 bytes that was scanned last, and a bit for each byte that ends
    /// a string scan.
    block: usize,
    stops: u64,
}

/// A part of a value.
pub(super) enum Piece<'b> {
    /// A bracket, or the initial of a word.
    Mark(u8),
    Name(Text<'b>),
    Text(Text<'b>),
    Number(&'b [u8]),
}

/// Receives the parts of a value; `None` stops the reading.
pub(super) trait Sink {
    fn take(&mut self, piece: Piece<'_>) -> Option<()>;
}

impl Sink for () {
    fn take(&mut self, _: Piece<'_>) -> Option<()> {
        Some(())
    }
}

/// A string as the text has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'b> {
    /// The text from its quote on; it does not end with the string.
    text: &'b [u8],
    /// The length without quotes.
    len: usize,
    escaped: bool,
}

impl<'b> Text<'b> {
    /// The bytes that it encodes; `None` if an escape is invalid.
    #[inline(always)]
    pub(super) fn bytes(self) -> Option<Cow<'b, [u8]>> {
        let end = self.len.wrapping_add(1);
        if self.escaped {
            return unescaped(self.text.get(..end.wrapping_add(1))?);
        }
        self.text.get(1..end).map(Cow::Borrowed)
    }

    /// A fixed number of bytes from its quote on, and its length, if it is plain and ends within
    /// them.
    #[inline(always)]
    pub(super) fn step<const STEP: usize>(self) -> Option<(&'b [u8; STEP], u8)> {
        let fits = self.len < STEP && !self.escaped;
        let len = u8::try_from(self.len).ok().filter(|_| fits)?;
        Some((self.text.first_chunk()?, len))
    }
}

impl<'b> Json<'b> {
    /// The JSON text of this body, without a leading byte order mark, which RFC 8259 section 8.1
    /// allows a reader to ignore.
    pub(super) fn new(body: &'b [u8]) -> Self {
        let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        Self {
            text,
            at: 0,
            is_utf8: None,
            unreadable: false,
            block: usize::MAX,
            stops: 0,
        }
    }

    /// Reads a value that is the whole text, and passes its parts to the sink.
    pub(super) fn whole(body: &'b [u8], sink: &mut impl Sink) -> Option<&'b [u8]> {
        let mut json = Self::new(body);
        let value = json.value(sink)?;
        json.peek().is_none().then_some(value)
    }

    /// The bytes that were read since this position.
    pub(super) fn since(&self, at: usize) -> Option<&'b [u8]> {
        self.text.get(at..self.at)
    }

    pub(super) fn left(&self) -> &'b [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[inline(always)]
    fn step(&mut self, by: usize) {
        // No text is long enough for this to wrap.
        self.at = self.at.wrapping_add(by);
    }

    /// The next byte after white space, which is skipped.
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

    /// Takes this byte, if it is next.
    #[inline(always)]
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.step(1))
    }

    /// Reads a member's name and its colon, and passes the name on.
    #[inline(always)]
    pub(super) fn name<S: Sink>(&mut self, sink: &mut S) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.string(sink, Piece::Name)?;
        self.take(b':')
    }

    /// Reads any value; `None` if it is not JSON.
    #[inline]
    pub(super) fn skip(&mut self) -> Option<&'b [u8]> {
        if self.peek()? != b'"' {
            return self.skip_other();
        }
        let begin = self.at;
        self.string(&mut (), Piece::Text)?;
        self.since(begin)
    }

    #[inline(never)]
    fn skip_other(&mut self) -> Option<&'b [u8]> {
        self.value(&mut ())
    }

    /// Reads any value and passes its parts on. `None`, with nothing read, if it is not JSON or the
    /// sink stops.
    #[inline(always)]
    pub(super) fn value<S: Sink>(&mut self, sink: &mut S) -> Option<&'b [u8]> {
        let mut levels = Levels {
            bits: 1,
            outer: Vec::new(),
        };
        let mut next = self.peek()?;
        // A local copy: nothing else can change it, which saves many reloads.
        let (begin, mut json) = (self.at, *self);
        loop {
            if next == b'"' {
                json.string(sink, Piece::Text)?;
            } else if next == b'{' || next == b'[' {
                let in_object = next == b'{';
                json.step(1);
                sink.take(Piece::Mark(next))?;
                levels.open(in_object);
                next = json.peek()?;
                if next != if in_object { b'}' } else { b']' } {
                    if in_object {
                        json.name(sink)?;
                        next = json.peek()?;
                    }
                    continue;
                }
            } else if let Some(len) = number(json.left()) {
                sink.take(Piece::Number(json.left().get(..len)?))?;
                json.step(len);
            } else {
                let word = word(json.left())?;
                json.step(word.len());
                let initial = *word.first()?;
                json.unreadable |= !initial.is_ascii_lowercase();
                sink.take(Piece::Mark(initial))?;
            }
            let in_object = loop {
                let Some(in_object) = levels.innermost() else {
                    *self = json;
                    return self.since(begin);
                };
                let byte = json.peek()?;
                json.step(1);
                if byte == b',' {
                    break in_object;
                }
                if byte != if in_object { b'}' } else { b']' } {
                    return None;
                }
                levels.close();
                sink.take(Piece::Mark(byte))?;
            };
            if in_object {
                json.name(sink)?;
            }
            next = json.peek()?;
        }
    }

    /// Reads a string, which begins with the next byte, and passes it on.
    #[inline(always)]
    fn string<S: Sink>(&mut self, sink: &mut S, piece: fn(Text<'b>) -> Piece<'b>) -> Option<()> {
        if let Some(text) = self.plain_string() {
            return sink.take(piece(text));
        }
        *self = self.odd_string_to(sink, piece)?;
        Some(())
    }

    #[cold]
    #[inline(never)]
    fn odd_string_to<S: Sink>(
        mut self,
        sink: &mut S,
        piece: fn(Text<'b>) -> Piece<'b>,
    ) -> Option<Self> {
        sink.take(piece(self.odd_string()?))?;
        Some(self)
    }

    /// Reads a string without escapes, which begins with the next byte.
    #[inline(always)]
    fn plain_string(&mut self) -> Option<Text<'b>> {
        let text = self.text.get(self.at..)?;
        let begin = self.at.wrapping_add(1);
        let end = self.stop(begin);
        (self.text.get(end) == Some(&b'"')).then(|| {
            self.at = end.wrapping_add(1);
            Text {
                text,
                len: end.wrapping_sub(begin),
                escaped: false,
            }
        })
    }

    /// Reads a string that may contain escapes or unreadable bytes, which begins with the next
    /// byte. Unreadable bytes do not change its end.
    #[inline(never)]
    fn odd_string(&mut self) -> Option<Text<'b>> {
        if self.is_utf8.is_none() {
            let is_utf8 = std::str::from_utf8(self.text).is_ok();
            (self.is_utf8, self.block) = (Some(is_utf8), usize::MAX);
            if let Some(text) = self.plain_string() {
                return Some(text);
            }
        }
        let (text, begin, mut escaped) = (self.left(), self.at, false);
        self.step(1);
        loop {
            self.at = self.stop(self.at);
            match self.left().first()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.step(2);
                }
                _other => self.step(1),
            }
        }
        self.step(1);
        let quoted = self.since(begin)?;
        // Checks control characters and escapes, not surrogate halves or UTF-8.
        let readable = from_slice::<IgnoredAny>(quoted).is_ok();
        self.unreadable |= !readable || std::str::from_utf8(quoted).is_err();
        let len = quoted.len().saturating_sub(2);
        Some(Text { text, len, escaped })
    }

    /// The next position where a string scan stops: a quote, a backslash, a control character, the
    /// end of the text, or a non-ASCII byte as long as the text is not known to be UTF-8.
    #[inline(always)]
    fn stop(&mut self, from: usize) -> usize {
        if from / 64 != self.block {
            self.look_at(from / 64);
        }
        let (mut begin, mut stops) = (from, self.stops >> (from % 64));
        while stops == 0 {
            self.look_at(self.block.wrapping_add(1));
            (begin, stops) = (self.block.wrapping_mul(64), self.stops);
        }
        let before = usize::try_from(stops.trailing_zeros());
        begin.wrapping_add(before.unwrap_or_default())
    }

    #[inline(always)]
    fn look_at(&mut self, block: usize) {
        let stops = match self.is_utf8 {
            Some(true) => stops::<true>,
            Some(false) | None => stops::<false>,
        };
        (self.block, self.stops) = (block, stops(self.text, block));
    }
}

#[cold]
fn unescaped<'b>(quoted: &[u8]) -> Option<Cow<'b, [u8]>> {
    let text: String = from_slice(quoted).ok()?;
    Some(Cow::Owned(text.into_bytes()))
}

/// The end of the white space from this position.
#[inline(never)]
fn after_space(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let space = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
    from.saturating_add(rest.iter().take_while(space).count())
}

/// The word at the start of a text.
fn word(text: &[u8]) -> Option<&'static [u8]> {
    const WORDS: [&[u8]; 6] = [
        b"true",
        b"false",
        b"null",
        b"NaN",
        b"Infinity",
        b"-Infinity",
    ];
    (WORDS.into_iter()).find(|word| text.starts_with(word))
}

/// The length of the number at the start of a text (RFC 8259 section 6), if there is one.
pub(super) fn number(text: &[u8]) -> Option<usize> {
    let (mut len, mut points, mut others) = (0_usize, 0_usize, 0_usize);
    for byte in text {
        match byte {
            b'0'..=b'9' => {}
            b'.' => points = points.wrapping_add(1),
            b'-' | b'+' | b'e' | b'E' => others = others.wrapping_add(1),
            _ => break,
        }
        len = len.wrapping_add(1);
    }
    // An error is expensive to build, and words are common.
    let number = text.get(..len).filter(|number| !number.is_empty())?;
    match (number, points, others) {
        // Nearly every number.
        ([b'1'..=b'9'], 0, 0) | ([b'1'..=b'9', .., b'0'..=b'9'], 0 | 1, 0) => {}
        _ => drop(from_slice::<IgnoredAny>(number).ok()?),
    }
    Some(len)
}

/// For each open level a bit that says whether it is an object, after a leading marker bit.
struct Levels {
    bits: u64,
    /// The levels that no longer fit into the bits.
    outer: Vec<u64>,
}

impl Levels {
    #[inline(always)]
    fn open(&mut self, is_object: bool) {
        if self.bits >> 63 == 1 {
            self.outer.push(self.bits);
            self.bits = 1;
        }
        self.bits = self.bits << 1 | u64::from(is_object);
    }

    #[inline(always)]
    fn close(&mut self) {
        self.bits >>= 1;
        if self.bits == 1
            && let Some(bits) = self.outer.pop()
        {
            self.bits = bits;
        }
    }

    /// Whether the innermost level is an object.
    #[inline(always)]
    fn innermost(&self) -> Option<bool> {
        (self.bits > 1).then_some(self.bits & 1 == 1)
    }
}
