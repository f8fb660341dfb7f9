//! Detects text that is pasted into settings in place of a secret.
//!
//! Each rule refuses text that no sender issues, and reports what it looks like and what to do,
//! without repeating it. A secret that people choose themselves (as for GitHub) may be any text: it
//! may begin with a quote, or hold blanks, commas and `=`. Only text that surrounds or replaces the
//! whole secret is refused. For a real secret of that kind, use
//! [`SigningSecret::from_bytes`](super::SigningSecret::from_bytes), which checks nothing.

use crate::printable::is_hidden;

mod beginnings;

pub(super) use beginnings::{API_KEY, Beginnings, MANIFEST, SPKI, begins};
use beginnings::{API_KEYS, ELSEWHERE, NEVER, PLACEHOLDER, SIGNATURE, TOKEN};

/// Returns why a text is not a secret of a certain sender, if it is not.
pub(crate) type NotIssued = fn(&str) -> Option<&'static str>;

/// API keys of senders that sign with another secret. Some senders do sign with their API key, so
/// these are refused only for senders that are known not to.
pub(crate) fn api_key(text: &str) -> Option<&'static str> {
    begins(API_KEYS, text)
}

/// The secret of a sender that uses `whsec_` and base64 or hex, given to a sender that does not.
pub(crate) fn whsec(text: &str) -> Option<&'static str> {
    let digits = text.strip_prefix("whsec_")?;
    let drawn = digits.len() >= 24
        && (digits.bytes()).all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    drawn.then_some(
        "looks like the secret of another sender (whsec_…), this one's is written without such a \
         prefix",
    )
}

/// Why this text is not a secret of any sender.
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
    if text.chars().any(|c| is_hidden(c) || is_odd_blank(c)) {
        return Some(
            "holds a character that does not show (a BOM, a zero-width space, a line end), type or \
             copy it anew",
        );
    }
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Some("holds characters that were read in another encoding, copy it anew");
    }
    if is_quoted(text) {
        return Some("has quotes around it, remove them");
    }
    if ["\\n", "\\r", "\\t", "\\0", "\\u0000", "\\ufeff"]
        .iter()
        .any(|end| text.starts_with(end) || text.ends_with(end))
    {
        return Some("has a line end or the like around it that is written as \\n, remove it");
    }
    stands_for_another(text)
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
        .or_else(|| is_followed(text).then_some(
            "holds characters that no secret with whsec_ has (a comma, a blank, a comment), copy the \
             secret alone",
        ))
        .or_else(|| is_escaped(text).then_some(
            "looks encoded for a URL or a page, copy the secret itself",
        ))
        .or_else(|| is_led(text).then_some(
            "has something before its prefix, or other letters than exactly whsec_, copy the secret alone",
        ))
        .or_else(|| is_wrapped(text).then_some(
            "has signs or a comment around it (a quote, a bracket, a comma), copy the secret alone; one \
             that truly has them is for SigningSecret::from_bytes",
        ))
        .or_else(|| is_id(text).then_some(
            "looks like the id of an endpoint or event, the endpoint's signing secret belongs here",
        ))
}

/// An unusual blank that pages and editors put in place of a plain one.
fn is_odd_blank(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}'
    )
}

/// The description of a text that is entirely something else, with no part a secret.
pub(super) fn stands_for_another(text: &str) -> Option<&'static str> {
    begins(NEVER, text)
        .or_else(|| begins(MANIFEST, text))
        .or_else(|| is_access_key(text).then_some(TOKEN))
        .or_else(|| is_url(text).then_some("looks like a URL, the secret belongs here"))
        .or_else(|| is_place(text).then_some(ELSEWHERE))
        .or_else(|| is_signature(text).then_some(SIGNATURE))
}

/// Quotes on both sides, optionally followed by a file's comma or semicolon, escaped, or as Python
/// shows bytes. A single quote may belong to the secret, except for typographic ones.
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
        || ["b", "r", "f", "u"].iter().any(|letter| {
            let quotes = ['"', '\''];
            (text.strip_prefix(letter)).is_some_and(|rest| {
                quotes
                    .iter()
                    .any(|quote| rest.starts_with(*quote) && rest.ends_with(*quote))
            })
        })
        || within("\\\"", "\\\"")
        || text.starts_with(TYPOGRAPHIC)
        || text.ends_with(TYPOGRAPHIC)
}

