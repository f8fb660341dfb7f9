//! Candidates for the original key before someone copied it.

use data_encoding::{
    BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE, HEXUPPER,
};
use zeroize::Zeroizing;

use super::cause::Cause;
use crate::printable::is_hidden;

/// At most this many changes of one key are tried.
const MAX_CHANGES: usize = 96;
/// The prefixes of secrets.
const PREFIXES: [&str; 4] = ["whsec_", "v1,whsec_", "polar_whs_", "shpss_"];
/// Any other prefix ends in the first or second `_`.
const MAX_OTHER_PREFIX: usize = 20;

/// The bytes of a key, which are wiped.
pub(super) type KeyBytes = Zeroizing<Vec<u8>>;

/// A key that the sender may have.
pub(super) struct Changed {
    pub(super) cause: Cause,
    pub(super) what: &'static str,
    pub(super) bytes: KeyBytes,
}

/// Collects keys, each once.
struct Changes<'k> {
    own: &'k [u8],
    all: Vec<Changed>,
}

impl Changes<'_> {
    fn add(&mut self, cause: Cause, what: &'static str, bytes: impl Into<Vec<u8>>) {
        let bytes = Zeroizing::new(bytes.into());
        let known = bytes.as_slice() == self.own
            || (self.all.iter()).any(|other| other.bytes.as_slice() == bytes.as_slice());
        if !known && !bytes.is_empty() && self.all.len() < MAX_CHANGES {
            self.all.push(Changed { cause, what, bytes });
        }
    }
}

/// The candidates for the sender's key if the local key is this.
pub(super) fn changes(own: &[u8]) -> Vec<Changed> {
    let mut changes = Changes {
        own,
        all: Vec::new(),
    };
    let text = std::str::from_utf8(own).ok();
    if let Some(text) = text {
        let is_blank = |c: char| c.is_whitespace() || is_hidden(c);
        let is_quote = |c: char| "\"'`“”‘’".contains(c);
        let trimmed = text.trim_matches(is_blank);
        let bare = trimmed.trim_matches(is_quote).trim_matches(is_blank);
        let space = "our secret has white space around it, which the sender's has not";
        let quotes = "our secret has quotes around it, which the sender's has not";
        changes.add(Cause::SecretWhiteSpace, space, trimmed);
        changes.add(Cause::SecretQuotes, quotes, bare);
        read(&mut changes, text, None);
        if trimmed != text {
            read(
                &mut changes,
                trimmed,
                Some((Cause::SecretWhiteSpace, space)),
            );
        }
        if bare != trimmed {
            read(&mut changes, bare, Some((Cause::SecretQuotes, quotes)));
        }
    }
    around(&mut changes, own);
    written(&mut changes, own);
    changes.all
}

/// Adds the keys that a text may encode.
fn read(changes: &mut Changes<'_>, text: &str, first: Option<(Cause, &'static str)>) {
    let named = |cause, what| first.unwrap_or((cause, what));
    let (cause, what) = named(
        Cause::SecretDecoding,
        "our key is the secret's text, the sender's is what that spells in base64 or hex",
    );
    decoded(text, |bytes| changes.add(cause, what, bytes));
    let known = PREFIXES
        .iter()
        .filter_map(|prefix| text.strip_prefix(prefix));
    let other = text
        .match_indices('_')
        .take(2)
        .filter_map(|(at, _)| (at < MAX_OTHER_PREFIX).then(|| text.get(at.saturating_add(1)..))?);
    for rest in known.chain(other) {
        let (cause, what) = named(
            Cause::SecretPrefix,
            "our key has a prefix, such as whsec_, that the sender's has not",
        );
        changes.add(cause, what, rest);
        let (cause, what) = named(
            Cause::SecretDecoding,
            "our key is the secret's text, the sender's is what that spells in base64 behind its \
             prefix",
        );
        decoded(rest, |bytes| changes.add(cause, what, bytes));
    }
}

fn decoded(text: &str, mut add: impl FnMut(Vec<u8>)) {
    let unpadded = text.trim_end_matches('=').as_bytes();
    let all = [
        HEXLOWER_PERMISSIVE.decode(text.as_bytes()),
        BASE64_NOPAD.decode(unpadded),
        BASE64URL_NOPAD.decode(unpadded),
    ];
    all.into_iter().flatten().for_each(&mut add);
    // An array of bytes that were written as base64 where their last digit was lost is none of them.
}

/// Adds the secret with characters that the sender may have pasted around it.
fn around(changes: &mut Changes<'_>, own: &[u8]) {
    for (before, behind) in [("", "\n"), ("", "\r\n"), ("", " "), (" ", ""), ("\n", "")] {
        changes.add(
            Cause::SecretWhiteSpace,
            "the sender's secret has white space or a line end around it, which ours has not",
            [before.as_bytes(), own, behind.as_bytes()].concat(),
        );
    }
    for quote in ["\"", "'"] {
        changes.add(
            Cause::SecretQuotes,
            "the sender's secret has quotes around it, which ours has not",
            [quote.as_bytes(), own, quote.as_bytes()].concat(),
        );
    }
}

/// Adds the texts in which the sender may have written the local key, each taken as the key itself.
fn written(changes: &mut Changes<'_>, own: &[u8]) {
    for prefix in PREFIXES {
        changes.add(
            Cause::SecretPrefix,
            "the sender's key has a prefix, such as whsec_, that ours has not",
            [prefix.as_bytes(), own].concat(),
        );
    }
    let texts = [
        BASE64.encode(own),
        BASE64_NOPAD.encode(own),
        BASE64URL_NOPAD.encode(own),
        data_encoding::BASE64URL.encode(own),
        HEXLOWER.encode(own),
        HEXUPPER.encode(own),
    ];
    for text in texts.map(Zeroizing::new) {
        let what = "our key is what the secret spells in base64 or hex, the sender's is the text";
        changes.add(Cause::SecretDecoding, what, text.as_bytes());
        for prefix in ["whsec_", "v1,whsec_"] {
            let whole = [prefix.as_bytes(), text.as_bytes()].concat();
            changes.add(Cause::SecretDecoding, what, whole);
        }
    }
}
