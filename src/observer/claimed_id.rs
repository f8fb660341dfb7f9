use std::fmt;

/// The most bytes of an id that are shown.
const MAX_SHOWN: usize = 100;

/// The id in a refused delivery's id header, such as `webhook-id` or `X-GitHub-Delivery`, to search
/// for in the sender's own log. Nothing proves it.
///
/// It prints at most 100 bytes, without white space, quotes, backslashes and anything that is not
/// printable ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClaimedId<'a>(&'a [u8]);

impl<'a> ClaimedId<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The raw header value, possibly written by a stranger.
    pub fn as_bytes(&self) -> &[u8] {
        self.0
    }
}

impl fmt::Display for ClaimedId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..MAX_SHOWN).unwrap_or(self.0);
        for byte in shown {
            match byte {
                b' ' => f.write_str("\\x20")?,
                byte => write!(f, "{}", byte.escape_ascii())?,
            }
        }
        if shown.len() < self.0.len() {
            f.write_str("...")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClaimedId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_id_is_printable_and_short() {
        let print = |bytes: &[u8]| ClaimedId(bytes).to_string();
        assert_eq!(print(b"msg_2Ks-8"), "msg_2Ks-8");
        assert_eq!(print(b"a b\t\"\\\x1b\xff"), r#"a\x20b\t\"\\\x1b\xff"#);
        let long = print(&[b'i'; 101]);
        assert_eq!(long, format!("{}...", "i".repeat(100)));
    }
}
