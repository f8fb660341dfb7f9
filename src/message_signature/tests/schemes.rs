use super::*;

#[test]
fn a_scheme_that_proves_nothing_is_not_built() {
    let build = |rules: MessageSignatures| {
        let built = Scheme::message_signatures(rules).build();
        built.unwrap_err().to_string()
    };
    let none = MessageSignatures::new([]).covering(["@method"]);
    assert_eq!(
        build(none),
        "signature scheme: a message signature needs an algorithm"
    );
    assert_eq!(
        build(hmac()),
        "signature scheme: say what a message signature must cover"
    );
    assert_eq!(
        build(hmac().covering(["@authority"])),
        "signature scheme: the public URL is signed: say which it is"
    );
    assert_eq!(
        build(hmac().covering(["@status"])),
        "signature scheme: \"@status\" is no component that a request can sign"
    );
    assert_eq!(
        build(hmac().covering([r#""date";tr"#])),
        "signature scheme: trailers are not kept: they cannot be demanded"
    );
}

#[test]
fn what_it_covers_follows_from_what_is_demanded() {
    use crate::coverage::Coverage;

    let covers =
        |components: &[&'static str]| scheme(hmac().covering(components.to_vec())).covers();
    assert_eq!(
        covers(&["@method", "@target-uri", "content-digest"]),
        Coverage::Request
    );
    assert_eq!(
        covers(&["@method", "@path", "@query", "repr-digest"]),
        Coverage::Request
    );
    assert_eq!(covers(&["content-digest"]), Coverage::Body);
    assert_eq!(
        covers(&[r#""content-digest";key="sha-256""#]),
        Coverage::Body
    );
    assert_eq!(
        covers(&[r#""content-digest";key="md5""#]),
        Coverage::Connection
    );
    assert_eq!(covers(&["@method"]), Coverage::Connection);
    let nonce = scheme(hmac().covering(["@method"]).nonce_is_id());
    assert_eq!(nonce.covers(), Coverage::Id);
}
