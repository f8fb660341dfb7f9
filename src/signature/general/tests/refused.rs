use super::*;
use Component::{Body, Id, Timestamp};

#[track_caller]
fn refuses(builder: SchemeBuilder, text: &str) {
    let error = builder.build().unwrap_err().to_string();
    assert_eq!(error, format!("signature scheme: {text}"));
}

#[test]
fn a_scheme_that_proves_less_than_it_says_is_not_built() {
    let start = || Scheme::builder("x-signature").algorithm(Algorithm::Hmac(Digest::Sha512));
    refuses(
        start().content([Component::literal("a")]),
        "the content is the same in every delivery",
    );
    refuses(
        start().content([Component::PublicUrl, Body]),
        "the public URL is signed: say which it is",
    );
    refuses(
        start().content([Component::member("/id")]),
        "the content holds neither the body nor its digest: say `content_is_id`, so that events are \
         known by what is signed",
    );
    refuses(
        start().content([Component::Secret, Body]),
        "the secret is the key, and no piece of the content",
    );
    refuses(
        start().algorithm(Algorithm::Hash(Digest::Sha256)),
        "a plain hash must hold the secret",
    );
    refuses(
        start().algorithm(Algorithm::Hmac(Digest::Keccak256)),
        "there is no HMAC and no RSA with Keccak-256",
    );
    let each = || Place::each_member("/value", "/token");
    let in_each = "only a token stands in each item of a list";
    refuses(Scheme::at(each()), in_each);
    refuses(
        start()
            .id_at(each())
            .content([Id, Component::literal("."), Body]),
        in_each,
    );
    let listed = Component::headers_listed_in("x-list");
    refuses(
        start()
            .timestamp_at(Place::query("t"), TimeFormat::Seconds)
            .content([listed, Component::literal("\n"), Body]),
        "the timestamp is read but not signed",
    );
    refuses(
        start()
            .algorithm(Algorithm::Hash(Digest::Sha256))
            .content([Component::Secret, Body])
            .content_is_id(),
        "the content holds the secret, and is no id",
    );
    refuses(
        start().timestamp_at(Place::query("t"), TimeFormat::Milliseconds),
        "the timestamp is read but not signed",
    );
    refuses(
        start().content([Timestamp, Body]),
        "the timestamp is signed but not read",
    );
    refuses(
        start().content([
            Component::optional([Component::header("x-part"), Component::literal(".")]),
            Body,
        ]),
        "a piece that may not be there leaves two readings: say `content_is_id`, so that both are one \
         event",
    );
    let apart = [Timestamp, Id, Body];
    let touching = start()
        .timestamp_header("x-time")
        .id_header("x-id")
        .content(apart);
    refuses(
        touching,
        "two pieces of the content have nothing between them",
    );
}

#[test]
fn what_has_no_name_or_number_is_not_built() {
    let start = || Scheme::builder("x-signature").algorithm(Algorithm::Hmac(Digest::Sha512));
    refuses(
        start().or_at(Place::header("no header")),
        "\"no header\" is not a header name",
    );
    refuses(
        start().or_at(Place::numbered_headers("x-", 101)),
        "numbered headers go from 1 to 100 at most",
    );
    assert!(start().or_at(Place::member("no pointer")).build().is_err());
    assert!(start().or_family("x-other").build().is_err());
    assert!(
        Scheme::token(Place::header("x"))
            .content_is_id()
            .build()
            .is_err()
    );
    let five = (0..4).fold(start(), |scheme, _| scheme.or_content([Body]));
    assert!(five.build().is_err());
}

