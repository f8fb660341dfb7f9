//! What is pasted into settings where a secret belongs.
//!
//! Each rule refuses what no sender issues, and says what it looks like and what to do; none repeats
//! the text. A secret that people choose themselves (GitHub's) may be any text: it may begin with a
//! quote, hold blanks, commas and `=`, and only what surrounds or replaces the whole of it is
//! refused. Whoever really has such a secret gives its bytes to
//! [`SigningSecret::from_bytes`](super::SigningSecret::from_bytes), which asks nothing.

use crate::printable::is_hidden;

/// How texts begin that are no secret, and what they are.
pub(super) type Beginnings = [(&'static str, &'static str)];

/// Says why a text is no secret of a certain sender, if it is none.
pub(crate) type NotIssued = fn(&str) -> Option<&'static str>;

const API_KEYS: &Beginnings = &[
    ("sk_live_", API_KEY),
    ("sk_test_", API_KEY),
    ("sk_org_", API_KEY),
    ("rk_live_", API_KEY),
    ("rk_test_", API_KEY),
    ("shpat_", API_KEY),
    ("shpca_", API_KEY),
    ("shpua_", API_KEY),
    ("shppa_", API_KEY),
    ("eyJ", TOKEN),
    (
        "WHSEC_",
        "has its prefix in capitals, copy it as the sender shows it",
    ),
];

/// API keys of senders that sign with another secret. Some senders do sign with their API key, so
/// these are refused only where the sender is known not to.
pub(crate) fn api_key(text: &str) -> Option<&'static str> {
    begins(API_KEYS, text)
}

/// The secret of a sender that writes it as `whsec_` and base64 or hex, for those that do not.
pub(crate) fn whsec(text: &str) -> Option<&'static str> {
    let digits = text.strip_prefix("whsec_")?;
    let drawn = digits.len() >= 24
        && (digits.bytes()).all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    drawn.then_some(
        "looks like the secret of another sender (whsec_…), this one's is written without such a \
         prefix",
    )
}

const API_KEY: &str =
    "looks like an API key, the signing secret of the webhook endpoint belongs here";
const TOKEN: &str = "looks like an access token, the signing secret of the webhook belongs here";
const PUBLIC: &str = "a public key, a shared secret belongs here";
const SIGNATURE: &str = "looks like a signature or another header's value, the secret that \
                         signatures are made with belongs here";
const PLACEHOLDER: &str = "looks like a placeholder that nothing has filled in, put the secret in \
                           its place";
const ELSEWHERE: &str =
    "looks like the place where the secret is kept, read the secret from there and give that";

/// The base64 that every public key of Ed25519 begins with (RFC 8410 section 4).
pub(super) const SPKI: &Beginnings = &[("MCowBQYDK2Vw", PUBLIC)];

/// What no sender issues as a secret, by how it begins.
const NEVER: &Beginnings = &[
    ("whpk_", PUBLIC),
    ("pk_", PUBLIC),
    ("-----BEGIN", PUBLIC),
    ("ssh-", PUBLIC),
    ("ecdsa-", PUBLIC),
    ("MCowBQYDK2Vw", PUBLIC),
    (
        "whsk_",
        "a private key of an asymmetric scheme, a shared secret belongs here",
    ),
    (
        "v1,whsec_",
        "looks like a secret of Standard Webhooks, whose key it spells in base64: use \
         standard_webhooks::keys or SecretFormat::Base64",
    ),
    ("whsec_whsec_", "has its prefix whsec_ twice, remove one"),
    ("xoxa-", TOKEN),
    ("xoxb-", TOKEN),
    ("xoxe-", TOKEN),
    ("xoxp-", TOKEN),
    ("xapp-1-", TOKEN),
    ("ghp_", TOKEN),
    ("gho_", TOKEN),
    ("ghu_", TOKEN),
    ("ghs_", TOKEN),
    ("ghr_", TOKEN),
    ("github_pat_", TOKEN),
    ("glpat-", TOKEN),
    ("sha1=", SIGNATURE),
    ("sha256=", SIGNATURE),
    ("Bearer ", SIGNATURE),
    ("bearer ", SIGNATURE),
    ("Basic ", SIGNATURE),
    ("Authorization:", SIGNATURE),
    ("https://", "looks like a URL, the secret belongs here"),
    ("http://", "looks like a URL, the secret belongs here"),
    ("op://", ELSEWHERE),
    ("vault:", ELSEWHERE),
    ("arn:aws:", ELSEWHERE),
    ("file:/", ELSEWHERE),
    ("/run/secrets/", ELSEWHERE),
    ("process.env.", ELSEWHERE),
    ("env:", ELSEWHERE),
    ("@Microsoft.KeyVault(", ELSEWHERE),
    ("ENC[", ELSEWHERE),
    ("[object ", PLACEHOLDER),
];