/// `${NAME}`, `$NAME`, `$(command)`, `{{ name }}`, `{NAME}`, `<your secret>`, `%NAME%`, `#{NAME}`,
/// `your_webhook_secret`.
pub(crate) fn is_placeholder(text: &str) -> bool {
    const AROUND: [(&str, &str); 8] = [
        ("${", "}"),
        ("$(", ")"),
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
    // Written like the name of a variable.
    let variable = |name: &str| {
        let one_case = |other: fn(&u8) -> bool| {
            name.bytes()
                .all(|b| (b.is_ascii_alphanumeric() || b == b'_') && !other(&b))
        };
        speaks(name) && (one_case(u8::is_ascii_lowercase) || one_case(u8::is_ascii_uppercase))
    };
    let named = [
        ("$", ""),
        ("{", "}"),
        ("%", "%"),
        ("!", "!"),
        ("env.", ""),
        ("secrets.", ""),
        ("vars.", ""),
    ];
    let lower = text.to_ascii_lowercase();
    let example = lower.strip_prefix("whsec_").unwrap_or(&lower);
    let in_words = (example.bytes()).all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'));
    AROUND
        .iter()
        .any(|(before, behind)| inside(before, behind).is_some())
        || named
            .iter()
            .any(|(before, behind)| inside(before, behind).is_some_and(variable))
        || (variable(text) && text.contains('_') && text.ends_with("_SECRET"))
        || lower.starts_with("$env:")
        || is_reference(text)
        || (in_words && WORDS.iter().any(|word| example.starts_with(word)))
}

/// `process.env['STRIPE_WEBHOOK_SECRET']`, `@@WEBHOOK_SECRET@@`, `${WEBHOOK_SECRET`: a variable's
/// name with only signs and words around it.
fn is_reference(text: &str) -> bool {
    let is_name = |part: &str| {
        let name = part.trim_matches('_');
        name.len() < text.len()
            && (name.bytes()).all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            && ["_SECRET", "_KEY", "_TOKEN"]
                .iter()
                .any(|end| name.ends_with(end))
            && (name.contains("WEBHOOK") || name.matches('_').count() > 1)
    };
    let is_word = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    let parts = || text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    parts().any(is_name) && parts().all(|part| is_word(part) || is_name(part))
}

/// Words that tell people to put something else there.
const WORDS: [&str; 11] = [
    "your_",
    "your-",
    "changeme",
    "change_me",
    "change-me",
    "replace_",
    "replace-",
    "insert_",
    "insert-",
    "placeholder",
    "xxxxxx",
];

/// Whether a name is that of a secret.
fn speaks(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    [
        "SECRET",
        "KEY",
        "TOKEN",
        "WEBHOOK",
        "HMAC",
        "WHSEC",
        "SIGNING",
        "SIGNATURE",
    ]
    .iter()
    .any(|word| upper.contains(word))
}

/// `whsec_****`, `••••1a2b`, `whsec_1a2b…`.
fn is_masked(text: &str) -> bool {
    text.contains(['•', '●', '…', '∗']) || text.contains("****") || text.ends_with("...")
}

/// `STRIPE_WEBHOOK_SECRET=whsec_…`, `export SECRET=…`, `"secret": "…"`, `{"secret":"…"}`.
fn is_setting(text: &str) -> bool {
    let holds = |open, close| {
        let inside = text
            .strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close));
        inside.is_some_and(|inside: &str| inside.trim_start().starts_with(['"', '\'']))
    };
    if holds('{', '}') || holds('[', ']') {
        return true;
    }
    let line = (text.split_once(' '))
        .filter(|(word, _)| {
            BEFORE
                .iter()
                .any(|before| word.eq_ignore_ascii_case(before))
        })
        .map_or(text, |(_, line)| line.trim_start());
    // But not the `acme_webhook:…` of a user and a password.
    let is_of_value = |name: &str| {
        let upper = name.to_ascii_uppercase();
        ["_SECRET", "_KEY", "_TOKEN"]
            .iter()
            .any(|end| upper.ends_with(end))
    };
    let colon = line.split_once(':').filter(|(name, _)| is_of_value(name));
    let option = line.split_once(' ').filter(|_| line.starts_with("--"));
    [line.split_once('='), line.split_once(": "), colon, option]
        .into_iter()
        .flatten()
        .any(|(name, value)| {
            let name = name.trim_end().trim_matches(['"', '\'']);
            // The padding of base64 is not a value.
            !value.trim_matches('=').is_empty()
                && (name.bytes())
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
                && speaks(name)
        })
}

