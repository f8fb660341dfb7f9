//! Steps through JSON text (RFC 8259) in one pass, without recursion and without building a tree.
//!
//! It lets through what common writers write although JSON does not know it, and says that it met
//! something unreadable: bytes that are not UTF-8, a control character or an unknown escape in a
//! string, and `NaN`, `Infinity` and `-Infinity` (Python's `json.dumps` writes them unless told
//! not to). Half of a surrogate pair is JSON all the same, but no text. Memory grows by one bit for
//! each level of nesting.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::from_slice;

/// A JSON text, and how far it was read.
#[derive(Debug, Clone)]
pub(super) struct Json<'b> {
    text: &'b [u8],
    pub(super) at: usize,
    is_utf8: bool,
    /// Whether something unreadable was met.
    pub(super) unreadable: bool,
}

/// Who is told what a value is made of.
pub(super) trait Sink {
    /// A bracket, or the initial of a word.
    fn mark(&mut self, _byte: u8) {}
    fn name(&mut self, _name: Text<'_>) {}
    fn text(&mut self, _text: Text<'_>) {}
    fn number(&mut self, _number: &[u8]) {}
}

impl Sink for () {}

/// A string as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'b> {
    /// What begins with its quote, and does not end with it.
    text: &'b [u8],
    /// Without its quotes.
    len: usize,
    escaped: bool,
}

impl<'b> Text<'b> {
    /// The bytes that it means; none where an escape means none.
    #[inline]
    pub(super) fn bytes(&self) -> Option<Cow<'b, [u8]>> {
        let end = self.len.wrapping_add(1);
        if self.escaped {
            let quoted = self.text.get(..end.wrapping_add(1))?;
            let text: String = from_slice(quoted).ok()?;
            return Some(Cow::Owned(text.into_bytes()));
        }
        self.text.get(1..end).map(Cow::Borrowed)
    }

    /// The first eight bytes that it means, with zeros behind them where there are fewer.
    #[inline(always)]
    pub(super) fn head(&self) -> u64 {
        if let Some([_, eight @ ..]) = self.text.first_chunk::<9>()
            && !self.escaped
        {
            let unused = u32::try_from(self.len.saturating_mul(8)).ok();
            let unused = unused.and_then(|used| u64::MAX.checked_shr(used));
            return u64::from_be_bytes(*eight) & !unused.unwrap_or(0);
        }
        let (bytes, mut eight) = (self.bytes().unwrap_or_default(), [0; 8]);
        (eight.iter_mut().zip(&*bytes)).for_each(|(to, from)| *to = *from);
        u64::from_be_bytes(eight)
    }

    /// So many bytes from its quote on, and its length, where it is plain and ends in them.
    #[inline(always)]
    pub(super) fn step<const STEP: usize>(&self) -> Option<(&'b [u8; STEP], u8)> {
        let fits = self.len < STEP && !self.escaped;
        let len = u8::try_from(self.len).ok().filter(|_| fits)?;
        Some((self.text.first_chunk()?, len))
    }
}

impl<'b> Json<'b> {
    /// The JSON text of this body, without one byte order mark before it, which RFC 8259 section
    /// 8.1 lets a reader pass over.
    pub(super) fn new(body: &'b [u8]) -> Self {
        let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        Self {
            text,
            at: 0,
            is_utf8: text.is_ascii() || std::str::from_utf8(text).is_ok(),
            unreadable: false,
        }
    }

