//! Text that strangers wrote, as it stands on the page.

use std::fmt::Display;

use maud::{Markup, html};

use crate::printable::Printable;

/// So much is shown of a name, a key or a reason.
pub(super) const SHORT: usize = 300;
/// So much is shown of a body, and of all headers.
pub(super) const LONG: usize = 16 * 1024;

/// The text up to some bytes, without half a character at its end, and how many bytes there are in all where that
/// is not all of it.
fn cut(text: &str, most: usize) -> (&str, Option<usize>) {
    if text.len() <= most {
        return (text, None);
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
    let part = end.and_then(|end| text.get(..end));
    (part.unwrap_or_default(), Some(text.len()))
}

/// A text of one line: what turns it around, moves or hides it is escaped, and it is kept apart from what stands
/// beside it.
pub(super) fn short(text: &str) -> Markup {
    let (part, all) = cut(text, SHORT);
    html! {
        bdi { (Printable(part).to_string()) }
        @if let Some(all) = all { " " (note(all)) }
    }
}

/// What displays itself, in one line.
pub(super) fn line(what: impl Display) -> Markup {
    short(&what.to_string())
}

/// A text of several lines.
pub(super) fn long(text: &str) -> Markup {
    let (part, all) = cut(text, LONG);
    html! {
        pre tabindex="0" { bdi {
            @for (number, line) in part.split('\n').enumerate() {
                @if number > 0 { "\n" }
                (Printable(line.strip_suffix('\r').unwrap_or(line)).to_string())
            }
        } }
        @if let Some(all) = all { p { (note(all)) } }
    }
}

fn note(all: usize) -> Markup {
    html! { span.note { "(cut here; " (all) " bytes in all)" } }
}

/// So many bytes of text as fit, for what is kept.
pub(super) fn kept(text: &str) -> Box<str> {
    match cut(text, SHORT) {
        (all, None) => all.into(),
        (part, Some(all)) => format!("{part} (cut here; {all} bytes in all)").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_escaped_and_cut_with_a_note() {
        let hostile = "<b>\u{202e}x\u{0}&\"'";
        assert_eq!(
            short(hostile).into_string(),
            r#"<bdi>&lt;b&gt;\u{202e}x\u{0}&amp;&quot;'</bdi>"#
        );
        let shown = short(&"é".repeat(200)).into_string();
        let note = "</bdi> <span class=\"note\">(cut here; 400 bytes in all)</span>";
        assert_eq!(shown, format!("<bdi>{}{note}", "é".repeat(150)));
        let shown = long("a\r\n\u{1b}[31m</pre>").into_string();
        assert_eq!(
            shown,
            "<pre tabindex=\"0\"><bdi>a\n\\u{1b}[31m&lt;/pre&gt;</bdi></pre>"
        );
        assert!(long(&"x".repeat(1 << 20)).into_string().len() < LONG + 200);
    }
}