/// Words before the name of a setting.
const BEFORE: [&str; 10] = [
    "export", "set", "setx", "env", "arg", "-e", "--env", "-", "const", "let",
];

/// `whsec_a,whsec_b`, or texts of equal length with only letters and digits.
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
    first.len() >= 16
        && others.peek().is_some()
        && is_drawn(first)
        && others.all(|part| part.len() == first.len() && is_drawn(part))
}

/// `whsec_…;`, `whsec_…,`, `whsec_… # production`: senders put only base64 or words after `whsec_`.
fn is_followed(text: &str) -> bool {
    let is_of_it = |b: u8| b.is_ascii_alphanumeric() || b"_-+/=".contains(&b);
    (text.strip_prefix("whsec_")).is_some_and(|rest| !rest.bytes().all(is_of_it))
}

/// `"whsec_…`, `STRIPE=whsec_…`, `- whsec_…`, `Whsec_…`.
fn is_led(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    match lower.find("whsec_") {
        Some(0) => !text.starts_with("whsec_"),
        Some(at) => lower.get(..at).is_some_and(|before| {
            !before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        }),
        None => false,
    }
}

/// Random-looking text in signs that do not belong to it: `'9f8e…`, `9f8e…;`, `(9f8e…)`, `"9f8e…" #
/// production`.
fn is_wrapped(text: &str) -> bool {
    let is_sign =
        |c: char| "\"'`()[]{}<>,;*\\".contains(c) || !(c.is_ascii() || c.is_alphanumeric());
    let comment = [" #", " //"].iter().find_map(|mark| text.split_once(mark));
    let alone = comment.map_or(text, |(alone, _)| alone.trim_end());
    let secret = alone.trim_matches(is_sign);
    secret.len() < text.len() && secret.len() >= 16 && is_drawn(secret)
}

/// Whether a text looks random rather than chosen: letters and digits alone.
fn is_drawn(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits > 1 && (text.bytes()).all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// `AKIAIOSFODNN7EXAMPLE`: the id of an AWS key, which accompanies the secret key.
fn is_access_key(text: &str) -> bool {
    let begins = text.starts_with("AKIA") || text.starts_with("ASIA");
    begins
        && text.len() == 20
        && (text.bytes()).all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// `https://…`, `op://…`, `ref+awssecrets://…`.
fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && (scheme.bytes()).all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// `C:\secrets\stripe.txt`, `projects/1/secrets/stripe/versions/latest`.
fn is_place(text: &str) -> bool {
    matches!(text.as_bytes(), [drive, b':', b'\\', ..] if drive.is_ascii_alphabetic())
        || (text.starts_with("projects/") && text.contains("/secrets/"))
}

/// `%3D`, `%0A`, `&quot;` and `&amp;`.
fn is_escaped(text: &str) -> bool {
    const SIGNS: [&str; 7] = ["&quot;", "&amp;", "&lt;", "&gt;", "&#34;", "&#39;", "&#x"];
    let lower = text.to_ascii_lowercase();
    ["%2b", "%2f", "%3d"]
        .iter()
        .any(|sign| lower.contains(sign))
        || ["%0a", "%0d", "%20"].iter().any(|end| lower.ends_with(end))
        || SIGNS.iter().any(|sign| lower.contains(sign))
}

/// `we_1NxYz…`, `evt_1NxYz…`, `acct_1NxYz…`: ids of Stripe, and of senders with similar ids.
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
    let lower = text.to_ascii_lowercase();
    behind("t=").is_some_and(|rest| rest.contains(",v1=") || rest.contains(", v1="))
        || behind("v0=").is_some_and(is_hex)
        || behind("v1=").is_some_and(is_hex)
        || behind("sha256:").is_some_and(is_hex)
        || ["sha256=", "sha512=", "bearer ", "token ", "basic "]
            .iter()
            .any(|prefix| (lower.strip_prefix(prefix)).is_some_and(|rest| !rest.contains(' ')))
        || behind("v1,").is_some_and(|rest| rest.len() == 44 && rest.ends_with('='))
}
