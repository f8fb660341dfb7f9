//! Untrusted text, as shown on the page.

use std::fmt::Display;

use maud::{Markup, html};

use crate::printable::Printable;

/// The number of bytes shown of a name, a key or a reason.
pub(super) const SHORT: usize = 300;
/// The number of bytes shown of a body, and of all headers.
pub(super) const LONG: usize = 16 * 1024;

/// The text up to this many bytes without a cut character, and its full length if it was cut.
fn cut(text: &str, most: usize) -> (&str, Option<usize>) {
    if text.len() <= most {
        return (text, None);
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
    let part = end.and_then(|end| text.get(..end));
    (part.unwrap_or_default(), Some(text.len()))
}

/// A text of one line. Characters that reorder, move or hide text are escaped, and it is isolated
/// from the text around it.
pub(super) fn short(text: &str) -> Markup {
    let (part, all) = cut(text, SHORT);
    html! {
        bdi { (Printable(part).to_string()) }
        @if let Some(all) = all { " " (note(all)) }
    }
}

/// A text as the value of a form field.
pub(super) fn field(text: &str) -> String {
    let (part, _) = cut(text, SHORT);
    Printable(part).to_string()
}

/// A displayed value, in one line.
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

/// As much of a text as fits into the kept data.
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
