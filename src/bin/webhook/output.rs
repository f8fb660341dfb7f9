//! Output as text or as JSON.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::failure::Failure;

/// Whether the answer is positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    No,
}

impl Ended {
    pub(crate) fn well_if(is_so: bool) -> Self {
        if is_so { Self::Well } else { Self::No }
    }
}

/// The output in one of two formats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Prints the text, or the JSON on one line. Returns whether the output still has a reader.
    pub(crate) fn show(self, text: impl fmt::Display, json: impl FnOnce() -> Value) -> bool {
        match self.json {
            true => say(json()),
            false => say(text),
        }
    }

    /// Prints that nothing was found or done, and why.
    pub(crate) fn no(self, why: &str) -> Ended {
        self.show(why, || json!({"ok": false, "why": why}));
        Ended::No
    }

    /// Prints that it was done.
    pub(crate) fn done(self, what: &str) -> Ended {
        self.show(what, || json!({"ok": true, "what": what}));
        Ended::Well
    }

    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            say(json!({"ok": false, "error": failure.to_string()}));
        } else {
            let _ = writeln!(std::io::stderr(), "webhook: {failure}");
        }
    }
}

/// Like `println!`, which panics if the output has no reader, as in `webhook … | head -1`; this
/// returns false.
fn say(line: impl fmt::Display) -> bool {
    print(format!("{line}\n").as_bytes())
}

static UNWRITTEN: OnceLock<std::io::Error> = OnceLock::new();

/// Prints these bytes. Whether somebody reads them still.
pub(crate) fn print(bytes: &[u8]) -> bool {
    let mut out = std::io::stdout();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    note_unwritten(written)
}

/// Takes down that something could not be printed, unless nobody wants it: that is no failure. Whether it was printed.
pub(crate) fn note_unwritten(written: std::io::Result<()>) -> bool {
    match written {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != ErrorKind::BrokenPipe {
                let _ = UNWRITTEN.set(error);
            }
            false
        }
    }
}

/// Why something could not be printed that somebody wants, if so.
pub(crate) fn unwritten() -> Option<&'static std::io::Error> {
    UNWRITTEN.get()
}

/// Untrusted text for a terminal. Characters that would move the cursor, change colors or reorder
/// text are escaped, and a line remains one line.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_hidden(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// Control characters, line separators, and characters that are invisible or reorder text.
fn is_hidden(c: char) -> bool {
    let formats = matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    c.is_control() || formats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_write_moves_no_cursor_and_begins_no_line() {
        for (text, shown) in [
            ("evt_1 ü 表 \"a\"", "evt_1 ü 表 \"a\""),
            ("a\nb\r\tc", r"a\nb\r\tc"),
            ("\u{1b}[2J\u{9b}31m\u{7f}", r"\u{1b}[2J\u{9b}31m\u{7f}"),
            (
                "\u{202e}gpj\u{2066}\u{feff}",
                r"\u{202e}gpj\u{2066}\u{feff}",
            ),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
