//! Untrusted text, made safe for log lines.

use std::fmt::{self, Write};

/// Shows what `T` displays with every [hidden](is_hidden) character escaped: `\n`, `\u{202e}`.
///
/// Any text that a stranger can influence passes through this on its way to a log: a key, a header,
/// the text of an error that may quote one. The text itself is not changed.
#[derive(Clone, Copy)]
pub(crate) struct Printable<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

impl<T: fmt::Display> fmt::Debug for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(is_hidden) {
            let mut before = part.chars();
            match before.next_back() {
                Some(last) if is_hidden(last) => {
                    self.0.write_str(before.as_str())?;
                    write!(self.0, "{}", last.escape_default())?;
                }
                _ => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// Whether a character begins a new line, reverses text, moves a terminal's cursor, or is
/// invisible: the general categories Cc, Cf, Zl and Zp of Unicode 16, and the blocks that it
/// reserves for more of them.
pub(crate) fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_hidden_is_escaped_and_the_rest_stands_as_it_is() {
        for (text, shown) in [
            ("", ""),
            ("evt_1: \"a\\b\" ü 表", "evt_1: \"a\\b\" ü 表"),
            ("a\nb\r\n\tc", r"a\nb\r\n\tc"),
            ("\u{1b}[31mred\u{9b}0m", r"\u{1b}[31mred\u{9b}0m"),
            ("\u{202e}gpj.exe", r"\u{202e}gpj.exe"),
            ("a\u{2028}b\u{2029}", r"a\u{2028}b\u{2029}"),
            (
                "\u{feff}\u{200b}\u{ad}\u{e0041}",
                r"\u{feff}\u{200b}\u{ad}\u{e0041}",
            ),
            ("e\u{301} 👍\u{fe0f}", "e\u{301} 👍\u{fe0f}"),
        ] {
            assert_eq!(Printable(text).to_string(), shown);
            assert_eq!(format!("{:?}", Printable(text)), shown);
        }
    }

    /// Characters with the property Bidi_Control (UAX #9), or that always break lines (UAX #14,
    /// classes BK, CR, LF and NL).
    #[test]
    fn every_character_that_turns_text_or_breaks_lines_is_hidden() {
        let bidi = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        let breaks = "\n\u{b}\u{c}\r\u{85}\u{2028}\u{2029}";
        assert!(bidi.chars().chain(breaks.chars()).all(is_hidden));
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            let shown = Printable(&text).to_string();
            prop_assert!(!shown.chars().any(is_hidden));
            if !text.chars().any(is_hidden) {
                prop_assert_eq!(shown, text);
            }
        }
    }
}