/// Why this text is no secret, whoever the sender is.
pub(super) fn refuse(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("empty");
    }
    if text.trim().is_empty() {
        return Some("blank");
    }
    if text.trim() != text {
        return Some("has white space around it, remove it");
    }
    if text.chars().any(is_hidden) {
        return Some(
            "holds a character that does not show (a BOM, a zero-width space, a line end), type or \
             copy it anew",
        );
    }
    if is_quoted(text) {
        return Some("has quotes around it, remove them");
    }
    if ["\\n", "\\r", "\\t"]
        .iter()
        .any(|end| text.starts_with(end) || text.ends_with(end))
    {
        return Some("has a line end around it that is written as \\n, remove it");
    }
    begins(NEVER, text)
        .or_else(|| is_signature(text).then_some(SIGNATURE))
        .or_else(|| is_placeholder(text).then_some(PLACEHOLDER))
        .or_else(|| is_masked(text).then_some(
            "looks like a secret that is shown in part, have the sender's page reveal the whole of it",
        ))
        .or_else(|| is_setting(text).then_some(
            "looks like a line of settings with a name, give the value alone",
        ))
        .or_else(|| is_several(text).then_some(
            "looks like several secrets in one text, give each one as a secret of its own",
        ))
        .or_else(|| is_escaped(text).then_some(
            "looks encoded for a URL or a page, copy the secret itself",
        ))
        .or_else(|| is_followed(text).then_some(
            "holds characters that no secret with whsec_ has (a comma, a blank, a comment), copy the \
             secret alone",
        ))
        .or_else(|| is_id(text).then_some(
            "looks like the id of an endpoint or event, the endpoint's signing secret belongs here",
        ))
}

/// What this text is, where it begins as one of these.
pub(super) fn begins(beginnings: &Beginnings, text: &str) -> Option<&'static str> {
    (beginnings.iter())
        .find(|(beginning, _)| text.starts_with(beginning))
        .map(|(_, what)| *what)
}

/// Quotes on both sides, with the comma or semicolon of a file behind them, escaped or as Python shows
/// bytes; a single one may belong to the secret, but for those that only word processors write.
fn is_quoted(text: &str) -> bool {
    const TYPOGRAPHIC: [char; 12] = ['“', '”', '„', '‟', '‘', '’', '‚', '‛', '«', '»', '‹', '›'];
    let text = text.trim_end_matches([',', ';']);
    let plain = (text.chars().next())
        .filter(|quote| matches!(quote, '"' | '\'' | '`'))
        .is_some_and(|quote| text.len() > 1 && text.ends_with(quote));
    let within = |before: &str, behind: &str| {
        (text.strip_prefix(before)).is_some_and(|rest| rest.ends_with(behind))
    };
    plain
        || within("b'", "'")
        || within("\\\"", "\\\"")
        || text.starts_with(TYPOGRAPHIC)
        || text.ends_with(TYPOGRAPHIC)
}

