//! Lines that would be too long to be read again.

use crate::recorded::JournalLine;

/// A line as it is written, of so many bytes at most: of one that would be longer a part of its body is kept, and
/// else no request.
pub(super) fn fitted(line: &JournalLine, most: usize) -> String {
    let text = line.to_json();
    if text.len() <= most {
        return text;
    }
    let mut line = line.clone();
    let body = line.request.as_mut().and_then(|it| it.body.as_mut());
    if let Some(body) = body {
        // A byte takes six in JSON at most.
        let kept = most.checked_div(8).unwrap_or(0);
        body.cut = true;
        if let Some(text) = &mut body.text {
            cut(text, kept);
        }
        if let Some(base64) = &mut body.base64 {
            // Four characters are three bytes.
            let kept = kept.saturating_sub(kept.checked_rem(4).unwrap_or(0));
            cut(base64, kept);
        }
    }
    let text = line.to_json();
    if text.len() <= most {
        return text;
    }
    line.request = None;
    line.to_json()
}

/// Keeps so many bytes at most, and whole characters.
fn cut(text: &mut String, kept: usize) {
    let mut ends = (0..=kept.min(text.len())).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
}
