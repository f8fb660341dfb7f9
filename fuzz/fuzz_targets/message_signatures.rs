//! Message signatures (RFC 9421): headers that a stranger writes are read and prove nothing; a request
//! that is signed by an independent HMAC over a base written here is always accepted, and never once a
//! byte of what it covers is another.
#![no_main]

use std::fmt::Write;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;
use ring::{digest, hmac};
use tower_webhook::signature::{MessageAlgorithm, MessageSignatures, PublicUrl, Scheme, Verifier};
use tower_webhook::{RequestHead, SigningSecret, UnixTime};

const NOW: u64 = 1_777_899_600;
const SECRET: &[u8] = b"a secret of the fuzz target";

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let rules = MessageSignatures::new([MessageAlgorithm::HmacSha256]).covering(["content-digest"]);
    let scheme = Scheme::message_signatures(rules)
        .public_url(PublicUrl::parse("https://hooks.example/in").expect("a URL"))
        .build()
        .expect("a scheme");
    Verifier::new(scheme, SigningSecret::from_bytes(SECRET).expect("a secret"))
});

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// What a stranger writes.
    Strange {
        input: &'a [u8],
        signature: &'a [u8],
        query: &'a str,
        field: &'a [u8],
        body: &'a [u8],
    },
    Signed {
        method: u8,
        query: &'a str,
        lines: [&'a str; 2],
        body: &'a [u8],
        covers: u8,
        label: u8,
        created: i16,
        change: Change,
    },
}

#[derive(Arbitrary, Debug, Clone, Copy, PartialEq)]
enum Change {
    Nothing,
    Method,
    Query,
    Line(u8),
    Body(u16),
    Signature(u8),
    Created,
}

fn text(text: &str) -> String {
    text.chars()
        .filter(|it| matches!(it, ' '..='~'))
        .take(60)
        .collect()
}

fn verdict(method: &Method, uri: &str, headers: &HeaderMap, body: &[u8]) -> Option<bool> {
    let uri: Uri = uri.parse().ok()?;
    let head = RequestHead::new(method, &uri, headers);
    Some(
        VERIFIER
            .verify(head, body, UnixTime::from_secs(NOW))
            .is_ok(),
    )
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &[u8]) -> Option<()> {
    let value = HeaderValue::from_bytes(value).ok()?;
    headers.append(HeaderName::from_static(name), value);
    Some(())
}

fn strange(input: &[u8], signature: &[u8], query: &str, field: &[u8], body: &[u8]) -> Option<()> {
    let mut headers = HeaderMap::new();
    insert(&mut headers, "signature-input", input)?;
    insert(&mut headers, "signature", signature)?;
    insert(&mut headers, "content-digest", field)?;
    insert(&mut headers, "x-line", field)?;
    let accepted = verdict(&Method::POST, &format!("/in?{query}"), &headers, body)?;
    assert!(!accepted, "nobody has signed it");
    Some(())
}

fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match bytes.len() {
        0 => bytes.push(b'x'),
        len => bytes[at % len] ^= 1,
    }
    bytes
}

fn signed(input: &Input<'_>) -> Option<()> {
    let Input::Signed {
        method,
        query,
        lines,
        body,
        covers,
        label,
        created,
        change,
    } = input
    else {
        return None;
    };
    let methods = [Method::POST, Method::PUT, Method::DELETE];
    let method = &methods[usize::from(*method) % methods.len()];
    let query: String = query
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(20)
        .collect();
    let lines = lines.map(text);
    let hash = digest::digest(&digest::SHA256, body);
    let content_digest = format!("sha-256=:{}:", BASE64.encode(hash.as_ref()));
    let created = NOW.checked_add_signed(i64::from(*created % 301))?;

    let joined = lines.each_ref().map(|line| line.trim()).join(", ");
    let wrapped = lines
        .each_ref()
        .map(|line| format!(":{}:", BASE64.encode(line.trim().as_bytes())));
    let all = [
        (r#""@method""#, method.to_string()),
        (
            r#""@target-uri""#,
            format!("https://hooks.example/in?{query}"),
        ),
        (r#""@authority""#, "hooks.example".to_owned()),
        (r#""@path""#, "/in".to_owned()),
        (r#""@query""#, format!("?{query}")),
        (r#""x-line""#, joined),
        (r#""x-line";bs"#, wrapped.join(", ")),
        (r#""@request-target""#, format!("/in?{query}")),
    ];
    let chosen = |at: usize| covers & (1 << at) != 0;
    let mut names = vec![r#""content-digest""#];
    let mut base = format!("\"content-digest\": {content_digest}\n");
    for (at, (name, value)) in all.iter().enumerate() {
        if chosen(at) {
            names.push(name);
            writeln!(base, "{name}: {value}").expect("a text grows");
        }
    }
    let parameters = |created: u64| {
        format!(
            "({});created={created};alg=\"hmac-sha256\"",
            names.join(" ")
        )
    };
    write!(base, "\"@signature-params\": {}", parameters(created)).expect("a text grows");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let tag = hmac::sign(&key, base.as_bytes());

    let (covers_query, covers_lines) =
        (chosen(1) || chosen(4) || chosen(7), chosen(5) || chosen(6));
    let covered = match change {
        Change::Method => chosen(0),
        Change::Query => covers_query,
        Change::Line(_) => covers_lines,
        Change::Body(_) | Change::Signature(_) | Change::Created => true,
        Change::Nothing => false,
    };
    let tag = match change {
        Change::Signature(at) => flip(tag.as_ref(), usize::from(*at)),
        _ => tag.as_ref().to_vec(),
    };
    let told = created + u64::from(*change == Change::Created);
    let label = format!("s{label}");
    let mut headers = HeaderMap::new();
    let input = format!("{label}={}", parameters(told));
    insert(&mut headers, "signature-input", input.as_bytes())?;
    insert(
        &mut headers,
        "signature",
        format!("{label}=:{}:", BASE64.encode(&tag)).as_bytes(),
    )?;
    insert(&mut headers, "content-digest", content_digest.as_bytes())?;
    for (at, line) in lines.iter().enumerate() {
        match change {
            Change::Line(which) if usize::from(which % 2) == at => {
                insert(&mut headers, "x-line", format!("{line}x").as_bytes())?;
            }
            _ => insert(&mut headers, "x-line", line.as_bytes())?,
        }
    }
    let method = if *change == Change::Method {
        &Method::PATCH
    } else {
        method
    };
    let query = if *change == Change::Query {
        format!("{query}x")
    } else {
        query
    };
    let body = match change {
        Change::Body(at) => flip(body, usize::from(*at)),
        _ => body.to_vec(),
    };
    let accepted = verdict(method, &format!("/in?{query}"), &headers, &body)?;
    assert_eq!(accepted, !covered, "{change:?}");
    Some(())
}

fuzz_target!(|input: Input<'_>| {
    if let Input::Strange {
        input,
        signature,
        query,
        field,
        body,
    } = input
    {
        strange(input, signature, query, field, body);
    } else {
        signed(&input);
    }
});
