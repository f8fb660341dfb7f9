//! Bodies that are forms (`application/x-www-form-urlencoded`), read as JSON.
//!
//! The bytes decide whether a body is a form, because they are proved; a header that nothing covers
//! does not. JSON with an event begins with `{` or `[`, which no sender's form does.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The content of a form.
#[derive(Debug, Clone)]
pub(super) enum Form {
    /// JSON in this field.
    Json(Box<str>),
    /// The event itself: an object whose members are its fields.
    Fields,
}

impl Form {
    /// The JSON of a body that is such a form; `None` if it is not one.
    pub(super) fn read(&self, body: &[u8]) -> Option<Vec<u8>> {
        let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if matches!(text.trim_ascii_start().first(), None | Some(b'{' | b'[')) {
            return None;
        }
        match self {
            Self::Json(name) => json_in(text, name),
            Self::Fields => Some(object_of(text)),
        }
    }
}

/// Each field, decoded byte for byte.
fn fields(form: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    form.split(|byte| *byte == b'&')
        .filter(|field| !field.is_empty())
        .map(|field| {
            let mut halves = field.splitn(2, |byte| *byte == b'=');
            let mut next = || decoded(halves.next().unwrap_or_default());
            (next(), next())
        })
}

fn decoded(half: &[u8]) -> Vec<u8> {
    let half: Cow<'_, [u8]> = match half.contains(&b'+') {
        true => half
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect(),
        false => half.into(),
    };
    percent_decode(&half).collect()
}

/// The field of this name, if it occurs once.
fn json_in(form: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut values = fields(form).filter(|(field, _)| *field == *name.as_bytes());
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

/// An object whose members are these fields, in their order, each a string.
fn object_of(form: &[u8]) -> Vec<u8> {
    let mut json = vec![b'{'];
    for (number, (name, value)) in fields(form).enumerate() {
        if number > 0 {
            json.push(b',');
        }
        string(&name, &mut json);
        json.push(b':');
        string(&value, &mut json);
    }
    json.push(b'}');
    json
}

/// Writes a string. Invalid UTF-8 is copied unchanged: readers detect it.
fn string(bytes: &[u8], json: &mut Vec<u8>) {
    json.push(b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => json.extend([b'\\', *byte]),
            0..b' ' => {
                json.extend(b"\\u00");
                json.extend(data_encoding::HEXLOWER.encode(&[*byte]).bytes());
            }
            byte => json.push(*byte),
        }
    }
    json.push(b'"');
}