/// `${NAME}`, `$NAME`, `$(command)`, `{{ name }}`, `{NAME}`, `<your secret>`, `%NAME%`, `#{NAME}`,
/// `your_webhook_secret`.
fn is_placeholder(text: &str) -> bool {
    const AROUND: [(&str, &str); 9] = [
        ("${", "}"),
        ("$(", ")"),
        ("$env:", ""),
        ("{{", "}}"),
        ("#{", "}"),
        ("<", ">"),
        ("%(", ")s"),
        ("!Ref ", ""),
        ("[[", "]]"),
    ];
    let inside = |before: &str, behind: &str| {
        text.strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(behind))
    };
    // A name as variables have it.
    let variable = |name: &str| {
        let one_case = |other: fn(&u8) -> bool| {
            name.bytes()
                .all(|b| (b.is_ascii_alphanumeric() || b == b'_') && !other(&b))
        };
        speaks(name) && (one_case(u8::is_ascii_lowercase) || one_case(u8::is_ascii_uppercase))
    };
    let named = [("$", ""), ("{", "}"), ("%", "%")];
    let lower = text.to_ascii_lowercase();
    AROUND
        .iter()
        .any(|(before, behind)| inside(before, behind).is_some())
        || named
            .iter()
            .any(|(before, behind)| inside(before, behind).is_some_and(variable))
        || (variable(text) && text.contains('_') && text.ends_with("_SECRET"))
        || ((lower.starts_with("your_") || lower.starts_with("your-"))
            && speaks(&lower)
            && lower
                .bytes()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-')))
}

/// Whether a name says that it is a secret's.
fn speaks(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    ["SECRET", "KEY", "TOKEN", "WEBHOOK", "HMAC"]
        .iter()
        .any(|word| upper.contains(word))
}

/// `whsec_****`, `••••1a2b`, `whsec_1a2b…`.
fn is_masked(text: &str) -> bool {
    text.contains(['•', '●', '…', '∗']) || text.contains("****") || text.ends_with("...")
}

/// `STRIPE_WEBHOOK_SECRET=whsec_…`, `export SECRET=…`, `"secret": "…"`, `{"secret":"…"}`.
fn is_setting(text: &str) -> bool {
    if text.starts_with("{\"") && text.ends_with('}') {
        return true;
    }
    let line = text.strip_prefix("export ").unwrap_or(text);
    let Some((name, value)) = line.split_once('=').or_else(|| line.split_once(": ")) else {
        return false;
    };
    let name = name.trim_end().trim_matches(['"', '\'']);
    // What base64 ends in is no value.
    !value.trim_matches('=').is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && speaks(name)
}

/// `whsec_a,whsec_b`, or texts of one length without anything but letters and digits.
fn is_several(text: &str) -> bool {
    const BETWEEN: [char; 4] = [',', ';', ' ', '|'];
    if text.matches("whsec_").count() > 1 && !text.contains("whsec_whsec_") {
        return true;
    }
    let mut parts = text.split(BETWEEN).filter(|part| !part.is_empty());
    let Some(first) = parts.next() else {
        return false;
    };
    let mut others = parts.peekable();
    let plain = |part: &str| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        digits > 1
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    first.len() >= 16
        && others.peek().is_some()
        && plain(first)
        && others.all(|part| part.len() == first.len() && plain(part))
}

/// `whsec_…;`, `whsec_…,`, `whsec_… # production`: what senders write behind `whsec_` is base64 or words.
fn is_followed(text: &str) -> bool {
    let is_of_it = |b: u8| b.is_ascii_alphanumeric() || b"_-+/=".contains(&b);
    (text.strip_prefix("whsec_")).is_some_and(|rest| !rest.bytes().all(is_of_it))
}

/// `%3D` and `&quot;`.
fn is_escaped(text: &str) -> bool {
    let end = text.get(text.len().saturating_sub(3)..).unwrap_or_default();
    end.eq_ignore_ascii_case("%3d") || text.starts_with("&quot;") || text.ends_with("&quot;")
}

/// `we_1NxYz…`, `evt_1NxYz…`, `acct_1NxYz…`: Stripe's ids, and those of who writes theirs alike.
fn is_id(text: &str) -> bool {
    ["we_", "evt_", "acct_"].iter().any(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() >= 8 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
    })
}

/// `t=1700000000,v1=…`, `v0=…`, `v1,…`.
fn is_signature(text: &str) -> bool {
    let behind = |prefix: &str| text.strip_prefix(prefix);
    let is_hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    behind("t=").is_some_and(|rest| rest.contains(",v1=") || rest.contains(", v1="))
        || behind("v0=").is_some_and(is_hex)
        || behind("v1=").is_some_and(is_hex)
        || behind("v1,").is_some_and(|rest| rest.len() == 44 && rest.ends_with('='))
}
