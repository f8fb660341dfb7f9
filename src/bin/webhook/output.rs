//! What is printed, as text or as JSON.

use std::fmt;
use std::io::Write;

use serde_json::{Value, json};

use crate::failure::Failure;

/// Whether what was asked is so.
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

/// One answer in one of two shapes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Prints the text, or the JSON in one line.
    pub(crate) fn show(self, text: impl fmt::Display, json: impl FnOnce() -> Value) {
        match self.json {
            true => say(json()),
            false => say(text),
        }
    }

    /// Nothing was found or done, and why.
    pub(crate) fn no(self, why: &str) -> Ended {
        self.show(why, || json!({"ok": false, "why": why}));
        Ended::No
    }

    /// It was done.
    pub(crate) fn done(self, what: &str) -> Ended {
        self.show(what, || json!({"ok": true, "what": what}));
        Ended::Well
    }

    pub(crate) fn failure(self, failure: &Failure) {
        match self.json {
            true => say(json!({"ok": false, "error": failure.to_string()})),
            false => drop(writeln!(std::io::stderr(), "webhook: {failure}")),
        }
    }
}

/// `println!` panics where nobody reads any longer, as in `webhook … | head -1`.
fn say(line: impl fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
