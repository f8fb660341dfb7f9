//! Envoy's `X-Forwarded-Client-Cert`, as its documentation of HTTP headers (1.40) describes it.
//!
//! ```text
//! XFCC    = element *( "," element )
//! element = pair *( ";" pair )
//! pair    = key "=" ( *text / DQUOTE *( text / "\" DQUOTE ) DQUOTE )
//! ```
//!
//! A value without quotes contains no comma, semicolon or quote. A backslash is literal unless a
//! quote follows it. Such a text has only one reading, from the left. An unclosed quote, or other
//! text after a closing one, invalidates all of it: a client may have written the beginning.
//!
//! Envoy writes the names of a certificate without quotes and unchanged: a client whose certificate
//! has a name with a semicolon or a comma can add keys and elements. So no names are read from it.

/// No chain of proxies is longer.
const MAX_ELEMENTS: usize = 16;
/// The most keys in one element: an identity may have several names.
const MAX_PAIRS: usize = 64;

/// The facts that one proxy states about its client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// The SHA-256 of the certificate, in hex.
    pub(super) hash: Option<String>,
    /// The certificate in PEM, percent-encoded.
    pub(super) cert: Option<String>,
}

/// The elements of a header, the first proxy's first. `None` if it cannot be read.
pub(super) fn elements(text: &str) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    let mut rest = text;
    loop {
        let (element, behind) = element(rest)?;
        elements.push(element);
        match behind.strip_prefix(',') {
            Some(next) if elements.len() < MAX_ELEMENTS => rest = next,
            None if behind.is_empty() => return Some(elements),
            _ => return None,
        }
    }
}

fn element(text: &str) -> Option<(Element, &str)> {
    let mut element = Element::default();
    let mut has_chain = false;
    let mut has_subject = false;
    let mut rest = text.trim_start_matches([' ', '\t']);
    for _ in 0..MAX_PAIRS {
        let (key, behind) = rest.split_once('=')?;
        let (value, behind) = value(behind)?;
        let known = |name: &str| key.eq_ignore_ascii_case(name);
        let once = |place: &mut Option<String>, value| place.replace(value).is_none();
        let is_right = if known("Hash") {
            once(&mut element.hash, value)
        } else if known("Cert") {
            once(&mut element.cert, value)
        } else if known("Chain") {
            // A client chooses the certificates after its own.
            !std::mem::replace(&mut has_chain, true)
        } else if known("Subject") {
            !std::mem::replace(&mut has_subject, true)
        } else {
            // `By` is the proxy's own name; `DNS` and `URI` are the certificate's.
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let behind = behind.trim_start_matches([' ', '\t']);
        match behind.strip_prefix(';') {
            _ if !is_right => return None,
            Some(next) => rest = next,
            None => return Some((element, behind)),
        }
    }
    None
}

/// A value, and the text after it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';', '"']).unwrap_or(text.len());
        let (value, behind) = text.split_at_checked(end)?;
        return (!behind.starts_with('"')).then(|| (value.trim_ascii_end().to_owned(), behind));
    };
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let (before, behind) = rest.split_once('"')?;
        match before.strip_suffix('\\') {
            Some(before) => {
                value.push_str(before);
                value.push('"');
                rest = behind;
            }
            None => {
                value.push_str(before);
                return Some((value, behind));
            }
        }
    }
}
