//! Facts about a delivery whose signature or other proof was refused, without the secret.

use std::fmt;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

use crate::head::announced_length;
use crate::observer::{ClaimedId, Detail};

/// Details for the observer in addition to the reason.
#[derive(Debug, Default)]
pub(super) struct Unproved<'a> {
    pub(super) client: Option<IpAddr>,
    pub(super) claimed_id: Option<ClaimedId<'a>>,
    pub(super) content_length: Option<u64>,
}

impl<'a> Unproved<'a> {
    pub(super) fn of(headers: &'a HeaderMap, ids: &[HeaderName], client: Option<IpAddr>) -> Self {
        let id = (ids.iter()).find_map(|name| headers.get(name));
        Self {
            client,
            claimed_id: id
                .filter(|value| !value.is_sensitive())
                .map(|value| ClaimedId::new(value.as_bytes())),
            content_length: announced_length(headers),
        }
    }
}

/// A hint for the operator about the reason.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hint {
    /// The number of bytes received, and the number announced.
    Rewritten(u64, u64),
    OwnClock,
}

/// A reason with a hint.
#[derive(Debug)]
pub(super) struct Hinted<'a> {
    pub(super) detail: Option<Detail<'a>>,
    pub(super) hint: Hint,
}

impl fmt::Display for Hinted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(detail) = &self.detail {
            write!(f, "{detail}; ")?;
        }
        match self.hint {
            Hint::Rewritten(came, announced) => write!(
                f,
                "the body was changed before this layer: {came} bytes came, Content-Length \
                 announced {announced}; put whatever reads or rewrites it inside"
            ),
            Hint::OwnClock => f.write_str(
                "three different deliveries in a row are off alike: check the clock of this machine",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

    use super::*;

    #[test]
    fn a_length_is_announced_in_one_way_or_not_at_all() {
        let of = |lines: &[(HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, value.parse().unwrap());
            }
            announced_length(&headers)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(CONTENT_LENGTH, "40")]), Some(40));
        assert_eq!(
            of(&[(CONTENT_LENGTH, "40"), (CONTENT_LENGTH, "40")]),
            Some(40)
        );
        assert_eq!(of(&[(CONTENT_LENGTH, "40"), (CONTENT_LENGTH, "41")]), None);
        for odd in ["", "+40", "-1", "4 0", "99999999999999999999", "é"] {
            assert_eq!(of(&[(CONTENT_LENGTH, odd)]), None, "{odd:?}");
        }
        let chunked = [(CONTENT_LENGTH, "40"), (TRANSFER_ENCODING, "chunked")];
        assert_eq!(of(&chunked), None);
    }
}
