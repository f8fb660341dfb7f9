//! Signed content other than the body.

use super::*;

#[test]
fn content_is_built_from_pieces_before_and_after_the_body() {
    // printf 'v0:1777899600:a=b' | openssl dgst -sha256 -hmac "$SECRET"
    const SLACK: &str = "v0=2ad774c4765bb1779cae89edc44406514d802f862225a3f9c52c40ff9a539a45";
    let build = |prefix, content: &[Component]| {
        let scheme = Scheme::builder("x-signature")
            .single(prefix, Encoding::Hex)
            .timestamp_header("x-time")
            .content(content.iter().cloned())
            .build()
            .unwrap();
        Verifier::new(scheme, SigningSecret::from_text(OLD).unwrap())
    };
    let check = |verifier: &Verifier, signature| {
        let headers = headers(&[("x-time", "1777899600"), ("x-signature", signature)]);
        verifier.verify(&headers, b"a=b", secs(SIGNED)).is_ok()
    };
    let literal = |text: &'static str| Component::literal(text);
    let (time, body) = (Component::Timestamp, Component::Body);
    assert!(check(
        &build(
            "v0=",
            &[literal("v0:"), time.clone(), literal(":"), body.clone()]
        ),
        SLACK
    ));

    // printf 'a=b|1777899600|end' | openssl dgst -sha256 -hmac "$SECRET"
    const AFTER: &str = "b18bad2303bd261854788159c5f1f3f990056dd953ed5fd776a32bef9aba8ebf";
    assert!(check(
        &build("", &[body, literal("|"), time, literal("|end")]),
        AFTER
    ));
}

#[test]
fn an_id_and_what_follows_it_have_one_reading() {
    // `a:` + `::` + `B` and `a` + `::` + `:B` are signed alike.
    let scheme = Scheme::builder("x-signature")
        .single("", Encoding::Hex)
        .id_header("x-id")
        .content([Component::Id, Component::literal("::"), Component::Body])
        .build()
        .unwrap();
    let verifier = Verifier::new(scheme, SigningSecret::from_text(OLD).unwrap());
    let kind = |id: &str| {
        let headers = headers(&[("x-id", id), ("x-signature", OTHER)]);
        verifier
            .verify(&headers, b"B", secs(SIGNED))
            .unwrap_err()
            .kind()
    };
    assert_eq!(kind("a:"), Kind::InvalidId);
    assert_eq!(kind("a::b"), Kind::InvalidId);
    assert_eq!(kind("a:b"), Kind::Mismatch);
}