#[test]
fn only_what_a_scheme_allows_stands_twice() {
    let scheme = || Scheme::builder("x-signature").algorithm(Algorithm::Hmac(Digest::Sha256));
    // printf body | openssl dgst -sha256 -hmac 'a secret of some length'
    let right = "22c7961a5c8ffc228b8dc3a0fd3fd197e9fab1c5673f5df0a2aa89908d877d41";
    let wrong = "0".repeat(64);
    let sent = |scheme: SchemeBuilder, lines: &[&str]| {
        let headers: Vec<_> = lines.iter().map(|line| ("x-signature", *line)).collect();
        let sent = Sent {
            uri: "/",
            headers: &headers,
            body: "body",
            now: 0,
        };
        sent.by(scheme, &key("a secret of some length")).map(|_| ())
    };
    assert_eq!(sent(scheme(), &[right, right]), Ok(()));
    assert_eq!(sent(scheme(), &[&format!("{right}, {right}")]), Ok(()));
    assert_eq!(
        sent(scheme(), &[&wrong, right]),
        Err(SignatureErrorKind::RepeatedHeader)
    );
    // Mollie, during a secret rotation.
    assert_eq!(sent(scheme().several_lines(), &[&wrong, right]), Ok(()));
    assert_eq!(
        sent(scheme().several_lines(), &[&wrong, &wrong]),
        Err(SignatureErrorKind::Mismatch)
    );
}

#[test]
fn a_demand_between_two_pieces_hides_no_second_reading() {
    let scheme = || {
        Scheme::builder("x-signature").content([
            Component::header("x-part"),
            Component::Demand(Demand::NoHeader("x-old".into())),
            Component::literal("."),
            Body,
        ])
    };
    // printf a.b.body | openssl dgst -sha256 -hmac 'a secret of some length'
    let right = "a2c854bfe69c24f640f63c63d4af076970c649c9ef872b650cee0d3837f730e7";
    let sent = |part: &str, body: &str| {
        let sent = Sent {
            uri: "/",
            headers: &[("x-signature", right), ("x-part", part)],
            body,
            now: 0,
        };
        sent.by(scheme(), &key("a secret of some length"))
            .map(|_| ())
    };
    assert_eq!(sent("a", "b.body"), Ok(()));
    assert_eq!(
        sent("a.b", "body"),
        Err(SignatureErrorKind::AmbiguousContent)
    );
}

#[test]
fn a_token_is_the_secret_itself_in_its_place() {
    let sent = |scheme: SchemeBuilder, uri: &str, headers: &[(&str, &str)], body: &str| {
        let sent = Sent {
            uri,
            headers,
            body,
            now: 0,
        };
        sent.by(scheme, &key("ana:5hG7kQ2mW9xZ4tB8")).map(|_| ())
    };
    // printf 'ana:5hG7kQ2mW9xZ4tB8' | base64
    let basic = "YW5hOjVoRzdrUTJtVzl4WjR0Qjg=";
    for text in [format!("Basic {basic}"), format!("basic {basic}")] {
        assert_eq!(
            sent(Scheme::basic(), "/", &[("authorization", &text)], ""),
            Ok(())
        );
    }
    for text in [
        format!("Bearer {basic}"),
        format!("Basic {basic}AA"),
        "Basic".to_owned(),
    ] {
        assert!(sent(Scheme::basic(), "/", &[("authorization", &text)], "").is_err());
    }
    let bearer = [("authorization", "Bearer ana:5hG7kQ2mW9xZ4tB8")];
    assert_eq!(sent(Scheme::bearer(), "/", &bearer, ""), Ok(()));
    let query = || Scheme::token(Place::query("hmac"));
    assert_eq!(
        sent(query(), "/?hmac=ana%3A5hG7kQ2mW9xZ4tB8", &[], ""),
        Ok(())
    );
    assert!(sent(query(), "/?hmac=ana%3A5hG7kQ2mW9xZ4tB8&hmac=x", &[], "").is_err());
    assert!(sent(query(), "/", &[], "").is_err());
    let member = || Scheme::token(Place::member("/state"));
    let body = r#"{"state":"ana:5hG7kQ2mW9xZ4tB8"}"#;
    assert_eq!(sent(member(), "/", &[], body), Ok(()));
    assert!(sent(member(), "/", &[], r#"{"state":"ana:5hG7kQ2mW9xZ4tB9"}"#).is_err());
    assert!(sent(member(), "/", &[], "no json").is_err());
}