    /// Takes a value that is all of the text, and tells what it is made of.
    pub(super) fn whole(body: &'b [u8], sink: &mut impl Sink) -> Option<&'b [u8]> {
        let mut json = Self::new(body);
        let value = json.value(sink)?;
        json.peek().is_none().then_some(value)
    }

    /// What was taken since it was there.
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

    /// The next byte that is not white space, which is dropped.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.step(1),
                byte => return Some(*byte),
            }
        }
    }

    /// Takes this byte, if it is next.
    #[inline(always)]
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.step(1))
    }

    /// Takes a member's name and its colon.
    #[inline(always)]
    pub(super) fn name(&mut self) -> Option<Text<'b>> {
        self.peek()?;
        let name = self.string()?;
        self.take(b':')?;
        Some(name)
    }

    /// Takes any value; none where it is no JSON.
    pub(super) fn skip(&mut self) -> Option<&'b [u8]> {
        self.value(&mut ())
    }

    /// Takes any value and tells what it is made of; none where it is no JSON.
    #[inline(always)]
    pub(super) fn value(&mut self, sink: &mut impl Sink) -> Option<&'b [u8]> {
        let mut levels = Levels {
            bits: 1,
            outer: Vec::new(),
        };
        let mut next = self.peek()?;
        let begin = self.at;
        loop {
            match next {
                b'"' => sink.text(self.string()?),
                b'{' | b'[' => {
                    let in_object = next == b'{';
                    self.step(1);
                    sink.mark(next);
                    levels.open(in_object);
                    next = self.peek()?;
                    if next != if in_object { b'}' } else { b']' } {
                        if in_object {
                            sink.name(self.name()?);
                            next = self.peek()?;
                        }
                        continue;
                    }
                }
                _ => match number(self.left()) {
                    Some(len) => {
                        sink.number(self.left().get(..len)?);
                        self.step(len);
                    }
                    None => sink.mark(self.word()?),
                },
            }
            loop {
                let Some(in_object) = levels.innermost() else {
                    return self.since(begin);
                };
                let byte = self.peek()?;
                self.step(1);
                match (byte, in_object) {
                    (b',', _) => {
                        if in_object {
                            sink.name(self.name()?);
                        }
                        next = self.peek()?;
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        levels.close();
                        sink.mark(byte);
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Takes a word, and tells its initial.
    fn word(&mut self) -> Option<u8> {
        const WORDS: [&[u8]; 6] = [
            b"true",
            b"false",
            b"null",
            b"NaN",
            b"Infinity",
            b"-Infinity",
        ];
        let word = WORDS.iter().find(|word| self.left().starts_with(word))?;
        self.step(word.len());
        let initial = *word.first()?;
        self.unreadable |= !initial.is_ascii_lowercase();
        Some(initial)
    }

    /// Takes a string.
    #[inline(always)]
    fn string(&mut self) -> Option<Text<'b>> {
        let text = self.left();
        let [b'"', behind @ ..] = text else {
            return None;
        };
        let len = plain(behind);
        if self.is_utf8 && behind.get(len) == Some(&b'"') {
            self.step(len.wrapping_add(2));
            return Some(Text {
                text,
                len,
                escaped: false,
            });
        }
        self.odd_string()
    }

    /// Takes a string in which something is escaped or unreadable. What is unreadable does not
    /// change where it ends.
    #[inline(never)]
    fn odd_string(&mut self) -> Option<Text<'b>> {
        let (text, begin, mut escaped) = (self.left(), self.at, false);
        self.step(1);
        loop {
            self.step(plain(self.left()));
            match self.left().first()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.step(2);
                }
                _control => self.step(1),
            }
        }
        self.step(1);
        let quoted = self.since(begin)?;
        // Looks at control characters and escapes, not at halves of pairs or at UTF-8.
        let readable = from_slice::<IgnoredAny>(quoted).is_ok();
        self.unreadable |= !readable || std::str::from_utf8(quoted).is_err();
        let len = quoted.len().saturating_sub(2);
        Some(Text { text, len, escaped })
    }
}

/// How many bytes a text begins with that are neither a quote, a backslash nor a control character.
#[inline(always)]
fn plain(text: &[u8]) -> usize {
    let stops = |byte: u8| (byte == b'"') | (byte == b'\\') | (byte < b' ');
    let (blocks, rest) = text.as_chunks::<16>();
    let mut len = 0_usize;
    for block in blocks {
        // All at once, which takes less than to stop early.
        let mut flags = [0; 16];
        for (flag, byte) in flags.iter_mut().zip(block) {
            *flag = if stops(*byte) { 0xff } else { 0 };
        }
        let flags = u128::from_le_bytes(flags);
        if flags != 0 {
            let before = usize::try_from(flags.trailing_zeros() / 8);
            return len.wrapping_add(before.unwrap_or_default());
        }
        len = len.wrapping_add(16);
    }
    len.wrapping_add(rest.iter().take_while(|byte| !stops(**byte)).count())
}

/// How long the number is that a text begins with (RFC 8259 section 6), if it begins with one.
pub(super) fn number(text: &[u8]) -> Option<usize> {
    let is_of_it = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let len = text.iter().take_while(is_of_it).count();
    // An error takes many steps to make, and words are common.
    let number = text.get(..len).filter(|number| !number.is_empty())?;
    from_slice::<IgnoredAny>(number).ok()?;
    Some(len)
}

/// Of all that is open, whether it is an object: a bit each, behind a first one.
struct Levels {
    bits: u64,
    /// Those for which there was no room any more.
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

    /// Whether what was opened last is an object.
    #[inline(always)]
    fn innermost(&self) -> Option<bool> {
        (self.bits > 1).then_some(self.bits & 1 == 1)
    }
}
